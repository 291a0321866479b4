"""scripts/plot.py on run directories made here: complete, cut off, diverged, without probes, damaged."""

import csv
import json
import math
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import support

KINDS = ("curves", "distribution", "gradients")
FILES = [f"figure_{kind}.{ending}" for kind in KINDS for ending in ("csv", "png", "svg")]
PROBE_COLUMNS = "step,layer,tensor,unit,p5,p15,p50,p85,p95,mean,standard_deviation,fraction_saturated,fraction_dead"


def write_csv(path, header, rows):
    lines = [header] + [",".join(str(value) for value in row) for row in rows]
    path.write_text("\n".join(lines) + "\n")


def write_run(folder, normalization="batch", seed=1, steps=200, status="completed", probes=True):
    """A run directory as bnlab writes it. The numbers are smooth functions of the step and the seed."""
    folder.mkdir(parents=True)
    config = {"network": {"name": "mlp"}, "normalization": {"type": normalization},
              "training": {"seed": seed, "steps": 200},
              "probes": [{"type": name} for name in ("activation_distribution", "gradient_norm") if probes]}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "run.json").write_text(json.dumps({"status": status, "last_step": steps, "steps": 200}))

    def loss(step):
        return 2.3 * math.exp(-step / 80) + 0.1 * seed

    write_csv(folder / "train.csv",
              "step,epoch,examples,learning_rate,loss,accuracy,gradient_norm,weight_norm,seconds",
              [(s, 0, 60 * s, 0.1, "nan" if status == "diverged" and s == steps else loss(s), 0.5, 1, 1, 0.1)
               for s in range(10, steps + 1, 10)])
    write_csv(folder / "eval.csv", "step,epoch,split,statistics,loss,accuracy",
              [(s, 0, "test", "running", loss(s), 1 - loss(s) / 3) for s in range(0, steps + 1, 50)])
    if probes:
        write_csv(folder / "activation_distribution.csv", PROBE_COLUMNS,
                  [(s, layer, tensor, unit, -2, -1 - index, index, 1 + index, 2, 0, 1, 0, 0)
                   for s in range(0, steps + 1, 50) for index, layer in enumerate(("activation2", "activation10"))
                   for tensor in ("input", "output") for unit in ("all", 4, 7)])
        write_csv(folder / "gradient_norm.csv", "step,parameter,gradient_norm,value_norm,ratio",
                  [(s, f"dense{n}.{kind}", 10.0 ** -n, 1, 1) for s in range(50, steps + 1, 50)
                   for n in (1, 2) for kind in ("weights", "bias")])
    return folder


class PlotTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)

    def plot(self, *arguments, status=0):
        result = support.run_script("plot.py", *arguments)
        self.assertEqual(result.returncode, status, result.stderr)
        self.assertNotIn("Traceback", result.stderr)
        return result

    def rows(self, path):
        with path.open(newline="") as file:
            return list(csv.DictReader(file))

    def test_one_run(self):
        run = write_run(self.folder / "run")
        before = {path.name for path in run.iterdir()}
        result = self.plot(run)
        self.assertEqual(result.stderr, "")
        self.assertEqual(sorted({path.name for path in run.iterdir()} - before), FILES)
        for kind in KINDS:
            self.assertEqual((run / f"figure_{kind}.png").read_bytes()[:8], b"\x89PNG\r\n\x1a\n")
            self.assertIn("<svg", (run / f"figure_{kind}.svg").read_text())

    def test_the_same_bytes_when_repeated(self):
        run = write_run(self.folder / "run")
        for out in ("a", "b"):
            self.plot(run, "--out", self.folder / out)
        for name in FILES:
            self.assertEqual((self.folder / "a" / name).read_bytes(), (self.folder / "b" / name).read_bytes(), name)

    def test_plotted_numbers_stand_beside_the_figure(self):
        run = write_run(self.folder / "run")
        self.plot(run)
        test = [(float(row["step"]), float(row["value"])) for row in self.rows(run / "figure_curves.csv")
                if row["series"] == "test" and row["metric"] == "loss"]
        self.assertEqual([step for step, _ in test], [0, 50, 100, 150, 200])
        self.assertAlmostEqual(test[1][1], 2.3 * math.exp(-50 / 80) + 0.1, places=6)
        parameters = {row["parameter"] for row in self.rows(run / "figure_gradients.csv")}
        self.assertEqual(parameters, {"dense1.weights", "dense2.weights"})

    def test_last_activation_and_first_unit_by_default(self):
        run = write_run(self.folder / "run")
        self.plot(run, "--figure", "distribution")
        rows = self.rows(run / "figure_distribution.csv")
        self.assertEqual({(row["layer"], row["tensor"], row["unit"], row["p50"]) for row in rows},
                         {("activation10", "input", "4", "1")})
        self.plot(run, "--figure", "distribution", "--layer", "activation2", "--unit", "all", "--format", "png")
        rows = self.rows(run / "figure_distribution.csv")
        self.assertEqual({(row["layer"], row["unit"], row["p50"]) for row in rows}, {("activation2", "all", "0")})
        result = self.plot(run, "--figure", "distribution", "--layer", "activation9", status=3)
        self.assertIn("no layer activation9; it has activation2, activation10", result.stderr)

    def test_several_runs_go_to_their_common_folder(self):
        runs = [write_run(self.folder / name, normalization) for name, normalization in
                (("with", "batch"), ("without", "none"))]
        self.plot(*runs, "--label", "with normalization", "--label", "without")
        self.assertTrue(all((self.folder / name).exists() for name in FILES))
        arms = {row["arm"] for row in self.rows(self.folder / "figure_curves.csv")}
        self.assertEqual(arms, {"with normalization", "without"})
        result = self.plot(*runs, "--label", "one", status=2)
        self.assertIn("1 --label for 2 arms", result.stderr)

    def test_seeds_of_one_arm_have_a_mean_and_a_students_t_interval(self):
        runs = [write_run(self.folder / f"batch_seed{seed}", seed=seed) for seed in (1, 2, 3)]
        self.plot(*runs, "--figure", "curves")
        rows = [row for row in self.rows(self.folder / "figure_curves.csv")
                if row["metric"] == "loss" and row["step"] == "0" and row["seed"] == "all"]
        values = {row["series"]: float(row["value"]) for row in rows}
        self.assertEqual({row["arm"] for row in rows}, {"batch"})
        self.assertAlmostEqual(values["test_mean"], 2.5, places=6)
        half = 4.30265 * 0.1 / math.sqrt(3)  # t at 97.5 %, 2 degrees of freedom; standard deviation of 0.1, 0.2, 0.3
        self.assertAlmostEqual(values["test_interval_high"], 2.5 + half, places=4)
        self.assertAlmostEqual(values["test_interval_low"], 2.5 - half, places=4)

    def test_diverged_run_is_marked(self):
        run = write_run(self.folder / "run", status="diverged", steps=120)
        self.plot(run, "--figure", "curves")
        train = [row for row in self.rows(run / "figure_curves.csv") if row["series"] == "train"]
        steps = {row["step"] for row in train if row["metric"] == "loss"}
        self.assertEqual(steps, {str(step) for step in range(10, 120, 10)})
        plain = write_run(self.folder / "plain", steps=120)
        self.plot(plain, "--figure", "curves")
        # The lettering of the SVG is outlines; matplotlib leaves the text beside them in a comment.
        self.assertIn("diverged at step 120", (run / "figure_curves.svg").read_text())
        self.assertNotIn("diverged", (plain / "figure_curves.svg").read_text())

    def test_last_line_cut_off_is_left_out(self):
        run = write_run(self.folder / "run")
        for name in ("train.csv", "eval.csv", "gradient_norm.csv", "activation_distribution.csv"):
            content = (run / name).read_text()
            (run / name).write_text(content[:-4])
        result = self.plot(run)
        for name in ("train.csv", "eval.csv", "gradient_norm.csv", "activation_distribution.csv"):
            self.assertIn(f"{run / name}: the last line is cut off", result.stderr)
        steps = {row["step"] for row in self.rows(run / "figure_curves.csv") if row["series"] == "test"}
        self.assertEqual(steps, {"0", "50", "100", "150"})

    def test_run_without_probes(self):
        run = write_run(self.folder / "run", probes=False)
        result = self.plot(run)
        self.assertTrue((run / "figure_curves.png").exists())
        self.assertFalse((run / "figure_gradients.png").exists())
        self.assertEqual(result.stderr, "")  # nobody asked for them
        result = self.plot(run, "--figure", "gradients", status=3)
        self.assertIn(f"{run / 'gradient_norm'}.csv: missing; the run had no such probe", result.stderr)
        run = write_run(self.folder / "asked")
        for name in ("activation_distribution", "gradient_norm"):
            (run / f"{name}.csv").unlink()
        result = self.plot(run)
        for name in ("activation_distribution", "gradient_norm"):
            self.assertIn(f"{run / name}.csv: missing", result.stderr)

    def test_one_of_two_runs_without_probes(self):
        runs = [write_run(self.folder / "a"), write_run(self.folder / "b", "none", probes=False)]
        self.assertEqual(self.plot(*runs).stderr, "")
        self.assertEqual({row["run"] for row in self.rows(self.folder / "figure_gradients.csv")}, {"a"})
        self.plot(*runs, "--figure", "gradients", status=3)

    def test_messages_name_the_file(self):
        def damaged(name, content):
            run = write_run(self.folder / f"run{len(list(self.folder.iterdir()))}")
            if content is None:
                (run / name).unlink()
            else:
                (run / name).write_text(content)
            return run

        header = "step,epoch,examples,learning_rate,loss,accuracy,gradient_norm,weight_norm,seconds\n"
        cases = [("train.csv", None, "missing"), ("train.csv", "", "empty"), ("train.csv", header, "no rows yet"),
                 ("train.csv", "step,loss\n1,2\n", "no column accuracy"),
                 ("train.csv", header + "1,2\n" + "1,0,1,1,1,1,1,1,1\n", "2 values, expected 9"),
                 ("train.csv", header + "1,0,1,1,one,1,1,1,1\n", "column loss"),
                 ("config.json", None, "missing"), ("config.json", "{", "can't be read"),
                 ("run.json", "{", "can't be read"), ("config.json", "[1]", "must be an object, got [1]"),
                 ("run.json", "3", "must be an object, got 3")]
        for name, content, expected in cases:
            with self.subTest(name=name, expected=expected):
                run = damaged(name, content)
                result = self.plot(run, status=3)
                self.assertRegex(result.stderr, re.escape(str(run / name)) + r"[^\n]*" + re.escape(expected))
        self.assertIn("no such folder", self.plot(self.folder / "nowhere", status=3).stderr)

    def test_run_that_still_goes_on(self):
        run = write_run(self.folder / "run")
        (run / "run.json").unlink()
        (run / "eval.csv").write_text("step,epoch,split,statistics,loss,accuracy\n")
        result = self.plot(run)
        self.assertIn("only training batches are drawn", result.stderr)
        self.assertIn("unfinished", (run / "figure_curves.svg").read_text())

    def test_out_that_cannot_be_made(self):
        run = write_run(self.folder / "run")
        (self.folder / "file").write_text("mine")
        self.plot(run, "--out", self.folder / "file", status=2)
        self.assertEqual((self.folder / "file").read_text(), "mine")


class PythonTest(unittest.TestCase):
    """scripts/_python.py, on interpreters that lack a module."""

    def test_another_interpreter_takes_over(self):
        # With -S an interpreter doesn't see its installed modules.
        command = [sys.executable, "-S", str(support.SOURCE / "scripts" / "plot.py"), "--help"]
        result = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("usage: plot.py", result.stdout)

    def test_says_what_to_install(self):
        code = "import _python; _python.require('json', 'no_such_module', status=5)"
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                                cwd=support.SOURCE / "scripts")
        self.assertEqual(result.returncode, 5)
        self.assertIn("no Python on this machine has no_such_module; install with scripts/setup.sh", result.stderr)


if __name__ == "__main__":
    if support.run_script("plot.py", "--help").returncode == 3:
        support.skip("no Python with numpy, scipy and matplotlib; scripts/setup.sh installs them")
    support.main()
