"""The runs of a sweep by their values on one or two axes. From runs.csv alone."""

import math

import numpy as np
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from _plot_base import LARGEST, interval_of, style_log_ticks
from _plot_sweep import unquoted
from _plot_text import plain_number, points_of, shown
from _reading import ReadError, did_you_mean, finite_number_in
from _units import Unit


MOST_VALUES = 200  # of an axis


class Scale:
    """Where the values of an axis, JSON texts, lie: numbers at themselves, others side by side in the file's order."""

    def __init__(self, sweep, path, runs, log):
        if path not in sweep.axes:
            raise ReadError(f"{sweep.file}: figure.axis: no arm has an axis {path!r}; there are "
                            f"{', '.join(sweep.axes) or 'none'}{did_you_mean(path, sweep.axes)}")
        self.path = path
        texts = list(dict.fromkeys(run.axes[path] for run in runs if path in run.axes))
        if len(texts) > MOST_VALUES:
            raise ReadError(f"{sweep.folder / 'runs.csv'}: column {path}: {len(texts)} values, {MOST_VALUES} at most "
                            "can be drawn")
        numbers = [number_in(text) for text in texts]
        self.is_numeric = all(number is not None for number in numbers)
        if self.is_numeric:
            texts = [text for _, text in sorted(zip(numbers, texts))]
        self.texts = texts
        self.x = {text: number_in(text) if self.is_numeric else place for place, text in enumerate(texts)}
        self.log = self.is_numeric and (log or spans_decades(self.x.values()))
        positive = [x for x in self.x.values() if x > 0]
        self.symlog = self.log and len(positive) < len(self.x)  # 0 and below have a place too
        self.smallest = min(positive, default=1.0)

    def label(self, text):
        return shown(plain_number(self.x[text]) if self.is_numeric else unquoted(text), 90)

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
        elif self.log and not self.symlog:
            style_log_ticks(axis.xaxis, *axis.get_xlim())
        else:
            axis.xaxis.set_major_formatter(FuncFormatter(plain_number))


def slant(axis):
    """Turns the labels of a horizontal axis whose ends would meet; each ends at its tick."""
    for label in axis.get_xticklabels():
        label.set(rotation=35, ha="right", rotation_mode="anchor")


def number_in(text):
    """The number that a JSON text is, where an axis can show it; None for any other value."""
    number = finite_number_in(text)
    return number if number is not None and abs(number) <= LARGEST else None


def spans_decades(numbers):
    """Whether the positive of at least three numbers lie two decades apart: on a linear axis all but the largest would
    stand in one place."""
    positive = [number for number in numbers if number > 0]
    return len(positive) > 2 and max(positive) >= 99.9 * min(positive)


class Cell:
    """The runs of one place on the axes, and their mean with its interval: none where a run without a finite value
    would have to count. All in the units of files; `unit`: that of texts."""

    def __init__(self, runs, log, unit=Unit()):
        self.runs, self.unit = runs, unit
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


def cells_of(line, paths, log, unit=Unit()):
    """{values of the axes: Cell} of a line, in the order of runs.csv."""
    groups = {}
    for run in line.runs:
        groups.setdefault(tuple(run.axes.get(path, "") for path in paths), []).append(run)
    return {values: Cell(runs, log, unit) for values, runs in groups.items()}


def is_declared(sweep):
    """Whether the experiment says which value runs that diverged have; they set the scale then as others do."""
    return sweep.quantity().get("when_diverged") is not None


def beyond_declared(sweep):
    """A function: whether a number is worse than the value that the experiment gives to runs that diverged."""
    declared, sign = sweep.quantity().get("when_diverged"), 1 if sweep.quantity().get("better") == "lower" else -1
    return lambda number: declared is not None and sign * number > sign * declared


HEADER = ("seed", "series", "value", "bound", "status", "runs")
