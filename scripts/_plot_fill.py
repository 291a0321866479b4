"""Figure of an experiment: the area between two columns over training steps, such as the smallest and the largest loss
along a gradient."""

import numpy as np
from matplotlib.lines import Line2D

from _plot_base import STEP_LABEL, cross, look_of, mean_and_interval, set_limits
from _plot_over_steps import key_of, label_left, read_tables, style_steps, where_text, with_result
from _plot_panels import panels_for
from _plot_sweep import SIZE, common_seeds, cross_note, legend_width, note
from _plot_text import shown, spelled
from _reading import ReadError

ENDS = ("low", "high")


def draw_fill(sweep):
    file, log_y = sweep.figure.get("file", "eval.csv"), sweep.figure.get("log_y", False)
    columns = [sweep.figure.get(end) for end in ENDS]
    if not all(columns):
        raise ReadError(f"{sweep.file}: figure: must name the columns low and high")
    lines = sweep.lines()
    tables, width = read_tables(sweep, with_result(sweep, lines), file, columns, ENDS)
    steps = np.concatenate([table["step"] for table in tables.values()])
    log_x = sweep.figure.get("log_x", False)
    figure, panels, looks = panels_for(lines, STEP_LABEL)
    areas = {(line.arm, line.point): mean_area(line, tables, log_y) for line in lines}
    steady = [line for line in lines if any(run.sets_scale() for run in line.runs)] or lines
    set_limits(panels[0][0], np.concatenate([np.concatenate(areas[line.arm, line.point][1:]) for line in steady]), (),
               log_y)
    crossed = False
    for panel, members in panels:
        for index, line in members:
            draw_area(panel, index, *areas[line.arm, line.point])
            crossed = draw_crosses(panel, index, line, tables) or crossed
        style_steps(panel, log_x, log_y, steps)
    label_left(figure, lambda points: shown(" to ".join(map(spelled, columns)), points, 2))
    sweep.finish(figure, fill_legend(sweep, lines, looks, columns, width, crossed))
    return figure, ("arm", "point", "seed", "series", "step", *ENDS, "averaged"), rows_of(lines, tables, areas, width)


def curves_of(line, tables, end, log_y):
    """[(steps, values)] of the line's runs; on a logarithmic axis where both ends have a place."""
    found = []
    for run in line.runs:
        if not run.has_result():
            continue
        table = tables[key_of(line, run)]
        keep = (table["low"] > 0) & (table["high"] > 0) if log_y else np.ones(len(table["step"]), dtype=bool)
        found.append((table["step"][keep], table[end][keep]))
    return found


def mean_area(line, tables, log_y):
    """(steps, low, high): means over the seeds, geometric on a logarithmic axis."""
    ends = [curves_of(line, tables, end, log_y) for end in ENDS]
    if not ends[0]:
        return np.array([]), np.array([]), np.array([])
    (steps, low, *_), (_, high, *_) = (mean_and_interval(curves, log_y) for curves in ends)
    return steps, low, high


def draw_area(panel, index, steps, low, high):
    look = look_of(index)[0]
    panel.fill_between(steps, low, high, color=look["color"], alpha=0.3, linewidth=0)
    for end in (low, high):
        panel.plot(steps, end, **look, linewidth=1.2)


def draw_crosses(panel, index, line, tables):
    """Marks where runs diverged; returns whether there is one."""
    ends = [(table["step"][-1], table["high"][-1]) for run in line.runs if run.status == "diverged"
            for table in [tables.get(key_of(line, run), {"step": ()})] if len(table["step"])]
    for x, y in ends:
        panel.plot(x, np.clip(y, *panel.get_ylim()), **cross(look_of(index)[0]["color"]))
    return bool(ends)


def fill_legend(sweep, lines, looks, columns, width, crossed):
    handles = [Line2D([], [], **look_of(index)[0], linewidth=6, alpha=0.5, label=line.legend())
               for index, line in looks]
    seeds = common_seeds(lines)
    mean = "" if seeds == "1" else f", {'geometric ' if sweep.figure.get('log_y') else ''}means of the {seeds} seeds"
    facts = [f"from {spelled(columns[0])} to {spelled(columns[1])}{mean}",
             *([where_text(sweep)] if sweep.where else []), *([f"means of {width} rows"] if width > 1 else [])]
    handles.append(note(shown("shown: " + ", ".join(facts), legend_width(SIZE[0]), 2, 9)))
    return [*handles, *([cross_note("cross: a run diverged")] if crossed else [])]


def rows_of(lines, tables, areas, width):
    """The rows of figure.csv."""
    rows = []
    for line in lines:
        runs = [run for run in line.runs if run.has_result()]
        for run in runs:
            table = tables[key_of(line, run)]
            rows += [(line.arm, line.point, run.seed, "run", *values, width)
                     for values in zip(table["step"], table["low"], table["high"])]
        if len(runs) > 1:
            rows += [(line.arm, line.point, "all", "mean", *values, width)
                     for values in zip(*areas[line.arm, line.point])]
    return rows
