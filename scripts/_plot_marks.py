"""Marks in a figure: levels across it, and names at the ends of lines."""

import numpy as np
from matplotlib.transforms import ScaledTranslation

from _plot_base import COLOURS, look_of
from _plot_text import points_of, shown

GREY = "#555555"
LEVEL_LETTERS, LABEL_LETTERS = 8.5, 9
LABEL_POINTS = 135  # the widest name at a line's end
LABEL_GAP = 2.0  # points between two names
LABEL_SHIFT = 16.0  # points that a name may stand off its line's end
MOST_LINES = len(COLOURS)


# ---- levels ----------------------------------------------------------------------------------------------------------

def draw_levels(axis, levels, named=True):
    """Thin lines across at [(value, text)], those in view; `named` inside the frame where it is emptiest."""
    bottom, top = axis.get_ylim()
    boxes = []
    for value, text in levels:
        if not bottom <= value <= top:
            continue
        axis.axhline(value, color=GREY, linewidth=1.0, linestyle=(0, (4, 3)), zorder=1.5)
        if not named:
            continue
        text = shown(text, 260, 1, LEVEL_LETTERS)
        across, above, box = emptiest(axis, value, points_of(text, LEVEL_LETTERS), boxes)
        boxes.append(box)
        beside = ScaledTranslation(0, (2 if above else -2) / 72, axis.figure.dpi_scale_trans)
        place = axis.get_yaxis_transform() + beside
        axis.text(across, value, text, transform=place, fontsize=LEVEL_LETTERS, color=GREY, zorder=4,
                  va="bottom" if above else "top",
                  bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.5})


def emptiest(axis, value, width, boxes):
    """(where the name of a level begins, as a share of the axis, whether above its line, its box): where it covers the
    fewest points of what is drawn, and none of `boxes`. `width`: of the name, in points."""
    scale = axis.figure.dpi / 72
    frame = axis.get_window_extent()
    points = [along(line.get_transform().transform(line.get_xydata())) for line in axis.lines
              if len(line.get_xdata()) > 2]
    points = np.concatenate(points or [np.empty((0, 2))])
    height = LEVEL_LETTERS * 1.4 * scale
    level = axis.transData.transform((axis.get_xlim()[0], value))[1]
    best = None
    for across in (0.01, 0.99 - width * scale / frame.width, 0.3, 0.5, 0.7):
        for above in (True, False):
            left = frame.x0 + across * frame.width
            low = level if above else level - height
            box = (left, low, left + width * scale, low + height)
            if box[2] > frame.x1 or box[1] < frame.y0 or box[3] > frame.y1 + 2:
                continue
            covered = int(((points >= box[:2]) & (points <= box[2:])).all(axis=1).sum())
            covered += 10**6 * any(box[0] < x1 and x0 < box[2] and box[1] < y1 and y0 < box[3]
                                   for x0, y0, x1, y1 in boxes)
            if best is None or covered < best[0]:
                best = covered, across, above, box
    return best[1:] if best else (0.01, True, (0, 0, 0, 0))


def along(points):
    """`points`, and places between neighbours."""
    shares = np.linspace(0, 1, 16)[:, None, None]
    return (points[:-1] * (1 - shares) + points[1:] * shares).reshape(-1, 2)


# ---- names at the ends of lines --------------------------------------------------------------------------------------

def label_ends(axis, ends):
    """Names the lines at their right ends, in their colours, where all names have room there; returns whether it did.
    `ends`: [(index of the look, name, x, y)] of all lines; the axis has its scale and limits."""
    if not 2 <= len(ends) <= MOST_LINES or any(x is None or not np.isfinite(y) for _, _, x, y in ends):
        return False
    bottom, top = axis.get_ylim()
    texts = [shown(name, LABEL_POINTS, 2, LABEL_LETTERS) for _, name, _, _ in ends]
    if any(text.endswith("…") or not text for text in texts):
        return False
    place = axis.transData.transform([(x, np.clip(y, bottom, top)) for _, _, x, y in ends])
    scale = 72 / axis.figure.dpi
    frame = axis.get_window_extent()
    if (place[:, 0] < frame.x1 - 0.08 * frame.width).any():
        return False
    heights = [LABEL_LETTERS * 1.25 * (text.count("\n") + 1) + LABEL_GAP for text in texts]
    wanted = place[:, 1] * scale
    given = spread(wanted, heights)
    if max(abs(given - wanted)) > LABEL_SHIFT:
        return False
    for (index, _, _, y), text, own, shifted in zip(ends, texts, wanted, given):
        offset = ScaledTranslation(7 / 72, (shifted - own) / 72, axis.figure.dpi_scale_trans)
        axis.text(1, np.clip(y, bottom, top), text, transform=axis.get_yaxis_transform() + offset, va="center",
                  ha="left", fontsize=LABEL_LETTERS, color=look_of(index)[0]["color"], linespacing=1.05)
    return True


def spread(places, heights):
    """Places of texts `heights` high, in their order, none on another, as near to `places` as a group that touches
    can stand together."""
    order = np.argsort(places, kind="stable")
    groups = []  # [members, sum of wanted places of the lower end, height]
    for one in order:
        groups.append([[one], places[one] - heights[one] / 2, heights[one]])
        while len(groups) > 1 and groups[-2][1] + groups[-2][2] > groups[-1][1]:
            members, low, height = groups.pop()
            before = groups[-1]
            count = len(before[0])
            together = count + len(members)
            before[1] = (before[1] * count + (low - before[2]) * len(members)) / together
            before[0] += members
            before[2] += height
    found = np.empty(len(places))
    for members, low, _ in groups:
        for one in members:
            found[one] = low + heights[one] / 2
            low += heights[one]
    return found


def end_of(x, y):
    """The last point of a line that can be seen: (x, y), or (None, nan) of none."""
    seen = np.flatnonzero(np.isfinite(y))
    return (x[seen[-1]], y[seen[-1]]) if len(seen) else (None, np.nan)
