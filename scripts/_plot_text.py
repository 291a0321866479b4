"""Texts of figures: what comes with the data is made safe to draw, folded and measured; numbers at axes."""

import math
import re
import textwrap

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

JOINED = "\u00a0"  # between words that stay on one line
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def points_of(text, size):
    """The width of a line in points (1/72 inch)."""
    return text_to_path.get_text_width_height_descent(text, FontProperties(size=size), False)[0]


def shown(text, points=400, lines=1, size=10):
    """Text that came with the data, safe to draw: without control characters, never hidden from a legend, folded to
    `lines` lines of `points` points in letters of `size`. Figures have no mathematics in their texts (RC)."""
    text = "".join(c if c.isprintable() or c == JOINED else " " for c in str(text)[:2000])
    text = " ".join(word for word in text.split(" ") if word)
    characters = int(points / (0.4 * size))
    while True:
        folded = textwrap.wrap(text, characters, max_lines=lines, placeholder=" …")
        widest = max((points_of(line, size) for line in folded), default=0)
        if widest <= points or characters < 4:
            break
        characters = int(characters * max(0.7, min(0.98, points / widest)))
    folded = "\n".join(folded).replace(JOINED, " ")
    return f" {folded}" if folded.startswith("_") else folded


def with_end(text, end, points, lines, size=10):
    """`text` and `end` as `shown`; where they must be cut, the end stands whole below the text."""
    whole = shown(f"{text} {end}", points, lines, size)
    if not end or not whole.endswith("…"):
        return whole
    return f"{shown(text, points, lines, size)}\n{shown(end, points, 2, size)}"


def short_number(value, _=None):
    return f"{value / 1000:g}k" if abs(value) >= 1000 else f"{value:g}"


def power_of_ten(exponent):
    return f"10{str(exponent).translate(SUPERSCRIPTS)}"


def plain_number(value, _=None):
    """Few digits, with a power of ten in place of many zeros."""
    if value == 0 or not math.isfinite(value) or 1e-4 <= abs(value) < 1e5:
        return f"{value:g}"
    digits, _, exponent = f"{value:.3g}".partition("e")
    if not exponent:
        digits, _, exponent = f"{value:.2e}".partition("e")
        digits = f"{float(digits):g}"
    power = power_of_ten(int(exponent))
    return power if digits == "1" else f"{digits}·{power}"


def typeset(title):
    """Norms and powers as print has them."""
    return re.sub(r"\^(-?\d+)", lambda found: found[1].translate(SUPERSCRIPTS), title.replace("||", "‖"))


def spelled(name):
    """A column's or a path's name in words."""
    return name.replace("_", " ")
