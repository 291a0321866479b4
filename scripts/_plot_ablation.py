"""Figure of a sweep whose experiment.json names none: what fits its axes.

One axis of numbers: each quantity over it. One of words: its values side by side. A second one: lines by colour, or a
heat map of two axes of numbers or two of words. Further ones: panels. Several quantities: panels, too."""

import json
import math

import matplotlib.pyplot as plt
import numpy as np

from _plot_axis import axis_legend, fill_panels
from _plot_base import COLOURS, Times, columns_of, cross, is_share, limits_of
from _plot_cells import HEADER, Cell, Scale, is_declared, number_in, spans_decades
from _plot_heat_map import CELL_LINE, add_bar, cell_height, cell_width, draw_map, map_legend, norm_of
from _plot_marks import label_ends
from _plot_sweep import Line, Sweep, unquoted
from _plot_text import plain_number, shown, spelled
from _reading import ReadError
from _units import short_path

ARM = "arm"  # the axis that several arms are
MOST_QUANTITIES, MOST_PANELS = 4, 24


class Axes:
    """The axes of a sweep that vary, each a path in `run.axes`, and what the figure does with them: `across`, the
    horizontal axis; `second`, by colour or upwards; `panels`, the others."""

    def __init__(self, sweep):
        paths = [path for path in varied_paths(sweep)]
        if len(sweep.drawn_arms) > 1:
            paths.append(ARM)
        self.texts = {path: list(dict.fromkeys(run.axes.get(path, "") for run in sweep.runs)) for path in paths}
        self.paths = [path for path in paths if len(self.texts[path]) > 1] or paths[:1]
        self.numeric = [path for path in self.paths
                        if any(self.texts[path])
                        and all(number_in(text) is not None for text in self.texts[path] if text)]
        words = [path for path in self.paths if path not in self.numeric]
        by_count = sorted(self.paths, key=lambda path: -len(self.texts[path]))
        numbers = [path for path in by_count if path in self.numeric]
        few = [path for path in reversed(by_count) if path in words and len(self.texts[path]) <= len(COLOURS)]
        self.is_map = len(self.paths) > 1 and not (numbers and few)
        if self.is_map:
            chosen = ([*numbers, *(path for path in by_count if path in words)] if numbers else by_count)[:2]
            # Numbers go up, words too where the other axis has numbers.
            self.across, self.second = chosen
        else:
            self.across = numbers[0] if numbers else (by_count or [None])[0]
            self.second = few[0] if numbers and few else None
        self.panels = [path for path in self.paths if path not in (self.across, self.second)]

    def label(self, path, text):
        """Of a value: a word says itself what it is."""
        if path == ARM or (path not in self.numeric and text not in ("", "true", "false", "null")):
            return unquoted(text)
        name = short_path(path, self.paths)
        number = number_in(text)
        value = plain_number(number) if number is not None else unquoted(text)
        return f"{name}={value}" if text else f"no {name}"


def varied_paths(sweep):
    """The axes of the arms; of zipped ones, which go together, the one with the most values."""
    twins = set()
    for arm in sweep.arms.values():
        zipped = sorted(arm.get("zip") or {}, key=lambda path: -len(set(map(json.dumps, arm["zip"][path]))))
        twins.update(zipped[1:])
    return [path for path in sweep.axes if path not in twins]


def of_quantity(sweep, name):
    """The sweep with the values of a quantity, and its arms as an axis beside the others."""
    one = Sweep(sweep.folder, {"type": "axis", "quantity": name})
    one.runs = [run for run in one.runs if run.arm in one.drawn_arms]
    if not one.runs:
        raise ReadError(f"{one.folder / 'runs.csv'}: no runs of the arms in experiment.json")
    for run in one.runs:
        run.axes[ARM] = json.dumps(one.arms[run.arm].get("meaning") or run.arm)
    one.axes = [*one.axes, ARM]
    return one


def draw_ablation(sweep):
    names = sweep.measured()[:MOST_QUANTITIES]
    if not names:
        raise ReadError(f"{sweep.folder / 'runs.csv'}: has no measured column between status and last_step to draw")
    sweeps = [of_quantity(sweep, name) for name in names]
    axes = Axes(sweeps[0])
    panels = panels_of(sweeps[0], axes)
    if len(panels) * len(sweeps) > MOST_PANELS:
        sweeps = sweeps[:max(1, MOST_PANELS // len(panels))]
    if len(panels) > MOST_PANELS:
        raise ReadError(f"{sweep.file}: its axes make {len(panels)} panels, {MOST_PANELS} at most can be drawn; set "
                        '"figure" in it')
    if sweep.title == sweep.name:
        sweep.title = title_of(sweeps, axes)
    sweep.subtitle = sweep.name
    draw = draw_maps if axes.is_map else draw_dots if axes.across not in axes.numeric else draw_lines
    figure, cells, handles = draw(sweeps, axes, panels)
    sweep.finish(figure, handles)
    rows = [row for one, groups in zip(sweeps, cells) for values, cell in groups.items()
            for row in cell.rows(one.figure["quantity"], *values)]
    return figure, ("quantity", *axes.paths, *HEADER), rows


def title_of(sweeps, axes):
    """"Final test accuracy, final test loss by learning rate and type"."""
    what = ", ".join(sweep.quantity().get("meaning") or spelled(sweep.figure["quantity"]) for sweep in sweeps)
    names = [spelled(short_path(path, axes.paths)) for path in axes.paths if len(axes.texts[path]) > 1]
    by = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    return what[:1].upper() + what[1:] + (f" by {by}" if by else "")


def panels_of(sweep, axes):
    """The combinations of values that have a panel each, in the order of the runs."""
    return list(dict.fromkeys(tuple(run.axes.get(path, "") for path in axes.panels) for run in sweep.runs))


def cells_of_sweep(sweep, axes, log):
    """{values of all axes: Cell}."""
    groups = {}
    for run in sweep.runs:
        groups.setdefault(tuple(run.axes.get(path, "") for path in axes.paths), []).append(run)
    return {values: Cell(runs, log, sweep.unit()) for values, runs in groups.items()}


def is_logarithmic(sweep):
    """Whether the values of a quantity, all above 0, span decades."""
    values = [run.number for run in sweep.runs if run.sets_scale() and math.isfinite(run.number)]
    return not is_share(sweep.quantity()["series"]["column"]) and min(values, default=0) > 0 and spans_decades(values)


def grid(sweeps, panels, axes, size, **options):
    """(figure, [[panel of each of `panels`] of each sweep]): quantities side by side, or below one another where each
    needs several panels."""
    across = len(sweeps) if len(panels) == 1 else columns_of(len(panels))
    block = 1 if len(panels) == 1 else math.ceil(len(panels) / across)
    rows = 1 if len(panels) == 1 else block * len(sweeps)
    figure, found = plt.subplots(rows, across, squeeze=False, figsize=(max(6.4, size[0] * across), size[1] * rows),
                                 **options)
    if len(panels) == 1:
        return figure, [[panel] for panel in found[0]]
    for place in range(len(sweeps)):
        for panel in found[place * block:(place + 1) * block].flat[len(panels):]:
            panel.set_visible(False)
    return figure, [list(found[place * block:(place + 1) * block].flat[:len(panels)]) for place in range(len(sweeps))]


def name_panels(sweep, axes, panels, found, width, height, upwards=None):
    """Titles of the panels of a quantity, and the name of what they show."""
    columns = columns_of(len(panels))
    for place, (values, panel) in enumerate(zip(panels, found)):
        title = ", ".join(axes.label(path, text) for path, text in zip(axes.panels, values))
        panel.set_title(shown(title, width, 2, 10), fontsize=10)
        if upwards is None and place % columns == 0:
            panel.set_ylabel(sweep.quantity_label(height))


# ---- lines -----------------------------------------------------------------------------------------------------------

def draw_lines(sweeps, axes, panels):
    size = (8, 4.4) if len(sweeps) == len(panels) == 1 else (5.0, 4.0) if len(panels) == 1 else (3.6, 3.0)
    figure, found = grid(sweeps, panels, axes, size)
    all_cells, handles, named = [], [], False
    seconds = axes.texts[axes.second] if axes.second else [None]
    for number, (sweep, own) in enumerate(zip(sweeps, found)):
        log_y = is_logarithmic(sweep)
        all_cells.append(cells_of_sweep(sweep, axes, log_y))
        scale = Scale(sweep, axes.across, sweep.runs, False)
        name_panels(sweep, axes, panels, own, 72 * size[0] - 60, 72 * size[1] - 60)
        members, cells = [], []
        for values, panel in zip(panels, own):
            if panel is not own[0]:
                panel.sharey(own[0])
            panel.set_xlabel(shown(axes.across, 72 * size[0] - 60))
            lines = []
            for index, second in enumerate(seconds):
                wanted = {**dict(zip(axes.panels, values)), **({axes.second: second} if axes.second else {})}
                runs = runs_with(sweep, wanted)
                if runs:
                    label = axes.label(axes.second, second) if axes.second else sweep.name
                    lines.append((index, Line("", "", label, runs, True)))
                    cells.append(one_axis(runs, axes.across, log_y))
            members.append((panel, lines))
        ends = fill_panels(sweep, members, cells, scale, log_y)
        if number == len(sweeps) - 1:
            named = not axes.second or (len(panels) == 1 and label_ends(own[-1], ends))
            whole = [Line("", "", axes.label(axes.second, text), runs_with(sweep, {axes.second: text}), True)
                     for text in seconds] if axes.second else [Line("", "", sweep.name, sweep.runs, True)]
            every = [cell for one in cells for cell in one.values()]
            handles = axis_legend(whole, every, log_y, own[0].get_ylim(), [] if named else list(enumerate(whole)))
    return figure, all_cells, handles


def runs_with(sweep, wanted):
    return [run for run in sweep.runs if all(run.axes.get(path, "") == text for path, text in wanted.items())]


def one_axis(runs, path, log):
    groups = {}
    for run in runs:
        groups.setdefault((run.axes.get(path, ""),), []).append(run)
    return {text: Cell(own, log) for text, own in groups.items()}


# ---- points side by side ---------------------------------------------------------------------------------------------

def draw_dots(sweeps, axes, panels):
    """One axis of words, or none: a row for each value."""
    texts = axes.texts[axes.across] if axes.across else [""]
    labels = [shown(axes.label(axes.across, text) if axes.across else sweeps[0].name, 150, 2) for text in texts]
    figure, found = grid(sweeps, panels, axes, (5.4, 1.2 + 0.45 * len(texts)), sharey=True)
    all_cells = []
    for sweep, own in zip(sweeps, found):
        all_cells.append(cells_of_sweep(sweep, axes, False))
        cells = [Cell([run for run in sweep.runs if not axes.across or run.axes.get(axes.across, "") == text], False)
                 for text in texts]
        runs = [run for run in sweep.runs if run.sets_scale() or run.at_least or is_declared(sweep)]
        calm = [run.number for run in runs if math.isfinite(run.number)] or [run.number for run in sweep.runs]
        ends = [end for cell in cells for end in (cell.low, cell.high)]
        limits = limits_of(calm, ends, False, (), is_share(sweep.quantity()["series"]["column"]))
        panel = own[0]
        if limits:
            panel.set_xlim(*limits)
        fill_dots(panel, cells)
        panel.set_yticks(range(len(labels)), labels)
        panel.set_ylim(len(labels) - 0.5, -0.5)
        panel.grid(False, axis="y")
        panel.set_xlabel(sweep.quantity_label(330))
        if sweep.unit().factor != 1:
            panel.xaxis.set_major_formatter(Times(sweep.unit().factor))
    every = [cell for one in all_cells for cell in one.values()]
    return figure, all_cells, axis_legend([Line("", "", "", sweeps[0].runs, True)], every, False, (-math.inf, math.inf),
                                          [])


def fill_dots(panel, cells):
    colour = COLOURS[0]
    for place, cell in enumerate(cells):
        if math.isfinite(cell.low):
            panel.plot([cell.low, cell.high], [place, place], color=colour, linewidth=1.6, marker="|", markersize=8)
        if math.isfinite(cell.mean):
            panel.plot(cell.mean, place, color=colour, marker="o", markersize=7)
        for run in cell.runs:
            if run.status == "diverged":
                left, right = panel.get_xlim()
                x = np.clip(run.number, left, right) if math.isfinite(run.number) else right
                panel.plot(x, place, **{**cross(colour), "markersize": 8})
            elif math.isfinite(run.number):
                panel.plot(run.number, place + 0.22, color=colour, marker="o", markersize=4, markerfacecolor="none",
                           linestyle="none", alpha=0.7)


# ---- heat maps -------------------------------------------------------------------------------------------------------

def draw_maps(sweeps, axes, panels):
    found = [cells_of_sweep(sweep, axes, False) for sweep in sweeps]
    every = [cell for one in found for cell in one.values()]
    scales = [Scale(sweeps[0], path, sweeps[0].runs, False) for path in (axes.across, axes.second)]
    width = max(170, len(scales[0].texts) * cell_width(every, scales[0]))
    height = max(130, len(scales[1].texts) * cell_height(every), CELL_LINE)
    figure, grids = grid(sweeps, panels, axes, (width / 72 + 1.8, height / 72 + 0.9))
    for sweep, cells, own in zip(sweeps, found, grids):
        declared = is_declared(sweep)
        calm = [cell.mean for cell in cells.values() if declared or cell.at_least or not cell.diverged]
        norm = norm_of(calm if np.isfinite(calm).any() else [cell.mean for cell in cells.values()])
        name_panels(sweep, axes, panels, own, width, height, upwards=axes.second)
        for values, panel in zip(panels, own):
            wanted = dict(zip(axes.panels, values))
            shown_cells = {}
            for key, cell in cells.items():
                at = dict(zip(axes.paths, key))
                if all(at[path] == text for path, text in wanted.items()) and at[axes.across] and at[axes.second]:
                    shown_cells[at[axes.across], at[axes.second]] = cell
            draw_map(panel, shown_cells, *scales, norm, width / len(scales[0].texts))
            panel.set(xlabel=shown(short_path(axes.across, axes.paths), width),
                      ylabel=shown(short_path(axes.second, axes.paths), height))
            add_bar(figure, norm, sweep, height, ax=panel)
    return figure, found, map_legend(every)
