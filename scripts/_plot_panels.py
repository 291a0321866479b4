"""One panel for all lines of a figure, one for each group of them, or one for each line where there are more than
colours."""

import matplotlib.pyplot as plt
import numpy as np

from _plot_base import COLOURS, grid_of
from _plot_sweep import SIZE, Line
from _plot_text import shown

SMALL = (2.7, 2.1)  # inches, of one panel of many
PALE = "#cccccc"
MOST_TOGETHER = 4  # lines in one panel that are not parted


def panels_for(lines, xlabel):
    """(figure, [(panel, [(index of the look, line)])], [(index, line)] of the legend; none where each panel names its
    line)."""
    groups = groups_of(lines)
    if groups:
        return grouped(groups, xlabel)
    if len(lines) <= len(COLOURS):
        figure, axis = plt.subplots(figsize=SIZE)
        axis.set_xlabel(xlabel)
        looks = list(enumerate(lines))
        return figure, [(axis, looks)], looks
    figure, panels = grid_of(len(lines), xlabel, SMALL)
    for panel, line in zip(panels, lines):
        panel.set_title(line.legend(72 * SMALL[0] - 30, 3, 9), fontsize=9)
    return figure, [(panel, [(0, line)]) for panel, line in zip(panels, lines)], []


def groups_of(lines):
    """{first part of the label: {the rest: line}} of more lines than can be told apart at a glance, where labels such
    as "V6, before" and "V6, after" say what belongs together; or None."""
    groups = {}
    for line in lines:
        first, comma, rest = line.label.partition(", ")
        if not comma or rest in groups.setdefault(first, {}):
            return None
        groups[first][rest] = line
    several = 2 <= len(groups) <= 6 and all(2 <= len(group) <= len(COLOURS) for group in groups.values())
    return groups if several and len(lines) > MOST_TOGETHER else None


def grouped(groups, xlabel):
    """As `panels_for`: a panel for each group, in which the same rest of a label has the same look."""
    figure, panels = grid_of(len(groups), xlabel, (4.0, 3.4))
    rests = list(dict.fromkeys(rest for group in groups.values() for rest in group))
    for panel, first in zip(panels, groups):
        panel.set_title(shown(first, 250, 2, 10), fontsize=10)
    members = [(panel, [(rests.index(rest), line) for rest, line in group.items()])
               for panel, group in zip(panels, groups.values())]
    legend = []
    for index, rest in enumerate(rests):
        own = [group[rest] for group in groups.values() if rest in group]
        legend.append((index, Line("", "", rest, [run for line in own for run in line.runs], own[0].of_quantity)))
    return figure, members, legend


def background(panel, curves):
    """The lines of the other panels, pale, to compare with: as one line with gaps, which is drawn faster."""
    gap = np.array([np.nan])
    parts = [(np.append(x, gap), np.append(y, gap)) for x, y in curves]
    if parts:
        x, y = (np.concatenate(values) for values in zip(*parts))
        panel.plot(x, y, color=PALE, linewidth=0.6, zorder=1)
