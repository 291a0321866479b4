"""What all figures share: means and intervals, the look, the layout, writing."""

import contextlib
import csv
import io
import math
import os
import warnings

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
from matplotlib.ticker import Formatter, FuncFormatter, LogLocator, NullFormatter, ScalarFormatter  # noqa: E402
from scipy.special import stdtrit  # noqa: E402

import _reading  # noqa: E402
from _plot_text import plain_number, power_of_ten  # noqa: E402

# Okabe & Ito's palette, which colour-blind readers can tell apart; for its yellow, too light for lines on white, a dark
# red. More lines than these get a panel each.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#882255"]
# A second mark of each line, so that a black and white print can be read.
DASHED, DOTTED = (0, (6, 2)), (0, (1.2, 1.4))
STYLES = ["-", DASHED, DOTTED, (0, (7, 2, 1.2, 2)), (0, (3, 1.5)), (0, (7, 2, 1.2, 2, 1.2, 2)), (0, (10, 3)),
          (0, (4, 1, 1, 1))]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "<"]
PERCENTILES = [("p85", "#D55E00", DASHED, "^", "85th percentile"), ("p50", "#000000", "-", "o", "median"),
               ("p15", "#0072B2", DOTTED, "v", "15th percentile")]
RC = {
    "font.family": "DejaVu Sans", "font.size": 10, "axes.titlesize": 11, "axes.labelsize": 10, "legend.fontsize": 9,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "axes.axisbelow": True,
    "grid.color": "#dddddd", "grid.linewidth": 0.6, "figure.dpi": 100, "savefig.dpi": 150,
    "svg.hashsalt": "bnlab", "svg.fonttype": "path",
    "text.parse_math": False,  # a name such as $a_b$ is drawn as it is
}
STEP_LABEL = "training step"


# Whatever numbers a file has, such as 1e308: what overflows is not drawn. Letters that no font has become boxes.
np.seterr(all="ignore")
warnings.filterwarnings("ignore", message="Glyph .* missing from")


def warn(text):
    _reading.say("plot.py", text)


# ---- tables ---------------------------------------------------------------------------------------------------------

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

def mark_every(x, log_x=False):
    """Which points of a line, by their numbers, get a mark: about ten, evenly along the axis."""
    if len(x) < 12:
        return 1
    along = np.log(np.maximum(x, x[x > 0].min())) if log_x and (x > 0).any() else x
    wanted = np.linspace(along[0], along[-1], 11)
    if not np.isfinite(wanted).all():
        return max(1, len(x) // 10)
    return sorted(set(np.clip(np.searchsorted(along, wanted), 0, len(x) - 1).tolist()))


def style_log_axis(axis, factor=1):
    axis.set_yscale("log")
    style_log_ticks(axis.yaxis, *axis.get_ylim(), factor)


def style_log_ticks(axis, low, high, factor=1):
    """Labels at powers of ten; over less than two at their 2- and 5-fold too. They show `factor` times the values."""
    if high / low < 100:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: plain_number(factor * value)))
    else:
        axis.set_major_formatter(FuncFormatter(lambda value, _: plain_power(factor * value)))
    axis.set_minor_formatter(NullFormatter())


def plain_power(value, _=None):
    return power_of_ten(round(math.log10(value))) if value > 0 else ""


def style_linear_axis(axis, factor=1):
    """Whole numbers at the ticks, without a factor or a summand at the end of the axis. They show `factor` times the
    values."""
    if factor != 1:
        axis.yaxis.set_major_formatter(Times(factor))
    elif not 1e-3 <= max(map(abs, axis.get_ylim())) < 1e5:
        axis.yaxis.set_major_formatter(FuncFormatter(plain_number))
    else:
        axis.yaxis.set_major_formatter(ScalarFormatter(useOffset=False))


class Times(Formatter):
    """Labels of a linear axis that show `factor` times the values, all with as many decimals as one of them needs."""

    def __init__(self, factor):
        self.factor, self.decimals = factor, 0

    def set_locs(self, locs):
        super().set_locs(locs)
        shown_values = [self.factor * one for one in locs]
        self.decimals = next((n for n in range(6) if all(abs(one - round(one, n)) < 1e-7 for one in shown_values)), 6)

    def __call__(self, value, pos=None):
        return self.fix_minus(f"{self.factor * value + 0.0:.{self.decimals}f}")


LARGEST = 1e100  # no number beyond it sets the scale of an axis, whose ends and width must be numbers


def is_share(column):
    """Whether a column's values lie from 0 to 1."""
    return "accuracy" in column or column.startswith("fraction_")


def set_limits(axis, values, reach, log, levels=(), share=False):
    """Vertical limits as `limits_of` says, where there are values."""
    limits = limits_of(values, reach, log, levels, share)
    if limits:
        axis.set_ylim(*limits)


def limits_of(values, reach, log, levels=(), share=False):
    """(low, high) around the finite `values`, and towards the ends of intervals, `reach`, by a quarter of the width at
    most: with few seeds they would squeeze all else. `levels` are in view where they are near. `share`: no value lies
    beyond 0 and 1, whatever an interval says. None without values."""
    values, reach, levels = (usable(one, log) for one in (values, reach, levels))
    if not len(values):
        return None
    if share and not log and values.min() >= 0 and values.max() <= 1:
        reach = np.clip(reach, 0, 1)
    low, high = values.min(), values.max()
    if low == high:  # one value stands in the middle of a tenth of itself
        low, high = low - (abs(low) / 20 or 0.5), high + (abs(high) / 20 or 0.5)
    span = high - low
    around = max(2 * span, 4 * log)
    near = levels[(levels > low - around) & (levels < high + around)]
    bottom = min([max(min([low, *reach]), low - 0.25 * span), *near])
    top = max([min(max([high, *reach]), high + 0.25 * span), *near])
    margin = 0.04 * (top - bottom)
    return (10**(bottom - margin), 10**(top + margin)) if log else (bottom - margin, top + margin)


def usable(values, log):
    """Those that can set a scale; `log`: their logarithms to base 10."""
    values = np.asarray(values, dtype=np.float64)
    values = values[np.abs(values) <= LARGEST]
    return np.log10(values[values > 1 / LARGEST]) if log else values


def lay_out(figure, title, handles, columns, subtitle="", row=0.24):
    """Title above and legend below the axes, its rows `row` inches high; grows the figure by what they need, so that
    they cover nothing."""
    lines = [handle.get_label().count("\n") for handle in handles]
    rows = math.ceil(len(handles) / columns)
    further = max((sum(lines[first:first + rows]) for first in range(0, len(lines), rows or 1)), default=0)
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
    if handles:
        figure.legend(handles=handles, loc="lower center", ncol=columns, frameon=False, handlelength=4)


def columns_of(count):
    """In which so many panels stand: at most four, and few of them as a square."""
    return 2 if count == 4 else min(count, 3) if count <= 9 else 4


def grid_of(count, xlabel=STEP_LABEL, size=(4.2, 3.5)):
    """Figure with `count` panels of one size that share both axes; returns (figure, panels)."""
    columns = columns_of(count)
    rows = math.ceil(count / columns)
    figure, panels = plt.subplots(rows, columns, sharex=True, sharey=True, squeeze=False,
                                  figsize=(max(6.4, size[0] * columns), size[1] * rows))
    for panel in panels.flat[count:]:
        panel.set_visible(False)
    for panel in panels.flat[max(0, count - columns):count]:
        panel.set_xlabel(xlabel)
        panel.tick_params(labelbottom=True)
    return figure, list(panels.flat[:count])


def look_of(index):
    """(colour and line style, marker) of arm number `index`; more than there are colours get panels of their own."""
    return {"color": COLOURS[index], "linestyle": STYLES[index]}, MARKERS[index]


def bold_of(index):
    line, marker = look_of(index)
    return {**line, "linewidth": 2.4, "marker": marker, "markersize": 5.5}


def draw_mean(axis, index, x, mean, low, high, marks=None):
    """The bold line of several seeds, over the band of its interval; `marks`: which points get one."""
    axis.fill_between(x, low, high, color=look_of(index)[0]["color"], alpha=0.18, linewidth=0)
    axis.plot(x, mean, **bold_of(index), markevery=mark_every(x) if marks is None else marks)


def cross(colour):
    """The look of the mark where a run ended before its time."""
    return {"marker": "x", "markersize": 10, "markeredgewidth": 2.4, "color": colour, "linestyle": "none", "zorder": 5,
            "clip_on": False}


# ---- writing ---------------------------------------------------------------------------------------------------------

def save(path, content):
    """Writes beside `path` first, so that a file is whole or not there. A link of either name is replaced, never
    written through."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise OSError(f"{path}: can't be written: {error.strerror}; --out names another folder") from None
    print(_reading.printable(path))


def csv_bytes(header, rows):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(csv_value, header))
    writer.writerows(map(csv_value, row) for row in rows)
    return text.getvalue().encode()


def csv_value(value):
    """Nine digits of numbers; texts as `printable`."""
    return f"{value:.9g}" if isinstance(value, float) else _reading.printable(value)


def write_figure(figure, header, rows, out, stem, kinds):
    """Writes STEM.KIND of each kind and STEM.csv into `out`, and closes the figure."""
    metadata = {"svg": {"Date": None, "Creator": "bnlab"}, "png": {"Software": None}}
    for kind in kinds:
        image = io.BytesIO()
        figure.savefig(image, format=kind, metadata=metadata[kind])
        save(out / f"{stem}.{kind}", image.getvalue())
    save(out / f"{stem}.csv", csv_bytes(header, rows))
    plt.close(figure)
