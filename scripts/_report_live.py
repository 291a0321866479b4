"""How far a sweep is, from the folders of its runs: a sweep writes runs.csv and verdict.json only at its end."""

import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from _reading import ReadError, parse_json, read_rows, read_text

RECENT = 120  # seconds since the last write: the run is at work
JUDGE_SECONDS = 120
TAIL = 4096  # bytes at the end of train.csv


@dataclass
class Running:
    """A run that has not ended."""
    name: str
    step: str
    steps: str
    loss: str
    is_at_work: bool

    @property
    def percent(self):
        try:
            return max(0, min(100, round(100 * int(self.step) / int(self.steps))))
        except (ValueError, ZeroDivisionError):
            return 0


@dataclass
class State:
    planned: int = 0
    ended: int = 0
    running: list = field(default_factory=list)
    is_ahead: bool = False  # the runs' files are newer than runs.csv
    ends: tuple = ()  # (run, when it ended): what a verdict follows from


def modified(path):
    """Seconds, 0 where there is no such file."""
    try:
        return os.lstat(path).st_mtime
    except (OSError, ValueError):
        return 0.0


def names_in(folder):
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if not entry.is_symlink())
    except OSError:
        return []


def mirror(run, copy):
    """Links what a verdict reads of a run, or copies it to another file system; bnlab follows no symbolic link."""
    with os.scandir(run) as entries:
        files = [entry for entry in entries
                 if entry.is_file(follow_symlinks=False) and entry.name.endswith((".csv", ".json"))]
    copy.mkdir(parents=True)
    for file in files:
        try:
            os.link(file.path, copy / file.name, follow_symlinks=False)
        except OSError:
            shutil.copy2(file.path, copy / file.name, follow_symlinks=False)


def state_of(reader):
    folder = reader.folder
    runs = [name for name in names_in(folder / "runs") if (folder / "runs" / name).is_dir()]
    planned = [name[:-5] for name in names_in(folder / "configs") if name.endswith(".json")]
    state = State(planned=len(planned))
    written = modified(folder / "runs.csv")
    ends = []
    for name in runs:
        run = folder / "runs" / name
        ended = max(modified(run / "run.json"), modified(run / "failure.json"))
        state.is_ahead |= ended > written or (not written and modified(run / "train.csv") > 0)
        ends.append((name, ended))
        if not ended:
            state.running.append(running(folder, name))
        elif text_in_status(run, folder) == "interrupted":
            state.running.append(running(folder, name))
        else:
            state.ended += 1
    state.ends = tuple(ends)
    return state


def text_in_status(run, below):
    try:
        content = parse_json(read_text(run / "run.json", 1 << 20, below), run)
        return content.get("status") if isinstance(content, dict) else None
    except (ReadError, OSError):
        return None


def running(folder, name):
    """The last step of train.csv, as far as it is written."""
    path = folder / "runs" / name / "train.csv"
    step = loss = ""
    try:
        header, rows = tail_rows(path, folder)
        last = dict(zip(header, rows[-1])) if rows else {}
        step, loss = last.get("step", ""), last.get("loss", "")
    except (ReadError, OSError):
        pass
    steps = ""
    try:
        config = parse_json(read_text(folder / "configs" / f"{name}.json", 1 << 24, folder), name)
        steps = str(config["training"]["steps"])
    except (ReadError, OSError, KeyError, TypeError):
        pass
    return Running(name, step, steps, loss, time.time() - modified(path) < RECENT)


def tail_rows(path, below):
    """(header, the last rows)."""
    header, rows = read_rows(path, below)
    return header, rows[-1:]


class Judge:
    """Makes runs.csv and verdict.json of the runs that have ended, with bnlab, in `scratch`: nothing is written into
    the sweep's own folder."""

    def __init__(self, bnlab, scratch):
        self.bnlab, self.scratch = bnlab, Path(scratch)
        self.judged = {}  # folder of a sweep: (what was judged, the folder or None)

    def __call__(self, reader, state):
        """The folder of the files; None where there are none."""
        if not self.bnlab:
            return None
        before, copy = self.judged.get(reader.folder, (None, None))
        key = (state.ends, modified(reader.folder / "experiment.json"))
        if before != key:
            copy = self.scratch / str(len(self.judged)) if copy is None else copy
            copy = copy if self.judge(reader, copy) else None
            self.judged[reader.folder] = (key, copy)
        return copy

    def judge(self, reader, copy):
        try:
            shutil.rmtree(copy, ignore_errors=True)
            copy.mkdir(parents=True)
            text = read_text(reader.folder / "experiment.json", 64 << 20, reader.folder)
            (copy / "experiment.json").write_text(text, encoding="utf-8")
            for name in names_in(reader.folder / "runs"):
                if (reader.folder / "runs" / name).is_dir():
                    mirror(reader.folder / "runs" / name, copy / "runs" / name)
            done = subprocess.run(["nice", str(self.bnlab), "verdict", str(copy)], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
                                  timeout=JUDGE_SECONDS)
        except (ReadError, OSError, subprocess.TimeoutExpired) as error:
            reader.problem(f"{reader.folder}: no interim verdict: {error}")
            return False
        if not (copy / "runs.csv").is_file():
            lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
            reader.problem(f"{reader.folder}: no interim verdict: {lines[-1]}")
            return False
        return True
