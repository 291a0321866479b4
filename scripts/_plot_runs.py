"""Figures of run directories: curves, distribution, gradients."""

import json
import os
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from _plot_base import (COLOURS, MARKERS, PERCENTILES, STEP_LABEL, STYLES, RunError, bold_of, chosen, columns_of, cross,
                        draw_mean, grid_of, lay_out, look_of, mark_every, mean_and_interval, read_csv, read_object,
                        short_number, smooth, style_log_axis, warn, write_figure)


class Run:
    """One run directory. Files are read when asked for."""

    def __init__(self, folder):
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise RunError(f"{self.folder}: no such run directory")
        self.config = read_object(self.folder / "config.json")
        self.seed = self.config.get("training", {}).get("seed", 1)
        result = self.folder / "run.json"
        # A run that was killed, or that still goes on, has no run.json.
        self.result = read_object(result) if result.exists() else {"status": "unfinished"}
        self.label = ""

    def key(self):
        """Equal for runs that differ in their seed only."""
        config = json.loads(json.dumps(self.config))
        config.get("training", {}).pop("seed", None)
        return json.dumps(config, sort_keys=True)

    def stop(self):
        """What a reader must know of a run that did not complete; empty for one that did."""
        status = str(self.result.get("status", "unfinished"))
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

METRICS = [("loss", "cross-entropy (nats)", "Loss"), ("accuracy", "fraction correct", "Accuracy")]


def read_curves(arms, arguments):
    """[[(run, training rows, rows of eval.csv or None), ...] for each arm], and how many logged steps a mean takes."""
    tables = [[(run, run.train(), run.evaluations(arguments.split, arguments.statistics)) for run in arm.runs]
              for arm in arms]
    longest = max(len(train["step"]) for arm in tables for _, train, _ in arm)
    return tables, arguments.smooth or max(1, longest // 80)


def draw_arm(axis, metric, index, arm, tables, width, split):
    """Draws one metric of one arm; returns the rows of the figure's CSV."""
    line, _ = look_of(index)
    several = len(tables) > 1
    rows, series = [], []
    for run, train, evaluation in tables:
        x, y = smooth(train["step"], train[metric], width)
        axis.plot(x, y, **line, linewidth=0.9, alpha=0.3 if several else 0.65)
        rows += [(metric, arm.label, run.seed, "train", a, b) for a, b in zip(x, y)]
        if run.stop():
            axis.plot(x[-1:], y[-1:], **cross(line["color"]))
        if evaluation is None:
            continue
        shown = np.isfinite(evaluation[metric])
        x, y = evaluation["step"][shown], evaluation[metric][shown]
        rows += [(metric, arm.label, run.seed, split, a, b) for a, b in zip(x, y)]
        series.append((x, y))
    if several and len(series) == len(tables):
        for x, y in series:
            axis.plot(x, y, **line, linewidth=1.0, alpha=0.45)
        x, y, low, high = mean_and_interval(series)
        draw_mean(axis, index, x, y, low, high)
        for name, values in (("mean", y), ("interval_low", low), ("interval_high", high)):
            rows += [(metric, arm.label, "all", f"{split}_{name}", a, b) for a, b in zip(x, values)]
    else:
        for x, y in series:
            axis.plot(x, y, **bold_of(index), markevery=mark_every(len(x)))
    return rows


def curves_legend(arms, tables, width, split):
    handles = []
    for index, arm in enumerate(arms):
        text = arm.label if len(arm.runs) == 1 else f"{arm.label} ({len(arm.runs)} seeds)"
        stops = [run.stop() for run in arm.runs if run.stop()]
        if stops:
            text += f": {', '.join(stops)}"
        handles.append(Line2D([], [], **bold_of(index), label=text))
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
    for panel in panels[::columns_of(len(panels))]:
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
    for panel in panels[::columns_of(len(panels))]:
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


TITLES = {"curves": "Loss and accuracy during training",
          "distribution": "Distribution of an activation's {tensor} during training",
          "gradients": "Gradient norm of each layer's weights during training"}
DRAW = {"curves": draw_curves, "distribution": draw_distribution, "gradients": draw_gradients}


def write_run_figure(name, arms, arguments, out):
    title = arguments.title or TITLES[name].format(tensor=arguments.tensor)
    figure, header, rows = DRAW[name](arms, arguments, title)
    write_figure(figure, header, rows, out, f"figure_{name}", arguments.format)


def draw_runs(arguments):
    """Draws what is asked for. Throws RunError."""
    runs = [Run(folder) for folder in arguments.folders]
    arms = arms_of(runs, arguments.label)
    folders = [run.folder.resolve() for run in runs]
    out = Path(arguments.out or (folders[0] if len(runs) == 1 else os.path.commonpath([one.parent for one in folders])))
    out.mkdir(parents=True, exist_ok=True)
    if arguments.figure != "all":
        write_run_figure(arguments.figure, arms, arguments, out)
        return
    write_run_figure("curves", arms, arguments, out)
    for name in ("distribution", "gradients"):  # only where the runs have their probes
        try:
            write_run_figure(name, arms, arguments, out)
        except RunError as error:
            warn(f"no figure {name}: {error}")
