#!/usr/bin/env python3
"""Compares how fast two runs learned: steps to a stated test accuracy, final accuracy, and their ratio.

Reads eval.csv and run.json of both run directories, nothing else. RUN_A is the slower arm, the baseline.
"""

import argparse
import csv
import json
import math
import pathlib
import sys


def accuracies(run, split, statistics):
    """{step: accuracy} of a split, in the order of the steps. A line that a killed run left half written is ignored."""
    path = run / "eval.csv"
    by_statistics = {}
    try:
        with open(path, newline="") as file:
            for row in csv.DictReader(file):
                if row["split"] != split or not row["accuracy"]:
                    continue
                by_statistics.setdefault(row["statistics"], {})[int(row["step"])] = float(row["accuracy"])
    except OSError as error:
        sys.exit(f"summary.py: {path}: {error.strerror}")
    except (KeyError, ValueError) as error:
        sys.exit(f"summary.py: {path}: not an evaluation of a run: {error}")
    # A network without normalization has no statistics to choose from.
    series = by_statistics.get(statistics)
    if series is None and len(by_statistics) == 1:
        series = next(iter(by_statistics.values()))
    if not series:
        sys.exit(f"summary.py: {path}: no rows of split {split} with {statistics} statistics")
    return dict(sorted(series.items()))


def status(run):
    try:
        return json.loads((run / "run.json").read_text())["status"]
    except (OSError, KeyError, ValueError):
        return "unknown status"


def steps_to(series, level):
    """First evaluated step whose accuracy is at least the level; None if there is none."""
    return next((step for step, accuracy in series.items() if accuracy >= level), None)


def ratio(a, b, last_a, last_b):
    """How many times fewer steps B needed than A; a bound where one of them did not get there."""
    if a is not None and b is not None:
        return f"{a / b:.2f}" if b else "inf"
    if b is not None:
        return f"more than {last_a / b:.2f}" if b else "inf"
    if a is not None:
        return f"less than {a / last_b:.2f}" if last_b else "none"
    return "none: neither got there"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run_a", metavar="RUN_A", type=pathlib.Path, help="the baseline")
    parser.add_argument("run_b", metavar="RUN_B", type=pathlib.Path)
    parser.add_argument("--accuracy", metavar="LEVEL", type=float, required=True, help="a fraction from 0 to 1")
    parser.add_argument("--split", default="test")
    parser.add_argument("--statistics", default="running", help="running, precise or batch")
    parser.add_argument("--figures", metavar="DIR", type=pathlib.Path, help="say that the figures are here")
    arguments = parser.parse_args()
    if not 0 < arguments.accuracy <= 1:
        parser.error(f"--accuracy: must be above 0 and at most 1, got {arguments.accuracy}")

    runs = (arguments.run_a, arguments.run_b)
    series = [accuracies(run, arguments.split, arguments.statistics) for run in runs]
    reached = [steps_to(one, arguments.accuracy) for one in series]
    last = [max(one) for one in series]
    final = [one[step] for one, step in zip(series, last)]
    spacing = min((b - a for one in series for a, b in zip(list(one), list(one)[1:])), default=None)

    names = [run.resolve().name for run in runs]
    width = max(map(len, names))
    level = f"{100 * arguments.accuracy:g} %"
    heading = f"steps to {level}"
    note = f", evaluated every {spacing} steps" if spacing else ""
    print(f"{arguments.split} accuracy{note}")
    print(f"  {'':{width}}  {heading:>16}  {'final':>8}  {'best':>8}  {'steps':>8}")
    for name, run, one, steps, end, last_step in zip(names, runs, series, reached, final, last):
        best = max((value for value in one.values() if not math.isnan(value)), default=math.nan)
        print(f"  {name:{width}}  {steps if steps is not None else 'not reached':>16}  {100 * end:6.2f} %"
              f"  {100 * best:6.2f} %  {last_step:>8}" + ("" if status(run) == "completed" else f"  ({status(run)})"))
    print(f"  ratio of steps to {level}: {ratio(*reached, *last)}")
    print(f"  difference in final accuracy: {100 * (final[1] - final[0]):+.2f} points")
    if arguments.figures:
        for figure in sorted(arguments.figures.glob("*.png")) + sorted(arguments.figures.glob("*.svg")):
            print(f"  figure: {figure}")


if __name__ == "__main__":
    main()
