"""scripts/plot.py on sweeps whose experiment.json names no figure: what is drawn follows from the axes. And what all
figures decide from the data: scales, names at lines, levels, panels."""

import csv
import json
import math

import support
from sweep_figures import (AXIS, BANDS, CURVES, GAIN_ARMS, STEPS_TO, TWO_ARMS, SweepFigureTest, completed, matplotlib,
                           plot, write_csv)

from _units import unit_of_quantity, unit_of_table  # of scripts/, whose folder sweep_figures adds

RATE, TYPE, BATCH, PLACE = ("optimizer.learning_rate", "normalization.type", "training.batch_size",
                            "normalization.placement")
GRID = {RATE: [0.01, 0.1, 1], TYPE: ["none", "batch", "layer"], BATCH: [16, 64], PLACE: ["before", "after"]}


def by_rate(arm, axes, seed):
    """Without normalization the largest rate diverges."""
    if (axes.get(TYPE), axes.get(RATE)) == ("none", 1):
        return "diverged", 0.1
    return "completed", 0.9 + 0.01 * seed - 0.02 * abs(math.log10(axes.get(RATE, 0.1)) + 1)


class AblationTest(SweepFigureTest):
    def ablation(self, *paths, value=by_rate, arms=None, **more):
        """The figure of a grid over these axes, as a sweep without claim and figure leaves it."""
        grid = {path: GRID[path] for path in paths}
        sweep = self.sweep(arms or [{"name": "grid", "grid": grid}], [1, 2, 3], {"type": "none"}, value, **more)
        sweep.experiment.update(claim="", criteria=[])
        sweep.write_experiment()
        with matplotlib.rc_context(plot.RC):
            figure, self.header, self.csv = plot.draw_ablation(plot.Sweep(self.folder))
            figure.canvas.draw()
        self.addCleanup(matplotlib.pyplot.close, figure)
        self.assert_readable(figure)
        return figure

    def colours(self, panel):
        """Of the bold lines."""
        return [line.get_color() for line in panel.lines if line.get_linewidth() == 2.4 and len(line.get_xdata()) > 1]

    def test_one_axis_of_numbers(self):
        panel, = self.panels(self.ablation(RATE))
        self.assertEqual((panel.get_xscale(), panel.get_xlabel(), panel.get_ylabel()),
                         ("log", RATE, "final test accuracy (%)"))
        line = next(line for line in panel.lines if line.get_linewidth() == 2.4)
        self.assertEqual(line.get_xdata().tolist(), [0.01, 0.1, 1])
        for found, mean in zip(line.get_ydata(), (0.9, 0.92, 0.9)):
            self.assertAlmostEqual(found, mean)
        self.assertEqual(self.header[:2], ("quantity", RATE))
        self.assertEqual(len([row for row in self.csv if row[3] == "run"]), 9)

    def test_one_axis_of_words(self):
        panel, = self.panels(self.ablation(TYPE))
        self.assertEqual([label.get_text() for label in panel.get_yticklabels()], ["none", "batch", "layer"])
        self.assertEqual(panel.get_xlabel(), "final test accuracy (%)")

    def test_two_axes_are_lines_or_a_map(self):
        panel, = self.panels(self.ablation(RATE, TYPE))
        self.assertEqual(len(set(self.colours(panel))), 3)
        self.assertGreater(panel.get_ylim()[0], 0.8)  # not the 0.1 of the run that diverged
        figure = self.ablation(RATE, BATCH)
        self.assertEqual((figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()), ("learning_rate", "batch_size"))
        self.assertEqual(len(figure.axes[0].patches), 6)
        self.assertEqual(len(self.ablation(TYPE, PLACE).axes[0].patches), 6)

    def test_further_axes_are_panels(self):
        panels = self.panels(self.ablation(RATE, TYPE, BATCH))
        self.assertEqual([panel.get_title() for panel in panels], ["batch_size=16", "batch_size=64"])
        self.assertEqual({panel.get_ylim() for panel in panels}, {panels[0].get_ylim()})
        panels = self.panels(self.ablation(RATE, TYPE, BATCH, PLACE))
        self.assertEqual(len(panels), 6)
        self.assertIn("none, batch_size=16", [panel.get_title() for panel in panels])

    def test_values_over_decades(self):
        def value(arm, axes, seed):
            return "completed", 10.0**(3 * axes[RATE]) + seed / 100
        loss = {"name": "final_loss", "meaning": "final loss", "series": {"column": "loss", "over_time": "final"}}
        self.assertEqual(self.panels(self.ablation(RATE, value=value, quantity=loss))[0].get_yscale(), "log")
        self.ablation(RATE, BATCH, value=value, quantity=loss)  # the colour bar, too

    def test_an_axis_without_values(self):
        sweep = self.sweep([{"name": "grid", "grid": {RATE: [0.1]}}], [1, 2], {"type": "none"}, completed)
        sweep.experiment["claim"] = ""
        sweep.write_experiment()
        path = self.folder / "runs.csv"
        path.write_text(path.read_text().replace("grid,0.1,", "grid,,"))
        self.draw()

    def test_arms_are_an_axis(self):
        arms = [{**arm, "grid": {RATE: GRID[RATE]}} for arm in TWO_ARMS]
        panel, = self.panels(self.ablation(arms=arms))
        self.assertEqual(len(self.colours(panel)), 2)
        self.assertEqual({row[2] for row in self.csv}, {'"no normalization"', '"batch normalization"'})

    def test_zipped_axes_are_one(self):
        panel, = self.panels(self.ablation(arms=[{"name": "zip", "zip": {BATCH: [16, 64, 256], RATE: [0.1, 0.1, 1]}}]))
        self.assertEqual(panel.get_xlabel(), BATCH)

    def test_no_axis(self):
        panel, = self.panels(self.ablation())
        self.assertEqual(len(panel.get_yticklabels()), 1)

    def test_several_quantities_without_a_list_of_them(self):
        """Where experiment.json has none, runs.csv says what was measured."""
        self.ablation(RATE, TYPE)
        path = self.folder / "runs.csv"
        with path.open(newline="") as file:
            rows = list(csv.reader(file))
        place = rows[0].index("last_step")
        write_csv(path, [*rows[0][:place], "test_loss", *rows[0][place:]],
                  [[*row[:place], "0.25", *row[place:]] for row in rows[1:]])
        sweep = json.loads((self.folder / "experiment.json").read_text())
        sweep["quantities"], sweep["figure"]["title"] = [], ""
        (self.folder / "experiment.json").write_text(json.dumps(sweep))
        rows, texts = self.draw()
        self.assertEqual({row["quantity"] for row in rows}, {"final_accuracy", "test_loss"})
        for text in ("final accuracy (%)", "test loss (nats)",
                     "Final accuracy, test loss by learning rate and type"):
            self.assertIn(f"|{text}|", texts)

    def test_more_values_than_colours(self):
        arms = [{"name": "grid", "grid": {RATE: GRID[RATE], TYPE: [f"kind{n}" for n in range(10)]}}]
        self.assertEqual(len(self.ablation(arms=arms).axes[0].patches), 30)

    def test_a_claim_without_a_figure_draws_none(self):
        self.sweep(TWO_ARMS, [1], {"type": "none"}, completed)
        self.assertIn("has no figure", self.plot(self.folder).stderr)
        self.assertFalse((self.folder / "figure.csv").exists())


class ScalesTest(SweepFigureTest):
    def test_shares_have_the_scale_of_their_values(self):
        self.sweep(GAIN_ARMS, [1, 2], AXIS, lambda arm, axes, seed: ("completed", 0.95 + 0.04 * (seed == 2)))
        figure = self.figure()
        bottom, top = self.panels(figure)[0].get_ylim()
        self.assertTrue(0.9 < bottom < 0.95 and 0.99 < top < 1.02, (bottom, top))  # the interval reaches 1.2
        self.assert_readable(figure)

    def curves_of(self, steps, value):
        sweep = self.sweep(TWO_ARMS, [1, 2], CURVES, completed)
        for path in sweep.folder.glob("runs/*/eval.csv"):
            write_csv(path, ("step", "split", "statistics", "accuracy"),
                      [(step, "test", "running", value(step)) for step in steps])
        return self.panels(self.figure())[0]

    def test_steps_are_logarithmic_where_the_story_is_at_the_start(self):
        steps = range(0, 5001, 50)
        self.assertEqual(self.curves_of(steps, lambda step: 0.9 - 0.8 * math.exp(-step / 100)).get_xscale(), "symlog")
        self.assertEqual(self.curves_of(steps, lambda step: 0.9 - 0.8 * math.exp(-step / 2000)).get_xscale(), "linear")
        few = self.curves_of(range(0, 5001, 500), lambda step: 0.9 - 0.8 * math.exp(-step / 100))
        self.assertEqual(few.get_xscale(), "linear")  # two points make no story

    def test_accuracies_are_in_percent_and_their_differences_in_points(self):
        def unit(column="accuracy", over_time="final", **more):
            series = {"column": column, "over_time": over_time, "minus": more.pop("minus", None)}
            return tuple(unit_of_quantity({"series": series, **more}))[:2]
        self.assertEqual(unit(), ("%", 100))
        self.assertEqual(unit(minus={"statistics": ["running"]}), ("points", 100))
        self.assertEqual(unit(over_time="range"), ("points", 100))
        self.assertEqual(unit(over_rows="difference"), ("points", 100))
        self.assertEqual(unit(over_time="steps_to"), ("steps", 1))
        self.assertEqual(unit(over_rows="ratio"), ("", 1))
        self.assertEqual(unit(unit="one"), ("one", 1))
        self.assertEqual(unit("loss"), ("nats", 1))
        self.assertEqual(unit("attacked_accuracy"), ("%", 100))
        self.assertEqual(unit("accuracy_lost"), ("points", 100))

    def test_the_level_and_the_threshold_are_drawn(self):
        sweep = self.sweep(TWO_ARMS, [1, 2], CURVES, completed, quantity=STEPS_TO)
        self.assertIn("|level 80 %|", self.draw()[1])
        # The level of a difference of rows is no place on the axis of their column.
        self.sweep(TWO_ARMS, [1, 2], CURVES, completed, quantity={**STEPS_TO, "over_rows": "difference"})
        self.assertNotIn("level", self.draw()[1])
        sweep = self.sweep(GAIN_ARMS, [1, 2], AXIS, lambda arm, axes, seed: ("completed", 0.5 + 0.1 * seed))
        sweep.experiment["criteria"] = [{"name": "c", "type": "value", "quantity": "final_accuracy", "arms": ["batch"],
                                         "at_least": 0.65}]
        sweep.write_experiment()
        figure = self.figure()
        levels = [line.get_ydata()[0] for line in self.panels(figure)[0].lines if len(set(line.get_ydata())) == 1
                  and line.get_color() == "#555555"]
        self.assertEqual(levels, [0.65])
        self.assertIn("|threshold ≥ 65 % (batch normalization)|", self.draw()[1])
        sweep.experiment["criteria"][0]["quantity"] = "other"  # of another quantity it has no place here
        sweep.write_experiment()
        self.assertNotIn("threshold", self.draw()[1])

    def test_names_stand_at_the_ends_of_lines_where_they_fit(self):
        self.sweep(TWO_ARMS, [1, 2], CURVES, completed)
        figure = self.figure()
        panel = self.panels(figure)[0]
        names = {text.get_text(): text.get_color() for text in panel.texts}
        colours = [line.get_color() for line in panel.lines if line.get_linewidth() == 2.4]
        self.assertEqual(names, {"no normalization": colours[0], "batch normalization": colours[1]})
        self.assert_readable(figure)
        self.sweep([{**arm, "meaning": "a name " * 20} for arm in TWO_ARMS], [1, 2], CURVES, completed)
        self.assertEqual(len(self.panels(self.figure())[0].texts), 0)

    def test_tables_show_factors(self):
        slope = {"series": {"column": "norm"}, "over_rows": "log_slope", "unit": "per layer"}
        for factor_to, expected in (("next", 2), ("previous", 0.5)):
            unit = unit_of_table({**slope, "factor_to": factor_to})
            self.assertEqual(unit.name, "times per layer")
            self.assertAlmostEqual(unit(math.log(2)), expected)
            self.assertIn(unit(1e6), (0, math.inf))  # of a damaged file

    def test_no_colour_stands_for_two_arms(self):
        for count in (8, 9):
            self.sweep([{"name": f"arm{n}"} for n in range(count)], [1, 2], CURVES, completed)
            panels = self.panels(self.figure())
            self.assertEqual(len(panels), 1 if count == 8 else 9)
            for panel in panels:
                colours = [line.get_color() for line in panel.lines if line.get_linewidth() == 2.4]
                self.assertEqual(len(set(colours)), len(colours))
        # The others' lines are there too, to compare with: one line with a gap after each.
        others, = [line for line in panels[0].lines if line.get_color() == "#cccccc"]
        self.assertEqual(sum(map(math.isnan, others.get_ydata())), 16)

    def test_arms_that_belong_together_share_a_panel(self):
        arms = [{"name": f"{network}_{place}", "meaning": f"{network}, {place}"} for network in ("V6", "M3", "ResNet")
                for place in ("before", "after")]
        self.sweep(arms, [1, 2], CURVES, completed)
        figure = self.figure()
        panels = self.panels(figure)
        self.assertEqual([panel.get_title() for panel in panels], ["V6", "M3", "ResNet"])
        colours = [[line.get_color() for line in panel.lines if line.get_linewidth() == 2.4] for panel in panels]
        self.assertEqual(colours, [colours[0]] * 3)
        self.assertEqual(len(set(colours[0])), 2)
        legend = [text.get_text() for text in figure.legends[0].get_texts()]
        self.assertEqual(legend[:2], ["before (2 seeds)", "after (2 seeds)"])
        self.assert_readable(figure)

    def test_bands_of_diverged_runs_alone(self):
        self.sweep(TWO_ARMS, [1, 2], BANDS, lambda arm, axes, seed: ("diverged", math.nan))
        self.assertIn("cross: a run diverged", self.draw()[1])


if __name__ == "__main__":
    support.main()
