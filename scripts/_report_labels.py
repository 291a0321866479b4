"""Labels and units of the charts of a sweep's page."""

from _report_files import dict_of, text_of
from _report_words import axis_text
from _units import Unit, unit_of_column, unit_of_quantity


def in_unit(one, unit):
    """The chart with the values of its vertical axis, or of its map, as figures show them."""
    for trace in one["traces"]:
        trace.update({key: [unit(value) for value in trace[key]] for key in ("y", "low", "high") if key in trace})
    if one.get("z"):
        one.update(z=[[unit(value) for value in row] for row in one["z"]],
                   range=one["range"] and [unit(value) for value in one["range"]])
    return one


def quantity_unit(data, name, unit_of=unit_of_quantity):
    quantity = dict_of(data.quantities.get(text_of(name)))
    series = dict_of(quantity.get("series"))
    if not text_of(series.get("column")):  # of an ablation without quantities: the column itself
        return unit_of_column(text_of(name))
    texts = {key: text_of(quantity.get(key)) for key in ("unit", "over_rows", "factor_to")}
    return unit_of({**texts, "divided_by": quantity.get("divided_by"), "series": {
        "column": text_of(series["column"]), "over_time": text_of(series.get("over_time")),
        "minus": series.get("minus")}})


def quantity_meaning(data, name):
    quantity = dict_of(data.quantities.get(text_of(name)))
    return text_of(quantity.get("meaning")) or text_of(name).replace("_", " ") or "value"


def quantity_label(data, name, unit_of=unit_of_quantity):
    return quantity_unit(data, name, unit_of).after(quantity_meaning(data, name))


def column_unit(figure):
    return Unit() if figure.get("divided_by") else unit_of_column(text_of(figure.get("column")) or "accuracy")


def column_label(figure):
    """What the vertical axis of curves shows: "test accuracy (%, running statistics)"."""
    column = text_of(figure.get("column")) or "accuracy"
    if figure.get("divided_by"):
        column = f"sum of {column} / sum of {text_of(figure['divided_by'])}"
    where = {text_of(key): places_text(value) for key, value in dict_of(figure.get("where")).items()}
    split, statistics = where.pop("split", ""), where.pop("statistics", "")
    rest = [f"{statistics} statistics"] if statistics else []
    rest += [f"{key} {value}" for key, value in where.items()]
    beside = ", ".join([*filter(None, [column_unit(figure).name]), *rest])
    return f"{split} {column}".strip().replace("_", " ") + (f" ({beside})" if beside else "")


def places_text(value):
    return "/".join(axis_text(text_of(one)) for one in (value if isinstance(value, list) else [value]))
