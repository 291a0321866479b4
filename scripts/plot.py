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
import csv
import io
import json
import math
import os
import re
import sys
from pathlib import Path

import _python

_python.require("matplotlib", "numpy")

import matplotlib  # noqa: E402

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
from matplotlib.lines import Line2D  # noqa: E402
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter  # noqa: E402

# Okabe & Ito's palette, which colour-blind readers can tell apart, without its yellow, too light for lines on white.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000"]
# A second mark of each line, so that a black and white print can be read.
DASHED, DOTTED = (0, (6, 2)), (0, (1.2, 1.4))
STYLES = ["-", DASHED, DOTTED, (0, (7, 2, 1.2, 2)), (0, (3, 1.5)), (0, (7, 2, 1.2, 2, 1.2, 2)), (0, (10, 3))]
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
PERCENTILES = [("p85", "#D55E00", DASHED, "^", "85th percentile"), ("p50", "#000000", "-", "o", "median"),
               ("p15", "#0072B2", DOTTED, "v", "15th percentile")]
RC = {
    "font.family": "DejaVu Sans", "font.size": 10, "axes.titlesize": 11, "axes.labelsize": 10, "legend.fontsize": 9,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "axes.axisbelow": True,
    "grid.color": "#dddddd", "grid.linewidth": 0.6, "figure.dpi": 100, "savefig.dpi": 150,
    "svg.hashsalt": "bnlab", "svg.fonttype": "path",
}
STEP_LABEL = "training step"
# 97.5 % quantiles of Student's t for 1 to 30 degrees of freedom.
STUDENT_T = [12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281, 2.2010, 2.1788, 2.1604,
             2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860, 2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555,
             2.0518, 2.0484, 2.0452, 2.0423]


class RunError(Exception):
    """A run's files can't be plotted; the text names the file."""


def warn(text):
    print(f"plot.py: {text}", file=sys.stderr)


# ---- reading ---------------------------------------------------------------------------------------------------------

def read_json(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{path}: missing; is {path.parent} a run directory of bnlab?") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: can't be read: {error}") from None


def read_csv(path, text_columns, columns):
    """Columns of a CSV file: {name: array}, text for `text_columns`, float64 for the others of `columns`. A last line
    that is cut off (a killed run, a full disk) is left out with a warning; RunError for anything else that is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RunError(f"{path}: missing") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: can't be read: {error}") from None
    if not text:
        raise RunError(f"{path}: empty, not even a header")
    whole, newline, rest = text.rpartition("\n")
    if rest:
        warn(f"{path}: the last line is cut off; it is left out")
    rows = list(csv.reader(io.StringIO(whole + newline)))
    header = rows[0] if rows else []
    absent = [name for name in columns if name not in header]
    if absent:
        raise RunError(f"{path}: no column {', '.join(absent)} in its header")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise RunError(f"{path}:{number}: {len(row)} values, expected {len(header)}")
    if len(rows) < 2:
        raise RunError(f"{path}: no rows yet")
    table = {}
    for name in columns:
        values = [row[header.index(name)] for row in rows[1:]]
        try:
            table[name] = np.array(values) if name in text_columns else np.array(values, dtype=np.float64)
        except ValueError as error:
            raise RunError(f"{path}: column {name}: {error}") from None
    return table


def chosen(table, **wanted):
    """The rows of `table` where each named column has the given value."""
    keep = np.ones(len(next(iter(table.values()))), dtype=bool)
    for name, value in wanted.items():
        keep &= table[name] == value
    return {name: values[keep] for name, values in table.items()}


class Run:
    """One run directory. Files are read when asked for."""

    def __init__(self, folder):
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise RunError(f"{self.folder}: no such run directory")
        self.config = read_json(self.folder / "config.json")
        self.seed = self.config.get("training", {}).get("seed", 1)
        result = self.folder / "run.json"
        # A run that was killed, or that still goes on, has no run.json.
        self.result = read_json(result) if result.exists() else {"status": "unfinished"}
        self.label = ""

    def key(self):
        """Equal for runs that differ in their seed only."""
        config = json.loads(json.dumps(self.config))
        config.get("training", {}).pop("seed", None)
        return json.dumps(config, sort_keys=True)

    def stop(self):
        """What a reader must know of a run that did not complete; empty for one that did."""
        status = self.result.get("status", "unfinished")
        if status == "completed":
            return ""
        last = self.result.get("last_step")
        return status if last is None else f"{status} at step {last}"

    def train(self):
        return read_csv(self.folder / "train.csv", (), ("step", "loss", "accuracy"))

    def evaluations(self, split, statistics):
        """Rows of eval.csv of one split, or None if the run has no evaluation yet."""
        path = self.folder / "eval.csv"
        try:
            table = read_csv(path, ("split", "statistics"), ("step", "split", "statistics", "loss", "accuracy"))
        except RunError as error:
            warn(f"{error}; only training batches are drawn")
            return None
        table = chosen(table, split=split)
        present = list(dict.fromkeys(table["statistics"].tolist()))
        if not present:
            raise RunError(f"{path}: no rows with split {split}")
        if statistics is None:
            statistics = next((name for name in ("running", "precise", "batch") if name in present), present[0])
        elif statistics not in present:
            raise RunError(f"{path}: no rows with statistics {statistics}; it has {', '.join(present)}")
        return chosen(table, statistics=statistics)

    def probe(self, name, text_columns, columns):
        path = self.folder / f"{name}.csv"
        if not path.exists():
            raise RunError(f'{path}: missing; the run had no such probe: add {{"type": "{name}"}} to "probes" of its '
                           "config and run it again")
        return read_csv(path, text_columns, columns)


class Arm:
    """Runs that share a config but the seed."""

    def __init__(self, runs):
        self.runs = runs
        self.label = runs[0].folder.resolve().name
        if len(runs) > 1:
            self.label = re.sub(r"[-_. ]*(seed)?[-_. =]*\d+$", "", self.label) or self.label


def arms_of(runs, labels):
    """Groups runs into arms and names arms and runs. Runs of the same config and the same seed stay apart."""
    groups = {}
    for run in runs:
        groups.setdefault(run.key(), []).append(run)
    arms = []
    for group in groups.values():
        distinct = len({run.seed for run in group}) == len(group)
        arms += [Arm(group)] if distinct else [Arm([run]) for run in group]
    if labels and len(labels) != len(arms):
        names = "; ".join(", ".join(str(run.folder) for run in arm.runs) for arm in arms)
        warn(f"{len(labels)} --label for {len(arms)} arms (runs that differ only in their seed are one arm): {names}")
        raise SystemExit(2)
    for arm, label in zip(arms, labels):
        arm.label = label
    names = [arm.label for arm in arms]
    if not labels and len(set(names)) < len(names):  # same folder name in different parents
        for arm in arms:
            arm.label = "/".join(arm.runs[0].folder.resolve().parts[-2:])
    for arm in arms:
        for run in arm.runs:
            run.label = arm.label if len(arm.runs) == 1 else f"{arm.label}, seed {run.seed}"
    return arms


# ---- drawing ---------------------------------------------------------------------------------------------------------

def smooth(steps, values, width):
    """Means over `width` rows, one for each such group, at the mean step of the group."""
    finite = np.isfinite(values)
    steps, values = steps[finite], values[finite]
    if width < 2 or len(values) < 2 * width:
        return steps, values
    edges = np.arange(0, len(values), width)
    counts = np.diff(np.append(edges, len(values)))
    return np.add.reduceat(steps, edges) / counts, np.add.reduceat(values, edges) / counts


def mean_and_interval(series):
    """(steps, mean, half width of the 95 % interval) over seeds, at the steps that every seed reached."""
    steps = series[0][0]
    for other, _ in series[1:]:
        steps = np.intersect1d(steps, other)
    values = np.array([v[np.isin(s, steps)] for s, v in series])
    n = len(series)
    quantile = STUDENT_T[n - 2] if n - 2 < len(STUDENT_T) else 1.96
    return steps, values.mean(axis=0), quantile * values.std(axis=0, ddof=1) / math.sqrt(n)


def mark_every(count):
    return max(1, count // 10)


def short_number(value, _=None):
    return f"{value / 1000:g}k" if abs(value) >= 1000 else f"{value:g}"


def style_log_axis(axis):
    axis.set_yscale("log")
    low, high = axis.get_ylim()
    if high / low < 1000:  # few decades: label 2 and 5 too
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.yaxis.set_minor_formatter(NullFormatter())


def lay_out(figure, title, handles, columns):
    """Title above and legend below the axes; grows the figure by what they need, so that they cover nothing."""
    rows = math.ceil(len(handles) / columns)
    width, height = figure.get_size_inches()
    below, above = 0.24 * rows + 0.15, 0.35
    height += below + above
    figure.set_size_inches(width, height)
    figure.tight_layout(rect=(0, below / height, 1, 1 - above / height))
    figure.suptitle(title, fontsize=12.5, y=1 - 0.1 / height)
    figure.legend(handles=handles, loc="lower center", ncol=columns, frameon=False, handlelength=4)


def grid_of(count):
    """Figure with `count` panels of one size that share both axes; returns (figure, panels)."""
    columns = min(count, 3)
    rows = math.ceil(count / columns)
    figure, panels = plt.subplots(rows, columns, sharex=True, sharey=True, squeeze=False,
                                  figsize=(max(6.4, 4.2 * columns), 3.5 * rows))
    for panel in panels.flat[count:]:
        panel.set_visible(False)
    for panel in panels.flat[max(0, count - columns):count]:
        panel.set_xlabel(STEP_LABEL)
        panel.tick_params(labelbottom=True)
    for panel in panels.flat[:count]:
        panel.xaxis.set_major_formatter(FuncFormatter(short_number))
    return figure, list(panels.flat[:count])


METRICS = [("loss", "cross-entropy (nats)", "Loss"), ("accuracy", "fraction correct", "Accuracy")]


def look_of(index):
    """(colour and line style, marker) of arm number `index`."""
    line = {"color": COLOURS[index % len(COLOURS)], "linestyle": STYLES[index % len(STYLES)]}
    return line, MARKERS[index % len(MARKERS)]


def read_curves(arms, arguments):
    """[[(run, training rows, rows of eval.csv or None), ...] for each arm], and how many logged steps a mean takes."""
    tables = [[(run, run.train(), run.evaluations(arguments.split, arguments.statistics)) for run in arm.runs]
              for arm in arms]
    longest = max(len(train["step"]) for arm in tables for _, train, _ in arm)
    return tables, arguments.smooth or max(1, longest // 80)


def draw_arm(axis, metric, index, arm, tables, width, split):
    """Draws one metric of one arm; returns the rows of the figure's CSV."""
    line, marker = look_of(index)
    several = len(tables) > 1
    rows, series = [], []
    for run, train, evaluation in tables:
        x, y = smooth(train["step"], train[metric], width)
        axis.plot(x, y, **line, linewidth=0.9, alpha=0.3 if several else 0.65)
        rows += [(metric, arm.label, run.seed, "train", a, b) for a, b in zip(x, y)]
        if run.stop():
            axis.plot(x[-1:], y[-1:], marker="x", markersize=10, markeredgewidth=2.4, color=line["color"],
                      linestyle="none", zorder=5, clip_on=False)
        if evaluation is None:
            continue
        shown = np.isfinite(evaluation[metric])
        x, y = evaluation["step"][shown], evaluation[metric][shown]
        rows += [(metric, arm.label, run.seed, split, a, b) for a, b in zip(x, y)]
        series.append((x, y))
    bold = {**line, "linewidth": 2.4, "marker": marker, "markersize": 5.5}
    if several and len(series) == len(tables):
        for x, y in series:
            axis.plot(x, y, **line, linewidth=1.0, alpha=0.45)
        x, y, half = mean_and_interval(series)
        axis.fill_between(x, y - half, y + half, color=line["color"], alpha=0.18, linewidth=0)
        axis.plot(x, y, **bold, markevery=mark_every(len(x)))
        for name, values in (("mean", y), ("interval_low", y - half), ("interval_high", y + half)):
            rows += [(metric, arm.label, "all", f"{split}_{name}", a, b) for a, b in zip(x, values)]
    else:
        for x, y in series:
            axis.plot(x, y, **bold, markevery=mark_every(len(x)))
    return rows


def curves_legend(arms, tables, width, split):
    handles = []
    for index, arm in enumerate(arms):
        line, marker = look_of(index)
        text = arm.label if len(arm.runs) == 1 else f"{arm.label} ({len(arm.runs)} seeds)"
        stops = [run.stop() for run in arm.runs if run.stop()]
        if stops:
            text += f": {', '.join(stops)}"
        handles.append(Line2D([], [], **line, marker=marker, linewidth=2.4, markersize=5.5, label=text))
    grey = "#555555"
    bold = f"bold: {split} split"
    used = {name for arm in tables for _, _, table in arm if table is not None for name in table["statistics"].tolist()}
    if used and normalized(arms):
        bold += f", {'/'.join(sorted(used))} statistics"
    if any(len(arm.runs) > 1 for arm in arms):
        bold += "; of several seeds their mean, with its 95 % interval"
    handles.append(Line2D([], [], color=grey, linewidth=2.4, label=bold))
    thin = "thin: training batches" + (f", mean of {width} logged steps" if width > 1 else "")
    handles.append(Line2D([], [], color=grey, linewidth=0.9, label=thin))
    if any(run.stop() for arm in arms for run in arm.runs):
        handles.append(Line2D([], [], color=grey, linestyle="none", marker="x", markersize=9, markeredgewidth=2.4,
                              label="cross: the run stopped before its last step"))
    return handles


def draw_curves(arms, arguments, title):
    tables, width = read_curves(arms, arguments)
    figure, axes = plt.subplots(1, 2, figsize=(10, 4))
    rows = []
    for axis, (metric, unit, name) in zip(axes, METRICS):
        for index, (arm, table) in enumerate(zip(arms, tables)):
            rows += draw_arm(axis, metric, index, arm, table, width, arguments.split)
        axis.set(title=name, xlabel=STEP_LABEL, ylabel=unit)
        axis.xaxis.set_major_formatter(FuncFormatter(short_number))
        axis.margins(x=0.02)
    axes[1].set_ylim(0.0, 1.0)
    losses = [row[-1] for row in rows if row[0] == "loss" and row[-1] > 0]
    if losses and max(losses) > 20 * min(losses):
        style_log_axis(axes[0])
    else:
        axes[0].set_ylim(bottom=0)
    handles = curves_legend(arms, tables, width, arguments.split)
    lay_out(figure, title, handles, 1 if max(len(handle.get_label()) for handle in handles) > 60 else 2)
    return figure, ("metric", "arm", "seed", "series", "step", "value"), rows


def normalized(arms):
    return any(arm.runs[0].config.get("normalization", {}).get("type", "none") != "none" for arm in arms)


def number_in(name):
    """3 for activation3: layers are numbered in network order."""
    digits = re.search(r"\d+$", name)
    return int(digits.group()) if digits else 0


def distribution_of(run, arguments):
    """(layer, unit, rows) of the percentiles that the figure shows for one run."""
    columns = ("step", "layer", "tensor", "unit", "p15", "p50", "p85")
    table = run.probe("activation_distribution", ("layer", "tensor", "unit"), columns)
    path = run.folder / "activation_distribution.csv"
    layers = sorted(set(table["layer"].tolist()), key=number_in)
    layer = arguments.layer or layers[-1]
    if layer not in layers:
        raise RunError(f"{path}: no layer {layer}; it has {', '.join(layers)}")
    table = chosen(table, layer=layer, tensor=arguments.tensor)
    units = list(dict.fromkeys(table["unit"].tolist()))
    if not units:
        raise RunError(f"{path}: no rows with tensor {arguments.tensor} for {layer}")
    unit = arguments.unit or next((name for name in units if name != "all"), "all")
    if unit not in units:
        raise RunError(f"{path}: no unit {unit} of {layer}; it has {', '.join(units)}")
    return layer, unit, chosen(table, unit=unit)


def draw_distribution(arms, arguments, title):
    found = with_probe(arms, arguments, lambda run: distribution_of(run, arguments))
    figure, panels = grid_of(len(found))
    rows = []
    described = {(layer, unit) for _, (layer, unit, _) in found}
    for panel, (run, (layer, unit, table)) in zip(panels, found):
        x = table["step"]
        panel.fill_between(x, table["p15"], table["p85"], color="#999999", alpha=0.15, linewidth=0)
        for column, colour, style, marker, _ in PERCENTILES:
            panel.plot(x, table[column], color=colour, linestyle=style, linewidth=1.6, marker=marker, markersize=5,
                       markevery=mark_every(len(x)))
        name = run.label if len(described) == 1 else f"{run.label}: {where(layer, unit)}"
        panel.set_title(name + (f"\n({run.stop()})" if run.stop() else ""))
        panel.margins(x=0.02)
        rows += [(run.label, layer, arguments.tensor, unit, *values)
                 for values in zip(x, table["p15"], table["p50"], table["p85"])]
    named = where(*described.pop()) if len(described) == 1 else "an activation"
    for panel in panels[::min(len(panels), 3)]:
        panel.set_ylabel(f"{arguments.tensor} {'to' if arguments.tensor == 'input' else 'of'} {named}")
    handles = [Line2D([], [], color=colour, linestyle=style, marker=marker, linewidth=1.6, markersize=5, label=text)
               for _, colour, style, marker, text in PERCENTILES]
    lay_out(figure, title, handles, 3)
    return figure, ("run", "layer", "tensor", "unit", "step", "p15", "p50", "p85"), rows


def where(layer, unit):
    return f"{layer}, " + ("all units" if unit == "all" else f"unit {unit}")


def gradients_of(run):
    return run.probe("gradient_norm", ("parameter",), ("step", "parameter", "gradient_norm"))


def draw_gradients(arms, arguments, title):
    found = with_probe(arms, arguments, gradients_of)
    figure, panels = grid_of(len(found))
    parameters = list(dict.fromkeys(name for _, table in found for name in table["parameter"].tolist()
                                    if name.endswith(".weights")))
    if not parameters:
        raise RunError(f"{found[0][0].folder / 'gradient_norm.csv'}: no rows for weights")
    if len(parameters) <= len(COLOURS):
        colours = COLOURS
    else:  # too many for separate hues: dark to light with depth
        colours = plt.get_cmap("cividis")(np.linspace(0, 0.92, len(parameters)))
    look = {name: (colours[index], STYLES[index % len(STYLES)], MARKERS[index % len(MARKERS)])
            for index, name in enumerate(parameters)}
    rows = []
    for panel, (run, table) in zip(panels, found):
        for name, (colour, style, marker) in look.items():
            part = chosen(table, parameter=name)
            x, y = part["step"], part["gradient_norm"]
            shown = np.isfinite(y) & (y > 0)
            panel.plot(x[shown], y[shown], color=colour, linestyle=style, linewidth=1.5, marker=marker, markersize=5,
                       markevery=mark_every(int(shown.sum())))
            rows += [(run.label, name, a, b) for a, b in zip(x, y)]
        panel.set_title(run.label + (f"\n({run.stop()})" if run.stop() else ""))
        panel.margins(x=0.02)
    for panel in panels:
        style_log_axis(panel)
    for panel in panels[::min(len(panels), 3)]:
        panel.set_ylabel("L2 norm of the loss gradient")
    handles = [Line2D([], [], color=colour, linestyle=style, marker=marker, linewidth=1.5, markersize=5, label=name)
               for name, (colour, style, marker) in look.items()]
    lay_out(figure, title, handles, 4)
    return figure, ("run", "parameter", "step", "gradient_norm"), rows


def with_probe(arms, arguments, read):
    """[(run, what `read` gives)] for the runs that have the probe. With `--figure all` runs without it are named and
    left out; RunError where none is left, or where the figure was asked for by name."""
    found, problems = [], []
    for run in (run for arm in arms for run in arm.runs):
        try:
            found.append((run, read(run)))
        except RunError as error:
            problems.append(str(error))
    if problems and (arguments.figure != "all" or not found):
        raise RunError("\n".join(problems))
    for problem in problems:
        warn(problem)
    return found


# ---- writing ---------------------------------------------------------------------------------------------------------

TITLES = {"curves": "Loss and accuracy during training",
          "distribution": "Distribution of an activation's {tensor} during training",
          "gradients": "Gradient norm of each layer's weights during training"}
DRAW = {"curves": draw_curves, "distribution": draw_distribution, "gradients": draw_gradients}


def save(path, content):
    """Writes beside `path` first, so that a file is whole or not there."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OSError(f"{path}: can't be written: {error.strerror}") from None
    print(path)


def csv_bytes(header, rows):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([f"{value:.9g}" if isinstance(value, float) else value for value in row] for row in rows)
    return text.getvalue().encode()


def write_figure(name, arms, arguments, out):
    title = arguments.title or TITLES[name].format(tensor=arguments.tensor)
    figure, header, rows = DRAW[name](arms, arguments, title)
    metadata = {"svg": {"Date": None, "Creator": "bnlab"}, "png": {"Software": None}}
    for kind in arguments.format:
        image = io.BytesIO()
        figure.savefig(image, format=kind, metadata=metadata[kind])
        save(out / f"figure_{name}.{kind}", image.getvalue())
    save(out / f"figure_{name}.csv", csv_bytes(header, rows))
    plt.close(figure)


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
    parser.add_argument("runs", nargs="+", metavar="RUN", help="a run directory")
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
        runs = [Run(folder) for folder in arguments.runs]
        arms = arms_of(runs, arguments.label)
        folders = [run.folder.resolve() for run in runs]
        common = folders[0] if len(runs) == 1 else os.path.commonpath([folder.parent for folder in folders])
        out = Path(arguments.out or common)
        out.mkdir(parents=True, exist_ok=True)
        if arguments.figure != "all":
            write_figure(arguments.figure, arms, arguments, out)
            return 0
        write_figure("curves", arms, arguments, out)
    except RunError as error:
        warn(error)
        return 3
    except OSError as error:
        warn(error)
        return 2
    for name in ("distribution", "gradients"):  # only where the runs have their probes
        try:
            write_figure(name, arms, arguments, out)
        except RunError as error:
            warn(f"no figure {name}: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
