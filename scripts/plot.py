#!/usr/bin/env python3
"""Draws the figures of one run or of several.

    scripts/plot.py RUN... [--figure curves|distribution|gradients|all] [--out DIR]

curves        loss and accuracy over training steps, all runs in one figure: training batches thin, test split bold.
              Runs that differ only in their seed are one arm: faint lines for the seeds, a bold mean with its 95 %
              interval (Student's t).
distribution  15th, 50th and 85th percentile of an activation's input over training steps, runs side by side: figure
              1b,c of Ioffe & Szegedy 2015. Needs the probe activation_distribution.
gradients     gradient norm of each layer's weights over training steps. Needs the probe gradient_norm.

Each figure is written as figure_NAME.png and figure_NAME.svg, with the plotted numbers in figure_NAME.csv.
Exit status: 0 done; 2 usage; 3 a run's file is missing, empty or damaged.
"""

import argparse
import sys
from pathlib import Path

import _python

_python.require("matplotlib", "numpy")

import matplotlib.pyplot as plt  # noqa: E402

from _plot_base import RC, RunError, warn  # noqa: E402
from _plot_runs import DRAW, draw_runs  # noqa: E402


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
    parser.add_argument("folders", nargs="+", metavar="RUN", help="a run directory")
    parser.add_argument("--out", type=Path, help="folder of the figures; default: the run directory, for several runs "
                        "the folder that holds them all")
    parser.add_argument("--figure", choices=[*DRAW, "all"], default="all")
    parser.add_argument("--format", type=formats, default=["png", "svg"], help="png, svg or png,svg (the default)")
    parser.add_argument("--label", action="append", default=[], help="name of an arm, once for each arm in the order "
                        "of RUN; default: names of the run directories")
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
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    plt.rcParams.update(RC)
    try:
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
