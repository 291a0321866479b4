"""State that is not finite: refused where it is read, nan where it is evaluated, and then the run has diverged."""

import math
import struct
import zipfile

from program import DATA, ProgramTest, main, read_csv, read_npz, run_json

INFINITE_GAIN = '[{"layers": "dense1*", "gain": 1e21}]'
DEEPER = [{"flatten": {}}, {"dense_block": {"units": 17}}, {"dense_block": {"units": 5}}, {"dense": {"units": 10}}]
CODES = {"f": "<f4", "d": "<f8", "i": "<i4", "q": "<i8", "Q": "<u8"}


def npy(code, shape, values):
    header = f"{{'descr': '{CODES[code]}', 'fortran_order': False, 'shape': {tuple(shape)}, }}"
    header += " " * (-(10 + len(header) + 1) % 64) + "\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header.encode() + struct.pack(
        f"<{len(values)}{code}", *values)


def with_value(source, target, name, index, value):
    """A copy of an .npz whose array `name` has another value at a flat index."""
    shape, values = read_npz(source)[name]
    values = list(values)
    values[index] = value
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for entry in old.namelist():
            data = old.read(entry)
            new.writestr(entry, npy("f", shape, values) if entry in (name, name + ".npy") else data)


class FiniteState(ProgramTest):
    def expect_diverged(self, out, *parts):
        summary = run_json(out)
        self.assertEqual(summary["status"], "diverged")
        for part in parts:
            self.assertIn(part, summary["reason"])
        self.assertNotIn("error", summary)
        self.assertEqual(int(read_csv(out / "train.csv")[-1]["step"]), summary["last_step"])
        self.assert_whole_csv(out)
        return summary

    def test_running_variance_that_overflows(self):
        """The loss is finite with batch statistics all along."""
        for kind in ("ghost", "batch"):
            for every, last in ((0, 20), (10, 10)):
                with self.subTest(kind, eval_every=every):
                    out = self.folder / f"{kind}{every}"
                    path = self.write_config(normalization={"type": kind}, training={"eval_every": every},
                                             network={"layers": DEEPER})
                    text, _ = self.run_program("train", path, "--out", out,
                                               "--set", "initialization.overrides=" + INFINITE_GAIN)
                    self.assertRegex(text, r"diverged after \d+ of 20 steps.*normalization1\.running_variance: inf at")
                    summary = self.expect_diverged(out, "normalization1.running_variance: inf at index ")
                    self.assertEqual(summary["last_step"], last)
                    self.assertTrue(all(math.isfinite(float(row["loss"])) for row in read_csv(out / "train.csv")))
                    rows = [row for row in read_csv(out / "eval.csv") if int(row["step"]) == last]
                    self.assertTrue(rows)
                    self.assertEqual({(row["loss"], row["accuracy"]) for row in rows}, {("nan", "nan")})

    def test_each_kind_of_statistics_by_itself(self):
        out = self.train("out", "--set", "initialization.overrides=" + INFINITE_GAIN, training={"eval_every": 0},
                         evaluation={"statistics": ["batch", "precise", "running"]})
        self.expect_diverged(out, "normalization1.")
        losses = {row["statistics"]: float(row["loss"]) for row in read_csv(out / "eval.csv")}
        self.assertTrue(math.isfinite(losses["batch"]))
        self.assertTrue(math.isnan(losses["precise"]) and math.isnan(losses["running"]))

    def test_precise_statistics_that_overflow_before_the_first_step(self):
        out = self.train("out", "--set", "initialization.overrides=" + INFINITE_GAIN,
                         normalization={"population": "precise"})
        summary = self.expect_diverged(out, "normalization1.precise_variance: inf at index ")
        self.assertEqual(summary["last_step"], 1)
        self.assertEqual({row["loss"] for row in read_csv(out / "eval.csv")}, {"nan"})

    def test_running_variance_that_overflows_at_a_checkpoint(self):
        out = self.train("out", "--set", "initialization.overrides=" + INFINITE_GAIN,
                         training={"eval_every": 0, "checkpoint_every": 3, "log_every": 100})
        self.assertEqual(self.expect_diverged(out, "running_variance: inf at")["last_step"], 3)
        self.assertFalse((out / "checkpoint.npz").exists())

    def test_a_loss_that_is_not_finite(self):
        out = self.train("out", optimizer={"learning_rate": 1e6, "momentum": 0.0}, normalization={"type": "none"},
                         training={"steps": 500, "eval_every": 0})
        self.assertRegex(run_json(out)["reason"], r"\A(loss: (nan|inf)|gradient: its norm is (nan|inf)) at step \d+"
                                                  r"(; \S+: (nan|inf) at index .*)?\Z")

    def test_runs_that_complete_have_no_reason(self):
        self.assertNotIn("reason", run_json(self.train("out")))

    def test_weights_of_another_run(self):
        source = self.train("source") / "weights.npz"
        values = [("normalization1.running_variance", 3, -1.0, "-1 at index 3"),
                  ("normalization2.running_variance", 16, math.nan, "nan at index 16"),
                  ("normalization1.running_variance", 0, math.inf, "inf at index 0"),
                  ("normalization1.running_mean", 5, -math.inf, "-inf at index 5"),
                  ("normalization2.gamma", 2, math.nan, "nan at index 2"),
                  ("normalization2.beta", 2, math.inf, "inf at index 2"),
                  ("dense3.bias", 9, math.nan, "nan at index 9"),
                  ("dense2.weights", 40, math.nan, "nan at index (2, 6)")]
        for name, index, value, text in values:
            with self.subTest(name, value=value):
                damaged = self.folder / "damaged.npz"
                with_value(source, damaged, name, index, value)
                path = self.write_config(initialization={"from": str(damaged)})
                out = self.folder / "out"
                _, error = self.run_program("train", path, "--out", out, status=DATA)
                self.assertIn(f"{damaged}: weights: {name}: {text}", error)
                self.assertFalse(out.exists() and any(out.iterdir()))
        with_value(source, self.folder / "damaged.npz", "normalization1.running_variance", 3, 0.0)
        self.run_program("train", path, "--out", self.folder / "out")

    def test_checkpoints(self):
        out = self.train("out", "--set", "training.checkpoint_every=20")
        (out / "run.json").unlink()  # as after a kill
        whole = self.folder / "whole.npz"
        (out / "checkpoint.npz").rename(whole)
        path = self.write_config(training={"checkpoint_every": 20})
        for name, index, value, text in [("normalization1.running_variance", 1, -2.5, "-2.5 at index 1"),
                                         ("dense1.weights", 784, math.nan, "nan at index (1, 0)"),
                                         ("optimizer.dense2.bias.velocity", 0, math.inf, "inf at index 0"),
                                         ("optimizer.dense2.weights.velocity", 0, math.inf, "inf at index (0, 0)")]:
            if name not in read_npz(whole):
                continue
            with self.subTest(name, value=value):
                with_value(whole, out / "checkpoint.npz", name, index, value)
                _, error = self.run_program("train", path, "--out", out, "--resume", status=DATA)
                self.assertIn(f"{name}: {text}", error)
                self.assertIn("checkpoint.npz", error)


if __name__ == "__main__":
    main()
