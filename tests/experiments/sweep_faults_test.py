"""Faults and kills of the parent: of a sweep, `verdict` and `export`, at every call with which they look at, read or
write their directory or start a run. Afterwards what was there before is there, no run is called failed for it, the
status is honest, and a second call gives what would have been. ../cli/fault_shim.c makes the faults. With
BNLAB_SLOW_TESTS=1 every kind of fault at every call; without, one kind at a call in turn, at a part of the calls.
BNLAB_PARENT_KILLS is the number of kills at random moments."""

import csv
import errno
import itertools
import json
import os
import pathlib
import random
import shutil
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))

from fault_injection import SLOW, FaultTest  # noqa: E402
from program import DATA, DONE, FAILED, TIMEOUT, USAGE, config, main, rows_without_seconds, snapshot  # noqa: E402

SHORT = {"dataset": {"name": "gaussian_clusters", "synthetic": {"examples": 60, "test_examples": 20}},
         "network": {"name": "small", "layers": [{"flatten": {}}, {"dense_block": {"units": 8}},
                                                 {"dense": {"units": 10}}]},
         "training": {"batch_size": 10, "steps": 6, "eval_every": 3}}
LONG = {**SHORT, "training": {"batch_size": 10, "steps": 3000, "eval_every": 1000, "checkpoint_every": 50}}
KINDS = [("kill", 0), *(("fail", error) for error in (errno.EIO, errno.EACCES, errno.EMFILE, errno.ENOMEM, errno.ENOSPC,
                                                      errno.EINTR)),
         *(("fail_on", error) for error in (errno.EIO, errno.ENOSPC, errno.EMFILE)), ("power_cut", 0)]
TIMING = ("seconds", "steps_per_second", "train_sha256")


def experiment(sections, seeds=1):
    return {"claim": "None.", "source": "none", "base": config(**sections), "seeds": seeds,
            "arms": [{"name": "batch"}, {"name": "none", "set": {"normalization.type": "none"}}],
            "quantities": [{"name": "loss", "file": "train.csv", "better": "lower",
                            "series": {"column": "loss", "over_time": "final"}}],
            "criteria": [{"name": "ratio", "type": "ratio", "quantity": "loss", "arms": ["batch", "none"]}]}


def rows_of(path, left_out=()):
    """The rows of a runs.csv by their run, without the columns of time."""
    with open(path, newline="") as file:
        return {row["run"]: {name: value for name, value in row.items() if name not in (*TIMING, *left_out)}
                for row in csv.DictReader(file)}


class ParentTest(FaultTest):
    def setUp(self):
        super().setUp()
        self.out = self.folder / "sweep"

    def sweep_of(self, content):
        return ("sweep", self.write_config(content, "sweep.json"), "--out", self.out, "--jobs", 2)

    def with_fault(self, *arguments):
        return {**super().with_fault(self.out, *arguments), "BNLAB_FAULT_PARENT": "1"}

    def calls_of(self, arguments):
        self.log.unlink(missing_ok=True)
        status, error = self.execute({**self.with_fault(), "BNLAB_FAULT_LOG": str(self.log)}, *arguments)
        self.assertEqual(status, DONE, error)
        return [tuple(line.split(" ", 1)) for line in self.log.read_text().splitlines()]

    def runs(self, out):
        return sorted(path for path in (out / "runs").iterdir())


def content_of(path):
    """A JSON file without its own sum and that of runs.csv, which has the times of the runs."""
    content = json.loads(path.read_text())
    content.get("files", {}).pop("runs.csv", None)
    content.pop("sha256", None)
    return content


class EveryCall(ParentTest):
    def setUp(self):
        super().setUp()
        self.arguments = self.sweep_of(experiment(SHORT))
        self.assertEqual(self.execute(self.environment, *self.arguments)[0], DONE)
        self.whole, self.begun = self.folder / "whole", self.folder / "begun"
        shutil.copytree(self.out, self.whole)
        # One run is left to do. Its results are in runs.csv, as they are where folders were deleted.
        shutil.rmtree(self.runs(self.out)[0])
        self.out.rename(self.begun)

    def begin(self):
        shutil.rmtree(self.out, True)
        shutil.copytree(self.begun, self.out)

    def expect_nothing_lost(self, told=None):
        """`told`: a reason that a verdict may name for a file that could not be looked at."""
        kept = self.runs(self.begun)[0].name
        self.assertEqual(snapshot(self.out / "runs" / kept), snapshot(self.begun / "runs" / kept))
        self.assertEqual(list(self.out.glob("runs/*/failure.json")), [], "no run has failed")
        names, left_out = ["experiment.json", "verdict.json"], ()
        doubts = json.loads((self.out / "verdict.json").read_text()).get("doubts", [])
        if told and any(told in doubt for doubt in doubts):
            names, left_out = ["experiment.json"], ("doubt",)
        for name in names:
            self.assertEqual(content_of(self.out / name), content_of(self.whole / name), name)
        self.assertEqual(rows_of(self.out / "runs.csv", left_out), rows_of(self.whole / "runs.csv", left_out))
        for path in (*self.begun.glob("configs/*"), *self.begun.glob("export.csv")):
            self.assertEqual((self.out / path.relative_to(self.begun)).read_bytes(), path.read_bytes())

    def meet_each(self, arguments, part):
        """Each kind of fault at each of the calls (one of `part` in the ordinary test); the number of faults."""
        self.begin()
        calls = self.calls_of(arguments)
        kinds = itertools.cycle(KINDS)
        faults = 0
        for at, (call, path) in enumerate(calls, 1):
            if not SLOW and at % part:
                continue
            for kind, error in KINDS if SLOW else (next(kinds),):
                with self.subTest(kind, error=error and os.strerror(error), at=at, call=call,
                                  path=os.path.relpath(path, self.out)):
                    faults += 1
                    self.begin()
                    status, text = self.execute(self.with_fault(kind, at, error), *arguments)
                    self.expect_nothing_lost(error and os.strerror(error))
                    if kind in ("kill", "power_cut"):
                        self.assertIn(status, (DONE, -signal.SIGKILL))
                    elif status != DONE:
                        self.assertIn(status, (FAILED, USAGE, DATA))
                        self.assertIn(os.strerror(error), text)
                    elif arguments[0] == "sweep":
                        self.assertEqual([path.name for path in self.runs(self.out)],
                                         [path.name for path in self.runs(self.whole)])
                    status, text = self.execute(self.environment, *self.arguments)
                    self.assertEqual(status, DONE, text)
                    self.expect_nothing_lost()
                    for one, other in zip(self.runs(self.out), self.runs(self.whole)):
                        self.assert_same_run(one, other)
        print(f"{faults} faults at {len(calls)} calls of {arguments[0]}", file=sys.stderr)

    def test_sweep(self):
        self.meet_each(self.arguments, 19)

    def test_verdict(self):
        self.meet_each(("verdict", self.out), 11)

    def test_export(self):
        shutil.rmtree(self.begun)
        shutil.copytree(self.whole, self.begun)
        export = ("export", self.begun, "--out", self.begun / "export.csv")
        self.assertEqual(self.execute(self.environment, *export)[0], DONE)
        self.meet_each(("export", self.out, "--out", self.out / "export.csv"), 13)


class Replace(ParentTest):
    """A sweep that replaces another plan's: after a fault the old story is whole, in its place or below old/."""
    FILES = ("experiment.json", "runs.csv", "summary.csv", "verdict.json")

    def expect_old_story(self, before, plan):
        for folder in (self.out, self.out / "old" / plan):
            if all((folder / name).exists() and (folder / name).read_bytes() == (before / name).read_bytes()
                   for name in self.FILES):
                break
        else:
            self.fail("the old story is lost")
        for run in self.runs(before):
            self.assertEqual(snapshot(self.out / "runs" / run.name), snapshot(run))

    def test_replace(self):
        arguments = self.sweep_of(experiment(SHORT))
        self.assertEqual(self.execute(self.environment, *arguments)[0], DONE)
        before, new = self.folder / "before", self.folder / "new"
        shutil.copytree(self.out, before)
        arguments = (*arguments, "--set", "training.steps=9", "--replace")
        calls = self.calls_of(arguments)
        self.out.rename(new)
        [plan] = [path.name for path in (new / "old").iterdir()]
        # Those around the change of the plan; test_sweep has the others.
        places = [at for at, (call, path) in enumerate(calls, 1) if "/old" in path or call in ("link", "unlink")]
        self.assertGreater(len(places), 10)
        faults = [(at, *kind) for at in places for kind in KINDS]
        for at, kind, error in faults if SLOW else faults[::len(faults) // 8]:
            with self.subTest(kind, error=error and os.strerror(error), at=at, call=calls[at - 1]):
                shutil.rmtree(self.out, True)
                shutil.copytree(before, self.out)
                status, text = self.execute(self.with_fault(kind, at, error), *arguments)
                self.expect_old_story(before, plan)
                if status not in (DONE, -signal.SIGKILL):
                    self.assertIn(os.strerror(error), text)
                status, text = self.execute(self.environment, *arguments)
                self.assertEqual(status, DONE, text)
                self.expect_old_story(before, plan)
                self.assertEqual(rows_of(self.out / "runs.csv"), rows_of(new / "runs.csv"))
                self.assertEqual(content_of(self.out / "verdict.json"), content_of(new / "verdict.json"))
                self.assertEqual([path.name for path in (self.out / "old").iterdir()], [plan])


class RandomKills(ParentTest):
    KILLS = int(os.environ.get("BNLAB_PARENT_KILLS", 200 if SLOW else 15))

    def test_kills_at_random_moments(self):
        arguments = self.sweep_of(experiment(LONG, seeds=2))
        begin = time.monotonic()
        self.assertEqual(self.execute(self.environment, *arguments)[0], DONE)
        seconds = time.monotonic() - begin
        whole = self.folder / "whole"
        self.out.rename(whole)
        source = random.Random(17)
        kills = sweeps = 0
        while kills < self.KILLS:
            sweeps += 1
            for _ in range(source.randint(1, 5)):
                process = self.start(*arguments)
                time.sleep(source.uniform(0, seconds))
                process.kill()
                _, text = process.communicate(timeout=TIMEOUT)
                self.assertIn(process.returncode, (DONE, -signal.SIGKILL), text)
                kills += process.returncode == -signal.SIGKILL
                for name in ("experiment.json", "verdict.json"):
                    if (self.out / name).exists():
                        json.loads((self.out / name).read_text())
            status, text = self.execute(self.environment, *arguments)
            self.assertEqual(status, DONE, text)
            self.assertEqual(content_of(self.out / "verdict.json"), content_of(whole / "verdict.json"))
            for one, other in zip(self.runs(self.out), self.runs(whole), strict=True):
                self.assertEqual((one / "weights.npz").read_bytes(), (other / "weights.npz").read_bytes())
                for name in ("train.csv", "eval.csv"):
                    self.assertEqual(rows_without_seconds(one / name), rows_without_seconds(other / name))
                self.assertFalse((one / "failure.json").exists())
            shutil.rmtree(self.out)
        print(f"{kills} kills in {sweeps} sweeps", file=sys.stderr)


if __name__ == "__main__":
    del FaultTest, ParentTest  # what they have in common is no test
    main()
