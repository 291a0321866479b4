"""Where a run may write, and what happens when it can't."""

import os
import pathlib
import pty
import resource
import shutil
import signal
import subprocess
import unittest

from program import DONE, FAILED, USAGE, ProgramTest, main, run_json, snapshot

ENDLESS = {"training": {"steps": 100000000}}


def mount(folder, *options):
    """None, or why a tmpfs can't be mounted there."""
    folder.mkdir(exist_ok=True)
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return "only root can mount"
    done = subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", folder], capture_output=True, text=True)
    return None if done.returncode == 0 else f"can't mount: {done.stderr.strip()}"


class Output(ProgramTest):
    def refused(self, out, *arguments, **sections):
        _, error = self.run_program("train", self.write_config(**sections), "--out", out, *arguments, status=USAGE)
        self.assertIn("--out", error)
        self.assertIn(str(out), error)
        return error

    def mounted(self, *options):
        folder = self.folder / "mounted"
        problem = mount(folder, *options)
        if problem:
            raise unittest.SkipTest(problem)
        self.addCleanup(subprocess.run, ["umount", folder], check=True)
        return folder

    def test_folder_that_holds_a_run(self):
        out = self.train("out")
        before = snapshot(out)
        self.assertIn("--force", self.refused(out))
        self.assertEqual(snapshot(out), before)

    def test_folder_that_holds_something_else(self):
        out = self.folder / "out"
        out.mkdir()
        (out / "thesis.tex").write_text("the only copy")
        before = snapshot(out)
        self.refused(out)
        self.assertEqual(snapshot(out), before)

    def test_force_replaces_the_run_and_nothing_else(self):
        fresh = self.train("fresh", training={"seed": 8})
        out = self.train("out", probes=[{"type": "gradient_norm"}], record={"batches": True, "initial_weights": True},
                         training={"checkpoint_every": 5})
        (out / "notes.txt").write_text("mine")
        self.train("out", "--force", training={"seed": 8})
        self.assertEqual(sorted(snapshot(out)), sorted([*snapshot(fresh), "notes.txt"]))
        self.assertEqual((out / "notes.txt").read_text(), "mine")
        self.assert_same_run(out, fresh)

    def test_empty_folder_and_missing_parents(self):
        (self.folder / "empty").mkdir()
        self.train("empty")
        self.train("a/b/c")

    def test_default_folder(self):
        out, _ = self.run_program("train", self.write_config(name="mine.json"), "--seed", 6)
        self.assertTrue((self.folder / "results" / "mine-seed6" / "run.json").exists())
        self.assertIn("results/mine-seed6", out)

    def test_out_is_a_file(self):
        path = self.folder / "file"
        path.write_text("text")
        for arguments in ([], ["--force"], ["--resume"]):
            self.refused(path, *arguments)
            self.refused(path / "below", *arguments)
        self.assertEqual(path.read_text(), "text")

    def test_read_only_file_system(self):
        folder = self.mounted("-o", "ro")
        self.refused(folder)
        self.refused(folder / "below")

    @unittest.skipIf(os.geteuid() == 0, "root may write everywhere")
    def test_folder_without_permission(self):
        folder = self.folder / "closed"
        folder.mkdir(mode=0o500)
        self.refused(folder)
        self.refused(folder / "below")

    def test_two_runs_in_one_folder(self):
        out = self.folder / "out"
        first = self.start("train", self.write_config(name="long.json", **ENDLESS), "--out", out)
        self.wait_until((out / "train.csv").exists, first, "train.csv")
        for arguments in ([], ["--force"], ["--resume"]):
            error = self.refused(out, *arguments)
            self.assertIn("another run", error)
        self.assertIsNone(first.poll())
        first.terminate()
        self.finish(first, 130)
        self.assert_whole_csv(out)
        self.assertEqual(run_json(out)["status"], "interrupted")

    def full(self, out, name, **options):
        """A run whose disk fills up while it writes `name`."""
        sections = {**ENDLESS, "probes": [{"type": "gradient_norm", "every": 1}]}
        _, error = self.run_program("train", self.write_config(**sections), "--out", out, status=FAILED, **options)
        self.assertRegex(error, name)
        self.assert_whole_csv(out)
        self.assertGreater((out / "train.csv").stat().st_size, 4000)
        self.assertEqual(list(out.glob("*.tmp")), [])

    def test_file_that_may_not_grow(self):
        limit = 100000
        out = self.folder / "out"
        self.full(out, r"out/gradient_norm\.csv: .*too large",
                  preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        self.assertLessEqual((out / "gradient_norm.csv").stat().st_size, limit)
        summary = run_json(out)
        self.assertEqual(summary["status"], "failed")
        self.assertIn("gradient_norm.csv", summary["error"])

    def test_a_last_file_that_may_not_grow_costs_no_training(self):
        limit, steps = 200000, 3000
        out = self.folder / "out"
        path = self.write_config(training={"steps": steps, "log_every": 100, "batch_size": 20},
                                 record={"batches": True})
        _, error = self.run_program("train", path, "--out", out, status=FAILED,
                                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        self.assertIn("batches.npy", error)
        self.assertTrue((out / "weights.npz").is_file())
        summary = run_json(out)
        self.assertEqual((summary["status"], summary["last_step"]), ("failed", steps))
        self.assertGreater(summary["wall_seconds"], 0)

    def test_full_disk(self):
        folder = self.mounted("-o", "size=64k")
        self.full(folder / "out", r"out/\w+\.csv: .*[Nn]o space")

    def test_weights_that_do_not_fit(self):
        folder = self.mounted("-o", "size=40k")
        _, error = self.run_program("train", self.write_config(), "--out", folder / "out", status=FAILED)
        self.assertRegex(error, r"out/weights\.npz")
        self.assert_whole_csv(folder / "out")
        self.assertFalse((folder / "out" / "weights.npz").exists())
        self.assertEqual(list((folder / "out").glob("*.tmp")), [])

    def test_log_file_that_can_not_be_written(self):
        _, error = self.run_program("train", self.write_config(), "--out", self.folder / "out", "--log-file",
                                    self.folder, status=USAGE)
        self.assertIn("--log-file", error)

    def on_terminal(self, *arguments, **environment):
        """What a terminal is sent."""
        controller, terminal = pty.openpty()
        process = subprocess.Popen(self.command(*arguments), env={**self.environment, **environment},
                                   stdin=subprocess.DEVNULL, stdout=terminal, stderr=terminal)
        os.close(terminal)
        text = b""
        while True:
            try:
                text += os.read(controller, 1000)
            except OSError:  # so the end of a terminal is told
                break
        os.close(controller)
        self.assertEqual(process.wait(), DONE)
        return text

    def test_terminal_says_what_happens_before_the_first_step(self):
        path = self.write_config(probes=[{"type": "gradient_norm", "every": 5}])
        text = self.on_terminal("train", path, "--out", self.folder / "out", TERM="xterm")
        places = [text.find(word) for word in (b"reading mnist", b"building the network",
                                               b"evaluating before the first step",
                                               b"measuring probes before the first step", b"evaluating after step 10",
                                               b"completed after 20", b"scripts/plot.py " + bytes(self.folder / "out"))]
        self.assertEqual(places, sorted(places), text)
        self.assertGreaterEqual(places[0], 0, text)
        text = self.on_terminal("train", path, "--out", self.folder / "dumb", TERM="dumb")
        self.assertNotIn(b"\x1b", text)
        self.assertIn(b"completed after 20", text)
        _, error = self.run_program("train", path, "--out", self.folder / "verbose", "--verbose")
        self.assertIn("evaluating before the first step", error)
        _, error = self.run_program("train", path, "--out", self.folder / "piped")
        self.assertEqual(error, "")

    def test_standard_output_whose_reader_has_gone(self):
        for arguments in (["schema"], ["sweep", "rank_collapse", "--dry-run", "--out", self.folder / "out"]):
            reader, writer = os.pipe()
            os.close(reader)
            process = subprocess.run(self.command(*arguments), env=self.environment, stdout=writer,
                                     stderr=subprocess.PIPE, text=True)
            os.close(writer)
            self.assertEqual((process.returncode, process.stderr), (-signal.SIGPIPE, ""), arguments)

    def test_standard_output_that_is_full(self):
        if not pathlib.Path("/dev/full").exists():
            raise unittest.SkipTest("no /dev/full here")
        with open("/dev/full", "w") as full:
            for arguments in (["schema"], ["list", "optimizers"], ["describe", self.write_config()], ["--version"],
                              ["train", "--help"]):
                process = subprocess.Popen(self.command(*arguments), env=self.environment, stdout=full,
                                           stderr=subprocess.PIPE, text=True)
                _, error = process.communicate()
                self.assertEqual(process.returncode, FAILED, arguments)
                self.assertIn("No space left", error)

    def test_standard_error_that_is_full_or_closed(self):
        right = ("train", self.write_config(), "--out", self.folder / "out")
        wrong = self.write_config(name="wrong.json", training={"steps": -1})
        for number, (arguments, status) in enumerate(((("train", "none.json"), USAGE), (("validate", wrong), USAGE),
                                                      (("no_command",), USAGE), (right, DONE))):
            for closed in (False, True):
                with self.subTest(arguments, closed=closed), open("/dev/full", "w") as full:
                    shutil.rmtree(self.folder / "out", ignore_errors=True)
                    process = subprocess.run(self.command(*arguments), env=self.environment, stdout=subprocess.DEVNULL,
                                             stderr=full, preexec_fn=(lambda: os.close(2)) if closed else None)
                    self.assertEqual(process.returncode, status)


if __name__ == "__main__":
    main()
