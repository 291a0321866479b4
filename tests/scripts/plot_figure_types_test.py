"""scripts/plot.py on directories of sweeps made here, by type of figure: axis, rows, fill, heat map; runs that
diverged, failed or are missing, bounds, forty seeds."""

import json
import math
import shutil
import subprocess

import support
from sweep_figures import (AXIS, FILL, GAIN_ARMS, HEAT_MAP, NAN, ROWS, STEPS_TO, TWO_ARMS,
                           SweepFigureTest, completed, over_gains, plot, write_csv)


class PlotFigureTypesTest(SweepFigureTest):
    def test_each_type_of_figure_can_be_drawn(self):
        listed = subprocess.run([support.BINARY, "list", "figures", "--json"], check=True, capture_output=True)
        names = {kind["name"] for kind in json.loads(listed.stdout)["figures"]}
        self.assertEqual(names - {"none"}, set(plot.OF_EXPERIMENTS))

    # ---- axis ----

    def test_axis(self):
        self.sweep(GAIN_ARMS, [1, 2, 3], AXIS, over_gains)
        rows, texts = self.draw()

        def at(arm, gain):
            return {row["seed"] + row["series"]: row for row in rows
                    if (row["arm"], row["initialization.gain"]) == (arm, gain)}

        batch = at("batch", "10")
        self.assertEqual([batch[f"{seed}run"]["value"] for seed in (1, 2, 3)], ["0.81", "0.82", "0.83"])
        self.assertAlmostEqual(float(batch["allmean"]["value"]), 0.82)
        half = 4.302653 * 0.01 / math.sqrt(3)
        self.assertAlmostEqual(float(batch["allinterval_low"]["value"]), 0.82 - half, places=6)
        self.assertEqual(batch["allmean"]["runs"], "3")
        # One diverged with a value that counts.
        diverged = at("none", "10")
        self.assertEqual((diverged["2run"]["status"], diverged["2run"]["value"]), ("diverged", "0.1"))
        self.assertAlmostEqual(float(diverged["allmean"]["value"]), (0.76 + 0.1 + 0.78) / 3)
        # Without a value there is no mean, also where one of the seeds has one.
        lost = at("none", "100")
        self.assertEqual([lost[f"{seed}run"]["value"] for seed in (1, 2, 3)], ["0.2", "inf", "inf"])
        self.assertNotIn("allmean", lost)
        # Failed and missing runs have no value; the mean is of the one that is left.
        thin = at("none", "0.01")
        self.assertEqual([(thin[f"{seed}run"]["status"], thin[f"{seed}run"]["value"]) for seed in (1, 2, 3)],
                         [("failed", ""), ("missing", ""), ("completed", "0.1")])
        self.assertEqual((thin["allmean"]["value"], thin["allmean"]["runs"]), ("0.1", "1"))
        self.assertNotIn("allinterval_low", thin)
        for text in ("no normalization (3 seeds): 4 diverged, 1 failed, 1 missing", "gain of the initial weights",
                     "final test accuracy (%)",
                     "cross: a run diverged; above the frame: no finite value", "0.01", "100"):
            self.assertIn(f"|{text}|", texts)

    def test_interval_of_forty_seeds(self):
        self.sweep(GAIN_ARMS[:1], list(range(40)), AXIS, lambda arm, axes, seed: ("completed", float(seed % 2)))
        rows, _ = self.draw()
        at = {row["series"]: float(row["value"]) for row in rows
              if row["seed"] == "all" and row["initialization.gain"] == "1"}
        half = 2.022691 * math.sqrt(0.25 * 40 / 39) / math.sqrt(40)  # t at 97.5 %, 39 degrees of freedom
        self.assertAlmostEqual(at["interval_high"], 0.5 + half, places=5)
        self.assertAlmostEqual(at["interval_low"], 0.5 - half, places=5)

    def test_diverged_runs_do_not_set_the_scale(self):
        def value(arm, axes, seed):
            if (arm, axes["initialization.gain"]) == ("none", 100):
                return "diverged", 1e28 if seed == 1 else 1e-9 if seed == 2 else math.inf
            return "completed", 0.5 + 0.1 * seed
        for log_y in (False, True):
            with self.subTest(log_y=log_y):
                self.folder = self.folder.with_name(f"sweep{log_y}")
                self.sweep(GAIN_ARMS, [1, 2, 3], {**AXIS, "log_y": log_y}, value)
                figure = self.figure()
                self.assert_readable(figure)
                panel = self.panels(figure)[0]
                bottom, top = panel.get_ylim()
                self.assertTrue(0.4 < bottom < 0.6 and 0.8 < top < 1, (bottom, top))
                crosses = [line.get_ydata()[0] for line in panel.lines if line.get_marker() == "x"]
                self.assertEqual(sorted(crosses), [bottom, top, 1.0])  # the last one is above the frame
                self.assertIn("|cross: a run diverged; on the frame: its value is outside; above the frame: no finite "
                              "value|", self.draw()[1])

    def test_what_divergence_leaves_of_a_cell_does_not_set_the_scale(self):
        def value(arm, axes, seed):
            if arm == "none" and axes["initialization.gain"] == 100:
                return ("completed", 0.1) if seed == 1 else ("diverged", math.nan)
            return "completed", 0.8 + 0.01 * seed
        self.sweep(GAIN_ARMS, [1, 2, 3], AXIS, value)
        self.assertGreater(self.panels(self.figure())[0].get_ylim()[0], 0.75)
        self.assertIn("|outside the frame: 1 run|", self.draw()[1])

    def test_declared_values_of_diverged_runs_are_in_view(self):
        def value(arm, axes, seed):
            return ("diverged", 0.1) if axes["initialization.gain"] == 100 else ("completed", 0.8 + 0.01 * seed)
        self.sweep(GAIN_ARMS, [1, 2], AXIS, value, quantity={"when_diverged": 0.1})
        self.assertLess(self.panels(self.figure())[0].get_ylim()[0], 0.1)
        self.assertIn("|cross: a run diverged|", self.draw()[1])
        # So are all of them where none completed.
        self.sweep(GAIN_ARMS, [1, 2], AXIS, lambda arm, axes, seed: ("diverged", 0.1 * seed))
        bottom, top = self.panels(self.figure())[0].get_ylim()
        self.assertTrue(0 < bottom < 0.1 and 0.2 < top < 0.3, (bottom, top))

    def test_values_that_are_bounds(self):
        self.sweep(GAIN_ARMS, [1, 2], {**AXIS, "quantity": "steps_to_level", "log_y": True},
                   lambda arm, axes, seed: ("completed", 1000, "at_least") if seed == 2 and arm == "none"
                   else ("completed", 400.0 * seed), quantity=STEPS_TO)
        rows, texts = self.draw()
        none = [row for row in rows if (row["arm"], row["initialization.gain"]) == ("none", "1")]
        self.assertEqual([(row["series"], row["bound"]) for row in none],
                         [("run", ""), ("run", "at_least"), ("mean", "at_least")])
        self.assertAlmostEqual(float(none[-1]["value"]), math.sqrt(400 * 1000), places=5)
        self.assertIn("arrow: at least, the level was not reached", texts)
        self.assertIn("|steps to 80 % (steps)|", texts)

    def test_axis_of_words_and_an_arm_without_it(self):
        arms = [{"name": "batch", "grid": {"initialization.scheme": ["he", "xavier", [1, 3]]}}, {"name": "plain"}]
        self.sweep(arms, [1, 2], {**AXIS, "axis": "initialization.scheme"}, completed)
        rows, texts = self.draw()
        self.assertEqual({row["initialization.scheme"] for row in rows}, {'"he"', '"xavier"', "[1, 3]", ""})
        for text in ("he", "xavier", "[1, 3]", "plain"):
            self.assertIn(f"|{text}|", texts)

    def test_other_axes_make_lines_and_zipped_ones_do_not(self):
        grid = {"initialization.gain": [1, 10], "optimizer.learning_rate": [0.1, 1]}
        self.sweep([{"name": "grid", "grid": grid}, {"name": "zip", "zip": grid},
                    {"name": "best", "best_of": {"arm": "grid", "quantity": "final_accuracy"}}], [1], AXIS, completed)
        rows, _ = self.draw()
        self.assertEqual(sorted({(row["arm"], row["point"]) for row in rows}),
                         [("grid", "learning_rate=0.1"), ("grid", "learning_rate=1"), ("zip", "")])

    def test_the_lower_end_of_the_vertical_axis(self):
        def value(arm, axes, seed):
            low = arm == "none" and axes["initialization.gain"] == 100 and seed < 3
            return "completed", 0.1 if low else 0.85 + 0.01 * seed
        self.sweep(GAIN_ARMS, [1, 2, 3], {**AXIS, "min_y": 0.8}, value)
        figure = self.figure()
        self.assert_readable(figure)
        self.assertEqual(self.panels(figure)[0].get_ylim()[0], 0.8)
        _, texts = self.draw()
        self.assertIn("|outside the frame: 2 runs, 1 mean|", texts)
        self.assertIn("95 % interval, cut off at the frame|", texts)
        # Where it would hide most of the means it is left out.
        self.sweep(GAIN_ARMS, [1, 2, 3], {**AXIS, "min_y": 0.8}, lambda arm, axes, seed:
                   ("completed", 0.9 if axes["initialization.gain"] == 1 else 0.3 + 0.01 * seed))
        self.assertLess(self.panels(self.figure())[0].get_ylim()[0], 0.3)
        self.assertNotIn("outside the frame", self.draw()[1])
        self.sweep(GAIN_ARMS, [1, 2, 3], {**AXIS, "min_y": 0, "log_y": True}, value)
        self.assertIn("figure.min_y: must be above 0 on a logarithmic axis, got 0",
                      self.plot(self.folder, status=3).stderr)

    def test_zero_on_a_logarithmic_axis(self):
        self.sweep([{"name": "batch", "grid": {"optimizer.weight_decay": [0.001, 0, 0.0001]}}], [1, 2],
                   {**AXIS, "axis": "optimizer.weight_decay"}, completed)
        _, texts = self.draw()
        for text in ("0", "0.0001", "0.001"):
            self.assertIn(f"|{text}|", texts)

    # ---- rows ----

    def test_rows(self):
        self.sweep(TWO_ARMS, [1, 2, 3], ROWS, completed)
        rows, texts = self.draw()
        runs = {(row["arm"], row["seed"], row["row"]): float(row["value"]) for row in rows if row["series"] == "run"}
        self.assertEqual(len(runs), 2 * 3 * 3)
        self.assertEqual(runs["none", "2", "dense1"], 2.001)  # of the last step
        self.assertEqual(runs["none", "2", "dense3"], 16.001)
        means = {row["row"]: float(row["value"]) for row in rows if row["arm"] == "none" and row["series"] == "mean"}
        self.assertAlmostEqual(means["dense2"], 8.001, places=6)
        for text in ("dense1", "dense2", "dense3", "variance", "shown: dense layers, step 1000"):
            self.assertIn(f"|{text}|", texts)
        self.assertNotIn("activation1", texts)
        shutil.rmtree(self.folder / "runs")
        self.assertEqual(self.draw(), (rows, texts))

    def test_rows_that_are_numbers(self):
        figure = {"type": "rows", "file": "factors.csv", "column": "loss", "log_x": True}
        self.sweep(TWO_ARMS, [1, 2], figure, completed)
        for run in (self.folder / "runs").iterdir():
            scale = 1 if "none" in run.name else 2
            write_csv(run / "factors.csv", ("step", "factor", "loss"),
                      [(1, factor, scale * factor) for factor in (100, 0.1, 1)])
        rows, texts = self.draw()
        means = [(row["row"], row["value"]) for row in rows if (row["arm"], row["series"]) == ("batch", "mean")]
        self.assertEqual(means, [("0.1", "0.2"), ("1", "2"), ("100", "200")])
        self.assertIn("|10¹|", texts)  # a decade without a row
        shutil.rmtree(self.folder / "runs")
        self.assertEqual(self.draw(), (rows, texts))

    def test_rows_that_are_no_numbers_have_no_logarithms(self):
        self.sweep(TWO_ARMS, [1], {**ROWS, "log_x": True}, completed)
        self.assertIn("figure.log_x: the rows must be different numbers above 0, got dense1",
                      self.plot(self.folder, status=3).stderr)

    # ---- fill ----

    def test_fill(self):
        self.sweep(TWO_ARMS, [1, 2, 3], FILL, completed)
        rows, texts = self.draw()
        self.assertEqual({(row["arm"], row["seed"], row["series"]) for row in rows},
                         {(arm, seed, "mean" if seed == "all" else "run") for arm in ("none", "batch")
                          for seed in ("1", "2", "3", "all")})
        for row in rows:
            self.assertAlmostEqual(float(row["high"]) - float(row["low"]), 2, places=6)
        at = {row["seed"]: float(row["low"]) for row in rows if (row["arm"], row["step"]) == ("batch", "0")}
        self.assertAlmostEqual(at["all"], (at["1"] + at["2"] + at["3"]) / 3, places=6)
        for text in ("p15 to p85", "no normalization (3 seeds)", "batch normalization (3 seeds)"):
            self.assertIn(f"|{text}|", texts)
        self.assertIn("shown: from p15 to p85, means of the 3 seeds", texts)
        shutil.rmtree(self.folder / "runs")
        self.assertEqual(self.draw(), (rows, texts))

    def test_fill_of_runs_that_diverged(self):
        self.sweep(TWO_ARMS, [1, 2], FILL, lambda arm, axes, seed:
                   ("diverged", NAN) if arm == "none" else completed(arm, axes, seed))
        self.assertIn("cross: a run diverged", self.draw()[1])

    def test_fill_needs_its_columns(self):
        self.sweep(TWO_ARMS, [1], {name: value for name, value in FILL.items() if name != "low"}, completed)
        self.assertIn("figure: must name the columns low and high", self.plot(self.folder, status=3).stderr)

    def test_rows_of_another_step(self):
        sweep = self.sweep(TWO_ARMS, [1, 2, 3], {**ROWS, "step": 0}, completed)
        rows, texts = self.draw()
        runs = {(row["seed"], row["step"], row["row"]): row["value"] for row in rows
                if (row["arm"], row["series"]) == ("none", "run")}
        self.assertEqual(runs["2", "0", "dense1"], "2")
        self.assertEqual({row["step"] for row in rows}, {"0"})
        self.assertIn("|shown: dense layers, before training|", texts)
        sweep.experiment["figure"]["step"] = 7
        sweep.write_experiment()
        self.assertIn("figure.step: no rows of step 7; there are steps 0, 1000",
                      self.plot(self.folder, status=3).stderr)
        # The CSV has one step: another can't be drawn from there, and null, as bnlab may write it, is the one it has.
        shutil.rmtree(self.folder / "runs")
        self.assertIn("figure.csv: has step 0, where figure.step is 7", self.plot(self.folder, status=3).stderr)
        sweep.experiment["figure"]["step"] = None
        sweep.write_experiment()
        self.assertEqual(self.draw(), (rows, texts))

    def test_rows_of_runs_that_end_at_other_steps(self):
        self.sweep(TWO_ARMS, [1, 2], ROWS, lambda arm, axes, seed:
                   ("diverged", NAN) if (arm, seed) == ("none", 1) else completed(arm, axes, seed))
        self.assertIn("|shown: dense layers, last steps, 333 to 1000|", self.draw()[1])

    def test_rows_of_runs_that_differ(self):
        def value(arm, axes, seed):
            return ("diverged", NAN) if arm == "none" and seed == 1 else ("completed", 0.5)
        self.sweep(TWO_ARMS, [1, 2], {**ROWS, "log_y": True}, value)
        _, texts = self.draw()
        self.assertIn("cross: a run diverged", texts)
        self.assertIn("1 diverged", texts.replace("\u00a0", " "))

    def test_rows_must_be_told_apart(self):
        self.sweep(TWO_ARMS, [1], ROWS, completed)
        for file in self.folder.glob("runs/*/channel_moments.csv"):
            file.write_text("step,layer,type,variance\n9,dense1,dense,1\n9,dense1,dense,2\n")
        self.assertIn("differ in no key column", self.plot(self.folder, status=3).stderr)

    def test_rows_that_are_not_there(self):
        self.sweep(TWO_ARMS, [1], {**ROWS, "where": {"type": ["conv"]}}, completed)
        self.assertIn("figure.where: no rows with type conv, where type is dense, relu",
                      self.plot(self.folder, status=3).stderr)

    # ---- heat map ----

    def test_heat_map(self):
        grid = {"optimizer.learning_rate": [0.1, 1, 10], "training.batch_size": [8, 32]}

        def value(arm, axes, seed):
            rate = axes["optimizer.learning_rate"]
            if rate == 10:
                return ("diverged", NAN) if axes["training.batch_size"] == 8 else ("diverged", 0.1)
            if rate == 1 and axes["training.batch_size"] == 8:
                return "failed", None
            return "completed", 0.5 + 0.1 * rate + 0.01 * seed
        self.sweep([{**arm, "grid": grid} for arm in TWO_ARMS], [1, 2, 3], HEAT_MAP, value)
        rows, texts = self.draw()
        means = {(row["optimizer.learning_rate"], row["training.batch_size"]): row["value"] for row in rows
                 if row["arm"] == "none" and row["series"] == "mean"}
        self.assertEqual(means, {("0.1", "8"): "0.53", ("0.1", "32"): "0.53", ("1", "32"): "0.62", ("10", "32"): "0.1"})
        for text in ("53", "62", "× 3", "× n: n runs diverged", "hatched: no finite mean, or no run",
                     "learning rate", "batch size"):
            self.assertIn(f"|{text}|", texts)
        self.assertIn("no normalization (3 seeds): 6 diverged, 3 failed", texts.replace("|", " "))

    def test_heat_map_needs_two_axes(self):
        self.sweep(GAIN_ARMS, [1], HEAT_MAP, completed)
        message = self.plot(self.folder, status=3).stderr
        self.assertIn("a heat map needs two axes; the arms have initialization.gain", message)

    def test_texts_of_small_maps_have_room(self):
        for number, (rates, placements) in enumerate([([0.1, 1, 1e30], ["before_activation", "after_activation"]),
                                                      ([0.1], [True, False]), ([1, 1e30], list(range(8)))]):
            grid = {"normalization.placement": placements, "optimizer.learning_rate": rates}
            for count in (1, 2, 5):
                with self.subTest(rates=rates, arms=count):
                    self.folder = self.folder.with_name(f"sweep{number}{count}")
                    self.sweep([{"name": f"arm{n}", "grid": grid} for n in range(count)], [1, 2, 3],
                               {**HEAT_MAP, "quantity": "steps_to_level"}, lambda arm, axes, seed:
                               ("diverged" if axes["optimizer.learning_rate"] == 1e30 else "completed", 40000,
                                "at_least"), quantity={**STEPS_TO, "meaning": "steps to half of the test accuracy"})
                    figure = self.figure()
                    self.assert_readable(figure)
                    panels = self.panels(figure)
                    for panel in panels:
                        for text in panel.texts:
                            column, row = text.get_position()
                            corners = [(column - 0.5, row - 0.5), (column + 0.5, row + 0.5)]
                            left, bottom, right, top = panel.transData.transform(corners).flatten()
                            box = text.get_window_extent()
                            self.assertTrue(left < box.x0 and box.x1 < right and bottom < box.y0 and box.y1 < top,
                                            f"{text.get_text()!r} overflows its cell")
                    self.assertEqual(panels[0].get_ylabel(), "learning rate")
                    self.assertEqual(panels[-1].get_xlabel(), "placement")
                    bar = next(axes for axes in figure.axes if axes not in panels)
                    label = bar.yaxis.label.get_window_extent()
                    frame = bar.get_window_extent()
                    self.assertLessEqual(label.height, frame.height)

    def test_diverged_runs_do_not_set_the_colours(self):
        grid = {"optimizer.learning_rate": [0.1, 1, 10], "training.batch_size": [8, 32]}

        def value(arm, axes, seed):
            rate = axes["optimizer.learning_rate"]
            return ("diverged", 1e28) if rate == 10 else ("completed", 0.5 * rate + 0.001 * axes["training.batch_size"])
        for declared, top in (({}, 0.532), ({"when_diverged": 1e28}, 1e28)):
            self.sweep([{"name": "arm", "grid": grid}], [1, 2], HEAT_MAP, value, quantity=declared)
            figure = self.figure()
            bar = next(axes for axes in figure.axes if axes not in self.panels(figure))
            self.assertAlmostEqual(bar.get_ylim()[1] / top, 1)
        self.assertIn("|1e+30|", self.draw()[1])

    def test_paths_with_the_same_last_part_are_whole(self):
        grid = {"optimizer.decay": [0, 1], "normalization.decay": [0, 1]}
        self.sweep([{"name": "arm", "grid": grid}], [1], HEAT_MAP, completed)
        self.assertIn("|optimizer.decay|", self.draw()[1])


if __name__ == "__main__":
    support.main()
