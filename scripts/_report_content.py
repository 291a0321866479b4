"""What the page of a sweep, and that of a run, say: the values of their templates."""

import json
import math
import os
import shlex
from pathlib import Path

import _report_words as words
from _report_curves import running_chart
from _report_files import Table, dict_of, dicts_in, number_of, text_of
from _report_labels import quantity_label, quantity_meaning, quantity_unit
from _units import short_path, unit_of_table

EXPERIMENTS = Path(__file__).resolve().parents[1] / "experiments"
# Columns of runs.csv that the table of runs leaves to "Where the numbers come from".
PROVENANCE = {"git_revision": "Revision", "build": "Build of bnlab", "onednn": "oneDNN", "machine": "Processor",
              "instruction_set": "Instruction set", "threads": "Threads of each run",
              "dataset_sha256": "SHA-256 of the data"}
UNSHOWN = {*PROVENANCE, "plan", "initial_weights_sha256", "train_sha256"}
BOUNDS = {"at_least": "at least", "at_most": "at most"}
MEASURED = ("seconds", "steps_per_second")  # at the end of a run
SPELLED = {"last_step": "last step", "steps_per_second": "steps per second"}


def css_class(text):
    return text if text in words.STATUSES else "other"


def json_text(content):
    return json.dumps(content, indent=1, ensure_ascii=False) if content else ""


def experiment_values(page, run_pages, files):
    data, experiment, verdict = page.data, page.data.experiment, page.data.verdict
    charts = page.charts
    notes = experiment.get("notes")
    notes = [text_of(one) for one in notes] if isinstance(notes, list) else [text_of(notes)] if notes else []
    warnings = verdict.get("warnings")
    sections = [("running", "Unfinished runs")] if data.running else []
    sections += [("verdict", "Verdict")] if page.criteria else []
    sections += [("figure", "Figure"), ("arms", "Differences between the arms"), ("summary", "Summary"),
                 ("runs", "Runs")]
    sections += [("notes", "Notes")] if notes else []
    sections += [("provenance", "Where the numbers come from"), ("again", "To run it again"), ("files", "Files")]
    return {"data": data, "file": page.file, "claim": page.claim, "finding": page.finding,
            "finding_title": page.finding_title, "overall": page.verdict,
            "source": text_of(experiment.get("source")), "criteria": page.criteria, "charts": charts,
            "running_chart": running_chart(data),
            "warnings": [text_of(one) for one in warnings] if isinstance(warnings, list) else [],
            "figure_title": text_of(dict_of(experiment.get("figure")).get("title")), "sections": sections,
            "arms": [arm_of(one, data) for one in data.arms], "choices": choices_of(verdict, data),
            "summary": summary_of(data), "runs": runs_of(data, page.file, run_pages), "notes": notes,
            "run_pages": run_pages, "files": files, "provenance": provenance_of(data),
            "commands": commands_of(page), "folder_quoted": shell_word(data.folder),
            "experiment_json": json_text(experiment), "verdict_json": json_text(verdict)}


def arm_of(arm, data):
    settings = [(path, words.value_text(value)) for path, value in dict_of(arm.get("set")).items()]
    chosen = dict_of(arm.get("best_of"))
    best = ""
    if chosen:
        by = f" of {text_of(chosen['chosen_by'])}" if chosen.get("chosen_by") else ""
        quantity = quantity_meaning(data, chosen.get("quantity"))
        best = f"the best point of {text_of(chosen.get('arm'))}, by {quantity}{by}"
    axes = [(path, list_text(values) + (" (together)" if kind == "zip" else ""))
            for kind in ("grid", "zip") for path, values in dict_of(arm.get(kind)).items()]
    return {"name": text_of(arm.get("name")), "meaning": text_of(arm.get("meaning")), "settings": settings,
            "best": best, "axes": axes}


def list_text(values):
    return ", ".join(map(words.value_text, values)) if isinstance(values, list) else words.value_text(values)


def choices_of(verdict, data):
    found = []
    for one in dicts_in(verdict.get("choices")):
        if not one.get("chosen"):  # its runs have not ended
            continue
        point = text_of(one.get("chosen")).strip("[]")
        unit = quantity_unit(data, one.get("quantity"), unit_of_table)
        mean = f"{words.number(unit(number_of(one.get('mean'))))} {unit.name}".strip()
        arm, of = (text_of(one.get(key)) for key in ("arm", "of"))
        points = len(dicts_in(one.get("candidates")))
        quantity = quantity_meaning(data, one.get("quantity"))
        found.append(f"{arm} is {of} at {point}: {quantity} {mean}, the best of {points} settings")
    return found


def cell_of(text):
    number = number_of(text)
    is_number = bool(text) and not math.isnan(number)
    return {"text": words.number(number) if is_number else words.axis_text(text), "href": "",
            "is_number": is_number, "title": "", "sort": text if is_number else "", "columns": "", "values": ""}


def summary_of(data):
    """summary.csv with NAME_mean and NAME_half_interval in one column."""
    table = data.summary
    names = [name[:-5] for name in table.header
             if name.endswith("_mean") and f"{name[:-5]}_half_interval" in table.header]
    parts = {f"{name}{end}" for name in names for end in ("_n", "_mean", "_sd", "_half_interval", "_bound")}
    keys = [name for name in table.header if name not in parts and name != "plan" and not says_nothing(table, name)]
    rows = []
    for row in table.rows:
        cells = [cell_of(row[key]) for key in keys]
        for name in names:
            cells.append(mean_cell(row, name, quantity_unit(data, name, unit_of_table)))
        rows.append(cells)
    return Table([*(short_path(key, data.axes) if key in data.axes else key for key in keys),
                  *(mean_label(data, name) for name in names)], rows)


def mean_label(data, name):
    """The quantity, and what a run that diverged counts as where one did."""
    declared = number_of(dict_of(data.quantities.get(name)).get("when_diverged"))
    label = quantity_label(data, name, unit_of_table)
    if math.isnan(declared) or "diverged" not in data.runs.values("status"):
        return label
    return f"{label}; diverged runs count as {words.number(quantity_unit(data, name, unit_of_table)(declared))}"


def says_nothing(table, name):
    """Of a count of runs: all completed, none diverged or failed."""
    if name == "completed":
        return all(row[name] == row.get("runs") for row in table.rows)
    return name in ("diverged", "failed") and table.values(name) == ["0"]


def mean_cell(row, name, unit):
    mean, half = row[f"{name}_mean"], row[f"{name}_half_interval"]
    text = mean_text(number_of(mean), number_of(half), unit)
    if row.get(f"{name}_bound") in BOUNDS:
        text = f"{BOUNDS[row[f'{name}_bound']]} {text}"
    counted, runs = row.get(f"{name}_n", ""), row.get("runs", "")
    if counted and runs and counted != runs:
        text += f" ({counted} of {runs})"
    return {"text": text, "href": "", "is_number": True, "sort": mean, "values": f"{mean} {half}",
            "columns": f"{name}_mean {name}_half_interval"}


def mean_text(mean, half, unit):
    """"97.12 ± 0.12"; of a factor its interval."""
    if math.isnan(mean):
        return "–"
    if not half > 0:
        return words.number(unit(mean))
    if not unit.power:
        return words.number_within(unit(mean), unit(half))
    low, high = sorted((unit(mean - half), unit(mean + half)))
    return f"{words.number(unit(mean))} [{words.number(low)}, {words.number(high)}]"


def runs_of(data, file, run_pages):
    table = data.runs
    quantities = data.quantities
    beside = {f"{name}{end}" for name in quantities for end in ("_bound", "_from")}
    shown = [name for name in table.header if name not in UNSHOWN and name not in beside and
             (name != "doubt" or table.values(name))]
    at_work = {run.name: run.step for run in data.running}
    rows = []
    for row in table.rows:
        cells = []
        for name in shown:
            text = row.get(name, "")
            if name == "last_step" and at_work.get(row.get("run")):
                text = at_work[row["run"]]
            cell = cell_of(text)
            if name in quantities and cell["is_number"]:
                cell["text"] = with_bound(row, name, words.number(
                    quantity_unit(data, name, unit_of_table)(number_of(text))), data)
            elif name in MEASURED and row.get("status") in ("missing", "unfinished"):
                cell = cell_of("")
            if name == "run":  # its arm, point and seed have columns
                cell["title"], cell["text"] = cell["text"], cell["text"].partition("_")[0]
                if row["run"] in run_pages:
                    cell["href"] = f"{file}/{run_pages[row['run']]}.html"
            if name == "status":
                cell["text"] = words.STATUSES.get(row[name], row[name])
            cells.append(cell)
        rows.append({"cells": cells, "status_class": css_class(row.get("status", ""))})
    names = {**SPELLED, **{path: short_path(path, data.axes) for path in data.axes},
             **{name: quantity_label(data, name, unit_of_table) for name in quantities}}
    return Table([names.get(name, name) for name in shown], rows)


def with_bound(row, name, text, data):
    """What the value of a run is known to be: "at least 300", "at most 500" where its first row had it."""
    if row.get(f"{name}_bound") == "at_least":
        return f"at least {text}"
    if row.get(f"{name}_from") == "0":
        return f"at most {text}"
    declared = data.quantities[name].get("when_diverged")
    is_declared = row.get("status") == "diverged" and declared is not None and number_of(row[name]) == declared
    return f"{text} (set for diverged runs)" if is_declared else text


def provenance_of(data):
    base, found = dict_of(data.experiment.get("base")), []
    network, dataset = dict_of(base.get("network")), dict_of(base.get("dataset"))
    for name, value in (("Data", dataset.get("name")), ("Network", network.get("name")),
                        ("Hash of the plan", data.plan)):
        if value:
            found.append((name, text_of(value)))
    for column, name in PROVENANCE.items():
        values = [value for value in data.runs.values(column) if value != "0"]
        if values:
            more = f" and {len(values) - 4} more" if len(values) > 4 else ""
            found.append((name, ", ".join(map(words.axis_text, values[:4])) + more))
    times = [number_of(row.get("seconds", "")) for row in data.runs.rows]
    times = [one for one in times if math.isfinite(one)]
    if sum(times) > 0:
        found.append(("Time of all runs", words.seconds_text(sum(times))))
    settings = settings_of(data.experiment)[1::2]
    if settings:
        found.append(("Settings of all runs (--set)", ", ".join(settings)))
    return [*found, ("Folder", str(data.folder))]


def settings_of(experiment):
    """Its --set, as arguments."""
    settings = experiment.get("settings")
    lines = [text_of(one) for one in settings] if isinstance(settings, list) else []
    return [part for line in lines for part in ("--set", line)]


def shell_word(path):
    """A path as bash reads it, also one that is not UTF-8."""
    try:
        str(path).encode()
        return shlex.quote(str(path))
    except UnicodeEncodeError:
        plain = (chr(byte) if 32 <= byte < 127 and byte not in b"'\\" else f"\\x{byte:02x}"
                 for byte in os.fsencode(path))
        return f"$'{''.join(plain)}'"


def commands_of(page):
    data = page.data
    folder, experiment = shell_word(data.folder), data.experiment
    commands = []
    profile = text_of(experiment.get("profile"))
    if data.has_claim and profile and page.file == data.name and (EXPERIMENTS / f"{data.name}.json").is_file():
        commands.append(shlex.join(["bnlab", "sweep", data.name, "--profile", profile, *settings_of(experiment)]))
    commands.append(f"bnlab sweep {shell_word(data.folder / 'experiment.json')} --out DIR")
    return [*commands, f"bnlab verdict {folder}", f"scripts/plot.py {folder}",
            f"scripts/report.py {folder} --out PAGES"]


def run_facts(data, row, result):
    """What a run's page says first."""
    facts = [("Arm", row.get("arm", ""))] if row.get("arm") else []
    facts += [(path, words.axis_text(row[path])) for path in data.axes if row.get(path)]
    if row.get("seed"):
        facts.append(("Seed", row["seed"]))
    for name in data.quantities:
        if row.get(name):
            unit = quantity_unit(data, name, unit_of_table)
            facts.append((quantity_meaning(data, name),
                          f"{with_bound(row, name, words.number(unit(number_of(row[name]))), data)} {unit.name}"
                          .rstrip()))
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
