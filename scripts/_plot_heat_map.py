"""Figure of an experiment: a heat map of a quantity over two axes."""

import math

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LogNorm, Normalize
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FuncFormatter, NullFormatter

from _plot_base import LARGEST, columns_of, warn
from _plot_cells import HEADER, Scale, cells_of, is_declared, slant
from _plot_sweep import note
from _plot_text import plain_number, points_of, shown
from _reading import ReadError
from _units import WORDS, short_path

CELL_LETTERS = 8.5
CELL_LINE = 14  # points of height
MAP_BAR = 0.06  # the width of the colour bar, as a part of a panel's
NO_MEAN = {"facecolor": "#f2f2f2", "edgecolor": "#999999", "hatch": "////", "linewidth": 0.6}


def brief(value):
    text = f"{value:.3g}"
    return f"{value:.0f}" if "e+0" in text and abs(value) < 1e5 else text


def axes_of_map(sweep):
    """The paths across and up: figure.axis, if given, and the first others that the arms have."""
    first = sweep.figure.get("axis")
    paths = [*([first] if first else []), *(path for path in sweep.axes if path != first)][:2]
    if len(paths) < 2:
        raise ReadError(f"{sweep.file}: figure: a heat map needs two axes; the arms have "
                        f"{', '.join(sweep.axes) or 'none'}")
    return paths


def draw_heat_map(sweep):
    paths = axes_of_map(sweep)
    lines = []
    for line in sweep.lines(paths):
        if all(path in run.axes for path in paths for run in line.runs):
            lines.append(line)
        else:
            warn(f"{sweep.file}: arm {line.arm} does not have both axes of the figure; it is skipped")
    runs = [run for line in lines for run in line.runs]
    across, up = (Scale(sweep, path, runs, False) for path in paths)
    if not across.texts or not up.texts:
        raise ReadError(f"{sweep.file}: figure.arms: none of them has the axes {' and '.join(paths)}")
    cells = [cells_of(line, paths, False, sweep.unit()) for line in lines]
    every = [cell for one in cells for cell in one.values()]
    declared = is_declared(sweep)
    calm = [cell.mean for cell in every if declared or cell.at_least or not cell.diverged]
    norm = norm_of(calm if np.isfinite(calm).any() else [cell.mean for cell in every])
    names = [shown(WORDS.get(path) or short_path(path, sweep.axes), 180) for path in paths]
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
    add_bar(figure, norm, sweep, rows * height, cax=beside)
    size_panels(figure, panels[0], width, height)
    sweep.finish(figure, map_legend(every))
    rows = [row for line, one in zip(lines, cells) for values, cell in one.items()
            for row in cell.rows(line.arm, line.point, *values)]
    return figure, ("arm", "point", *paths, *HEADER), rows


def add_bar(figure, norm, sweep, height, **place):
    """What the colours mean; `height`: points for the name of the quantity."""
    unit = sweep.unit()
    bar = figure.colorbar(plt.cm.ScalarMappable(norm, "cividis"),
                          format=FuncFormatter(lambda value, _: plain_number(unit(value))), **place)
    bar.ax.yaxis.set_minor_formatter(NullFormatter())
    bar.set_label(sweep.quantity_label(height))
    bar.outline.set_visible(False)


def norm_of(means):
    """Colours from the smallest mean to the largest; over more than two decades of their logarithm."""
    means = [mean for mean in means if abs(mean) <= LARGEST] or [0.0]
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
    mean, half = cell.unit(cell.mean), cell.unit((cell.high - cell.low) / 2)
    if not (math.isfinite(half) and half > 0 and 1e-3 <= abs(mean) < 1e4):
        return brief(mean)
    digits = max(0, -math.floor(math.log10(half)))
    return f"{mean:.{digits}f}\n± {half:.{digits}f}" if digits <= 5 else brief(mean)


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


def map_legend(cells):
    handles = []
    if any(len(cell.values) > 1 for cell in cells):
        handles.append(note("number: mean of the seeds ± half of its 95 % interval"))
    if any(cell.diverged for cell in cells):
        handles.append(note("× n: n runs diverged"))
    if any(not math.isfinite(cell.mean) for cell in cells):
        handles.append(Patch(**NO_MEAN, label="hatched: no finite mean, or no run"))
    return handles or [note("number: the run's value")]
