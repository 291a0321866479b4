"""Sweeps that are killed, stopped, begun twice, and whose runs end badly: nothing is lost, and nothing done twice."""

import csv
import io
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from program import DONE, FAILED, INTERRUPTED, TIMEOUT, USAGE, ProgramTest, main, run_json  # noqa: E402

TIMES = ("seconds", "steps_per_second", "train_sha256")


def experiment(arms, seeds=3, steps=8000):
    return {
        "name": "interrupted",
        "claim": "None.",
        "source": "none",
        "base": {
            "dataset": {"name": "drawn_digits", "synthetic": {"examples": 300, "test_examples": 60}},
            "network": {"name": "small", "layers": [{"flatten": {}}, {"dense_block": {"units": 20}},
                                                    {"dense": {"units": 10}}]},
            "normalization": {"type": "batch"},
            "optimizer": {"learning_rate": 0.01},
            "training": {"batch_size": 20, "steps": steps},
        },
        "arms": [{"name": name, "meaning": name, "set": settings} for name, settings in arms.items()],
        "seeds": seeds,
        "quick": {"seeds": seeds},
        "quantities": [{"name": "loss", "meaning": "loss", "unit": "nats", "file": "train.csv",
                        "series": {"column": "loss", "over_time": "final"}, "better": "lower"}],
        "criteria": [{"name": "lower", "meaning": "loss", "type": "ratio", "quantity": "loss",
                      "arms": list(arms)[:2]}],
    }


TWO_ARMS = {"batch": {"training.checkpoint_every": 500}, "none": {"normalization.type": "none"}}


def rows_of(sweep):
    with open(sweep / "runs.csv", newline="") as file:
        return list(csv.DictReader(file))


def table_without_times(sweep):
    """The bytes of runs.csv, but for the columns that measure time."""
    with open(sweep / "runs.csv", newline="") as file:
        rows = list(csv.reader(file))
    keep = [i for i, name in enumerate(rows[0]) if name not in TIMES]
    text = io.StringIO()
    csv.writer(text).writerows([[row[i] for i in keep] for row in rows])
    return text.getvalue()


def finished(sweep):
    """run.json of each finished run, which holds the time of its start."""
    texts = {}
    for path in sweep.glob("runs/*/run.json"):
        if run_json(path.parent)["status"] == "completed":
            texts[path.parent.name] = path.read_text()
    return texts


class InterruptedSweep(ProgramTest):
    def sweep(self, content, out, *arguments, status=DONE):
        path = self.write_config(content, name=f"{out}.json")
        return self.run_program("sweep", path, "--out", self.folder / out, "--jobs", 2, *arguments, status=status)

    def start_sweep(self, content, out, *arguments, jobs=2):
        path = self.write_config(content, name=f"{out}.json")
        return self.start("sweep", path, "--out", self.folder / out, "--jobs", jobs, *arguments)

    @staticmethod
    def children_of(process):
        return [int(child) for child in
                pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]

    def wait_for_training(self, sweep, process, pattern="*", count=1):
        """Directories of runs that have begun."""
        def begun():
            return [path.parent for path in sweep.glob(f"runs/{pattern}/train.csv")
                    if path.read_bytes().count(b"\n") > 2]
        self.wait_until(lambda: len(begun()) >= count, process, "its first runs")
        return begun()

    def process_of(self, sweep_process, directory):
        """The process of a run: a child of the sweep's."""
        for child in self.children_of(sweep_process):
            if str(directory) in pathlib.Path(f"/proc/{child}/cmdline").read_bytes().decode():
                return child
        self.fail(f"no process of {directory}")

    def test_killed_ten_times(self):
        content = experiment(TWO_ARMS)
        self.sweep(content, "undisturbed")
        out = self.folder / "killed"
        source = random.Random(11)
        before, kills = {}, 0
        for _ in range(10):
            process = self.start_sweep(content, "killed")
            time.sleep(source.uniform(0.02, 0.3))
            process.kill()
            process.communicate(timeout=TIMEOUT)
            kills += process.returncode == -signal.SIGKILL
            now = finished(out)
            self.assertEqual({name: now[name] for name in before}, before, "a run ran twice")
            before = now
        self.assertGreaterEqual(kills, 5, "the sweep is too short to be killed")
        self.sweep(content, "killed")
        now = finished(out)
        self.assertEqual({name: now[name] for name in before}, before, "a run ran twice")
        self.assertEqual(table_without_times(out), table_without_times(self.folder / "undisturbed"))
        for run in (out / "runs").iterdir():
            self.assert_same_run(run, self.folder / "undisturbed" / "runs" / run.name)
        self.sweep(content, "killed")
        self.assertEqual(finished(out), now, "nothing was left to run")

    def test_stopped(self):
        content = experiment(TWO_ARMS)
        self.sweep(content, "undisturbed")
        out = self.folder / "stopped"
        for number in (signal.SIGINT, signal.SIGTERM):
            process = self.start_sweep(content, "stopped")
            self.wait_until(lambda: self.children_of(process), process, "its first processes")
            begun = self.wait_for_training(out, process)
            process.send_signal(number)
            self.finish(process, INTERRUPTED)
            for run in begun:
                self.assertTrue((run / "checkpoint.npz").exists() or run_json(run)["status"] == "completed")
        self.sweep(content, "stopped")
        self.assertEqual(table_without_times(out), table_without_times(self.folder / "undisturbed"))

    def test_verdicts_at_once(self):
        self.sweep(experiment(TWO_ARMS, seeds=2, steps=50), "judged")
        out = self.folder / "judged"
        before = {name: (out / name).read_bytes() for name in ("runs.csv", "verdict.json", "experiment.json")}
        for _ in range(5):
            processes = [self.start("verdict", out) for _ in range(8)]
            for process in processes:
                self.finish(process)
            self.assertEqual({name: (out / name).read_bytes() for name in before}, before)
        self.assertEqual(list(out.glob("*.tmp")), [])

    def test_its_terminal_closes(self):
        out = self.folder / "closed"
        process = self.start_sweep(experiment(TWO_ARMS, seeds=1, steps=100000000), "closed")
        runs = self.wait_for_training(out, process, count=2)
        for _ in range(3):  # the shell says it, and the system; more would not kill the runs
            process.send_signal(signal.SIGHUP)
            time.sleep(0.01)
        self.finish(process, INTERRUPTED)
        for run in runs:
            self.assertEqual(run_json(run)["status"], "interrupted")
            self.assertTrue((run / "checkpoint.npz").exists())

    def test_stopped_in_the_second_of_three(self):
        files = [self.write_config({**experiment(TWO_ARMS, seeds=2, steps=steps), "name": f"e{i}"}, name=f"e{i}.json")
                 for i, steps in enumerate((50, 100000000, 50))]
        out = self.folder / "three"
        process = self.start("sweep", *files, "--out", out, "--jobs", 1)
        run = self.wait_for_training(out / "e1", process)[0]
        process.send_signal(signal.SIGINT)
        table, error = self.finish(process, INTERRUPTED)
        self.assertIn("e0  measured, no threshold", table)
        self.assertNotIn("e1  ", table)
        self.assertIn("interrupted before e2", error)
        self.assertFalse((out / "e2").exists())
        # It goes on with the threads that it began with.
        _, error = self.run_program("sweep", files[1], "--out", out / "e1", "--threads", 2, status=USAGE)
        self.assertIn(f"--threads: must be 1, as in 1 unfinished runs such as {run.name}", error)
        self.assertFalse((run / "failure.json").exists())

    def test_a_run_that_is_left_is_told_with_its_reason(self):
        content = experiment({"long": {"training.steps": 100000000}, "short": {"training.steps": 20}}, seeds=1)
        process = self.start_sweep(content, "left", "--only", "long")
        run = self.wait_for_training(self.folder / "left", process)[0]
        os.kill(self.process_of(process, run), signal.SIGTERM)
        _, error = self.finish(process, FAILED)
        self.assertRegex(error, r"\[0/1\] \S+: unfinished after \d+ steps: stopped by a signal that bnlab did not send")

    def test_two_at_once(self):
        content = experiment(TWO_ARMS, steps=20000)
        first = self.start_sweep(content, "twice")
        self.wait_for_training(self.folder / "twice", first)
        _, error = self.sweep(content, "twice", status=USAGE)
        self.assertIn(f"process {first.pid} on ", error)
        self.finish(first)
        self.assertEqual([row["status"] for row in rows_of(self.folder / "twice")], ["completed"] * 6)

    def test_each_bad_end_is_told_and_costs_its_run_alone(self):
        arms = {
            "good": {},
            "other": {"normalization.type": "none"},
            "crashes": {"training.steps": 100000000},
            "hangs": {"training.steps": 100000001},
            "diverges": {"optimizer.learning_rate": 1e30},
            "no_data": {"dataset": {"name": "cifar10", "path": "/nowhere"}},
        }
        out = self.folder / "bad"
        content = experiment(arms, seeds=1)
        process = self.start_sweep(content, "bad", "--timeout", 12, jobs=6)
        crashing = self.wait_for_training(out, process, "*_crashes_*")[0]
        hanging = self.wait_for_training(out, process, "*_hangs_*")[0]
        os.kill(self.process_of(process, crashing), signal.SIGSEGV)
        os.kill(self.process_of(process, hanging), signal.SIGSTOP)
        _, error = self.finish(process, FAILED)
        rows = {row["arm"]: row for row in rows_of(out)}
        self.assertEqual({arm: row["status"] for arm, row in rows.items()},
                         {"good": "completed", "other": "completed", "crashes": "failed", "hangs": "failed",
                          "diverges": "diverged", "no_data": "failed"})
        for arm, text in (("crashes", "signal 11 (Segmentation fault)"), ("hangs", "timeout: not finished after 12 s"),
                          ("no_data", "data missing or damaged (status 3): ")):
            self.assertIn(text, rows[arm]["error"])
            self.assertIn(text, error)
        self.assertIn("/nowhere", rows["no_data"]["error"])
        # They stay as they are until they are asked for.
        before = {path: path.read_text() for path in out.glob("runs/*/*.json")}
        self.sweep(content, "bad", status=FAILED)
        self.assertEqual({path: path.read_text() for path in out.glob("runs/*/*.json")}, before)
        self.sweep(content, "bad", "--retry-failed", "--only", "no_data", status=FAILED)
        after = {path: path.read_text() for path in out.glob("runs/*/*.json")}
        self.assertEqual({path.parent.name.split("_", 1)[1] for path in before if after[path] != before[path]},
                         {"no_data_seed1"})

    def test_printed_commands(self):
        content = experiment(TWO_ARMS, steps=100)
        self.sweep(content, "undisturbed")
        out = self.folder / "it's printed, gr\u00fc\u00df"
        path = self.write_config(content, name="printed.json")
        commands, _ = self.run_program("sweep", path, "--out", out, "--print-commands")
        self.assertEqual(len(commands.splitlines()), 6)
        for command in commands.splitlines():
            subprocess.run(["sh", "-c", command], check=True, env=self.environment, timeout=TIMEOUT)
        before = finished(out)
        self.assertEqual(len(before), 6)
        self.run_program("sweep", path, "--out", out)
        self.assertEqual(finished(out), before)
        self.assertEqual(table_without_times(out), table_without_times(self.folder / "undisturbed"))


if __name__ == "__main__":
    main()
