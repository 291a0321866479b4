"""bnlab reproduce from the shell, and a trial of every experiment that comes with bnlab."""

import json

from sweep_program import SweepTest

from program import DONE, FAILED, SOURCE, TIMEOUT, USAGE, main  # of tests/cli, whose folder sweep_program adds


class Reproduce(SweepTest):
    def test_every_shipped_experiment(self):
        names = self.names("experiments")
        self.assertGreaterEqual(len(names), 3)
        for name in names:
            file = SOURCE / "experiments" / f"{name}.json"
            self.run_program("validate", file)
            for profile in ("quick", "full"):
                out, _ = self.run_program("sweep", file, "--profile", profile, "--dry-run",
                                          "--out", self.folder / "out")
                self.assertRegex(out, r"\d+ runs to do")

    def test_one_of_them(self):
        _, error = self.run_program("reproduce", "--only", "zero_gama_identity", "--out", self.folder, status=USAGE)
        self.assertIn('did you mean "zero_gamma_identity"?', error)
        self.assertEqual(list(self.folder.iterdir()), [])
        arguments = ("reproduce", "--only", "zero_gamma_identity", "--out", self.folder)
        out, _ = self.run_program(*arguments)
        self.assertIn("zero_gamma_identity  reproduced  ", out)
        runs = self.folder / "zero_gamma_identity/runs"
        before = {path: path.stat().st_mtime_ns for path in runs.rglob("*")}
        self.run_program(*arguments)
        self.assertEqual({path: path.stat().st_mtime_ns for path in runs.rglob("*")}, before)

    def test_a_trial_of_each(self):
        """A few steps of each on drawn digits: all files, a verdict whatever it is, and the figure's data."""
        for name in self.names("experiments"):
            out = self.folder / name
            file = SOURCE / "experiments" / f"{name}.json"
            few = ["training.steps=5"]
            experiment = json.loads(file.read_text())
            base = experiment["base"]
            if "epochs" in base.get("training", {}):
                examples = 6200 if "dataset.limit" in json.dumps(experiment["arms"]) else 1400
                few = ["training.epochs=0.1", f"dataset.synthetic.examples={examples}"]
                if "synthetic" in base["dataset"]:
                    few = ["training.epochs=1", "dataset.synthetic.examples=220", "dataset.synthetic.test_examples=64"]
            if "batch_size" not in base.get("evaluation", {}):  # quantities select rows by it
                few.append("evaluation.batch_size=100")
            process = self.start("sweep", file, "--out", out, "--seeds", "1", "--set", "dataset.name=drawn_digits",
                                 "dataset.limit=0", "dataset.test_limit=null", "dataset.validation=200",
                                 "training.eval_every=0", *few)
            said, error = process.communicate(timeout=TIMEOUT)
            verdict = json.loads((out / "verdict.json").read_text())
            # A quantity at a later step has no value after so few.
            missing = [line for line in said.splitlines() if ": completed: " in line and "no row at step" in line]
            self.assertEqual(len(missing), len(verdict["runs_without_result"]), said + error)
            self.assertEqual(process.returncode, FAILED if missing else DONE, error)
            self.assertIn(verdict["verdict"], ("reproduced", "not reproduced", "inconclusive", "reported"))


if __name__ == "__main__":
    main()
