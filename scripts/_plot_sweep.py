"""A sweep's directory as its figure needs it: experiment.json, runs.csv and verdict.json."""

import functools
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from matplotlib.lines import Line2D

from _plot_base import lay_out, warn
from _plot_marks import GREY
from _plot_text import JOINED, points_of, shown, spelled, typeset, with_end
from _plot_verdict import read_verdict, verdict_text
from _reading import (Map, Number, Optional, ReadError, did_you_mean, is_file_name, number_of, read_csv, read_json,
                      read_rows)
from _run_files import changed_tables
from _units import SAME_UNIT, SPREADS, Unit, short_path, unit_of_column, unit_of_quantity

INCOMPLETE = ("diverged", "failed", "unfinished", "missing")  # in the order in which a legend names them
SIZE = (8, 4.4)  # inches, of a figure with one panel
# What tells the rows of one step apart, in the files of a run; bnlab has the same list (experiments/quantities.cpp).
KEYS = ("split", "statistics", "batch_size", "layer", "time", "tensor", "unit", "parameter", "factor", "multiplier",
        "arm")
MOST_LINES = 60  # of a figure, each in a panel of its own

SCALAR = (str, Number(), bool)
FIGURE = {"type": str, "criterion": Optional(str), "arms": Optional([str]), "where": Optional(Map((*SCALAR, [SCALAR]))),
          **{key: Optional(str)
             for key in ("title", "file", "column", "low", "high", "divided_by", "quantity", "axis")},
          **{key: Optional(bool) for key in ("log_x", "log_y")},
          **{key: Optional(Number()) for key in ("min_y", "step")}}
ARM = {"name": str, "meaning": Optional(str), "grid": Optional(Map([object])), "zip": Optional(Map([object])),
       "best_of": Optional({"arm": str})}
QUANTITY = {"name": str, "meaning": Optional(str), "unit": Optional(str), "file": Optional(str),
            "where": Optional(Map((*SCALAR, [SCALAR]))), "over_rows": Optional(str), "divided_by": Optional(dict),
            "series": {"column": str, "minus": Optional(str), "over_time": Optional(str), "level": Optional(Number())},
            "when_diverged": Optional(Number())}
THRESHOLDS = ("at_least", "more_than", "at_most", "less_than")
CRITERION = {"name": Optional(str), "type": str, "quantity": str,
             **{key: Optional(Number()) for key in ("usable", *THRESHOLDS)}}
EXPERIMENT = {"name": Optional(str), "profile": Optional(str), "plan": Optional(str), "claim": Optional(str),
              "seeds": Optional((int, [int])), "figure": Optional(FIGURE),
              "arms": [ARM], "quantities": Optional([QUANTITY]), "criteria": Optional([CRITERION])}


def as_text(value):
    """A value of JSON as a file and a label have it: a text without its quotes."""
    return value if isinstance(value, str) else json.dumps(value)


def texts_of(where):
    """{column: [value as text]} of a `where`, whose values are one or a list."""
    return {column: [as_text(one) for one in (values if isinstance(values, list) else [values])]
            for column, values in (where or {}).items()}


@dataclass
class SweepRun:
    """A row of runs.csv."""
    arm: str
    axes: dict  # path: value as JSON
    seed: str
    name: str
    status: str
    last_step: str
    value: str  # of the figure's quantity; empty: not measured, or the figure shows none
    at_least: bool  # the value is a bound: the level was not reached
    place: str  # file, line and column of the value
    number: float = field(init=False)

    def __post_init__(self):
        self.number = number_of(self.value, self.place) if self.value and self.has_result() else np.nan

    def has_result(self):
        return self.status in ("completed", "diverged")

    def sets_scale(self):
        """Whether its values say how far an axis goes: those of a run that diverged would hide all others."""
        return self.status == "completed"


@dataclass
class Line:
    """Runs that a figure draws alike: those of an arm that agree in the axes which the figure doesn't show."""
    arm: str
    point: str  # "learning_rate=0.1", their values there
    label: str
    runs: list
    of_quantity: bool

    def seeds(self):
        return len({run.seed for run in self.runs})

    def fate(self):
        """What became of runs that did not complete, for people to read; "" where all did."""
        notes = []
        for status in INCOMPLETE:
            runs = [run for run in self.runs if run.status == status]
            if not runs:
                continue
            at = f" at step {runs[0].last_step}" if status == "diverged" and len(runs) == 1 else ""
            notes.append(f"{len(runs)}{JOINED}{status}{at}" if len(self.runs) > 1 else f"{status}{at}")
        blank = sum(run.has_result() and not run.value for run in self.runs)
        if blank and self.of_quantity:
            notes.append(f"{blank}{JOINED}not measured")
        return ", ".join(notes)

    def legend(self, points=None, lines=2, size=9):
        """The label with its number of seeds, and what became of runs that did not complete; where it must be cut at
        so many lines, those stand below it."""
        points = points or legend_width(SIZE[0])
        count = f"({self.seeds()}{JOINED}seeds)" if self.seeds() > 1 else ""
        fate = self.fate()
        if not fate:
            return with_end(self.label, count, points, lines, size)
        return with_end(self.label if count else f"{self.label}:", f"{count}: {fate}" if count else fate, points, lines,
                        size)

    def name(self):
        """For the end of its line: the label, and what became of its runs."""
        fate = self.fate()
        return f"{self.label}: {fate}" if fate else self.label


class Sweep:
    """A sweep's directory. ReadError for what is missing or damaged, with the file's name. `figure`: what is drawn in
    place of what experiment.json says."""

    def __init__(self, folder, figure=None):
        self.folder = Path(folder)
        self.file = self.folder / "experiment.json"
        experiment = read_json(self.file, EXPERIMENT)
        self.name = experiment.get("name") or Path(os.path.abspath(self.folder)).name
        if not is_file_name(self.name):
            raise ReadError(f"{self.file}: name: must be a file's name, got {self.name!r}")
        self.profile = experiment.get("profile") or ""
        self.plan = experiment.get("plan") or ""
        self.claim = experiment.get("claim") or ""
        # experiment.json has each field that applies to the type of the figure, and no other.
        self.figure = {key: value for key, value in (figure or experiment.get("figure") or {"type": "none"}).items()
                       if value is not None}
        self.type = self.figure["type"]
        if not is_file_name(self.figure.get("file", "eval.csv")):
            raise ReadError(f"{self.file}: figure.file: must be a file's name, got {self.figure['file']!r}")
        self.is_of_quantity = "quantity" in self.figure
        self.arms = {arm["name"]: arm for arm in experiment["arms"]}
        self.quantities = {quantity["name"]: quantity for quantity in experiment.get("quantities") or []}
        self.criteria = experiment.get("criteria") or []
        self.title = self.figure.get("title") or self.name
        self.subtitle = ""  # where nothing was judged
        self.axes = list(dict.fromkeys(path for arm in self.arms.values() for kind in ("grid", "zip")
                                       for path in arm.get(kind) or {}))
        self.where = texts_of(self.figure.get("where"))
        self.check_verdict(experiment)
        self.drawn_arms = self.figure.get("arms") or self.default_arms()
        for name in self.drawn_arms:
            if name not in self.arms:
                raise ReadError(f"{self.file}: figure.arms: no arm {name!r}{did_you_mean(name, list(self.arms))}")

    def check_verdict(self, experiment):
        """ReadError where verdict.json is not of experiment.json: of another plan or, where an earlier version wrote no
        plan, of another profile or other seeds; or with another claim."""
        verdict = read_verdict(self)
        for problem in changed_tables(self.folder):
            warn(problem)
        for key in ("plan", "profile", "seeds", "claim"):
            there, here = verdict.get(key), experiment.get(key)
            if there and here and there != here:
                raise ReadError(f"{self.folder / 'verdict.json'}: does not match {self.file.name} ({key}: "
                                f"{there} instead of {here}); nothing is drawn; call `bnlab verdict "
                                f"{self.folder}`, or sweep again")
        judged = {one.get("name"): one for one in verdict.get("criteria") or []}
        for criterion in self.criteria:
            there = judged.get(criterion.get("name"), {})
            for key in THRESHOLDS:
                if there.get(key) is not None and there[key] != criterion.get(key):
                    raise ReadError(f"{self.folder / 'verdict.json'}: {criterion['name']}: judged with {key} "
                                    f"{there[key]}, which {self.file.name} does not have; nothing is drawn; sweep "
                                    "again")

    def check_plan(self, path, plans):
        """ReadError where a table is of another plan; an earlier version wrote none."""
        if self.plan and len(plans) and plans[0] and plans[0] != self.plan:
            raise ReadError(f"{path}: does not match {self.file.name} (plan: {plans[0]} instead of {self.plan}); "
                            "nothing is drawn; call `bnlab sweep` again")

    def default_arms(self):
        """All; over axes not those that repeat a point of another arm."""
        return [name for name, arm in self.arms.items() if not (self.is_of_quantity and arm.get("best_of"))]

    def measured(self):
        """The names of what runs.csv has of each run: the experiment's quantities, or else the columns between the
        status and the last step."""
        if self.quantities:
            return list(self.quantities)
        header, _ = read_rows(self.folder / "runs.csv")
        if "status" not in header or "last_step" not in header:
            raise ReadError(f"{self.folder / 'runs.csv'}: no columns status and last_step in its header")
        return [name for name in header[header.index("status") + 1:header.index("last_step")]
                if not name.endswith("_bound")]

    def quantity(self):
        """The figure's quantity; None for a figure over steps."""
        if not self.is_of_quantity:
            return None
        name = self.figure["quantity"]
        if not self.quantities and name in self.measured():
            return {"name": name, "series": {"column": name}}
        if name not in self.quantities:
            raise ReadError(f"{self.file}: figure.quantity: no quantity {name!r}; there are "
                            f"{', '.join(self.quantities)}{did_you_mean(name, list(self.quantities))}")
        return self.quantities[name]

    def quantity_label(self, points):
        """Meaning and unit of the figure's quantity, in at most three lines of so many points."""
        quantity = self.quantity()
        return with_end(quantity.get("meaning") or spelled(quantity["name"]), self.unit().after("").strip(), points, 3)

    def unit(self):
        """The unit of the figure's quantity, or of the column that it draws."""
        if self.is_of_quantity:
            return unit_of_quantity(self.quantity())
        if self.figure.get("divided_by"):
            return Unit()
        column, file = self.figure.get("column", "accuracy"), self.figure.get("file", "eval.csv")
        names = {one["unit"] for one in self.quantities.values()
                 if one.get("unit") and one.get("file", "eval.csv") == file and one["series"]["column"] == column
                 and one["series"].get("over_time") in (*SAME_UNIT, *SPREADS)
                 and not one.get("divided_by") and one.get("over_rows") not in ("ratio", "log_slope")}
        return Unit(names.pop()) if len(names) == 1 else unit_of_column(column)

    @functools.cached_property
    def runs(self):
        """The rows of runs.csv."""
        path = self.folder / "runs.csv"
        quantity = self.quantity()
        value = [quantity["name"]] if quantity else []
        bound = [f"{quantity['name']}_bound"] if quantity else []
        columns = ("arm", *self.axes, "seed", "run", "status", *value, "last_step")
        table = read_csv(path, columns, columns, optional=[*bound, "plan"], warn=warn)
        self.check_plan(path, table.get("plan", ()))
        blank = [""] * len(table["arm"])
        runs = []
        for row, (arm, seed, name, status, last, number, is_bound) in enumerate(
                zip(table["arm"], table["seed"], table["run"], table["status"], table["last_step"],
                    table[value[0]] if value else blank, table.get(bound[0], blank) if bound else blank)):
            axes = {path: table[path][row] for path in self.axes if table[path][row]}
            if not is_file_name(name):
                raise ReadError(f"{path}:{row + 2}: column run: must be a folder's name, got {name!r}")
            runs.append(SweepRun(arm, axes, seed, name, status, last, number, is_bound == "at_least",
                                 f"{path}:{row + 2}: column {value[0] if value else ''}"))
        return runs

    def axes_beside(self, arm, over):
        """The axes of an arm that a figure over `over` doesn't show; zipped axes are one."""
        best = self.arms[arm].get("best_of")
        owner = self.arms.get(best["arm"], {}) if best else self.arms[arm]
        zipped = list(owner.get("zip") or {})
        if any(path in zipped for path in over):
            over = [*over, *zipped]
        return [path for path in [*(owner.get("grid") or {}), *zipped] if path not in over]

    def lines(self, over=()):
        """Lines of the arms that are drawn, in their order; `over` are the axes that the figure shows."""
        lines = []
        for name in self.drawn_arms:
            groups = {}
            beside = self.axes_beside(name, over)
            for run in self.runs:
                if run.arm == name:
                    groups.setdefault(tuple((path, run.axes.get(path, "")) for path in beside), []).append(run)
            if not groups:
                warn(f"{self.folder / 'runs.csv'}: no runs of arm {name}; it is skipped")
            varied = {path for path in beside if len({dict(settings)[path] for settings in groups}) > 1}
            for settings, runs in groups.items():
                texts = [f"{short_path(path, beside)}={unquoted(value)}" for path, value in settings]
                label = ", ".join(f"{spelled(short_path(path, beside))} {unquoted(value)}" for path, value in settings
                                  if path in varied)
                meaning = self.arms[name].get("meaning") or name
                lines.append(Line(name, ", ".join(texts), f"{meaning}, {label}" if label else meaning, runs,
                                  self.quantity() is not None))
        if len(lines) > MOST_LINES:
            raise ReadError(f"{self.file}: figure.arms: there are {len(lines)} lines to draw, {MOST_LINES} at most; "
                            "name the arms that matter")
        if not lines:
            raise ReadError(f"{self.folder / 'runs.csv'}: no runs of the arms that the figure shows")
        return lines

    def with_finding(self, header, rows):
        """Header and rows of the figure's CSV, with the plan, and the doubts and the finding of verdict.json, in the
        first row of last columns."""
        verdict = read_verdict(self)
        for name, text in (("plan", self.plan), ("doubts", "; ".join(verdict.get("doubts") or [])),
                           ("finding", verdict.get("finding"))):
            if text:
                header, rows = [*header, name], [[*row, "" if i else text] for i, row in enumerate(rows)]
        return header, rows

    def finish(self, figure, handles):
        """Lays the figure out with its title, the verdict and a legend of `handles`."""
        width = figure.get_size_inches()[0]
        longest = max((points_of(line, 9) for handle in handles for line in handle.get_label().split("\n")), default=0)
        columns = next((n for n in (3, 2) if longest <= legend_width(width, n) and len(handles) > 2), 1)
        lay_out(figure, shown(typeset(self.title), 72 * width - 30, 3, 12.5), handles, columns,
                shown(typeset(verdict_text(self)) or self.subtitle, 72 * width - 30, 3, 9.5), row=0.19)


def legend_width(inches, columns=1):
    """Points for the text of a legend's entry, in a figure so many inches wide."""
    return 72 * inches / columns - 56


def note(text, **look):
    """An entry of the legend that explains a mark."""
    return Line2D([], [], **{"color": GREY, "linestyle": "none", **look}, label=text)


def mean_note(log_y, clipped, seeds=None):
    """`clipped`: whether an interval leaves the frame; `seeds`: how many each mean is of, where no entry says it."""
    mean = "geometric mean" if log_y else "mean"
    end = ", cut off at the frame" if clipped else ""
    return note(f"bold: {mean} of the {f'{seeds} ' if seeds else ''}seeds, 95 % interval{end}", linestyle="-",
                linewidth=2.4)


def common_seeds(lines):
    """How many seeds each line has, "3" or "2 to 3"."""
    counts = sorted({line.seeds() for line in lines})
    return f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


def cross_note(text):
    return note(text, marker="x", markersize=9, markeredgewidth=2.4)


def unquoted(text):
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
