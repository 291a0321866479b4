"""What all figures share: reading a run's files, the look, the layout, writing."""

import csv
import difflib
import io
import json
import math
import os
import sys

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter  # noqa: E402
from scipy.special import stdtrit  # noqa: E402

# Okabe & Ito's palette, which colour-blind readers can tell apart, without its yellow, too light for lines on white.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000"]
# A second mark of each line, so that a black and white print can be read.
DASHED, DOTTED = (0, (6, 2)), (0, (1.2, 1.4))
STYLES = ["-", DASHED, DOTTED, (0, (7, 2, 1.2, 2)), (0, (3, 1.5)), (0, (7, 2, 1.2, 2, 1.2, 2)), (0, (10, 3))]
MARKERS = ["o", "s", "^", "D", "v", "P", "X"]
PERCENTILES = [("p85", "#D55E00", DASHED, "^", "85th percentile"), ("p50", "#000000", "-", "o", "median"),
               ("p15", "#0072B2", DOTTED, "v", "15th percentile")]
RC = {
    "font.family": "DejaVu Sans", "font.size": 10, "axes.titlesize": 11, "axes.labelsize": 10, "legend.fontsize": 9,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "axes.axisbelow": True,
    "grid.color": "#dddddd", "grid.linewidth": 0.6, "figure.dpi": 100, "savefig.dpi": 150,
    "svg.hashsalt": "bnlab", "svg.fonttype": "path",
}
STEP_LABEL = "training step"


class RunError(Exception):
    """A run's files can't be plotted; the text names the file."""


def warn(text):
    print(f"plot.py: {text}", file=sys.stderr)


# ---- reading ---------------------------------------------------------------------------------------------------------

def read_json(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{path}: missing; is {path.parent} a run directory of bnlab?") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: can't be read: {error}") from None


def read_object(path):
    content = read_json(path)
    if not isinstance(content, dict):
        raise RunError(f"{path}: must hold a JSON object")
    return content


def read_csv(path, text_columns, columns, optional=(), empty_ok=False):
    """Columns of a CSV file: {name: array}, text for `text_columns`, float64 for the others of `columns`; of the text
    columns `optional` those that are there. A last line that is cut off (a killed run, a full disk) is left out with a
    warning; RunError for anything else that is wrong, and for a file without rows unless `empty_ok`."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RunError(f"{path}: missing") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: can't be read: {error}") from None
    if not text:
        raise RunError(f"{path}: empty, not even a header")
    whole, newline, rest = text.rpartition("\n")
    if rest:
        warn(f"{path}: the last line is cut off; it is left out")
    try:
        rows = list(csv.reader(io.StringIO(whole + newline, newline="")))
    except csv.Error as error:
        raise RunError(f"{path}: can't be read: {error}") from None
    header = rows[0] if rows else []
    absent = [name for name in columns if name not in header]
    if absent:
        raise RunError(f"{path}: no column {', '.join(absent)} in its header{did_you_mean(absent[0], header)}")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise RunError(f"{path}:{number}: {len(row)} values, expected {len(header)}")
    if len(rows) < 2 and not empty_ok:
        raise RunError(f"{path}: no rows yet")
    optional = [name for name in optional if name in header]
    table = {}
    for name in dict.fromkeys([*columns, *optional]):
        values = [row[header.index(name)] for row in rows[1:]]
        is_text = name in text_columns or name in optional
        try:
            table[name] = np.array(values, dtype=np.str_ if is_text else np.float64)
        except ValueError as error:
            raise RunError(f"{path}: column {name}: {error}") from None
    return table


def did_you_mean(name, known):
    near = difflib.get_close_matches(name, known, 1)
    return f'; did you mean "{near[0]}"?' if near else ""


def chosen(table, **wanted):
    """The rows of `table` where each named column has the given value."""
    keep = np.ones(len(next(iter(table.values()))), dtype=bool)
    for name, value in wanted.items():
        keep &= table[name] == value
    return {name: values[keep] for name, values in table.items()}


# ---- numbers ---------------------------------------------------------------------------------------------------------

def smooth(steps, values, width):
    """Means over `width` rows, one for each such group, at the mean step of the group."""
    finite = np.isfinite(values)
    steps, values = steps[finite], values[finite]
    if width < 2 or len(values) < 2 * width:
        return steps, values
    edges = np.arange(0, len(values), width)
    counts = np.diff(np.append(edges, len(values)))
    return np.add.reduceat(steps, edges) / counts, np.add.reduceat(values, edges) / counts


def interval_of(values, log=False):
    """(mean, low, high) over the first axis of `values`, with Student's 95 % interval; `log`: of the logarithms, for
    positive values, so that the mean is the geometric one. Needs at least 2 values."""
    if log:
        with np.errstate(divide="ignore", invalid="ignore"):
            mean, low, high = interval_of(np.log(np.where(values > 0, values, np.nan)))
        return np.exp(mean), np.exp(low), np.exp(high)
    mean = values.mean(axis=0)
    half = stdtrit(len(values) - 1, 0.975) * values.std(axis=0, ddof=1) / math.sqrt(len(values))
    return mean, mean - half, mean + half


def mean_and_interval(series, log=False):
    """(steps, mean, low, high) of (steps, values) of each seed, at the steps that every seed reached."""
    steps = series[0][0]
    for other, _ in series[1:]:
        steps = np.intersect1d(steps, other)
    return steps, *interval_of(np.array([v[np.isin(s, steps)] for s, v in series]), log)


# ---- drawing ---------------------------------------------------------------------------------------------------------

def mark_every(count):
    return max(1, count // 10)


def short_number(value, _=None):
    return f"{value / 1000:g}k" if abs(value) >= 1000 else f"{value:g}"


def style_log_axis(axis):
    axis.set_yscale("log")
    low, high = axis.get_ylim()
    if high / low < 1000:  # few decades: label 2 and 5 too
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.yaxis.set_minor_formatter(NullFormatter())


def set_limits(axis, values, reach, log):
    """Vertical limits around the finite `values`, and towards the ends of intervals, `reach`, by a quarter of the
    height at most: with few seeds they would squeeze all else."""
    values, reach = (one[np.isfinite(one) & (one > 0)] if log else one[np.isfinite(one)] for one in (values, reach))
    if log:
        values, reach = np.log10(values), np.log10(reach)
    if not len(values):
        return
    low, high = values.min(), values.max()
    if low == high:  # one value stands in the middle of a tenth of itself
        low, high = low - (abs(low) / 20 or 0.5), high + (abs(high) / 20 or 0.5)
    span = high - low
    low, high = (max(min([low, *reach]), low - 0.25 * span) - 0.04 * span,
                 min(max([high, *reach]), high + 0.25 * span) + 0.04 * span)
    axis.set_ylim(*((10**low, 10**high) if log else (low, high)))


def lay_out(figure, title, handles, columns, subtitle="", row=0.24):
    """Title above and legend below the axes, its rows `row` inches high; grows the figure by what they need, so that
    they cover nothing."""
    lines = [handle.get_label().count("\n") for handle in handles]
    rows = math.ceil(len(handles) / columns)
    further = max(sum(lines[first:first + rows]) for first in range(0, len(lines), rows))
    heading = 0.21 * title.count("\n")
    width, height = figure.get_size_inches()
    below = row * rows + 0.15 * further + 0.15
    above = 0.35 + heading + (0.08 + 0.17 * (subtitle.count("\n") + 1) if subtitle else 0)
    height += below + above
    figure.set_size_inches(width, height)
    figure.tight_layout(rect=(0, below / height, 1, 1 - above / height))
    figure.suptitle(title, fontsize=12.5, y=1 - 0.1 / height)
    if subtitle:
        figure.text(0.5, 1 - (0.36 + heading) / height, subtitle, ha="center", va="top", fontsize=9.5, color="#333333")
    figure.legend(handles=handles, loc="lower center", ncol=columns, frameon=False, handlelength=4)


def columns_of(count):
    """In which so many panels stand: at most three, and four panels two by two."""
    return 2 if count == 4 else min(count, 3)


def grid_of(count):
    """Figure with `count` panels of one size that share both axes; returns (figure, panels)."""
    columns = columns_of(count)
    rows = math.ceil(count / columns)
    figure, panels = plt.subplots(rows, columns, sharex=True, sharey=True, squeeze=False,
                                  figsize=(max(6.4, 4.2 * columns), 3.5 * rows))
    for panel in panels.flat[count:]:
        panel.set_visible(False)
    for panel in panels.flat[max(0, count - columns):count]:
        panel.set_xlabel(STEP_LABEL)
        panel.tick_params(labelbottom=True)
    for panel in panels.flat[:count]:
        panel.xaxis.set_major_formatter(FuncFormatter(short_number))
    return figure, list(panels.flat[:count])


def look_of(index):
    """(colour and line style, marker) of arm number `index`; the first 49 differ."""
    other = index + index // len(COLOURS)  # with the colours at their beginning again, each gets another style
    line = {"color": COLOURS[index % len(COLOURS)], "linestyle": STYLES[other % len(STYLES)]}
    return line, MARKERS[other % len(MARKERS)]


def bold_of(index):
    line, marker = look_of(index)
    return {**line, "linewidth": 2.4, "marker": marker, "markersize": 5.5}


def draw_mean(axis, index, x, mean, low, high):
    """The bold line of several seeds, over the band of its interval."""
    axis.fill_between(x, low, high, color=look_of(index)[0]["color"], alpha=0.18, linewidth=0)
    axis.plot(x, mean, **bold_of(index), markevery=mark_every(len(x)))


def cross(colour):
    """The look of the mark where a run ended before its time."""
    return {"marker": "x", "markersize": 10, "markeredgewidth": 2.4, "color": colour, "linestyle": "none", "zorder": 5,
            "clip_on": False}


# ---- writing ---------------------------------------------------------------------------------------------------------

def save(path, content):
    """Writes beside `path` first, so that a file is whole or not there."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OSError(f"{path}: can't be written: {error.strerror}") from None
    print(path)


def csv_bytes(header, rows):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([f"{value:.9g}" if isinstance(value, float) else value for value in row] for row in rows)
    return text.getvalue().encode()


def write_figure(figure, header, rows, out, stem, kinds):
    """Writes STEM.KIND of each kind and STEM.csv into `out`, and closes the figure."""
    metadata = {"svg": {"Date": None, "Creator": "bnlab"}, "png": {"Software": None}}
    for kind in kinds:
        image = io.BytesIO()
        figure.savefig(image, format=kind, metadata=metadata[kind])
        save(out / f"{stem}.{kind}", image.getvalue())
    save(out / f"{stem}.csv", csv_bytes(header, rows))
    plt.close(figure)
