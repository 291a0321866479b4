#!/usr/bin/env python3
"""Times whole training steps of bnlab and of PyTorch, in turn, on the same networks, batch sizes and threads.

    scripts/bench.py [--pairs 5] [--only NAME] [--threads N]

bnlab: steps_per_second of run.json, training only, without start, evaluation and writing of results at the end.
PyTorch: eager mode, float32, contiguous tensors, the network that bnlab's config.json describes, in a loop of batch
indexing from a float tensor in memory, zero_grad(set_to_none=True), forward, cross-entropy, backward and SGD; nothing
is logged and no loss is read, which bnlab does every 10 steps. --channels-last times PyTorch in that memory format.
Debian's PyTorch multiplies matrices with the BLAS that is installed; without OpenBLAS that is the reference one, which
is not a fair opponent: install libopenblas0-pthread.
Each case warms up PyTorch once, then alternates bnlab, PyTorch, bnlab, ...; the ratio is taken within each pair.

Exit status: 0 done; 1 bnlab failed; 2 usage; 77 PyTorch or the data is missing.
"""

import argparse
import ctypes
import json
import math
import statistics
import sys
import tempfile
import time
from pathlib import Path

import _python

_python.require("numpy", "torch", status=77)

import torch  # noqa: E402

import _bench  # noqa: E402
import compare_pytorch  # noqa: E402

M3 = {"network": {"name": "mlp_3x100_sigmoid"}, "training": {"batch_size": 60}}
V6 = {"network": {"name": "vgg6"}, "training": {"batch_size": 128}}
BATCH = {"normalization": {"type": "batch"}}
# name: (config, threads, steps of one measurement, what the ratio is meant to reach or None)
CASES = {
    "m3_none": (M3, 1, 8000, None),
    "m3_batch": ({**M3, **BATCH}, 1, 8000, 2.0),
    "v6_batch": ({**V6, **BATCH}, 1, 30, 1.6),
    "v6_batch_2_threads": ({**V6, **BATCH}, 2, 60, 1.6),
}
COMMON = {"dataset": {"name": "fashion_mnist"}, "optimizer": {"learning_rate": 0.01, "momentum": 0.9},
          "record": {"final_weights": False}}
SMOKE_STEPS = 3


def write_config(folder, name, config, steps):
    path = folder / f"{name}.json"
    path.write_text(json.dumps({**COMMON, **config, "training": {**config["training"], "steps": steps}}))
    return path


def blas_files():
    """The BLAS libraries that this process has loaded."""
    torch.ones(8, 8) @ torch.ones(8, 8)
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        return []
    files = dict.fromkeys(line.split()[-1] for line in lines if "blas" in line or "mkl_" in line)
    return [file for file in files if ".so" in file]


def is_reference_blas(files):
    return any("libblas" in file for file in files) and not any(
        name in file for file in files for name in ("openblas", "blis", "atlas", "mkl"))


def set_threads(threads):
    """For PyTorch and for an OpenBLAS with threads of its own, which PyTorch doesn't control."""
    torch.set_num_threads(threads)
    for file in blas_files():
        if "openblas" in file:
            getattr(ctypes.CDLL(file), "openblas_set_num_threads", lambda _: None)(threads)


class PyTorch:
    """The same training in eager PyTorch."""

    def __init__(self, config, data, channels_last):
        self.images, self.labels = data
        self.batch_size = config["training"]["batch_size"]
        self.network = compare_pytorch.build_network(config, self.images.shape[1:]).train()
        if channels_last:
            self.images = self.images.contiguous(memory_format=torch.channels_last)
            self.network = self.network.to(memory_format=torch.channels_last)
        self.optimizer = compare_pytorch.make_optimizer(self.network, config["optimizer"])
        self.order = torch.randperm(len(self.labels), generator=torch.Generator().manual_seed(1))

    def train(self, steps):
        """Steps per second."""
        per_epoch = len(self.labels) // self.batch_size
        start = time.perf_counter()
        for step in range(steps):
            first = step % per_epoch * self.batch_size
            batch = self.order[first:first + self.batch_size]
            images, labels = self.images[batch], self.labels[batch]
            self.optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(self.network(images), labels)
            loss.backward()
            self.optimizer.step()
        return steps / (time.perf_counter() - start)


def measure(name, arguments, data, folder):
    """Times one case; returns its row of results."""
    config, threads, steps, target = CASES[name]
    threads = arguments.threads or threads
    steps = SMOKE_STEPS if arguments.smoke else steps
    pairs = 1 if arguments.smoke else arguments.pairs
    path = write_config(folder, name, config, steps)
    set_threads(threads)
    pytorch, runs, rates = None, [], []
    for _ in range(pairs):
        runs.append(compare_pytorch.train(arguments.bnlab, path, [], threads, folder / name))
        if pytorch is None:
            resolved = json.loads((folder / name / "config.json").read_text())
            pytorch = PyTorch(resolved, data, arguments.channels_last)
            pytorch.train(max(2, steps // 10))
        rates.append(pytorch.train(steps))
    median, smallest, largest = _bench.spread([run["steps_per_second"] / rate for run, rate in zip(runs, rates)])
    return {"case": name, "batch_size": config["training"]["batch_size"], "threads": threads, "steps": steps,
            "bnlab_steps_per_second": [run["steps_per_second"] for run in runs], "pytorch_steps_per_second": rates,
            "ratio_median": median, "ratio_min": smallest, "ratio_max": largest,
            "target": target, "peak_memory_bytes": max(run["peak_memory_bytes"] for run in runs),
            "seconds_to_first_step": statistics.median(run["seconds_to_first_step"] for run in runs)}


def print_row(row):
    ratio = f"{row['ratio_median']:.2f} [{row['ratio_min']:.2f}, {row['ratio_max']:.2f}]"
    target = "" if row["target"] is None else f">= {row['target']:g}"
    bnlab, pytorch = (statistics.median(row[f"{name}_steps_per_second"]) for name in ("bnlab", "pytorch"))
    print(f"{row['case']:18} {row['batch_size']:5} {row['threads']:7} {bnlab:9.1f} {pytorch:9.1f}  {ratio:20} "
          f"{target:7} {row['peak_memory_bytes'] / 1e6:7.0f} {row['seconds_to_first_step']:11.2f}", flush=True)


def describe_machine(arguments):
    onednn = next((line.strip(" -") for line in torch.__config__.show().splitlines() if "MKL-DNN" in line), "no oneDNN")
    return {**_bench.describe_machine(arguments.bnlab), "blas of PyTorch": ", ".join(blas_files()) or "unknown",
            "pytorch": f"{torch.__version__}, {onednn}, eager float32"
                       + (", channels_last" if arguments.channels_last else "")}


def load_images():
    """Fashion-MNIST's training images and labels as bnlab scales them, or None."""
    data = compare_pytorch.load_data({"name": "fashion_mnist"})
    return data and data[:2]


def bench(arguments, folder):
    data = load_images()
    if data is None:
        print("bench.py: skipped: Fashion-MNIST not found (scripts/setup.sh installs it)", file=sys.stderr)
        return 77
    machine = describe_machine(arguments)
    _bench.print_machine("bench.py", machine)
    if is_reference_blas(blas_files()):
        print("bench.py: PyTorch uses the slow reference BLAS; install libopenblas0-pthread before quoting a ratio",
              file=sys.stderr)
    print(f"\n{'':18} {'batch':>5} {'':7} {'bnlab':>9} {'PyTorch':>9}  {'ratio':20} {'':7} {'bnlab':>7} "
          f"{'start to':>11}")
    print(f"{'case':18} {'size':>5} {'threads':>7} {'steps/s':>9} {'steps/s':>9}  {'median [min, max]':20} {'aim':7} "
          f"{'peak MB':>7} {'1st step, s':>11}")
    rows = []
    for name in arguments.only or CASES:
        rows.append(measure(name, arguments, data, folder))
        print_row(rows[-1])
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine, "cases": rows}, indent=2) + "\n")
    return 0 if all(math.isfinite(row["ratio_median"]) and row["ratio_median"] > 0 for row in rows) else 1


def main():
    parser = argparse.ArgumentParser(prog="bench.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=_bench.at_least_one, default=5, help="measurements of each case; default: 5")
    parser.add_argument("--only", action="append", choices=list(CASES), help="this case; may be given several times")
    parser.add_argument("--threads", type=_bench.at_least_one, help="for every case, instead of the case's own")
    parser.add_argument("--channels-last", action="store_true", help="PyTorch in channels_last memory format")
    parser.add_argument("--bnlab", type=Path, default=_bench.DEFAULT_BNLAB,
                        help="default: %(default)s")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the measurements here too")
    parser.add_argument("--smoke", action="store_true",
                        help=f"{SMOKE_STEPS} steps, one pair: that it runs, not how fast")
    arguments = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="bnlab_bench_") as folder:
            return bench(arguments, Path(folder))
    except compare_pytorch.BnlabError as error:
        print(f"bench.py: {error}", file=sys.stderr)
        return {2: 2, 3: 77}.get(error.status, 1)
    except OSError as error:
        print(f"bench.py: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
