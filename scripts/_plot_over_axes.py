"""Figures of an experiment over its axes: a quantity over one of them, and a heat map of two. From runs.csv alone."""

import json
import math

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LogNorm, Normalize
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from matplotlib.transforms import ScaledTranslation

from _plot_base import (RunError, bold_of, columns_of, cross, did_you_mean, interval_of, look_of, set_limits,
                        style_log_axis, warn)
from _plot_sweep import SIZE, cross_note, mean_note, note, points_of, short_path, shown, unquoted

CELL_LETTERS = 8.5
CELL_LINE = 14  # points of height
MAP_BAR = 0.06  # the width of the colour bar, as a part of a panel's
ARROW = {"marker": r"$\uparrow$", "markersize": 9, "linestyle": "none", "markeredgewidth": 0.2}


class Scale:
    """Where the values of an axis, JSON texts, lie: numbers at themselves, others side by side in the file's order."""

    def __init__(self, sweep, path, runs, log):
        if path not in sweep.axes:
            raise RunError(f"{sweep.file}: figure.axis: no arm has an axis {path!r}; there are "
                           f"{', '.join(sweep.axes) or 'none'}{did_you_mean(path, sweep.axes)}")
        self.path = path
        texts = list(dict.fromkeys(run.axes[path] for run in runs if path in run.axes))
        numbers = [number_in(text) for text in texts]
        self.is_numeric = all(number is not None for number in numbers)
        if self.is_numeric:
            texts = [text for _, text in sorted(zip(numbers, texts))]
        self.texts = texts
        self.x = {text: number_in(text) if self.is_numeric else place for place, text in enumerate(texts)}
        self.log = log and self.is_numeric
        positive = [x for x in self.x.values() if x > 0]
        self.symlog = self.log and len(positive) < len(self.x)  # 0 and below have a place too
        self.smallest = min(positive, default=1.0)

    def label(self, text):
        return shown(f"{self.x[text]:g}" if self.is_numeric else unquoted(text), 90)

    def apply(self, axis, points):
        """Sets scale, limits and ticks of the horizontal axis, `points` points (1/72 inch) wide."""
        if self.symlog:
            axis.set_xscale("symlog", linthresh=self.smallest)
        elif self.log:
            axis.set_xscale("log")
        places = [self.x[text] for text in self.texts]
        ahead = axis.transScale.transform(np.array([[x, 1.0] for x in places]))[:, 0]
        margin = 0.06 * (ahead[-1] - ahead[0]) or 0.5
        back = axis.transScale.inverted()
        axis.set_xlim(*(back.transform((x, 0.0))[0] for x in (ahead[0] - margin, ahead[-1] + margin)))
        labels = [self.label(text) for text in self.texts]
        gaps = np.diff(ahead) / (ahead[-1] - ahead[0] + 2 * margin) * points
        widths = [points_of(label, 10) for label in labels]
        fits = all(gap > (a + b) / 2 + 6 for gap, a, b in zip(gaps, widths, widths[1:]))
        if fits or not self.is_numeric or (self.log and len(places) <= 12):
            axis.xaxis.set_major_locator(FixedLocator(places))
            named = dict(zip(places, labels))
            axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: named[min(places, key=lambda one: abs(one - x))]))
            axis.xaxis.set_minor_locator(NullLocator())
            if not fits:
                slant(axis)


def slant(axis):
    """Turns the labels of a horizontal axis whose ends would meet; each ends at its tick."""
    for label in axis.get_xticklabels():
        label.set(rotation=35, ha="right", rotation_mode="anchor")


def number_in(text):
    """The number that a JSON text is; None for any other value."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number else None


def brief(value):
    text = f"{value:.3g}"
    return f"{value:.0f}" if "e+0" in text and abs(value) < 1e5 else text


class Cell:
    """The runs of one place on the axes, and their mean with its interval: none where a run without a finite value
    would have to count."""

    def __init__(self, runs, log):
        self.runs = runs
        self.values = np.array([run.number for run in runs if run.has_result() and run.value])
        self.lost = [run for run in runs if run.has_result() and run.value and not math.isfinite(run.number)]
        self.diverged = sum(run.status == "diverged" for run in runs)
        self.at_least = any(run.at_least for run in runs if run.has_result())
        self.mean = self.low = self.high = math.nan
        if len(self.values) and not self.lost and not (log and (self.values <= 0).any()):
            self.mean = float(np.exp(np.log(self.values).mean()) if log else self.values.mean())
            if len(self.values) > 1 and not self.at_least:
                _, self.low, self.high = map(float, interval_of(self.values, log))

    def rows(self, *where):
        """Rows of the figure's CSV."""
        bound = "at_least" if self.at_least else ""
        rows = [(*where, run.seed, "run", run.number if run.has_result() and run.value else "",
                 "at_least" if run.at_least else "", run.status, 1) for run in self.runs]
        means = (("mean", self.mean, bound), ("interval_low", self.low, ""), ("interval_high", self.high, ""))
        return rows + [(*where, "all", name, value, mark, "", len(self.values)) for name, value, mark in means
                       if math.isfinite(value)]


def cells_of(line, paths, log):
    """{values of the axes: Cell} of a line, in the order of runs.csv."""
    groups = {}
    for run in line.runs:
        groups.setdefault(tuple(run.axes.get(path, "") for path in paths), []).append(run)
    return {values: Cell(runs, log) for values, runs in groups.items()}


def is_declared(sweep):
    """Whether the experiment says which value runs that diverged have; they set the scale then as others do."""
    return sweep.quantity().get("when_diverged") is not None


HEADER = ("seed", "series", "value", "bound", "status", "runs")


# ---- a quantity over an axis -----------------------------------------------------------------------------------------

def draw_axis(sweep):
    path, log_y = sweep.figure.get("axis") or next(iter(sweep.axes), ""), sweep.figure.get("log_y", False)
    lines = sweep.lines((path,))
    runs = [run for line in lines for run in line.runs]
    scale = Scale(sweep, path, runs, sweep.figure.get("log_x", False))
    if not scale.texts:
        raise RunError(f"{sweep.file}: figure.arms: none of them has the axis {path}")
    figure, axis = plt.subplots(figsize=SIZE)
    cells = [cells_of(line, (path,), log_y) for line in lines]
    below = sum(run.number <= 0 for run in runs) if log_y else 0
    if below:
        warn(f"{sweep.folder / 'runs.csv'}: {below} values of 0 or below have no place on a logarithmic axis")
    every = [cell for one in cells for cell in one.values()]
    limit_values(axis, every, log_y, is_declared(sweep))
    begin_at(sweep, axis, every, log_y)
    scale.apply(axis, 72 * 7)
    if log_y:
        style_log_axis(axis)
    # Points; arms stand side by side at each value.
    spread = min(max(14.0, 4.0 * len(lines)), 0.5 * 72 * 7 / len(scale.texts))
    stacked = {}
    for index, (line, one) in enumerate(zip(lines, cells)):
        dodge = spread * ((index + 0.5) / len(lines) - 0.5)
        if all(text == "" for text, in one):
            draw_level(axis, index, one[("",)])
        else:
            draw_over_axis(axis, index, one, scale, dodge, stacked)
    axis.set(xlabel=shown(path), ylabel=sweep.quantity_label(260))
    sweep.finish(figure, axis_legend(lines, every, log_y, axis.get_ylim()))
    rows = [row for line, one in zip(lines, cells) for (text,), cell in one.items()
            for row in cell.rows(line.arm, line.point, text)]
    return figure, ("arm", "point", path, *HEADER), rows


def limit_values(axis, cells, log_y, declared):
    """Vertical limits. Runs that diverged don't set the scale, as long as others did not, unless their value is
    `declared` or a bound: a loss of 1e28 would hide what the others show."""
    runs = [run for cell in cells for run in cell.runs]
    calm = [run.number for run in runs if run.status == "completed" or run.at_least or declared]
    other = [run.number for run in runs]
    ends = [end for cell in cells for end in (cell.low, cell.high)]
    set_limits(axis, np.array(calm if np.isfinite(calm).any() else other), np.array([*other, *ends]), log_y)


def begin_at(sweep, axis, cells, log_y):
    """figure.min_y as the lower end of the vertical axis, as long as most means are above it: the small profile's may
    not be."""
    bottom = sweep.figure.get("min_y")
    if bottom is None:
        return
    if log_y and bottom <= 0:
        raise RunError(f"{sweep.file}: figure.min_y: must be above 0 on a logarithmic axis, got {bottom:g}")
    means = np.array([cell.mean for cell in cells if math.isfinite(cell.mean)])
    if bottom < axis.get_ylim()[1] and 2 * (means >= bottom).sum() >= len(means):
        axis.set_ylim(bottom=bottom)


def draw_level(axis, index, cell):
    """An arm without the axis: a level right across, with its interval."""
    look = look_of(index)[0]
    for value in cell.values[np.isfinite(cell.values)]:
        axis.axhline(value, **look, linewidth=0.8, alpha=0.35)
    if math.isfinite(cell.mean):
        axis.axhline(cell.mean, **look, linewidth=2.4)
    if math.isfinite(cell.low):
        axis.axhspan(cell.low, cell.high, color=look["color"], alpha=0.12, linewidth=0)


def draw_over_axis(axis, index, cells, scale, dodge, stacked):
    """One line. `stacked`: how many marks stand above the frame at each value so far."""
    colour, marker = look_of(index)[0]["color"], look_of(index)[1]
    moved = axis.transData + ScaledTranslation(dodge / 72, 0, axis.figure.dpi_scale_trans)
    raised = moved + ScaledTranslation(0, 9 / 72, axis.figure.dpi_scale_trans)
    found = sorted((scale.x[text], text, cell) for (text,), cell in cells.items() if text)
    axis.plot([x for x, _, _ in found], [cell.mean for _, _, cell in found], **bold_of(index), transform=moved,
              markerfacecolor=colour)
    for x, text, cell in found:
        if math.isfinite(cell.low):
            axis.plot([x, x], [cell.low, cell.high], color=colour, linewidth=1.2, marker="_", markersize=8,
                      markeredgewidth=1.4, transform=moved)
        if cell.at_least and math.isfinite(cell.mean):
            axis.plot(x, cell.mean, color=colour, marker=marker, markersize=6, markerfacecolor="white", zorder=4,
                      transform=moved)
            axis.plot(x, cell.mean, color=colour, transform=raised, zorder=4, **ARROW)
        for run in cell.runs:
            if not math.isfinite(run.number):
                continue
            if run.status == "diverged":
                axis.plot(x, np.clip(run.number, *axis.get_ylim()), **cross(colour), transform=moved)
            else:
                axis.plot(x, run.number, color=colour, marker=marker, markersize=4, alpha=0.7, linestyle="none",
                          markeredgewidth=0.8, markerfacecolor="none", transform=moved)
        if cell.lost:
            draw_lost(axis, index, x, len(cell.lost), stacked.get(text, 0))
            stacked[text] = stacked.get(text, 0) + 1


def draw_lost(axis, index, x, count, level):
    """Above the frame: the mark of an arm and a cross for its runs without a finite value."""
    place = axis.get_xaxis_transform() + ScaledTranslation(-5 / 72, (13 + 12 * level) / 72, axis.figure.dpi_scale_trans)
    look, marker = look_of(index)
    axis.plot(x, 1.0, color=look["color"], marker=marker, markersize=5, clip_on=False, transform=place)
    beside = place + ScaledTranslation(10 / 72, 0, axis.figure.dpi_scale_trans)
    axis.plot(x, 1.0, **{**cross(look["color"]), "markersize": 7, "markeredgewidth": 2.0}, transform=beside)
    if count > 1:
        axis.text(x, 1.0, f"  {count}", transform=beside, fontsize=8, va="center", ha="left")


def axis_legend(lines, cells, log_y, limits):
    bottom, top = limits
    handles = [note(line.legend(), **bold_of(index)) for index, line in enumerate(lines)]
    if any(len(cell.values) > 1 for cell in cells):
        handles.append(mean_note(log_y, any(cell.low < bottom or cell.high > top for cell in cells)))
        handles.append(note("small: each seed", marker="o", markersize=4, markerfacecolor="none"))
    under = [(sum(run.status == "completed" and run.number < bottom for cell in cells for run in cell.runs), "run"),
             (sum(cell.mean < bottom for cell in cells), "mean")]
    if any(count for count, _ in under):
        handles.append(note("below the frame: " + ", ".join(f"{count} {what}{'s' if count > 1 else ''}"
                                                            for count, what in under if count)))
    if any(cell.diverged or cell.lost for cell in cells):
        beyond = any(run.status == "diverged" and math.isfinite(run.number) and not bottom <= run.number <= top
                     for cell in cells for run in cell.runs)
        edge = "; on the frame: its value lies beyond" if beyond else ""
        above = "; above the frame: no finite value" if any(cell.lost for cell in cells) else ""
        handles.append(cross_note("cross: a run diverged" + edge + above))
    if any(cell.at_least for cell in cells):
        handles.append(note("arrow: at least, the level was not reached", **ARROW))
    return handles


# ---- heat map --------------------------------------------------------------------------------------------------------

def axes_of_map(sweep):
    """The paths across and up: figure.axis, if given, and the first others that the arms have."""
    first = sweep.figure.get("axis")
    paths = [*([first] if first else []), *(path for path in sweep.axes if path != first)][:2]
    if len(paths) < 2:
        raise RunError(f"{sweep.file}: figure: a heat map needs two axes; the arms have "
                       f"{', '.join(sweep.axes) or 'none'}")
    return paths


def draw_heat_map(sweep):
    paths = axes_of_map(sweep)
    lines = []
    for line in sweep.lines(paths):
        if all(path in run.axes for path in paths for run in line.runs):
            lines.append(line)
        else:
            warn(f"{sweep.file}: arm {line.arm} has not both axes of the figure; it is left out")
    runs = [run for line in lines for run in line.runs]
    across, up = (Scale(sweep, path, runs, False) for path in paths)
    if not across.texts or not up.texts:
        raise RunError(f"{sweep.file}: figure.arms: none of them has the axes {' and '.join(paths)}")
    cells = [cells_of(line, paths, False) for line in lines]
    every = [cell for one in cells for cell in one.values()]
    declared = is_declared(sweep)
    calm = [cell.mean for cell in every if declared or cell.at_least or not cell.diverged]
    norm = norm_of(calm if np.isfinite(calm).any() else [cell.mean for cell in every])
    names = [shown(short_path(path, sweep.axes), 180) for path in paths]
    width = max(140, len(across.texts) * cell_width(every, across), points_of(names[0], 10))
    height = max(110, len(up.texts) * cell_height(every), points_of(names[1], 10))
    figure, panels, beside = map_panels(len(lines))
    columns = columns_of(len(lines))
    rows = math.ceil(len(lines) / columns)
    for place, (panel, line, one) in enumerate(zip(panels, lines, cells)):
        draw_map(panel, one, across, up, norm, width / len(across.texts))
        panel.set_title(line.legend(width + 14, 3, 10), fontsize=10)
        panel.set_xlabel(names[0] if place + columns >= len(panels) else "")
        panel.set_ylabel(names[1] if place % columns == 0 else "")
    bar = figure.colorbar(plt.cm.ScalarMappable(norm, "cividis"), cax=beside)
    bar.set_label(sweep.quantity_label(rows * height))
    bar.outline.set_visible(False)
    size_panels(figure, panels[0], width, height)
    sweep.finish(figure, map_legend(every))
    rows = [row for line, one in zip(lines, cells) for values, cell in one.items()
            for row in cell.rows(line.arm, line.point, *values)]
    return figure, ("arm", "point", *paths, *HEADER), rows


def norm_of(means):
    """Colours from the smallest mean to the largest; over more than two decades of their logarithm."""
    means = [mean for mean in means if math.isfinite(mean)] or [0.0]
    low, high = min(means), max(means)
    if low > 0 and high > 100 * low:
        return LogNorm(low, high)
    return Normalize(low, high if high > low else low + (abs(low) or 1.0))


def cell_width(cells, across):
    """Points for the widest text in a cell, for the labels below where they are short, and some room between them."""
    within = max(points_of(line, CELL_LETTERS) for cell in cells for line in cell_text(cell).split("\n"))
    below = max(points_of(across.label(text), 10) for text in across.texts)
    return max(within, min(below, 48)) + 10


def cell_height(cells):
    return CELL_LINE * max(2, *(cell_text(cell).count("\n") + 1 for cell in cells))


def mean_text(cell):
    """The mean, and below it half of its interval where there is one, which says how many digits of the mean matter."""
    half = (cell.high - cell.low) / 2
    if not (math.isfinite(half) and half > 0 and 1e-3 <= abs(cell.mean) < 1e4):
        return brief(cell.mean)
    digits = max(0, -math.floor(math.log10(half)))
    return f"{cell.mean:.{digits}f}\n± {half:.{digits}f}" if digits <= 5 else brief(cell.mean)


def cell_text(cell):
    parts = [("≥ " if cell.at_least else "") + mean_text(cell)] if math.isfinite(cell.mean) else []
    parts += ["×" + (f" {cell.diverged}" if len(cell.runs) > 1 else "")] if cell.diverged else []
    return "\n".join(parts)


def map_panels(count):
    """(figure, `count` panels for maps, the axes of the colour bar); the sizes are size_panels' task."""
    columns = columns_of(count)
    rows = math.ceil(count / columns)
    figure = plt.figure(figsize=(6 * columns, 5 * rows))
    grid = figure.add_gridspec(rows, columns + 1, width_ratios=[1] * columns + [MAP_BAR])
    panels = [figure.add_subplot(grid[place // columns, place % columns]) for place in range(count)]
    return figure, panels, figure.add_subplot(grid[:, columns], label="<colorbar>")


def size_panels(figure, panel, width, height):
    """Makes the figure so large that each of its panels is `width` and `height` points large, labels and title beside;
    a figure narrower than its title and its legend may need has wider panels."""
    figure.tight_layout()
    grid = panel.get_subplotspec().get_gridspec()
    now = panel.get_window_extent().transformed(figure.dpi_scale_trans.inverted())
    inches = figure.get_size_inches()
    figure.set_size_inches(max(6.4, inches[0] + (width / 72 - now.width) * sum(grid.get_width_ratios())),
                           inches[1] + (height / 72 - now.height) * grid.nrows)


def draw_map(panel, cells, across, up, norm, room):
    """One map; `room`: the width of its cells in points."""
    panel.grid(False)
    for (x, y), cell in cells.items():
        column, row = across.texts.index(x), up.texts.index(y)
        corner = (column - 0.5, row - 0.5)
        if math.isfinite(cell.mean):
            colour = plt.get_cmap("cividis")(norm(cell.mean))
            panel.add_patch(Rectangle(corner, 1, 1, facecolor=colour, edgecolor="white", linewidth=1.2))
            ink = "white" if np.dot(colour[:3], (0.299, 0.587, 0.114)) < 0.5 else "black"
        else:
            panel.add_patch(Rectangle(corner, 1, 1, **NO_MEAN))
            ink = "black"
        panel.text(column, row, cell_text(cell), ha="center", va="center", color=ink, fontsize=CELL_LETTERS,
                   linespacing=1.05)
    panel.set(xlim=(-0.5, len(across.texts) - 0.5), ylim=(-0.5, len(up.texts) - 0.5))
    panel.set_xticks(range(len(across.texts)), [across.label(text) for text in across.texts])
    panel.set_yticks(range(len(up.texts)), [up.label(text) for text in up.texts])
    if max(points_of(across.label(text), 10) for text in across.texts) > room - 6:
        slant(panel)
    for spine in panel.spines.values():
        spine.set_visible(False)


NO_MEAN = {"facecolor": "#f2f2f2", "edgecolor": "#999999", "hatch": "////", "linewidth": 0.6}


def map_legend(cells):
    handles = []
    if any(len(cell.values) > 1 for cell in cells):
        handles.append(note("number: mean of the seeds ± half of its 95 % interval"))
    if any(cell.diverged for cell in cells):
        handles.append(note("× n: so many runs diverged"))
    if any(not math.isfinite(cell.mean) for cell in cells):
        handles.append(Patch(**NO_MEAN, label="hatched: no finite mean, or no run"))
    return handles or [note("number: the run's value")]
