"""Whose results a sweep's directory holds: other plans are refused, set aside whole, and told by every reader."""

import csv
import json
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))

from program import DATA, DONE, FAILED, USAGE, ProgramTest, main  # noqa: E402

CONTENT = {
    "claim": "Normalized networks end higher.", "source": "nobody",
    "base": {"dataset": {"name": "drawn_digits", "synthetic": {"examples": 200, "test_examples": 100}},
             "network": {"name": "mlp_2x64"}, "normalization": {"type": "batch"},
             "training": {"batch_size": 50, "steps": 4}},
    "arms": [{"name": "batch"}, {"name": "none", "set": {"normalization.type": "none"}}],
    "seeds": 3,
    "quantities": [{"name": "accuracy", "where": {"split": "test"}, "series": {"column": "accuracy"}}],
    "criteria": [{"name": "higher", "type": "difference", "quantity": "accuracy", "arms": ["batch", "none"],
                  "at_least": -0.9, "source": "nobody"}],
    "quick": {"set": {"training.steps": 2}},
    "figure": {"type": "curves"}}


class PlanTest(ProgramTest):
    def setUp(self):
        super().setUp()
        self.out = self.folder / "out"

    def sweep(self, *arguments, content=None, status=DONE):
        (self.folder / "claim.json").write_text(json.dumps(content or CONTENT))
        return self.run_program("sweep", self.folder / "claim.json", "--out", self.out, *arguments, status=status)

    def json(self, name):
        return json.loads((self.out / name).read_text())

    @staticmethod
    def without_sums(verdict):
        return {key: value for key, value in verdict.items() if key not in ("files", "sha256")}

    def files(self):
        return {path: path.read_bytes() for path in self.out.rglob("*") if path.is_file()}

    def rows(self, path):
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))


class Directory(PlanTest):
    def test_every_file_bears_the_plan(self):
        self.sweep()
        plan = self.json("experiment.json")["plan"]
        self.assertRegex(plan, "^[0-9a-f]{16}$")
        self.assertEqual(self.json("verdict.json")["plan"], plan)
        self.assertEqual({row["plan"] for row in self.rows(self.out / "runs.csv")}, {plan})
        self.assertEqual(self.json("experiment.json")["settings"], [])
        # Words and the order of the seeds make no other plan; each of the others does.
        plans = {plan}
        for content, arguments, is_other in (
                ({**CONTENT, "claim": "c", "notes": "n", "figure": {"type": "none"}}, (), False),
                ({**CONTENT, "seeds": [3, 1, 2]}, (), False),
                ({**CONTENT, "seeds": [3, 1, 4]}, (), True),
                (CONTENT, ("--profile", "full"), True),
                (CONTENT, ("--set", "training.steps=3"), True),
                (CONTENT, ("--seeds", "4"), True),
                ({**CONTENT, "criteria": [{**CONTENT["criteria"][0], "at_least": 0}]}, (), True),
                ({**CONTENT, "arms": [{"name": "batch"}, {"name": "none", "set": {"normalization.type": "layer"}}]}, (),
                 True)):
            self.sweep(*arguments, "--print-commands", "--replace", content=content)
            other = self.json("experiment.json")["plan"]
            self.assertEqual(other not in plans, is_other, (content, arguments))
            plans.add(other)

    def test_another_sweep_is_refused_with_the_difference(self):
        self.sweep("--set", "optimizer.learning_rate=0.2")
        held = self.files()
        same = ("--set", "optimizer.learning_rate=0.2")
        for arguments, difference in (
                ((*same, "--seeds", "2"), "seeds: 1 to 3 in the directory, 1, 2 requested"),
                ((*same, "--profile", "full"), "profile: quick in the directory, full requested"),
                ((), "--set: optimizer.learning_rate=0.2 in the directory, none requested"),
                (("--set", "training.steps=3"),
                 "--set: optimizer.learning_rate=0.2 in the directory, training.steps=3 requested")):
            for more in ((), ("--dry-run",), ("--print-commands",), ("--retry-failed",), ("--only", "batch")):
                _, error = self.sweep(*arguments, *more, status=USAGE)
                self.assertIn(difference, error)
                self.assertIn("--replace", error)
                self.assertEqual({path: data for path, data in self.files().items() if path.name != ".sweep.lock"},
                                 {path: data for path, data in held.items() if path.name != ".sweep.lock"})
        # More seeds are welcome, and so is the same plan in other words: --only, --retry-failed.
        self.sweep(*same, "--seeds", "4")
        self.assertEqual(self.json("verdict.json")["seeds"], [1, 2, 3, 4])
        self.sweep(*same, "--seeds", "4", "--only", "batch", "--retry-failed")

    def test_fewer_seeds_keep_the_verdict_of_more(self):
        self.sweep()
        more = (self.out / "verdict.json").read_bytes()
        _, log = self.sweep("--seeds", "2", "--replace")
        plan = json.loads(more)["plan"]
        self.assertIn(f"earlier results are in {self.out / 'old' / plan}", log)
        self.assertEqual((self.out / "old" / plan / "verdict.json").read_bytes(), more)
        self.assertIn("2 seeds; an earlier verdict in this folder has 3", self.json("verdict.json")["warnings"])
        # What was set aside is a sweep's directory, and can be judged without run directories.
        self.run_program("verdict", self.out / "old" / plan)
        self.assertEqual((self.out / "old" / plan / "verdict.json").read_bytes(), more)

    def test_runs_of_another_profile_do_not_count(self):
        self.sweep()
        self.sweep("--profile", "full", "--print-commands", status=USAGE)
        out, _ = self.run_program("verdict", self.out, "--strict")
        self.assertEqual(self.json("verdict.json")["profile"], "quick")
        self.sweep("--profile", "full", "--print-commands", "--replace")
        out, _ = self.run_program("verdict", self.out, "--strict", status=FAILED)
        verdict = self.json("verdict.json")
        self.assertEqual((verdict["profile"], verdict["verdict"]), ("full", "inconclusive"))
        self.assertEqual(len(verdict["runs_without_result"]), 6)
        self.assertIn("missing", out)

    def test_rows_count_by_the_hash_of_their_run(self):
        self.sweep()
        quick = (self.out / "runs.csv").read_text()
        self.sweep("--profile", "full", "--replace")
        shutil.rmtree(self.out / "runs")
        self.run_program("verdict", self.out)
        full = (self.out / "runs.csv").read_text()
        verdict = (self.out / "verdict.json").read_bytes()

        def without_plan(text):
            return "\n".join(line.rpartition(",")[0] for line in text.splitlines()) + "\n"

        run = full.splitlines()[1].split(",")[2]
        for text, problem in ((quick, "the experiment has no run with the config of its run"),
                              (without_plan(quick), "belongs to another config"),
                              (full.replace(run, run.replace(run[:4], "0000")), "belongs to another config")):
            (self.out / "runs.csv").write_text(text)
            _, error = self.run_program("verdict", self.out, status=DATA)
            self.assertIn(problem, error)
            self.assertEqual((self.out / "verdict.json").read_bytes(), verdict)
        self.assertEqual(json.loads(verdict)["warnings"], [])
        (self.out / "runs.csv").write_text(without_plan(full))  # of an earlier version, without the sum of the table
        (self.out / "verdict.json").unlink()
        self.run_program("verdict", self.out)
        self.assertEqual(self.without_sums(self.json("verdict.json")), self.without_sums(json.loads(verdict)))

    def test_an_experiment_that_was_changed_in_place(self):
        self.sweep()
        content = self.json("experiment.json")
        content["criteria"][0]["at_least"] = 0.9
        (self.out / "experiment.json").write_text(json.dumps(content))
        held = (self.out / "verdict.json").read_bytes()
        _, error = self.run_program("verdict", self.out, status=USAGE)
        self.assertIn("experiment.json: was changed after the sweep", error)
        self.assertEqual((self.out / "verdict.json").read_bytes(), held)
        self.sweep()  # sets it aside

    def test_what_belongs_to_another_plan_goes_first(self):
        self.sweep()
        for name in ("figure.png", "figure.svg", "figure.csv", "summary.csv"):
            (self.out / name).write_text("a,plan\n1,x\n")
        before = self.files()
        plan = self.json("experiment.json")["plan"]
        edited = {**CONTENT, "claim": "Other.", "quick": {"set": {"training.steps": 3}}}
        self.sweep("--print-commands", content=edited)
        self.assertEqual({path.name for path in self.out.iterdir() if path.is_file() and path.name[0] != "."},
                         {"experiment.json"})
        folder = self.out / "old" / plan
        self.assertTrue(folder.is_dir() or (folder := next((self.out / "old").iterdir())).is_dir())
        for path in folder.iterdir():
            self.assertEqual(path.read_bytes(), before[self.out / path.name])
        self.assertEqual(len(list(folder.iterdir())), 7)

    def test_a_stale_figure_is_told(self):
        self.sweep()
        (self.out / "figure.csv").write_text("arm,plan\nbatch,0123456789abcdef\n")
        out, _ = self.run_program("verdict", self.out)
        self.assertIn("figure.csv belongs to another plan (0123456789abcdef", out)
        out, _ = self.run_program("verdict", self.out, "--markdown", "-")
        self.assertIn("figure.csv belongs to another plan", out)

    def test_directories_of_an_earlier_version(self):
        self.sweep()
        verdict = self.json("verdict.json")
        for name in ("experiment.json", "verdict.json"):
            content = self.json(name)
            for key in ("plan", "settings", "files", "sha256"):
                content.pop(key, None)
            (self.out / name).write_text(json.dumps(content))
        table = self.rows(self.out / "runs.csv")
        with (self.out / "runs.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [name for name in table[0] if name != "plan"], extrasaction="ignore",
                                    lineterminator="\n")
            writer.writeheader()
            writer.writerows(table)
        shutil.rmtree(self.out / "runs")
        self.run_program("verdict", self.out)
        self.assertEqual(self.without_sums(self.json("verdict.json")), self.without_sums(verdict))
        self.sweep("--print-commands")
        self.assertFalse((self.out / "old").exists())
        self.sweep("--seeds", "2", status=USAGE)


if __name__ == "__main__":
    main()
