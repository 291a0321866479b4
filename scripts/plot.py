#!/usr/bin/env python3
"""Draws the figures of runs, or the figure that an experiment names.

    scripts/plot.py RUN... [--figure curves|distribution|gradients|all] [--out DIR]
    scripts/plot.py EXPERIMENT_DIR... [--out DIR]

Of run directories:

curves        loss and accuracy over training steps, all runs in one figure: training batches thin, test split bold.
              Runs that differ only in their seed are one arm: faint lines for the seeds, a bold mean with its 95 %
              interval (Student's t).
distribution  15th, 50th and 85th percentile of an activation's input over training steps, runs side by side: figure
              1b,c of Ioffe & Szegedy 2015. Needs the probe activation_distribution.
gradients     gradient norm of each layer's weights over training steps. Needs the probe gradient_norm.

Each figure is written as figure_NAME.png and figure_NAME.svg, with the plotted numbers in figure_NAME.csv.

Of a sweep's directory (it has an experiment.json, whose "figure" says what is drawn), with the verdict below the title:

curves        a column over training steps: the seeds faint, their mean bold with its 95 % interval (log_y: the
              geometric mean). Runs that diverged end in a cross and don't set the scale.
bands         15th, 50th and 85th percentile over training steps, a panel an arm: one seed, and the others' medians.
axis          a quantity over an axis: seeds as points, mean and interval; runs that diverged as crosses that do not set
              the scale, unless the experiment declares their value (when_diverged).
heat_map      a quantity over two axes, a panel an arm: the seeds' mean, diverged runs marked.
rows          a column over the rows of one step, such as layers: seeds faint, mean and interval.

It is written as figure.png, figure.svg and figure.csv into the sweep's directory, and replaced when asked for again;
with several directories and one --out as figure_EXPERIMENT.*. The verdict's finding, where there is one, is in the
first row of the CSV, in a last column. Where the run directories are gone, curves, bands and rows are drawn from
figure.csv; the others always from runs.csv.

Exit status: 0 done; 2 usage; 3 a file is missing, empty or damaged, or lacks what the figure needs.
"""

import argparse
import sys
from pathlib import Path

import _python

_python.require("matplotlib", "numpy", "scipy")

import matplotlib.pyplot as plt  # noqa: E402

from _plot_base import RC, RunError, warn, write_figure  # noqa: E402
from _plot_axis import draw_axis  # noqa: E402
from _plot_heat_map import draw_heat_map  # noqa: E402
from _plot_over_steps import draw_bands, draw_curves  # noqa: E402
from _plot_over_rows import draw_rows  # noqa: E402
from _plot_runs import DRAW, draw_runs  # noqa: E402
from _plot_sweep import Sweep  # noqa: E402

OF_EXPERIMENTS = {"curves": draw_curves, "bands": draw_bands, "axis": draw_axis, "heat_map": draw_heat_map,
                  "rows": draw_rows}


def formats(text):
    kinds = list(dict.fromkeys(text.split(",")))
    if not kinds or any(kind not in ("png", "svg") for kind in kinds):
        raise argparse.ArgumentTypeError(f"png, svg or png,svg, got {text}")
    return kinds


def positive(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be an integer of at least 1, got {text}")
    return int(text)


def parse_arguments():
    parser = argparse.ArgumentParser(prog="plot.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", metavar="DIR", help="run directories, or directories of sweeps")
    parser.add_argument("--out", type=Path, help="folder of the figures; default: the directory itself, for several "
                        "runs the folder that holds them all")
    parser.add_argument("--figure", choices=[*DRAW, "all"], default="all")
    parser.add_argument("--format", type=formats, default=["png", "svg"], help="png, svg or png,svg (the default)")
    parser.add_argument("--label", action="append", default=[], help="name of an arm, once for each arm in the order "
                        "of the runs; default: names of the run directories")
    parser.add_argument("--title", help="title of the figure")
    parser.add_argument("--split", choices=["test", "validation", "train"], default="test",
                        help="curves: the bold line; default: test")
    parser.add_argument("--statistics", choices=["running", "precise", "batch"], help="curves: which evaluation, where "
                        "a run has several; default: the first of these that is there")
    parser.add_argument("--smooth", type=positive, metavar="N", help="curves: mean of N logged training steps; "
                        "default: so that about 80 points remain")
    parser.add_argument("--layer", help="distribution: for instance activation3; default: the last one")
    parser.add_argument("--unit", help="distribution: a unit's index or all; default: the first recorded unit")
    parser.add_argument("--tensor", choices=["input", "output"], default="input",
                        help="distribution: of the activation; default: input")
    arguments = parser.parse_args()
    arguments.of_experiments = [(Path(folder) / "experiment.json").is_file() for folder in arguments.folders]
    if any(arguments.of_experiments):
        if not all(arguments.of_experiments):
            other = arguments.folders[arguments.of_experiments.index(False)]
            parser.error(f"{other}: has no experiment.json: runs and experiments are drawn one after the other")
        for name in ("figure", "label", "split", "statistics", "smooth", "layer", "unit", "tensor"):
            if getattr(arguments, name) != parser.get_default(name):
                parser.error(f"--{name}: is for run directories; the figure of an experiment is in its experiment.json")
    return arguments


def draw_experiments(arguments):
    """Draws the figure of each; those that can't be drawn are named. Returns the exit status."""
    names, status = {}, 0
    for folder in arguments.folders:
        try:
            sweep = Sweep(folder)
            stem = f"figure_{sweep.name}" if arguments.out and len(arguments.folders) > 1 else "figure"
            out = arguments.out or sweep.folder
            if names.setdefault(out / stem, folder) != folder:
                warn(f"{folder}: has the same name as {names[out / stem]}: give each an --out of its own")
                return 2
            if sweep.type == "none":
                warn(f"{sweep.file}: names no figure")
                continue
            if sweep.type not in OF_EXPERIMENTS:
                raise RunError(f"{sweep.file}: figure.type: must be one of {', '.join(OF_EXPERIMENTS)}, none")
            out.mkdir(parents=True, exist_ok=True)
            sweep.title = arguments.title or sweep.title
            figure, header, rows = OF_EXPERIMENTS[sweep.type](sweep)
            write_figure(figure, *sweep.with_finding(header, rows), out, stem, arguments.format)
        except RunError as error:
            warn(error)
            status = 3
    return status


def main():
    arguments = parse_arguments()
    plt.rcParams.update(RC)
    try:
        if all(arguments.of_experiments):
            return draw_experiments(arguments)
        draw_runs(arguments)
    except RunError as error:
        warn(error)
        return 3
    except OSError as error:
        warn(error)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
