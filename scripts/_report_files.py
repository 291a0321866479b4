"""Reads what a sweep's folder holds, for its pages. Nothing here fails because of what a file holds: what is damaged,
half-written or of another plan becomes a line of `problems`, and the page shows the rest."""

import json
import math
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

import _report_live as live
from _reading import LARGEST_JSON, ReadError, parse_json, read_rows, read_text
from _run_files import changed_files, changed_tables

ENDED = ("completed", "diverged", "failed")
MOST_CHANGED = 10  # files of runs, that a page names
SHOWN_FILES = ("experiment.json", "verdict.json", "runs.csv", "summary.csv", "figure.csv")


def text_of(value):
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)


def dict_of(value):
    return value if isinstance(value, dict) else {}


def dicts_in(value):
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def number_of(value):
    """A number, also one that JSON has as "inf"; nan for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return math.nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return math.nan


@dataclass
class Table:
    header: list = field(default_factory=list)
    rows: list = field(default_factory=list)  # {column: text}

    def values(self, column):
        return list(dict.fromkeys(row[column] for row in self.rows if row.get(column)))


def table_of(header, rows):
    return Table(header, [dict(zip(header, row)) for row in rows])


class Reader:
    """Reads files below one folder and keeps what was wrong with them."""

    def __init__(self, folder):
        self.folder, self.problems = Path(folder), []

    def problem(self, text):
        text = str(text)
        if text not in self.problems:
            self.problems.append(text)

    def json(self, *names):
        """An object of JSON; {} where there is none, or a damaged one."""
        path = self.folder.joinpath(*names)
        try:
            if not os.path.lexists(path):
                return {}
            content = parse_json(read_text(path, LARGEST_JSON, self.folder), path)
            if isinstance(content, dict):
                return content
            self.problem(f"{path}: must be an object")
        except (ReadError, OSError) as error:
            self.problem(error)
        return {}

    def table(self, *names, quiet=False):
        """A CSV file; a last line that is cut off is left out."""
        path = self.folder.joinpath(*names)
        try:
            if not os.path.lexists(path):
                return Table()
            warn = (lambda _: None) if quiet else self.problem
            return table_of(*read_rows(path, self.folder, warn))
        except (ReadError, OSError) as error:
            if not quiet:
                self.problem(error)
        return Table()


@dataclass
class SweepData:
    """What the pages of one sweep show."""
    folder: Path
    experiment: dict
    verdict: dict
    runs: Table
    summary: Table
    figure: Table
    state: live.State
    planned: int  # runs
    done: int
    is_partial: bool  # runs are missing, so that the numbers may still change
    problems: list
    source: Path  # whose tables these are: the folder, or a copy made while the sweep runs
    plan: str = ""

    @property
    def name(self):
        return text_of(self.experiment.get("name")) or self.folder.resolve().name

    @property
    def running(self):
        """The runs that have begun and not ended."""
        return self.state.running

    @property
    def profile(self):
        return text_of(self.experiment.get("profile"))

    @property
    def has_claim(self):
        return bool(self.experiment.get("claim"))

    @property
    def arms(self):
        return dicts_in(self.experiment.get("arms"))

    @property
    def axes(self):
        return list(dict.fromkeys(path for arm in self.arms for kind in ("grid", "zip")
                                  for path in dict_of(arm.get(kind))))

    @property
    def quantities(self):
        return {text_of(one.get("name")): one for one in dicts_in(self.experiment.get("quantities"))}


def plans_of(experiment, verdict, tables):
    """{file: its plan} of the files that say which plan they belong to."""
    found = {"experiment.json": experiment.get("plan"), "verdict.json": verdict.get("plan")}
    for name, table in tables.items():
        found[name] = table.rows[0].get("plan") if table.rows else None
    return {name: plan for name, plan in found.items() if plan and isinstance(plan, str)}


def others_of(plans, experiment, verdict, reader):
    """The files of another plan than experiment.json's, each named as a problem: they are not shown. A verdict without
    a plan, of an earlier version, must agree in profile, seeds and claim."""
    plan = plans.get("experiment.json")
    others = {name: f"plan {found} instead of {plan}" for name, found in plans.items() if plan and found != plan}
    for key in ("profile", "seeds", "claim"):
        here, there = experiment.get(key), verdict.get(key)
        if here and there and here != there:
            others.setdefault("verdict.json", key)
    for name, what in others.items():
        reader.problem(f"{reader.folder / name}: does not match experiment.json ({what}) and is not shown; "
                       "`bnlab verdict` or the sweep writes it again")
    return others


def tell_changed(reader, state):
    """Names the files of runs that are not those that the runs wrote, and the tables that are not the verdict's."""
    told = []
    checks = [lambda: changed_tables(reader.folder), *(
        lambda name=name: changed_files(reader.folder / "runs" / name, below=reader.folder)
        for name, _ in state.ends)]
    for check in checks:
        try:
            told += check()
        except ReadError as error:
            told.append(str(error))
    for one in told[:MOST_CHANGED]:
        reader.problem(one)
    if len(told) > MOST_CHANGED:
        reader.problem(f"{reader.folder}: and {len(told) - MOST_CHANGED} more files of runs that were changed")


def read_sweep(folder, judge, draw_figure):
    """Everything of a sweep's folder. `judge(reader, state)`: a folder with runs.csv and verdict.json of the runs that
    have ended, where those of the sweep are not up to date, or None; `draw_figure(data)`: the table of the figure and
    what was wrong with it."""
    reader = Reader(folder)
    state = live.state_of(reader)
    judged = judge(reader, state) if state.is_ahead else None
    tables = Reader(judged or reader.folder)
    experiment = reader.json("experiment.json")
    verdict, runs, summary = tables.json("verdict.json"), tables.table("runs.csv"), tables.table("summary.csv")
    plans = plans_of(experiment, verdict, {"runs.csv": runs, "summary.csv": summary})
    others = others_of(plans, experiment, verdict, reader)
    runs, summary = (Table() if name in others else table for name, table in
                     (("runs.csv", runs), ("summary.csv", summary)))
    tell_changed(reader, state)
    if state.is_ahead and not judged:
        reader.problem(f"{folder}: runs have ended since runs.csv was written; `bnlab verdict` brings it up to date")
    ended = sum(row.get("status") in ENDED for row in runs.rows) if runs.rows else state.ended
    planned = max(state.planned, len(runs.rows))
    if "verdict.json" in others or not experiment.get("claim") or (planned and not ended):
        verdict = {}
    data = SweepData(reader.folder, experiment, verdict, runs, summary, Table(), state, planned, ended,
                     bool(state.running) or ended < planned, reader.problems, tables.folder,
                     plans.get("experiment.json", ""))
    data.figure, problems = draw_figure(data)
    if data.is_partial:  # a figure without runs is no damage then
        problems = []
    for one in [*tables.problems, *problems]:
        reader.problem(one)
    return data


# ---- names of pages --------------------------------------------------------------------------------------------------

RESERVED = {"index", "assets", ""}


class Names:
    """File names for pages, safe in any file system and URL; each name is given once."""

    def __init__(self):
        self.given, self.names = set(RESERVED), {}

    def of(self, key, text):
        if key not in self.names:
            stem = re.sub(r"[^A-Za-z0-9_=.-]+", "_", text).strip("._-")[:100]
            stem, name, number = stem or "page", stem, 2
            while name.lower() in self.given:
                name, number = f"{stem}-{number}", number + 1
            self.given.add(name.lower())
            self.names[key] = name
        return self.names[key]
