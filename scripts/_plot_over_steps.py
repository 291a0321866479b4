"""Figures of an experiment over training steps: curves and bands, from the runs' files or from the figure's CSV."""

import math

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter

from _plot_base import (PERCENTILES, STEP_LABEL, bold_of, chosen, columns_of, cross, draw_mean, grid_of, is_share,
                        look_of, mark_every, mean_and_interval, set_limits, smooth, style_linear_axis, style_log_axis,
                        warn)
from _plot_levels import levels_of
from _plot_marks import GREY, draw_levels, end_of, label_ends
from _plot_panels import background, panels_for
from _plot_sweep import KEYS, SIZE, common_seeds, cross_note, legend_width, mean_note, note
from _plot_text import short_number, shown, spelled
from _reading import ReadError, exists, numbers_of, printable, read_csv
from _run_files import changed_files
from _units import WORDS

MOST_POINTS = 600  # of a curve; of more rows means are drawn


def kept(sweep, path, table):
    """The rows of a run's file that figure.where leaves."""
    for column, values in sweep.where.items():
        there = list(dict.fromkeys(table[column].tolist()))
        keep = np.isin(table[column], values)
        if there and not keep.any():
            raise ReadError(f"{path}: figure.where: no rows with {column} {' or '.join(values)}, where {column} is "
                            f"{', '.join(there[:8])}")
        table = {name: array[keep] for name, array in table.items()}
    return table


def rows_of(sweep, run, file, columns):
    """The rows of a run's file that figure.where leaves, {name: array} with step; one row a step."""
    path = sweep.folder / "runs" / run.name / file
    for problem in changed_files(path.parent, below=sweep.folder):
        warn(problem)
    numbers = ("step", *columns)
    keys = [name for name in KEYS if name not in numbers]
    table = read_csv(path, [*sweep.where, *keys], [*numbers, *sweep.where], keys, empty_ok=run.status == "diverged",
                     below=sweep.folder, warn=warn)
    table = kept(sweep, path, table)
    table.update({name: numbers_of(table[name].tolist(), f"{path}: column {name}") for name in numbers})
    divisor = sweep.figure.get("divided_by")
    if divisor:
        with np.errstate(divide="ignore", invalid="ignore"):
            below = np.cumsum(table[divisor])
            table.update({name: np.cumsum(table[name]) / below for name in columns if name != divisor})
    steps, counts = np.unique(table["step"], return_counts=True)
    if (counts > 1).any():
        step = steps[counts > 1][0]
        there = {name: list(dict.fromkeys(array.tolist())) for name, array in chosen(table, step=step).items()
                 if name in keys}
        several = "; ".join(f"{name}: {', '.join(values[:8])}" for name, values in there.items() if len(values) > 1)
        raise ReadError(f"{path}: figure.where must select one row for each step; at step {step:g} it selects "
                        f"{counts.max()} ({several or 'the rows differ in no key column'})")
    return {name: table[name] for name in numbers}


def rounded(values):
    """As the CSV has them, so that the figure is the same when it is drawn from there."""
    return np.array([float(f"{value:.9g}") for value in values])


def with_result(sweep, lines):
    """The lines and runs that have numbers to draw."""
    wanted = [(line, run) for line in lines for run in line.runs if run.has_result()]
    if not wanted:
        raise ReadError(f"{sweep.folder / 'runs.csv'}: no run of the figure's arms has completed yet")
    return wanted


def key_of(line, run):
    return line.arm, line.point, run.seed


def read_figure_csv(sweep, wanted, text, numbers, optional=()):
    """({key: {name: array}} of the runs, the rows of all runs), where the run directories are gone. `optional`: columns
    of text that figures of earlier versions lack."""
    path = sweep.folder / "figure.csv"
    if not exists(path):
        raise ReadError(f"{path}: missing, and so are the run directories in {sweep.folder / 'runs'}; a figure of type "
                        f"{sweep.type} is drawn from one of them: run the sweep again")
    text = ("arm", "point", "seed", "series", *text)
    table = read_csv(path, text, (*text, *numbers), optional=["plan", *optional], empty_ok=True, warn=warn)
    sweep.check_plan(path, table.get("plan", ()))
    all_rows = chosen(table, series="run")
    tables = {}
    for line, run in wanted:
        arm, point, seed = map(printable, key_of(line, run))  # as the file has them
        tables[key_of(line, run)] = rows = chosen(all_rows, arm=arm, point=point, seed=seed)
        if not len(rows["arm"]) and run.status == "completed":
            raise ReadError(f"{path}: no rows of {line.arm} {line.point} seed {run.seed}, which runs.csv has: it is of "
                            "another sweep; delete it, and run the sweep again")
    return tables, all_rows


def read_tables(sweep, wanted, file, columns, saved):
    """({key: {name: array}} with step and `saved`, how many rows each is the mean of): `columns` of the runs' file, or
    where the run directories are gone `saved` of the figure's CSV."""
    if exists(sweep.folder / "runs"):
        tables = {key_of(line, run): rows_of(sweep, run, file, columns) for line, run in wanted}
        width = max(1, math.ceil(max(len(table["step"]) for table in tables.values()) / MOST_POINTS))
        return {key: averaged(table, columns, saved, width) for key, table in tables.items()}, width
    tables, all_rows = read_figure_csv(sweep, wanted, (), ("step", *saved, "averaged"))
    width = max(all_rows["averaged"], default=1)
    if not 1 <= width < 1e9:
        raise ReadError(f"{sweep.folder / 'figure.csv'}: column averaged: must be at least 1, got {width:g}")
    return tables, int(width)


def averaged(table, columns, names, width):
    """Finite values, means of `width` rows, as the CSV has them: the figure is the same when it is drawn from there."""
    finite = np.all([np.isfinite(table[column]) for column in columns], axis=0)
    series = {}
    for column, name in zip(columns, names):
        steps, values = smooth(table["step"][finite], table[column][finite], width)
        series["step"], series[name] = rounded(steps), rounded(values)
    return series


# ---- curves ----------------------------------------------------------------------------------------------------------

def curve_label(sweep):
    """What the vertical axis shows: the column, its split, and its unit."""
    column, split = sweep.figure.get("column", "accuracy"), sweep.where.get("split", [])
    column = WORDS.get(column, column)
    text = f"{split[0]} {column}" if len(split) == 1 else column
    if sweep.figure.get("divided_by"):
        return spelled(f"sum of {text} / sum of {sweep.figure['divided_by']}")
    return sweep.unit().after(spelled(text))


def where_text(sweep):
    """"test split, running statistics, dense layers, layer dense1"."""
    after = {"split": "split", "statistics": "statistics", "type": "layers"}
    return ", ".join(f"{'/'.join(values)} {after[column]}" if column in after else f"{column} {'/'.join(values)}"
                     for column, values in sweep.where.items())


def draw_line(axis, index, line, series, log_y, marks):
    """Draws a line's runs, pale where there are several, a cross where one diverged, and their mean with its interval;
    `marks`: which points get a mark, by their number. Returns ([(seed, what, x, y)], whether there is a cross, whether
    the interval leaves the frame, the end of the line)."""
    with_curve = [run for run in line.runs if run.has_result()]
    curves = [series[key_of(line, run)] for run in with_curve]
    drawn = [(run.seed, "run", *curve) for run, curve in zip(with_curve, curves)]
    look = {**look_of(index)[0], "linewidth": 1.0, "alpha": 0.4} if len(curves) > 1 else bold_of(index)
    crossed = clipped = False
    for run, (x, y) in zip(with_curve, curves):
        axis.plot(x, y, **look, markevery=marks(x))
        if run.status == "diverged" and len(x):
            crossed = True
            axis.plot(x[-1], np.clip(y[-1], *axis.get_ylim()), **cross(look["color"]))
    end = end_of(*curves[0]) if len(curves) == 1 else (None, np.nan)
    if len(curves) > 1:
        x, *means = mean_and_interval(curves, log_y)
        drawn += [("all", name, x, y) for name, y in zip(("mean", "interval_low", "interval_high"), means)]
        bottom, top = axis.get_ylim()
        within = (means[0] >= bottom) & (means[0] <= top)  # of a mean out of sight there is no band
        draw_mean(axis, index, x, means[0], *(np.where(within, values, np.nan) for values in means[1:]),
                  marks=marks(x))
        clipped = bool((within & ((means[1] < bottom) | (means[2] > top))).any())
        end = end_of(x, means[0])
    return drawn, crossed, clipped, end


def draw_lines(sweep, lines, series, log_y, marks, style, xlabel):
    """A figure of lines, with more of them than colours a panel each. `series`: {key: (x, y)}; `style`: what sets the
    scales of a panel, before anything is named in it. Returns (figure, [(line, seed, what, x, y)], what `curves_legend`
    needs to know)."""
    levels = levels_of(sweep)
    figure, panels, looks = panels_for(lines, xlabel)
    limit_curves(panels[0][0], lines, series, log_y, [value for value, _ in levels],
                 is_share(sweep.figure.get("column", "accuracy")))
    drawn, ends, crosses, clips = [], [], False, False
    for panel, members in panels:
        if not looks:
            background(panel, [series[key_of(line, run)] for line in lines for run in line.runs if run.has_result()
                               and line not in [one for _, one in members]])
        for index, line in members:
            found, crossed, clipped, end = draw_line(panel, index, line, series, log_y, marks)
            drawn += [(line, *one) for one in found]
            ends.append((index, line.name(), *end))
            crosses, clips = crosses or crossed, clips or clipped
        style(panel)
        draw_levels(panel, levels, panel is panels[0][0])
    named = len(panels) == 1 and label_ends(panels[0][0], ends)
    return figure, drawn, ([] if named else looks, named or not looks, crosses, clips)


def draw_curves(sweep):
    file, column = sweep.figure.get("file", "eval.csv"), sweep.figure.get("column", "accuracy")
    log_y = sweep.figure.get("log_y", False)
    lines = sweep.lines()
    divisor = sweep.figure.get("divided_by")
    columns = (column, divisor) if divisor else (column,)
    tables, width = read_tables(sweep, with_result(sweep, lines), file, columns, ("value",))
    series = {key: (table["step"], table["value"]) for key, table in tables.items()}
    if log_y:
        series = {key: (x[y > 0], y[y > 0]) for key, (x, y) in series.items()}
    steps = np.concatenate([x for x, _ in series.values()])
    log_x = sweep.figure.get("log_x") or is_at_the_start(series.values(), log_y)
    figure, drawn, marks = draw_lines(sweep, lines, series, log_y, lambda x: mark_every(x, log_x),
                                      lambda panel: style_steps(panel, log_x, log_y, steps, sweep.unit().factor),
                                      STEP_LABEL)
    label_left(figure, lambda points: shown(curve_label(sweep), points, 2))
    sweep.finish(figure, curves_legend(sweep, lines, [f"means of {width} rows"] if width > 1 else [], *marks))
    rows = [(line.arm, line.point, seed, name, a, b, width) for line, seed, name, x, y in drawn for a, b in zip(x, y)]
    return figure, ("arm", "point", "seed", "series", "step", "value", "averaged"), rows


def label_left(figure, label):
    """Names the vertical axis of the panels at the left; `label`: the text in lines of so many points."""
    panels = [panel for panel in figure.axes if panel.get_visible()]
    for panel in panels[::columns_of(len(panels))]:
        panel.set_ylabel(label(260 if len(panels) == 1 else 190 if len(panels) <= columns_of(len(panels)) else 130))


def is_at_the_start(curves, log_y):
    """Whether most curves do most of their way, 8 tenths of it, in the first tenth of the steps, so that on a linear
    axis it would be a corner at the left."""
    early = []
    last = max((x[-1] for x, _ in curves if len(x)), default=0)
    for x, y in curves:
        y = np.log(y) if log_y else y
        finite = np.isfinite(y)
        x, y = x[finite], y[finite]
        first = x <= 0.1 * last
        if len(x) and x[-1] >= 0.5 * last:  # of a run that ended early it is all the start
            way = np.abs(y - y[0]).max()
            early.append(first.sum() > 3 and way > 0 and np.abs(y[first] - y[0]).max() >= 0.8 * way)
    return bool(early) and 2 * sum(early) > len(early)


def limit_curves(axis, lines, series, log_y, levels=(), share=False):
    """Vertical limits. Runs that diverged don't set the scale, as long as others did not."""
    calm, reach = [], []
    for line in lines:
        drawn = [run for run in line.runs if run.has_result()]
        steady = [series[key_of(line, run)] for run in drawn if run.sets_scale()]
        calm += [y for _, y in steady]
        if len(steady) > 1 and len(steady) == len(drawn):
            reach += mean_and_interval(steady, log_y)[2:]
    if not any(np.isfinite(y).any() for y in calm):
        calm = [y for _, y in series.values()]
    set_limits(axis, np.concatenate(calm), np.concatenate(reach or [[]]), log_y, levels, share)


def curves_legend(sweep, lines, facts, looks, named, crosses, clips):
    """`facts`: what is shown, beside the rows that figure.where leaves. `looks`: [(index, line)] to be named, unless
    they have their names beside them, `named`."""
    handles = [Line2D([], [], **bold_of(index), label=line.legend()) for index, line in looks]
    if any(len([run for run in line.runs if run.has_result()]) > 1 for line in lines):
        handles.append(mean_note(sweep.figure.get("log_y"), clips, common_seeds(lines) if named else None))
        handles.append(note("thin: each seed", linestyle="-", linewidth=1.0))
    if crosses:
        handles.append(cross_note("cross: a run diverged"))
    facts = [*([where_text(sweep)] if sweep.where else []), *facts]
    if facts:
        handles.append(note(shown("shown: " + ", ".join(facts), legend_width(SIZE[0]), 2, 9)))
    return handles


def style_steps(axis, log_x, log_y, steps, factor=1):
    """Scales and ticks of an axis over `steps`, on which everything is plotted: its limits are those of the data. The
    vertical axis shows `factor` times the values."""
    axis.margins(x=0.02)
    positive = steps[(steps > 0) & (steps < 1e15)]
    if log_x and len(positive):
        first = positive.min()
        axis.set_xscale("symlog", linthresh=first, linscale=0.3)  # step 0 has a place
        decades = 10.0**np.arange(math.floor(math.log10(first)), math.ceil(math.log10(positive.max())) + 1)

        def ticks(folds):
            places = [0.0, *(decade * fold for decade in decades for fold in folds)]
            return FixedLocator([place for place in places if place == 0 or first <= place <= 1.02 * positive.max()])

        axis.xaxis.set_major_locator(ticks((1, 2, 5) if positive.max() < 1000 * first else (1,)))
        axis.xaxis.set_minor_locator(ticks(range(2, 10)))
    if log_y:
        style_log_axis(axis, factor)
    else:
        style_linear_axis(axis, factor)
    axis.xaxis.set_major_formatter(FuncFormatter(short_number))


# ---- bands -----------------------------------------------------------------------------------------------------------

def band_label(sweep):
    """"input to activation3, unit 0", or what figure.where says."""
    where = {column: "/".join(values) for column, values in sweep.where.items()}
    if {"tensor", "layer", "unit"} <= where.keys():
        unit = "all units" if where["unit"] == "all" else f"unit {where['unit']}"
        return f"{where['tensor']} {'to' if where['tensor'] == 'input' else 'of'} {where['layer']}, {unit}"
    return where_text(sweep) or "value"


def draw_bands(sweep):
    """A panel for each line: the percentiles of its first seed that completed, and the medians of the others. Means
    over seeds would hide how much each of them moves."""
    lines = [line for line in sweep.lines() if any(run.has_result() for run in line.runs)]
    log_x, log_y = sweep.figure.get("log_x", False), sweep.figure.get("log_y", False)
    names = [name for name, *_ in PERCENTILES]
    tables, width = read_tables(sweep, with_result(sweep, lines), sweep.figure.get("file", "eval.csv"), names, names)
    steps = np.concatenate([table["step"] for table in tables.values()])
    figure, panels = grid_of(len(lines))
    rows, calm, every, ends, seeds = [], [], [], [], []
    for panel, line in zip(panels, lines):
        drawn = [run for run in line.runs if run.has_result()]
        first = next((run for run in drawn if run.status == "completed"), drawn[0])
        seeds.append(first.seed)
        for run in drawn:
            table = tables[key_of(line, run)]
            x = table["step"]
            rows += [(line.arm, line.point, run.seed, "run", *values, width)
                     for values in zip(x, *(table[name] for name in names))]
            seen = [table[name] for name in (names if run is first else ["p50"])]
            every += seen
            if run.status == "completed":
                calm += seen
            elif len(x):
                ends.append((panel, x[-1], table["p50"][-1]))
            if run is not first:
                panel.plot(x, table["p50"], color="#777777", linewidth=0.9, alpha=0.8)
                continue
            panel.fill_between(x, table["p15"], table["p85"], color="#999999", alpha=0.15, linewidth=0)
            for name, colour, style, marker, _ in PERCENTILES:
                panel.plot(x, table[name], color=colour, linestyle=style, linewidth=1.8, marker=marker, markersize=5,
                           markevery=mark_every(x, log_x), zorder=3)
        panel.set_title(line.legend(270, 3, 10), fontsize=10)
    if not any(np.isfinite(values).any() for values in calm):
        calm = every
    set_limits(panels[0], np.concatenate(calm), (), log_y)
    for panel in panels:
        style_steps(panel, log_x, log_y, steps)
    for panel, x, y in ends:
        panel.plot(x, np.clip(y, *panel.get_ylim()), **cross(GREY))
    for panel in panels[::columns_of(len(panels))]:
        panel.set_ylabel(shown(band_label(sweep), 200, 2))
    sweep.finish(figure, bands_legend(lines, seeds, bool(ends)))
    return figure, ("arm", "point", "seed", "series", "step", *names, "averaged"), rows


def bands_legend(lines, seeds, crosses):
    """`seeds`: whose percentiles the panels show."""
    handles = [Line2D([], [], color=colour, linestyle=style, marker=marker, linewidth=1.8, markersize=5, label=text)
               for _, colour, style, marker, text in PERCENTILES]
    if any(sum(run.has_result() for run in line.runs) > 1 for line in lines):
        one = f"seed {seeds[0]}" if len(set(seeds)) == 1 else f"one seed (by panel {', '.join(seeds)})"
        handles.append(note(shown(f"bold: {one} alone", legend_width(SIZE[0]), 2, 9), linestyle="-", linewidth=1.8))
        handles.append(note("thin: medians of the other seeds", linestyle="-", linewidth=0.9))
    if crosses:
        handles.append(cross_note("cross: a run diverged"))
    return handles
