#!/usr/bin/env python3
"""Trains a config with bnlab and repeats the run in PyTorch, with the same initial weights, batches and arithmetic.

    scripts/compare_pytorch.py CONFIG --steps 200

Compares first-step gradients, the loss of every step, weights, running statistics and test accuracy. Each row shows
three distances: bnlab from PyTorch in float32, bnlab from PyTorch in float64, and PyTorch in float32 from PyTorch in
float64. The last one is the effect of rounding. Gradients are compared with float64, the more exact
reference, everything else with float32.

Convolutional networks have millions of values before a ReLU or a maximum. In most batches rounding moves one of them
to the other side of its kink, which changes a gradient by about 1e-3, and training amplifies that from step to step.
So their first-step gradients are judged in a run of their own with 4 images a batch, where a crossed kink is rare
(another seed is tried when it happens), and weights and running statistics after 20 steps. The distance of weights is
that of all parameters as one vector, relative to how far training has moved them. Weights pass within 5 times
the effect of rounding, or within 1e-5; running statistics likewise, or within 1e-6. A row is "undecided" if both it and
the effect of rounding exceed the tolerance, and it is below 10 times that effect: with this config rounding has too
large an effect; choose a smaller learning rate.

An arm of an experiment is replayed from the config that `bnlab sweep EXPERIMENT --out SWEEP --print-commands` writes
to SWEEP/configs, or from SWEEP/runs/NAME/config.json. One that starts from the weights of another arm needs that arm's
run in SWEEP/runs.

Example:
    scripts/compare_pytorch.py configs/v6_batch_normalization.json --set optimizer.learning_rate=0.01 --steps 50

Exit status: 0 every judged row passed; 1 one failed or is undecided, or bnlab failed; 2 usage; 3 a file is damaged; 77
PyTorch or the data is missing.
"""

import argparse
import csv
import json
import sys
import tempfile
from pathlib import Path

import _python

_python.require("numpy", "torch", status=77)

import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch import nn  # noqa: E402

from _bnlab import BnlabError, read_run, statistics_in, train  # noqa: E402
from _pytorch_data import read_dataset  # noqa: E402
from _pytorch_network import build_network, load_weights, named_tensors  # noqa: E402
from _pytorch_training import learning_rates, loss_of, make_optimizer  # noqa: E402
from _reading import Optional, ReadError, given_path, read_json, say  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
RUN = "run:"  # how initialization.from of a sweep's config begins
FIRST = 20  # steps over which rounding has not grown far yet
FEW = 4  # images of the batch on which a network with convolutions shows its gradients
SEEDS = 4  # such batches that are tried
GRADIENT_TOLERANCE = 1e-5  # max |difference| / max |reference|
LOSS_TOLERANCE = 1e-4  # relative
LOSS_TOLERANCE_CONV = 1e-2  # relative, over all steps of a network with convolutions
STATISTICS_TOLERANCE = 1e-6  # max |difference| / max |reference|, where TIMES_ROUNDING times the rounding are less
WEIGHTS_TOLERANCE = 1e-5  # |difference| / |reference - start|, likewise
TIMES_ROUNDING = 5  # that weights and running statistics may be off
ACCURACY_TOLERANCE = 0.2  # percentage points


# ---- data ------------------------------------------------------------------------------------------------------------

def check_supported(config):
    """ValueError for what the replay can't repeat."""
    for section, neutral in (("augmentation", {"crop_padding": 0, "flip": False}), ("shift", {"noise": 0})):
        found = config["dataset"].get(section, {})
        for key, value in neutral.items():
            if found.get(key, value) != value:
                raise ValueError(f"dataset.{section}.{key}: must be {json.dumps(value)} for this script, got "
                                 f"{json.dumps(found[key])}")
    if config["training"].get("precision", "f32") != "f32":
        raise ValueError("training.precision: must be f32 for this script")


def load_data(dataset):
    """_pytorch_data.read_dataset(), as tensors."""
    arrays = read_dataset(dataset)
    return arrays and tuple(torch.from_numpy(array) for array in arrays)


# ---- replay ----------------------------------------------------------------------------------------------------------

def weights_of(network):
    """Parameters and running statistics, in double precision."""
    return {name: tensor.detach().double().numpy().copy() for name, tensor in named_tensors(network).items()}


def accuracy(network, images, labels):
    """Fraction of images whose largest output is their class, with running statistics, in float32 whatever the network
    was trained in: float64 convolutions are slow, and an evaluation doesn't amplify rounding."""
    network.to(torch.float32).eval()
    correct = 0
    with torch.no_grad():
        for start in range(0, len(labels), 500):
            chunk = slice(start, start + 500)
            correct += int((network(images[chunk]).argmax(1) == labels[chunk]).sum())
    return correct / len(labels)


def replay(config, data, recorded, dtype, rate_factor=1.0):
    """Trains in PyTorch on the recorded batches. Returns a dict: losses (float64, one for each step), gradients of the
    first step, final weights, test accuracy."""
    images, labels, test_images, test_labels = data
    batches = recorded["batches"]
    network = build_network(config, images.shape[1:], recorded["absorbs_bias"]).to(dtype)
    load_weights(network, recorded["initial"])
    network.set_dropout_masks(recorded["dropout_masks"])
    rates = learning_rates(config["optimizer"], len(batches))
    optimizer = make_optimizer(network, config["optimizer"])
    result = {"losses": np.empty(len(batches))}
    network.train()
    parts = config["training"].get("accumulate", 1)
    share = 1 / parts if config["loss"]["reduction"] == "mean" else 1
    for step, images_of_step in enumerate(batches, start=1):
        optimizer.zero_grad()
        result["losses"][step - 1] = 0
        for part, batch in enumerate(np.split(images_of_step.astype(np.int64), parts), start=1):
            batch = torch.from_numpy(batch)
            network.set_step(step, len(batches), (step - 1) * parts + part)
            loss = share * loss_of(config["loss"], network(images[batch].to(dtype)), labels[batch])
            loss.backward()
            result["losses"][step - 1] += loss.item()
        if step == 1:
            result["gradients"] = {name: tensor.grad.double().numpy().copy() for name, tensor
                                   in named_tensors(network).items() if isinstance(tensor, nn.Parameter)}
        optimizer.step(rate_factor * rates[step - 1])
    result["weights"] = weights_of(network)
    result["accuracy"] = accuracy(network, test_images, test_labels)
    return result


# ---- comparison ------------------------------------------------------------------------------------------------------

def loss_distance(a, b):
    return float(np.max(np.abs(a - b) / np.abs(b)))


def tensor_distance(a, b, scale=None):
    """max |a - b| / max |b|, or / `scale`; just max |a - b| where that is 0."""
    scale = np.max(np.abs(b)) if scale is None else scale
    return float(np.max(np.abs(a - b)) / (scale if scale > 0 else 1))


def gradient_distance(name, a, b):
    """Distance of one gradient. One that is zero but for rounding, such as a bias's before a normalization, is held to
    the scale of the network's largest; a single number, a sum that may cancel, to that of its layer's gradients."""
    scale = np.max(np.abs(b[name]))
    if b[name].size == 1:
        layer = name.rpartition(".")[0]
        scale = max(np.max(np.abs(b[other])) for other in b if other.rpartition(".")[0] == layer)
    largest = max(np.max(np.abs(gradient)) for gradient in b.values())
    return tensor_distance(a[name], b[name], largest if scale < 1e-5 * largest else scale)


def statistics_distance(a, b):
    """Largest tensor_distance over all running statistics of `b`. Means, which are sums that may cancel, are held to
    the largest deviation of their layer where that is more."""
    def scale(name):
        layer, _, kind = name.rpartition(".")
        deviation = np.sqrt(np.max(b[f"{layer}.running_variance"])) if kind == "running_mean" else 0
        return max(np.max(np.abs(b[name])), deviation)

    return max(tensor_distance(a[name], b[name], scale(name)) for name in statistics_in(b))


def way_distance(start, a, b):
    """Distance of the parameters as one vector, relative to how far those of `b` are from the start."""
    names = [name for name in b if name not in statistics_in(b)]
    way = sum(np.sum((b[name] - start[name]) ** 2.0) for name in names)
    return float(np.sqrt(sum(np.sum((a[name] - b[name]) ** 2.0) for name in names) / (way if way > 0 else 1)))


class Table:
    """Rows of results. A distance is a function of two results; it is taken between bnlab, float32 and float64."""

    def __init__(self):
        self.counts = {"PASS": 0, "FAIL": 0, "undecided": 0, "reported": 0}
        print(f"{'':42} {'':>9} {'bnlab':>9} {'bnlab':>9} {'f32':>9}")
        print(f"{'':42} {'tolerance':>9} {'from f32':>9} {'from f64':>9} {'from f64':>9}")

    def add(self, what, tolerance, distance, run, single, double, judged="float32", times_rounding=0):
        """`tolerance` None: reported only; `times_rounding` times the rounding where that is more."""
        from_single, from_double, rounding = distance(run, single), distance(run, double), distance(single, double)
        if tolerance is not None:
            tolerance = max(tolerance, times_rounding * rounding)
        value = from_single if judged == "float32" else from_double
        if tolerance is None:
            verdict = "reported"
        elif value <= tolerance:  # false for NaN
            verdict = "PASS"
        else:
            verdict = "undecided" if rounding > tolerance and value <= 10 * rounding else "FAIL"
        self.counts[verdict] += 1
        limit = "" if tolerance is None else f"{tolerance:.2g}"
        print(f"{what:42} {limit:>9} {from_single:9.1e} {from_double:9.1e} {rounding:9.1e}  {verdict}", flush=True)


def gradients_agree(run, double):
    return all(gradient_distance(name, run["gradients"], double["gradients"]) <= GRADIENT_TOLERANCE
               for name in double["gradients"])


def compare_gradients(table, run, single, double, where):
    for name in double["gradients"]:
        table.add(f"gradient of {name}, {where}", GRADIENT_TOLERANCE,
                  lambda a, b, name=name: gradient_distance(name, a["gradients"], b["gradients"]),
                  run, single, double, judged="float64")


def compare_losses(table, run, single, double, with_conv):
    steps = len(run["losses"])
    limits = {min(FIRST, steps): LOSS_TOLERANCE}
    if steps > FIRST:
        limits[steps] = LOSS_TOLERANCE_CONV if with_conv else LOSS_TOLERANCE
    for count, tolerance in limits.items():
        table.add(f"loss, steps 1 to {count}", tolerance,
                  lambda a, b, count=count: loss_distance(a["losses"][:count], b["losses"][:count]),
                  run, single, double)


def compare_weights(table, run, single, double, is_judged=True):
    """Parameters and running statistics at the end."""
    rows = [("weights", WEIGHTS_TOLERANCE, lambda a, b: way_distance(run["initial"], a["weights"], b["weights"]))]
    if statistics_in(double["weights"]):
        rows.append(("running statistics", STATISTICS_TOLERANCE,
                     lambda a, b: statistics_distance(a["weights"], b["weights"])))
    for what, tolerance, distance in rows:
        table.add(f"{what} after step {len(run['losses'])}", tolerance if is_judged else None, distance, run, single,
                  double, times_rounding=TIMES_ROUNDING)


def compare_accuracy(table, run, single, double):
    def points(a, b):
        return 100 * abs(a["accuracy"] - b["accuracy"])

    in_pytorch = {"accuracy": run["accuracy_in_pytorch"]}
    table.add("test accuracy of bnlab's weights, points", ACCURACY_TOLERANCE, points, run, in_pytorch, in_pytorch)
    table.add("test accuracy, points", ACCURACY_TOLERANCE, points, run, single, double)


# ---- a whole comparison ----------------------------------------------------------------------------------------------

def write_losses(path, losses, single, double):
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["step", "bnlab", "pytorch_f32", "pytorch_f64"])
        writer.writerows([step, *(f"{value:.9g}" for value in row)]
                         for step, row in enumerate(zip(losses, single, double), start=1))


def run_beside(config, start):
    """The directory that initialization.from, run:HASH, names in a sweep's config: configs/NAME.json or
    runs/NAME/config.json of the sweep's directory."""
    runs = config.resolve().parent.parent
    runs = runs / "runs" if (runs / "runs").is_dir() else runs
    found = sorted(path for path in runs.glob(f"{start[len(RUN):]}_*") if (path / "weights.npz").exists())
    if not found:
        raise ValueError(f"{config}: initialization.from: {start}: no run in {runs} has a name that begins with "
                         f"{start[len(RUN):]}_ and a weights.npz; train it first, or name its directory with --set "
                         "initialization.from=RUN")
    return found[0]


def replays(config, data, run, rate_factor=1.0):
    """(float32, float64) results of `replay`."""
    return [replay(config, data, run, dtype, rate_factor) for dtype in (torch.float32, torch.float64)]


def gradients_on_few_images(arguments, overrides, seed, data, out):
    """Results (bnlab, float32, float64) of a first step on FEW images, and its seed; from the first of SEEDS seeds with
    which all gradients agree, or from the last."""
    for seed in range(seed, seed + SEEDS):
        train(arguments.bnlab, arguments.config, [*overrides, "training.steps=1", f"training.batch_size={FEW}",
                                                  f"training.seed={seed}"], 1, out)
        run = read_run(arguments.bnlab, out)
        results = (run, *replays(run["config"], data, run))
        if gradients_agree(run, results[-1]):
            break
    return results, seed


def short_run(arguments, overrides, data, out):
    """Results (bnlab, float32, float64) of a run of FIRST steps: not the first of a longer one where a schedule or a
    ramp goes by the number of steps."""
    train(arguments.bnlab, arguments.config, [*overrides, f"training.steps={FIRST}"], 1, out)
    run = read_run(arguments.bnlab, out)
    return run, *replays(run["config"], data, run, arguments.perturb)


def compare_run(arguments, out):
    overrides = [*arguments.overrides, "training.log_every=1", "training.eval_every=0", "probes=[]",
                 'evaluation.statistics=["running"]', "record.initial_weights=true", "record.batches=true",
                 "record.final_weights=true", "record.dropout_masks=true"]
    raw = read_json(arguments.config, {"training": Optional({"epochs": Optional(object)}),
                                       "initialization": Optional({"from": Optional(str)})}, None)
    if (raw.get("training") or {}).get("epochs") is not None:
        overrides.append("training.epochs=null")
    start = (raw.get("initialization") or {}).get("from") or ""
    if start.startswith(RUN) and not any(override.startswith("initialization.from=") for override in overrides):
        overrides.append(f"initialization.from={run_beside(arguments.config, start)}")
    train(arguments.bnlab, arguments.config, [*overrides, f"training.steps={arguments.steps}"], 1, out / "run")
    run = read_run(arguments.bnlab, out / "run")
    config = run["config"]
    check_supported(config)
    data = load_data(config["dataset"])
    if data is None:
        print(f"compare_pytorch.py: skipped: no files of {config['dataset']['name']} found", file=sys.stderr)
        return 77
    counts = len(run["losses"]), len(run["batches"])
    if counts != (arguments.steps, arguments.steps):
        raise BnlabError(f"{out / 'run'}: {counts[0]} losses and {counts[1]} batches, expected {arguments.steps}")
    print(f"{config['network']['name']}, normalization {config['normalization']['type']}, batch "
          f"{config['training']['batch_size']}, {arguments.steps} steps, PyTorch {torch.__version__}\n", flush=True)

    single, double = replays(config, data, run, arguments.perturb)
    with_conv = any(name.startswith("conv") for name in run["weights"])
    few = data[0], data[1], data[2][:FEW], data[3][:FEW]
    short = None
    if with_conv and arguments.steps > FIRST:
        short = short_run(arguments, overrides, few, out / "run_short")
    network = build_network(config, data[0].shape[1:], run["absorbs_bias"])
    load_weights(network, run["weights"])
    run["accuracy_in_pytorch"] = accuracy(network, data[2], data[3])
    write_losses(out / "losses.csv", run["losses"], single["losses"], double["losses"])

    table = Table()
    if with_conv:
        results, seed = gradients_on_few_images(arguments, overrides, config["training"]["seed"], few, out / "run_few")
        compare_gradients(table, *results, f"{FEW} images")
    else:
        compare_gradients(table, run, single, double, "step 1")
    compare_losses(table, run, single, double, with_conv)
    if short:
        compare_weights(table, *short)
    compare_weights(table, run, single, double, is_judged=not short)
    compare_accuracy(table, run, single, double)
    print(f"\ntest accuracy: bnlab {run['accuracy']:.4f}, PyTorch f32 {single['accuracy']:.4f}, "
          f"f64 {double['accuracy']:.4f}" + (f"; gradients with seed {seed}" if with_conv else ""))
    print(", ".join(f"{count} {verdict}" for verdict, count in table.counts.items() if count))
    return 1 if table.counts["FAIL"] or table.counts["undecided"] else 0


def main():
    parser = argparse.ArgumentParser(prog="compare_pytorch.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=given_path, metavar="CONFIG")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--bnlab", type=given_path, default=ROOT / "build/release/bnlab", help="default: %(default)s")
    parser.add_argument("--out", type=given_path, help="keep the runs and losses.csv here; default: a temporary folder")
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="KEY=VALUE",
                        help="as bnlab's; may be given several times")
    # For the test that the comparison can fail: the replay's learning rate is multiplied by this.
    parser.add_argument("--perturb", type=float, default=1.0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.steps < 1:
        parser.error(f"--steps: must be at least 1, got {arguments.steps}")
    try:
        if arguments.out:
            arguments.out.mkdir(parents=True, exist_ok=True)
            return compare_run(arguments, arguments.out)
        with tempfile.TemporaryDirectory(prefix="bnlab_compare_") as folder:
            return compare_run(arguments, Path(folder))
    except BnlabError as error:
        print(f"compare_pytorch.py: {error}", file=sys.stderr)
        return {2: 2, 3: 77}.get(error.status, 1)
    except ReadError as error:
        say("compare_pytorch.py", error)
        return error.status
    except (OSError, ValueError) as error:
        print(f"compare_pytorch.py: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
