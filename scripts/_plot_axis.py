"""Figure of an experiment: a quantity over an axis."""

import math

import numpy as np
from matplotlib.path import Path
from matplotlib.transforms import ScaledTranslation

from _plot_base import bold_of, cross, is_share, look_of, set_limits, style_linear_axis, style_log_axis, warn
from _plot_cells import HEADER, Scale, beyond_declared, cells_of, is_declared
from _plot_levels import levels_of
from _plot_marks import draw_levels, label_ends
from _plot_over_steps import label_left
from _plot_panels import panels_for
from _plot_sweep import common_seeds, cross_note, mean_note, note
from _plot_text import shown
from _reading import ReadError
from _units import WORDS

UP = Path([(0, -1), (0, 1), (-0.45, 0.45), (0, 1), (0.45, 0.45)],
          [Path.MOVETO, Path.LINETO, Path.MOVETO, Path.LINETO, Path.LINETO])
ARROW = {"marker": UP, "markersize": 9, "linestyle": "none", "markeredgewidth": 1.3, "fillstyle": "none"}


def draw_axis(sweep):
    path, log_y = sweep.figure.get("axis") or next(iter(sweep.axes), ""), sweep.figure.get("log_y", False)
    lines = sweep.lines((path,))
    scale = Scale(sweep, path, [run for line in lines for run in line.runs], sweep.figure.get("log_x", False))
    if not scale.texts:
        raise ReadError(f"{sweep.file}: figure.arms: none of them has the axis {path}")
    cells = [cells_of(line, (path,), log_y) for line in lines]
    below = sum(run.number <= 0 for line in lines for run in line.runs) if log_y else 0
    if below:
        warn(f"{sweep.folder / 'runs.csv'}: {below} values of 0 or below cannot be shown on a logarithmic axis")
    figure, panels, looks = panels_for(lines, shown(WORDS.get(path, path) if sweep.claim else path))
    of_line = {id(line): one for line, one in zip(lines, cells)}
    in_order = [of_line[id(line)] for _, members in panels for _, line in members]
    ends = fill_panels(sweep, panels, in_order, scale, log_y)
    named = len(panels) == 1 and label_ends(panels[0][0], ends)
    label_left(figure, sweep.quantity_label)
    every = [cell for one in cells for cell in one.values()]
    sweep.finish(figure, axis_legend(lines, every, log_y, panels[0][0].get_ylim(), [] if named else looks))
    rows = [row for line, one in zip(lines, cells) for (text,), cell in one.items()
            for row in cell.rows(line.arm, line.point, text)]
    return figure, ("arm", "point", path, *HEADER), rows


def fill_panels(sweep, panels, cells, scale, log_y):
    """Draws lines, {(value of the axis,): Cell} each, on `panels`, [(panel, [(index of the look, line)])] that share
    their vertical axis; returns what names the lines of the last one, [(index of the look, name, x, y)]."""
    levels = levels_of(sweep)
    every = [cell for one in cells for cell in one.values()]
    first = panels[0][0]
    limit_values(first, every, log_y, sweep, [value for value, _ in levels])
    begin_at(sweep, first, every, log_y)
    found = iter(cells)
    for panel, members in panels:
        width = 72 * panel.figure.get_size_inches()[0] * panel.get_position().width
        scale.apply(panel, width)
        (style_log_axis if log_y else style_linear_axis)(panel, sweep.unit().factor)
        # Points; arms stand side by side at each value.
        spread = min(max(14.0, 4.0 * len(members)), 0.5 * width / len(scale.texts))
        stacked, ends = {}, []
        for place, (index, line) in enumerate(members):
            one = next(found)
            dodge = spread * ((place + 0.5) / len(members) - 0.5)
            if all(text == "" for text, in one):
                draw_level(panel, index, one[("",)])
                ends.append((index, line.name(), panel.get_xlim()[1], one[("",)].mean))
            else:
                draw_over_axis(panel, index, one, scale, dodge, stacked)
                x, y = max(((scale.x[text], cell.mean) for (text,), cell in one.items() if text), default=(0, math.nan))
                ends.append((index, line.name(), x, y))
        draw_levels(panel, levels, panel is first)
    return ends


def limit_values(axis, cells, log_y, sweep, levels=()):
    """Vertical limits. Runs that diverged don't set the scale, as long as others did not, unless their value is
    declared or a bound: a loss of 1e28 would hide what the others show. Nor does what is left of a cell that has no
    mean because of them: a seed at chance beside two that diverged. Nor does a value that is worse than the one that
    is declared for them."""
    declared, worse = is_declared(sweep), beyond_declared(sweep)
    calm = [run.number for cell in cells for run in cell.runs
            if ((run.status == "completed" and not cell.lost) or run.at_least or declared) and not worse(run.number)]
    other = [run.number for cell in cells for run in cell.runs]
    ends = [end for cell in cells for end in (cell.low, cell.high)]
    set_limits(axis, np.array(calm if np.isfinite(calm).any() else other), np.array([*calm, *ends]), log_y, levels,
               is_share(sweep.quantity()["series"]["column"]))


def begin_at(sweep, axis, cells, log_y):
    """figure.min_y as the lower end of the vertical axis, as long as most means are above it: the small profile's may
    not be."""
    bottom = sweep.figure.get("min_y")
    if bottom is None or not math.isfinite(bottom):
        return
    if log_y and bottom <= 0:
        raise ReadError(f"{sweep.file}: figure.min_y: must be above 0 on a logarithmic axis, got {bottom:g}")
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
    dodged = axis.transData + ScaledTranslation(dodge / 72, 0, axis.figure.dpi_scale_trans)
    raised = dodged + ScaledTranslation(0, 9 / 72, axis.figure.dpi_scale_trans)
    found = sorted((scale.x[text], text, cell) for (text,), cell in cells.items() if text)
    axis.plot([x for x, _, _ in found], [cell.mean for _, _, cell in found], **bold_of(index), transform=dodged,
              markerfacecolor=colour)
    for x, text, cell in found:
        if math.isfinite(cell.low):
            axis.plot([x, x], [cell.low, cell.high], color=colour, linewidth=1.2, marker="_", markersize=8,
                      markeredgewidth=1.4, transform=dodged)
        if cell.at_least and math.isfinite(cell.mean):
            axis.plot(x, cell.mean, color=colour, marker=marker, markersize=6, markerfacecolor="white", zorder=4,
                      transform=dodged)
            axis.plot(x, cell.mean, color=colour, transform=raised, zorder=4, **ARROW)
        for run in cell.runs:
            if not math.isfinite(run.number):
                continue
            if run.status == "diverged":
                axis.plot(x, np.clip(run.number, *axis.get_ylim()), **cross(colour), transform=dodged)
            else:
                axis.plot(x, run.number, color=colour, marker=marker, markersize=4, alpha=0.7, linestyle="none",
                          markeredgewidth=0.8, markerfacecolor="none", transform=dodged)
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


def axis_legend(lines, cells, log_y, limits, looks):
    """`looks`: [(index, line)] to be named; none where they have their names beside them."""
    bottom, top = limits
    handles = [note(line.legend(), **bold_of(index)) for index, line in looks]
    if any(len(cell.values) > 1 for cell in cells):
        handles.append(mean_note(log_y, any(cell.low < bottom or cell.high > top for cell in cells),
                                 None if looks else common_seeds(lines)))
        handles.append(note("small: each seed", marker="o", markersize=4, markerfacecolor="none"))
    outside = [(sum(run.status == "completed" and (run.number < bottom or run.number > top)
                    for cell in cells for run in cell.runs), "run"),
               (sum(cell.mean < bottom or cell.mean > top for cell in cells), "mean")]
    if any(count for count, _ in outside):
        handles.append(note("outside the frame: " + ", ".join(f"{count} {what}{'s' if count > 1 else ''}"
                                                              for count, what in outside if count)))
    if any(cell.diverged or cell.lost for cell in cells):
        beyond = any(run.status == "diverged" and math.isfinite(run.number) and not bottom <= run.number <= top
                     for cell in cells for run in cell.runs)
        edge = "; on the frame: its value is outside" if beyond else ""
        above = "; above the frame: no finite value" if any(cell.lost for cell in cells) else ""
        handles.append(cross_note("cross: a run diverged" + edge + above))
    if any(cell.at_least for cell in cells):
        handles.append(note("arrow: at least, the level was not reached", **ARROW))
    return handles
