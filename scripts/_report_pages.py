"""Writes the pages: an index, a page for each sweep, a page for each run."""

import datetime
import json
import math
import os
import shlex
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path

import jinja2
import markupsafe

import _report_words as words
from _report_figure import charts_of, run_charts, table_of_figure
from _report_files import (SHOWN_FILES, Names, Reader, Table, dict_of, dicts_in, number_of, read_sweep, text_of)
from _report_forest import criteria_of, effect_name, forest_of
from _report_live import modified, names_in

HERE = Path(__file__).resolve().parent / "_report"
OTHER_PART = "Other sweeps"
SIDES = (("right", "The claim holds to the right of 1"), ("left", "The claim holds to the left of 1"))
# Columns of runs.csv that the table of runs leaves to "Where the numbers come from".
PROVENANCE = {"git_revision": "Revision", "build": "Build of bnlab", "onednn": "oneDNN", "machine": "Processor",
              "instruction_set": "Instruction set", "threads": "Threads of each run", "dataset_sha256": "SHA-256 of the data"}
UNSHOWN = {*PROVENANCE, "plan"}
MARKER = Path("assets/report.css")
PAGE_OF_RUN = 5000  # runs beyond it have no page of their own


class PageError(Exception):
    """The pages cannot be written; the text says where and why."""


# ---- writing ---------------------------------------------------------------------------------------------------------

def printable(value):
    """Text without control characters, which would hide what follows or turn its direction."""
    if isinstance(value, markupsafe.Markup) or not isinstance(value, str):
        return value
    return "".join(c if c.isprintable() or c in "\n\t\u00a0" else "\ufffd" for c in value)


def environment():
    made = jinja2.Environment(loader=jinja2.FileSystemLoader(HERE), autoescape=True, undefined=jinja2.StrictUndefined,
                              finalize=printable, trim_blocks=True, lstrip_blocks=True)
    made.globals.update(verdict_word=words.verdict_word, marks=words.MARKS, meanings=words.MEANINGS,
                        count=words.count, number=words.number, no_claim=words.ABLATION, effect_name=effect_name)
    return made


def save(path, content):
    """Writes beside `path` first, so that a page is whole or not there. Leaves a file that is the same alone."""
    try:
        if path.is_file() and path.read_bytes() == content:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.tmp")
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except OSError as error:
        raise PageError(f"{path}: cannot be written: {error.strerror}") from None


def plotly_js():
    from plotly.offline import get_plotlyjs
    return get_plotlyjs().encode()


@dataclass
class Page:
    """A sweep and what its page shows."""
    data: object
    file: str  # of the page, without .html
    part: str
    criteria: list
    charts: list

    @property
    def verdict(self):
        """Of the whole; "" for a sweep without a claim or without a verdict yet."""
        return text_of(self.data.verdict.get("verdict")) if self.data.has_claim else ""

    @property
    def claim(self):
        return text_of(self.data.experiment.get("claim"))

    @property
    def finding(self):
        return text_of(self.data.verdict.get("finding") or self.data.experiment.get("finding"))


@dataclass
class Site:
    """The pages in a folder. `live`: seconds between two looks of an open page, 0 for pages that stay."""
    out: Path
    bnlab: Path = None
    live: int = 0
    names: Names = field(default_factory=Names)
    run_names: dict = field(default_factory=dict)  # folder: Names
    written: dict = field(default_factory=dict)  # (folder, run): what its page was made from

    def __post_init__(self):
        self.templates = environment()
        self.parts = {name: part for part, names in json.loads((HERE / "parts.json").read_text("utf-8")).items()
                      for name in names}

    def render(self, path, template, **values):
        made = datetime.datetime.now().strftime("%Y-%m-%d %H:%M")
        text = self.templates.get_template(template).render(
            made=made, live=self.live, root="../" * path.count("/"), **values)
        save(self.out / path, text.encode("utf-8", "replace"))

    def prepare(self):
        """The folder and its assets. PageError where it is another's folder."""
        if self.out.exists() and not self.out.is_dir():
            raise PageError(f"--out {self.out}: is not a folder")
        if self.out.is_dir() and any(self.out.iterdir()) and not (self.out / MARKER).is_file():
            raise PageError(f"--out {self.out}: has other files in it; name an empty folder, or one of pages")
        for name in ("report.css", "report.js"):
            save(self.out / "assets" / name, (HERE / name).read_bytes())
        save(self.out / "assets" / "plotly.js", plotly_js())

    def page_of(self, folder, scratch):
        data = read_sweep(folder, self.bnlab, scratch, table_of_figure)
        file = self.names.of(str(folder), data.name)
        return Page(data, file, self.parts.get(data.name, OTHER_PART) if data.has_claim else OTHER_PART,
                    criteria_of(data), charts_of(data))

    def write_sweep(self, page):
        """The page of a sweep, those of its runs, and copies of its files, so that the folder can be moved."""
        data = page.data
        files = {name: self.copy(data, page, name) for name in SHOWN_FILES}
        run_pages = self.write_runs(page)
        self.render(f"{page.file}.html", "experiment.html", **experiment_values(page, run_pages, files))

    def copy(self, data, page, name):
        """The name of the copy of a file of the sweep; "" where there is none."""
        folder = data.folder if name in ("experiment.json", "figure.csv") else data.source
        reader = Reader(folder)
        from _report_files import read_text, ReadError, LARGEST_JSON
        try:
            if not os.path.lexists(folder / name):
                return ""
            save(self.out / page.file / name, read_text(folder / name, LARGEST_JSON, reader.folder).encode())
            return name
        except (ReadError, OSError):
            return ""

    def write_runs(self, page):
        """{run: the file of its page, without .html}."""
        data = page.data
        names = self.run_names.setdefault(str(data.folder), Names())
        rows, there = {}, set(names_in(data.folder / "runs"))
        for row in data.runs.rows:
            rows.setdefault(row.get("run", ""), row)
        for run in data.running:
            rows.setdefault(run.name, {"run": run.name, "status": "unfinished"})
        pages = {}
        for name, row in list(rows.items())[:PAGE_OF_RUN]:
            if name not in there or name in (".", ".."):
                continue
            pages[name] = names.of(name, name)
            state = signature(data.folder / "runs" / name, row)
            if self.written.get((str(data.folder), name)) == state:
                continue
            self.render(f"{page.file}/{pages[name]}.html", "run.html", **self.run_values(page, name, row))
            self.written[str(data.folder), name] = state
        return pages

    def run_values(self, page, name, row):
        data, reader = page.data, Reader(page.data.folder)
        config, result = reader.json("runs", name, "config.json"), reader.json("runs", name, "run.json")
        failure = reader.json("runs", name, "failure.json")
        status = row.get("status", "")
        folder = data.folder / "runs" / name
        href = "" if self.live else urllib.parse.quote(os.path.relpath(folder, self.out / page.file))
        charts = run_charts(reader, name)
        return {"data": data, "file": page.file, "title": name, "status": words.STATUSES.get(status, status),
                "status_class": css_class(status), "error": row.get("error", "") or text_of(failure.get("error")),
                "remarks": reader.problems, "facts": run_facts(data, row, result), "charts": charts,
                "folder": str(folder), "folder_href": href, "names": names_in(folder),
                "config_json": json_text(config), "run_json": json_text(result)}

    def write_index(self, pages):
        entries = [(page.file, page.data.name, page.part, page.criteria) for page in pages]
        forest, axis, without = forest_of(entries)
        verdict_of = {page.file: page.verdict or "none" for page in pages}
        for row in [*forest, *without]:
            row.verdict_of_page = verdict_of[row.page]
        order = [*words.MARKS, ""]
        verdicts = [(value, sum(page.verdict == value for page in pages)) for value in order]
        verdicts += [(value, sum(page.verdict == value for page in pages))
                     for value in dict.fromkeys(page.verdict for page in pages) if value not in order]
        statuses = [row.get("status") for page in pages for row in page.data.runs.rows]
        self.render("index.html", "index.html", pages=sorted(pages, key=lambda page: (page.part, page.data.name)),
                    forest=forest, axis=axis, without=without, sides=SIDES,
                    verdicts=[(value, number) for value, number in verdicts if number],
                    parts=sorted({page.part for page in pages}), runs=sum(page.data.planned for page in pages),
                    done=sum(page.data.done for page in pages), diverged=statuses.count("diverged"),
                    remarks=[one for page in pages for one in page.data.problems])


def signature(folder, row):
    """Changes when a file of a run does."""
    try:
        with os.scandir(folder) as entries:
            files = sorted((entry.name, entry.stat(follow_symlinks=False).st_size,
                            entry.stat(follow_symlinks=False).st_mtime_ns) for entry in entries)
    except OSError:
        files = []
    return repr((files, sorted(row.items())))


def css_class(text):
    return text if text in words.STATUSES else "other"


def json_text(content):
    return json.dumps(content, indent=1, ensure_ascii=False) if content else ""


# ---- the page of a sweep ---------------------------------------------------------------------------------------------

def experiment_values(page, run_pages, files):
    data, experiment, verdict = page.data, page.data.experiment, page.data.verdict
    charts = page.charts
    notes = experiment.get("notes")
    notes = [text_of(one) for one in notes] if isinstance(notes, list) else [text_of(notes)] if notes else []
    warnings = verdict.get("warnings")
    sections = [("running", "Running")] if data.running else []
    sections += [("verdict", "Verdict")] if page.criteria else []
    sections += [("figure", "Figure"), ("arms", "Arms"), ("summary", "Summary"), ("runs", "Runs")]
    sections += [("notes", "Notes")] if notes else []
    sections += [("provenance", "Where the numbers come from"), ("again", "To run it again"), ("files", "Files")]
    return {"data": data, "file": page.file, "claim": page.claim, "finding": page.finding, "overall": page.verdict,
            "source": text_of(experiment.get("source")), "criteria": page.criteria, "charts": charts,
            "warnings": [text_of(one) for one in warnings] if isinstance(warnings, list) else [],
            "figure_title": text_of(dict_of(experiment.get("figure")).get("title")), "sections": sections,
            "arms": [arm_of(one) for one in data.arms], "choices": choices_of(verdict),
            "summary": summary_of(data), "runs": runs_of(data, page.file, run_pages), "notes": notes,
            "run_pages": run_pages, "files": files, "provenance": provenance_of(data),
            "commands": commands_of(data), "folder_quoted": shlex.quote(str(data.folder)),
            "experiment_json": json_text(experiment), "verdict_json": json_text(verdict)}


def arm_of(arm):
    settings = [(path, words.value_text(value)) for path, value in dict_of(arm.get("set")).items()]
    best = dict_of(arm.get("best_of"))
    if best:
        settings.append(("best point of", f"{text_of(best.get('arm'))}, by {text_of(best.get('quantity'))}"))
    axes = [(path, list_text(values) + (" (together)" if kind == "zip" else ""))
            for kind in ("grid", "zip") for path, values in dict_of(arm.get(kind)).items()]
    return {"name": text_of(arm.get("name")), "meaning": text_of(arm.get("meaning")), "settings": settings, "axes": axes}


def list_text(values):
    return ", ".join(map(words.value_text, values)) if isinstance(values, list) else words.value_text(values)


def choices_of(verdict):
    found = []
    for one in dicts_in(verdict.get("choices")):
        point = text_of(one.get("chosen")).strip("[]")
        found.append(f"{text_of(one.get('arm'))} is {text_of(one.get('of'))} at {point}: {text_of(one.get('quantity'))} "
                     f"{words.number(number_of(one.get('mean')))}, of {len(dicts_in(one.get('candidates')))} points")
    return found


def cell_of(text):
    number = number_of(text)
    is_number = bool(text) and not math.isnan(number)
    return {"text": words.number(number) if is_number and len(text) > 6 else words.axis_text(text), "href": "",
            "is_number": is_number, "sort": text if is_number else "", "columns": "", "values": ""}


def summary_of(data):
    """summary.csv with NAME_mean and NAME_half_interval in one column."""
    table = data.summary
    names = [name[:-5] for name in table.header if name.endswith("_mean") and f"{name[:-5]}_half_interval" in table.header]
    parts = {f"{name}{end}" for name in names for end in ("_n", "_mean", "_sd", "_half_interval", "_bound")}
    keys = [name for name in table.header if name not in parts and name != "plan"]
    rows = []
    for row in table.rows:
        cells = [cell_of(row[key]) for key in keys]
        for name in names:
            cells.append(mean_cell(row, name))
        rows.append(cells)
    return Table([*keys, *(f"{name} (mean)" for name in names)], rows)


def mean_cell(row, name):
    mean, half = row[f"{name}_mean"], row[f"{name}_half_interval"]
    text = words.number(number_of(mean)) if mean else "–"
    if mean and half:
        text += f" ± {words.number(number_of(half), 2)}"
    if row.get(f"{name}_bound") == "at_least":
        text = f"at least {text}"
    counted, runs = row.get(f"{name}_n", ""), row.get("runs", "")
    if counted and runs and counted != runs:
        text += f" ({counted} of {runs})"
    return {"text": text, "href": "", "is_number": True, "sort": mean, "columns": f"{name}_mean {name}_half_interval",
            "values": f"{mean} {half}"}


def runs_of(data, file, run_pages):
    table = data.runs
    shown = [name for name in table.header if name not in UNSHOWN]
    rows = []
    for row in table.rows:
        cells = []
        for name in shown:
            cell = cell_of(row.get(name, ""))
            if name == "run" and row.get("run") in run_pages:
                cell["href"] = f"{file}/{run_pages[row['run']]}.html"
            if name == "status":
                cell["text"] = words.STATUSES.get(row[name], row[name])
            cells.append(cell)
        rows.append({"cells": cells, "status_class": css_class(row.get("status", ""))})
    return Table([name.replace("_", " ") if name in ("last_step", "steps_per_second") else name for name in shown], rows)


def provenance_of(data):
    base, found = dict_of(data.experiment.get("base")), []
    network, dataset = dict_of(base.get("network")), dict_of(base.get("dataset"))
    for name, value in (("Data", dataset.get("name")), ("Network", network.get("name")), ("Plan", data.plan)):
        if value:
            found.append((name, text_of(value)))
    for column, name in PROVENANCE.items():
        values = data.runs.values(column)
        if values:
            more = f" and {len(values) - 4} more" if len(values) > 4 else ""
            found.append((name, ", ".join(map(words.axis_text, values[:4])) + more))
    times = [number_of(row.get("seconds", "")) for row in data.runs.rows]
    times = [one for one in times if math.isfinite(one)]
    if times:
        found.append(("Time of all runs", words.seconds_text(sum(times))))
    return [*found, ("Folder", str(data.folder))]


def commands_of(data):
    folder, experiment = shlex.quote(str(data.folder)), data.experiment
    commands = []
    if data.has_claim and text_of(experiment.get("profile")):
        commands.append(f"bnlab sweep {shlex.quote(data.name)} --profile {shlex.quote(text_of(experiment['profile']))}")
    commands.append(f"bnlab sweep {shlex.quote(str(data.folder / 'experiment.json'))} --out DIR")
    return [*commands, f"bnlab verdict {folder}", f"scripts/plot.py {folder}", f"scripts/report.py {folder} --out PAGES"]


def run_facts(data, row, result):
    """What a run's page says first."""
    facts = [("Arm", row.get("arm", ""))] if row.get("arm") else []
    facts += [(path, words.axis_text(row[path])) for path in data.axes if row.get(path)]
    if row.get("seed"):
        facts.append(("Seed", row["seed"]))
    for name, quantity in data.quantities.items():
        if row.get(name):
            at_least = "at least " if row.get(f"{name}_bound") == "at_least" else ""
            facts.append((text_of(quantity.get("meaning")) or name, at_least + words.number(number_of(row[name]))))
    steps = text_of(result.get("steps"))
    last = text_of(result.get("last_step")) or row.get("last_step", "")
    if last:
        facts.append(("Last step", f"{last} of {steps}" if steps else last))
    seconds = number_of(result.get("wall_seconds"))
    if not math.isnan(seconds):
        facts.append(("Time", words.seconds_text(seconds)))
    provenance = dict_of(result.get("provenance"))
    for key, name in (("git_revision", "Revision"), ("onednn", "oneDNN"), ("cpu", "Processor"),
                      ("isa", "Instruction set"), ("dataset", "Data"), ("start_time", "Started"),
                      ("command_line", "Command")):
        if provenance.get(key):
            facts.append((name, text_of(provenance[key])))
    return facts


def newest(folder):
    """Changes when anything does that the pages of a sweep show."""
    found = [modified(folder / name) for name in SHOWN_FILES]
    for name in names_in(folder / "runs"):
        found += [modified(folder / "runs" / name / one) for one in ("train.csv", "run.json", "failure.json")]
    return tuple(found)
