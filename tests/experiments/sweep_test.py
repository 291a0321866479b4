"""bnlab sweep and verdict from the shell: their files, what is run again, what is refused."""

import fcntl
import os
import pty
import shutil
import struct
import subprocess
import termios

from sweep_program import SHORT, SMALL, SweepTest, experiment

from program import DONE, FAILED, TIMEOUT, USAGE, main  # of tests/cli, whose folder sweep_program adds


class Sweep(SweepTest):
    def test_runs_verdict_and_files(self):
        out, log = self.sweep(experiment(), "--details")
        self.assertRegex(out, r"better +reproduced +\S+ \[\S+, \S+\] points +at least -99 +3")
        self.assertRegex(out, r"chosen +measured, no threshold")
        self.assertRegex(out, r"best is rates\[learning_rate=0\.\d+\], the best by train_loss")
        self.assertIn("[15/15]", log)
        rows = self.rows()
        self.assertEqual(len(rows), 18)  # 15 runs, and 3 again as those of the best point
        self.assertEqual({row["status"] for row in rows}, {"completed"})
        best = [row["optimizer.learning_rate"] for row in rows if row["arm"] == "best"]
        means = {}
        for row in rows:
            if row["arm"] == "rates":
                means.setdefault(row["optimizer.learning_rate"], []).append(float(row["train_loss"]))
        self.assertEqual(set(best), {min(means, key=lambda rate: sum(means[rate]))})
        verdict = self.verdict()
        self.assertEqual(verdict["verdict"], "reproduced")
        self.assertEqual([one["verdict"] for one in verdict["criteria"]], ["reproduced", "reported"])
        self.assertEqual(verdict["seeds"], [1, 2, 3])
        by_seed = {arm: [float(row["accuracy"]) for row in rows if row["arm"] == arm] for arm in ("batch", "none")}
        mean = sum(a - b for a, b in zip(by_seed["batch"], by_seed["none"])) / 3
        self.assertAlmostEqual(verdict["criteria"][0]["effect"], mean, places=9)
        for path in self.directories():
            self.assertTrue((path / "run.json").exists() and (path / "train.csv").exists())

    def test_second_call_runs_what_is_missing_and_nothing_else(self):
        content = experiment()
        self.sweep(content)
        first, table = self.ends(), (self.folder / "out" / "runs.csv").read_bytes()
        _, log = self.sweep(content)
        self.assertIn("nothing to do", log)
        self.assertEqual((self.ends(), (self.folder / "out" / "runs.csv").read_bytes()), (first, table))
        # An edited criterion, quantity or text runs nothing.
        content["criteria"][0] |= {"at_least": 2, "explanation": "only a run that diverged is above 1"}
        content["quantities"][0] |= {"meaning": "accuracy at the end", "when_diverged": 3}
        content["claim"] = "Another sentence."
        out, _ = self.sweep(content, "--details")
        self.assertEqual(self.ends(), first)
        self.assertRegex(out, r"better +not reproduced +\S+ \[.*\] points +at least 200")
        # The full profile alone explains it.
        self.assertRegex(out, r"better: the interval lies below the threshold 200\n")
        # An edited arm runs that arm alone; one more seed runs that seed of each arm.
        content["arms"][1]["set"]["optimizer.learning_rate"] = 0.2
        _, log = self.sweep(content)
        self.assertIn("3 to do", log)
        _, log = self.sweep(content, "--seeds", "4")
        self.assertIn("5 to do", log)
        now = self.ends()
        self.assertEqual({name: now[name] for name in first}, first)

    def test_only_some_arms(self):
        self.sweep(experiment(), "--only", "batch", status=FAILED)
        self.assertEqual(len(self.directories()), 3)
        verdict = self.verdict()
        self.assertEqual(verdict["verdict"], "inconclusive")
        self.assertIn("none", verdict["criteria"][0]["explanation"])
        self.assertEqual(len(verdict["runs_without_result"]), 12)
        _, error = self.sweep(experiment(), "--only", "botch*", status=USAGE)
        self.assertIn("botch*", error)

    def test_dry_run_writes_nothing(self):
        out, _ = self.sweep(experiment(), "--dry-run")
        self.assertIn("arm none\n  normalization.type: \"batch\" -> \"none\"", out)
        self.assertIn("15 runs to do", out)
        self.assertFalse((self.folder / "out").exists())

    def test_verdict_alone(self):
        self.sweep(experiment())
        directory = self.folder / "out"
        held = {name: (directory / name).read_bytes() for name in ("runs.csv", "verdict.json")}
        for path in self.directories():
            for file in path.iterdir():
                file.unlink()
            path.rmdir()
        (directory / "runs").rmdir()
        (directory / "verdict.json").unlink()
        self.run_program("verdict", directory)
        self.assertEqual({name: (directory / name).read_bytes() for name in held}, held)
        self.run_program("verdict", directory, "--markdown", self.folder / "table.md")
        self.assertIn("| reproduced |", (self.folder / "table.md").read_text())
        # The table and the status are those without --markdown; "-" replaces the table alone.
        content = experiment()
        content["criteria"][0]["at_least"] = 2
        content["quantities"][0]["when_diverged"] = 3  # which no run does
        table, _ = self.sweep(content, "--strict", status=FAILED)
        for file in (self.folder / "table.md", "-"):
            out, _ = self.run_program("verdict", directory, "--strict", "--markdown", file, status=FAILED)
            self.assertEqual(out, self.folder.joinpath("table.md").read_text() if file == "-" else table)
            self.run_program("verdict", directory, "--markdown", file)
        self.assertRegex(table, r"experiment  not reproduced  \S+ \[\S+, \S+\] points, claimed: at least 200\n"
                         r"  Batch normalization is worth having.\n")

    def test_where_the_table_goes(self):
        self.sweep(SMALL)
        directory = self.folder / "out"
        self.run_program("verdict", directory, "--markdown", self.folder / "table.md")
        table = (self.folder / "table.md").read_text()
        # A link stays one, a pipe and a device are written to; but in a folder of results neither link nor pipe.
        elsewhere = self.folder / "a" / "b" / "c" / "d"
        for place in (elsewhere, directory):
            place.mkdir(parents=True, exist_ok=True)
            (place / "link.md").symlink_to(self.folder / "table.md")
            os.mkfifo(place / "pipe")
        (self.folder / "table.md").write_text(table + table)
        self.run_program("verdict", directory, "--markdown", elsewhere / "link.md")
        self.assertTrue((elsewhere / "link.md").is_symlink())
        self.assertEqual((self.folder / "table.md").read_text(), table)
        reader = subprocess.Popen(["cat", elsewhere / "pipe"], stdout=subprocess.PIPE, text=True)
        self.run_program("verdict", directory, "--markdown", elsewhere / "pipe")
        links = table.replace("(out)", "(../../../../out)")  # seen from the folder of the pipe
        self.assertEqual(reader.communicate(timeout=TIMEOUT)[0], links)
        self.assertTrue((elsewhere / "pipe").is_fifo())
        for name in ("link.md", "pipe"):
            _, error = self.run_program("verdict", directory, "--markdown", directory / name, status=USAGE)
            self.assertIn("in a folder of results; nothing is written to it", error)
            (directory / name).unlink()
        _, error = self.run_program("verdict", directory, "--markdown", "/dev/full", status=FAILED)
        self.assertIn("/dev/full: cannot write: No space left", error)
        # No file of a sweep is.
        for file in (*(directory / name for name in ("runs.csv", "verdict.json", "experiment.json")),
                     self.directories()[0] / "train.csv"):
            held = file.read_bytes()
            _, error = self.run_program("verdict", directory, "--markdown", file, status=USAGE)
            self.assertIn(f"--markdown: {file} is a file of {directory}", error)
            _, error = self.sweep(SMALL, "--log-file", file, status=USAGE)
            self.assertIn(f"--log-file: {file} exists and was not written by bnlab", error)
            self.assertEqual(file.read_bytes(), held)
        self.run_program("verdict", directory, "--markdown", "", status=USAGE)

    def test_results_without_run_directories_are_not_lost(self):
        self.sweep(SMALL)
        directory = self.folder / "out"
        shutil.rmtree(directory / "runs")

        def files():
            return {path: path.read_bytes() for path in directory.rglob("*.*") if path.suffix in (".json", ".csv")}

        before = files()
        for arguments in (("--seeds", 1), ("--set", "training.steps=3")):
            self.sweep(SMALL, *arguments, status=USAGE)
            self.assertEqual(files(), before)
        # An edited criterion needs no run: the results come from the table that was set aside.
        edited = {**SMALL, "criteria": [{**SMALL["criteria"][0], "at_least": 0.5, "source": "nobody"}]}
        self.sweep(edited, "--print-commands")
        shutil.rmtree(directory / "runs")
        self.run_program("verdict", directory)
        self.assertEqual([row["status"] for row in self.rows()], ["completed"] * 2)
        self.assertEqual(len(list(directory.glob("old/*/runs.csv"))), 1)
        # Another quantity under the same name is not the number that the table has.
        quantity = {**SMALL["quantities"][0], "series": {"column": "accuracy", "over_time": "mean"}}
        self.sweep({**SMALL, "quantities": [quantity]}, "--print-commands")
        shutil.rmtree(directory / "runs")
        out, _ = self.run_program("verdict", directory, status=FAILED)
        self.assertIn("its directory is missing, and runs.csv has no accuracy", out)

    def test_a_directory_whose_sweep_cannot_be_told(self):
        self.sweep(SMALL)
        path = self.folder / "out/experiment.json"
        path.write_bytes(path.read_bytes()[:-20])
        held = path.read_bytes()
        self.write(SMALL, "other.json")
        _, error = self.run_program("sweep", self.folder / "other.json", "--out", self.folder / "out", status=USAGE)
        self.assertIn(f"remove {path}", error)
        self.assertEqual(path.read_bytes(), held)

    def test_a_damaged_end_of_a_run(self):
        self.sweep(SMALL)
        table = self.rows()
        run = self.directories()[0]
        (run / "run.json").write_bytes((run / "run.json").read_bytes()[:-5])
        out, _ = self.sweep(SMALL, status=FAILED)
        self.assertRegex(out, rf"{run.name}.*run.json: damaged")
        self.assertTrue((run / "weights.npz").exists())
        self.sweep(SMALL, "--retry-failed")
        self.assertEqual(self.rows(), table)

    def test_verdict_of_whatever_a_glob_finds(self):
        self.sweep(SMALL)
        self.sweep(SMALL, out="quick/other")
        (self.folder / "README.md").write_text("text")
        out, error = self.run_program("verdict", *sorted(self.folder.iterdir()),
                                      next((self.folder / "out/runs").iterdir()))
        self.assertEqual(out, self.run_program("verdict", self.folder / "out")[0])
        for name, what in (("README.md", "a file"), ("quick", "a folder of sweeps"), ("_batch_seed\\d", "a run")):
            self.assertRegex(error, f"{name}: skipped: {what}, not a sweep")
        # A folder of sweeps alone stands for those in it.
        self.sweep({**SMALL, "criteria": []}, out="quick/another")
        both, _ = self.run_program("verdict", self.folder / "quick")
        self.assertRegex(both, r"experiment  measured, no threshold  ")
        self.assertRegex(both, r"runs +accuracy \(%\)\n")
        # What is none of these is an error, and the others are judged.
        for name in ("outt", "empty"):
            (self.folder / "empty").mkdir(exist_ok=True)
            out, error = self.run_program("verdict", self.folder / name, self.folder / "out", status=USAGE)
            self.assertIn("experiment  measured, no threshold  ", out)
            self.assertIn(f"{name}: is not the directory of a sweep", error)
        _, error = self.run_program("verdict", self.folder / "README.md", status=USAGE)
        self.assertIn("is not the directory of a sweep", error)
        (self.folder / "quick/other/experiment.json").write_text("{")
        out, _ = self.run_program("verdict", self.folder / "quick/other", self.folder / "out", status=USAGE)
        self.assertIn("experiment  measured, no threshold  ", out)

    def test_all_experiments_are_checked_before_the_first_run(self):
        good, bad = self.write(SMALL, "good.json"), self.write({**SMALL, "seeds": 0}, "bad.json")
        _, error = self.run_program("sweep", good, bad, "--out", self.folder / "out", status=USAGE)
        self.assertIn("seeds", error)
        self.assertFalse((self.folder / "out").exists())
        # Nor may two share a directory, in one call or in two.
        (self.folder / "other").mkdir()
        twin = self.write(SMALL, "other/good.json")
        _, error = self.run_program("sweep", good, twin, "--out", self.folder / "out", status=USAGE)
        self.assertIn("have the same name good", error)
        self.run_program("sweep", good, "--out", self.folder / "out")
        third = self.write(SMALL, "third.json")
        _, error = self.run_program("sweep", third, "--out", self.folder / "out", status=USAGE)
        self.assertIn("has the sweep of good", error)

    def test_what_was_damaged_is_run_again_when_asked(self):
        self.sweep(SMALL)
        first, table = self.ends(), self.rows()
        run = self.directories()[0]
        (run / "eval.csv").write_bytes((run / "eval.csv").read_bytes()[:-3])
        for config in (self.folder / "out" / "configs").iterdir():
            config.write_text("")
        for arguments in ((), ("--dry-run",)):
            out, _ = self.sweep(SMALL, *arguments, status=DONE if arguments else FAILED)
            self.assertRegex(out, f"{run.name}.*failed")
        self.assertEqual(self.ends(), first)
        self.sweep(SMALL, "--retry-failed")
        self.assertEqual(self.rows(), table)
        now = self.ends()
        self.assertEqual([name for name in first if now[name] != first[name]], [run.name])

    def test_options_without_effect(self):
        slurm = ("--executor", "slurm")
        for arguments, parts in ((("--slurm-time", "30"), ["--slurm-time", "only with --executor slurm"]),
                                 (("--no-wait",), ["--no-wait", "only with --executor slurm"]),
                                 ((*slurm, "--jobs", "2"), ["--jobs", "--slurm-tasks"]),
                                 ((*slurm, "--timeout", "2"), ["--timeout", "--slurm-time"])):
            _, error = self.sweep(SMALL, *arguments, status=USAGE)
            for part in parts:
                self.assertIn(part, error)
        _, error = self.sweep({**SMALL, "arms": [{"name": "batch", "set": {"optimizer.learning_rate": 0.2}}]},
                              "--set", "optimizer.learning_rate=0.3")
        self.assertIn("arm batch of experiment sets optimizer.learning_rate itself", error)
        self.sweep(SMALL, out="done")
        self.sweep(SMALL, *slurm, out="done")  # nothing is left to submit

    def test_dry_run_estimates(self):
        content = {**SMALL, "seeds": 4, "quick": {"minutes": 8}}

        def last_line(*arguments):
            return self.sweep(content, "--dry-run", *arguments)[0].splitlines()[-1]
        self.assertIn("4 runs to do, about 8:00 with 2 at a time", last_line("--jobs", "2"))
        self.assertIn("4 runs to do, about 4:00 with 4 at a time", last_line("--jobs", "4"))
        self.assertIn("2 runs to do, about 8:00 with 1 at a time", last_line("--jobs", "1", "--seeds", "2"))
        del content["quick"]
        self.assertIn("4 runs to do, no time estimate (set `minutes`)", last_line())
        content["base"] = {**SHORT, "dataset": {"name": "cifar10", "path": "/nowhere"}}
        self.sweep(content, status=FAILED)
        self.assertIn("No runs to do; 4 failed", last_line())
        self.assertIn("4 runs to do", last_line("--retry-failed"))

    def test_the_line_fits_the_terminal(self):
        try:
            own, terminal = pty.openpty()
        except OSError as error:
            self.skipTest(f"no terminal to be had: {error}")
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
        content = {**SMALL, "base": {**SHORT, "training": {**SHORT["training"], "steps": 2000}}}
        process = subprocess.Popen(self.command("sweep", self.write(content), "--out", self.folder / "out"),
                                   env=self.environment, stdout=subprocess.DEVNULL, stderr=terminal)
        os.close(terminal)
        shown = b""
        try:
            while block := os.read(own, 4096):
                shown += block
        except OSError:  # the other end is closed
            pass
        os.close(own)
        self.assertEqual(process.wait(TIMEOUT), DONE)
        lines = [part for part in shown.decode().split("\r\033[K") if " done" in part]
        self.assertTrue(lines)
        for line in lines:
            self.assertLess(len(line.split("\r")[0]), 40)

    def test_print_commands(self):
        out, _ = self.sweep(experiment(), "--print-commands")
        commands = out.splitlines()
        self.assertEqual(len(commands), 15)
        for command in commands:
            self.assertEqual(os.system(f"{command} > /dev/null 2>&1"), 0, command)
        _, log = self.sweep(experiment())
        self.assertIn("nothing to do", log)
        self.assertEqual(self.verdict()["verdict"], "reproduced")

    def test_strict(self):
        content = experiment()
        content["criteria"][0]["at_least"] = 2
        content["quantities"][0]["when_diverged"] = 3  # which no run does
        self.sweep(content)
        self.sweep(content, "--strict", status=FAILED)

    def test_wrong_experiments(self):
        arms = experiment()["arms"]
        for fields, parts in (
                ({"arms": []}, ["arms", "at least 1"]),
                ({"arms": [{"name": "typo", "set": {"normalization.typ": "none"}}, *arms]},
                 ["normalization.typ", "type"]),
                ({"arms": [{"name": "seeded", "set": {"training.seed": 3}}, *arms]}, ["training.seed"]),
                ({"arms": arms[:3] + [{"name": "best", "best_of": {"arm": "rates", "quantity": "accuracy"}}]},
                 ["best_of", "test split"]),
                ({"arms": [*arms, {"name": "other", "config": "figure1_batch_normalization.json"}]},
                 ["other", "undeclared difference"]),
                ({"base": "no_such_config.json"}, ["no_such_config.json"]),
                ({"seeds": 0}, ["seeds"]),
                ({"quantities": experiment()["quantities"] + [{"name": "q", "series": {"column": "acuracy"}}]},
                 ["no column \"acuracy\"", "\"accuracy\""]),
                ({"quantitys": []}, ["quantitys", "quantities"])):
            with self.subTest(parts=parts):
                _, error = self.sweep({**experiment(), **fields}, status=USAGE)
                for part in parts:
                    self.assertIn(part, error)
                self.run_program("validate", self.folder / "experiment.json", status=USAGE)
                self.assertFalse((self.folder / "out").exists())


if __name__ == "__main__":
    main()
