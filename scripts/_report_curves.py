"""Charts of runs: their curves, the distributions of their activations, their gradient norms. From the runs' files."""

import math

from _report_figure import BAND_NAMES, PERCENTILES, chart, finite, is_wide
from _report_files import Reader
from _report_labels import in_unit
from _units import unit_of_column

MOST_POINTS, MOST_LAYERS, MOST_RUNNING = 300, 24, 12


def running_chart(data):
    """The loss of the runs at work; None where there are none."""
    labels, traces = [], []
    for run in [run for run in data.running if run.is_at_work][:MOST_RUNNING]:
        train = Reader(data.folder).table("runs", run.name, "train.csv", quiet=True)
        if train.rows and {"step", "loss"} <= set(train.header):
            width = width_of(train.rows)
            labels.append(run.name)
            traces.append({"group": len(labels) - 1, "role": "line", "seed": "", "y": column_of(
                thinned(train.rows, width), "loss"), "x": column_of(thinned(train.rows, width), "step")})
    if not traces:
        return None
    losses = [loss for trace in traces for loss in trace["y"] if loss is not None]
    return chart("lines", "", {"title": "training step", "log": False},
                 {"title": "loss of the training batches", "log": is_wide(losses)}, labels, traces, id="running-loss")


def thinned(values, width):
    """Every `width`-th; the last one always."""
    if width < 2:
        return values
    return [*values[:-1:width], values[-1]]


def run_charts(reader, name):
    """Loss, accuracy and norms of train.csv and eval.csv, distributions and gradient norms of a run."""
    train = reader.table("runs", name, "train.csv", quiet=True)
    evaluations = reader.table("runs", name, "eval.csv", quiet=True)
    found = [one for one in (metric_chart(train, evaluations, "loss", True),
                             metric_chart(train, evaluations, "accuracy", False),
                             column_chart(train, ["gradient_norm", "weight_norm"])) if one]
    found += distribution_charts(reader.table("runs", name, "activation_distribution.csv"))
    found += gradient_charts(reader.table("runs", name, "gradient_norm.csv"))
    for place, one in enumerate(found):
        one["id"] = f"chart-{place + 1}"
    return found


def width_of(rows):
    return max(1, math.ceil(len(rows) / MOST_POINTS))


def metric_chart(train, evaluations, column, log):
    unit, labels, traces = unit_of_column(column), [], []
    if column in train.header and "step" in train.header and train.rows:
        width = width_of(train.rows)
        labels.append("training batches" + (f", one row in {width}" if width > 1 else ""))
        traces.append({"group": 0, "role": "seed", "seed": "", "x": column_of(thinned(train.rows, width), "step"),
                       "y": column_of(thinned(train.rows, width), column)})
    if column in evaluations.header and {"step", "split", "statistics"} <= set(evaluations.header):
        kinds = list(dict.fromkeys(kind_of(row) for row in evaluations.rows))
        for kind in kinds:
            rows = [row for row in evaluations.rows if kind_of(row) == kind]
            labels.append("{} split, {} statistics{}".format(*kind))
            traces.append({"group": len(labels) - 1, "role": "line", "seed": "", "x": column_of(rows, "step"),
                           "y": column_of(rows, column)})
    values = [value for trace in traces for value in trace["y"] if value is not None and value > 0]
    return in_unit(chart("lines", "", {"title": "training step", "log": False},
                         {"title": unit.after(column), "log": log and is_wide(values)}, labels, traces),
                   unit) if traces else None


def kind_of(row):
    """(split, statistics, their batch size where a run has several) of a row of eval.csv."""
    size = row.get("batch_size") if row["statistics"] == "batch" else None
    return row["split"], row["statistics"], f" of {size} images" if size else ""


def column_of(rows, name):
    return [finite(row[name]) for row in rows]


def column_chart(train, columns):
    columns = [name for name in columns if name in train.header]
    if not columns or "step" not in train.header or not train.rows:
        return None
    width = width_of(train.rows)
    traces = [{"group": place, "role": "line", "seed": "", "x": column_of(thinned(train.rows, width), "step"),
               "y": column_of(thinned(train.rows, width), name)} for place, name in enumerate(columns)]
    return chart("lines", "", {"title": "training step", "log": False}, {"title": "norm (L2)", "log": True},
                 [f"{name.replace('_', ' ')} of all parameters" for name in columns], traces)


def distribution_charts(table):
    """For each activation the percentiles of its input: of all units where they were measured, or of the first one."""
    if not {"step", "layer", "tensor", "unit", *PERCENTILES} <= set(table.header):
        return []
    found, places = [], {}
    for row in table.rows:
        if row["tensor"] == "input":
            places.setdefault(row["layer"], {}).setdefault(row["unit"], []).append(row)
    for layer, units in list(places.items())[:MOST_LAYERS]:
        unit = "all" if "all" in units else next(iter(units))
        rows = units[unit][::width_of(units[unit])]
        traces = [{"group": place, "role": "line", "seed": "", "x": column_of(rows, "step"), "y": column_of(rows, name)}
                  for place, name in enumerate(PERCENTILES)]
        of = "all units" if unit == "all" else f"unit {unit}"
        found.append(chart("lines", f"Input of {layer}, {of}", {"title": "training step", "log": False},
                           {"title": "input", "log": False}, [BAND_NAMES[name] for name in PERCENTILES], traces))
    return found


def gradient_charts(table):
    if not {"step", "parameter", "gradient_norm"} <= set(table.header):
        return []
    lines = {}
    for row in table.rows:
        if row["parameter"].endswith(".weights"):
            lines.setdefault(row["parameter"], []).append(row)
    traces = [{"group": place, "role": "line", "seed": "", "x": column_of(rows[::width_of(rows)], "step"),
               "y": column_of(rows[::width_of(rows)], "gradient_norm")} for place, rows in enumerate(lines.values())]
    return [chart("lines", "Gradient norm of each layer's weights", {"title": "training step", "log": False},
                  {"title": "L2 norm of the gradient", "log": True}, list(lines), traces)] if traces else []
