"""Figure of an experiment over the rows of one step: a column by layer or parameter, in the file's
order, or by a factor, which is a number."""

import math

import numpy as np
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from _plot_base import chosen, mark_every, style_linear_axis, style_log_axis, style_log_ticks, warn
from _plot_cells import slant
from _plot_over_steps import (curve_label, curves_legend, draw_lines, kept, key_of, label_left, read_figure_csv,
                              rounded, with_result)
from _plot_sweep import KEYS
from _plot_text import points_of, short_number, shown, spelled
from _reading import ReadError, exists, read_csv


def rows_of(sweep, run, file, column):
    """(step, {label: value}, the column of the labels) of figure.step, or else of the last step, in a run's file: the
    rows that figure.where leaves, in the file's order; the step is None where a run that diverged did not reach it."""
    path = sweep.folder / "runs" / run.name / file
    keys = [name for name in KEYS if name not in (column, "arm")]
    table = read_csv(path, [*sweep.where, *keys], ["step", column, *sweep.where], keys,
                     empty_ok=run.status == "diverged", below=sweep.folder, warn=warn)
    table = kept(sweep, path, table)
    if not len(table["step"]):
        return None, {}, ""
    step = sweep.figure.get("step")
    if step is None:
        step = table["step"][-1]
    elif step not in table["step"]:
        if run.status == "diverged":
            return None, {}, ""
        there = ", ".join(f"{one:g}" for one in np.unique(table["step"])[:8])
        raise ReadError(f"{path}: figure.step: no rows of step {step:g}; there are steps {there}")
    table = chosen(table, step=step)
    telling = [name for name in keys if name in table and len(set(table[name].tolist())) > 1]
    telling = telling or [name for name in keys if name in table][:1]
    if not telling:
        raise ReadError(f"{path}: has no rows of several layers or parameters at a step ({', '.join(keys)}): "
                        "figure.type curves draws it")
    labels = [" ".join(parts) for parts in zip(*(table[name].tolist() for name in telling))]
    if len(set(labels)) < len(labels):
        raise ReadError(f"{path}: rows of step {step:g} differ in no key column; figure.where must "
                        "leave fewer")
    return float(step), dict(zip(labels, rounded(table[column]))), spelled(" ".join(telling))


def read_rows(sweep, wanted, file, column):
    """{key: (step, {label: value}, the column of the labels)} from the runs' files, or where the run directories are
    gone from the figure's CSV; "" for a column that a figure of an earlier version does not name."""
    if exists(sweep.folder / "runs"):
        return {key_of(line, run): rows_of(sweep, run, file, column) for line, run in wanted}
    tables, _ = read_figure_csv(sweep, wanted, ("row",), ("step", "value"), ("row_is",))
    wished = sweep.figure.get("step")
    there = np.unique(np.concatenate([rows["step"] for rows in tables.values()]))
    if wished is not None and (there != wished).any():
        raise ReadError(f"{sweep.folder / 'figure.csv'}: has step {there[there != wished][0]:g}, where figure.step is "
                        f"{wished:g}, and the run directories in {sweep.folder / 'runs'} are missing: sweep again")
    return {key: (rows["step"][0] if len(rows["step"]) else None, dict(zip(rows["row"].tolist(), rows["value"])),
                  next(iter(rows.get("row_is", ())), ""))
            for key, rows in tables.items()}


def step_text(steps):
    """The step that is drawn; of runs that end at several, the first and the last of them."""
    if steps == [0]:
        return "before training"
    return f"step {steps[0]:g}" if len(steps) == 1 else f"last steps, {steps[0]:g} to {steps[-1]:g}"


def draw_rows(sweep):
    file, column = sweep.figure.get("file", "eval.csv"), sweep.figure.get("column", "accuracy")
    log_y = sweep.figure.get("log_y", False)
    lines = sweep.lines()
    found = read_rows(sweep, with_result(sweep, lines), file, column)
    steps = sorted({step for step, _, _ in found.values() if step is not None})
    tables = {key: table for key, (_, table, _) in found.items()}
    labels = list(dict.fromkeys(label for table in tables.values() for label in table))
    log_x = sweep.figure.get("log_x", False)
    place = places_of(sweep, labels, log_x)
    is_of_numbers = place != {label: x for x, label in enumerate(labels)}
    label_at = {x: label for label, x in place.items()}
    name_of_rows = next((name for _, _, name in found.values() if name), "")
    series = {}
    for key, table in tables.items():
        x = np.array([place[label] for label in table])
        y = np.array(list(table.values()), dtype=np.float64)
        keep = np.isfinite(y) & ((y > 0) if log_y else True)
        order = np.argsort(x[keep], kind="stable")
        series[key] = (x[keep][order], y[keep][order])

    def style(panel):
        (style_log_axis if log_y else style_linear_axis)(panel, sweep.unit().factor)
        if is_of_numbers:
            style_numbers(panel, log_x, place.values())
        else:
            style_places(panel, labels)

    figure, drawn, marks = draw_lines(sweep, lines, series, log_y, lambda x: mark_every(x, log_x), style,
                                      name_of_rows if is_of_numbers else "")
    label_left(figure, lambda points: shown(curve_label(sweep), points, 2))
    rows = []
    for line, seed, name, x, y in drawn:  # of means the last step of their runs
        step = max(found[key_of(line, run)][0] or 0.0 for run in line.runs
                   if run.has_result() and seed in ("all", run.seed))
        rows += [(line.arm, line.point, seed, name, step, label_at[a], b, name_of_rows) for a, b in zip(x, y)]
    sweep.finish(figure, curves_legend(sweep, lines, [step_text(steps)] if steps else [], *marks))
    return figure, ("arm", "point", "seed", "series", "step", "row", "value", "row_is"), rows


def places_of(sweep, labels, log_x):
    """{label: x}: the numbers that the labels are, or else 0, 1, 2, ..."""
    numbers = [number_of(label) for label in labels]
    if all(map(math.isfinite, numbers)) and len(set(numbers)) == len(labels) and (not log_x or min(numbers) > 0):
        return dict(zip(labels, numbers))
    if log_x:
        raise ReadError(f"{sweep.file}: figure.log_x: the rows must be different numbers above 0, got {labels[0]}")
    return {label: x for x, label in enumerate(labels)}


def number_of(label):
    try:
        return float(label)
    except ValueError:
        return math.nan


def style_numbers(axis, log_x, numbers):
    axis.margins(x=0.02)
    if log_x:
        axis.set_xscale("log")
        style_log_ticks(axis.xaxis, min(numbers), max(numbers))
    else:
        axis.xaxis.set_major_formatter(FuncFormatter(short_number))


def style_places(axis, labels):
    """Names the places; of very many every second, third, ... one."""
    width = 72 * axis.get_figure().get_size_inches()[0] * axis.get_position().width
    slanted = sum(points_of(label, 10) + 8 for label in labels) > width - 30
    every = -(-len(labels) // max(2, int(width // 20))) if slanted else 1
    places = list(range(0, len(labels), every))
    axis.xaxis.set_major_locator(FixedLocator(places))
    last = len(labels) - 1
    axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: shown(labels[min(max(round(x), 0), last)], 140)))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xlim(-0.4, len(labels) - 0.6)
    if slanted:
        slant(axis)
