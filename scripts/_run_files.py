"""Whether the files of a run are those that it wrote, as its run.json records them."""

import hashlib
import os
import stat

from _reading import LARGEST_DATA, Map, Optional, ReadError, exists, is_file_name, read_bytes, read_json

RECORD = {"files": Optional(Map({"bytes": int, "modified": int, "sha256": str}))}


def changed_files(folder, below=None, verify=False):
    """What differs from the record in run.json, one line for each file; a file whose size and time are as recorded is
    read with `verify` only. Nothing of a run without a record, as an earlier version left it. Weights may be gone."""
    below = below or folder
    if not exists(folder / "run.json"):
        return []
    records = read_json(folder / "run.json", RECORD, below=below).get("files") or {}
    problems = (_problem_of(folder / name, record, below, verify) for name, record in records.items()
                if is_file_name(name))
    return [problem for problem in problems if problem]


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
        same = hashlib.sha256(read_bytes(path, LARGEST_DATA, below=below)).hexdigest() == record["sha256"]
    except ReadError as error:
        return str(error)
    return "" if same else f"{path}: was changed after the run: its SHA-256 is another than in run.json"
