"""What the tests of the figures of sweeps share: directories of sweeps made here, and how their figures are read."""

import csv
import json
import math
import sys
import tempfile
import unittest
import xml.etree.ElementTree
from pathlib import Path

import support

sys.path.insert(0, str(support.SOURCE / "scripts"))

import _python  # noqa: E402

_python.require("matplotlib", "numpy", "scipy", status=support.SKIP)

import matplotlib  # noqa: E402
import plot  # noqa: E402

NAN = math.nan


def write_csv(path, header, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([f"{value:.9g}" if isinstance(value, float) else value for value in row] for row in rows)


class SweepFolder:
    """A sweep's directory as bnlab writes it. `arms`: experiment.json's; `value(arm, axes, seed)` gives each run's
    (status, quantity, bound); the curves are smooth functions of step and seed."""

    def __init__(self, folder, arms, seeds, figure, value, quantity=None, steps=1000):
        self.folder, self.arms, self.seeds, self.steps = folder, arms, seeds, steps
        self.quantity = {"name": "final_accuracy", "meaning": "final test accuracy", "unit": "", "file": "eval.csv",
                         "where": {"split": "test"}, "series": {"column": "accuracy", "over_time": "final"},
                         **(quantity or {})}
        self.experiment = {
            "name": folder.name, "profile": "quick", "claim": "It is so.", "source": "Someone 2015",
            "arms": [{"meaning": "", "set": {}, "grid": {}, "zip": {}, **arm} for arm in arms], "seeds": seeds,
            "quantities": [self.quantity],
            "figure": {"title": "A figure", "arms": [], "log_x": False, "log_y": False, **figure}}
        self.axes = list(dict.fromkeys(path for arm in arms for path in arm.get("grid", arm.get("zip", {}))))
        rows = []
        for arm in arms:
            for axes in points_of(arm):
                for seed in seeds:
                    rows.append(self.write_run(arm["name"], axes, seed, *value(arm["name"], axes, seed)))
        folder.mkdir(parents=True, exist_ok=True)
        self.write_experiment()
        name = self.quantity["name"]
        counts = self.quantity["series"]["over_time"] == "steps_to"
        self.header = ["arm", *self.axes, "seed", "run", "status", name, *([f"{name}_bound"] if counts else []),
                       "last_step", "error", "seconds", "steps_per_second"]
        write_csv(folder / "runs.csv", self.header,
                  [row if counts else row[:len(self.axes) + 5] + row[len(self.axes) + 6:] for row in rows])

    def write_experiment(self):
        (self.folder / "experiment.json").write_text(json.dumps(self.experiment))

    def write_run(self, arm, axes, seed, status, value, bound=""):
        name = f"0123456789abcdef_{arm}{''.join('_' + str(one).replace(' ', '') for one in axes.values())}_seed{seed}"
        last = 0 if status == "missing" else self.steps if status == "completed" else self.steps // 3
        if status != "missing":
            run = self.folder / "runs" / name
            pace = 300 + 40 * seed + (0 if arm.startswith("batch") else 250)

            def accuracy(step):
                return 0.9 - 0.8 * math.exp(-step / pace)

            steps = range(0, last + 1, max(1, self.steps // 20))
            write_csv(run / "eval.csv", ("step", "epoch", "split", "statistics", "loss", "accuracy"),
                      [(step, 0, split, "running", 1e30 if status == "diverged" and step > 200 else 1 - accuracy(step),
                        accuracy(step)) for step in steps for split in ("train", "test")])
            if last:
                write_csv(run / "channel_moments.csv", ("step", "layer", "type", "variance"),
                          [(step, layer, kind, 2.0**place * seed + step / 1e6) for step in (0, last)
                           for place, (layer, kind) in enumerate((("dense1", "dense"), ("activation1", "relu"),
                                                                  ("dense2", "dense"), ("dense3", "dense")))])
            write_csv(run / "activation_distribution.csv", ("step", "layer", "tensor", "unit", "p15", "p50", "p85"),
                      [(step, layer, tensor, unit, move - 1.0, move, move + 1.0) for step in steps
                       for layer in ("activation1", "activation2") for tensor in ("input", "output") for unit in (0, 1)
                       for move in [math.sin(step / pace + seed)]])
        blank = status not in ("completed", "diverged")
        return [arm, *(json.dumps(axes[path]) if path in axes else "" for path in self.axes), seed, name, status,
                "" if blank or value is None else float(value), bound, last, "killed by signal 9" if blank else "", 1.5,
                1000.0]

    def write_verdict(self, verdict="reproduced", effect=4.25, interval=(3.5, 5.125), finding=None, **criterion):
        reported = {"name": "beside", "meaning": "", "type": "difference", "quantity": "x", "arms": ["a", "b"],
                    "effect": 1.0, "effect_is": "exact", "interval": None, "seeds": 3, "verdict": "reported",
                    "explanation": "", "threshold_source": ""}
        deciding = {**reported, "name": "fewer_steps", "meaning": "without needs at least 3 times the steps",
                    "type": "ratio", "at_least": 3.0, "effect": effect, "interval": interval, "verdict": verdict,
                    **criterion}
        found = {} if finding is None else {"finding": finding}
        (self.folder / "verdict.json").write_text(json.dumps({"verdict": verdict, **found,
                                                              "criteria": [reported, deciding]}))


def points_of(arm):
    if arm.get("zip"):
        return [dict(zip(arm["zip"], values)) for values in zip(*arm["zip"].values())]
    points = [{}]
    for path, values in arm.get("grid", {}).items():
        points = [{**point, path: value} for point in points for value in values]
    return points


TWO_ARMS = [{"name": "none", "meaning": "without"}, {"name": "batch", "meaning": "batch normalization"}]
GAINS = [0.01, 0.1, 1, 10, 100]
GAIN_ARMS = [{**arm, "grid": {"initialization.gain": GAINS}} for arm in TWO_ARMS]
CURVES = {"type": "curves", "file": "eval.csv", "column": "accuracy",
          "where": {"split": "test", "statistics": "running"}}
BANDS = {"type": "bands", "file": "activation_distribution.csv",
         "where": {"layer": "activation2", "tensor": "input", "unit": 0}}
FILL = {**BANDS, "type": "fill", "low": "p15", "high": "p85"}
AXIS = {"type": "axis", "quantity": "final_accuracy", "axis": "initialization.gain", "log_x": True}
ROWS = {"type": "rows", "file": "channel_moments.csv", "column": "variance", "where": {"type": ["dense"]}}
HEAT_MAP = {"type": "heat_map", "quantity": "final_accuracy"}
STEPS_TO = {"name": "steps_to_level", "meaning": "steps to 80 %", "unit": "steps",
            "series": {"column": "accuracy", "over_time": "steps_to", "level": 0.8}}


def completed(arm, axes, seed):
    return "completed", 0.8 + 0.01 * seed


def over_gains(arm, axes, seed):
    """Without: fails at one gain, diverges with a value at another and without one at the largest."""
    gain = axes["initialization.gain"]
    if arm == "none" and gain == 100:
        return "diverged", 0.2 if seed == 1 else math.inf
    if arm == "none" and gain == 10 and seed == 2:
        return "diverged", 0.1
    if arm == "none" and gain == 0.01:
        return ("failed", None) if seed == 1 else ("missing", None) if seed == 2 else ("completed", 0.1)
    return "completed", 0.85 - 0.05 * abs(math.log10(gain)) * (2 if arm == "none" else 1) + 0.01 * seed


class SweepFigureTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name) / "sweep"

    def sweep(self, *arguments, **more):
        return SweepFolder(self.folder, *arguments, **more)

    def plot(self, *arguments, status=0):
        result = support.run_script("plot.py", *arguments)
        self.assertEqual(result.returncode, status, result.stderr)
        self.assertNotIn("Traceback", result.stderr)
        self.assertNotIn("Warning", result.stderr)
        return result

    def draw(self, *more):
        """Draws the sweep as SVG; returns the rows of its CSV and the lines of text in it, between bars."""
        self.plot(self.folder, "--format", "svg", *more)
        # The lettering of the SVG is outlines; matplotlib leaves the text beside them in a comment.
        texts = [element.text.strip() for element in self.comments(self.folder / "figure.svg")]
        return self.rows(), f"|{'|'.join(texts)}|"

    def figure(self):
        """The sweep's figure, laid out, for what its files don't tell: limits, and where texts stand."""
        with matplotlib.rc_context(plot.RC):
            sweep = plot.Sweep(self.folder)
            figure = plot.OF_EXPERIMENTS[sweep.type](sweep)[0]
            figure.canvas.draw()
        self.addCleanup(matplotlib.pyplot.close, figure)
        return figure

    def panels(self, figure):
        return [axes for axes in figure.axes if axes.get_visible() and axes.get_label() != "<colorbar>"]

    def assert_readable(self, figure):
        """All texts lie within the figure, and none on another; no formula is left as it was written for TeX."""
        page, boxes = figure.bbox, []
        for text in figure.findobj(matplotlib.text.Text):
            if text.get_text().strip() and text.get_visible() and self.is_drawn(text, figure):
                boxes.append((text, text.get_window_extent()))
                self.assertNotIn("mathdefault", text.get_text())
        for place, (text, box) in enumerate(boxes):
            self.assertTrue(box.x0 >= -1 and box.y0 >= -1 and box.x1 <= page.x1 + 1 and box.y1 <= page.y1 + 1,
                            f"{text.get_text()!r} leaves the figure: {box} in {page}")
            for other, beside in boxes[:place]:
                slanted = text.get_rotation() == other.get_rotation() == 35  # their boxes overlap, they don't
                self.assertTrue(slanted or not box.overlaps(beside.padded(-1)),
                                f"{text.get_text()!r} lies on {other.get_text()!r}")

    def is_drawn(self, text, figure):
        """Whether it is in view; matplotlib keeps labels of ticks that are not."""
        for panel in figure.axes:
            for axis in (panel.xaxis, panel.yaxis):
                for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                    if text in (tick.label1, tick.label2):
                        low, high = sorted(axis.get_view_interval())
                        return panel.get_visible() and low <= tick.get_loc() <= high
        return text.axes is None or text.axes.get_visible()

    def bytes_of_figure(self):
        self.draw()
        return [(self.folder / name).read_bytes() for name in ("figure.csv", "figure.svg")]

    def comments(self, path):
        builder = xml.etree.ElementTree.TreeBuilder(insert_comments=True)
        parser = xml.etree.ElementTree.XMLParser(target=builder)
        return xml.etree.ElementTree.parse(path, parser).getroot().iter(xml.etree.ElementTree.Comment)

    def rows(self, path=None):
        with (path or self.folder / "figure.csv").open(newline="") as file:
            return list(csv.DictReader(file))
