"""Whether the files of a run are those that it wrote, as its run.json records them, and the tables of a sweep those of
its verdict.json. Both files end with the SHA-256 of their own text before it."""

import hashlib
import os
import re
import stat

from _reading import (LARGEST_DATA, LARGEST_JSON, Map, Optional, ReadError, check, exists, is_file_name, parse_json,
                      read_bytes, read_text)

SEALED = re.compile(r'(.*),\n  "sha256": "([0-9a-f]{64})"\n}\n', re.DOTALL)
TABLES = {"sha256": Optional(str), "files": Optional(Map({"sha256": str}))}
RECORD = {"sha256": Optional(str),
          "files": Optional(Map({"bytes": int, "modified": int, "sha256": str}))}


def changed_files(folder, below=None, verify=False):
    """What differs from the record in run.json, one line for each file; a file whose size and time are as recorded is
    read with `verify` only. Nothing of a run without a record, as an earlier version left it. Weights may be gone."""
    below = below or folder
    if not exists(folder / "run.json"):
        return []
    content, problems = _read(folder / "run.json", RECORD, below, "run")
    problems += (_problem_of(folder / name, record, below, verify)
                 for name, record in (content.get("files") or {}).items() if is_file_name(name))
    return [problem for problem in problems if problem]


def changed_tables(folder):
    """The same of the tables of a sweep that its verdict.json records, and of that file."""
    if not exists(folder / "verdict.json"):
        return []
    content, problems = _read(folder / "verdict.json", TABLES, folder, "verdict")
    for name, record in (content.get("files") or {}).items():
        path = folder / name
        if is_file_name(name) and exists(path) and _sum_of(path, folder) != record["sha256"]:
            problems.append(f"{path}: was changed after the verdict: its SHA-256 differs from that in verdict.json")
    return problems


def _read(path, shape, below, whose):
    """The content of a JSON file, and what is wrong with its own sum; an earlier version wrote none."""
    text = read_text(path, LARGEST_JSON, below=below)
    content = parse_json(text, path)
    check(content, shape, path)
    found = SEALED.fullmatch(text)
    if "sha256" not in content or (found and hashlib.sha256(found[1].encode()).hexdigest() == found[2]):
        return content, []
    return content, [f"{path}: was changed after the {whose}: its SHA-256 differs from the one in it"]


def _sum_of(path, below):
    return hashlib.sha256(read_bytes(path, LARGEST_DATA, below=below)).hexdigest()


def _problem_of(path, record, below, verify):
    if not exists(path):
        return f"{path}: is gone" if path.suffix == ".csv" else ""
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode):
        return f"{path}: is not a regular file"
    if status.st_size != record["bytes"]:
        return f"{path}: was changed after the run: {status.st_size} bytes, the run wrote {record['bytes']}"
    if status.st_mtime_ns == record["modified"] and not verify:
        return ""
    try:
        same = _sum_of(path, below) == record["sha256"]
    except ReadError as error:
        return str(error)
    return "" if same else f"{path}: was changed after the run: its SHA-256 differs from that in run.json"
