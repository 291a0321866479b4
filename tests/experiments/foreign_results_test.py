"""Folders of results that come from elsewhere: no link is followed, no pipe is waited for, nothing that is not bnlab's
is replaced, what can't be read is neither damaged nor failed, and no text reaches a terminal as commands."""

import csv
import json
import os
import re
import resource
import shutil
import signal
import subprocess

from sweep_program import SHORT, SMALL, SweepTest

from program import BNLAB, DATA, DONE, FAILED, TIMEOUT, USAGE, main, run_json, snapshot

# What a terminal obeys, or shows in another order than it was written.
COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff\ufffd]")
HOSTILE = "a\x1b[2J\x1b]0;title\x07b\x7fc\x9b1md\u202ee"


class ForeignResults(SweepTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        first = cls("one_sweep")
        super(ForeignResults, first).setUp()
        first.sweep(SMALL)
        shutil.copytree(first.folder / "out", cls.shared / "finished")

    def one_sweep(self):
        """Stands for the test in which the sweep is made."""

    def setUp(self):
        super().setUp()
        self.out = self.folder / "out"
        self.outside = self.folder / "outside"
        shutil.copytree(self.shared / "finished", self.out)
        self.experiment = self.write(SMALL)

    def replace(self, path, kind):
        """Puts a link or a pipe in the place of a file; the link leads to a copy of it."""
        content = path.read_bytes() if path.is_file() else b"mine\n"
        path.unlink(missing_ok=True)
        if kind == "pipe":
            os.mkfifo(path)
        else:
            self.outside.write_bytes(content)
            path.symlink_to(self.outside)

    def test_what_can_not_be_read_is_neither_damaged_nor_failed(self):
        run = self.directories()[0]
        for name in ("run.json", "train.csv", "eval.csv", "config.json"):
            for kind in ("link", "pipe"):
                with self.subTest(name, kind=kind):
                    kept = (run / name).read_bytes()
                    self.replace(run / name, kind)
                    before = snapshot(self.folder)
                    for arguments in (("sweep", self.experiment, "--out", self.out, "--retry-failed"),
                                      ("sweep", self.experiment, "--out", self.out), ("verdict", self.out)):
                        _, error = self.run_program(*arguments, status=DATA)
                        self.assertIn(f"{run / name}: is ", error)
                        self.assertEqual(snapshot(self.folder), {**before, "out/.sweep.lock": snapshot(self.folder)[
                            "out/.sweep.lock"]})
                    (run / name).unlink()
                    (run / name).write_bytes(kept)
        self.run_program("verdict", self.out)

    def test_links_and_pipes_anywhere(self):
        run = self.directories()[0]
        names = ["experiment.json", "runs.csv", "verdict.json", ".sweep.lock", ".sweep.runs.lock",
                 f"configs/{run.name}.json", f"runs/{run.name}/checkpoint.npz", f"runs/{run.name}/stderr.log",
                 f"runs/{run.name}/failure.json", f"runs/{run.name}/weights.npz"]
        for name in names:
            for kind in ("link", "pipe"):
                with self.subTest(name, kind=kind):
                    shutil.rmtree(self.out)
                    shutil.copytree(self.shared / "finished", self.out)
                    if "/stderr" in name or "/checkpoint" in name:  # of a run that is left to do
                        shutil.rmtree(run)
                        run.mkdir()
                    self.replace(self.out / name, kind)
                    outside = self.outside.read_bytes() if self.outside.exists() else b""
                    before = snapshot(self.out / "runs")
                    for arguments in (("verdict", self.out), ("sweep", self.experiment, "--out", self.out),
                                      ("sweep", self.experiment, "--out", self.out, "--retry-failed")):
                        done = subprocess.run([BNLAB, *arguments], env=self.environment, capture_output=True, text=True,
                                              timeout=TIMEOUT)
                        self.assertIn(done.returncode, (DONE, FAILED, USAGE, DATA), done.stderr)
                        self.assertEqual(self.outside.read_bytes() if self.outside.exists() else b"", outside)
                    self.assertEqual(before.keys() - snapshot(self.out / "runs").keys(), set(), "something was removed")

    def test_folders_that_are_links(self):
        run = self.directories()[0]
        for name in ("runs", "configs", f"runs/{run.name}"):
            with self.subTest(name):
                shutil.rmtree(self.out)
                shutil.copytree(self.shared / "finished", self.out)
                shutil.rmtree(self.outside, True)
                (self.out / name).rename(self.outside)
                (self.out / name).symlink_to(self.outside)
                for path in self.outside.rglob("train.csv"):
                    path.write_text("")  # damaged, if it were this sweep's
                before = snapshot(self.outside)
                for arguments in ((), ("--retry-failed",)):
                    _, error = self.run_program("sweep", self.experiment, "--out", self.out, *arguments, status=DATA)
                    self.assertIn(f"{self.out / name}: is a symbolic link", error)
                    self.assertEqual(snapshot(self.outside), before)

    def test_a_run_that_may_be_of_somebody_else(self):
        run = self.directories()[0]
        other = json.loads((run / "config.json").read_text())
        other["training"]["batch_size"] = 7
        (run / "config.json").write_text(json.dumps(other))
        before = snapshot(run)
        for arguments in ((), ("--retry-failed",)):
            out, _ = self.run_program("sweep", self.experiment, "--out", self.out, *arguments, status=FAILED)
            self.assertIn("config.json", out)
            self.assertEqual({**snapshot(run), "failure.json": "", "stderr.log": ""},
                             {**before, "failure.json": "", "stderr.log": ""})

    def test_outputs_replace_what_bnlab_wrote_alone(self):
        table = self.folder / "table.md"
        own = self.folder / "own.md"
        for _ in range(2):
            self.run_program("verdict", self.out, "--markdown", table)
        self.assertTrue(table.read_text().startswith("<!-- verdicts: begin -->"))
        own.write_text("# My notes\n\n| claim | source |\n")
        (self.out / "README.md").symlink_to(own)
        before = snapshot(self.folder)
        for path in (self.experiment, own, self.out / "README.md", self.out / "experiment.json",
                     self.directories()[0] / "train.csv"):
            for arguments in (("verdict", self.out, "--markdown", path), ("verdict", self.out, "--log-file", path),
                              ("train", "drawn_digits", "--out", self.folder / "new", "--log-file", path)):
                with self.subTest(arguments):
                    _, error = self.run_program(*arguments, status=USAGE)
                    self.assertIn(arguments[-2], error)
                    self.assertIn(str(path), error)
                    self.assertEqual(snapshot(self.folder), before)
        for path in ("/dev/null", "/dev/stdout"):
            self.run_program("verdict", self.out, "--markdown", path)
        log = self.folder / "log"
        for _ in range(2):
            self.run_program("verdict", self.out, "--log-file", log)

    def test_a_folder_is_of_a_sweep_or_of_a_run(self):
        config = self.write_config(SHORT)
        before = snapshot(self.out)
        _, error = self.run_program("sweep", config, "--grid", "optimizer.learning_rate=1,2", "--out",
                                    self.folder / "new", "--force", "--save-experiment", self.out / "experiment.json",
                                    status=USAGE)
        self.assertIn(f"--save-experiment: {self.out / 'experiment.json'} is a file of", error)
        _, error = self.run_program("train", config, "--out", self.out, "--force", status=USAGE)
        self.assertIn(f"{self.out} is the directory of a sweep", error)
        self.assertEqual(snapshot(self.out), before)
        run = self.folder / "run"
        self.run_program("train", config, "--out", run)
        before = snapshot(run)
        _, error = self.run_program("sweep", config, "--grid", "optimizer.learning_rate=1,2", "--out", run,
                                    status=USAGE)
        self.assertIn(f"{run} holds a run", error)
        self.assertEqual(snapshot(run), before)
        mine = self.folder / "mine"
        mine.mkdir()
        (mine / "weights.npz").write_bytes(b"mine")
        (mine / "config.json").write_bytes(config.read_bytes())
        before = snapshot(mine)
        _, error = self.run_program("train", mine / "config.json", "--out", mine, "--force", status=USAGE)
        self.assertIn("no config.json as a run writes it", error)
        self.assertEqual(snapshot(mine), before)

    def test_a_sweep_counts_once_and_is_found_below(self):
        (self.folder / "again").symlink_to(self.out)
        once, _ = self.run_program("verdict", self.out)
        twice, error = self.run_program("verdict", self.out, f"{self.out}/", self.folder / "again")
        self.assertEqual(twice, once)
        self.assertEqual(error.count("skipped: it is given twice"), 2)
        above = self.folder / "above"
        shutil.copytree(self.out, above / "quick" / "out")
        for command in (("export", above, "--out", "-"), ("verdict", above)):
            _, error = self.run_program(*command, status=USAGE)
            self.assertIn(f"; there are sweeps in it: {above}/*/*\n", error)

    def test_data_that_a_run_reads_is_no_log(self):
        images = self.shared / "data/mnist/train-images-idx3-ubyte"
        before = images.read_bytes()
        _, error = self.run_program("train", self.write_config(), "--out", self.folder / "new", "--log-file", images,
                                    status=USAGE)
        self.assertIn("--log-file", error)
        self.assertEqual(images.read_bytes(), before)

    def test_force_replaces_runs_alone(self):
        mine = self.folder / "mine"
        mine.mkdir()
        (mine / "weights.npz").write_bytes(b"mine")
        config = self.write_config(SHORT)
        before = snapshot(mine)
        _, error = self.run_program("train", config, "--out", mine, "--force", status=USAGE)
        self.assertIn("holds weights.npz, but no run", error)
        self.assertEqual(snapshot(mine), before)
        run = self.folder / "run"
        for _ in range(2):
            self.run_program("train", config, "--out", run, "--force")
        (run / "weights.npz").rename(run / "kept")
        (run / "weights.npz").symlink_to("kept")
        before = snapshot(run)
        _, error = self.run_program("train", config, "--out", run, "--force", status=FAILED)
        self.assertIn(f"{run / 'weights.npz'}: is a symbolic link", error)
        self.assertEqual(snapshot(run), before)
        for arguments in (("--resume",), ("--force",)):
            shutil.rmtree(run)
            run.mkdir()
            (run / "train.csv").symlink_to(self.folder / "outside")
            self.run_program("train", config, "--out", run, *arguments, status=USAGE if "--resume" in arguments
                             else FAILED)
            self.assertFalse((self.folder / "outside").exists())

    def test_too_few_files_for_all_jobs(self):
        limit = 20
        out, error = self.run_program(
            "sweep", self.write({**SMALL, "seeds": 24}), "--out", self.folder / "many", "--jobs", 100,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
        self.assertIn("runs at a time, not 100: ", error)
        self.assertIn(os.strerror(24), error)
        self.assertEqual(list((self.folder / "many").glob("runs/*/failure.json")), [])
        self.assertEqual(self.verdict("many")["runs_completed"], 24)

    def expect_harmless(self, *texts):
        for text in texts:
            self.assertIsNone(COMMANDS.search(text), repr(text))

    def test_text_that_a_terminal_would_obey(self):
        axes = {"description": [HOSTILE, HOSTILE + "2"], "optimizer.learning_rate": [0.2, 0.3]}
        content = {**SMALL, "claim": HOSTILE, "source": HOSTILE, "finding": HOSTILE, "notes": HOSTILE,
                   "base": {**SHORT, "description": HOSTILE},
                   "arms": [{"name": "batch"}, {"name": "other", "zip": axes}],
                   "criteria": [{**SMALL["criteria"][0], **dict.fromkeys(("meaning", "source", "explanation"),
                                                                         HOSTILE)}]}
        log, table = self.folder / "log", self.folder / "table.md"
        path = self.write(content)
        for arguments in (("--dry-run",), (), ("--print-commands",)):
            self.expect_harmless(*self.run_program("sweep", path, "--out", self.folder / "hostile", "-v", "--log-file",
                                                   log, *arguments))
        self.expect_harmless(*self.run_program("verdict", self.folder / "hostile", "--markdown", table))
        for file in (log, table, self.folder / "hostile/runs.csv", self.folder / "hostile/verdict.json"):
            self.expect_harmless(file.read_text())
        self.assertIn(r"\\u001b\[2J", table.read_text())
        self.expect_harmless(*self.run_program("validate", path))

    def test_results_that_a_terminal_would_obey(self):
        run = self.directories()[0]
        ended = run_json(run)
        failed = {"status": "failed", "error": HOSTILE + "\nforged: completed"}
        (run / "run.json").write_text(json.dumps({**ended, **failed}))
        table = self.out / "runs.csv"
        for arguments in ((), ("--dry-run",)):
            self.expect_harmless(*self.run_program("sweep", self.experiment, "--out", self.out, *arguments,
                                                   status=DONE if arguments else FAILED))
        out, error = self.run_program("verdict", self.out, "--markdown", "-", status=FAILED)
        self.expect_harmless(out, error, table.read_text())
        self.assertNotIn("\nforged", out + error)
        with open(table, newline="", encoding="utf-8") as file:
            self.assertIn("\\u001b[2J", {row["run"]: row for row in csv.DictReader(file)}[run.name]["error"])
        (run / "run.json").write_text(json.dumps(ended))
        table.write_text(table.read_text().replace("batch", HOSTILE))
        shutil.rmtree(self.out / "runs")
        out, error = self.run_program("verdict", self.out, status=DATA)
        self.expect_harmless(out, error)
        file = self.folder / HOSTILE
        for arguments in (("train", file), ("verdict", file), ("train", "-" + HOSTILE), ("validate", file),
                          ("sweep", self.experiment, "--profile", HOSTILE)):
            self.expect_harmless(*self.run_program(*arguments, status=USAGE))

    def test_names_with_newlines(self):
        for name in ("a\nb", "a\x1b[2J", "a\u202eb"):
            _, error = self.sweep({**SMALL, "name": name}, status=USAGE)
            self.assertIn("name: must not hold a newline or another control character", error)
            self.expect_harmless(error)

    def test_a_config_from_a_pipe(self):
        config = self.write_config(SHORT, "run.json")
        for command in (f"validate <(cat '{self.experiment}') <(cat '{config}')", f"describe <(cat '{config}')",
                        f"sweep <(cat '{self.experiment}') --set description=piped --out piped --dry-run",
                        f"train <(cat '{config}') --out piped_run", f"validate /dev/stdin < '{config}'",
                        f"cat '{self.experiment}' | '{BNLAB}' validate /dev/stdin"):
            line = command if command.startswith("cat") else f"'{BNLAB}' {command}"
            if command.startswith("sweep"):  # it has no name of its own
                self.write({**SMALL, "name": "piped"})
            done = subprocess.run(["bash", "-c", line], env=self.environment, cwd=self.folder, capture_output=True,
                                  text=True, timeout=TIMEOUT)
            self.assertEqual(done.returncode, DONE, done.stderr)
            self.assertNotIn("wrong", done.stdout)

    def test_nobody_reads_the_output_any_more(self):
        config = self.write_config(SHORT, "run.json")
        for out, arguments in (("run", ("train", config)), ("sweep", ("sweep", self.write(SMALL)))):
            for lines in (0, 1):
                with self.subTest(out, lines=lines):
                    folder = self.folder / f"{out}{lines}"
                    process = subprocess.Popen([BNLAB, *arguments, "-v", "--out", folder], env=self.environment,
                                               cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                    for _ in range(lines):
                        process.stdout.readline()
                    process.stdout.close()
                    # It ends as other programs do, when its work is done.
                    self.assertEqual(process.wait(TIMEOUT), -signal.SIGPIPE)
                    if out == "run":
                        self.assertEqual(run_json(folder)["status"], "completed")
                    else:
                        self.assertEqual(json.loads((folder / "verdict.json").read_text())["runs_completed"], 2)


if __name__ == "__main__":
    main()
