"""One arm of each of the claims that rest on larger networks, replayed in PyTorch: the config of the experiment's full
profile, but for a rate, a batch and a number of steps at which rounding does not decide (see the script).

With BNLAB_SLOW_TESTS=1 only: some minutes."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import support

STEPS = 20
GENTLE = ("optimizer.learning_rate=3e-5", "training.batch_size=32")


class ReplayTest(unittest.TestCase):
    def assert_agrees(self, experiment, config, *settings):
        """`config` is the name that a sweep gives the config of an arm, behind the hash."""
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([support.BINARY, "sweep", support.SOURCE / "experiments" / f"{experiment}.json", "--profile",
                            "full", "--seeds", "1", "--out", folder, "--print-commands"], check=True,
                           capture_output=True, cwd=support.SOURCE)
            found = list(Path(folder).glob(f"configs/*_{config}_seed1.json"))
            self.assertEqual(len(found), 1, found)
            overrides = [argument for setting in settings for argument in ("--set", setting)]
            result = support.run_script("compare_pytorch.py", found[0], "--bnlab", support.BINARY, "--steps", STEPS,
                                        *overrides)
        print(result.stdout)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertNotIn("FAIL", result.stdout)
        self.assertNotIn("undecided", result.stdout)

    def test_higher_learning_rate(self):
        self.assert_agrees("higher_learning_rate", "batch", *GENTLE)

    def test_saturating_nonlinearity(self):
        self.assert_agrees("saturating_nonlinearity", "mlp_batch_learning_rate=0.1_")

    def test_lrn_unneeded(self):
        self.assert_agrees("lrn_unneeded", "batch_local_name=vgg6_local_response_learning_rate=0.03_", *GENTLE)

    def test_regularization(self):
        self.assert_agrees("regularization", "batch_grid_learning_rate=0.03_", *GENTLE)

    def test_recurrent(self):
        """RMSprop divides by the size of a gradient, which must not be that of rounding."""
        self.assert_agrees("recurrent", "pixels_separate_01_learning_rate=0.001", "optimizer.epsilon=1e-4")


if __name__ == "__main__":
    if not os.environ.get("BNLAB_SLOW_TESTS"):
        support.skip("set BNLAB_SLOW_TESTS=1 for replays of the experiments' networks, which take some minutes")
    first = support.run_script("compare_pytorch.py", support.SOURCE / "configs/figure1_without_normalization.json",
                               "--bnlab", support.BINARY, "--steps", 1)
    if first.returncode == support.SKIP:
        support.skip(first.stderr.strip())
    support.main()
