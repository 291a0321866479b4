"""scripts/compare_pytorch.py: bnlab computes what PyTorch computes, and the comparison can fail."""

import json
import os
import tempfile
import unittest
from pathlib import Path

import support

CONFIGS = support.SOURCE / "configs"

# Every kind of block, with odd sizes.
ODD_NETWORK = {
    "dataset": {"name": "fashion_mnist"},
    "network": {"name": "odd", "activation": "tanh", "layers": [
        {"normalization": {}},
        {"conv": {"channels": 6, "kernel": [5, 3], "stride": [2, 1], "padding": [1, 2], "bias": True}},
        {"normalization": {}},
        {"activation": {"function": "sigmoid"}},
        {"avg_pool": {"kernel": 3, "stride": 2, "padding": 1}},
        {"conv_block": {"channels": 9, "groups": 3, "kernel": 1, "padding": 0}},
        {"max_pool": {"kernel": [3, 2], "padding": [1, 0]}},
        {"conv_block": {"channels": 17, "stride": 2, "activation": "relu"}},
        {"global_avg_pool": {}},
        {"flatten": {}},
        {"repeat": {"count": 2, "layers": [{"dense_block": {"units": 13, "bias": True}}]}},
        {"dense": {"units": 10}}]},
    "normalization": {"type": "batch", "mask": {"every": 2}, "running_variance": "biased"},
    "optimizer": {"learning_rate": 0.01, "momentum": 0.9},
    "training": {"batch_size": 19},
}


def compare(config, *arguments):
    return support.run_script("compare_pytorch.py", CONFIGS / config, "--bnlab", support.BINARY, *arguments)


class ComparePyTorchTest(unittest.TestCase):
    def assert_agrees(self, result):
        print(result.stdout)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertNotIn("FAIL", result.stdout)
        self.assertNotIn("undecided", result.stdout)

    def test_mlp_without_normalization(self):
        self.assert_agrees(compare("figure1_without_normalization.json", "--steps", 200,
                                   "--set", "optimizer.momentum=0.9"))

    def test_mlp_with_batch_normalization(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assert_agrees(compare("figure1_batch_normalization.json", "--steps", 200, "--out", folder,
                                       "--set", "optimizer.momentum=0.9"))
            self.assertEqual(len((Path(folder) / "losses.csv").read_text().splitlines()), 201)

    def test_mlp_with_every_option_changed(self):
        settings = ["optimizer.momentum=0.5", "optimizer.weight_decay=0.01",
                    "optimizer.decay_normalization_and_biases=true",
                    'optimizer.schedule={"type": "step", "every": 7, "factor": 0.5}',
                    "normalization.placement=after_activation", "normalization.mask=[1, 3]",
                    "normalization.epsilon=0.01", "normalization.initial_gamma=0.5", "normalization.initial_beta=0.2",
                    "normalization.running_average_decay=0.7", "normalization.running_variance=biased",
                    "network.activation=tanh", "dataset.scaling=standardized", "dataset.limit=1000",
                    "dataset.validation=100", "training.batch_size=17"]
        arguments = [argument for setting in settings for argument in ("--set", setting)]
        self.assert_agrees(compare("figure1_batch_normalization.json", "--steps", 40, *arguments))

    def test_every_kind_of_block(self):
        with tempfile.TemporaryDirectory() as folder:
            config = Path(folder) / "odd.json"
            config.write_text(json.dumps(ODD_NETWORK))
            self.assert_agrees(compare(config, "--steps", 20))

    # Convolutions of all kinds on a smaller scale are in the test above and in compare_pytorch_kinds_test.py.
    @unittest.skipUnless(os.environ.get("BNLAB_SLOW_TESTS"), "V6 takes a minute; set BNLAB_SLOW_TESTS=1")
    def test_v6_with_batch_normalization(self):
        # A rate at which 20 steps don't amplify rounding beyond the tolerance, see the script's description.
        self.assert_agrees(compare("v6_batch_normalization.json", "--steps", 20, "--set", "training.batch_size=64",
                                   "--set", "optimizer.learning_rate=3e-5"))

    def test_another_learning_rate_is_noticed(self):
        result = compare("figure1_batch_normalization.json", "--steps", 20, "--perturb", 1.01)
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        self.assertRegex(result.stdout, r"loss, steps 1 to 20 .* FAIL")
        self.assertRegex(result.stdout, r"weights after step 20 .* FAIL")
        self.assertRegex(result.stdout, r"gradient of dense1.weights, step 1 .* PASS")

    def test_missing_data_is_a_skip(self):
        result = compare("figure1_batch_normalization.json", "--set", "dataset.path=/nonexistent")
        self.assertEqual(result.returncode, support.SKIP, result.stderr)
        self.assertIn("/nonexistent", result.stderr)


if __name__ == "__main__":
    first = compare("figure1_without_normalization.json", "--steps", 1)
    if first.returncode == support.SKIP:
        support.skip(first.stderr.strip())
    support.main()
