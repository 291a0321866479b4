"""Every committed verdict is the one that `bnlab verdict` computes from the committed runs.csv, for today's experiment
files."""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))

from program import DONE, SOURCE, ProgramTest, main  # noqa: E402


def committed():
    """The folders of results/ with a verdict that git knows; of a copy without git, all."""
    found = sorted(path.parent for path in (SOURCE / "results").glob("*/verdict.json"))
    if not shutil.which("git"):
        return found
    listed = subprocess.run(["git", "-C", SOURCE, "ls-files", "results"], capture_output=True, text=True, check=False)
    known = {SOURCE / line for line in listed.stdout.splitlines()}
    return [path for path in found if listed.returncode != 0 or path / "verdict.json" in known]


class ResultsTest(ProgramTest):
    def copy(self):
        """The results as they would be cloned, without runs."""
        for path in committed():
            (self.folder / path.name).mkdir()
            for name in ("experiment.json", "runs.csv", "verdict.json"):  # it has the sum of runs.csv
                shutil.copy(path / name, self.folder / path.name)
        return [self.folder / path.name for path in committed()]

    def test_verdicts_follow_from_the_runs(self):
        copies = self.copy()
        self.assertTrue(copies, "no verdicts are committed")
        self.run_program("verdict", *copies, status=DONE)
        for path in committed():
            with self.subTest(path.name):
                again = json.loads((self.folder / path.name / "verdict.json").read_text())
                self.assertEqual(self.without_sums(json.loads((path / "verdict.json").read_text())),
                                 self.without_sums(again))

    @staticmethod
    def without_sums(verdict):
        """A verdict of an earlier version has none."""
        return {key: value for key, value in verdict.items() if key not in ("files", "sha256")}

    def test_the_table_is_that_of_the_verdicts(self):
        page = self.folder / "README.md"
        page.write_bytes((SOURCE / "results/README.md").read_bytes())
        self.run_program("verdict", *self.copy(), "--markdown", page, status=DONE)
        self.assertEqual((SOURCE / "results/README.md").read_text(encoding="utf-8"), page.read_text(encoding="utf-8"))

    def as_run(self, file):
        """What the full profile makes of an experiment file, every default in it."""
        out = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        self.run_program("sweep", file, "--profile", "full", "--out", out, "--print-commands", status=DONE)
        return json.loads((out / "experiment.json").read_text())

    def test_the_experiments_are_those_of_today(self):
        for path in committed():
            with self.subTest(path.name):
                written = path / "experiment.json"
                self.assertEqual(json.loads(written.read_text())["profile"], "full")
                # Read by the program too: a default that is newer than the file is not in it.
                self.assertEqual(self.as_run(written), self.as_run(SOURCE / "experiments" / f"{path.name}.json"))

    def test_every_experiment_has_its_result_or_is_listed_as_not_run(self):
        text = (SOURCE / "results" / "README.md").read_text()
        section = text.split("## Not run in full yet\n", 1)[-1].split("\n## ", 1)[0] if "## Not run" in text else ""
        not_run = re.findall(r"\.\./experiments/(\w+)\.json", section)
        self.assertEqual(sorted([path.name for path in committed()] + not_run),
                         sorted({path.stem for path in (SOURCE / "experiments").glob("*.json")} - {"schema"}))

    def test_quick_profiles_keep_their_limits(self):
        """Minutes on two cores: one for an experiment of the parts C to E, 7, 7 and 6 for all of a part."""
        sums = {}
        for path in (SOURCE / "experiments").glob("*.json"):
            experiment = json.loads(path.read_text())
            part = experiment.get("part", " ")[0]
            if part in "CDE":
                minutes = experiment["quick"]["minutes"]
                self.assertTrue(0 < minutes <= 1, f"{path}: quick.minutes {minutes}")
                sums[part] = sums.get(part, 0) + minutes
        self.assertEqual(sorted(sums), ["C", "D", "E"])
        for part, most in {"C": 7, "D": 7, "E": 6}.items():
            self.assertLessEqual(round(sums[part], 2), most, f"part {part}")

    def test_each_has_its_figure(self):
        for path in committed():
            for name in ("figure.png", "figure.svg", "figure.csv"):
                self.assertTrue((path / name).is_file(), f"{path / name}: missing")


if __name__ == "__main__":
    main()
