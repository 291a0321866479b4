"""bnlab computes what PyTorch computes, over 100 steps: each normalization, block, loss, optimizer and schedule.

Activations are smooth here, so that rounding can't cross a kink and the tolerances of scripts/compare_pytorch.py hold
for every step. Images are a part of Fashion-MNIST.
"""

import json
import shutil
import tempfile
import unittest
from pathlib import Path

import image_part
import support

STEPS = 100

MLP = [{"flatten": {}}, {"repeat": {"count": 2, "layers": [{"dense_block": {"units": 33}}]}}, {"dense": {"units": 10}}]
CONV = [{"conv_block": {"channels": 12, "stride": 2, "kernel": 5}}, {"avg_pool": {}}, {"conv_block": {"channels": 20}},
        {"global_avg_pool": {}}, {"dense": {"units": 10}}]
RESIDUAL = [{"conv_block": {"channels": 6, "stride": 2}}, {"avg_pool": {}},
            {"residual": {"body": [{"conv_block": {"channels": 6}}, {"conv": {"channels": 6}}, {"normalization": {}}]}},
            {"activation": {}},
            {"residual": {"body": [{"conv_block": {"channels": 10, "stride": 2, "padding": 1}},
                                   {"conv": {"channels": 10}}, {"normalization": {}}]}},
            {"activation": {}}, {"global_avg_pool": {}}, {"dense": {"units": 10}}]
CONCAT = [{"conv_block": {"channels": 6, "stride": 2}}, {"avg_pool": {}},
          {"concat": {"branches": [[{"conv_block": {"channels": 5, "kernel": 1}}],
                                   [{"conv_block": {"channels": 16, "kernel": 1}}, {"conv_block": {"channels": 7}}],
                                   [{"avg_pool": {"kernel": 3, "stride": 1, "padding": 1}}], []]}},
          {"global_avg_pool": {}}, {"dense": {"units": 10}}]
RECURRENT = [{"avg_pool": {}}, {"recurrent": {"units": 30}}, {"dense": {"units": 10}}]
DROPOUT = [{"flatten": {}}, {"dropout": {"rate": 0.2}}, {"dense_block": {"units": 40}}, {"dropout": {}},
           {"dense": {"units": 10}}]
CONVNEXT = [{"conv": {"channels": 12, "kernel": 4, "stride": 4, "padding": 0}}, {"normalization": {}},
            {"residual": {"body": [{"conv": {"channels": 12, "kernel": 7, "groups": 12}}, {"normalization": {}},
                                   {"conv": {"channels": 24, "kernel": 1}}, {"activation": {"function": "gelu"}},
                                   {"conv": {"channels": 12, "kernel": 1}}]}},
            {"global_avg_pool": {}}, {"normalization": {}}, {"dense": {"units": 10}}]
RAMP_IN_STEPS = {"initial": 1, "final": 3, "begin": 10, "end": 60, "unit": "steps"}
RAMP_IN_FRACTIONS = {"initial": 0, "final": 5, "begin": 0.05, "end": 0.5, "unit": "fraction"}
# Adam and RMSprop divide each gradient by its own size. With a tiny epsilon one that is nothing but rounding would move
# its weight as far as any other.
EPSILON = 1e-4


class Kinds(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="bnlab_pytorch_"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        image_part.write_fashion_mnist(cls.folder)

    def agree(self, layers, normalization="batch", learning_rate=0.02, **sections):
        """100 steps of bnlab and PyTorch agree."""
        if isinstance(normalization, str):
            normalization = {"type": normalization}
        config = {"dataset": {"name": "fashion_mnist", "path": str(self.folder), "scaling": "standardized"},
                  "network": {"activation": "tanh", **sections.pop("network", {}), "layers": layers},
                  "normalization": normalization, "initialization": {"scheme": "xavier"},
                  "optimizer": {"learning_rate": learning_rate, **sections.pop("optimizer", {})},
                  "training": {"batch_size": 24}, **sections}
        path = self.folder / f"{self.id()}.json"
        path.write_text(json.dumps(config))
        result = support.run_script("compare_pytorch.py", path, "--bnlab", support.BINARY, "--steps", STEPS)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertRegex(result.stdout, r"loss, steps 1 to 100 .* PASS")

    # ---- normalizations

    def test_layer(self):
        self.agree(CONV, "layer")

    def test_layer_over_positions(self):
        self.agree(CONV, {"type": "layer", "over": "position"})

    def test_layer_of_vectors(self):
        self.agree(MLP, "layer")

    def test_group(self):
        self.agree(CONV, {"type": "group", "groups": 4})

    def test_channels_per_group(self):
        self.agree(CONV, {"type": "group", "channels_per_group": 2})

    def test_instance(self):
        self.agree(CONV, "instance")

    def test_frozen(self):
        self.agree(CONV, "frozen")

    def test_local_response(self):
        self.agree(CONV, {"type": "local_response", "local_response": {"alpha": 0.5, "k": 2}})

    def test_another_norm_of_raw_values(self):
        self.agree(CONV, {"type": "lp", "norm": "l1", "norm_of": "raw", "gamma_distribution": "uniform"})

    def test_batch_renormalization_against_the_paper(self):
        self.agree(MLP, {"type": "batch_renorm", "r_max": RAMP_IN_STEPS, "d_max": RAMP_IN_FRACTIONS})
        self.agree(CONV, {"type": "batch_renorm", "r_max": RAMP_IN_STEPS, "d_max": RAMP_IN_FRACTIONS})

    def test_virtual_batches(self):
        # 24 images: the last virtual batch is smaller.
        self.agree(CONV, {"type": "ghost", "virtual_batch_size": 7})
        self.agree(MLP, {"type": "batch_renorm", "virtual_batch_size": 12, "r_max": RAMP_IN_STEPS,
                         "d_max": RAMP_IN_FRACTIONS})

    def test_noise(self):
        self.agree(MLP, "noise")
        self.agree(MLP, {"type": "noisy_batch", "noise": {"mean": 0.2, "std": 1.5, "std_jitter": 0.3},
                         "normalize_input": True})

    def test_normalized_input(self):
        self.agree(MLP, {"type": "batch", "normalize_input": True, "mask": "none"},
                   dataset={"name": "fashion_mnist", "path": str(self.folder), "scaling": "raw"})

    # ---- blocks

    def test_residual(self):
        for shortcut in ("padding", "projection"):
            with self.subTest(shortcut=shortcut):
                self.agree(RESIDUAL, network={"shortcut": shortcut})
        self.agree(RESIDUAL, {"type": "batch", "zero_gamma_residual": True})
        self.agree(RESIDUAL, "none", network={"residual_scalar": 0.0})
        self.agree(RESIDUAL, network={"layer_scale": 0.1})

    def test_concat(self):
        self.agree(CONCAT)

    def test_recurrent(self):
        self.agree(RECURRENT, "none")
        self.agree(RECURRENT, {"type": "batch", "initial_gamma": 0.1})

    def test_recurrent_normalizations(self):
        self.agree(RECURRENT, {"type": "batch", "recurrent_statistics": "shared", "initial_gamma": 0.3})
        self.agree(RECURRENT, "layer")
        self.agree(RECURRENT, {"type": "batch_renorm", "r_max": RAMP_IN_STEPS, "d_max": RAMP_IN_FRACTIONS})

    def test_recurrent_over_pixels(self):
        recurrent = {"units": 30, "reads": "pixels", "normalize": "separate", "permutation": 1,
                     "initial_state_noise": 0.5}
        pixels = [{"avg_pool": {"kernel": 7}}, {"recurrent": recurrent}, {"dense": {"units": 10}}]
        self.agree(pixels, {"type": "batch", "initial_gamma": 0.1})

    def test_dropout(self):
        self.agree(DROPOUT, network={"dropout": 0.0})
        self.agree(DROPOUT, network={"dropout": 0.4})

    def test_depthwise_and_gelu(self):
        self.agree(CONVNEXT, {"type": "layer", "over": "position"}, optimizer={"type": "adamw"}, learning_rate=1e-3)

    def test_weight_standardization(self):
        self.agree(RESIDUAL, {"type": "group", "groups": 2}, network={"weight_standardization": True})

    def test_activations(self):
        for function in ("gelu", "elu", "softplus", "sigmoid"):
            with self.subTest(function=function):
                self.agree(MLP, network={"activation": function})

    # ---- losses

    def test_losses(self):
        self.agree(MLP, loss={"label_smoothing": 0.1})
        self.agree(MLP, loss={"reduction": "sum"}, learning_rate=1e-3)
        self.agree(MLP, loss={"type": "squared_error"})
        self.agree(MLP, loss={"type": "squared_error", "reduction": "sum"}, learning_rate=1e-3)

    # ---- optimizers

    def test_sgd(self):
        self.agree(MLP, optimizer={"momentum": 0.9, "nesterov": True, "weight_decay": 0.01})
        self.agree(MLP, optimizer={"momentum": 0.9, "weight_decay": 0.1, "decay": "decoupled"})

    def test_clipping(self):
        self.agree(MLP, optimizer={"clip_norm": 0.5, "momentum": 0.9})

    def test_norm_parameters_alone(self):
        self.agree(MLP, optimizer={"trainable": {"select": "normalization"}}, learning_rate=0.1)

    def test_adam(self):
        self.agree(MLP, optimizer={"type": "adam", "weight_decay": 0.01, "epsilon": EPSILON}, learning_rate=1e-3)

    def test_adamw(self):
        self.agree(MLP, optimizer={"type": "adamw", "weight_decay": 0.1, "decay_normalization_and_biases": True,
                                   "epsilon": EPSILON}, learning_rate=1e-3)

    def test_rmsprop(self):
        self.agree(MLP, optimizer={"type": "rmsprop", "epsilon": EPSILON}, learning_rate=1e-3)

    def test_rmsprop_with_momentum(self):
        self.agree(MLP, optimizer={"type": "rmsprop", "momentum": 0.9, "weight_decay": 0.01, "epsilon": EPSILON},
                   learning_rate=1e-4)

    # ---- accumulated gradients

    def test_accumulation(self):
        training = {"batch_size": 8, "accumulate": 3}
        self.agree(CONV, training=training, optimizer={"momentum": 0.9})
        self.agree(DROPOUT, {"type": "batch_renorm", "r_max": RAMP_IN_STEPS, "d_max": RAMP_IN_FRACTIONS},
                   network={"dropout": 0.4}, training=training, loss={"reduction": "sum"}, learning_rate=1e-3)

    # ---- schedules

    def test_schedules(self):
        for schedule in ({"type": "step", "every": 30, "factor": 0.3},
                         {"type": "exponential", "every": 20, "factor": 0.5, "warmup_steps": 17, "warmup_start": 0.1},
                         {"type": "cosine", "final_fraction": 0.1, "warmup_steps": 10},
                         {"type": "one_cycle", "final_fraction": 0.01},
                         {"type": "constant", "warmup_steps": 50}, {"type": "doubling", "every": 40}):
            with self.subTest(**schedule):
                self.agree(MLP, optimizer={"schedule": schedule})


if __name__ == "__main__":
    if not image_part.has_fashion_mnist():
        support.skip(f"{image_part.FASHION_MNIST}: not found")
    probe = support.run_script("compare_pytorch.py", "--help")
    if probe.returncode == support.SKIP:
        support.skip(probe.stderr.strip())
    support.main()
