"""Figures of run directories: curves, distribution, gradients."""

import os
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.lines import Line2D

from _plot_base import (COLOURS, MARKERS, PERCENTILES, STEP_LABEL, STYLES, bold_of, chosen, columns_of, cross,
                        draw_mean, grid_of, lay_out, look_of, mark_every, mean_and_interval, set_limits, smooth,
                        style_log_axis, usable, warn, write_figure)
from _plot_marks import end_of, label_ends
from _plot_over_steps import is_at_the_start, style_steps
from _plot_run import Run, arms_of
from _plot_text import shown
from _reading import ReadError
from _units import unit_of_column

GREY = "#555555"
MOST_ARMS = 40


# ---- drawing ---------------------------------------------------------------------------------------------------------

METRICS = [("loss", "cross-entropy", "Loss"), ("accuracy", "accuracy", "Accuracy")]


def read_curves(arms, arguments):
    """[[(run, training rows, rows of eval.csv or None), ...] for each arm], and how many logged steps a mean takes."""
    tables = [[(run, run.train(), run.evaluations(arguments.split, arguments.statistics)) for run in arm.runs]
              for arm in arms]
    longest = max(len(train["step"]) for arm in tables for _, train, _ in arm)
    return tables, arguments.smooth or max(1, longest // 80)


def draw_arm(axis, metric, index, arm, tables, width, split):
    """Draws one metric of one arm; returns the rows of the figure's CSV, and the end of its bold line."""
    line, _ = look_of(index)
    several = len(tables) > 1
    rows, series, end = [], [], (None, np.nan)
    for run, train, evaluation in tables:
        x, y = smooth(train["step"], train[metric], width)
        axis.plot(x, y, **line, linewidth=0.9, alpha=0.3 if several else 0.65)
        rows += [(metric, arm.label, run.seed, "train", a, b) for a, b in zip(x, y)]
        if run.stop():
            axis.plot(x[-1:], np.clip(y[-1:], *axis.get_ylim()), **cross(line["color"]))
        if evaluation is None:
            continue
        seen = np.isfinite(evaluation[metric])
        x, y = evaluation["step"][seen], evaluation[metric][seen]
        rows += [(metric, arm.label, run.seed, split, a, b) for a, b in zip(x, y)]
        series.append((x, y))
    if several and len(series) == len(tables):
        for x, y in series:
            axis.plot(x, y, **line, linewidth=1.0, alpha=0.45)
        x, y, low, high = mean_and_interval(series)
        draw_mean(axis, index, x, y, low, high)
        end = end_of(x, y)
        for name, values in (("mean", y), ("interval_low", low), ("interval_high", high)):
            rows += [(metric, arm.label, "all", f"{split}_{name}", a, b) for a, b in zip(x, values)]
    else:
        for x, y in series:
            axis.plot(x, y, **bold_of(index), markevery=mark_every(x))
            end = end_of(x, y)
    return rows, end


def legend_text(arm, points=400, lines=2, size=9):
    text = arm.label if len(arm.runs) == 1 else f"{arm.label} ({len(arm.runs)} seeds)"
    stops = [run.stop() for run in arm.runs if run.stop()]
    return shown(f"{text}: {', '.join(stops)}" if stops else text, points, lines, size)


def curves_legend(arms, tables, width, split, named):
    """`named`: whether the arms have their names beside their lines."""
    handles = [] if named else [Line2D([], [], **bold_of(index), label=legend_text(arm))
                                for index, arm in enumerate(arms)]
    bold = f"bold: {split} split"
    used = {name for arm in tables for _, _, table in arm if table is not None for name in table["statistics"].tolist()}
    if used and normalized(arms):
        bold += f", {'/'.join(sorted(used))} statistics"
    if any(len(arm.runs) > 1 for arm in arms):
        bold += "; of several seeds their mean, with its 95 % interval"
    if any(table is not None for arm in tables for _, _, table in arm):
        handles.append(Line2D([], [], color=GREY, linewidth=2.4, label=shown(bold, 500, 2, 9)))
    thin = "thin: training batches" + (f", mean of {width} logged steps" if width > 1 else "")
    handles.append(Line2D([], [], color=GREY, linewidth=0.9, label=thin))
    if any(run.stop() for arm in arms for run in arm.runs):
        handles.append(Line2D([], [], color=GREY, linestyle="none", marker="x", markersize=9, markeredgewidth=2.4,
                              label="cross: the run stopped before its last step"))
    return handles


def limit_metric(axis, metric, tables, width):
    """Scale and limits: those of the runs that did not diverge, as long as there are any. Losses over more than a
    factor of 20 are on a logarithmic axis. Returns whether it is one."""
    def values_of(runs):
        found = [values for _, train, evaluation in runs
                 for values in (smooth(train["step"], train[metric], width)[1],
                                [] if evaluation is None else evaluation[metric])]
        return np.concatenate([np.asarray(values, np.float64) for values in found]) if found else np.array([])

    runs = [one for arm in tables for one in arm]
    values = values_of([one for one in runs if one[0].sets_scale()])
    values = values if np.isfinite(values).any() else values_of(runs)
    decades = usable(values, True)
    log = metric == "loss" and len(decades) > 0 and 10**np.ptp(decades) > 20
    set_limits(axis, values, (), log, share=metric == "accuracy")
    bottom, top = axis.get_ylim()
    if metric == "loss" and not log and 0 < bottom < 0.35 * top:
        axis.set_ylim(bottom=0)
    return log


def draw_curves(arms, arguments, title):
    tables, width = read_curves(arms, arguments)
    if len(arms) > MOST_ARMS:
        raise ReadError(f"{arms[0].runs[0].folder}: {len(arms)} arms, {MOST_ARMS} at most can be drawn; name "
                        "fewer runs")
    apart = len(arms) > len(COLOURS)  # a row for each arm
    figure, axes = plt.subplots(len(arms) if apart else 1, 2, figsize=(10, 1.9 * len(arms) if apart else 4),
                                sharex=True, sharey="col" if apart else False, squeeze=False)
    curves = [(table["step"], table["loss"]) for arm in tables for run in arm for table in run[1:] if table is not None]
    log_x = is_at_the_start(curves, False)
    steps = np.concatenate([x for x, _ in curves])
    rows, ends = [], {metric: [] for metric, _, _ in METRICS}
    for column, (metric, what, name) in enumerate(METRICS):
        log_y = limit_metric(axes[0, column], metric, tables, width)
        for index, (arm, table) in enumerate(zip(arms, tables)):
            axis = axes[index if apart else 0, column]
            found, end = draw_arm(axis, metric, 0 if apart else index, arm, table, width, arguments.split)
            rows += found
            ends[metric].append((index, legend_text(arm), *end))
            axis.set(ylabel=unit_of_column(metric).after(what), title=name)
            if apart:
                axis.set_title(legend_text(arm, 310, 2, 10) if column == 0 else "", fontsize=10)
        for axis in axes[:, column]:
            style_steps(axis, log_x, log_y, steps, unit_of_column(metric).factor)
        axes[-1, column].set_xlabel(STEP_LABEL)
    named = apart or label_ends(axes[0, 1], ends["accuracy"])
    handles = curves_legend(arms, tables, width, arguments.split, named)
    lay_out(figure, title, handles, 1 if max(len(handle.get_label()) for handle in handles) > 60 else 2)
    return figure, ("metric", "arm", "seed", "series", "step", "value"), rows


def normalized(arms):
    return any((arm.runs[0].config.get("normalization") or {}).get("type", "none") != "none" for arm in arms)


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
        raise ReadError(f"{path}: no layer {layer}; it has {', '.join(layers)}")
    table = chosen(table, layer=layer, tensor=arguments.tensor)
    units = list(dict.fromkeys(table["unit"].tolist()))
    if not units:
        raise ReadError(f"{path}: no rows with tensor {arguments.tensor} for {layer}")
    unit = arguments.unit or next((name for name in units if name != "all"), "all")
    if unit not in units:
        raise ReadError(f"{path}: no unit {unit} of {layer}; it has {', '.join(units)}")
    return layer, unit, chosen(table, unit=unit)


def draw_distribution(arms, arguments, title):
    found = with_probe(arms, arguments, distribution_of)
    figure, panels = grid_of(len(found))
    rows = []
    described = {(layer, unit) for _, (layer, unit, _) in found}
    for panel, (run, (layer, unit, table)) in zip(panels, found):
        x = table["step"]
        panel.fill_between(x, table["p15"], table["p85"], color="#999999", alpha=0.15, linewidth=0)
        for column, colour, style, marker, _ in PERCENTILES:
            panel.plot(x, table[column], color=colour, linestyle=style, linewidth=1.6, marker=marker, markersize=5,
                       markevery=mark_every(x))
        name = run.label if len(described) == 1 else f"{run.label}: {where(layer, unit)}"
        panel.set_title(panel_title(run, name))
        panel.margins(x=0.02)
        rows += [(run.label, layer, arguments.tensor, unit, *values)
                 for values in zip(x, table["p15"], table["p50"], table["p85"])]
    named = where(*described.pop()) if len(described) == 1 else "an activation"
    for panel in panels[::columns_of(len(panels))]:
        panel.set_ylabel(shown(f"{arguments.tensor} {'to' if arguments.tensor == 'input' else 'of'} {named}", 240, 2))
    handles = [Line2D([], [], color=colour, linestyle=style, marker=marker, linewidth=1.6, markersize=5, label=text)
               for _, colour, style, marker, text in PERCENTILES]
    lay_out(figure, title, handles, 3)
    return figure, ("run", "layer", "tensor", "unit", "step", "p15", "p50", "p85"), rows


def panel_title(run, name):
    return shown(name, 250, 2, 11) + (f"\n({shown(run.stop(), 250, 1, 11)})" if run.stop() else "")


def where(layer, unit):
    return f"{layer}, " + ("all units" if unit == "all" else f"unit {unit}")


def gradients_of(run, _):
    return run.probe("gradient_norm", ("parameter",), ("step", "parameter", "gradient_norm"))


def draw_gradients(arms, arguments, title):
    found = with_probe(arms, arguments, gradients_of)
    figure, panels = grid_of(len(found))
    parameters = list(dict.fromkeys(name for _, table in found for name in table["parameter"].tolist()
                                    if name.endswith(".weights")))
    if not parameters:
        raise ReadError(f"{found[0][0].folder / 'gradient_norm.csv'}: no rows for weights")
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
            seen = np.isfinite(y) & (y > 0)
            panel.plot(x[seen], y[seen], color=colour, linestyle=style, linewidth=1.5, marker=marker, markersize=5,
                       markevery=mark_every(x[seen]))
            rows += [(run.label, name, a, b) for a, b in zip(x, y)]
        panel.set_title(panel_title(run, run.label))
        panel.margins(x=0.02)
    for panel in panels:
        style_log_axis(panel)
    for panel in panels[::columns_of(len(panels))]:
        panel.set_ylabel("L2 norm of the loss gradient")
    handles = [Line2D([], [], color=colour, linestyle=style, marker=marker, linewidth=1.5, markersize=5,
                      label=shown(name, 160, 1, 9))
               for name, (colour, style, marker) in look.items()]
    lay_out(figure, title, handles, 4)
    return figure, ("run", "parameter", "step", "gradient_norm"), rows


def with_probe(arms, arguments, read):
    """[(run, what `read` gives)] for the runs that have the probe. With `--figure all` those whose file is damaged are
    named and left out, and those without the probe are not drawn; ReadError where none is left, or where the figure was
    asked for by name."""
    name = PROBES[read]
    found, problems = [], []
    for run in (run for arm in arms for run in arm.runs):
        if arguments.figure == "all" and not run.has_probe(name):
            continue
        try:
            found.append((run, read(run, arguments)))
        except ReadError as error:
            problems.append(error)
    if problems and (arguments.figure != "all" or not found):
        for problem in problems[:-1]:
            warn(problem)
        raise problems[-1]
    for problem in problems:
        warn(problem)
    return found


PROBES = {distribution_of: "activation_distribution", gradients_of: "gradient_norm"}
TITLES = {"curves": "Loss and accuracy during training",
          "distribution": "Distribution of an activation's {tensor} during training",
          "gradients": "Gradient norm of each layer's weights during training"}
DRAW = {"curves": draw_curves, "distribution": draw_distribution, "gradients": draw_gradients}


def write_run_figure(name, arms, arguments, out):
    title = shown(arguments.title or TITLES[name].format(tensor=arguments.tensor), 440, 3, 12.5)
    figure, header, rows = DRAW[name](arms, arguments, title)
    write_figure(figure, header, rows, out, f"figure_{name}", arguments.format)


def draw_runs(arguments):
    """Draws what is asked for. Throws ReadError."""
    runs = [Run(folder) for folder in arguments.folders]
    arms = arms_of(runs, arguments.label)
    folders = [Path(os.path.abspath(run.folder)) for run in runs]
    out = Path(arguments.out or (folders[0] if len(runs) == 1 else os.path.commonpath([one.parent for one in folders])))
    out.mkdir(parents=True, exist_ok=True)
    if arguments.figure != "all":
        write_run_figure(arguments.figure, arms, arguments, out)
        return
    write_run_figure("curves", arms, arguments, out)
    for name, probe in (("distribution", PROBES[distribution_of]), ("gradients", PROBES[gradients_of])):
        if not any(run.has_probe(probe) for run in runs):
            continue
        try:
            write_run_figure(name, arms, arguments, out)
        except ReadError as error:
            warn(f"no figure {name}: {error}")
