"""Run directories as their figures need them, and the arms that they make."""

import json
import os
import re
from pathlib import Path

import numpy as np

from _plot_base import chosen, warn
from _reading import Number, Optional, ReadError, exists, read_csv, read_json
from _run_files import changed_files

CONFIG = {"training": Optional({"seed": Optional(Number())}), "normalization": Optional({"type": Optional(str)}),
          "probes": Optional([{"type": str}])}
RESULT = {"status": Optional(str), "last_step": Optional(Number())}


class Run:
    """One run directory. Files are read when asked for."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.config = read_json(self.folder / "config.json", CONFIG)
        self.seed = (self.config.get("training") or {}).get("seed", 1)
        result = self.folder / "run.json"
        # A run that was killed, or that has not ended, has no run.json.
        self.result = read_json(result, RESULT) if exists(result) else {"status": "unfinished"}
        for problem in changed_files(self.folder):
            warn(problem)
        self.label = ""

    def key(self):
        """Equal for runs that differ in their seed only."""
        config = json.loads(json.dumps(self.config))
        (config.get("training") or {}).pop("seed", None)
        return json.dumps(config, sort_keys=True)

    def stop(self):
        """What a reader must know of a run that did not complete; empty for one that did."""
        status = self.result.get("status") or "unfinished"
        if status == "completed":
            return ""
        last = self.result.get("last_step")
        return status if last is None else f"{status} at step {last}"

    def sets_scale(self):
        """Whether its values say how far an axis goes: those of a run that diverged would hide all others."""
        return self.result.get("status") != "diverged"

    def train(self):
        return read_csv(self.folder / "train.csv", (), ("step", "loss", "accuracy"), warn=warn)

    def evaluations(self, split, statistics):
        """Rows of eval.csv of one split, or None if the run has no evaluation yet."""
        path = self.folder / "eval.csv"
        try:
            columns = ("step", "split", "statistics", "loss", "accuracy")
            table = read_csv(path, ("split", "statistics"), columns, ("batch_size",), warn=warn)
        except ReadError as error:
            warn(f"{error}; only training batches are drawn")
            return None
        if "batch_size" in table:  # of several, each is a kind of its own
            sizes = table.pop("batch_size")
            table["statistics"] = np.array([f"{kind} of {size}" if kind == "batch" else kind for kind, size
                                            in zip(table["statistics"], sizes)], dtype=object)
        table = chosen(table, split=split)
        present = list(dict.fromkeys(table["statistics"].tolist()))
        if not present:
            raise ReadError(f"{path}: no rows with split {split}")
        if statistics is None:
            statistics = next((name for name in ("running", "precise", "batch") if name in present), present[0])
        elif statistics not in present:
            raise ReadError(f"{path}: no rows with statistics {statistics}; it has {', '.join(present)}")
        return chosen(table, statistics=statistics)

    def has_probe(self, name):
        """Whether its config asks for the probe, or its file is there."""
        asked = any(probe["type"] == name for probe in self.config.get("probes") or [])
        return asked or exists(self.folder / f"{name}.csv")

    def probe(self, name, text_columns, columns):
        path = self.folder / f"{name}.csv"
        if not exists(path):
            raise ReadError(f'{path}: missing; the run had no such probe: add {{"type": "{name}"}} to "probes" of its '
                            "config and run it again")
        return read_csv(path, text_columns, columns, warn=warn)


class Arm:
    """Runs that share a config but the seed."""

    def __init__(self, runs):
        self.runs = runs
        self.label = name_of(runs[0].folder)
        if len(runs) > 1:
            self.label = re.sub(r"[-_. ]*(seed)?[-_. =]*\d+$", "", self.label) or self.label


def name_of(folder, parts=1):
    """The folder's name, without the hash with which those of a sweep's runs begin."""
    *above, name = Path(os.path.abspath(folder)).parts[-parts:]
    return "/".join([*above, re.sub("^[0-9a-f]{16}_", "", name)])


def arms_of(runs, labels):
    """Groups runs into arms and names arms and runs. Runs of the same config and the same seed stay apart."""
    groups = {}
    for run in runs:
        groups.setdefault(run.key(), []).append(run)
    arms = []
    for group in groups.values():
        distinct = len({run.seed for run in group}) == len(group)
        arms += [Arm(group)] if distinct else [Arm([run]) for run in group]
    if labels and len(labels) != len(arms):
        names = "; ".join(", ".join(str(run.folder) for run in arm.runs) for arm in arms)
        warn(f"{len(labels)} --label for {len(arms)} arms (runs that differ only in their seed are one arm): {names}")
        raise SystemExit(2)
    for arm, label in zip(arms, labels):
        arm.label = label
    names = [arm.label for arm in arms]
    if not labels and len(set(names)) < len(names):  # same folder name in different parents
        for arm in arms:
            arm.label = name_of(arm.runs[0].folder, 2)
    for arm in arms:
        for run in arm.runs:
            run.label = arm.label if len(arm.runs) == 1 else f"{arm.label}, seed {run.seed}"
    return arms
