"""bnlab sweep, verdict and reproduce from the shell: their files, what is run again, what is refused."""

import csv
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))

from program import DONE, FAILED, SOURCE, USAGE, ProgramTest, main  # noqa: E402

TIMING = ("seconds", "steps_per_second")
SHORT = {"dataset": {"name": "drawn_digits", "synthetic": {"examples": 500, "test_examples": 100}},
         "network": {"name": "mlp_2x64"}, "normalization": {"type": "batch"}, "optimizer": {"learning_rate": 0.1},
         "training": {"batch_size": 50, "steps": 40, "eval_every": 20}}


def experiment(**fields):
    return {
        "claim": "Batch normalization is worth having.", "source": "nobody", "base": SHORT,
        "arms": [{"name": "batch"}, {"name": "none", "set": {"normalization.type": "none"}},
                 {"name": "rates", "grid": {"optimizer.learning_rate": [0.01, 0.03, 0.3]}},
                 {"name": "best", "best_of": {"arm": "rates", "quantity": "train_loss"}}],
        "seeds": 3,
        "quantities": [{"name": "accuracy", "where": {"split": "test", "statistics": "running"},
                        "series": {"column": "accuracy"}},
                       {"name": "train_loss", "file": "train.csv", "better": "lower", "series": {"column": "loss"}}],
        "criteria": [{"name": "better", "type": "difference", "quantity": "accuracy", "arms": ["batch", "none"],
                      "at_least": -1, "source": "nobody"},
                     {"name": "chosen", "type": "value", "quantity": "accuracy", "arms": ["best"]}],
        **fields}


class SweepTest(ProgramTest):
    def write(self, content, name="experiment.json"):
        path = self.folder / name
        path.write_text(json.dumps(content))
        return path

    def sweep(self, content, *arguments, status=DONE, out="out"):
        return self.run_program("sweep", self.write(content), "--out", self.folder / out, *arguments, status=status)

    def rows(self, out="out"):
        """runs.csv without the columns of time."""
        with open(self.folder / out / "runs.csv", newline="", encoding="utf-8") as file:
            return [{name: value for name, value in row.items() if name not in TIMING} for row in csv.DictReader(file)]

    def verdict(self, out="out"):
        return json.loads((self.folder / out / "verdict.json").read_text())

    def directories(self, out="out"):
        return sorted((self.folder / out / "runs").iterdir())

    def ends(self, out="out"):
        """When each run ended: a run that is made again has another time."""
        return {path.name: (path / "run.json").stat().st_mtime_ns for path in self.directories(out)}


class Sweep(SweepTest):
    def test_runs_verdict_and_files(self):
        out, log = self.sweep(experiment())
        self.assertRegex(out, r"better +>= -1 +reproduced +\S+ +\[\S+, \S+\] +3")
        self.assertRegex(out, r"chosen +reported")
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
        self.assertIn("0 of them to do", log)
        self.assertEqual((self.ends(), (self.folder / "out" / "runs.csv").read_bytes()), (first, table))
        # An edited criterion, quantity or text runs nothing.
        content["criteria"][0]["at_least"] = 2
        content["quantities"][0]["meaning"] = "accuracy at the end"
        content["claim"] = "Another sentence."
        out, _ = self.sweep(content)
        self.assertEqual(self.ends(), first)
        self.assertRegex(out, r"better +>= 2 +not reproduced")
        # An edited arm runs that arm alone; one more seed runs that seed of each arm.
        content["arms"][1]["set"]["optimizer.learning_rate"] = 0.2
        _, log = self.sweep(content)
        self.assertIn("3 of them to do", log)
        _, log = self.sweep(content, "--seeds", "4")
        self.assertIn("5 of them to do", log)
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
        self.assertIn("15 runs are left", out)
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
        _, error = self.run_program("verdict", self.shared, status=USAGE)
        self.assertIn("experiment.json", error)

    def test_print_commands(self):
        out, _ = self.sweep(experiment(), "--print-commands")
        commands = out.splitlines()
        self.assertEqual(len(commands), 15)
        for command in commands:
            self.assertEqual(os.system(f"{command} > /dev/null 2>&1"), 0, command)
        _, log = self.sweep(experiment())
        self.assertIn("0 of them to do", log)
        self.assertEqual(self.verdict()["verdict"], "reproduced")

    def test_strict(self):
        content = experiment()
        content["criteria"][0]["at_least"] = 2
        self.sweep(content)
        self.sweep(content, "--strict", status=FAILED)

    def test_wrong_experiments(self):
        arms = experiment()["arms"]
        for fields, parts in (
                ({"arms": []}, ["arms", "at least 1"]),
                ({"arms": [{"name": "typo", "set": {"normalization.typ": "none"}}, *arms]}, ["normalization.typ", "type"]),
                ({"arms": [{"name": "seeded", "set": {"training.seed": 3}}, *arms]}, ["training.seed"]),
                ({"arms": arms[:3] + [{"name": "best", "best_of": {"arm": "rates", "quantity": "accuracy"}}]},
                 ["best_of", "test split"]),
                ({"arms": [*arms, {"name": "other", "config": "figure1_batch_normalization.json"}]},
                 ["other", "not declared"]),
                ({"base": "no_such_config.json"}, ["no_such_config.json"]),
                ({"seeds": 0}, ["seeds"]),
                ({"quantitys": []}, ["quantitys", "quantities"])):
            with self.subTest(parts=parts):
                _, error = self.sweep({**experiment(), **fields}, status=USAGE)
                for part in parts:
                    self.assertIn(part, error)
                self.run_program("validate", self.folder / "experiment.json", status=USAGE)
                self.assertFalse((self.folder / "out").exists())


class Reproduce(SweepTest):
    def test_every_shipped_experiment(self):
        names, _ = self.run_program("list", "experiments")
        self.assertGreaterEqual(len(names.split()), 3)
        for name in names.split():
            file = SOURCE / "experiments" / f"{name}.json"
            self.run_program("validate", file)
            for profile in ("quick", "full"):
                out, _ = self.run_program("sweep", file, "--profile", profile, "--dry-run", "--out", self.folder / "out")
                self.assertRegex(out, r"\d+ runs are left")

    def test_a_trial_of_each(self):
        """A few steps of each on drawn digits: all files, a verdict whatever it is, and the figure's data."""
        for name in self.run_program("list", "experiments")[0].split():
            out = self.folder / name
            self.run_program("sweep", SOURCE / "experiments" / f"{name}.json", "--out", out, "--seeds", "2",
                             "--set", "dataset.name=drawn_digits", "--set", "training.steps=5",
                             "--set", "training.eval_every=0", "--set", "evaluation.batch_size=100",
                             "--set", "dataset.limit=0", "--set", "dataset.validation=200")
            verdict = json.loads((out / "verdict.json").read_text())
            self.assertEqual(verdict["runs_without_result"], [])
            self.assertIn(verdict["verdict"], ("reproduced", "not reproduced", "inconclusive", "reported"))


main()
