"""The signature of a training run, the SHA-256 of its weights after 50 steps, for four networks and all normalizations.
It is equal
  - when the run is repeated, in a process of its own or by a sweep, with one job or two at a time,
  - when it is stopped at any step and resumed,
  - in every build type of one compiler on one machine (release, debug, sanitizers): -ffp-contract=off and no
    -ffast-math leave the compiler no choice of its own in bnlab's kernels, and oneDNN is the same library in all.
It may differ, so that none is committed here,
  - between processors: oneDNN chooses its kernels by their instruction set, and these sum in another order, with or
    without fused multiply-adds; between versions of oneDNN likewise; between C libraries, whose exp and log round
    differently;
  - between numbers of threads: each thread has partial sums of its own, which are then added. With the same number it
    is equal.
"""

import hashlib
import os
import pathlib
import random
import signal
import subprocess
import sys

from fault_injection import FaultTest
from program import BNLAB, DONE, SOURCE, main, read_npz

STEPS = 50
CHECKPOINT = 10
IMAGES = {"name": "drawn_digits", "scaling": "standardized", "synthetic": {"examples": 200, "test_examples": 20}}
CONV = {"name": "small", "layers": [{"conv_block": {"channels": 8}}, {"max_pool": {}},
                                    {"conv_block": {"channels": 6, "stride": 2}}, {"global_avg_pool": {}},
                                    {"dense": {"units": 10}}]}

NETWORKS = {
    "M3": {"network": {"name": "mlp_3x100_sigmoid"}, "training.batch_size": 60},
    "V6": {"network": {"name": "vgg6"}, "training.batch_size": 4},
    "ResNet-20": {"network": {"name": "resnet20"}, "training.batch_size": 4},
    "RNN": {"network": {"name": "rnn_rows"}, "optimizer": {"type": "rmsprop", "learning_rate": 1e-3, "clip_norm": 1.0}},
}
NORMALIZATIONS = {
    "none": {}, "batch": {}, "batch_renorm": {}, "ghost": {"virtual_batch_size": 4}, "frozen": {}, "noisy_batch": {},
    "noise": {}, "layer": {}, "instance": {}, "group": {"groups": 2}, "lp": {"norm": "l1"}, "local_response": {},
}
ARMS = {**{name: {**settings, "normalization.type": "batch"} for name, settings in NETWORKS.items()},
        **{name: {"normalization": {"type": name, **settings}} for name, settings in NORMALIZATIONS.items()}}


def signature(run):
    return hashlib.sha256((run / "weights.npz").read_bytes()).hexdigest()


class Signatures(FaultTest):
    """One sweep of all arms with one job gives the signatures that everything else must repeat."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.base = {"dataset": IMAGES, "network": CONV, "normalization": {"type": "none"},
                    "optimizer": {"learning_rate": 0.05, "momentum": 0.9},
                    "training": {"batch_size": 16, "steps": STEPS, "checkpoint_every": CHECKPOINT}}
        first = cls("sweep")
        first.setUp()
        cls.runs = first.sweep(cls.shared / "one", "--jobs", 1)
        cls.signatures = {arm: signature(run) for arm, run in cls.runs.items()}
        first.doCleanups()

    def sweep(self, out, *arguments):
        """The run of each arm, by its name."""
        content = {"name": "signatures", "claim": "None.", "source": "none", "base": self.base, "seeds": 1,
                   "arms": [{"name": name, "set": settings} for name, settings in ARMS.items()],
                   "quantities": [{"name": "loss", "file": "train.csv", "better": "lower",
                                   "series": {"column": "loss", "over_time": "final"}}],
                   "criteria": [{"name": "loss", "type": "value", "quantity": "loss", "arms": ["batch"]}]}
        path = self.write_config(content, "signatures.json")
        done = subprocess.run(self.command("sweep", path, "--out", out, *arguments), env=self.environment,
                              cwd=self.folder, capture_output=True, text=True)
        self.assertEqual(done.returncode, DONE, done.stdout + done.stderr)
        runs = {arm: list((out / "runs").glob(16 * "?" + f"_{arm}_seed1")) for arm in ARMS}
        self.assertEqual({arm: len(found) for arm, found in runs.items()}, dict.fromkeys(ARMS, 1))
        return {arm: found[0] for arm, found in runs.items()}

    def test_they_tell_runs_apart(self):
        # A signature that could not change would show nothing.
        self.assertEqual(len(set(self.signatures.values())), len(ARMS))
        for arm, run in self.runs.items():
            self.assertTrue(any(len(set(values)) > 1 for _, values in read_npz(run / "weights.npz").values()), arm)
        config = self.runs["batch"] / "config.json"
        for change in ("training.seed=2", f"training.steps={STEPS - 1}", "optimizer.learning_rate=0.0500001"):
            out = self.folder / change
            self.run_program("train", config, "--set", change, "--out", out)
            self.assertNotEqual(signature(out), self.signatures["batch"], change)

    def test_every_normalization_is_here(self):
        self.assertEqual(set(NORMALIZATIONS), set(self.names("normalizations")))

    def test_two_jobs(self):
        runs = self.sweep(self.folder / "two", "--jobs", 2)
        self.assertEqual({arm: signature(run) for arm, run in runs.items()}, self.signatures)

    def test_repeats(self):
        for arm, run in self.runs.items():
            with self.subTest(arm):
                self.run_program("train", run / "config.json", "--out", self.folder / arm)
                self.assertEqual(signature(self.folder / arm), self.signatures[arm])

    def test_resume_points(self):
        source = random.Random(17)
        for arm, run in self.runs.items():
            with self.subTest(arm):
                out = self.folder / arm
                arguments = ("train", run / "config.json", "--out", out, "--resume", "--set", "training.log_every=1")
                # After the first checkpoint, and a few rows after the one that the run goes on from.
                for rows in (source.randint(CHECKPOINT + 3, STEPS - 6), source.randint(1, 5)):
                    environment = {**self.with_fault(out / "train.csv", "kill", rows), "BNLAB_FAULT_CALLS": "write"}
                    self.assertEqual(self.execute(environment, *arguments)[0], -signal.SIGKILL)
                status, text = self.execute(self.environment, *arguments)
                self.assertEqual(status, DONE, text)
                self.assertIn("continuing after step", text)
                self.assertEqual(signature(out), self.signatures[arm])

    def test_threads(self):
        differing = []
        for arm in (*NETWORKS, "group", "noisy_batch"):
            with self.subTest(arm):
                for name in ("a", "b"):
                    self.run_program("train", self.runs[arm] / "config.json", "--threads", 2, "--out",
                                     self.folder / arm / name)
                self.assertEqual(signature(self.folder / arm / "a"), signature(self.folder / arm / "b"))
                if signature(self.folder / arm / "a") != self.signatures[arm]:
                    differing.append(arm)
        print(f"two threads sum in another order than one in: {', '.join(differing) or 'none'}", file=sys.stderr)

    def test_build_types(self):
        # ../TYPE/bnlab beside this program where it is newer than the sources, or what BNLAB_OTHER_BUILDS names.
        sources = max(path.stat().st_mtime for path in (SOURCE / "src").rglob("*") if path.is_file())
        named = os.environ.get("BNLAB_OTHER_BUILDS", "").split(":")
        others = [pathlib.Path(path) for path in named if path] or [
            path for path in BNLAB.parent.parent.glob("*/bnlab") if path != BNLAB and path.stat().st_mtime > sources]
        if not others:
            self.skipTest("no other build of these sources beside this one")
        for other in others:
            for arm, run in self.runs.items():
                with self.subTest(build=other.parent.name, arm=arm):
                    out = self.folder / other.parent.name / arm
                    subprocess.run([other, "train", run / "config.json", "--out", out, "--quiet"], env=self.environment,
                                   check=True)
                    self.assertEqual(signature(out), self.signatures[arm])


if __name__ == "__main__":
    main()
