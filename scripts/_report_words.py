"""The words of the pages: how verdicts, effects, intervals and thresholds are said."""

import json
import math

VERDICTS = {"reproduced": "reproduced", "not reproduced": "not reproduced", "inconclusive": "inconclusive",
            "reported": "measured, no threshold"}
NO_VERDICT = "no verdict yet"
ABLATION = "no claim"
MARKS = {"reproduced": "circle", "not reproduced": "square", "inconclusive": "diamond", "reported": "triangle"}
MEANINGS = {
    "reproduced": "the whole 95 % interval is on the claim's side of the threshold",
    "not reproduced": "the whole 95 % interval is on the other side of the threshold",
    "inconclusive": "the threshold lies inside the 95 % interval, or a value is missing",
    "reported": "the claim sets no threshold",
}
STATUSES = {"completed": "completed", "diverged": "diverged", "failed": "failed", "unfinished": "not finished",
            "missing": "not started"}
THRESHOLDS = {"at_least": "at least", "more_than": "more than", "at_most": "at most", "less_than": "less than"}


def verdict_word(verdict):
    return VERDICTS.get(verdict, verdict if isinstance(verdict, str) and verdict else NO_VERDICT)


def number(value, digits=4):
    """A number for people: four digits, without a power of ten where that is readable."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:.{digits}g}"
    rounded = float(text)
    if ("e" in text or abs(value) >= 1000) and 1e-4 <= abs(value) < 1e9:
        text = f"{rounded:,.0f}" if rounded.is_integer() else f"{rounded:,.10f}".rstrip("0").rstrip(".")
    if "e" in text:
        mantissa, exponent = text.split("e")
        text = f"{mantissa} × 10{superscript(int(exponent))}"
    return text.replace("-", "−")


def number_within(value, half):
    """"97.12 ± 0.12": as many decimals as show two digits of half the interval."""
    size, power = abs(value), math.floor(math.log10(half)) if math.isfinite(half) else 0
    if not math.isfinite(half) or half < 1e-4 or size >= 1e6 or (size and size < 1e-3):
        return f"{number(value)} ± {number(half, 2)}"
    decimals = min(5, max(0, 1 - power))
    return f"{value:,.{decimals}f} ± {half:,.{decimals}f}".replace("-", "−")


def superscript(value):
    return str(value).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def count(number_of_them, what, many=None):
    """"1 run", "2 runs", "7,228 runs"."""
    return f"{number_of_them:,} {what if number_of_them == 1 else many or what + 's'}"


def value_text(value):
    """A value of a config, as its author would write it: 1e-7, not 1e-07."""
    if isinstance(value, float):
        return json.dumps(value).replace("e-0", "e-")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def axis_text(text):
    """A value of an axis as runs.csv has it: JSON, texts in quotes."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def seconds_text(seconds):
    if math.isnan(seconds):
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"
