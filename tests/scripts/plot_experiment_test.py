"""scripts/plot.py on directories of sweeps made here, for figures of all types: their texts, the verdict, hostile
labels, damaged files, results without their run directories."""

import math
import shutil
import xml.etree.ElementTree
from pathlib import Path

import support
from sweep_figures import (AXIS, BANDS, CURVES, GAINS, GAIN_ARMS, HEAT_MAP, MEANING, NAN, ROWS, TWO_ARMS,
                           SweepFigureTest, SweepFolder, completed, over_gains)

import matplotlib
import _plot_text
import _plot_verdict
import plot


class PlotExperimentTest(SweepFigureTest):
    def test_all_files_the_same_when_repeated(self):
        self.sweep(GAIN_ARMS, [1, 2, 3], AXIS, over_gains).write_verdict()
        result = self.plot(self.folder)
        self.assertEqual(result.stderr, "")
        names = ("figure.csv", "figure.png", "figure.svg")
        self.assertEqual(result.stdout.split(), [str(self.folder / name)
                                                 for name in ("figure.png", "figure.svg", "figure.csv")])
        first = {name: (self.folder / name).read_bytes() for name in names}
        self.assertEqual(first["figure.png"][:8], b"\x89PNG\r\n\x1a\n")
        xml.etree.ElementTree.fromstring(first["figure.svg"])
        self.plot(self.folder)  # replaces them
        self.assertEqual(first, {name: (self.folder / name).read_bytes() for name in names})
        self.plot(self.folder, "--out", self.folder / "elsewhere" / "deep")
        for name in names:
            self.assertEqual(first[name], (self.folder / "elsewhere" / "deep" / name).read_bytes())

    # ---- all of them ----

    def test_texts_stand_clear_of_each_other(self):
        many = "a network with batch normalization before each activation, trained at a rate thirty times larger, " * 2
        grid = {"initialization.gain": GAINS, "training.batch_size": [8, 32]}
        figures = [(CURVES, {}), (BANDS, {}), (AXIS, {"initialization.gain": GAINS}), (HEAT_MAP, grid)]
        sweeps = {"twelve": ([{"name": f"arm{n}"} for n in range(12)], [1, 2], completed),
                  "one seed": (TWO_ARMS, [1], completed),
                  "all diverged": (TWO_ARMS, [1, 2],
                                   lambda arm, axes, seed: ("diverged", 0.1 if arm == "none" else math.inf)),
                  "long": ([{"name": f"arm{n}", "meaning": f"{n} {many}"} for n in range(4)], [1, 2],
                           lambda arm, axes, seed: ("diverged", NAN) if (arm, seed) == ("arm1", 2)
                           else completed(arm, axes, seed))}
        for name, (arms, seeds, value) in sweeps.items():
            for figure, axes in figures:
                with self.subTest(sweep=name, figure=figure["type"]):
                    self.folder = self.folder.with_name(f"{name} {figure['type']}")
                    sweep = self.sweep([{**arm, "grid": axes} for arm in arms], seeds, {
                        **figure, "title": many if name == "long" else "A figure"}, value,
                        quantity={"unit": "images a second", "meaning": many if name == "long" else "a quantity"})
                    sweep.write_verdict(meaning=many if name == "long" else "")
                    drawn = self.figure()
                    self.assert_readable(drawn)
                    texts = [text.get_text().replace("\n", " ") for text in drawn.findobj(matplotlib.text.Text)]
                    if figure["type"] in ("axis", "heat_map"):  # the unit of a long meaning is there too
                        self.assertTrue(any("(images a second)" in text for text in texts))
                    if name == "long":  # and what became of the runs
                        self.assertTrue(any("(2 seeds): " in text and "diverged" in text for text in texts))

    def test_one_value_stands_in_the_middle(self):
        self.sweep(GAIN_ARMS, [1], AXIS, lambda arm, axes, seed: ("completed", 2))
        bottom, top = self.panels(self.figure())[0].get_ylim()
        self.assertAlmostEqual(bottom + top, 4)
        self.assertTrue(0.15 < top - bottom < 0.3, (bottom, top))

    # ---- verdict ----

    def test_verdict_below_the_title(self):
        sweep = self.sweep(TWO_ARMS, [1], CURVES, completed)
        times = "4.25 [3.5, 5.12] times, claimed: at least 3"
        no_effect = {"text": "no effect could be measured", "claimed": "at least 3"}
        cases = [({}, f"Reproduced: {MEANING}; {times}, 3 seeds, quick profile"),
                 ({"verdict": "not reproduced", "seeds": 1},
                  f"Not reproduced: {MEANING}; {times}, 1 seed, quick profile"),
                 ({"verdict": "reported"}, "Measured, no threshold: beside; 1, 3 seeds, quick profile"),
                 ({"verdict": "inconclusive", "shown": no_effect, "meaning": "", "explanation": "2 runs failed; why"},
                  "Inconclusive: fewer_steps; no effect could be measured, claimed: at least 3, 2 runs failed, "
                  "3 seeds, quick profile"),
                 ({"shown": None}, f"Reproduced: {MEANING}; 3 seeds, quick profile")]
        for criterion, expected in cases:
            sweep.write_verdict(**criterion)
            self.assertIn(expected, self.draw()[1].replace("|", " "))
        broken = (self.folder / "verdict.json").read_text().replace('"fewer_steps"', '7')
        for text in ("{", '{"verdict": "reproduced", "criteria": [{}]}', "[]", broken):
            (self.folder / "verdict.json").write_text(text)
            self.assertIn(str(self.folder / "verdict.json"), self.plot(self.folder, status=3).stderr)

    def test_the_criterion_that_the_figure_names(self):
        sweep = self.sweep(TWO_ARMS, [1], {**CURVES, "criterion": "beside"}, completed)
        sweep.write_verdict()
        self.assertIn("Reproduced as a whole; measured, no threshold: beside; 1, 3 seeds, quick profile",
                      self.draw()[1].replace("|", " "))
        sweep.experiment["figure"]["criterion"] = "fewer_steps"
        sweep.write_experiment()
        self.assertIn(f"Reproduced: {MEANING}; 4.25 [3.5",
                      self.draw()[1].replace("|", " "))
        sweep.experiment["figure"]["criterion"] = "fewr_steps"
        sweep.write_experiment()
        self.assertIn("figure.criterion: no criterion 'fewr_steps' in verdict.json; there are beside, fewer_steps; did "
                      'you mean "fewer_steps"?', self.plot(self.folder, status=3).stderr)

    def test_lines_of_the_verdict_end_between_its_parts(self):
        sweep = self.sweep(TWO_ARMS, [1], CURVES, completed)
        for length in range(0, 60, 2):
            sweep.write_verdict(verdict="inconclusive", meaning="x" * length + " is so",
                                shown={"text": "0.31 [-3.5, 5.125] points", "claimed": "within 0.5"},
                                explanation="the threshold 2 lies inside the interval, a mean >= 0")
            folded = _plot_text.shown(_plot_verdict.verdict_text(plot.Sweep(self.folder)), 300, 9)
            for part in ("0.31 [-3.5, 5.125] points", "within 0.5", "threshold 2", ">= 0", "3 seeds"):
                self.assertIn(part, folded)

    # ---- without run directories ----

    def test_committed_results_are_drawn_from_their_csv(self):
        for number, figure in enumerate((CURVES, {**CURVES, "column": "loss", "log_y": True}, BANDS)):
            with self.subTest(figure=figure):
                self.folder = self.folder.with_name(f"sweep{number}")
                self.sweep(TWO_ARMS, [1, 2, 3], figure, lambda arm, axes, seed:
                           ("diverged", NAN) if (arm, seed) == ("none", 2) else completed(arm, axes, seed))
                before = self.bytes_of_figure()
                shutil.rmtree(self.folder / "runs")
                self.assertEqual(self.bytes_of_figure(), before)
                (self.folder / "figure.csv").unlink()
                message = self.plot(self.folder, status=3).stderr
                self.assertIn(f"{self.folder / 'figure.csv'}: missing, and so are the run directories", message)

    def test_axis_needs_runs_csv_alone(self):
        self.sweep(GAIN_ARMS, [1, 2, 3], AXIS, over_gains)
        before = self.bytes_of_figure()
        for gone in ("runs", "figure.csv", "figure.svg"):
            (shutil.rmtree if gone == "runs" else Path.unlink)(self.folder / gone)
        self.assertEqual(self.bytes_of_figure(), before)

    def test_the_csv_has_the_finding_once(self):
        figures = [(CURVES, TWO_ARMS), (BANDS, TWO_ARMS), (ROWS, TWO_ARMS), (AXIS, GAIN_ARMS)]
        for number, (figure, arms) in enumerate(figures):
            with self.subTest(figure=figure["type"]):
                self.folder = self.folder.with_name(f"sweep{number}")
                sweep = self.sweep(arms, [1, 2], figure, over_gains if figure is AXIS else completed)
                sweep.write_verdict()
                without, _ = self.draw()
                sweep.write_verdict(finding="It holds, \"here\".")
                before = self.bytes_of_figure()
                rows = self.rows()
                self.assertEqual([row.pop("finding") for row in rows], ["It holds, \"here\".", *[""] * (len(rows) - 1)])
                self.assertEqual(rows, without)
                shutil.rmtree(self.folder / "runs")
                self.assertEqual(self.bytes_of_figure(), before)

    def test_csv_of_another_sweep(self):
        sweep = self.sweep(TWO_ARMS, [1, 2], CURVES, completed)
        self.draw()
        shutil.rmtree(self.folder / "runs")
        text = (self.folder / "figure.csv").read_text().replace("batch,", "other,")
        (self.folder / "figure.csv").write_text(text)
        self.assertIn("no rows of batch  seed 1, which runs.csv has", self.plot(sweep.folder, status=3).stderr)
        self.assertEqual((self.folder / "figure.csv").read_text(), text)

    # ---- what is wrong ----

    def test_hostile_labels(self):
        labels = ["$x_{", "_hidden", "two\nlines\t\x07", "<b>&\"quoted\", --> comma", "%s \\alpha $$", "long " * 60,
                  "x" * 300, "\ud800 lone"]
        arms = [{"name": f"arm{n}", "meaning": label, "grid": {"a.b": [1, "$\\frac{", "-->"], "c.d": ["_x", "y"]}}
                for n, label in enumerate(labels)]
        figures = ({**CURVES, "title": "$\\frac{ " * 40}, BANDS, {**AXIS, "axis": "a.b"}, HEAT_MAP)
        for number, figure in enumerate(figures):
            with self.subTest(figure=figure["type"]):
                self.folder = self.folder.with_name(f"sweep{number}")
                self.sweep(arms[:3] if figure is BANDS else arms, [1, 2], figure, completed,
                           quantity={"meaning": "$\\bad{ " * 30, "unit": "_$"}).write_verdict(meaning="$_{" * 200)
                texts = self.draw()[1]
                self.assertIn("$x_{", texts)
                self.assertIn("_hidden", texts)

    def test_messages_name_what_is_wrong(self):
        def change(**changes):
            def apply(sweep):
                sweep.experiment["figure"].update(changes)
                sweep.write_experiment()
            return apply

        def write(name, text):
            return lambda sweep: (sweep.folder / name).write_text(text)

        def edit_runs(old, new):
            def apply(sweep):
                path = sweep.folder / "runs.csv"
                path.write_text(path.read_text().replace(old, new))
            return apply

        cases = [
            (CURVES, lambda sweep: (sweep.folder / "runs.csv").unlink(), "runs.csv: missing"),
            (CURVES, write("runs.csv", ""), "runs.csv: empty"),
            (CURVES, write("runs.csv", "arm,seed\n"), "runs.csv: no column"),
            (CURVES, edit_runs("none,", "other,"), "runs.csv: no runs of arm none"),
            (AXIS, edit_runs(",0.81,", ",high,"), "column final_accuracy: could not convert string to float: 'high'"),
            (AXIS, edit_runs("final_accuracy", "final_acuracy"),
             'no column final_accuracy in its header; did you mean "final_acuracy"?'),
            (AXIS, change(quantity="final_acc"), "figure.quantity: no quantity 'final_acc'; there are final_accuracy"),
            (AXIS, change(axis="initialization.gian"), 'no arm has an axis \'initialization.gian\'; there are '
                                                       'initialization.gain; did you mean "initialization.gain"?'),
            (AXIS, change(arms=["bacth"]), "figure.arms: no arm 'bacth'; did you mean \"batch\"?"),
            (CURVES, change(column="acuracy"), 'eval.csv: no column acuracy in its header; did you mean "accuracy"?'),
            (CURVES, change(file="probe.csv"), "probe.csv: missing"),
            (CURVES, change(column="split"), "eval.csv: column split: could not convert string to float: 'test'"),
            (CURVES, change(where={"splt": "test"}), 'no column splt in its header; did you mean "split"?'),
            (CURVES, change(type="pie"), "figure.type: must be one of curves, bands, axis, heat_map, rows, fill, none"),
            (CURVES, write("experiment.json", "{"), "experiment.json: can't be read"),
            (CURVES, write("experiment.json", "[]"), "experiment.json: must be an object, got []"),
            (CURVES, write("experiment.json", '{"figure": {"type": "axis"}}'), "experiment.json: arms: missing"),
        ]
        for number, (figure, damage, expected) in enumerate(cases):
            with self.subTest(expected=expected):
                self.folder = self.folder.with_name(f"sweep{number}")
                arms = GAIN_ARMS if figure is AXIS else TWO_ARMS
                damage(self.sweep(arms, [1], figure, completed))
                message = self.plot(self.folder, status=0 if "no runs of arm" in expected else 3).stderr
                self.assertIn(expected, message)
                self.assertIn(str(self.folder), message)

    def test_last_line_cut_off_is_left_out(self):
        sweep = self.sweep(TWO_ARMS, [1], CURVES, completed)
        path = next(sweep.folder.glob("runs/*_batch_seed1/eval.csv"))
        path.write_text(path.read_text()[:-4])
        result = self.plot(self.folder)
        self.assertIn(f"{path}: the last line is cut off; it is skipped", result.stderr)
        self.assertEqual(max(int(row["step"]) for row in self.rows() if row["arm"] == "batch"), 950)

    def test_several_experiments(self):
        sweeps = [SweepFolder(self.folder / name, TWO_ARMS, [1], CURVES, completed).folder for name in ("one", "two")]
        self.plot(*sweeps, "--format", "png")
        self.assertTrue(all((folder / "figure.png").exists() for folder in sweeps))
        out = self.folder / "figures"
        self.plot(*sweeps, "--out", out, "--format", "svg")
        self.assertEqual(sorted(path.name for path in out.iterdir()),
                         ["figure_one.csv", "figure_one.svg", "figure_two.csv", "figure_two.svg"])
        # The others are drawn where one can't be.
        (sweeps[0] / "runs.csv").unlink()
        (sweeps[1] / "figure.png").unlink()
        self.plot(*sweeps, "--format", "png", status=3)
        self.assertTrue((sweeps[1] / "figure.png").exists())
        again = SweepFolder(self.folder / "copy" / "two", TWO_ARMS, [1], CURVES, completed).folder
        self.assertIn("has the same name", self.plot(sweeps[1], again, "--out", out, status=2).stderr)

    def test_usage(self):
        sweep = self.sweep(TWO_ARMS, [1], CURVES, completed)
        run = next((sweep.folder / "runs").iterdir())
        (run / "config.json").write_text("{}")
        self.assertIn("has no experiment.json", self.plot(self.folder, run, status=2).stderr)
        self.assertIn("--split: only for run directories", self.plot(self.folder, "--split", "train", status=2).stderr)
        (self.folder / "file").write_text("mine")
        self.plot(self.folder, "--out", self.folder / "file", status=2)

    def test_an_experiment_without_a_figure(self):
        self.sweep(TWO_ARMS, [1], {"type": "none"}, completed)
        self.assertIn("has no figure", self.plot(self.folder).stderr)
        self.assertFalse((self.folder / "figure.csv").exists())


if __name__ == "__main__":
    support.main()
