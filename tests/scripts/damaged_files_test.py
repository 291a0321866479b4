"""500 random damages of each file that the scripts read, with a fixed seed: each is drawn or refused in one line that
names the file, and nothing else is raised. Most are only read, as drawing takes long; BNLAB_DRAW says how many are
drawn."""

import io
import json
import os
import random
import tempfile
import unittest
import unittest.mock
import warnings
from pathlib import Path

import support
from plot_test import write_run
from sweep_figures import (AXIS, BANDS, CURVES, GAIN_ARMS, HEAT_MAP, ROWS, TWO_ARMS, SweepFolder, completed,
                           over_gains, plot)

import numpy as np
from matplotlib import pyplot as plt

import _bnlab
import _plot_ablation
import _plot_base
import _plot_over_rows
import _plot_over_steps
import _plot_runs
import _plot_verdict
import _reading

DAMAGES = 500
DRAWN = int(os.environ.get("BNLAB_DRAW", 1))  # of each file, as figures
NUMBERS = ["1e308", "-1e308", "1e-320", "nan", "inf", "-inf", "1e999", "", "0", "-1", "9" * 400, "1_0", "x", "0x10"]
TEXTS = ["$\\frac{$", "\x1b[31mred", "\u202e", "_hidden", "../../etc", "a\nb", "é" * 300, "%s", "\ud800", "\0"]
VALUES = [None, True, False, [], {}, [[]], "", 0, -1, 1e308, float("nan"), float("inf"), 10**400, *TEXTS]


def damaged_text(rng, content):
    """Bytes of any file, changed in one of many ways."""
    place, other = rng.randrange(len(content) + 1), rng.randrange(len(content) + 1)
    low, high = min(place, other), max(place, other)
    lines = content.split(b"\n")
    kind = rng.randrange(10)
    if kind == 0:
        return content[:place]
    if kind == 1:
        return content[:low] + content[high:]
    if kind == 2:
        return content[:place] + bytes(rng.randrange(256) for _ in range(rng.randrange(1, 6))) + content[place:]
    if kind == 3:
        return content[:high] + content[low:]
    if kind == 4:
        del lines[rng.randrange(len(lines))]
        return b"\n".join(lines)
    if kind == 5:
        return b"\n".join(rng.sample(lines, len(lines)))
    if kind == 6:
        return rng.choice([b"\xef\xbb\xbf" + content, content.replace(b"\n", b"\r\n"), b"", b"[" * 100000,
                           content.replace(b"\n", b"\r"), b"\0" + content, content.decode("latin1").encode("utf-16")])
    # A cell, or what looks like one.
    line = rng.randrange(len(lines))
    cells = lines[line].split(b",")
    cells[rng.randrange(len(cells))] = rng.choice([*NUMBERS, *TEXTS]).encode("utf-8", "surrogatepass")
    lines[line] = b",".join(cells)
    return b"\n".join(lines)


def damaged_json(rng, content):
    """JSON with one value replaced, left out or renamed."""
    root = json.loads(content)
    nodes, todo = [], [root]
    while todo:
        node = todo.pop()
        keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else []
        nodes += [(node, key) for key in keys]
        todo += [node[key] for key in keys]
    node, key = rng.choice(nodes)
    change = rng.randrange(4)
    if change == 0 and isinstance(node, dict):
        node[rng.choice(TEXTS)] = node.pop(key)
    elif change == 1:
        del node[key]
    else:
        node[key] = rng.choice(VALUES)
    return json.dumps(root).encode("utf-8", "surrogatepass")


class DamagedFilesTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)
        quiet = unittest.mock.patch.object(_reading, "say")  # "the last line is cut off", thousands of times
        quiet.start()
        self.addCleanup(quiet.stop)
        plot.plt.rcParams.update(plot.RC)
        self.arguments = plot.argparse.Namespace(
            folders=[], out=None, figure="all", format=["svg"], label=[], title=None, split="test", statistics=None,
            smooth=None, layer=None, unit=None, tensor="input")

    def try_damages(self, path, read, draw):
        """`read` and, a few times, `draw`, which gives a figure, with damages of the file."""
        content, rng = path.read_bytes(), random.Random(f"20 {path.name}")
        refused = 0
        for number in range(DAMAGES):
            as_json = path.suffix == ".json" and rng.random() < 0.6
            bad = (damaged_json if as_json else damaged_text)(rng, content)
            path.write_bytes(bad)
            drawn = number % (DAMAGES // DRAWN) == 0
            with self.subTest(file=path.name, number=number, content=bad[:3000]):
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter("error")
                        warnings.filterwarnings("ignore", message="Glyph")
                        figure = (draw if drawn else read)()
                        if drawn:
                            figure.savefig(io.BytesIO(), format="svg")
                except _reading.ReadError as error:
                    refused += 1
                    self.assertIn(str(self.folder), str(error))
                    self.assertNotIn("\n", _reading.printable(error))
                finally:
                    plt.close("all")
        path.write_bytes(content)
        if path.parent.name != "run" or path.name != "eval.csv":  # without evaluations a run is drawn all the same
            self.assertGreater(refused, DAMAGES // 25)  # the damages do harm
        read()

    def sweep(self, figure, arms, value):
        sweep = SweepFolder(self.folder / f"sweep{figure['type']}", arms, [1, 2], figure, value, steps=100)
        sweep.write_verdict(finding="It is so.")
        return sweep.folder

    def reader(self, folder):
        """Reads what the figure of a sweep needs, without drawing it."""
        def read():
            sweep = plot.Sweep(folder)
            _plot_verdict.verdict_text(sweep)
            sweep.with_finding(("a",), [("b",)])
            lines = sweep.lines((sweep.figure.get("axis"),))
            if sweep.type == "rows":
                _plot_over_rows.read_rows(sweep, _plot_over_steps.with_result(sweep, lines),
                                          sweep.figure.get("file", ""), sweep.figure.get("column", "accuracy"))
            elif sweep.type in ("curves", "bands"):
                columns = ("p15", "p50", "p85") if sweep.type == "bands" else (sweep.figure.get("column", "accuracy"),)
                _plot_over_steps.read_tables(sweep, _plot_over_steps.with_result(sweep, lines),
                                             sweep.figure.get("file", "eval.csv"), columns,
                                             ("value",) if sweep.type == "curves" else columns)
        return read

    def drawer(self, folder):
        def draw():
            sweep = plot.Sweep(folder)
            if sweep.type not in plot.OF_EXPERIMENTS:
                raise _reading.ReadError(f"{sweep.file}: figure.type")
            figure, header, rows = plot.OF_EXPERIMENTS[sweep.type](sweep)
            _plot_base.csv_bytes(*sweep.with_finding(header, rows))
            return figure
        return draw

    def try_files_of_sweep(self, figure, arms, value, names):
        folder = self.sweep(figure, arms, value)
        for name in names:
            path = next(iter(sorted(folder.glob(name))))
            self.try_damages(path, self.reader(folder), self.drawer(folder))

    def test_curves(self):
        self.try_files_of_sweep(CURVES, TWO_ARMS, completed, ["experiment.json", "verdict.json", "runs/*/eval.csv"])

    def test_axis(self):
        self.try_files_of_sweep(AXIS, GAIN_ARMS, over_gains, ["runs.csv"])

    def test_heat_map(self):
        grid = {"optimizer.learning_rate": [0.1, 1], "training.batch_size": [8, 32]}
        self.try_files_of_sweep(HEAT_MAP, [{"name": "grid", "grid": grid}], completed, ["runs.csv"])

    def test_rows(self):
        self.try_files_of_sweep(ROWS, TWO_ARMS, completed, ["runs/*/channel_moments.csv"])

    def test_bands(self):
        self.try_files_of_sweep(BANDS, TWO_ARMS, completed, ["runs/*/activation_distribution.csv"])

    def test_ablation(self):
        folder = self.sweep({"type": "none"}, GAIN_ARMS, over_gains)

        def read():
            return _plot_ablation.Axes(_plot_ablation.of_quantity(plot.Sweep(folder), "final_accuracy"))

        def draw():
            return plot.draw_ablation(plot.Sweep(folder))[0]

        for name in ("runs.csv", "experiment.json"):
            self.try_damages(folder / name, read, draw)

    def test_figure_csv(self):
        folder = self.sweep(CURVES, TWO_ARMS, completed)
        sweep = plot.Sweep(folder)
        _, header, rows = plot.OF_EXPERIMENTS["curves"](sweep)
        (folder / "figure.csv").write_bytes(_plot_base.csv_bytes(header, rows))
        (folder / "runs").rename(self.folder / "away")
        self.try_damages(folder / "figure.csv", self.reader(folder), self.drawer(folder))

    def test_files_of_a_run(self):
        folder = write_run(self.folder / "run")
        arguments = self.arguments

        def read():
            run = _plot_runs.Run(folder)
            run.key()
            run.stop()
            _plot_runs.read_curves(_plot_runs.arms_of([run], []), arguments)
            _plot_runs.distribution_of(run, arguments)
            _plot_runs.gradients_of(run, arguments)

        def draw():
            arms = _plot_runs.arms_of([_plot_runs.Run(folder)], [])
            return [one(arms, arguments, "$\\frac{$")[0] for one in _plot_runs.DRAW.values()][0]

        for name in ("config.json", "run.json", "train.csv", "eval.csv", "activation_distribution.csv",
                     "gradient_norm.csv"):
            self.try_damages(folder / name, read, draw)

    def test_arrays(self):
        path = self.folder / "weights.npz"
        np.savez(path, weights=np.arange(60.0).reshape(3, 20), bias=np.zeros(3))
        self.try_damages(path, lambda: _bnlab.read_npz(path), lambda: _bnlab.read_npz(path) and plt.figure())


if __name__ == "__main__":
    support.main()
