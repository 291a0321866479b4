"""bnlab sweep of a run's config: --grid, --zip, --metric and --seeds from the shell, and summary.csv."""

import csv
import json
import os
import pathlib
import pty
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))

from program import DONE, FAILED, USAGE, ProgramTest, main  # noqa: E402

CONFIG = {"dataset": {"name": "drawn_digits", "synthetic": {"examples": 500, "test_examples": 100}},
          "network": {"name": "mlp_2x64"}, "normalization": {"type": "batch"}, "optimizer": {"learning_rate": 0.1},
          "training": {"batch_size": 50, "steps": 20, "eval_every": 10}}
GRID = ("--grid", "optimizer.learning_rate=0.01,0.1", "--grid", "normalization.type=none,batch")
T_OF_3 = 4.302652729749464  # 97.5 % of Student's t, 2 degrees of freedom


class Ablation(ProgramTest):
    def setUp(self):
        super().setUp()
        self.config = self.folder / "mine.json"
        self.config.write_text(json.dumps(CONFIG))
        self.out = self.folder / "out"

    def sweep(self, *arguments, status=DONE):
        return self.run_program("sweep", self.config, *arguments, "--out", self.out, status=status)

    def rows(self, name="summary.csv"):
        with open(self.out / name, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def refused(self, line, *arguments):
        _, log = self.run_program("sweep", self.config, *arguments, status=USAGE)
        self.assertEqual(log, f"bnlab: {line}\n")

    def finals(self, rate, normalization):
        """The last test accuracy of each run of a point, from the runs' own files."""
        found = []
        for folder in sorted((self.out / "runs").iterdir()):
            config = json.loads((folder / "config.json").read_text())
            if config["optimizer"]["learning_rate"] != rate or config["normalization"]["type"] != normalization:
                continue
            with open(folder / "eval.csv", newline="", encoding="utf-8") as file:
                found.append(float(list(csv.DictReader(file))[-1]["accuracy"]))
        return found

    def test_every_combination_is_run_and_summarized(self):
        out, log = self.sweep(*GRID, "--seeds", "3")
        self.assertIn("[12/12]", log)
        rows = self.rows()
        self.assertEqual([(row["optimizer.learning_rate"], row["normalization.type"]) for row in rows],
                         [("0.01", "none"), ("0.01", "batch"), ("0.1", "none"), ("0.1", "batch")])
        for row in rows:
            values = self.finals(float(row["optimizer.learning_rate"]), row["normalization.type"])
            self.assertEqual(len(values), 3)
            self.assertEqual((row["runs"], row["completed"], row["diverged"], row["failed"]), ("3", "3", "0", "0"))
            self.assertAlmostEqual(float(row["test_accuracy_mean"]), statistics.mean(values), places=8)
            self.assertAlmostEqual(float(row["test_accuracy_sd"]), statistics.stdev(values), places=8)
            self.assertAlmostEqual(float(row["test_accuracy_half_interval"]),
                                   T_OF_3 * statistics.stdev(values) / 3 ** 0.5, places=7)
        table = out.splitlines()
        self.assertRegex(out, r"learning_rate +type +runs +test_accuracy \(%\) +test_loss\n")
        self.assertEqual(len([line for line in table if " +- " in line and "interval" not in line]), 4)
        self.assertTrue(all(len(line) <= 100 for line in table))
        experiment = json.loads((self.out / "experiment.json").read_text())
        self.assertEqual((experiment["claim"], experiment["criteria"], experiment["profile"]), ("", [], ""))
        # A second call runs nothing; one more seed runs that seed of each point; verdict shows the same table.
        again, log = self.sweep(*GRID, "--seeds", "3")
        self.assertIn("nothing to do", log)
        self.assertEqual(again, out)
        self.assertEqual(self.run_program("verdict", self.out)[0], out)
        self.assertIn("4 to do", self.sweep(*GRID, "--seeds", "1,2,3,7")[1])

    def test_zipped_axes_go_together(self):
        self.sweep("--zip", "optimizer.learning_rate=0.01,0.1", "--zip", "normalization.type=none,batch",
                   "--grid", "training.batch_size=20,50", "--seeds", "[4]", "--set", "training.steps=4")
        names = ("training.batch_size", "optimizer.learning_rate", "normalization.type", "runs")
        self.assertEqual([tuple(row[name] for name in names) for row in self.rows()],
                         [("20", "0.01", "none", "1"), ("20", "0.1", "batch", "1"),
                          ("50", "0.01", "none", "1"), ("50", "0.1", "batch", "1")])
        self.assertEqual({row["seed"] for row in self.rows("runs.csv")}, {"4"})
        self.assertEqual({row["test_loss_half_interval"] for row in self.rows()}, {""})  # of one seed

    def test_metrics_are_columns(self):
        self.sweep("--grid", "optimizer.learning_rate=0.1", "--seeds", "2", "--metric", "accuracy:best",
                   "--metric", "late=train.csv:loss:mean:2", "--metric",
                   '{"name": "area", "file": "train.csv", "series": {"column": "loss", "over_time": "area"}}')
        (row,) = self.rows()
        runs = self.rows("runs.csv")
        for name in ("test_accuracy_best", "late", "area"):
            self.assertAlmostEqual(float(row[name + "_mean"]), statistics.mean(float(run[name]) for run in runs), 6)
        self.assertNotIn("test_loss_mean", row)

    def test_nothing_is_run_where_that_is_asked_for(self):
        out, _ = self.sweep(*GRID, "--dry-run")
        self.assertIn("mine_learning_rate_type: 12 runs\n", out)
        self.assertIn("arm grid[learning_rate=0.01,type=none]\n", out)
        self.assertFalse(self.out.exists())
        commands = self.sweep(*GRID, "--seeds", "1", "--print-commands")[0].splitlines()
        self.assertEqual(len(commands), 4)
        subprocess.run(commands[1], shell=True, check=True)  # rate 0.01, batch
        _, log = self.sweep(*GRID, "--seeds", "1", "--only", "*type=batch*", "--jobs", "2", status=FAILED)
        self.assertIn("2 runs, 1 to do, in ", log)
        self.assertIn("2 runs have no result", log)

    def test_what_is_wrong_is_said_in_one_line(self):
        config = self.config
        self.refused(f"{config}: this is a run's config; use `bnlab train {config}`, or `bnlab sweep {config} --grid "
                     "PATH=VALUE,VALUE,...`")
        self.refused('--grid optimizer.learning_rat=1: optimizer.learning_rat: unknown key; did you mean '
                     '"learning_rate"?', "--grid", "optimizer.learning_rat=1,2")
        self.refused('--grid optimizer.learning_rate="fast": optimizer.learning_rate: must be a number, got "fast"',
                     "--grid", "optimizer.learning_rate=0.1,fast")
        self.refused("grid[type=group,groups=3]: normalization.groups: must divide the 64 channels of normalization1, "
                     "got 3", "--grid", "normalization.type=group", "--grid", "normalization.groups=3,4")
        self.refused(f"--profile: only with an experiment; {config} is a run's config",
                     "--grid", "optimizer.learning_rate=1", "--profile", "quick")
        self.refused("mine_learning_rate: quantity train_los: train.csv has no column \"los\"; did you mean \"loss\"?",
                     "--grid", "optimizer.learning_rate=1", "--metric", "train.csv:los")
        self.refused("--seeds x: must be a number of seeds, or a list of seeds such as 1,5,9",
                     "--grid", "optimizer.learning_rate=1", "--seeds", "x")
        self.config = self.folder / "claim.json"
        self.config.write_text(json.dumps({"base": CONFIG, "arms": [{"name": "a"}]}))
        for option, value in (("--grid", "a=1"), ("--zip", "a=1"), ("--metric", "loss")):
            self.refused(f"{option}: only with a run's config; {self.config} is an experiment and defines its own "
                         "arms and quantities", option, value)

    def test_each_ablation_has_a_folder_of_its_own(self):
        def log(axis, *arguments):
            return self.run_program("sweep", self.config, "--grid", "optimizer.learning_rate=" + axis, *arguments,
                                    "--set", "training.steps=2")[1]

        folder = "results/sweeps/mine_learning_rate"
        self.assertIn(f"2 runs, all to do, in {folder}", log("0.01,0.1", "--seeds", "1"))
        self.assertIn(f"1 run, all to do, in {folder}_2", log("1", "--seeds", "1"))
        self.assertIn(f"2 runs, nothing to do, in {folder}", log("0.01,0.1", "--seeds", "1"))
        self.assertIn(f"2 runs, 1 to do, in {folder}_2", log("1", "--seeds", "2"))  # the same, and one seed more
        self.assertEqual(sorted(path.name for path in (self.folder / "results" / "sweeps").iterdir()),
                         ["mine_learning_rate", "mine_learning_rate_2"])

    def test_an_experiment_needs_neither_claim_nor_criteria(self):
        path = self.folder / "plain.json"
        path.write_text(json.dumps({"base": CONFIG, "seeds": 2,
                                    "arms": [{"name": "none", "set": {"normalization.type": "none"}},
                                             {"name": "rates", "grid": {"optimizer.learning_rate": [0.1, 0.2]}}]}))
        self.run_program("validate", path)
        out, _ = self.run_program("sweep", path, "--out", self.out)
        self.assertRegex(out, r"arm +learning_rate +runs +test_accuracy \(%\) +test_loss\n")
        self.assertEqual([row["arm"] for row in self.rows()], ["none", "rates", "rates"])

    def test_verdicts_have_colours_on_a_terminal_that_wants_them(self):
        path = self.folder / "claim.json"
        path.write_text(json.dumps({
            "base": CONFIG, "seeds": 2, "arms": [{"name": "a"}],
            "quantities": [{"name": "steps", "unit": "\u001b[2J", "file": "train.csv", "series": {"column": "step"}}],
            "criteria": [{"name": "c", "meaning": "\u001b[2J", "type": "value", "quantity": "steps", "arms": ["a"],
                          "at_least": 1, "source": "s"}]}))
        self.run_program("sweep", path, "--out", self.out)
        for variables, is_coloured in (({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({"TERM": ""}, False),
                                       ({"TERM": "xterm", "NO_COLOR": "1"}, False)):
            ours, theirs = pty.openpty()
            subprocess.run(self.command("verdict", self.out), env={**self.environment, **variables}, stdout=theirs,
                           stderr=subprocess.DEVNULL, check=True)
            os.close(theirs)
            shown = b""
            try:
                while part := os.read(ours, 65536):
                    shown += part
            except OSError:  # the other end is closed
                pass
            os.close(ours)
            self.assertEqual(b"\x1b[32mreproduced\x1b[0m" in shown, is_coloured, variables)
            self.assertIn(b"reproduced", shown)
            self.assertNotIn(b"\x1b[2J", shown)


if __name__ == "__main__":
    main()
