"""Ctrl-C, SIGTERM, a closed terminal, kill -9, then --resume: whole files, an honest run.json, the same run."""

import fcntl
import os
import pty
import shutil
import signal
import subprocess
import termios

from program import (CONV, DATA, DONE, FAILED, INTERRUPTED, PROBES, TIMEOUT, USAGE, ProgramTest, main, read_csv,
                     read_npz, run_json, snapshot)

# Slow enough to be caught midway, with everything that a resumed run has to take up.
STEPS = 400
SLOW = {
    "network": {"name": "conv", "layers": CONV},
    "optimizer": {"learning_rate": 0.02, "momentum": 0.9, "schedule": {"type": "step", "every": 120, "factor": 0.5}},
    "training": {"steps": STEPS, "eval_every": 75},
    "normalization": {"precise_batches": 3},
    "evaluation": {"statistics": ["running", "precise", "batch"], "train_split": True},
    "dataset": {"validation": 30},
    "probes": PROBES,
    "record": {"batches": True, "initial_weights": True},
}
ENDLESS = {"training": {"steps": 100000000}, "record": {}}


class Interrupted(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        first = cls("whole_run")
        first.setUp()
        cls.whole = first.train(cls.shared / "whole", **SLOW)
        first.doCleanups()

    def whole_run(self):
        """Stands for the test in which the run to compare with is made."""

    def start_training(self, out, *arguments, rows=100, **sections):
        """A run that has reached `rows` steps."""
        process = self.start("train", self.write_config(**{**SLOW, **sections}), "--out", out, *arguments)
        csv = out / "train.csv"
        self.wait_until(lambda: csv.exists() and csv.read_bytes().count(b"\n") > rows, process, f"step {rows}")
        return process

    def interrupt(self, out, number=signal.SIGINT, rows=100, **sections):
        process = self.start_training(out, rows=rows, **sections)
        process.send_signal(number)
        self.finish(process, INTERRUPTED)

    def expect_interrupted(self, out, after):
        self.assert_whole_csv(out)
        summary = run_json(out)
        self.assertEqual(summary["status"], "interrupted")
        self.assertGreaterEqual(summary["last_step"], after)
        self.assertEqual(int(read_csv(out / "train.csv")[-1]["step"]), summary["last_step"])
        step = read_npz(out / "checkpoint.npz")["progress.step"]
        self.assertEqual(step, ((1,), (summary["last_step"],)))
        return summary["last_step"]

    def resume(self, out, *arguments, status=DONE, **sections):
        return self.run_program("train", self.write_config(**{**SLOW, **sections}), "--out", out, "--resume",
                                *arguments, status=status)

    def expect_as_uninterrupted(self, out, whole=None):
        whole = whole or self.whole
        self.assert_same_run(out, whole)
        for name in ("batches.npy", "weights_initial.npz", "gradients_first.npz", "config.json"):
            self.assertEqual((out / name).read_bytes(), (whole / name).read_bytes(), name)
        ours, theirs = run_json(out), run_json(whole)
        for key in ("status", "last_step", "steps", "final", "best"):
            self.assertEqual(ours[key], theirs[key], key)

    def test_the_run_to_compare_with(self):
        self.assertEqual(run_json(self.whole)["status"], "completed")
        self.assertEqual(run_json(self.whole)["last_step"], STEPS)

    def test_sigint_in_an_endless_run(self):
        out = self.folder / "out"
        self.interrupt(out, **ENDLESS)
        self.expect_interrupted(out, 100)

    def test_sigterm_in_an_endless_run(self):
        out = self.folder / "out"
        self.interrupt(out, signal.SIGTERM, training={"steps": 100000000}, record={}, probes=[])
        self.expect_interrupted(out, 100)

    def test_signals_of_schedulers(self):
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU, signal.SIGALRM, signal.SIGPWR, signal.SIGSTKFLT,
                       signal.SIGRTMIN, signal.SIGRTMIN + 7, signal.SIGRTMAX):
            with self.subTest(number):
                out = self.folder / str(int(number))
                process = self.start_training(out, rows=10, training={"steps": 100000000}, record={}, probes=[])
                # They may come again before the run has ended.
                for _ in range(3):
                    process.send_signal(number)
                self.finish(process, INTERRUPTED)
                self.expect_interrupted(out, 10)

    def test_its_terminal_closes(self):
        out = self.folder / "out"
        controller, terminal = pty.openpty()
        arguments = self.command("train", self.write_config(**{**SLOW, **ENDLESS}), "--out", out)
        process = subprocess.Popen(arguments, env=self.environment, stdin=terminal, stdout=terminal, stderr=terminal,
                                   start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.addCleanup(lambda: process.poll() is None and process.kill())
        os.close(terminal)
        csv = out / "train.csv"
        self.wait_until(lambda: csv.exists() and csv.read_bytes().count(b"\n") > 100, process, "step 100")
        self.assertIn(b"steps/s", os.read(controller, 1000))
        os.close(controller)
        self.assertGreaterEqual(process.wait(timeout=TIMEOUT), 0, "ended by a signal")
        self.expect_interrupted(out, 100)

    def test_nohup(self):
        out = self.folder / "out"
        process = self.start("train", self.write_config(**{**SLOW, **ENDLESS}), "--out", out,
                             preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        csv = out / "train.csv"
        for rows in (50, 100):
            self.wait_until(lambda: csv.exists() and csv.read_bytes().count(b"\n") > rows, process, f"step {rows}")
            process.send_signal(signal.SIGHUP)
        self.wait_until(lambda: csv.read_bytes().count(b"\n") > 200, process, "step 200")
        process.send_signal(signal.SIGTERM)
        self.finish(process, INTERRUPTED)
        self.expect_interrupted(out, 200)

    def test_resume(self):
        out = self.folder / "out"
        self.interrupt(out, rows=STEPS // 4)
        last = self.expect_interrupted(out, STEPS // 4)
        self.assertLess(last, STEPS)
        self.resume(out)
        self.expect_as_uninterrupted(out)

    def test_resume_with_standard_files_closed(self):
        # What is said of the resumed run must not go into a file that took the number of standard error.
        for number, closed in enumerate(((2,), (1, 2), (0, 1, 2))):
            with self.subTest(closed):
                out = self.folder / f"out{number}"
                self.interrupt(out, rows=STEPS // 4)
                process = subprocess.run(
                    self.command("train", self.write_config(**SLOW), "--out", out, "--resume"), env=self.environment,
                    stdout=subprocess.DEVNULL, preexec_fn=lambda: [os.close(each) for each in closed])
                # That nobody heard of the result is an error.
                self.assertEqual(process.returncode, FAILED if 1 in closed else DONE)
                self.expect_as_uninterrupted(out)

    def test_resume_twice(self):
        out = self.folder / "out"
        self.interrupt(out, signal.SIGTERM, rows=80)
        process = self.start_training(out, "--resume", rows=230)
        process.send_signal(signal.SIGINT)
        self.finish(process, INTERRUPTED)
        self.expect_interrupted(out, 230)
        self.resume(out)
        self.expect_as_uninterrupted(out)

    def test_interrupted_before_the_first_step(self):
        # The signal comes at the evaluation before the first step, for which the weights are written.
        out = self.folder / "out"
        process = self.start("train", self.write_config(**SLOW), "--out", out)
        self.wait_until((out / "weights_initial.npz").exists, process, "weights_initial.npz")
        process.send_signal(signal.SIGTERM)
        self.finish(process, INTERRUPTED)
        self.assertEqual(run_json(out)["status"], "interrupted")
        self.assert_whole_csv(out)
        self.resume(out)
        self.expect_as_uninterrupted(out)

    def test_interrupted_while_the_network_is_built(self):
        # An orthogonal start of so many units takes minutes.
        layers = [{"recurrent": {"units": 4000}}, {"dense": {"units": 10}}]
        training = {"steps": 1, "batch_size": 2, "eval_every": 0}
        for number in (signal.SIGINT, signal.SIGTERM):
            for arguments in ((), ("--force",)):
                with self.subTest(number, arguments=arguments):
                    out = self.folder / f"out{number}{len(arguments)}"
                    if arguments:
                        shutil.copytree(self.whole, out)
                    before = snapshot(self.folder)
                    process = self.start("train", self.write_config(network={"layers": layers}, training=training),
                                         "--out", out, *arguments)
                    self.wait_until(lambda: self.has_used(process, 1), process, "the start of its work")
                    process.send_signal(number)
                    _, error = process.communicate(timeout=20)
                    self.assertEqual((process.returncode, error), (INTERRUPTED, ""))
                    before = before if arguments else {**before, out.name: "folder"}
                    self.assertEqual({**snapshot(self.folder), "run.json": ""}, {**before, "run.json": ""})
                    self.train(out.name, *(arguments or ("--resume",)))
                    self.assertEqual(run_json(out)["status"], "completed")

    @staticmethod
    def has_used(process, seconds):
        """Whether the process has used so many seconds of processor time."""
        with open(f"/proc/{process.pid}/stat") as file:
            user, system = file.read().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK") >= seconds

    def test_kill_9_with_checkpoints(self):
        # checkpoint_every is part of the config: the run to compare with has it too.
        checkpoints = {"training": {**SLOW["training"], "checkpoint_every": 90}}
        whole = self.train("whole", **{**SLOW, **checkpoints})
        self.assert_same_run(whole, self.whole)
        out = self.folder / "out"
        process = self.start_training(out, rows=STEPS // 2, **checkpoints)
        process.kill()
        process.communicate()
        self.assertFalse((out / "run.json").exists())
        self.assert_whole_csv(out)
        _, log = self.resume(out, **checkpoints)
        self.assertRegex(log, "continuing after step [1-9]")
        self.expect_as_uninterrupted(out, whole)

    def test_kill_9_without_checkpoints_starts_again(self):
        out = self.folder / "out"
        process = self.start_training(out)
        process.kill()
        process.communicate()
        self.resume(out)
        self.expect_as_uninterrupted(out)

    def test_resume_in_an_empty_folder_starts(self):
        self.resume(self.folder / "out")
        self.expect_as_uninterrupted(self.folder / "out")

    def test_resume_with_another_config(self):
        out = self.folder / "out"
        self.interrupt(out)
        before = snapshot(out)
        for change in ("optimizer.learning_rate=0.01", "training.steps=401", "normalization.type=none"):
            with self.subTest(change):
                _, error = self.resume(out, "--set", change, status=USAGE)
                self.assertIn("config.json", error)
                self.assertEqual(snapshot(out), before)

    def test_resume_with_a_damaged_end(self):
        out = shutil.copytree(self.whole, self.folder / "out")
        end = (out / "run.json").read_bytes()
        for damage in (b"", end[:-5], b"{}"):
            (out / "run.json").write_bytes(damage)
            before = snapshot(out)
            _, error = self.resume(out, status=DATA)
            self.assertIn(f"{out / 'run.json'}: damaged", error)
            self.assertIn("--force", error)
            self.assertEqual(snapshot(out), before)

    def test_resume_with_a_damaged_checkpoint(self):
        out = self.folder / "out"
        self.interrupt(out)
        checkpoint = out / "checkpoint.npz"
        whole = checkpoint.read_bytes()
        csv = (out / "train.csv").read_bytes()
        for what, content in (("cut", whole[:len(whole) // 2]), ("empty", b""), ("other", b"no archive" * 100)):
            with self.subTest(what):
                checkpoint.write_bytes(content)
                _, error = self.resume(out, status=3)
                self.assertIn(str(checkpoint), error)
                self.assertEqual((out / "train.csv").read_bytes(), csv)

    def test_resume_of_a_finished_run(self):
        for what, training in (("plain", {}), ("checkpoints", {"checkpoint_every": 90})):
            with self.subTest(what):
                sections = {**SLOW, "training": {**SLOW["training"], **training}}
                out = self.train(what, **sections) if training else shutil.copytree(self.whole, self.folder / what)
                before = snapshot(out)
                text, error = self.resume(out, **sections)
                self.assertIn("complete", text + error)
                self.assertEqual(snapshot(out), before)
                self.resume(out, "--seed", "99", status=USAGE, **sections)
                self.assertEqual(snapshot(out), before)

    def test_resume_of_a_diverged_run(self):
        sections = {"optimizer": {"learning_rate": 1e30}, "training": {"checkpoint_every": 1}}
        out = self.train("out", **sections)
        self.assertEqual(run_json(out)["status"], "diverged")
        before = snapshot(out)
        self.train("out", "--resume", **sections)
        self.assertEqual(snapshot(out), before)


if __name__ == "__main__":
    main()
