"""The probes landscape, covariate_shift, hessian and input_gradient compute what PyTorch's autograd computes in double
precision, and PyTorch gives the outputs of an evaluated network with the weights that `bnlab fold` writes.

bnlab makes one step and records its start, its batch and its end; PyTorch evaluates the loss there. On a network with
ReLU, rounding may move a value to the other side of its kink, which changes a gradient by about 1e-3: another seed is
tried then. Differences of gradients, which the Hessian is made of, cross kinks whatever the seed: it is compared with
softplus and average pooling.
"""

import functools
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import support

sys.path.insert(0, str(support.SOURCE / "scripts"))

import _python  # noqa: E402

_python.require("numpy", "scipy", "torch", status=support.SKIP)

import numpy as np  # noqa: E402
import torch  # noqa: E402
from scipy.sparse.linalg import LinearOperator, eigsh  # noqa: E402
from torch import nn  # noqa: E402

from _bnlab import absorbs_bias  # noqa: E402
from _pytorch_data import read_dataset  # noqa: E402
from _pytorch_network import build_network, load_weights, named_tensors  # noqa: E402
from _pytorch_training import loss_of  # noqa: E402
from _reading import read_csv, read_json, read_npy, read_npz  # noqa: E402

TOLERANCE = 1e-4  # relative
SEEDS = 4
RATE = 0.1
MULTIPLIERS = [0.5, 1, 2, 4]
M3 = {"network.name": "mlp_3x100_sigmoid", "initialization.scheme": "gaussian", "initialization.std": 0.1,
      "training.batch_size": 60}
V6 = {"network.name": "vgg6", "training.batch_size": 4}
V6_LAYERS = [part for channels in (32, 64, 128)
             for part in (*[{"conv_block": {"channels": channels}}] * 2, {"avg_pool": {}})]
SMOOTH_V6 = {"network": json.dumps({"activation": "softplus",
                                    "layers": [*V6_LAYERS, {"flatten": {}}, {"dense": {"units": 10}}]}),
             "training.batch_size": 4}
RESNET = {"network.name": "resnet20", "training.batch_size": 4}
SMALL = {"network": json.dumps({"layers": [{"conv_block": {"channels": 8, "stride": 2}}, {"max_pool": {}},
                                           {"conv_block": {"channels": 8}}, {"flatten": {}},
                                           {"dense": {"units": 10}}]}), "training.batch_size": 20}
DRAWN = {"dataset.name": "drawn_digits", "dataset.synthetic.examples": 50, "dataset.synthetic.test_examples": 20}


@functools.cache
def training_data(dataset):
    """(images, labels) of the config's section, as text."""
    return read_dataset(json.loads(dataset))[:2]


class Replay:
    """A network of a run in double precision, with its parameters as one vector."""

    def __init__(self, run, weights):
        config = read_json(run / "config.json", {"training": dict})
        images, labels = training_data(json.dumps(config["dataset"]))
        batch = read_npy(run / "batches.npy")[0].astype(np.int64)
        self.network = build_network(config, images.shape[1:], absorbs_bias(support.BINARY, config)).double()
        load_weights(self.network, read_npz(run / weights))
        self.network.train()
        self.loss_section = config["loss"]
        self.images = torch.from_numpy(images[batch]).double()
        self.labels = torch.from_numpy(labels[batch].astype(np.int64))
        self.parameters = {name: tensor for name, tensor in named_tensors(self.network).items()
                           if isinstance(tensor, nn.Parameter)}
        self.start = {name: tensor.detach().clone() for name, tensor in self.parameters.items()}

    def loss(self):
        return loss_of(self.loss_section, self.network(self.images), self.labels)

    def gradients(self):
        """(loss, {name: gradient})."""
        loss = self.loss()
        return loss.item(), dict(zip(self.parameters, torch.autograd.grad(loss, list(self.parameters.values()))))

    def move(self, values):
        with torch.no_grad():
            for name, value in values.items():
                self.parameters[name].copy_(value)

    def freeze_statistics(self):
        """Normalizes with the statistics of the batch, as constants, from here on."""
        def take(module, inputs):
            x = inputs[0].detach()
            dims = [0, *range(2, x.dim())]
            module.running_mean.copy_(x.mean(dims))
            module.running_var.copy_(x.var(dims, unbiased=False))
            module.eval()

        for module in self.network.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.register_forward_pre_hook(take)
        with torch.no_grad():
            self.loss()
        for module in self.network.modules():
            module._forward_pre_hooks.clear()

    def largest_eigenvalue(self):
        tensors = list(self.parameters.values())
        gradients = torch.autograd.grad(self.loss(), tensors, create_graph=True)
        gradient = torch.cat([one.reshape(-1) for one in gradients])

        def product(v):
            parts = torch.autograd.grad(gradient, tensors, torch.from_numpy(v.reshape(-1)), retain_graph=True)
            return torch.cat([one.reshape(-1) for one in parts]).numpy()

        operator = LinearOperator((len(gradient), len(gradient)), product, dtype=np.float64)
        start = np.random.default_rng(1).standard_normal(len(gradient))
        return float(eigsh(operator, 1, which="LA", v0=start, tol=1e-8, return_eigenvectors=False)[0])


def norm(gradients):
    return float(sum(gradient.square().sum() for gradient in gradients.values()).sqrt())


def landscape(run):
    """The row of landscape.csv, without critical_rate and rise_rate."""
    replay = Replay(run, "weights_initial.npz")
    loss, gradients = replay.gradients()
    size = norm(gradients)
    losses, changes = [], []
    for multiplier in MULTIPLIERS:
        replay.move({name: value - multiplier * RATE * gradients[name] for name, value in replay.start.items()})
        there, moved = replay.gradients()
        losses.append(there)
        changes.append(norm({name: moved[name] - gradients[name] for name in gradients}))
    return {"loss": loss, "gradient_norm": size, "loss_minimum": min(losses), "loss_maximum": max(losses),
            "loss_range": max(losses) - min(losses), "gradient_change": max(changes),
            "relative_change": max(changes) / size, "best_ratio": min(losses) / loss,
            "smoothness": max(change / (m * RATE * size) for m, change in zip(MULTIPLIERS, changes))}


def covariate_shift(run):
    """{array: its row of covariate_shift.csv}."""
    replay, after = Replay(run, "weights_initial.npz"), read_npz(run / "weights.npz")
    _, before = replay.gradients()
    rows = {}
    for name in replay.parameters:
        if name.endswith("weights"):
            a, b = before[name].reshape(-1), replay.gradients()[1][name].reshape(-1)
            rows[name] = {"gradient_norm": float(a.norm()), "cosine": float(a @ b / (a.norm() * b.norm())),
                          "difference": float((a - b).norm()), "relative_difference": float((a - b).norm() / a.norm())}
        replay.move({name: torch.from_numpy(after[name])})
    return rows


def evaluated(run, weights, normalization=None):
    """The network of a run, or the same without normalization, in double precision, as it is evaluated."""
    config = read_json(run / "config.json", {"training": dict})
    if normalization:
        config["normalization"] = {**config["normalization"], "type": normalization}
    network = build_network(config, (1, 28, 28), absorbs_bias(support.BINARY, config)).double()
    load_weights(network, read_npz(weights))
    return network.eval(), config


def input_gradient(run, count, epsilons):
    """{epsilon: the row of input_gradient.csv} of the first test images."""
    network, config = evaluated(run, run / "weights.npz")
    train, _, images, labels = read_dataset(config["dataset"])
    low, high = float(train.min()), float(train.max())  # of black and white
    labels = torch.from_numpy(labels[:count].astype(np.int64))
    x = torch.from_numpy(images[:count]).double().requires_grad_()

    def measure(x):
        output = network(x)
        return loss_of(config["loss"], output, labels), (output.argmax(1) == labels).double().mean().item()

    loss, accuracy = measure(x)
    gradient, = torch.autograd.grad(count * loss, x)
    slopes = ((high - low) * gradient).reshape(count, -1)
    rows = {}
    for epsilon in epsilons:
        moved = (x + epsilon * (high - low) * gradient.sign()).clamp(low, high)
        attacked_loss, attacked = measure(moved.detach())
        rows[epsilon] = {"gradient_l1": slopes.norm(1, 1).mean().item(), "gradient_l2": slopes.norm(2, 1).mean().item(),
                         "loss": loss.item(), "accuracy": accuracy, "attacked_loss": attacked_loss.item(),
                         "attacked_accuracy": attacked}
    return rows


class ProbesTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="bnlab_probes_")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def run_of(self, settings, probes, seed):
        path = self.folder / "config.json"
        path.write_text('{"dataset": {"name": "fashion_mnist"}, "network": {"name": "vgg6"}}')
        fixed = {"dataset.scaling": "standardized", "normalization.type": "batch", "training.steps": 1,
                 "training.seed": seed, "optimizer.learning_rate": RATE, "record.initial_weights": "true",
                 "record.batches": "true", "evaluation.batch_size": 50}
        command = [str(support.BINARY), "train", str(path), "--force", "--out", str(self.folder / "run"),
                   "--set", f"probes=[{probes}]"]
        for key, value in {**fixed, **settings}.items():
            command += ["--set", f"{key}={value}"]
        done = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return self.folder / "run"

    def errors(self, found, expected):
        """Relative errors; a difference of losses or gradients is held to these where it is smaller."""
        scales = {"loss_range": "loss", "gradient_change": "gradient_norm", "difference": "gradient_norm"}
        least = {name: expected[of] for name, of in scales.items() if name in expected}
        least |= {"relative_change": 1, "cosine": 1, "relative_difference": 1}
        return {name: abs(found[name] - value) / max(abs(value), least.get(name, 0))
                for name, value in expected.items()}

    def agree(self, settings, probes, compare):
        """compare(run) gives errors; those of one of the seeds are within the tolerance."""
        worst = []
        for seed in range(1, SEEDS + 1):
            errors = compare(self.run_of(settings, probes, seed))
            worst.append(max(errors.values()))
            if worst[-1] < TOLERANCE:
                print(f"{self.id().rpartition('.')[2]}: {worst[-1]:.1e} with seed {seed}")
                return
        self.fail(f"{worst}, at last {errors}")

    def along_the_gradient(self, settings):
        def compare(run):
            columns = ["loss", "gradient_norm", "loss_minimum", "loss_maximum", "loss_range", "gradient_change",
                       "relative_change", "smoothness", "best_ratio"]
            table = read_csv(run / "landscape.csv", [], columns)
            return self.errors({name: table[name][0] for name in columns}, landscape(run))

        self.agree(settings, f'{{"type": "landscape", "multipliers": {MULTIPLIERS}}}', compare)

    def shift(self, settings):
        def compare(run):
            columns = ["gradient_norm", "cosine", "difference", "relative_difference"]
            table = read_csv(run / "covariate_shift.csv", ["parameter"], ["parameter", *columns])
            expected = covariate_shift(run)
            self.assertEqual(list(table["parameter"]), list(expected))
            errors = {}
            for i, (name, row) in enumerate(expected.items()):
                found = {column: table[column][i] for column in columns}
                errors |= {f"{name} {key}": error for key, error in self.errors(found, row).items()}
            return errors

        self.agree(settings, '{"type": "covariate_shift"}', compare)

    def eigenvalues(self, settings):
        """On all images, which are as many as a batch."""
        def compare(run):
            table = read_csv(run / "hessian.csv", ["statistics"], ["step", "statistics", "eigenvalue"])
            errors = {}
            for step, weights in ((0, "weights_initial.npz"), (1, "weights.npz")):
                for statistics in ("batch", "frozen"):
                    replay = Replay(run, weights)
                    if statistics == "frozen":
                        replay.freeze_statistics()
                    expected = replay.largest_eigenvalue()
                    row = (table["step"] == step) & (np.array(table["statistics"]) == statistics)
                    errors[f"{step} {statistics}"] = abs(table["eigenvalue"][row][0] / expected - 1)
            return errors

        self.agree({**settings, "dataset.limit": settings["training.batch_size"]},
                   '{"type": "hessian", "statistics": ["batch", "frozen"], "tolerance": 1e-4}',
                   compare)

    def test_input_gradient(self):
        def compare(run):
            expected = input_gradient(run, 70, [0.02, 0.1])  # in batches of 50 and 20
            columns = ["gradient_l1", "gradient_l2", "loss", "accuracy", "attacked_loss", "attacked_accuracy"]
            table = read_csv(run / "input_gradient.csv", [], ["step", "epsilon", *columns])
            errors = {}
            for epsilon, row in expected.items():
                at = (table["step"] == 1) & (table["epsilon"] == epsilon)
                errors |= {f"{epsilon} {name}": abs(table[name][at][0] - value) / max(abs(value), 1e-3)
                           for name, value in row.items()}
            return errors

        self.agree(SMALL, '{"type": "input_gradient", "examples": 70, "epsilons": [0.02, 0.1]}', compare)

    def test_folded_weights(self):
        """In double precision: what differs is the rounding of the folded weights."""
        images = torch.from_numpy(np.random.default_rng(1).standard_normal((16, 1, 28, 28)))
        for settings in (V6, RESNET):
            with self.subTest(settings["network.name"]):
                run, file = self.run_of({**settings, **DRAWN, "training.steps": 10}, "", 1), self.folder / "folded.npz"
                done = subprocess.run([str(support.BINARY), "fold", str(run), "--out", str(file), "--force"],
                                      capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, done.stderr)
                with torch.no_grad():
                    expected = evaluated(run, run / "weights.npz")[0](images)
                    found = evaluated(run, file, "none")[0](images)
                error = float((found - expected).abs().max() / expected.abs().max())
                print(f"folded weights of {settings['network.name']}: {error:.1e}")
                self.assertLess(error, 1e-5)

    def test_landscape_of_m3(self):
        self.along_the_gradient(M3)

    def test_shift_of_m3(self):
        self.shift(M3)

    def test_hessian_of_m3(self):
        self.eigenvalues(M3)

    @unittest.skipUnless(os.environ.get("BNLAB_SLOW_TESTS"), "BNLAB_SLOW_TESTS=1")
    def test_landscape_of_resnet20(self):
        self.along_the_gradient(RESNET)

    @unittest.skipUnless(os.environ.get("BNLAB_SLOW_TESTS"), "BNLAB_SLOW_TESTS=1")
    def test_shift_of_resnet20(self):
        self.shift(RESNET)

    @unittest.skipUnless(os.environ.get("BNLAB_SLOW_TESTS"), "BNLAB_SLOW_TESTS=1")
    def test_hessian_of_resnet20(self):
        self.eigenvalues({**RESNET, "network.activation": "softplus"})

    @unittest.skipUnless(os.environ.get("BNLAB_SLOW_TESTS"), "BNLAB_SLOW_TESTS=1")
    def test_landscape_of_v6(self):
        self.along_the_gradient(V6)

    @unittest.skipUnless(os.environ.get("BNLAB_SLOW_TESTS"), "BNLAB_SLOW_TESTS=1")
    def test_shift_of_v6(self):
        self.shift(V6)

    @unittest.skipUnless(os.environ.get("BNLAB_SLOW_TESTS"), "BNLAB_SLOW_TESTS=1")
    def test_hessian_of_v6(self):
        self.eigenvalues(SMOOTH_V6)


if __name__ == "__main__":
    if read_dataset({"name": "fashion_mnist", "scaling": "standardized"}) is None:
        support.skip("no files of fashion_mnist found")
    support.main()
