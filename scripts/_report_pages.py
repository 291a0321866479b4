"""Writes the pages: an index, a page for each sweep, a page for each run."""

import contextlib
import datetime
import functools
import json
import os
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path

import jinja2
import markupsafe

import _report_words as words
from _reading import LARGEST_DATA, ReadError, printable, read_text, reason_of
from _report_content import css_class, experiment_values, json_text, run_facts
from _report_curves import run_charts
from _report_figure import Figures, charts_of
from _report_files import SHOWN_FILES, Names, Reader, read_sweep, text_of
from _report_forest import criteria_of, forest_of
from _report_live import modified, names_in

HERE = Path(__file__).resolve().parent / "_report"
OTHER_PART = "Other sweeps"
OF_FULL_PROFILE = "(full profile) "  # before the finding of another profile
SIDES = (("right", "The claim holds to the right of 1"), ("left", "The claim holds to the left of 1"))
MARKER = Path("assets/report.css")
PAGE_OF_RUN = 5000  # runs beyond it have no page of their own


class PageError(Exception):
    """The pages cannot be written; the text says where and why."""


# ---- writing ---------------------------------------------------------------------------------------------------------

def shown(value):
    """Text without control characters, which would hide what follows or turn its direction."""
    if isinstance(value, markupsafe.Markup) or not isinstance(value, str):
        return value
    return "\n".join(map(printable, value.split("\n")))


@functools.cache
def environment():
    made = jinja2.Environment(loader=jinja2.FileSystemLoader(HERE), autoescape=True, undefined=jinja2.StrictUndefined,
                              finalize=shown, trim_blocks=True, lstrip_blocks=True)
    made.globals.update(verdict_word=words.verdict_word, marks=words.MARKS, meanings=words.MEANINGS,
                        count=words.count, number=words.number, no_claim=words.ABLATION,
                        terms=json.loads((HERE / "terms.json").read_text(encoding="utf-8")))
    return made


def save(out, name, content):
    """Writes beside the page `name` of the folder `out` first, so that a page is whole or not there, and never through
    a link. Leaves a file that is the same alone."""
    path = out / name
    try:
        if not path.is_symlink() and path.is_file() and path.read_bytes() == content:
            return
    except OSError:  # it is written anew
        pass
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.parent != out and path.parent.is_symlink():
            raise PageError(f"{path.parent}: is a link, which bnlab does not follow; remove it")
        temporary.unlink(missing_ok=True)
        with open(temporary, "xb") as file:
            file.write(content)
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise PageError(f"{path}: cannot be written: {reason_of(error)}") from None


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
        """Of a sweep whose runs have all ended."""
        found = text_of(self.data.verdict.get("finding") or self.data.experiment.get("finding"))
        return "" if self.data.is_partial else found.removeprefix(OF_FULL_PROFILE)

    @property
    def finding_title(self):
        found = text_of(self.data.verdict.get("finding") or self.data.experiment.get("finding"))
        return "Finding of the full profile." if found.startswith(OF_FULL_PROFILE) else "Finding."


@dataclass
class Site:
    """The pages in a folder. `live`: seconds between two looks of an open page, 0 for pages that stay."""
    out: Path
    judge: object = None  # _report_live.Judge
    live: int = 0
    names: Names = field(default_factory=Names)
    run_names: dict = field(default_factory=dict)  # folder: Names
    written: dict = field(default_factory=dict)  # (folder, run): what its page was made from

    def __post_init__(self):
        self.templates, self.figures = environment(), Figures()

    def render(self, path, template, **values):
        made = datetime.datetime.now().strftime("%Y-%m-%d %H:%M")
        text = self.templates.get_template(template).render(
            made=made, live=self.live, root="../" * path.count("/"), **values)
        save(self.out, path, text.encode("utf-8", "replace"))

    def prepare(self):
        """The folder and its assets. PageError where it is another's folder."""
        if self.out.exists() and not self.out.is_dir():
            raise PageError(f"--out {self.out}: is not a folder")
        if self.out.is_dir() and any(self.out.iterdir()) and not (self.out / MARKER).is_file():
            raise PageError(f"--out {self.out}: has other files; choose an empty folder, or an earlier folder of pages")
        for name in ("report.css", "charts.js", "report.js"):
            save(self.out, f"assets/{name}", (HERE / name).read_bytes())
        save(self.out, "assets/plotly.js", plotly_js())

    def page_of(self, folder):
        data = read_sweep(folder, self.judge, self.figures)
        file = self.names.of(str(folder), data.name)
        return Page(data, file, text_of(data.experiment.get("part")) or OTHER_PART,
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
        try:
            if not os.path.lexists(folder / name):
                return ""
            save(self.out, f"{page.file}/{name}", read_text(folder / name, LARGEST_DATA, folder).encode())
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
        href = "" if self.live else urllib.parse.quote(os.fsencode(os.path.relpath(folder, self.out / page.file)))
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


def newest(folder):
    """Changes when anything does that the pages of a sweep show."""
    found = [modified(folder / name) for name in SHOWN_FILES]
    for name in names_in(folder / "runs"):
        found += [modified(folder / "runs" / name / one) for one in ("train.csv", "run.json", "failure.json")]
    return tuple(found)
