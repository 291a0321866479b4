"""Faults of the file system and kills, at every call with which a run touches its directory: afterwards the old or the
new checkpoint loads, the CSV files are whole up to their last row, the error names the file, and --resume gives the run
that would have been, bit for bit. With BNLAB_SLOW_TESTS=1 every kind of fault at every
call and 200 random kills; without, every kind at every call of a checkpoint, two kinds at every other call, 20
kills."""

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import unittest

from fault_injection import KILLS, KINDS, SLOW, FaultTest
from program import BNLAB, CONV, DATA, DONE, FAILED, TIMEOUT, USAGE, config, main, run_json, snapshot

NOBODY = 65534

SHORT = {
    "dataset": {"name": "gaussian_clusters", "synthetic": {"examples": 60, "test_examples": 20}},
    "network": {"name": "small", "layers": [{"flatten": {}}, {"dense_block": {"units": 8}}, {"dense": {"units": 10}}]},
    "training": {"batch_size": 10, "steps": 6, "eval_every": 3, "checkpoint_every": 2},
    "probes": [{"type": "gradient_norm", "every": 2}],
    "record": {"initial_weights": True, "batches": True},
}
DIVERGING = {**SHORT, "optimizer": {"learning_rate": 1e30},
             "training": {**SHORT["training"], "checkpoint_every": 1}}
LONG = {
    "dataset": {"name": "drawn_digits", "synthetic": {"examples": 200, "test_examples": 50}},
    "network": {"name": "conv", "layers": [*CONV[:1], {"dropout": {"rate": 0.2}}, *CONV[1:]]},
    "training": {"batch_size": 16, "steps": 300, "eval_every": 50, "checkpoint_every": 7},
    "probes": [{"type": "gradient_norm", "every": 10}],
}


class EveryCall(FaultTest):
    def numbers(self, calls):
        """All calls; of the removals of files that are not there, which begin a run, a few do in the ordinary test."""
        return [i for i, (call, _) in enumerate(calls, 1) if SLOW or call != "remove" or i % 12 == 0]

    def test_a_checkpoint_under_every_fault(self):
        run = self.undisturbed(SHORT)
        numbers = self.second_checkpoint(run[2])
        calls = [run[2][i - 1] for i in numbers]
        for call in ("open", "write", "fsync", "rename"):
            self.assertIn((call, "checkpoint.npz.tmp"), calls)
        self.assertIn(("close", "checkpoint.npz"), calls)  # which keeps others away until it has its name
        for name in ("train.csv", "eval.csv", "gradient_norm.csv", "."):
            self.assertIn(("fsync", name), calls)
        self.meet_each(run, KINDS, numbers, steps=(2, 4))

    def test_every_call_of_a_run(self):
        run = self.undisturbed(SHORT)
        kinds = KINDS if SLOW else [("kill", None, 0), ("fail_on", None, errno.ENOSPC)]
        self.meet_each(run, kinds, self.numbers(run[2]))

    def test_a_resumed_run(self):
        # It begins from a checkpoint: that it reads, checks and continues files can fail, too.
        config, whole, calls = self.undisturbed(SHORT)
        begun = self.folder / "begun"
        at = self.second_checkpoint(calls)[-1]
        self.execute(self.with_fault(begun, "kill", at), "train", config, "--out", begun)
        out = self.folder / "out"
        shutil.copytree(begun, out)
        self.log.unlink()
        environment = {**self.with_fault(out), "BNLAB_FAULT_LOG": str(self.log)}
        self.execute(environment, "train", config, "--out", out, "--resume")
        self.expect_same(out, whole)
        calls = [tuple(line.split(" ", 1)) for line in self.log.read_text().splitlines()]
        self.assertIn(("read", str(out / "checkpoint.npz")), calls)
        begin = 1 + next(i for i, (call, path) in enumerate(calls) if (call, path) == ("write", str(out / "train.csv")))
        for kind, only, error in KINDS:
            for at, (call, path) in enumerate(calls[:None if SLOW else begin], 1):
                if only not in (None, call) or (kind == "vanish" and call == "close"):
                    continue
                if not SLOW and kind not in ("kill", "power_cut", "vanish") and error != errno.EIO:
                    continue
                with self.subTest(kind, at=at, call=call, file=os.path.basename(path)):
                    shutil.rmtree(out)
                    shutil.copytree(begun, out)
                    arguments = ("train", config, "--out", out)
                    status, text = self.execute(self.with_fault(out, kind, at, error), *arguments, "--resume")
                    if kind in KILLS:
                        self.assertEqual(status, -signal.SIGKILL)
                    elif status != DONE:
                        # Whether a file that was read closes does not matter; then the next one tells of the full disk.
                        named = [one for _, one in calls[at - 1:]] if kind == "fail_on" and call == "close" else [path]
                        self.assertTrue(any(one.removesuffix(".tmp") in text for one in named), text)
                    status, text = self.execute(self.environment, *arguments, "--resume")
                    if kind == "vanish" and status != DONE:
                        self.assertIn(os.path.basename(path), text)
                        status, text = self.execute(self.environment, *arguments, "--force")
                    self.assertEqual(status, DONE, text)
                    self.expect_same(out, whole)

    def test_a_run_that_diverges(self):
        # Killed between its last row and run.json it diverges again, at the same step.
        run = self.undisturbed(DIVERGING)
        self.assertEqual(run_json(run[1])["status"], "diverged")
        last_row = max(i for i, call in enumerate(run[2], 1) if call == ("write", "train.csv"))
        self.meet_each(run, [("kill", None, 0), ("power_cut", None, 0)], range(last_row, len(run[2]) + 1))

    def test_a_table_of_a_sweep(self):
        experiment = {"claim": "None.", "source": "none", "base": config(**SHORT), "seeds": 1,
                      "arms": [{"name": "batch"}, {"name": "none", "set": {"normalization.type": "none"}}],
                      "quantities": [{"name": "loss", "file": "train.csv", "better": "lower",
                                      "series": {"column": "loss", "over_time": "final"}}],
                      "criteria": [{"name": "ratio", "type": "ratio", "quantity": "loss", "arms": ["batch", "none"]}]}
        path = self.write_config(experiment, "sweep.json")
        out = self.folder / "sweep"
        arguments = ("sweep", path, "--out", out, "--jobs", 1, "--profile", "full")
        self.assertEqual(self.execute(self.environment, *arguments)[0], DONE)
        for name in ("runs.csv", "verdict.json"):
            whole = (out / name).read_bytes()
            (out / name).unlink()
            log = self.folder / f"{name}.calls"
            self.execute({**self.with_fault(out / name), "BNLAB_FAULT_LOG": str(log)}, *arguments)
            calls = log.read_text().splitlines()
            self.assertIn(f"rename {out / name}.tmp", calls)
            for at, call in enumerate(calls, 1):
                for kind, error in (("kill", 0), ("fail_on", errno.ENOSPC)):
                    with self.subTest(kind, call=call):
                        (out / name).unlink()
                        status, text = self.execute(self.with_fault(out / name, kind, at, error), *arguments)
                        if status in (FAILED, DATA):
                            self.assertIn(str(out / name), text)
                        else:
                            self.assertIn(status, (DONE, -signal.SIGKILL))
                        self.assertIn((out / name).exists() and (out / name).read_bytes(), (False, whole))
                        self.assertEqual(self.execute(self.environment, *arguments)[0], DONE)
                        self.assertEqual((out / name).read_bytes(), whole)


class Permissions(FaultTest):
    """Folders and files whose permissions are gone. Root needs none, so that the program runs as nobody here."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if os.geteuid() == 0:
            cls.options = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
            if not cls.runs():  # where the build lies, nobody may have no business
                cls.program = str(shutil.copy(BNLAB, cls.shared / "bnlab"))
        if not cls.runs():
            raise unittest.SkipTest("the program can't run as another user than root here")

    @classmethod
    def runs(cls):
        try:
            return subprocess.run([cls.program, "--version"], capture_output=True, **cls.options).returncode == DONE
        except OSError:
            return False

    def setUp(self):
        super().setUp()
        if self.options:
            os.chown(self.folder, NOBODY, NOBODY)

    def test_the_folder_of_a_run_loses_its_permissions(self):
        config, whole, calls = self.undisturbed(SHORT)
        for at, (call, name) in enumerate(calls, 1):
            if not SLOW and call not in ("open", "rename"):
                continue
            with self.subTest(at=at, call=call, file=name):
                self.meet(config, whole, calls, at, "lock", unlock=lambda out: out.exists() and out.chmod(0o755))

    def test_permissions_that_were_never_there(self):
        config, whole, _ = self.undisturbed(SHORT)
        locked = self.folder / "locked"
        locked.mkdir(mode=0o555)
        for what, arguments, status in (
                ("out", ("train", config, "--out", locked / "run"), USAGE),
                ("out itself", ("train", config, "--out", locked), USAGE),
                ("log", ("train", config, "--out", self.folder / "new", "--log-file", locked / "log"), USAGE)):
            with self.subTest(what):
                found, text = self.execute(self.environment, *arguments)
                self.assertEqual(found, status, text)
                self.assertIn(str(locked), text)
                self.assertEqual(list(locked.iterdir()), [])
        config.chmod(0)
        found, text = self.execute(self.environment, "train", config, "--out", self.folder / "new")
        self.assertEqual(found, USAGE, text)
        self.assertIn(str(config), text)
        config.chmod(0o644)
        data = self.folder / "data" / "mnist"
        shutil.copytree(self.shared / "data" / "mnist", data)
        images = data / "train-images-idx3-ubyte"
        images.chmod(0)
        arguments = ("train", config, "--set", 'dataset={"name": "mnist"}', "--set", f"dataset.path={data}", "--out",
                     self.folder / "new")
        found, text = self.execute(self.environment, *arguments)
        self.assertEqual(found, DATA, text)
        self.assertIn(str(images), text)
        self.assertFalse((self.folder / "new").exists())

    def test_a_checkpoint_that_may_not_be_read(self):
        config, whole, calls = self.undisturbed(SHORT)
        out = self.folder / "out"
        self.execute(self.with_fault(out, "kill", self.second_checkpoint(calls)[-1]), "train", config, "--out", out)
        before = snapshot(out)
        (out / "checkpoint.npz").chmod(0)
        status, text = self.execute(self.environment, "train", config, "--out", out, "--resume")
        self.assertEqual(status, DATA, text)
        self.assertIn(str(out / "checkpoint.npz"), text)
        (out / "checkpoint.npz").chmod(0o644)
        self.assertEqual(snapshot(out), before)


class FullDisk(FaultTest):
    def test_a_tiny_file_system(self):
        config, whole, _ = self.undisturbed(SHORT)
        place = self.folder / "disk"
        place.mkdir()
        mounted = shutil.which("mount") and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", place],
                                                           capture_output=True).returncode == 0
        if not mounted:
            self.skipTest("no right to mount a file system here; the shim's full disk was tested")
        self.addCleanup(subprocess.run, ["umount", place], check=True)
        out = place / "run"
        status, text = self.execute(self.environment, "train", config, "--out", out)
        self.assertEqual(status, FAILED, text)
        self.assertIn(str(out), text)
        self.assertIn(os.strerror(errno.ENOSPC), text)
        self.expect_whole(out, whole, cut=False)
        subprocess.run(["mount", "-o", "remount,size=1m", place], check=True)
        status, text = self.execute(self.environment, "train", config, "--out", out, "--resume")
        self.assertEqual(status, DONE, text)
        self.expect_same(out, whole)


def rows_of(csv):
    return csv.read_bytes().count(b"\n") if csv.exists() else 0


class RandomKills(FaultTest):
    KILLS = 200 if SLOW else 20

    def test_weights_after_random_kills(self):
        config, whole, _ = self.undisturbed(LONG)
        begin = time.monotonic()
        self.execute(self.environment, "train", config, "--out", self.folder / "timed")
        seconds = time.monotonic() - begin
        source = random.Random(13)
        kills = continued = runs = 0
        while kills < self.KILLS:
            out = self.folder / f"run{runs}"
            runs += 1
            for _ in range(source.randint(1, 4)):
                process = self.start("train", config, "--out", out, "--resume")
                # Half of them at any time, also before and after the training; half in it, however busy the machine is.
                end = time.monotonic() + source.uniform(0, seconds)
                rows = source.choice((None, source.randint(1, LONG["training"]["steps"])))
                while process.poll() is None:
                    if time.monotonic() > end if rows is None else rows_of(out / "train.csv") > rows:
                        break
                    time.sleep(0.001)
                process.kill()
                _, text = process.communicate(timeout=TIMEOUT)
                self.assertIn(process.returncode, (DONE, -signal.SIGKILL), text)
                kills += process.returncode == -signal.SIGKILL
                continued += "continuing after step" in text
            status, text = self.execute(self.environment, "train", config, "--out", out, "--resume")
            self.assertEqual(status, DONE, text)
            continued += "continuing after step" in text
            self.expect_same(out, whole)
            shutil.rmtree(out)
        print(f"{kills} kills in {runs} runs; {continued} times one went on from a checkpoint", file=sys.stderr)
        self.assertGreaterEqual(continued, self.KILLS // 10, "the run is too short to be killed midway")


if __name__ == "__main__":
    main()
