#!/usr/bin/env python3
"""Times whole training steps of bnlab and PyTorch alternately, with the same networks, batch sizes and threads.

    scripts/bench.py [--pairs 5] [--only NAME] [--threads N]

bnlab: steps_per_second of run.json, which covers training only, not the start, evaluations and final results.
PyTorch: eager mode, float32, contiguous tensors, the network that bnlab's config.json describes, in a loop of batch
indexing from a float tensor in memory, zero_grad(set_to_none=True), forward, cross-entropy, backward and SGD. It logs
nothing and reads no loss; bnlab does both every 10 steps. --channels-last times PyTorch in that memory format.
Debian's PyTorch multiplies matrices with the installed BLAS. The reference BLAS is slow, so the comparison is fair only
with OpenBLAS: install libopenblas0-pthread.
Each case warms up PyTorch once, then alternates bnlab, PyTorch, bnlab, ...; each pair gives a ratio.

Some cases compare bnlab with itself instead of PyTorch. v6_renorm is compared with v6_batch_2_threads. The cases of
probes compare the time of a whole run with a probe every 10 steps and of the same run with no probe. memory_resnet56
compares the peak memory, PyTorch / bnlab, of two processes that train a few steps on 2,000 images.

Exit status: 0 done; 1 bnlab failed; 2 usage; 77 PyTorch or the data is missing.
"""

import argparse
import ctypes
import dataclasses
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
import _bnlab  # noqa: E402
import compare_pytorch  # noqa: E402
from _reading import ReadError, read_json, say  # noqa: E402


@dataclasses.dataclass
class Case:
    config: dict
    threads: int
    steps: int            # of one measurement
    target: float | None  # what the ratio is meant to reach
    against: str = "pytorch"          # or a case: bnlab with that one's config
    measure: str = "steps per second"  # or "runs per second", with all that a run does, or "1 / bytes"


def merged(*configs):
    """One config of several, section by section."""
    result = {}
    for config in configs:
        for name, section in config.items():
            result[name] = {**result.get(name, {}), **section} if isinstance(section, dict) else section
    return result


FEW_IMAGES = 2000
BATCH = {"normalization": {"type": "batch"}}
BF16 = {"training": {"precision": "bf16"}}
M3 = {"network": {"name": "mlp_3x100_sigmoid"}, "training": {"batch_size": 60}}
M3_BATCH = merged(M3, BATCH)
V6 = {"network": {"name": "vgg6"}, "training": {"batch_size": 128}}
V6_BATCH = merged(V6, BATCH)
RNN = {"network": {"name": "rnn_rows"}, "training": {"batch_size": 100},
       "normalization": {"type": "batch", "recurrent_statistics": "per_step", "initial_gamma": 0.1}}


def probe_case(config, against, probe, steps):
    """One in 10 steps, so that its cost stands out: a fifth of the time here is 2 % for one in 100."""
    config = merged(config, {"probes": [{"type": probe, "every": 10}]})
    return Case(config, 1, steps, 1 / 1.2, against, "runs per second")


def network(name):
    return merged({"network": {"name": name}, "training": {"batch_size": 128}}, BATCH)


CASES = {
    "m3_none": Case(M3, 1, 8000, 2.4),
    "m3_batch": Case(M3_BATCH, 1, 8000, 2.7),
    "m3_batch_bf16": Case(merged(M3_BATCH, BF16), 1, 8000, 3.3),
    "v6_batch": Case(V6_BATCH, 1, 30, 1.75),
    "v6_batch_bf16": Case(merged(V6_BATCH, BF16), 1, 40, 3.0),
    "v6_batch_2_threads": Case(V6_BATCH, 2, 60, 1.75),
    "v6_batch_bf16_2_threads": Case(merged(V6_BATCH, BF16), 2, 80, 3.0),
    "resnet20": Case(network("resnet20"), 2, 40, 1.6),
    "inception": Case(network("inception_small"), 2, 30, 1.6),
    "rnn": Case(RNN, 1, 400, 2.5),
    "v6_group": Case(merged(V6, {"normalization": {"type": "group", "groups": 8}}), 2, 60, 1.3),
    "v6_layer": Case(merged(V6, {"normalization": {"type": "layer"}}), 2, 60, 1.3),
    "v6_renorm": Case(merged(V6, {"normalization": {"type": "batch_renorm"}}), 2, 60, 1 / 1.3, "v6_batch_2_threads"),
    "m3_activation_probe": probe_case(M3_BATCH, "m3_batch", "activation_distribution", 8000),
    "m3_gradient_probe": probe_case(M3_BATCH, "m3_batch", "gradient_norm", 8000),
    "v6_activation_probe": probe_case(V6_BATCH, "v6_batch", "activation_distribution", 60),
    "v6_gradient_probe": probe_case(V6_BATCH, "v6_batch", "gradient_norm", 60),
    "memory_resnet56": Case(merged(network("resnet56"), {"dataset": {"limit": FEW_IMAGES}}), 2, 4, 1 / 0.6,
                            measure="1 / bytes"),
}
COMMON = {"dataset": {"name": "fashion_mnist"}, "optimizer": {"learning_rate": 0.01, "momentum": 0.9},
          "record": {"final_weights": False}}
# Of a run, whose seconds include its start and its evaluation at the end.
QUIET = {"training": {"eval_every": 0, "log_every": 100}}
SMOKE_STEPS = 3
SMOKE_DATA = {"name": "drawn_digits", "limit": 600,
              "synthetic": {"examples": 600, "test_examples": 50}}


def write_config(folder, name, config, steps):
    path = folder / f"{name}.json"
    path.write_text(json.dumps(merged(COMMON, config, {"training": {"steps": steps}})))
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

    def __init__(self, config, data, bnlab, channels_last=False):
        self.images, self.labels = data
        self.batch_size = config["training"]["batch_size"]
        self.network = compare_pytorch.build_network(config, self.images.shape[1:],
                                                     _bnlab.absorbs_bias(bnlab, config)).train()
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


def rate_of(run, measure):
    """What a ratio is made of, of bnlab's run.json: more is better."""
    if measure == "steps per second":
        return run["steps_per_second"]
    return 1 / (run["wall_seconds"] if measure == "runs per second" else run["peak_memory_bytes"])


class OtherBnlab:
    """bnlab with the config of another case."""

    def __init__(self, arguments, name, config, threads, measure, folder):
        self.command = (arguments.bnlab, config, [], threads, folder / name)
        self.measure = measure

    def train(self):
        return rate_of(_bnlab.train(*self.command), self.measure)


class PyTorchSteps:
    def __init__(self, config, data, steps, arguments):
        self.pytorch, self.steps = PyTorch(config, data, arguments.bnlab, arguments.channels_last), steps
        self.pytorch.train(max(2, steps // 10))

    def train(self):
        return self.pytorch.train(self.steps)


class PyTorchMemory:
    """PyTorch in a process of its own; 1 / bytes at the peak."""

    def __init__(self, config_file, steps, threads, bnlab):
        self.command = [sys.executable, __file__, "--peak-memory-of", config_file, str(steps), str(threads), bnlab]

    def train(self):
        return 1 / int(_bench.run(self.command))


def print_peak_memory(config_file, steps, threads, bnlab):
    config = read_json(Path(config_file), _bnlab.CONFIG)
    set_threads(int(threads))
    images, labels = (array[:FEW_IMAGES].clone() for array in load_images())
    PyTorch(config, (images, labels), bnlab).train(int(steps))
    # Not ru_maxrss, which is never less than that of the process that started this one.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    print(int(status["VmHWM"].split()[0]) * 1024)
    return 0


def measure(name, arguments, data, folder):
    """Times one case; returns its row of results."""
    case = CASES[name]
    threads = arguments.threads or case.threads
    steps = SMOKE_STEPS if arguments.smoke else case.steps
    pairs = 1 if arguments.smoke else arguments.pairs
    further = QUIET if case.measure != "steps per second" else {}
    if arguments.smoke:
        further = {**further, "dataset": SMOKE_DATA}
    path = write_config(folder, name, merged(case.config, further), steps)
    set_threads(threads)
    other, runs, rates = None, [], []
    for _ in range(pairs):
        runs.append(_bnlab.train(arguments.bnlab, path, [], threads, folder / name))
        if other is None:
            resolved = folder / name / "config.json"
            if case.against != "pytorch":
                config = write_config(folder, f"{name}_other", merged(CASES[case.against].config, further), steps)
                other = OtherBnlab(arguments, f"{name}_other", config, threads, case.measure, folder)
            elif case.measure == "1 / bytes":
                other = PyTorchMemory(resolved, steps, threads, arguments.bnlab)
            else:
                config = read_json(resolved, _bnlab.CONFIG)
                config["training"]["precision"] = "f32"
                other = PyTorchSteps(config, data, steps, arguments)
        rates.append(other.train())
    own = [rate_of(run, case.measure) for run in runs]
    median, smallest, largest = _bench.spread([one / rate for one, rate in zip(own, rates)])
    return {"case": name, "batch_size": case.config["training"]["batch_size"], "threads": threads, "steps": steps,
            "measure": case.measure, "against": case.against, "bnlab": own, "other": rates, "ratio_median": median,
            "ratio_min": smallest, "ratio_max": largest, "target": case.target,
            "peak_memory_bytes": max(run["peak_memory_bytes"] for run in runs),
            "seconds_to_first_step": statistics.median(run["seconds_to_first_step"] for run in runs)}


WIDTH = max(len(name) for name in CASES)


def print_row(row):
    ratio = f"{row['ratio_median']:.2f} [{row['ratio_min']:.2f}, {row['ratio_max']:.2f}]"
    target = "" if row["target"] is None else f">= {row['target']:.3g}"
    bnlab, other = (f"{statistics.median(row[name]):9.4g}" for name in ("bnlab", "other"))
    print(f"{row['case']:{WIDTH}} {row['batch_size']:5} {row['threads']:7} {bnlab} {other}  {ratio:20} {target:7} "
          f"{row['peak_memory_bytes'] / 1e6:7.0f} {row['seconds_to_first_step']:11.2f}", flush=True)


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
    print(f"\n{'':{WIDTH}} {'batch':>5} {'':7} {'bnlab':>9} {'other':>9}  {'ratio':20} {'':7} {'bnlab':>7} "
          f"{'start to':>11}")
    print(f"{'case':{WIDTH}} {'size':>5} {'threads':>7} {'1/s':>9} {'1/s':>9}  {'median [min, max]':20} {'aim':7} "
          f"{'peak MB':>7} {'1st step, s':>11}")
    rows = []
    for name in arguments.only or CASES:
        try:
            rows.append(measure(name, arguments, data, folder))
        except _bnlab.BnlabError as error:
            if error.status != 2 or "bf16" not in str(error):
                raise
            print(f"{name:{WIDTH}} skipped: {str(error).splitlines()[-1]}")
            continue
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
    if sys.argv[1:2] == ["--peak-memory-of"]:
        return print_peak_memory(*sys.argv[2:])
    arguments = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="bnlab_bench_") as folder:
            return bench(arguments, Path(folder))
    except _bnlab.BnlabError as error:
        print(f"bench.py: {error}", file=sys.stderr)
        return {2: 2, 3: 77}.get(error.status, 1)
    except ReadError as error:
        say("bench.py", error)
        return error.status
    except OSError as error:
        print(f"bench.py: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
