"""compare and export: what differs between runs and points of sweeps, and all runs of sweeps as one table."""

import csv
import io
import json
import shutil
import statistics

from program import DATA, DONE, FAILED, USAGE, ProgramTest, config, main, read_csv, run_json, snapshot

STUDENT_2 = 4.302652729911275  # two-sided 95 %, 2 degrees of freedom


def experiment(**more):
    """A sweep of 2 + 1 points with two seeds on small data."""
    quantity = {"name": "accuracy", "where": {"split": "test"}, "series": {"column": "accuracy", "over_time": "final"}}
    return {"claim": "c", "source": "s", "base": config(training={"steps": 12, "eval_every": 6}),
            "arms": [{"name": "rates", "grid": {"optimizer.learning_rate": [0.02, 0.2],
                                                "normalization.type": ["layer"]}},
                     {"name": "none", "set": {"normalization.type": "none", "probes": [{"type": "gradient_norm"}]}}],
            "seeds": 3, "quantities": [quantity],
            "criteria": [{"name": "d", "type": "value", "quantity": "accuracy", "arms": ["none"]}], **more}


class Tables(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        first = cls("make")
        first.setUp()
        path = first.write_config(experiment(), "small.json")
        first.run_program("sweep", path, "--out", cls.shared / "small", "--quiet")
        cls.whole = cls.shared / "small"
        first.doCleanups()

    def make(self):
        """Stands for the test in which the sweep is made."""

    def compare_csv(self, *folders, status=DONE):
        out, _ = self.run_program("compare", *folders, "--csv", "-", status=status)
        return list(csv.DictReader(io.StringIO(out)))

    def export(self, *arguments, status=DONE):
        out, error = self.run_program("export", *arguments, "--out", "-", status=status)
        return list(csv.DictReader(io.StringIO(out))), error

    def test_runs(self):
        one = self.train("one")
        two = self.train("two", "--set", "normalization.type=none", "optimizer.learning_rate=0.5", "--seed", "4")
        rows = self.compare_csv(one, two)
        self.assertEqual([row["normalization.type"] for row in rows], ["batch", "none"])
        self.assertEqual([row["optimizer.learning_rate"] for row in rows], ["0.05", "0.5"])
        self.assertEqual([row["seeds"] for row in rows], ["3", "4"])
        # No key that is the same, or that only one of the types has.
        self.assertEqual([key for key in rows[0] if "." in key], ["normalization.type", "optimizer.learning_rate"])
        for row, folder in zip(rows, (one, two)):
            self.assertEqual(row["directory"], str(folder))
            ended = run_json(folder)
            for kind in ("final", "best"):
                for column in ("accuracy", "loss"):
                    self.assertAlmostEqual(float(row[f"{kind}_{column}"]), ended[kind]["test"]["running"][column])
            self.assertEqual((row["completed"], row["steps"]), ("1", "20"))

    def test_points_of_a_sweep(self):
        rows = self.compare_csv(self.whole)
        self.assertEqual([row["label"] for row in rows], ["rates[learning_rate=0.02,type=layer]",
                                                          "rates[learning_rate=0.2,type=layer]", "none"])
        self.assertEqual([row["seeds"] for row in rows], ["1 2 3"] * 3)
        self.assertEqual([row["probes"] for row in rows], ["none", "none", "gradient_norm"])
        for row in rows:
            finals = [float(run["accuracy"]) for run in read_csv(self.whole / "runs.csv")
                      if run["arm"] == row["label"].split("[")[0]
                      and run["optimizer.learning_rate"] in ("", row["optimizer.learning_rate"])]
            self.assertEqual(len(finals), 3)
            self.assertAlmostEqual(float(row["final_accuracy"]), statistics.mean(finals))
            half = STUDENT_2 * statistics.stdev(finals) / 3 ** 0.5
            self.assertAlmostEqual(float(row["final_accuracy_half_interval"]), half)

    def test_text_fits_and_nothing_is_written(self):
        run = self.train("run")
        before = snapshot(self.shared)
        for folders in ((self.whole,), (run,), (self.whole, run)):
            out, error = self.run_program("compare", *folders)
            self.assertLessEqual(max(map(len, out.splitlines())), 100)
            self.assertEqual(error, "")
            self.assertIn("test accuracy", out)
        self.assertIn("+-", out)
        self.assertEqual(snapshot(self.shared), before)

    def test_many_keys_stand_below_each_other(self):
        keys = ["training.batch_size=16", "optimizer.momentum=0.5", "optimizer.weight_decay=0.001",
                "normalization.running_average_decay=0.5", "initialization.gain=2", "dataset.limit=200"]
        one, two = self.train("a_run_with_a_long_name_" + "x" * 60), self.train("two", "--set", *keys)
        out, _ = self.run_program("compare", one, two)
        self.assertLessEqual(max(map(len, out.splitlines())), 100)
        for key in keys:
            name, value = key.split("=")
            (line,) = [line for line in out.splitlines() if line.startswith(name + " ")]
            self.assertEqual(float(line.split()[-1]), float(value), line)

    def test_diverged_and_unfinished_runs(self):
        diverged = self.train("diverged", "--set", "optimizer.learning_rate=1e30")
        begun = shutil.copytree(diverged, self.folder / "begun")
        (begun / "run.json").unlink()
        rows = self.compare_csv(diverged, begun)
        self.assertEqual([(row["runs"], row["completed"], row["diverged"]) for row in rows],
                         [("1", "0", "1"), ("1", "0", "0")])
        self.assertEqual(rows[0]["final_accuracy"], "")
        out, _ = self.run_program("compare", diverged, begun)
        self.assertIn("unfinished", out)

    def test_folders_of_results(self):
        for name in ("b", "a"):
            self.train(f"all/{name}")
        rows = self.compare_csv(self.folder / "all")
        self.assertEqual([row["directory"] for row in rows], [str(self.folder / "all" / name) for name in "ab"])
        # The same run once.
        self.assertEqual(len(self.compare_csv(self.folder / "all", self.folder / "all" / "a")), 2)

    def test_a_sweep_without_its_runs(self):
        sweep = shutil.copytree(self.whole, self.folder / "sweep")
        shutil.rmtree(sweep / "runs")
        rows, whole = self.compare_csv(sweep), self.compare_csv(self.whole)
        self.assertEqual([row["accuracy"] for row in rows], [row["final_accuracy"] for row in whole])
        self.assertEqual([row["completed"] for row in rows], ["3"] * 3)

    def test_what_can_not_be_compared(self):
        run = self.train("run")
        for wrong, part in ((self.folder / "none", "no such directory"), (self.shared / "data", "neither a run nor")):
            out, error = self.run_program("compare", wrong, run, status=USAGE)
            self.assertIn("completed", out)
            self.assertIn(f"{wrong}: ", error)
            self.assertIn(part, error)
        damaged = shutil.copytree(run, self.folder / "damaged")
        (damaged / "run.json").write_text("{")
        out, _ = self.run_program("compare", damaged, run)
        self.assertIn("damaged", out)
        sweep = shutil.copytree(self.whole, self.folder / "sweep")
        shutil.rmtree(sweep / "runs")
        (sweep / "runs.csv").write_text("arm\n")
        self.run_program("compare", sweep, status=DATA)

    def test_files_that_are_no_such_table_stay(self):
        run = self.train("run")
        (self.folder / "thesis.csv").write_text("the only copy")
        (self.folder / "folder").mkdir()
        before = snapshot(self.shared)
        for option, command in (("--csv", ("compare", run)), ("--markdown", ("compare", run)),
                                ("--out", ("export", self.whole))):
            for file in (self.folder / "thesis.csv", self.folder / "new" / ".." / "thesis.csv", self.folder / "folder",
                         run / "train.csv", run / "new" / ".." / "run.json", self.whole / "runs.csv",
                         self.whole / "summary.csv", next(self.whole.glob("runs/*")) / "eval.csv"):
                with self.subTest(option, file=file):
                    _, error = self.run_program(*command, option, file, status=USAGE)
                    self.assertIn(option, error)
        self.assertEqual(snapshot(self.shared), before)

    def test_own_files_are_written_again(self):
        run = self.train("run")
        for option, command in (("--csv", ("compare", run)), ("--markdown", ("compare", run)),
                                ("--out", ("export", self.whole))):
            file = self.folder / option.strip("-")
            self.run_program(*command, option, file)
            before = file.read_bytes()
            self.run_program(*command, option, file)
            self.assertEqual(file.read_bytes(), before)
        lines = (self.folder / "markdown").read_text().splitlines()
        self.assertEqual({line.count("|") for line in lines}, {lines[0].count("|")})

    def test_export(self):
        rows, error = self.export(self.whole)
        self.assertEqual(error, "")
        self.assertEqual(list(rows[0])[:6], ["sweep", "arm", "optimizer.learning_rate", "normalization.type", "seed",
                                             "step"])
        self.assertEqual({row["sweep"] for row in rows}, {"small"})
        found = {}
        for row in rows:
            found.setdefault((row["arm"], row["optimizer.learning_rate"], row["seed"]), []).append(row)
        # In the order of the arms, their points, the seeds.
        self.assertEqual(list(found), [(arm, rate, seed) for arm, rate in (("rates", "0.02"), ("rates", "0.2"),
                                                                           ("none", "")) for seed in "123"])
        for run in read_csv(self.whole / "runs.csv"):
            expected = read_csv(self.whole / "runs" / run["run"] / "train.csv")
            ours = found[run["arm"], run["optimizer.learning_rate"], run["seed"]]
            self.assertEqual([{key: row[key] for key in expected[0]} for row in ours], expected)
            self.assertEqual({row["normalization.type"] for row in ours}, {run["normalization.type"].strip('"')})

    def test_export_of_another_file(self):
        rows, error = self.export(self.whole, "--file", "gradient_norm.csv")
        self.assertEqual({row["arm"] for row in rows}, {"none"})
        self.assertEqual(list(rows[0])[5:7], ["step", "parameter"])
        self.assertEqual(self.export(self.whole, "--file", "eval.csv")[0][0]["split"], "test")
        for name, part in (("evl.csv", 'did you mean "eval.csv"?'), ("../runs.csv", "name of a CSV file"),
                           ("run.json", "name of a CSV file")):
            _, error = self.run_program("export", self.whole, "--file", name, "--out", "-", status=USAGE)
            self.assertIn(part, error)

    def test_export_of_several_sweeps(self):
        path = self.write_config(experiment(arms=[{"name": "batch", "grid": {"training.batch_size": [10, 20]}},
                                                  {"name": "none", "set": {"normalization.type": "none"}}],
                                            seeds=1), "small.json")
        self.run_program("sweep", path, "--out", self.folder / "other", "--quiet")
        rows, _ = self.export(self.whole, self.folder / "other")
        self.assertEqual(list(rows[0])[2:6], ["optimizer.learning_rate", "normalization.type", "training.batch_size",
                                              "seed"])
        # Both are named "small".
        self.assertEqual(list(dict.fromkeys(row["sweep"] for row in rows)),
                         [str(self.whole), str(self.folder / "other")])
        _, error = self.run_program("export", self.whole, f"{self.whole}/", "--out", "-", status=USAGE)
        self.assertIn("twice", error)

    def test_export_names_runs_without_result(self):
        sweep = shutil.copytree(self.whole, self.folder / "sweep")
        gone, begun, without = sorted(sweep.glob("runs/*"))[:3]
        shutil.rmtree(gone)
        (begun / "run.json").unlink()
        (without / "train.csv").unlink()
        out = self.folder / "table.csv"
        _, error = self.run_program("export", sweep, "--out", out, status=FAILED)
        for folder in (gone, begun, without):
            self.assertIn(folder.name, error)
        self.assertEqual(len({(row["arm"], row["optimizer.learning_rate"], row["seed"]) for row in read_csv(out)}), 6)

    def test_export_of_damaged_files(self):
        sweep = shutil.copytree(self.whole, self.folder / "sweep")
        file = next(sweep.glob("runs/*_none_*")) / "gradient_norm.csv"
        file.write_text(file.read_text() + "1,2\n")
        out = self.folder / "table.csv"
        _, error = self.run_program("export", sweep, "--file", "gradient_norm.csv", "--out", out, status=DATA)
        self.assertIn(f"{file}:", error)
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["sweep"])

    def test_export_of_what_is_no_sweep(self):
        run = self.train("run")
        for folder in (run, self.folder / "none", self.shared / "data"):
            _, error = self.run_program("export", folder, "--out", self.folder / "x", status=USAGE)
            self.assertIn("is not the directory of a sweep", error)
        _, error = self.run_program("export", self.whole, status=USAGE)
        self.assertIn("--out", error)

    def test_they_are_in_completions_and_manual(self):
        for arguments in (("completion", "bash"), ("completion", "zsh"), ("completion", "fish"), ("manual",)):
            out, _ = self.run_program(*arguments)
            for word in ("compare", "export", "csv", "markdown"):
                self.assertIn(word, out)

    def test_pandas(self):
        """The example of README.md, where pandas is installed."""
        try:
            import pandas
        except ImportError:
            self.skipTest("no pandas")
        out = self.folder / "table.csv"
        self.run_program("export", self.whole, "--out", out)
        table = pandas.read_csv(out)
        self.assertEqual(str(table["step"].dtype), "int64")
        self.assertEqual(json.loads(table["seed"].drop_duplicates().to_json(orient="values")), [1, 2, 3])


if __name__ == "__main__":
    main()
