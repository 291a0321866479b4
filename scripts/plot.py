#!/usr/bin/env python3
"""Draws the figures of runs, or the figure that an experiment names.

    scripts/plot.py RUN... [--figure curves|distribution|gradients|all] [--out DIR]
    scripts/plot.py SWEEP... [--out DIR]
    scripts/plot.py FOLDER                  all sweeps in it, or else all runs

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
              geometric mean). Diverged runs end in a cross and do not set the scale.
bands         15th, 50th and 85th percentile over training steps, one panel for each arm: one seed, and the medians of
              the others.
axis          a quantity over an axis: seeds as points, mean and interval; diverged runs as crosses, which do not set
              the scale unless the experiment gives their value (when_diverged).
heat_map      a quantity over two axes, one panel for each arm: the mean of the seeds, with a mark for diverged runs.
rows          a column over the rows of one step, such as layers: seeds faint, mean and interval. Rows that are numbers,
              such as factors, have a numeric axis, with log_x a logarithmic one.
fill          the area between two columns over training steps; for several seeds, between their means.
none          a figure that fits the axes, if there is no claim. One numeric axis: each quantity over it; one axis of
              words: a row for each value; two axes: lines by colour, or a heat map; more: panels.

The name of a line is at its end if there is space. More than four arms that are named "a, b" have a panel for each
"a"; more than eight arms have a panel each. The axis of steps is logarithmic if the curves change most in the first
tenth of the steps. Thresholds and levels of the criteria are drawn if they are near the values. Accuracies are shown
in %, and their differences in points; the CSV files have fractions.

The files are figure.png, figure.svg and figure.csv in the directory of the sweep, or figure_EXPERIMENT.* in --out for
several sweeps; existing ones are replaced. If the verdict has a finding, the last column of the CSV has it, in the
first row. If the directories of the runs are missing, curves, bands, rows and fill are drawn from figure.csv; the other
types always use runs.csv.

Examples:
    scripts/plot.py results/with results/without --out results/both
    scripts/plot.py results/quick/faster_training

Exit status: 0 done; 2 usage; 3 a file is missing, empty or damaged, or lacks what the figure needs.
"""

import argparse
import os
import sys

import _python

os.environ["MPLBACKEND"] = "agg"  # files alone are drawn; a name that a user has set may need a screen, or be wrong
_python.require("matplotlib", "numpy", "scipy")
_python.require_matplotlib()

import matplotlib.pyplot as plt  # noqa: E402

from _plot_base import RC, warn, write_figure  # noqa: E402
from _plot_ablation import draw_ablation  # noqa: E402
from _plot_axis import draw_axis  # noqa: E402
from _plot_fill import draw_fill  # noqa: E402
from _plot_heat_map import draw_heat_map  # noqa: E402
from _plot_over_steps import draw_bands, draw_curves  # noqa: E402
from _plot_over_rows import draw_rows  # noqa: E402
from _plot_run import name_of  # noqa: E402
from _plot_runs import DRAW, draw_runs  # noqa: E402
from _plot_sweep import Sweep  # noqa: E402
from _reading import (DAMAGED, USAGE, ReadError, exists, given_path, is_folder, printable,  # noqa: E402
                      reason_of)

OF_EXPERIMENTS = {"curves": draw_curves, "bands": draw_bands, "axis": draw_axis, "heat_map": draw_heat_map,
                  "rows": draw_rows, "fill": draw_fill}


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
    parser.add_argument("folders", nargs="+", type=given_path, metavar="DIR",
                        help="run directories, or directories of sweeps")
    parser.add_argument("--out", type=given_path, help="folder of the figures; default: the directory itself, for "
                        "several runs the folder that holds them all")
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
    arguments.of_experiments = all_of_one_kind(parser, arguments)
    if arguments.of_experiments:
        for name in ("figure", "label", "split", "statistics", "smooth", "layer", "unit", "tensor"):
            if getattr(arguments, name) != parser.get_default(name):
                parser.error(f"--{name}: only for run directories; experiment.json has the figure of an experiment")
    return arguments


def all_of_one_kind(parser, arguments):
    """Puts the runs or sweeps in a folder in its place; returns whether they are sweeps."""
    found = [one for folder in arguments.folders for one in runs_or_sweeps_in(folder)]
    arguments.folders = [path for path, _ in found]
    kinds = {is_sweep for _, is_sweep in found}
    if len(kinds) > 1:
        other = next(path for path, is_sweep in found if not is_sweep)
        parser.error(printable(f"{other}: has no experiment.json; draw runs and experiments in separate calls"))
    return kinds.pop()


def runs_or_sweeps_in(folder):
    """[(path, whether it is a sweep)]: the folder itself, or else those of the folders in it that are one."""
    def kind(path):
        return (True if exists(path / "experiment.json") else
                False if exists(path / "config.json") or exists(path / "train.csv") else None)

    try:
        if not folder.is_dir():
            raise ReadError(f"{folder}: {'is not a folder' if folder.exists() else 'no such folder'}")
        if kind(folder) is not None:
            return [(folder, kind(folder))]
        within = sorted((path for path in folder.iterdir() if is_folder(path)), key=lambda path: (name_of(path), path))
    except OSError as error:
        raise ReadError(f"{folder}: can't be read: {reason_of(error)}") from None
    found = [(path, kind(path)) for path in within if kind(path) is not None]
    sweeps = [one for one in found if one[1]]
    if not found:
        try:
            deeper = any(is_folder(one) and kind(one) is not None for path in within for one in path.iterdir())
        except OSError:
            deeper = False
        raise ReadError(f"{folder}: is neither a run's nor a sweep's directory, and no folder in it is one"
                        + (f"; those two folders down: plot.py {folder}/*/*" if deeper else ""))
    return sweeps or found


# What damaged or hostile numbers may raise deep in matplotlib, where no file is named.
BEYOND = (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError)


def text_of(error):
    """Of a file that can't be written."""
    return f"{os.fsdecode(error.filename)}: {reason_of(error)}" if error.filename else str(error)


def drawing_of(sweep):
    """The function that draws the figure of a sweep; None where it names none."""
    if sweep.type == "none":
        return None if sweep.claim else draw_ablation
    if sweep.type not in OF_EXPERIMENTS:
        raise ReadError(f"{sweep.file}: figure.type: must be one of {', '.join(OF_EXPERIMENTS)}, none")
    return OF_EXPERIMENTS[sweep.type]


def draw_experiment(folder, arguments, stem_of):
    """Draws the figure of one."""
    sweep = Sweep(folder)
    out, stem = stem_of(sweep)
    draw = drawing_of(sweep)
    if not draw:
        warn(f"{sweep.file}: has no figure")
        return
    sweep.title = arguments.title or sweep.title
    figure, header, rows = draw(sweep)
    out.mkdir(parents=True, exist_ok=True)
    write_figure(figure, *sweep.with_finding(header, rows), out, stem, arguments.format)


def draw_experiments(arguments):
    """Draws the figure of each; those that can't be drawn are named. Returns the exit status."""
    names, status = {}, 0

    def stem_of(sweep):
        stem = f"figure_{sweep.name}" if arguments.out and len(arguments.folders) > 1 else "figure"
        out = arguments.out or sweep.folder
        if names.setdefault(out / stem, sweep.folder) != sweep.folder:
            raise ReadError(f"{sweep.folder}: has the same name as {names[out / stem]}: give each an --out of its own",
                            USAGE)
        return out, stem

    for folder in arguments.folders:
        try:
            draw_experiment(folder, arguments, stem_of)
        except ReadError as error:
            warn(error)
            status = max(status, error.status)
        except OSError as error:
            warn(text_of(error))
            status = max(status, USAGE)
        except BEYOND as error:
            warn(f"{folder}: can't be drawn: {type(error).__name__}: {error}")
            status = DAMAGED
        finally:
            plt.close("all")
    return status


def main():
    plt.rcParams.update(RC)
    if sys.stdout:  # None where it is closed
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        arguments = parse_arguments()
        if arguments.of_experiments:
            return draw_experiments(arguments)
        draw_runs(arguments)
    except ReadError as error:
        warn(error)
        return error.status
    except OSError as error:
        warn(text_of(error))
        return USAGE
    except BEYOND as error:
        warn(f"{arguments.folders[0]}: can't be drawn: {type(error).__name__}: {error}")
        return DAMAGED
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
