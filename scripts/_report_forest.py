"""Criteria as marks on axes: each in the claim's own units, and all of them on one axis as effect / threshold."""

import math
from dataclasses import dataclass, field

from _report_files import dict_of, number_of, text_of
from _report_words import MARKS, THRESHOLDS, count, number, verdict_word

LEFT, RIGHT = 4.0, 96.0  # percent of an axis that the data take
FOREST = (1e-3, 1e4)  # the limits of the common axis, at most


@dataclass
class Axis:
    """Places of values on an axis, in percent of its width."""
    low: float
    high: float
    log: bool
    ticks: list = field(default_factory=list)  # (percent, text)

    def place(self, value):
        """(percent, whether the value lies beyond the axis). None for no value."""
        if math.isnan(value):
            return None, False
        if self.log:
            low, high = math.log10(self.low), math.log10(self.high)
            value = math.log10(value) if value > 0 else -math.inf
        else:
            low, high = self.low, self.high
        share = (value - low) / (high - low) if math.isfinite(value) else (2.0 if value > 0 else -1.0)
        beyond = share < -1e-9 or share > 1 + 1e-9
        return round(LEFT + (RIGHT - LEFT) * min(1.0, max(0.0, share)), 3), beyond


def axis_over(values, log, most=5):
    """An axis around the finite values, with ticks at round numbers."""
    finite = [value for value in values if math.isfinite(value) and (value > 0 or not log)]
    low, high = (min(finite), max(finite)) if finite else (0.1 if log else 0.0, 1.0)
    if log:
        decades = max(0.3, math.log10(high / low))
        axis = Axis(low / 10 ** (0.08 * decades), high * 10 ** (0.08 * decades), True)
        texts = log_ticks(axis.low, axis.high, most)
    else:
        span = (high - low) or abs(low) or 1.0
        axis = Axis(low - 0.08 * span, high + 0.08 * span, False)
        texts = linear_ticks(axis.low, axis.high, most)
    axis.ticks = [(axis.place(tick)[0], text) for tick, text in zip(texts, told_apart(texts))]
    return axis


def told_apart(values):
    """Texts of numbers with as many digits as tell them apart."""
    for digits in range(4, 13):
        texts = [number(value, digits) for value in values]
        if len(set(texts)) == len(texts):
            break
    return texts


def linear_ticks(low, high, most):
    raw = (high - low) / most
    size = 10 ** math.floor(math.log10(raw))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= raw)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(place * step, 12 - math.floor(math.log10(step))) for place in range(first, last + 1)]


def log_ticks(low, high, most):
    first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
    decades = [10.0 ** power for power in range(first, last + 1)]
    if len(decades) >= 2:
        return decades[::max(1, math.ceil(len(decades) / most))]
    fine = [factor * 10.0 ** power for power in range(first - 1, last + 1) for factor in (1, 2, 3, 5)]
    within = [tick for tick in fine if low <= tick <= high]
    return within if len(within) >= 2 else linear_ticks(low, high, most)


@dataclass
class Criterion:
    """One criterion of a verdict, in the claim's units."""
    name: str
    meaning: str
    verdict: str
    effect: float
    low: float
    high: float
    seeds: int
    unit: str
    text: str  # the effect and its interval in words
    claimed: str
    thresholds: list  # (word, value)
    within: float  # of an equality; nan otherwise
    source: str
    explanation: str
    raw_effect: str  # as verdict.json has it

    @property
    def is_judged(self):
        return bool(self.thresholds) or not math.isnan(self.within)

    @property
    def has_interval(self):
        return not math.isnan(self.low) and not math.isnan(self.high)

    @property
    def mark(self):
        return MARKS.get(self.verdict, "circle")

    @property
    def word(self):
        return verdict_word(self.verdict)

    def seeds_text(self):
        return count(self.seeds, "seed")

    def limits(self):
        """The values that the thresholds are at."""
        return [value for _, value in self.thresholds] if math.isnan(self.within) else [-self.within, self.within]

    def axis(self):
        """None where there is no value to show."""
        if math.isnan(self.effect):
            return None
        values = [self.effect, self.low, self.high, *self.limits()]
        finite = [value for value in values if math.isfinite(value)]
        ratio = max(finite) / min(finite) if finite and min(finite) > 0 else 1
        log = ratio > 100 or (ratio > 1.2 and self.unit.startswith("times"))
        return axis_over(values, log)


def criteria_of(data):
    """The criteria of a sweep's verdict."""
    found = []
    for one in data.verdict.get("criteria") if isinstance(data.verdict.get("criteria"), list) else []:
        if not isinstance(one, dict):
            continue
        shown = dict_of(one.get("shown"))
        interval = shown.get("interval")
        low, high = interval if isinstance(interval, list) and len(interval) == 2 else (math.nan, math.nan)
        thresholds = [(word, number_of(shown[key])) for key, word in THRESHOLDS.items() if shown.get(key) is not None]
        found.append(Criterion(
            text_of(one.get("name")), text_of(one.get("meaning")) or text_of(one.get("name")),
            text_of(one.get("verdict")), number_of(shown.get("effect")), end_of(low, -math.inf),
            end_of(high, math.inf), seeds_of(one.get("seeds")), text_of(shown.get("unit")), text_of(shown.get("text")),
            text_of(shown.get("claimed")), thresholds, number_of(shown.get("within")),
            text_of(one.get("threshold_source")), text_of(one.get("explanation")), text_of(one.get("effect"))))
    return found


def end_of(value, infinite):
    """An end of an interval; null is infinite."""
    return infinite if value is None else number_of(value)


def seeds_of(value):
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


# ---- all of them on one axis ----------------------------------------------------------------------------------------

@dataclass
class Row:
    """A judged criterion on the common axis. `side`: where the claim holds, "right" or "left" of 1."""
    page: str
    experiment: str
    part: str
    criterion: Criterion
    side: str
    effect: float
    low: float
    high: float

    def marks(self, axis):
        place, beyond = axis.place(self.effect)
        ends = [axis.place(end) for end in (self.low, self.high)]
        return {"effect": place, "beyond": beyond, "low": ends[0][0], "high": ends[1][0],
                "low_beyond": ends[0][1], "high_beyond": ends[1][1]}


def relative(criterion):
    """(side, effect, low, high) as multiples of the threshold; None where the threshold is 0. Of a claimed value with
    a tolerance: the distance from the value / the tolerance."""
    limits = criterion.limits()
    low, high = criterion.low, criterion.high
    if len(limits) == 2:
        centre, half = sum(limits) / 2, abs(limits[1] - limits[0]) / 2
        if not half > 0:
            return None
        ends = sorted(abs(end - centre) / half for end in (low, high))
        smallest = 0.0 if low <= centre <= high else ends[0]
        return "left", abs(criterion.effect - centre) / half, smallest, ends[1]
    word, threshold = criterion.thresholds[0]
    if not threshold:
        return None
    rises = (word in ("at least", "more than")) == (threshold > 0)
    low, high = sorted((low / threshold, high / threshold))
    return "right" if rises else "left", criterion.effect / threshold, low, high


def forest_of(entries):
    """(rows, the axis, criteria with a threshold of 0) of [(page, experiment's name, part, criteria)]."""
    rows, without = [], []
    for page, experiment, part, criteria in entries:
        for criterion in criteria:
            if not criterion.is_judged:
                continue
            found = relative(criterion)
            if found is None or math.isnan(criterion.effect):
                without.append(Row(page, experiment, part, criterion, "", math.nan, math.nan, math.nan))
            else:
                rows.append(Row(page, experiment, part, criterion, *found))
    values = [min(max(value, FOREST[0]), FOREST[1]) for row in rows
              for value in (row.effect, row.low, row.high) if value > 0]
    return rows, axis_over([0.1, 10.0, *values], True, 8), without
