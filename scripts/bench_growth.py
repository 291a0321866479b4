#!/usr/bin/env python3
"""Times a training step by depth, width and batch size, and draws it with the time at the machine's peak speed.

    scripts/bench_growth.py [--repeats 5] [--out results/bench]

The network is FD(L), an MLP of L hidden layers of 128 ReLU units with batch normalization, on synthetic digits, with
one thread: L from 5 to 80; widths from 32 to 2048 with 5 layers; batches from 8 to 2048 with 5 layers. Each repeat
measures all of them with `bnlab train --profile-steps`. The time at peak speed is the FLOP of the dense calls, forward
and backward, divided by the measured rate of multiply-adds. Writes growth.csv, growth.png and growth.svg.

Exit status: 0 done; 1 bnlab failed; 2 usage; 77 numpy or matplotlib is missing.
"""

import argparse
import json
import re
import statistics
import sys
from pathlib import Path

import _python

_python.require("numpy", "matplotlib", "scipy", status=77)
_python.require_matplotlib()

import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.lines import Line2D  # noqa: E402

import _bench  # noqa: E402
import _plot_base  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
AXES = {"depth": [5, 10, 20, 40, 80], "width": [32, 128, 512, 2048],
        "batch": [8, 32, 128, 512, 2048]}
LABELS = {"depth": "hidden layers of 128 units", "width": "units of each of 5 hidden layers", "batch": "batch size"}
USUAL = {"depth": 5, "width": 128, "batch": 128}
STEPS, SMOKE_STEPS = 50, 2
SI = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


def write_config(folder, depth, width, batch):
    path = folder / f"{depth}_{width}_{batch}.json"
    layers = [{"flatten": {}}, {"repeat": {"count": depth, "layers": [{"dense_block": {"units": width}}]}},
              {"dense": {"units": 10}}]
    path.write_text(json.dumps({
        "dataset": {"name": "drawn_digits", "synthetic": {"examples": 2048, "test_examples": 10}},
        "network": {"name": "fd", "activation": "relu", "layers": layers}, "normalization": {"type": "batch"},
        "optimizer": {"learning_rate": 1e-4}, "training": {"batch_size": batch, "steps": 1}}))
    return path


def flop_of(arguments, config):
    """Of a step, as `bnlab describe` counts them."""
    text = _bench.run([arguments.bnlab, "describe", config])
    found = re.search(r"^total +\d+ +([\d.]+) ?([kMGT]?)$", text, re.MULTILINE)
    return float(found[1]) * SI[found[2]]


def profile(arguments, config, steps):
    """(seconds of a step, FLOP/s of the peak)."""
    text = _bench.run([arguments.bnlab, "train", config, "--profile-steps", str(steps), "--quiet"])
    return (float(re.search(r"^step +([\d.]+)", text, re.MULTILINE)[1]) * 1e-6,
            float(re.search(r"Peak: (\d+) GFLOP", text)[1]) * 1e9)


def measure(arguments, folder):
    """[(axis, value, FLOP, [seconds])] and the peak."""
    points = []
    for axis, values in AXES.items():
        for value in values[:2] if arguments.smoke else values:
            config = write_config(folder, **{**USUAL, axis: value})
            points.append((axis, value, flop_of(arguments, config), config, []))
    peaks = []
    for _ in range(1 if arguments.smoke else arguments.repeats):
        for *_, config, seconds in points:
            one, peak = profile(arguments, config, SMOKE_STEPS if arguments.smoke else STEPS)
            seconds.append(one)
            peaks.append(peak)
    return [(axis, value, flop, seconds) for axis, value, flop, _, seconds in points], max(peaks)


def print_table(points, peak):
    print(f"\n{'':8} {'':>6} {'ms a step':>22} {'GFLOP/s':>9} {'of peak':>8}")
    for axis, value, flop, seconds in points:
        middle, low, high = (1e3 * one for one in _bench.spread(seconds))
        rate = flop / statistics.median(seconds)
        print(f"{axis:8} {value:6} {f'{middle:.3g} [{low:.3g}, {high:.3g}]':>22} {1e-9 * rate:9.1f} {rate / peak:8.0%}")


def draw(points, peak, repeats):
    plt.rcParams.update(_plot_base.RC)
    figure, panels = plt.subplots(1, len(AXES), figsize=(9, 3.6))
    rows = []
    for panel, axis in zip(panels, AXES):
        own = [point[1:] for point in points if point[0] == axis]
        values = [value for value, _, _ in own]
        medians = [1e3 * statistics.median(seconds) for _, _, seconds in own]
        bars = [[middle - 1e3 * min(seconds) for middle, (_, _, seconds) in zip(medians, own)],
                [1e3 * max(seconds) - middle for middle, (_, _, seconds) in zip(medians, own)]]
        panel.errorbar(values, medians, bars, color=_plot_base.COLOURS[0], marker="o", linewidth=2, capsize=3)
        at_peak = [1e3 * flop / peak for _, flop, _ in own]
        panel.plot(values, at_peak, color=_plot_base.COLOURS[1], linestyle=_plot_base.DASHED, linewidth=2)
        panel.set(xscale="log", yscale="log", xlabel=LABELS[axis], xticks=values,
                  xticklabels=[f"{value:g}" for value in values])
        panel.minorticks_off()
        _plot_base.style_log_ticks(panel.yaxis, *panel.get_ylim())
        panel.set_ylabel("step (ms)" if axis == "depth" else "")
        rows += [(axis, value, flop, peak, repeat + 1, one) for value, flop, seconds in own
                 for repeat, one in enumerate(seconds)]
    handles = [Line2D([], [], color=_plot_base.COLOURS[0], marker="o", linewidth=2,
                      label=f"measured: median, smallest and largest of {repeats}"),
               Line2D([], [], color=_plot_base.COLOURS[1], linestyle=_plot_base.DASHED, linewidth=2,
                      label=f"multiplications and additions alone, at {1e-9 * peak:.0f} GFLOP/s")]
    _plot_base.lay_out(figure, "A training step by depth, width and batch size", handles, 1,
                       "MLP with batch normalization, one thread")
    return figure, ("axis", "value", "flop", "peak_flops", "repeat", "seconds"), rows


def bench(arguments, folder):
    machine = _bench.describe_machine(arguments.bnlab)
    _bench.print_machine("bench_growth.py", machine)
    points, peak = measure(arguments, folder)
    print_table(points, peak)
    arguments.out.mkdir(parents=True, exist_ok=True)
    figure, header, rows = draw(points, peak, len(points[0][3]))
    _plot_base.write_figure(figure, header, rows, arguments.out, "growth", ("png", "svg"))
    return 0


def main():
    parser = argparse.ArgumentParser(prog="bench_growth.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=_bench.at_least_one, default=5, help="of each measurement; default: 5")
    parser.add_argument("--out", type=Path, default=ROOT / "results/bench", help="default: %(default)s")
    parser.add_argument("--smoke", action="store_true", help="few steps, one repeat: that it runs, not how fast")
    return _bench.main("bench_growth.py", parser, bench)


if __name__ == "__main__":
    sys.exit(main())
