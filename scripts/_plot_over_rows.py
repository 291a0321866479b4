"""Figure of an experiment over the rows of one step: a column by layer or parameter, in the file's order."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from _plot_base import RunError, chosen, read_csv, style_log_axis
from _plot_cells import slant
from _plot_over_steps import (curve_label, curves_legend, draw_line, kept, key_of, limit_curves, read_figure_csv,
                              rounded, with_result)
from _plot_sweep import SIZE, points_of, shown

# What tells the rows of one step apart, in the files of a run.
KEYS = ("split", "statistics", "layer", "tensor", "unit", "parameter", "factor")
MOST_LABELS = 26


def rows_of(sweep, run, file, column):
    """(step, {label: value}) of figure.step, or else of the last step, in a run's file: the rows that figure.where
    leaves, in the file's order; the step is None where a run that diverged did not reach it."""
    path = sweep.folder / "runs" / run.name / file
    keys = [name for name in KEYS if name != column]
    table = read_csv(path, [*sweep.where, *keys], ["step", column, *sweep.where], keys,
                     empty_ok=run.status == "diverged")
    table = kept(sweep, path, table)
    if not len(table["step"]):
        return None, {}
    step = sweep.figure.get("step")
    if step is None:
        step = table["step"][-1]
    elif step not in table["step"]:
        if run.status == "diverged":
            return None, {}
        there = ", ".join(f"{one:g}" for one in np.unique(table["step"])[:8])
        raise RunError(f"{path}: figure.step: no rows of step {step:g}; there are steps {there}")
    table = chosen(table, step=step)
    telling = [name for name in keys if name in table and len(set(table[name].tolist())) > 1]
    telling = telling or [name for name in keys if name in table][:1]
    labels = [" ".join(parts) for parts in zip(*(table[name].tolist() for name in telling))]
    if len(set(labels)) < len(labels):
        raise RunError(f"{path}: rows of step {step:g} are alike in all that tells rows apart; figure.where must leave "
                       "fewer")
    return float(step), dict(zip(labels, rounded(table[column])))


def read_rows(sweep, wanted, file, column):
    """{key: (step, {label: value})} from the runs' files, or where the run directories are gone from the figure's
    CSV."""
    if (sweep.folder / "runs").is_dir():
        return {key_of(line, run): rows_of(sweep, run, file, column) for line, run in wanted}
    tables, _ = read_figure_csv(sweep, wanted, ("row",), ("step", "value"))
    wished = sweep.figure.get("step")
    there = np.unique(np.concatenate([rows["step"] for rows in tables.values()]))
    if wished is not None and (there != wished).any():
        raise RunError(f"{sweep.folder / 'figure.csv'}: has step {there[there != wished][0]:g}, where figure.step is "
                       f"{wished:g}, and the run directories in {sweep.folder / 'runs'} are missing: sweep again")
    return {key: (rows["step"][0] if len(rows["step"]) else None, dict(zip(rows["row"].tolist(), rows["value"])))
            for key, rows in tables.items()}


def step_text(steps):
    """The step that is drawn; of runs that end at several, the first and the last of them."""
    return f"step {steps[0]:g}" if len(steps) == 1 else f"last steps, {steps[0]:g} to {steps[-1]:g}"


def draw_rows(sweep):
    file, column = sweep.figure.get("file", "eval.csv"), sweep.figure.get("column", "accuracy")
    log_y = sweep.figure.get("log_y", False)
    lines = sweep.lines()
    wanted = with_result(sweep, lines)
    found = read_rows(sweep, wanted, file, column)
    steps = sorted({step for step, _ in found.values() if step is not None})
    tables = {key: table for key, (_, table) in found.items()}
    labels = list(dict.fromkeys(label for table in tables.values() for label in table))
    place = {label: x for x, label in enumerate(labels)}
    series = {}
    for key, table in tables.items():
        x = np.array([place[label] for label in table])
        y = np.array(list(table.values()), dtype=np.float64)
        keep = np.isfinite(y) & ((y > 0) if log_y else True)
        series[key] = (x[keep], y[keep])
    figure, axis = plt.subplots(figsize=SIZE)
    limit_curves(axis, lines, series, log_y)
    rows, crosses, cuts = [], False, False
    for index, line in enumerate(lines):
        drawn, crossed, cut = draw_line(axis, index, line, series, log_y, lambda _: 1)
        for seed, name, x, y in drawn:  # of means the last step of their runs
            step = max(found[key_of(line, run)][0] or 0.0 for run in line.runs
                       if run.has_result() and seed in ("all", run.seed))
            rows += [(line.arm, line.point, seed, name, step, labels[a], b) for a, b in zip(x, y)]
        crosses |= crossed
        cuts |= cut
    axis.set(ylabel=shown(curve_label(sweep, file, column), 260, 2))
    if log_y:
        style_log_axis(axis)
    style_places(axis, labels)
    sweep.finish(figure, curves_legend(sweep, lines, [step_text(steps)] if steps else [], crosses, cuts))
    return figure, ("arm", "point", "seed", "series", "step", "row", "value"), rows


def style_places(axis, labels):
    """Names the places; of very many every second, third, ... one."""
    every = -(-len(labels) // MOST_LABELS)
    places = list(range(0, len(labels), every))
    axis.xaxis.set_major_locator(FixedLocator(places))
    last = len(labels) - 1
    axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: shown(labels[min(max(round(x), 0), last)], 140)))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xlim(-0.4, len(labels) - 0.6)
    if sum(points_of(labels[one], 10) + 8 for one in places) > 72 * SIZE[0] - 90:
        slant(axis)
