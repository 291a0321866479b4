"""scripts/plot.py on directories of sweeps made here: curves and bands; runs that diverged or failed, one seed and ten,
twelve arms."""

import math
import shutil

import support
from sweep_figures import BANDS, CURVES, NAN, ROWS, TWO_ARMS, SweepFigureTest, completed, write_csv


class PlotCurvesTest(SweepFigureTest):
    # ---- curves ----

    def test_curves_have_seeds_their_mean_and_its_interval(self):
        self.sweep(TWO_ARMS, [1, 2, 3], CURVES, completed)
        rows, texts = self.draw()
        self.assertEqual({(row["arm"], row["seed"], row["series"]) for row in rows},
                         {(arm, seed, series) for arm in ("none", "batch")
                          for seed, series in [("1", "run"), ("2", "run"), ("3", "run"), ("all", "mean"),
                                               ("all", "interval_low"), ("all", "interval_high")]})
        at = {row["seed"] + row["series"]: float(row["value"]) for row in rows
              if row["arm"] == "batch" and row["step"] == "100"}
        runs = [0.9 - 0.8 * math.exp(-100 / (300 + 40 * seed)) for seed in (1, 2, 3)]
        mean = sum(runs) / 3
        half = 4.302653 * math.sqrt(sum((run - mean)**2 for run in runs) / 2) / math.sqrt(3)
        for key, value in (("1run", runs[0]), ("allmean", mean), ("allinterval_low", mean - half),
                           ("allinterval_high", mean + half)):
            self.assertAlmostEqual(at[key], value, places=6)
        for text in ("A figure", "no normalization", "batch normalization", "bold: mean of the 3 seeds, 95 % interval",
                     "training step",
                     "test accuracy (%)", "shown: test split, running statistics"):
            self.assertIn(f"|{text}|", texts)
        self.assertNotIn("cross", texts)

    def test_curves_of_one_seed(self):
        self.sweep(TWO_ARMS, [7], {**CURVES, "arms": ["batch"]}, completed)
        rows, texts = self.draw()
        self.assertEqual({(row["arm"], row["seed"], row["series"]) for row in rows}, {("batch", "7", "run")})
        self.assertIn("|batch normalization|", texts)
        self.assertNotIn("interval", texts)

    def test_curves_of_runs_that_did_not_complete(self):
        states = {1: ("completed", 0.8), 2: ("diverged", NAN), 3: ("failed", None), 4: ("missing", None)}
        self.sweep(TWO_ARMS, [1, 2, 3, 4], {**CURVES, "column": "loss"},
                   lambda arm, axes, seed: states[seed] if arm == "none" else completed(arm, axes, seed))
        rows, texts = self.draw()
        self.assertEqual({row["seed"] for row in rows if row["arm"] == "none"}, {"1", "2", "all"})
        # The mean goes as far as every seed: to the last step of the one that diverged.
        means = [int(row["step"]) for row in rows if row["arm"] == "none" and row["series"] == "mean"]
        self.assertEqual(max(means), 300)
        self.assertIn("no normalization (4 seeds): 1 diverged at step 333, 1 failed, 1 missing", texts)
        self.assertIn("cross: a run diverged", texts)
        # The losses of 1e30 do not set the scale: its largest label is one of completed runs.
        self.assertNotIn("1e30", texts)
        self.assertIn("|0.2|", texts)

    def test_a_diverged_run_without_any_row(self):
        sweep = self.sweep(TWO_ARMS, [1, 2], CURVES, lambda arm, axes, seed:
                           ("diverged", NAN) if (arm, seed) == ("none", 2) else completed(arm, axes, seed))
        for path in sweep.folder.glob("runs/*_none_seed2/eval.csv"):
            path.write_text("step,epoch,split,statistics,loss,accuracy\n")
        rows, texts = self.draw()
        self.assertEqual({row["seed"] for row in rows if row["arm"] == "none"}, {"1"})
        self.assertIn("no normalization (2 seeds): 1 diverged at step 333", texts)

    def test_geometric_mean_on_a_logarithmic_axis(self):
        self.sweep(TWO_ARMS, [1, 2], {**CURVES, "column": "loss", "log_y": True, "log_x": True}, completed)
        rows, texts = self.draw()
        at = {row["seed"] + row["series"]: float(row["value"]) for row in rows
              if row["arm"] == "batch" and row["step"] == "500"}
        mean = math.sqrt(at["1run"] * at["2run"])
        self.assertAlmostEqual(at["allmean"], mean, places=7)
        half = 12.7062 * abs(math.log(at["2run"] / at["1run"])) / 2  # the standard error of two values
        self.assertAlmostEqual(math.log(at["allinterval_high"] / mean), half, places=4)
        self.assertIn("bold: geometric mean", texts)

    def test_axes_over_steps_show_every_step(self):
        for number, (figure, first) in enumerate([(CURVES, 0), (BANDS, 0), ({**CURVES, "column": "loss"}, 50)]):
            for log_x in (False, True):
                for log_y in (False, True):
                    with self.subTest(type=figure["type"], log_x=log_x, log_y=log_y, first=first):
                        self.folder = self.folder.with_name(f"sweep{number}{log_x}{log_y}")
                        sweep = self.sweep(TWO_ARMS, [1, 2], {**figure, "log_x": log_x, "log_y": log_y}, completed)
                        for path in sweep.folder.glob("runs/*/*.csv") if first else ():
                            lines = path.read_text().splitlines(keepends=True)
                            path.write_text("".join(line for line in lines if not line.startswith("0,")))
                        for panel in self.panels(self.figure()):
                            ahead = panel.transData.transform
                            left, right = (ahead((step, panel.get_ylim()[0]))[0] for step in (first, 1000))
                            frame = panel.get_window_extent()
                            # The steps fill the width, but for a margin that leaves the marks whole.
                            self.assertGreater(left, frame.x0)
                            self.assertLess(left, frame.x0 + 0.05 * frame.width)
                            self.assertLess(right, frame.x1)
                            self.assertGreater(right, frame.x1 - 0.05 * frame.width)

    def test_twelve_arms_of_ten_seeds(self):
        arms = [{"name": f"arm{n}"} for n in range(1, 13)]
        self.sweep(arms, list(range(1, 11)), CURVES, completed)
        rows, texts = self.draw()
        self.assertEqual(len({(row["arm"], row["seed"]) for row in rows}), 12 * 11)
        self.assertIn("|arm12 (10 seeds)|", texts)

    def test_grid_points_are_lines_of_their_own(self):
        self.sweep([{"name": "grid", "grid": {"optimizer.learning_rate": [0.1, 1], "initialization.scheme": ["he"]}}],
                   [1], CURVES, completed)
        rows, texts = self.draw()
        self.assertEqual({row["point"] for row in rows}, {"learning_rate=0.1, scheme=he", "learning_rate=1, scheme=he"})
        self.assertIn("|grid, learning rate 0.1|", texts)

    def test_long_series_are_drawn_as_means(self):
        sweep = self.sweep(TWO_ARMS, [1], {**CURVES, "file": "train.csv", "column": "loss", "where": {}}, completed)
        for run in (sweep.folder / "runs").iterdir():
            write_csv(run / "train.csv", ("step", "loss"), [(step, float(step)) for step in range(1, 1801)])
        rows, texts = self.draw()
        self.assertEqual([(row["step"], row["value"], row["averaged"]) for row in rows[:2]],
                         [("2", "2", "3"), ("5", "5", "3")])
        self.assertIn("shown: means of 3 rows", texts)

    def test_a_column_divided_by_another(self):
        sweep = self.sweep(TWO_ARMS, [1], {**CURVES, "file": "train.csv", "column": "loss", "divided_by": "weight_norm",
                                           "where": {}}, completed)
        for run in (sweep.folder / "runs").iterdir():
            write_csv(run / "train.csv", ("step", "loss", "weight_norm"),
                      [(0, 0.0, 0.0), *((step, 6.0 * step - 3, 1.0) for step in range(1, 1800))])  # sums: 3 n^2 / n
        rows, texts = self.draw()
        # Up to each row, then averaged; a row without a finite ratio is left out.
        self.assertEqual([(row["step"], row["value"]) for row in rows[:2]], [("2", "6"), ("5", "15")])
        self.assertIn("|sum of loss / sum of weight norm|", texts)
        before = self.bytes_of_figure()
        shutil.rmtree(sweep.folder / "runs")
        self.assertEqual(self.bytes_of_figure(), before)

    def test_intervals_cut_off_at_the_frame_are_named(self):
        for spread, expected in ((0.01, "95 % interval|"), (0.4, "95 % interval, cut off at the frame|")):
            for figure in (CURVES, ROWS):
                with self.subTest(spread=spread, figure=figure["type"]):
                    self.folder = self.folder.with_name(f"sweep{spread}{figure['type']}")
                    sweep = self.sweep(TWO_ARMS[:1], [1, 2], figure, completed)
                    for path in sweep.folder.glob("runs/*/eval.csv"):
                        moved = spread * (path.parent.name[-1] == "1")
                        write_csv(path, ("step", "split", "statistics", "accuracy"),
                                  [(step, "test", "running", step / 1000 + moved) for step in (0, 500, 1000)])
                    for path in sweep.folder.glob("runs/*/channel_moments.csv"):
                        moved = spread * (path.parent.name[-1] == "1")
                        write_csv(path, ("step", "layer", "type", "variance"),
                                  [(9, f"dense{place}", "dense", place / 2 + moved) for place in range(3)])
                    self.assertIn(f"|bold: mean of the seeds, {expected}", self.draw()[1])

    # ---- bands ----

    def test_bands(self):
        self.sweep(TWO_ARMS, [1, 2, 3], BANDS, completed)
        rows, texts = self.draw()
        self.assertEqual({(row["arm"], row["seed"]) for row in rows},
                         {(arm, seed) for arm in ("none", "batch") for seed in "123"})
        row = next(row for row in rows if (row["arm"], row["seed"], row["step"]) == ("batch", "2", "500"))
        self.assertAlmostEqual(float(row["p50"]), math.sin(500 / 380 + 2), places=6)
        self.assertAlmostEqual(float(row["p85"]) - float(row["p15"]), 2, places=6)
        for text in ("input to activation2, unit 0", "85th percentile", "bold: seed 1 alone",
                     "thin: medians of the other seeds"):
            self.assertIn(f"|{text}|", texts)

    def test_bands_name_the_seeds_that_differ_by_panel(self):
        self.sweep(TWO_ARMS, [1, 2], BANDS, lambda arm, axes, seed:
                   ("diverged", NAN) if (arm, seed) == ("none", 1) else completed(arm, axes, seed))
        self.assertIn("|bold: one seed (by panel 2, 1) alone|", self.draw()[1])
        self.sweep(TWO_ARMS, [1], BANDS, completed)
        self.assertNotIn("alone", self.draw()[1])

    def test_bands_have_the_height_of_what_is_drawn(self):
        sweep = self.sweep(TWO_ARMS[:1], [1, 2], BANDS, completed)
        path = next(sweep.folder.glob("runs/*_seed2/activation_distribution.csv"))
        write_csv(path, ("step", "layer", "tensor", "unit", "p15", "p50", "p85"),
                  [(step, "activation2", "input", 0, -50.0, 0.0, 50.0) for step in (0, 500, 1000)])
        bottom, top = self.panels(self.figure())[0].get_ylim()  # of the second seed only the median is drawn
        self.assertTrue(-3 < bottom and top < 3, (bottom, top))

    def test_rows_that_are_open_are_named(self):
        sweep = self.sweep(TWO_ARMS, [1], BANDS, completed)
        sweep.experiment["figure"]["where"] = {"layer": "activation2", "tensor": "input"}
        sweep.write_experiment()
        message = self.plot(self.folder, status=3).stderr
        self.assertIn("figure.where must select one row for each step; at step 0 it selects 2 (unit: 0, 1)", message)
        sweep.experiment["figure"]["where"] = {"layer": ["activation2", "none"], "tensor": "inptu"}
        sweep.write_experiment()
        message = self.plot(self.folder, status=3).stderr
        self.assertIn("no rows with tensor inptu", message)
        self.assertIn("where tensor is input, output", message)
        self.assertFalse((self.folder / "figure.csv").exists())


if __name__ == "__main__":
    support.main()
