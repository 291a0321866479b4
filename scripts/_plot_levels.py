"""Thresholds and levels of an experiment that lie on a figure's vertical axis."""

from _plot_sweep import KEYS, texts_of
from _plot_text import plain_number
from _units import SAME_UNIT

SIGNS = {"at_least": "≥", "more_than": ">", "at_most": "≤", "less_than": "<"}
COMPARING = ("difference", "ratio", "log_slope")  # rows with each other
# What holds for one layer, say, is no level for all.
OF_ONE = tuple(name for name in KEYS if name not in ("split", "statistics", "arm"))


def levels_of(sweep):
    """[(value, text in the unit of the figure)], by value, at most four."""
    found, unit = {}, sweep.unit()

    def text_of(value):
        return plain_number(unit(float(value))) + (f" {unit.name}" if unit.factor != 1 else "")

    for quantity in sweep.quantities.values():
        series = quantity["series"]
        if (series.get("over_time") == "steps_to" and series.get("level") is not None and shows_column(sweep, quantity)
                and quantity.get("over_rows") not in COMPARING):
            found.setdefault(float(series["level"]), f"level {text_of(series['level'])}")
    for criterion in sweep.criteria:
        quantity = sweep.quantities.get(criterion["quantity"])
        if quantity is None or not shows_values(sweep, quantity):
            continue
        if criterion.get("usable") is not None and sweep.is_of_quantity:
            found.setdefault(float(criterion["usable"]), f"usable from {text_of(criterion['usable'])}")
        if criterion["type"] == "value":
            where = {} if sweep.is_of_quantity else texts_of(quantity.get("where"))
            beside = [f"{column} {'/'.join(values)}" for column, values in where.items()
                      if sweep.where.get(column) != values]
            for key, sign in SIGNS.items():
                if criterion.get(key) is not None:
                    notes = [*beside, *arms_with(sweep, criterion["quantity"], key, criterion[key])]
                    text = f"threshold {sign} {text_of(criterion[key])}" + (f" ({'; '.join(notes)})" if notes else "")
                    found.setdefault(float(criterion[key]), text)
    return sorted(found.items())[:4]


def arms_with(sweep, quantity, key, bound):
    """What the arms have in common for which a threshold holds, as ["rate 0.01"]; [] where it holds for all that are
    drawn, or nothing tells them from the others."""
    names = {arm.partition("[")[0] for other in sweep.criteria if other["type"] == "value"
             if (other["quantity"], other.get(key)) == (quantity, bound) for arm in other["arms"]}
    if names >= set(sweep.drawn_arms):
        return []
    first, *others = ([*(sweep.arms.get(name, {}).get("meaning") or name).split(", ")] for name in sorted(names))
    common = ", ".join(part for part in first if all(part in other for other in others))
    return [common] if common else []


def shows_column(sweep, quantity):
    """Whether the figure shows the rows that the quantity is made of."""
    if sweep.is_of_quantity or sweep.figure.get("divided_by") or quantity["series"].get("minus"):
        return False
    same = (quantity.get("file", "eval.csv"), quantity["series"]["column"]) == (
        sweep.figure.get("file", "eval.csv"), sweep.figure.get("column", "accuracy"))
    where = texts_of(quantity.get("where"))
    return same and not any(column in OF_ONE and sweep.where.get(column) != values for column, values in where.items())


def shows_values(sweep, quantity):
    """Whether a value of the quantity is a place on the vertical axis."""
    if sweep.is_of_quantity:
        return quantity["name"] == sweep.figure["quantity"]
    return (shows_column(sweep, quantity) and quantity["series"].get("over_time", "final") in SAME_UNIT
            and not quantity.get("divided_by") and quantity.get("over_rows") not in COMPARING)
