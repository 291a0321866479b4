"""One panel for all lines of a figure, or one for each where there are more lines than colours."""

import matplotlib.pyplot as plt

from _plot_base import COLOURS, grid_of
from _plot_sweep import SIZE

SMALL = (2.7, 2.1)  # inches, of one panel of many
PALE = "#cccccc"


def panels_for(lines, xlabel):
    """(figure, [(panel, [(index of the look, line)])])."""
    if len(lines) <= len(COLOURS):
        figure, axis = plt.subplots(figsize=SIZE)
        axis.set_xlabel(xlabel)
        return figure, [(axis, list(enumerate(lines)))]
    figure, panels = grid_of(len(lines), xlabel, SMALL)
    for panel, line in zip(panels, lines):
        panel.set_title(line.legend(72 * SMALL[0] - 30, 3, 9), fontsize=9)
    return figure, [(panel, [(0, line)]) for panel, line in zip(panels, lines)]


def background(panel, curves):
    """The lines of the other panels, pale, to compare with."""
    for x, y in curves:
        panel.plot(x, y, color=PALE, linewidth=0.6, zorder=1)
