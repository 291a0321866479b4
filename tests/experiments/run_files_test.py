"""What a verdict says of runs whose files were changed, copied or swapped, and of runs that read other data."""

import importlib.util
import json
import os
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))

from program import DONE, FAILED, SOURCE, ProgramTest, main  # noqa: E402

BASE = {"dataset": {"name": "drawn_digits", "synthetic": {"examples": 200, "test_examples": 100}},
        "network": {"name": "mlp_2x64"}, "normalization": {"type": "batch"}, "record": {"final_weights": True},
        "training": {"batch_size": 50, "steps": 4, "eval_every": 2}}
CONTENT = {"claim": "c", "source": "s", "base": BASE,
           "arms": [{"name": "batch"}, {"name": "none", "set": {"normalization.type": "none"}}], "seeds": 3,
           "quantities": [{"name": "accuracy", "where": {"split": "test"}, "series": {"column": "accuracy"}}],
           "criteria": [{"name": "v", "type": "value", "quantity": "accuracy", "arms": ["batch"]}]}


class RunFiles(ProgramTest):
    def setUp(self):
        super().setUp()
        self.out = self.folder / "out"

    def sweep(self, *arguments, content=None, status=DONE):
        (self.folder / "claim.json").write_text(json.dumps(content or CONTENT))
        return self.run_program("sweep", self.folder / "claim.json", "--out", self.out, *arguments, status=status)

    def runs(self, arm="batch"):
        return sorted((self.out / "runs").glob(f"*_{arm}_seed*"), key=lambda path: path.name.rpartition("seed")[2])

    def restored(self):
        """The sweep as it was, times of files and all."""
        kept = self.folder / "kept"
        if not kept.exists():
            self.sweep()
            shutil.copytree(self.out, kept)
        shutil.rmtree(self.out)
        shutil.copytree(kept, self.out)

    def doubts(self, *arguments, count=1):
        """The doubts, which every form of the verdict tells and --strict does not accept."""
        out, _ = self.run_program("verdict", self.out, *arguments)
        doubts = json.loads((self.out / "verdict.json").read_text()).get("doubts", [])
        self.assertEqual(len(doubts), count, doubts)
        markdown, _ = self.run_program("verdict", self.out, *arguments, "--markdown", "-")
        verdict = json.loads((self.out / "verdict.json").read_text())
        for doubt in doubts:
            self.assertIn(doubt, " ".join(out.split()))  # it is wrapped
            self.assertIn(doubt.partition(" ")[0].partition("[")[0], markdown)
            self.assertIn(doubt, verdict["warnings"])
        _, error = self.run_program("verdict", self.out, *arguments, "--strict", status=FAILED if count else DONE)
        if count:
            self.assertIn("doubts about its runs", error)
        return doubts

    def test_a_run_records_its_files(self):
        self.restored()
        for run in self.runs():
            content = json.loads((run / "run.json").read_text())
            self.assertEqual(set(content["files"]), {"train.csv", "eval.csv", "weights.npz", "config.json"})
            for name, record in content["files"].items():
                data = (run / name).read_bytes()
                self.assertEqual((record["bytes"], record["sha256"]), (len(data), self.sha256(data)))
                self.assertEqual(record["modified"], (run / name).stat().st_mtime_ns)
            self.assertEqual(content["inputs"]["dataset"],
                             {"name": "drawn_digits", "bytes": (200 + 100) * (28 * 28 + 1),
                              "sha256": content["provenance"]["dataset_sha256"]})
        self.doubts(count=0)
        self.doubts("--verify", count=0)

    @staticmethod
    def sha256(data):
        import hashlib
        return hashlib.sha256(data).hexdigest()

    def test_a_resumed_run_records_whole_files(self):
        config = {**BASE, "training": {**BASE["training"], "steps": 200000, "eval_every": 0, "checkpoint_every": 50}}
        (self.folder / "run.json").write_text(json.dumps(config))
        out = self.folder / "resumed"
        self.run_program("train", self.folder / "run.json", "--out", out, "--set", "training.steps=20")
        whole = json.loads((out / "run.json").read_text())["files"]
        # As if it had been stopped after its checkpoint: the rest is run again.
        again = self.folder / "again"
        self.run_program("train", self.folder / "run.json", "--out", again, "--set", "training.steps=20",
                         "--set", "training.checkpoint_every=10")
        (again / "run.json").unlink()
        self.run_program("train", self.folder / "run.json", "--out", again, "--set", "training.steps=20",
                         "--set", "training.checkpoint_every=10", "--resume")
        for name, record in json.loads((again / "run.json").read_text())["files"].items():
            self.assertEqual(record["sha256"], self.sha256((again / name).read_bytes()), name)
        self.assertEqual(set(whole), {"train.csv", "eval.csv", "weights.npz", "config.json"})

    def test_changed_files(self):
        self.restored()
        first = self.runs()[0]
        text = (first / "eval.csv").read_text()
        row = text.splitlines()[1]
        # A cell of a row that no metric in run.json repeats, of the same length.
        digit = row[-1]
        (first / "eval.csv").write_text(text.replace(row, row[:-1] + ("1" if digit != "1" else "2"), 1))
        self.assertIn("eval.csv was changed after the run: its SHA-256", self.doubts()[0])
        self.told_by_readers(f"{first.name}: eval.csv was changed after the run: its SHA-256")
        # With its time set back only --verify finds it.
        record = json.loads((first / "run.json").read_text())["files"]["eval.csv"]
        os.utime(first / "eval.csv", ns=(record["modified"], record["modified"]))
        self.doubts(count=0)
        self.assertIn("SHA-256", self.doubts("--verify")[0])
        self.restored()
        with (self.runs()[0] / "train.csv").open("r+") as file:
            text = file.read()
            file.seek(0)
            file.write(text.replace("\n1,", "\n1,0", 1))
            file.truncate()
        self.assertRegex(self.doubts()[0], r"_batch_seed1: train.csv was changed after the run: \d+ bytes")
        self.restored()
        (self.runs()[0] / "weights.npz").unlink()  # to save space
        self.doubts(count=0)
        self.restored()
        for path in self.out.rglob("*"):  # a copy with other times is whole
            if path.is_file():
                os.utime(path)
        self.doubts(count=0)

    def told_by_readers(self, doubt):
        """compare and export say it too, in each form of their output."""
        out, _ = self.run_program("compare", self.out)
        self.assertIn(doubt, " ".join(out.split()))
        for option in ("--csv", "--markdown"):
            out, error = self.run_program("compare", self.out, option, "-")
            self.assertIn(doubt, out)
            self.assertIn(doubt, error)
        _, error = self.run_program("export", self.out, "--file", "eval.csv", "--out", "-")
        self.assertIn(f"claim: {doubt}", error)

    def test_files_of_other_runs(self):
        self.restored()
        first, *others = self.runs()
        for other in others:
            for name in ("train.csv", "eval.csv"):
                shutil.copy(first / name, other / name)
        for doubt in self.doubts(count=2):
            self.assertIn("train.csv was changed after the run", doubt)
        # With the record of the file too: run.json says that it is of the first seed's config.
        self.restored()
        for name in ("train.csv", "eval.csv", "run.json"):
            shutil.copy(first / name, others[0] / name)
        told = self.doubts(count=2)
        self.assertIn("config.json was changed after the run", told[0])
        self.assertIn("have the same train.csv", told[1])
        # Two arms swapped.
        self.restored()
        for name in ("train.csv", "eval.csv"):
            a, b = self.runs()[0] / name, self.runs("none")[0] / name
            held = a.read_bytes()
            a.write_bytes(b.read_bytes())
            b.write_bytes(held)
        self.doubts(count=2)

    def test_metrics_that_contradict_the_tables(self):
        self.restored()
        for name, column in (("eval.csv", "eval.csv for test and running"), ("train.csv", "train.csv")):
            run = self.runs()[0]
            content = json.loads((run / "run.json").read_text())
            for key in ("files", "sha256"):  # of an earlier version
                content.pop(key)
            metric = content["final"]["test"]["running"] if name == "eval.csv" else content["final"]["batch"]
            metric["accuracy"] += 0.01
            (run / "run.json").write_text(json.dumps(content))
            self.assertIn(f"the last row of {column} contradicts run.json", self.doubts()[0])
            metric["accuracy"] -= 0.01
            self.restored()

    def edit_json(self, path, change, *dropped):
        """Another program reads and writes the file; without the keys `dropped`, as of an earlier version."""
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps({key: value for key, value in content.items() if key not in dropped}, indent=2))

    def told_by_scripts(self, doubt, path):
        """What figures and pages say of a run or a sweep."""
        sys.path.insert(0, str(SOURCE / "scripts"))
        if importlib.util.find_spec("numpy"):
            from _run_files import changed_files, changed_tables
            told = changed_tables(path) if path == self.out else changed_files(path)
            self.assertTrue(any(f"{path}/{doubt}" in line for line in told), told)

    def test_a_run_json_that_was_edited(self):
        changed = "run.json was changed after the run: its SHA-256"
        for edit in (lambda run: run.update(status="diverged"), lambda run: run["best"]["test"]["running"].clear(),
                     lambda run: run.update(wall_seconds=1), lambda run: run["provenance"].update(threads=7)):
            self.restored()
            self.edit_json(self.runs()[0] / "run.json", edit)
            self.assertIn(changed, self.doubts()[0])
        self.told_by_readers(f"{self.runs()[0].name}: {changed}")
        self.told_by_scripts("run.json: was changed after the run", self.runs()[0])
        # By hand, and with the sum of another text.
        self.restored()
        path = self.runs()[0] / "run.json"
        path.write_text(path.read_text().replace('"completed"', '"diverged"'))
        self.assertIn(changed, self.doubts()[0])

    def test_a_status_that_contradicts_the_tables(self):
        sums = ("sha256", "files")  # of an earlier version
        self.restored()
        self.edit_json(self.runs()[0] / "run.json", lambda run: run.update(status="diverged"), *sums)
        self.assertIn("says that the run diverged, but the last row of train.csv is finite", self.doubts()[0])
        self.restored()
        self.edit_json(self.runs()[0] / "run.json", lambda run: run.update(steps=100), *sums)
        self.assertIn("says that the run completed, but ended after 4 of 100 steps", self.doubts()[0])
        diverging = {**BASE, "optimizer": {"learning_rate": 1e30}}
        shutil.rmtree(self.out)
        self.sweep(content={**CONTENT, "base": diverging, "arms": [{"name": "batch"}], "seeds": 2})
        self.doubts(count=0)
        path = self.runs()[0] / "run.json"
        self.edit_json(path, lambda run: run.update(status="completed", steps=run["last_step"]), *sums)
        with (path.parent / "eval.csv").open("a") as file:  # else the run counts as damaged
            file.write(f"{json.loads(path.read_text())['last_step']},1,test,running,1,0.5\n")
        self.assertIn("says that the run completed, and why it diverged", self.doubts()[0])
        self.edit_json(path, lambda run: run["final"].pop("batch", None), "reason")
        rows = (path.parent / "train.csv").read_text().splitlines()
        cells = rows[-1].split(",")
        rows[-1] = ",".join([*cells[:4], "nan", *cells[5:]])
        (path.parent / "train.csv").write_text("\n".join(rows) + "\n")
        self.assertIn("says that the run completed, but the last row of train.csv is not finite", self.doubts()[0])

    def test_tables_that_were_edited_where_the_runs_are_gone(self):
        def edit(name, old, new):
            text = (self.out / name).read_text()
            self.assertIn(old, text)
            (self.out / name).write_text(text.replace(old, new, 1))

        changed = "runs.csv was changed after the verdict: its SHA-256 differs from that in verdict.json"
        self.restored()
        for gone in (self.runs()[:1], [self.out / "runs"]):
            self.restored()
            for path in gone:
                shutil.rmtree(path)
            self.doubts(count=0)
            edit("runs.csv", ",completed,", ",diverged,")
            self.told_by_scripts("runs.csv: was changed after the verdict", self.out)
            first = self.doubts()
            self.assertIn(changed, first[0])
            self.assertEqual(self.doubts(), first)  # the verdict that said so does not accept the file
            out, _ = self.run_program("compare", self.out)
            self.assertIn(changed, " ".join(out.split()))
        shutil.copy(self.folder / "kept/runs.csv", self.out)  # put back as it was
        self.doubts(count=0)
        edit("verdict.json", '"sha256": "', '"sha256": "0')  # or whatever else makes room for another table
        self.told_by_scripts("verdict.json: was changed after the verdict", self.out)
        self.assertIn("runs.csv cannot be verified: verdict.json", self.doubts()[0])
        self.doubts()

    def test_doubts_outlive_the_run_directories(self):
        self.restored()
        with (self.runs()[0] / "train.csv").open("a") as file:
            file.write("")
        text = (self.runs()[0] / "eval.csv").read_text()
        (self.runs()[0] / "eval.csv").write_text(text.replace("\n0,", "\n0,0", 1))
        first = self.doubts()
        shutil.rmtree(self.out / "runs")
        self.assertEqual(self.doubts(), first)

    def test_inputs_that_differ(self):
        weights = self.folder / "pre"

        def train_weights(seed):
            (self.folder / "pre.json").write_text(json.dumps(BASE))
            self.run_program("train", self.folder / "pre.json", "--seed", seed, "--force", "--out", weights)

        train_weights(1)
        content = {**CONTENT, "arms": [{"name": "batch", "set": {"initialization.from": str(weights)}}]}
        self.sweep("--seeds", 2, content=content)
        self.doubts(count=0)
        run = json.loads((self.runs()[0] / "run.json").read_text())
        content_of_weights = (weights / "weights.npz").read_bytes()
        self.assertEqual(run["inputs"]["initialization.from"], {
            "path": str(weights), "bytes": len(content_of_weights), "sha256": self.sha256(content_of_weights)})
        train_weights(7)
        self.sweep("--seeds", 3, content=content)
        self.assertIn("the runs differ in their initial weights from", self.doubts()[0])
        self.sweep("--seeds", 3, "--strict", content=content, status=FAILED)


if __name__ == "__main__":
    main()
