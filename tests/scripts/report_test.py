"""scripts/report.py on sweeps made here: what the pages say, hostile names, damaged files, sweeps that still run."""

import json
import os
import shutil
import unittest
from pathlib import Path

import support
from report_pages import HOSTILE, PagesTest, RealSweepTest, rows_of, write_run_files, write_summary
from sweep_figures import (AXIS, BANDS, GAIN_ARMS, HEAT_MAP, ROWS, STEPS_TO, TWO_ARMS, completed, over_gains,
                           write_csv)

import _report_forest as forest
import _report_words as words
from _report_figure import Figures
from _report_pages import Site

NAME = HOSTILE.replace("/", "")  # a file's name
SECRET = "a line that only the owner may read"


class WhatPagesSayTest(PagesTest):
    def test_index_and_pages_with_the_numbers_of_the_files(self):
        made = self.sweep(TWO_ARMS)
        made.write_verdict(finding="What was found.")
        write_summary(self.folder, ["none", "batch"])
        runs = rows_of(self.folder / "runs.csv")
        for row in runs:
            write_run_files(self.folder, row["run"])
        os.utime(self.folder / "runs.csv")
        before = state_of(self.folder)
        result = self.report()
        self.assertEqual(result.stdout.strip(), str(self.out / "index.html"))
        self.assertEqual(state_of(self.folder), before, "the sweep's own files changed")
        index, page = self.page("index.html"), self.page()
        self.assertIn("1 experiment: 1 reproduced. 6 runs.", index.text)
        for text in ("It is so.", "What was found.", "reproduced"):
            self.assertIn(text, index.text)
            self.assertIn(text, page.text)
        self.assert_links_lead_somewhere()
        criteria = json.loads((self.folder / "verdict.json").read_text())["criteria"]
        self.assertEqual([float(one["value"]) for one in page.all("data") if one["class"] == "effect-value"],
                         [one["effect"] for one in criteria])
        self.assertIn("4.25 [3.5, 5.12] times, 3 seeds", page.text)
        self.assertIn("Claimed: at least 3 times", page.text)
        self.assertIn("measured, no threshold", page.text)
        for cell, row in zip(page.all("td", **{"class": "n", "data-columns": "final_accuracy_mean"}),
                             rows_of(self.folder / "summary.csv"), strict=True):
            self.assertEqual(cell["data-values"].split(),
                             [row["final_accuracy_mean"], row["final_accuracy_half_interval"]])
        self.assertEqual(len([one for one in page.links if one.startswith("sweep/0123")]), 6)
        run = self.page(f"sweep/{runs[0]['run']}.html")
        self.assertEqual([one["y"]["title"] for one in run.charts], [
            "loss (nats)", "accuracy (%)", "norm (L2)", "input", "input", "L2 norm of the gradient"])
        self.assertIn(f"{self.folder}/runs/{runs[0]['run']}", run.text)

    def test_the_chart_has_the_numbers_of_figure_csv(self):
        for figure, arms, value, more in ((None, TWO_ARMS, completed, {}), (AXIS, GAIN_ARMS, over_gains, {}),
                                          (ROWS, TWO_ARMS, completed, {}), (BANDS, TWO_ARMS, completed, {})):
            with self.subTest(figure=figure and figure["type"]):
                shutil.rmtree(self.folder, ignore_errors=True)
                self.sweep(arms, value=value, **({"figure": figure} if figure else {}), **more)
                self.report()
                drawn = numbers_in(self.page().charts)
                support.run_script("plot.py", self.folder, "--format", "svg")
                columns = ("p15", "p50", "p85") if figure is BANDS else ("value",)
                rows = rows_of(self.folder / "figure.csv")
                if figure is BANDS:  # of the other seeds only the medians are drawn
                    rows = [{"value": row[name]} for row in rows for name in columns
                            if row["seed"] == "1" or name == "p50"]
                factor = 100 if figure in (None, AXIS) else 1  # accuracies are shown in %
                expected = sorted(round(factor * float(row["value"]), 9) for row in rows
                                  if row["value"] not in ("", "inf") and row.get("series") != "step")
                self.assertEqual([round(value, 9) for value in sorted(drawn)], expected)

    def test_heat_map_shows_means_and_runs_that_diverged(self):
        arms = [{"name": "grid", "grid": {"a": [1, 2], "b": [0.1, 0.01]}}]

        def value(arm, axes, seed):
            return ("diverged", 0.1) if axes == {"a": 2, "b": 0.1} and seed == 1 else ("completed", axes["a"] / seed)

        self.sweep(arms, figure=HEAT_MAP, value=value)
        self.report()
        chart, = self.page().charts
        self.assertEqual(chart["y"]["categories"], ["0.01", "0.1"])
        self.assertEqual(chart["diverged"], [[0, 0], [0, 1]])
        self.assertEqual(round(chart["z"][0][0], 4), round(100 * (1 + 1 / 2 + 1 / 3) / 3, 4))  # in %

    def test_a_level_that_was_not_reached_is_a_bound(self):
        def value(arm, axes, seed):
            return "completed", 250.0, "at_least" if arm == "none" else ""

        self.sweep(GAIN_ARMS, figure={**AXIS, "quantity": "steps_to_level"}, value=value, quantity=STEPS_TO)
        self.report()
        roles = {(trace["group"], trace["role"]) for trace in self.page().charts[0]["traces"]}
        self.assertEqual(roles, {(0, "bound"), (0, "mean"), (1, "run"), (1, "mean")})

    def test_choices_have_the_unit_of_their_quantity(self):
        made = self.sweep(GAIN_ARMS, figure=AXIS)
        verdict = json.loads((self.folder / "verdict.json").read_text())
        verdict["choices"] = [{"arm": "best", "of": "batch", "quantity": "final_accuracy", "chosen": "[gain=1]",
                               "mean": 0.51777, "candidates": [{"point": "[gain=1]"}, {"point": "[gain=10]"}]}]
        (self.folder / "verdict.json").write_text(json.dumps(verdict))
        made.write_experiment()
        self.report()
        self.assertRegex(self.page().text, r"best is batch at gain=1: .* 51\.78 %, the best of 2 settings")

    def test_an_ablation_has_a_page_without_a_verdict(self):
        made = self.sweep(GAIN_ARMS, figure=AXIS)
        for key in ("claim", "source", "criteria"):
            made.experiment.pop(key, None)
        made.write_experiment()
        (self.folder / "verdict.json").unlink()
        write_csv(self.folder / "figure.csv", ("quantity", "initialization.gain", "arm", "seed", "series", "value",
                                               "bound", "status", "runs"),
                  [("final_accuracy", gain, arm, seed, series, value, "", "completed", 1)
                   for gain in (0.1, 1, 10) for arm in ("none", "batch")
                   for seed, series, value in ((1, "run", 0.5), (2, "run", 0.7), ("all", "mean", 0.6))])
        os.utime(self.folder / "figure.csv", (4e9, 4e9))
        self.report()
        page = self.page()
        self.assertIn("An ablation", page.text)
        self.assertFalse([one for tag, one in page.elements if "verdict" in (one.get("class") or "").split()])
        self.assertEqual([trace["x"] for trace in page.charts[0]["traces"] if trace["role"] == "mean"],
                         [[0.1, 1.0, 10.0]])
        self.assertIn("no claim", self.page("index.html").text)

    def test_pages_are_listed_by_part(self):
        made = self.sweep(TWO_ARMS)
        made.experiment["part"] = "B. The paper"
        made.write_experiment()
        made.write_verdict()
        self.report()
        self.assertEqual([one.get("data-part") for one in self.page("index.html").all("tr", **{"class": "experiment"})],
                         ["B. The paper"])
        # Letters put parts in order; each experiment that is shipped has one.
        shipped = [path for path in (support.SOURCE / "experiments").glob("*.json") if path.stem != "schema"]
        for path in shipped:
            self.assertRegex(json.loads(path.read_text()).get("part", ""), r"^[A-E]\. \w", path.name)

    def test_what_people_read(self):
        self.assertEqual(words.VERDICTS, {"reproduced": "reproduced", "not reproduced": "not reproduced",
                                          "inconclusive": "inconclusive", "reported": "measured, no threshold"})
        for value, text in ((2.1116, "2.112"), (15913.1, "15,910"), (2.02e-7, "2.02 × 10⁻⁷"), (-0.045, "−0.045"),
                            (float("inf"), "∞"), (0.0001, "0.0001"), (0.0, "0"), (1.0, "1"), (float("nan"), "–")):
            self.assertEqual(words.number(value), text)
        self.assertEqual((words.number(256.3, 2), words.number(0.0123, 2)), ("260", "0.012"))
        for value, text in ((1e-7, "1e-7"), (2.5e-12, "2.5e-12"), (0.1, "0.1"), (1e30, "1e+30"), (3, "3"),
                            (True, "true"), ("é", "é"), ([1, "a"], '[1, "a"]')):
            self.assertEqual(words.value_text(value), text)


class ForestTest(unittest.TestCase):
    def relative(self, effect, low, high, within=float("nan"), **thresholds):
        found = [(words.THRESHOLDS[key], value) for key, value in thresholds.items()]
        criterion = forest.Criterion("c", "c", "reproduced", effect, low, high, 3, "", "", "", found, within,
                                     "", "", "")
        side, *numbers = forest.relative(criterion)
        return side, *(round(number, 9) for number in numbers)

    def test_multiples_of_the_threshold(self):
        self.assertEqual(self.relative(4, 2, 8, at_least=2.0), ("right", 2, 1, 4))
        self.assertEqual(self.relative(4, 2, 8, at_most=8.0), ("left", 0.5, 0.25, 1))

    def test_a_negative_threshold_turns_the_axis(self):
        self.assertEqual(self.relative(0.001, -0.002, 0.004, at_least=-0.002), ("left", -0.5, -2, 1))
        self.assertEqual(self.relative(-6, -8, -4, at_most=-2.0), ("right", 3, 2, 4))

    def test_a_tolerance_is_a_distance(self):
        self.assertEqual(self.relative(5.5, 4.5, 5.5, at_least=4.0, at_most=6.0), ("left", 0.5, 0, 0.5))
        self.assertEqual(self.relative(-0.02, -0.03, -0.01, within=0.01), ("left", 2, 1, 3))

    def test_a_threshold_of_0_has_no_place(self):
        with self.assertRaises(TypeError):
            self.relative(1, 0, 2, more_than=0.0)

    def test_ticks_are_round_and_inside(self):
        for values, log in (([0.1, 0.3], False), ([1e-7, 3e-7], False), ([0.01, 25000], True), ([2, 5], True),
                            ([3, 3], False), ([-1, 1], False)):
            axis = forest.axis_over(values, log)
            self.assertGreaterEqual(len(axis.ticks), 2, values)
            self.assertTrue(all(0 <= place <= 100 for place, _ in axis.ticks))


class HostileNamesTest(PagesTest):
    def test_names_are_text_everywhere(self):
        self.folder = self.root / "a \"b\" <script>alert(3)</script> 'c' | %2e #d ?e"
        arms = [{"name": "none", "meaning": HOSTILE}, {"name": "batch", "meaning": "\u202e\x1b[31m\x00turned"}]
        made = self.sweep(arms)
        made.experiment.update({"name": NAME, "claim": HOSTILE, "source": HOSTILE, "notes": [HOSTILE],
                                "figure": {**made.experiment["figure"], "title": HOSTILE}})
        made.write_experiment()
        made.write_verdict(finding=HOSTILE, meaning=HOSTILE, explanation=HOSTILE, threshold_source=HOSTILE)
        for row in rows_of(self.folder / "runs.csv"):
            write_run_files(self.folder, row["run"])
        os.utime(self.folder / "runs.csv")
        self.report()
        for path, page in self.assert_links_lead_somewhere().items():
            scripts = [one for one in page.all("script") if one.get("type") != "application/json"]
            self.assertTrue(all(one.get("src", "").partition("assets/")[2] in ("charts.js", "report.js", "plotly.js")
                                for one in scripts), path)
            self.assertFalse(page.all("img"))
            self.assertFalse([one for _, one in page.elements if any(name.startswith("on") for name in one)])
            self.assertFalse(set(page.text) & set("\u202e\x1b\x00"))
        index = self.page("index.html")
        self.assertEqual((index.text.count(HOSTILE), index.text.count(NAME)), (3, 2))  # claim, finding, criterion
        page = self.page(index.all("tr")[1] and next(one for one in index.links if one.endswith(".html") and
                                                     not one.startswith("index")))
        self.assertIn(HOSTILE, page.charts[0]["groups"])

    def test_two_sweeps_of_one_name_have_a_page_each(self):
        self.sweep(TWO_ARMS)
        for name in ("one", "two"):
            shutil.copytree(self.folder, self.root / "all" / name)
        self.report(folder=self.root / "all")
        self.assertEqual(sorted(path.name for path in self.out.glob("*.html")),
                         ["index.html", "sweep-2.html", "sweep.html"])


class DamagedFilesTest(PagesTest):
    def setUp(self):
        super().setUp()
        self.sweep(TWO_ARMS, seeds=(1, 2))
        write_summary(self.folder, ["none", "batch"])
        self.run = rows_of(self.folder / "runs.csv")[0]["run"]
        write_run_files(self.folder, self.run)
        self.whole = self.root / "whole"
        self.folder.rename(self.whole)

    def damaged(self, name, damage, figures=lambda data: (data.figure, [])):
        """The page of the sweep with a file of it damaged; made in this process, and without its figure."""
        for folder in (self.folder, self.out):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.whole, self.folder)
        damage(self.folder / name)
        site = Site(self.out, judge=lambda *_: None)
        site.figures = figures
        page = site.page_of(self.folder)
        site.write_sweep(page)
        site.write_index([page])
        return self.page(f"{page.file}.html")

    def test_a_file_that_is_damaged_leaves_the_rest(self):
        for name in ("experiment.json", "verdict.json", "runs.csv", "summary.csv", f"runs/{self.run}/train.csv",
                     f"runs/{self.run}/run.json", f"runs/{self.run}/eval.csv"):
            content = (self.whole / name).read_bytes()
            for number, damage in enumerate((b"", content[:len(content) // 2], b"\xff\xfe\x00", b"[]", b"null\n",
                                             b"7", b'{"criteria": 7, "arms": {"a": [1]}, "claim": ["x"], "name": 5}',
                                             content.replace(b"0.8", b'"x",'), b"[" * 100000)):
                with self.subTest(name=name, damage=number):
                    self.damaged(name, lambda path, damage=damage: path.write_bytes(damage))

    def test_a_damaged_file_does_not_stop_the_script(self):
        self.whole.rename(self.folder)
        (self.folder / "runs.csv").write_text("arm,seed\n1")
        (self.folder / "verdict.json").write_text("{")
        self.report()
        self.assertIn("Remarks on files (2)", self.page().text)
        self.folder.rename(self.whole)

    def test_values_of_another_kind(self):
        experiment = json.loads((self.whole / "experiment.json").read_text())
        verdict = json.loads((self.whole / "verdict.json").read_text())
        for key in experiment:
            for wrong in (None, 5, "x", [1, {}], {"a": {}}):
                with self.subTest(key=key, wrong=wrong):
                    text = json.dumps({**experiment, key: wrong})
                    self.damaged("experiment.json", lambda path, text=text: path.write_text(text))
        for key in verdict["criteria"][1]:
            for wrong in (None, "x", [1], {"a": 1}, "inf", 1e400, "missing"):
                with self.subTest(key=key, wrong=wrong):
                    one = {**verdict["criteria"][1], key: wrong}
                    if wrong == "missing":
                        del one[key]
                    text = json.dumps({**verdict, "criteria": [one]})
                    self.damaged("verdict.json", lambda path, text=text: path.write_text(text))

    def test_nothing_but_regular_files_below_the_sweep_is_read(self):
        secret = self.root / "secret"
        secret.write_text(f"arm,{SECRET}\n1,2\n")

        def link(path):
            path.unlink()
            path.symlink_to(secret)

        def fifo(path):
            path.unlink()
            os.mkfifo(path)

        def link_folder(path):
            shutil.rmtree(path.parent)
            path.parent.symlink_to(self.root)

        for name in ("verdict.json", "runs.csv", "summary.csv", f"runs/{self.run}/train.csv"):
            for damage in (link, fifo):
                with self.subTest(name=name, damage=damage.__name__):
                    page = self.damaged(name, damage, Figures())
                    self.assertNotIn(SECRET, page.text)
        self.damaged(f"runs/{self.run}/train.csv", link_folder, Figures())
        for path in self.out.rglob("*"):
            if path.is_file():
                self.assertNotIn(SECRET.encode(), path.read_bytes(), path)

    def test_a_file_of_another_plan_is_named_and_not_shown(self):
        experiment = json.loads((self.whole / "experiment.json").read_text())
        verdict = json.loads((self.whole / "verdict.json").read_text())

        def other_plan(path):
            path.write_text(json.dumps({**verdict, "plan": "bbbb"}))
            (self.folder / "experiment.json").write_text(json.dumps({**experiment, "plan": "aaaa"}))

        page = self.damaged("verdict.json", other_plan)
        self.assertIn("verdict.json: does not match experiment.json (plan bbbb instead of aaaa)", page.text)
        self.assertIn("no verdict yet", page.text)
        self.assertNotIn("4.25 [", page.text)
        page = self.damaged("verdict.json", lambda path: path.write_text(json.dumps({**verdict, "seeds": [7]})))
        self.assertIn("verdict.json: does not match experiment.json (seeds)", page.text)


class ArgumentsTest(PagesTest):
    def test_a_folder_of_other_files_is_left_alone(self):
        self.sweep(TWO_ARMS)
        self.out.mkdir()
        (self.out / "thesis.tex").write_text("mine")
        self.assertIn("has other files", self.report(status=2).stderr)
        self.assertEqual([path.name for path in self.out.iterdir()], ["thesis.tex"])

    def test_no_sweep(self):
        (self.root / "empty").mkdir()
        self.assertIn("is not the directory of a sweep", self.report(folder=self.root / "empty", status=3).stderr)

    def test_a_wrong_port(self):
        self.assertIn("must be a port", self.report("--serve", "70000", status=2).stderr)


class WhileASweepRunsTest(RealSweepTest):
    def test_the_verdict_so_far_is_marked_as_such(self):
        run = self.interrupt()
        before = state_of(self.folder)
        self.report("--bnlab", support.BINARY)
        self.assertEqual(state_of(self.folder), before)
        page = self.page()
        self.assertIn("so far: 3 of 4 runs have ended, so this may still change", page.text)
        self.assertIn(f"{run} running 3 of 3", page.text)
        self.assertIn("3 of 4 runs", self.page("index.html").text)
        self.assertEqual([len(one["traces"]) for one in page.charts], [1, 4])  # loss; 3 runs, a mean
        self.assert_links_lead_somewhere()

    def test_without_the_program_what_has_ended_is_counted(self):
        self.interrupt()
        self.report("--bnlab", self.root / "nowhere")
        page = self.page()
        self.assertIn("no verdict yet", page.text)
        self.assertIn("3 of 4 runs have ended", page.text)

    def test_a_sweep_that_has_ended_is_shown_as_it_is(self):
        self.report()
        page = self.page()
        self.assertNotIn("so far", page.text)
        self.assertEqual(len(page.all("tr", **{"class": "s-completed"})), 4)


def numbers_in(charts):
    """All numbers that charts of lines and axes draw, but those of bands they take the ends of."""
    found = []
    for chart in charts:
        for trace in chart["traces"]:
            found += [y for y in trace["y"] if y is not None]
            for end in ("low", "high"):
                found += [y for y in trace.get(end, []) if y is not None]
    return found


def state_of(folder):
    return {str(path.relative_to(folder)): (path.lstat().st_mtime_ns, path.lstat().st_size)
            for path in sorted(Path(folder).rglob("*"))}


if __name__ == "__main__":
    support.main()
