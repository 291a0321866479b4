"""--log-file: what is checked comes first, nothing else is overwritten, and a log that can't be written is an error."""

import json
import os
import pathlib
import resource

from program import DONE, FAILED, USAGE, ProgramTest, config, main, run_json, snapshot


class LogFile(ProgramTest):
    def setUp(self):
        super().setUp()
        self.out = self.folder / "out"

    def write_experiment(self):
        path = self.folder / "e.json"
        base = config(training={"steps": 2, "eval_every": 0})
        path.write_text(json.dumps({
            "name": "e", "claim": "None.", "source": "none", "base": base, "seeds": 1, "arms": [{"name": "one"}],
            "quantities": [{"name": "loss", "file": "train.csv", "better": "lower",
                            "series": {"column": "loss", "over_time": "final"}}],
            "criteria": [{"name": "loss", "type": "value", "quantity": "loss", "arms": ["one"]}]}))
        return path

    def test_a_log_that_is_what_is_read(self):
        path, experiment = self.write_config(), self.write_experiment()
        link = self.folder / "link"
        link.symlink_to(path)
        before = snapshot(self.folder)
        for arguments, log in ((("train", path, "--out", self.out), path), (("train", path, "--out", self.out), link),
                               (("train", path, "--profile-steps", 1), path), (("gradcheck", path), path),
                               (("sweep", experiment, "--out", self.out), experiment)):
            with self.subTest(arguments, log=log):
                _, error = self.run_program(*arguments, "--log-file", log, status=USAGE)
                self.assertIn(f"--log-file: {log}: ", error)
                self.assertEqual(snapshot(self.folder), before)

    def test_a_log_that_the_run_would_write(self):
        path = self.write_config()
        before = snapshot(self.folder)
        for name in ("config.json", "train.csv", "../out/weights.npz"):
            with self.subTest(name):
                arguments = ("train", path, "--out", self.out, "--log-file", self.out / name)
                _, error = self.run_program(*arguments, status=USAGE)
                self.assertIn("--log-file", error)
                self.assertEqual(snapshot(self.folder), before)

    def test_a_log_in_the_directory_of_the_run(self):
        log = self.out / "log.txt"
        arguments = ("train", self.write_config(), "--out", self.out, "--log-file", log)
        self.run_program(*arguments)
        first = log.read_text()
        self.assertIn("completed after 20 of 20 steps", first)
        whole = snapshot(self.out)
        _, error = self.run_program(*arguments, status=USAGE)
        self.assertIn("is not empty", error)
        self.assertIn("is not empty", log.read_text())
        self.assertEqual({**snapshot(self.out), "log.txt": ""}, {**whole, "log.txt": ""})
        for option in ("--resume", "--force"):
            self.run_program(*arguments, option)
            self.assertTrue(log.read_text().startswith(first))
        self.assertEqual(log.read_text().count("completed after 20 of 20 steps"), 2)

    def test_a_log_alone_in_the_directory_of_the_run(self):
        for options in ((), ("--resume",)):
            with self.subTest(options):
                out = self.folder / f"out{len(options)}"
                out.mkdir()
                earlier = "2026-01-31 12:00:00.000 info earlier\n"
                (out / "log.txt").write_text(earlier)
                self.run_program("train", self.write_config(), "--out", out, "--log-file", out / "log.txt", *options)
                self.assertEqual(run_json(out)["status"], "completed")
                self.assertTrue((out / "log.txt").read_text().startswith(earlier))

    def test_nothing_is_made_before_the_checks(self):
        wrong = self.write_config(name="wrong.json", training={"steps": 0})
        right = self.write_config()
        log = self.folder / "new" / "log.txt"
        before = snapshot(self.folder)
        self.run_program("train", wrong, "--out", self.out, "--log-file", log, status=USAGE)
        self.run_program("gradcheck", wrong, "--log-file", log, status=USAGE)
        self.assertEqual(snapshot(self.folder), before)
        self.run_program("train", right, "--out", self.out, "--log-file", log, status=DONE)
        self.assertIn("completed", log.read_text())

    def test_a_log_that_can_not_be_written(self):
        if not pathlib.Path("/dev/full").exists():
            self.skipTest("no /dev/full here")
        path = self.write_config()
        full = ("--log-file", "/dev/full")
        self.train("out")
        before = snapshot(self.folder)
        for arguments in (("train", path, "--out", self.out, "--force"), ("gradcheck", path, "--elements", 1),
                          ("sweep", self.write_experiment(), "--out", self.folder / "sweep")):
            with self.subTest(arguments):
                text, error = self.run_program(*arguments, *full, status=FAILED)
                self.assertEqual(text, "")
                self.assertIn("--log-file: /dev/full: cannot write: ", error)
        (self.folder / "e.json").unlink()
        self.assertEqual(snapshot(self.folder), before)

    def test_a_disk_that_is_full_later(self):
        log = self.folder / "log.txt"
        arguments = ("train", self.write_config(record={"final_weights": False}), "--out", self.out, "--log-file", log,
                     "--force")
        self.run_program(*arguments)
        first_line = log.read_bytes().index(b"\n") + 1
        limit = 1 << 20
        log.write_bytes(log.read_bytes().ljust(limit - first_line - 1, b"\n"))
        _, error = self.run_program(
            *arguments, status=FAILED,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY)))
        self.assertIn(f"--log-file: {log}: cannot write: {os.strerror(27)}", error)
        self.assertEqual(run_json(self.out)["status"], "completed")


if __name__ == "__main__":
    main()
