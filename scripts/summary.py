#!/usr/bin/env python3
"""Compares how fast two arms learned: steps to a stated accuracy, final accuracy, and their ratio over seeds.

Reads eval.csv and run.json of the run directories, nothing else. Runs are paired in the order in which they are named:
the same seed stands at the same place of both lists.
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


# Two-sided 95 % quantiles of Student's t for 1, 2, ... degrees of freedom.
STUDENT_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)


def steps_to(series, level):
    """First evaluated step whose accuracy is at least the level; None if there is none."""
    return next((step for step, accuracy in series.items() if accuracy >= level), None)


def mean_and_half_width(values):
    """Mean and half of its 95 % interval; None for the latter where there are too few or too many values."""
    mean = sum(values) / len(values)
    freedom = len(values) - 1
    if not 1 <= freedom <= len(STUDENT_T):
        return mean, None
    variance = sum((value - mean) ** 2 for value in values) / freedom
    return mean, STUDENT_T[freedom - 1] * math.sqrt(variance / len(values))


def ratio_text(baseline, arm):
    """Geometric mean of the paired ratios of steps, with its interval; says so where a run did not get there."""
    if None in baseline or None in arm:
        return f"not known: {baseline.count(None)} and {arm.count(None)} runs did not get there"
    if 0 in baseline or 0 in arm:
        return "not known: a run was there before its first step"
    mean, half = mean_and_half_width([math.log(a / b) for a, b in zip(baseline, arm)])
    interval = f" [{math.exp(mean - half):.2f}, {math.exp(mean + half):.2f}]" if half is not None else ""
    return f"{math.exp(mean):.2f}{interval}"


def difference_text(baseline, arm):
    mean, half = mean_and_half_width([100 * (b - a) for a, b in zip(baseline, arm)])
    interval = f" [{mean - half:+.2f}, {mean + half:+.2f}]" if half is not None else ""
    return f"{mean:+.2f}{interval} points"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--baseline", metavar="RUN", type=pathlib.Path, nargs="+", required=True)
    parser.add_argument("--arm", metavar="RUN", type=pathlib.Path, nargs="+", required=True)
    parser.add_argument("--accuracy", metavar="LEVEL", type=float, required=True, help="a fraction from 0 to 1")
    parser.add_argument("--split", default="test")
    parser.add_argument("--statistics", default="running", help="running, precise or batch")
    parser.add_argument("--figures", metavar="DIR", type=pathlib.Path, help="say that the figures are here")
    arguments = parser.parse_args()
    if not 0 < arguments.accuracy <= 1:
        parser.error(f"--accuracy: must be above 0 and at most 1, got {arguments.accuracy}")
    if len(arguments.baseline) != len(arguments.arm):
        parser.error(f"--arm: must name as many runs as --baseline, got {len(arguments.arm)}")

    level = f"{100 * arguments.accuracy:g} %"
    heading = f"steps to {level}"
    runs = arguments.baseline + arguments.arm
    width = max(len(run.resolve().name) for run in runs)
    print(f"{arguments.split} accuracy")
    print(f"  {'':{width}}  {heading:>16}  {'final':>8}  {'best':>8}  {'steps':>8}")
    reached, final = [], []
    for run in runs:
        series = accuracies(run, arguments.split, arguments.statistics)
        last = max(series)
        reached.append(steps_to(series, arguments.accuracy))
        final.append(series[last])
        best = max((value for value in series.values() if not math.isnan(value)), default=math.nan)
        shown = reached[-1] if reached[-1] is not None else "not reached"
        print(f"  {run.resolve().name:{width}}  {shown:>16}  {100 * final[-1]:6.2f} %  {100 * best:6.2f} %  {last:>8}"
              + ("" if status(run) == "completed" else f"  ({status(run)})"))
    pairs = len(arguments.baseline)
    print(f"paired over {pairs} seeds, with the 95 % interval of Student's t" if pairs > 1 else "one seed, no interval")
    print(f"  ratio of {heading}, baseline / arm: {ratio_text(reached[:pairs], reached[pairs:])}")
    print(f"  final accuracy, arm - baseline: {difference_text(final[:pairs], final[pairs:])}")
    if arguments.figures:
        for figure in sorted(arguments.figures.glob("*.png")) + sorted(arguments.figures.glob("*.svg")):
            print(f"  figure: {figure}")


if __name__ == "__main__":
    main()
