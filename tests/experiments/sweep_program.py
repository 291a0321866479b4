"""What the tests of bnlab sweep share: experiments of a few steps, and what a sweep has written."""

import csv
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))

from program import DONE, ProgramTest  # noqa: E402

TIMING = ("seconds", "steps_per_second", "train_sha256")
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
                      "at_least": -0.99, "source": "nobody"},
                     {"name": "chosen", "type": "value", "quantity": "accuracy", "arms": ["best"]}],
        **fields}


SMALL = {"claim": "None.", "source": "nobody", "base": SHORT, "arms": [{"name": "batch"}], "seeds": 2,
         "quantities": experiment()["quantities"][:1],
         "criteria": [{"name": "value", "type": "value", "quantity": "accuracy", "arms": ["batch"]}]}


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
