"""Runs bnlab, and reads what it knows and what it wrote."""

import functools
import subprocess

import numpy as np

from _reading import Number, ReadError, exists, parse_json, read_csv, read_json, read_npy, read_npz

CONFIG = {"network": {"name": str}, "normalization": {"type": str}, "optimizer": dict, "dataset": {"name": str},
          "training": {"batch_size": int, "seed": int}}
RESULT = {"status": str, "last_step": Number()}


class BnlabError(ReadError):
    """bnlab failed, or did not write what this script needs."""

    def __init__(self, text, status=1):
        super().__init__(text, status)


def train(bnlab, config, overrides, threads, out):
    """Runs `bnlab train`; its results go to `out`."""
    command = [str(bnlab), "train", str(config), "--threads", str(threads), "--force", "--out", str(out)]
    for key, value in dict(override.split("=", 1) for override in overrides).items():  # the last of a key counts
        command += ["--set", f"{key}={value}"]
    try:
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    except OSError as error:
        raise BnlabError(f"{bnlab}: {error.strerror}; build it first (cmake --preset release && cmake --build "
                         "--preset release), or name it with --bnlab") from None
    if done.returncode != 0:
        raise BnlabError(f"{' '.join(command)}: exit status {done.returncode}\n{done.stderr.strip()}", done.returncode)
    result = read_json(out / "run.json", RESULT)
    if result["status"] != "completed":
        raise BnlabError(f"{out}: the run {result['status']} at step {result['last_step']}; nothing to compare")
    return result


@functools.cache
def kinds(bnlab):
    """What `bnlab list --json` says: {family: [{"name": ..., "meaning": ..., and traits}]}."""
    command = [str(bnlab), "list", "--json"]
    return parse_json(subprocess.run(command, check=True, capture_output=True, text=True).stdout, " ".join(command))


def kind_of(bnlab, family, name):
    """The row of one kind."""
    return next(row for row in kinds(bnlab)[family] if row["name"] == name)


def absorbs_bias(bnlab, config):
    """Whether a layer before a normalization of this config has no bias of its own."""
    return kind_of(bnlab, "normalizations", config["normalization"]["type"])["absorbs_bias"]


def statistics_in(weights):
    """The running statistics among them."""
    return {name: array for name, array in weights.items() if name.endswith((".running_mean", ".running_variance"))}


def column(path, name, **wanted):
    """The numbers of a column, where the other columns have the `wanted` values."""
    table = read_csv(path, list(wanted), [name, *wanted])
    keep = np.all([table[key] == value for key, value in wanted.items()], axis=0) if wanted else slice(None)
    return table[name][keep]


def read_run(bnlab, out):
    """What bnlab recorded in a run directory, and what it knows of the run's normalization."""
    masks = out / "dropout_masks.npz"
    evaluations = column(out / "eval.csv", "accuracy", split="test", statistics="running")
    if not len(evaluations):
        raise BnlabError(f"{out / 'eval.csv'}: no row with split test and statistics running")
    config = read_json(out / "config.json", CONFIG)
    return {"config": config, "absorbs_bias": absorbs_bias(bnlab, config),
            "initial": read_npz(out / "weights_initial.npz"),
            "gradients": read_npz(out / "gradients_first.npz"), "batches": read_npy(out / "batches.npy"),
            "losses": column(out / "train.csv", "loss"), "weights": read_npz(out / "weights.npz"),
            "accuracy": evaluations[-1], "dropout_masks": read_npz(masks) if exists(masks) else {}}
