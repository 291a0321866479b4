"""The figure of a sweep as charts of its page: from figure.csv, or from what plot.py would write there. A chart is a
plain object; scripts/_report/charts.js draws it with Plotly."""

import contextlib
import io
import math

from _python import problem_of_matplotlib
from _reading import ReadError
from _report_files import Reader, Table, dict_of, number_of, table_of, text_of
from _report_labels import column_label, column_unit, in_unit, places_text, quantity_label, quantity_unit
from _report_live import modified
from _report_words import axis_text

HEADER = ("seed", "series", "value", "bound", "status", "runs")  # at the end of a row over axes
BESIDE = ("quantity", "arm", "point", "plan", "finding", *HEADER)
PERCENTILES = ("p15", "p50", "p85")
MOST_MAPS = 24
BAND_NAMES = {"p15": "15th percentile", "p50": "median", "p85": "85th percentile"}


# ---- the table -------------------------------------------------------------------------------------------------------

class Figures:
    """Tables of figures: figure.csv where nothing is newer; drawn otherwise, and again when another run has ended."""

    def __init__(self):
        self.drawn = {}  # folder of a sweep: (what was drawn, (table, problems))

    def __call__(self, data):
        """(the table of a sweep's figure, problems)."""
        written = modified(data.folder / "figure.csv")
        newer = max(modified(data.source / "runs.csv"), modified(data.folder / "experiment.json"))
        reader = Reader(data.folder)
        if written >= newer and data.source == data.folder:
            table = reader.table("figure.csv")
            plan = table.rows[0].get("plan") if table.rows else ""
            if table.rows and not (plan and data.plan and plan != data.plan):
                return table, reader.problems
        before, found = self.drawn.get(data.folder, (None, None))
        if before != (data.state.ends, newer):
            found = drawn_table(data)
            self.drawn[data.folder] = (data.state.ends, newer), found
        return found


def drawn_table(data):
    if not data.runs.rows:
        return Table(), []
    with contextlib.redirect_stderr(io.StringIO()) as said:
        table, problem = draw(data)
    lines = [line.removeprefix("plot.py: ") for line in said.getvalue().splitlines()]
    return table, [*lines, *([problem] if problem else [])]


def draw(data):
    """(table, problem) of the figure, drawn by plot.py's functions and thrown away."""
    unloaded = problem_of_matplotlib()
    if unloaded:
        return Table(), f"no figure: {unloaded}"
    import matplotlib.pyplot as plt
    import plot
    problem, table = "", Table()
    try:
        sweep = plot.Sweep(data.source)  # the folder, or a copy of it with the runs that have ended
        drawing = plot.drawing_of(sweep)
        if drawing:
            _, header, rows = drawing(sweep)
            header, rows = [str(name) for name in header], [[csv_cell(one) for one in row] for row in rows]
            table = table_of(header, rows)
    except Exception as error:  # damaged numbers raise a dozen kinds deep in numpy and matplotlib
        said = str(error) if isinstance(error, ReadError) else f"{data.folder}: {type(error).__name__}: {error}"
        problem = f"no figure: {said}"
    finally:
        plt.close("all")
    return table, problem


def csv_cell(value):
    """As figure.csv has it."""
    return f"{value:.9g}" if isinstance(value, float) else str(value)


# ---- charts ----------------------------------------------------------------------------------------------------------

def finite(text):
    """A number for the chart; None where there is none."""
    number = number_of(text)
    return number if math.isfinite(number) else None


def label_of(data, arm, point):
    meaning = next((text_of(one.get("meaning")) for one in data.arms if one.get("name") == arm), "") or arm
    return ", ".join(part for part in (meaning, axis_text(point)) if part)


class Groups:
    """The lines of a chart, each with its own colour, style and marker."""

    def __init__(self, data):
        self.data, self.keys = data, {}

    def of(self, row):
        key = (row.get("arm", ""), row.get("point", ""))
        return self.keys.setdefault(key, len(self.keys))

    def labels(self):
        return [label_of(self.data, *key) for key in self.keys]


def charts_of(data):
    """The charts of the sweep's figure; [] where it has none."""
    table, figure = data.figure, dict_of(data.experiment.get("figure"))
    if not table.rows:
        return []
    header = table.header
    if "quantity" in header:
        found = ablation_charts(data, table)
    elif "p50" in header:
        found = band_charts(data, table)
    elif "low" in header:
        found = [fill_chart(data, table, figure)]
    elif "step" in header and "row" in header:
        found = [line_chart(data, table, figure, "row")]
    elif "step" in header:
        found = [line_chart(data, table, figure, "step")]
    else:
        paths = [name for name in header if name not in BESIDE]
        if len(paths) >= 2:
            found = map_charts(data, table, paths[:2], figure.get("quantity"))
        else:
            found = [axis_chart(data, table.rows, paths, figure.get("quantity"), figure)]
    for place, chart in enumerate(found):
        chart["id"] = f"figure-{place + 1}"
    return found


def chart(kind, title, x, y, groups, traces, **more):
    return {"kind": kind, "title": title, "x": x, "y": y, "groups": groups, "traces": traces, **more}


def statuses_of(data):
    """{(arm, seed): [(row of runs.csv)]}."""
    found = {}
    for row in data.runs.rows:
        found.setdefault((row.get("arm", ""), row.get("seed", "")), []).append(row)
    return found


def diverged_at(data, statuses, arm, point, seed):
    """Whether the run of a line and seed diverged."""
    rows = statuses.get((arm, seed), [])
    if len(rows) > 1 and point:
        settings = dict(part.split("=", 1) for part in point.split(", ") if "=" in part)
        rows = [row for row in rows if all(axis_text(row.get(path, "")) == value for name, value in settings.items()
                                           for path in data.axes if path.rpartition(".")[2] == name or path == name)]
    return bool(rows) and all(row.get("status") == "diverged" for row in rows)


def series_of(table, groups, x_name):
    """{(group, seed, series): ([x], [y])} in the file's order."""
    found = {}
    for row in table.rows:
        xs, ys = found.setdefault((groups.of(row), row.get("seed", ""), row.get("series", "")), ([], []))
        xs.append(finite(row[x_name]) if x_name == "step" else row[x_name])
        ys.append(finite(row["value"]))
    return found


def line_chart(data, table, figure, x_name):
    """Curves over steps, or a column over rows: seeds thin, mean and its interval bold."""
    groups, statuses = Groups(data), statuses_of(data)
    found = series_of(table, groups, x_name)
    keys = list(groups.keys)
    with_mean = {group for group, _, series in found if series == "mean"}
    traces = []
    for (group, seed, series), (xs, ys) in found.items():
        if series == "run":
            ended = diverged_at(data, statuses, *keys[group], seed)
            traces.append({"group": group, "role": "seed" if group in with_mean else "line", "seed": seed,
                           "x": xs, "y": ys, **({"diverged": True} if ended else {})})
        elif series == "mean":
            low, high = found.get((group, seed, "interval_low")), found.get((group, seed, "interval_high"))
            traces.append({"group": group, "role": "mean", "seed": "mean", "x": xs, "y": ys,
                           **({"low": low[1], "high": high[1]} if low and high else {})})
    x = ({"title": "training step", "log": bool(figure.get("log_x"))} if x_name == "step" else
         {"title": "", "categories": table.values("row")})
    numbers = [number_text(text) for text in x.get("categories", ())]
    if numbers and all(number is not None for number in numbers) and (not figure.get("log_x") or min(numbers) > 0):
        x = {"title": "".join(table.values("row_is")[:1]), "log": bool(figure.get("log_x"))}
        for trace in traces:
            trace["x"] = [number_text(text) for text in trace["x"]]
    elif x.get("log"):  # step 0 has no place on a logarithmic axis
        x["from_one"] = True
    return in_unit(chart("lines", "", x, {"title": column_label(figure), "log": bool(figure.get("log_y"))},
                         groups.labels(), traces), column_unit(figure))


def fill_chart(data, table, figure):
    """The area between two columns: of each line the mean of its seeds, or its one run; the upper end is bold."""
    groups, found = Groups(data), {}
    for row in table.rows:
        own = found.setdefault(groups.of(row), {}).setdefault(row.get("series", ""), ([], [], []))
        for values, name in zip(own, ("step", "low", "high")):
            values.append(finite(row[name]))
    ends = {group: series.get("mean") or series["run"] for group, series in found.items()}
    traces = [{"group": group, "role": "mean", "seed": "mean", "x": x, "y": high, "low": low, "high": high}
              for group, (x, low, high) in ends.items()]
    log_x = bool(figure.get("log_x"))
    x = {"title": "training step", "log": log_x, **({"from_one": True} if log_x else {})}
    label = " to ".join(text_of(figure.get(end)).replace("_", " ") for end in ("low", "high"))
    return chart("lines", "", x, {"title": label, "log": bool(figure.get("log_y"))}, groups.labels(), traces)


def number_text(text):
    return finite(text) if text else None


def axis_chart(data, rows, paths, quantity, figure, group_of=None):
    """A quantity over an axis of numbers or words: each run, mean and interval."""
    path = paths[0] if paths else ""
    groups = Groups(data)
    texts = list(dict.fromkeys(row.get(path, "") for row in rows if row.get(path, "")))
    numbers = [number_text(text) for text in texts]
    log_x = bool(figure.get("log_x"))
    numeric = bool(texts) and all(number is not None for number in numbers)
    if numeric and log_x and min(numbers) <= 0:
        numeric = False
        texts = [text for _, text in sorted(zip(numbers, texts))]
    runs, means, levels = {}, {}, {}
    for row in rows:
        group = group_of(row) if group_of else groups.of(row)
        at = row.get(path, "") if path else "all"
        value, series = finite(row["value"]), row["series"]
        place = (number_text(at) if numeric else axis_text(at)) if at else None
        if series == "run":
            runs.setdefault(group, []).append((place, value, row))
        else:
            (means if at else levels).setdefault(group, {}).setdefault(place, {})[series] = (value, row)
    x = {"title": path, "log": log_x and numeric}
    if not numeric:
        x["categories"] = [axis_text(text) for text in texts] or ["all"]
    traces = []
    for group, own in runs.items():
        traces += run_traces(group, own, x)
    for group, places in [*means.items(), *levels.items()]:
        traces.append(mean_trace(group, places, is_level=group in levels and places is levels[group]))
    y = {"title": quantity_label(data, quantity), "log": bool(figure.get("log_y"))}
    return in_unit(chart("axis", "", x, y, groups.labels(), [trace for trace in traces if trace["x"]]),
                   quantity_unit(data, quantity))


def run_traces(group, own, x):
    """The points of the runs: completed, diverged, bounds; runs without a finite value are counted."""
    kinds = {"run": [], "diverged": [], "bound": []}
    lost = 0
    for place, value, row in own:
        if value is None:
            lost += row.get("status") == "diverged"
        elif place is not None:
            kind = ("diverged" if row.get("status") == "diverged" else
                    "bound" if row.get("bound") == "at_least" else "run")
            kinds[kind].append((place, value, row["seed"]))
    traces = [{"group": group, "role": kind, "x": [one[0] for one in points], "y": [one[1] for one in points],
               "seeds": [one[2] for one in points]} for kind, points in kinds.items() if points]
    if lost and traces:
        traces[0]["lost"] = lost
    return traces


def mean_trace(group, places, is_level):
    points = [(place, one) for place, one in places.items() if "mean" in one]
    if all(isinstance(place, float) for place, _ in points):
        points.sort(key=lambda point: point[0])
    get = [[one[name][0] if name in one else None for _, one in points]
           for name in ("mean", "interval_low", "interval_high")]
    return {"group": group, "role": "level" if is_level else "mean", "seed": "mean",
            "x": [place for place, _ in points], "y": get[0], "low": get[1], "high": get[2],
            "at_least": [one["mean"][1].get("bound") == "at_least" for _, one in points]}


def band_charts(data, table):
    """A chart for each line: the percentiles of its first run that completed, and the medians of the others."""
    groups, statuses = Groups(data), statuses_of(data)
    lines = {}
    for row in table.rows:
        lines.setdefault(groups.of(row), {}).setdefault(row["seed"], []).append(row)
    keys, labels, found = list(groups.keys), groups.labels(), []
    figure = dict_of(data.experiment.get("figure"))
    every = [finite(row[name]) for row in table.rows for name in PERCENTILES]
    every = [value for value in every if value is not None]
    for group, seeds in lines.items():
        first = next((seed for seed in seeds if not diverged_at(data, statuses, *keys[group], seed)), next(iter(seeds)))
        found.append(band_chart(labels[group], seeds, first, figure))
        if every and not figure.get("log_y"):
            found[-1]["y"]["range"] = [min(every), max(every)]
    return found


def band_chart(title, seeds, first, figure):
    traces = []
    for seed, rows in seeds.items():
        steps = [finite(row["step"]) for row in rows]
        for name in PERCENTILES if seed == first else ("p50",):
            traces.append({"group": PERCENTILES.index(name) if seed == first else 3,
                           "role": "line" if seed == first else "seed", "seed": seed, "x": steps,
                           "y": [finite(row[name]) for row in rows]})
    named = band_label(dict_of(figure.get("where")))
    labels = [f"{BAND_NAMES[name]}, seed {first}" for name in PERCENTILES]
    others = ["median, each other seed"] if len(seeds) > 1 else []
    return chart("lines", title, {"title": "training step", "log": False}, {"title": named,
                 "log": bool(figure.get("log_y"))}, labels + others, traces)


def band_label(where):
    """"input to activation3, unit 0", or what figure.where says."""
    where = {text_of(key): places_text(value) for key, value in where.items()}
    if {"tensor", "layer", "unit"} <= where.keys():
        unit = "all units" if where["unit"] == "all" else f"unit {where['unit']}"
        return f"{where['tensor']} {'to' if where['tensor'] == 'input' else 'of'} {where['layer']}, {unit}"
    return ", ".join(f"{key} {value}" for key, value in where.items()) or "value"


def map_charts(data, table, paths, quantity):
    """A heat map for each line, all in one scale of colours."""
    groups = Groups(data)
    lines = {}
    for row in table.rows:
        lines.setdefault(groups.of(row), []).append(row)
    axes = [axis_texts(table, path) for path in paths]
    means = [finite(row["value"]) for row in table.rows if row["series"] == "mean"]
    means = [value for value in means if value is not None]
    found = []
    for group, rows in list(lines.items())[:MOST_MAPS]:
        cells, diverged = {}, {}
        for row in rows:
            at = (row[paths[0]], row[paths[1]])
            if row["series"] == "mean":
                cells[at] = finite(row["value"])
            elif row["series"] == "run" and row.get("status") == "diverged":
                diverged[at] = diverged.get(at, 0) + 1
        z = [[cells.get((x, y)) for x in axes[0]] for y in axes[1]]
        marks = [[diverged.get((x, y), 0) for x in axes[0]] for y in axes[1]]
        one = chart("map", groups.labels()[group],
                    {"title": paths[0], "categories": [axis_text(text) for text in axes[0]]},
                    {"title": paths[1], "categories": [axis_text(text) for text in axes[1]]}, [], [],
                    z=z, diverged=marks, value=quantity_label(data, quantity),
                    range=[min(means), max(means)] if means else None)
        found.append(in_unit(one, quantity_unit(data, quantity)))
    return found


def axis_texts(table, path):
    """The values of an axis: numbers in their order, words in the file's."""
    texts = table.values(path)
    numbers = [number_text(text) for text in texts]
    return texts if None in numbers else [text for _, text in sorted(zip(numbers, texts))]


def ablation_charts(data, table):
    """A chart for each quantity: over the axis with the most numbers, a line for each value of the others."""
    paths = [name for name in table.header if name not in BESIDE]
    by_count = sorted(paths, key=lambda path: -len(table.values(path)))
    numeric = [path for path in by_count if all(number_text(text) is not None for text in table.values(path))]
    across = (numeric or by_count or [""])[0]
    others = [path for path in paths if path != across]
    found = []
    for name in table.values("quantity"):
        rows = [row for row in table.rows if row["quantity"] == name]
        keys = {}

        def group_of(row, keys=keys):
            key = ", ".join(f"{path.rpartition('.')[2]} {axis_text(row[path])}" for path in others if row[path])
            return keys.setdefault(key, len(keys))

        log_x = is_wide([number_text(text) for text in table.values(across)]) if across in numeric else False
        one = axis_chart(data, rows, [across] if across else [], name, {"log_x": log_x}, group_of)
        one["groups"] = [key or quantity_label(data, name) for key in keys]
        found.append(one)
    return found


def is_wide(numbers):
    return min(numbers, default=0) > 0 and max(numbers) >= 30 * min(numbers)
