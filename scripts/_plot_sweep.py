"""A sweep's directory as its figure needs it: experiment.json, runs.csv and verdict.json."""

import functools
import json
import math
import re
import textwrap
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.textpath import text_to_path

from _plot_base import RunError, did_you_mean, lay_out, read_csv, read_json, read_object, warn

GREY = "#555555"
INCOMPLETE = ("diverged", "failed", "unfinished", "missing")  # in the order in which a legend names them


JOINED = "\u00a0"  # between words that stay on one line
SIZE = (8, 4.4)  # inches, of a figure with one panel


def points_of(text, size):
    """The width of a line in points (1/72 inch)."""
    return text_to_path.get_text_width_height_descent(text, FontProperties(size=size), False)[0]


def shown(text, points=400, lines=1, size=10):
    """Text that came with the data, safe to draw: without control characters and mathematics, never hidden from a
    legend, folded to `lines` lines of `points` points in letters of `size`."""
    text = "".join(c if c.isprintable() or c == JOINED else " " for c in str(text))
    text = " ".join(word for word in text.split(" ") if word)
    characters = int(points / (0.4 * size))
    while True:
        folded = textwrap.wrap(text, characters, max_lines=lines, placeholder=" …")
        widest = max((points_of(line, size) for line in folded), default=0)
        if widest <= points or characters < 4:
            break
        characters = int(characters * max(0.7, min(0.98, points / widest)))
    folded = "\n".join(folded).replace(JOINED, " ").replace("$", r"\$")
    return f" {folded}" if folded.startswith("_") else folded


def with_end(text, end, points, lines, size=10):
    """`text` and `end` as `shown`; where they must be cut, the end stands whole below the text."""
    whole = shown(f"{text} {end}", points, lines, size)
    if not end or not whole.endswith("…"):
        return whole
    return f"{shown(text, points, lines, size)}\n{shown(end, points, 2, size)}"


def as_text(value):
    """A value of JSON as a file and a label have it: a text without its quotes."""
    return value if isinstance(value, str) else json.dumps(value)


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
    number: float = field(init=False)

    def __post_init__(self):
        self.number = float(self.value) if self.value and self.has_result() else np.nan

    def has_result(self):
        return self.status in ("completed", "diverged")


@dataclass
class Line:
    """Runs that a figure draws alike: those of an arm that agree in the axes which the figure doesn't show."""
    arm: str
    point: str  # "learning_rate=0.1", their values there
    label: str
    runs: list
    of_quantity: bool

    def legend(self, points=None, lines=2, size=9):
        """The label with its number of seeds, and what became of runs that did not complete; where it must be cut at
        so many lines, those stand below it."""
        seeds = len({run.seed for run in self.runs})
        points = points or legend_width(SIZE[0])
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
        count = f"({seeds}{JOINED}seeds)" if seeds > 1 else ""
        if not notes:
            return with_end(self.label, count, points, lines, size)
        fate = ", ".join(notes)
        return with_end(self.label if count else f"{self.label}:", f"{count}: {fate}" if count else fate, points, lines,
                        size)


class Sweep:
    """A sweep's directory. RunError for what is missing or damaged, with the file's name."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.file = self.folder / "experiment.json"
        experiment = read_json(self.file)
        try:
            self.name = experiment.get("name") or self.folder.resolve().name
            self.profile = experiment.get("profile", "")
            self.plan = experiment.get("plan", "")
            self.figure = experiment["figure"]
            self.type = self.figure["type"]
            # experiment.json has each field that applies to the type of the figure, and no other.
            self.is_of_quantity = "quantity" in self.figure
            self.arms = {arm["name"]: arm for arm in experiment["arms"]}
            self.quantities = {quantity["name"]: quantity for quantity in experiment["quantities"]}
            self.title = self.figure.get("title") or self.name
            self.axes = list(dict.fromkeys(path for arm in self.arms.values() for kind in ("grid", "zip")
                                           for path in arm.get(kind, {})))
            self.where = {column: [as_text(one) for one in (values if isinstance(values, list) else [values])]
                          for column, values in self.figure.get("where", {}).items()}
        except (KeyError, TypeError, AttributeError) as error:
            raise RunError(f"{self.file}: is no experiment as a sweep writes it: {error!r}") from None
        if Path(self.name).name != self.name:
            raise RunError(f"{self.file}: name: must be a file's name, got {self.name!r}")
        self.check_verdict(experiment)
        self.drawn_arms = self.figure.get("arms") or self.default_arms()
        for name in self.drawn_arms:
            if name not in self.arms:
                raise RunError(f"{self.file}: figure.arms: no arm {name!r}{did_you_mean(name, list(self.arms))}")

    def check_verdict(self, experiment):
        """RunError where verdict.json is not of experiment.json: of another plan or, where an earlier version wrote no
        plan, of another profile or other seeds; or with another claim."""
        path = self.folder / "verdict.json"
        if not path.exists():
            return
        verdict = read_object(path)
        for key in ("plan", "profile", "seeds", "claim"):
            there, here = verdict.get(key), experiment.get(key)
            if there and here and there != here:
                raise RunError(f"{path}: is of another {key} than {self.file.name} ({there}, not {here}); nothing is "
                               f"drawn; call `bnlab verdict {self.folder}`, or sweep again")

    def check_plan(self, path, plans):
        """RunError where a table is of another plan; an earlier version wrote none."""
        if self.plan and len(plans) and plans[0] and plans[0] != self.plan:
            raise RunError(f"{path}: is of another plan ({plans[0]}) than {self.file.name} ({self.plan}); nothing is "
                           "drawn; call `bnlab sweep` again")

    def default_arms(self):
        """All; over axes not those that repeat a point of another arm."""
        return [name for name, arm in self.arms.items() if not (self.is_of_quantity and arm.get("best_of"))]

    def quantity(self):
        """The figure's quantity; None for a figure over steps."""
        if not self.is_of_quantity:
            return None
        name = self.figure["quantity"]
        if name not in self.quantities:
            raise RunError(f"{self.file}: figure.quantity: no quantity {name!r}; there are "
                           f"{', '.join(self.quantities)}{did_you_mean(name, list(self.quantities))}")
        return self.quantities[name]

    def quantity_label(self, points):
        """Meaning and unit of the figure's quantity, in lines of so many points."""
        quantity = self.quantity()
        unit = f"({quantity['unit']})" if quantity.get("unit") else ""
        return with_end(quantity.get("meaning") or quantity["name"], unit, points, 2)

    @functools.cached_property
    def runs(self):
        """The rows of runs.csv."""
        path = self.folder / "runs.csv"
        quantity = self.quantity()
        value = [quantity["name"]] if quantity else []
        bound = [f"{quantity['name']}_bound"] if quantity else []
        columns = ("arm", *self.axes, "seed", "run", "status", *value, "last_step")
        table = read_csv(path, columns, columns, optional=[*bound, "plan"])
        self.check_plan(path, table.get("plan", ()))
        blank = [""] * len(table["arm"])
        runs = []
        for row, (arm, seed, name, status, last, number, is_bound) in enumerate(
                zip(table["arm"].tolist(), table["seed"].tolist(), table["run"].tolist(), table["status"].tolist(),
                    table["last_step"].tolist(), table[value[0]].tolist() if value else blank,
                    table[bound[0]].tolist() if bound and bound[0] in table else blank)):
            axes = {path: table[path][row].item() for path in self.axes if table[path][row]}
            try:
                runs.append(SweepRun(arm, axes, seed, name, status, last, number, is_bound == "at_least"))
            except ValueError as error:
                raise RunError(f"{path}:{row + 2}: column {value[0]}: {error}") from None
        return runs

    def axes_beside(self, arm, over):
        """The axes of an arm that a figure over `over` doesn't show; zipped axes are one."""
        best = self.arms[arm].get("best_of")
        owner = self.arms.get(best["arm"], {}) if best else self.arms[arm]
        zipped = list(owner.get("zip", {}))
        if any(path in zipped for path in over):
            over = [*over, *zipped]
        return [path for path in [*owner.get("grid", {}), *zipped] if path not in over]

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
                warn(f"{self.folder / 'runs.csv'}: no runs of arm {name}; it is left out")
            for settings, runs in groups.items():
                point = ", ".join(f"{short_path(path, beside)}={unquoted(value)}" for path, value in settings)
                meaning = self.arms[name].get("meaning") or name
                lines.append(Line(name, point, f"{meaning}, {point}" if point else meaning, runs,
                                  self.quantity() is not None))
        if not lines:
            raise RunError(f"{self.folder / 'runs.csv'}: no runs of the arms that the figure shows")
        return lines

    def verdict(self):
        """A sentence from verdict.json: the verdict, and the effect of figure.criterion, or else of the criterion that
        decided it; "" without verdict.json."""
        path = self.folder / "verdict.json"
        if not path.exists():
            return ""
        verdict = read_json(path)
        try:
            overall = verdict["verdict"]
            criteria = verdict["criteria"]
            named = self.figure.get("criterion")
            if named and named not in [one["name"] for one in criteria]:
                names = [one["name"] for one in criteria]
                raise RunError(f"{self.file}: figure.criterion: no criterion {named!r} in {path.name}; there are "
                               f"{', '.join(names)}{did_you_mean(named, names)}")
            told = next((one for one in criteria if one["name"] == named), None) or next(
                (one for one in criteria if one["verdict"] == overall), criteria[0])
            parts = [effect_text(told), *threshold_text(told)]
            if told["verdict"] == "inconclusive" and told.get("explanation"):
                parts.append(told["explanation"])
            parts.append(f"1{JOINED}seed" if told["seeds"] == 1 else f"{told['seeds']}{JOINED}seeds")
            parts += [f"{self.profile}{JOINED}profile"] if self.profile else []
            beside = f" as a whole; {told['verdict']}" if named and told["verdict"] != overall else ""
            return unbroken(f"{overall.capitalize()}{beside}: {told.get('meaning') or told['name']}; "
                            f"{', '.join(parts)}")
        except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
            raise RunError(f"{path}: is no verdict as bnlab writes it: {error!r}") from None

    def with_finding(self, header, rows):
        """Header and rows of the figure's CSV, with the plan and the finding of verdict.json in the first row of last
        columns."""
        path = self.folder / "verdict.json"
        finding = read_json(path).get("finding") if path.exists() else ""
        for name, text in (("plan", self.plan), ("finding", finding)):
            if text:
                header, rows = [*header, name], [[*row, "" if i else str(text)] for i, row in enumerate(rows)]
        return header, rows

    def finish(self, figure, handles):
        """Lays the figure out with its title, the verdict and a legend of `handles`."""
        width = figure.get_size_inches()[0]
        longest = max(points_of(line, 9) for handle in handles for line in handle.get_label().split("\n"))
        columns = next((n for n in (3, 2) if longest <= legend_width(width, n) and len(handles) > 2), 1)
        lay_out(figure, shown(self.title, 72 * width - 30, 3, 12.5), handles, columns,
                shown(self.verdict(), 72 * width - 30, 4, 9.5), row=0.19)


def legend_width(inches, columns=1):
    """Points for the text of a legend's entry, in a figure so many inches wide."""
    return 72 * inches / columns - 56


def note(text, **look):
    """An entry of the legend that explains a mark."""
    return Line2D([], [], **{"color": GREY, "linestyle": "none", **look}, label=text)


def mean_note(log_y, cut):
    """`cut`: whether an interval leaves the frame."""
    mean = "geometric mean" if log_y else "mean"
    end = ", cut off at the frame" if cut else ""
    return note(f"bold: {mean} of the seeds, 95 % interval{end}", linestyle="-", linewidth=2.4)


def cross_note(text):
    return note(text, marker="x", markersize=9, markeredgewidth=2.4)


def short_path(path, paths):
    """Its last part, where that tells it from the others."""
    last = path.rpartition(".")[2]
    return last if sum(other.rpartition(".")[2] == last for other in paths) == 1 else path


def unquoted(text):
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def unbroken(text):
    """Its numbers on one line with what they belong to: "≥ 0", "95 % interval [-1, 2]"."""
    text = re.sub(r"([≥≤<>]=?|within|threshold) (?=[-+∞.\d])", rf"\1{JOINED}", text)
    return re.sub(r"(95 % )?(interval )?\[[^][ ]+, [^][ ]+\]", lambda found: found.group().replace(" ", JOINED), text)


def limit(value, infinite):
    """An end of an interval: a number, "inf", "-inf", or null, which is `infinite`."""
    number = infinite if value is None else float(value)
    return f"{number:.4g}" if math.isfinite(number) else "∞" if number > 0 else "-∞"


def effect_text(criterion):
    if criterion["effect"] is None:
        return "no effect measured"
    effect = float(criterion["effect"])  # also of "inf" and "-inf"
    sign = {"at_least": "≥ ", "at_most": "≤ "}.get(criterion["effect_is"], "")
    value = f"{sign}{effect:.4g}" if math.isfinite(effect) else "infinite" if effect > 0 else "-infinite"
    text = f"{criterion['type'].replace('_', ' ')} {value}"
    if criterion["interval"]:
        low, high = criterion["interval"]
        text += f", 95 % interval [{limit(low, -math.inf)}, {limit(high, math.inf)}]"
    return text


def threshold_text(criterion):
    signs = {"at_least": "≥", "more_than": ">", "at_most": "≤", "less_than": "<", "within": "within"}
    return [f"threshold {sign} {criterion[key]:.4g}" for key, sign in signs.items() if criterion.get(key) is not None]
