"""scripts/bench.py runs through; how fast anything is, is not asserted."""

import csv
import json
import math
import tempfile
import unittest
from pathlib import Path

import support


FOR_BF16 = {"m3_batch_bf16", "v6_batch_bf16", "v6_batch_bf16_2_threads"}


class BenchTest(unittest.TestCase):
    def test_all_cases_give_finite_numbers(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "bench.json"
            result = support.run_script("bench.py", "--smoke", "--bnlab", support.BINARY, "--json", file)
            self.assertEqual(result.returncode, 0, result.stderr)
            print(result.stdout)
            cases = json.loads(file.read_text())["cases"]
        skipped = {case for case in FOR_BF16 if f"{case} skipped" in " ".join(result.stdout.split())}
        self.assertEqual(len(cases) + len(skipped), 18)
        for case in cases:
            for key in ("ratio_median", "ratio_min", "ratio_max", "peak_memory_bytes", "seconds_to_first_step"):
                self.assertTrue(math.isfinite(case[key]) and case[key] > 0, f"{case['case']}: {key} = {case[key]}")

    def test_growth_with_the_work(self):
        with tempfile.TemporaryDirectory() as folder:
            result = support.run_script("bench_growth.py", "--smoke", "--bnlab", support.BINARY, "--out", folder)
            self.assertEqual(result.returncode, 0, result.stderr)
            with (Path(folder) / "growth.csv").open(newline="") as file:
                rows = list(csv.DictReader(file))
            self.assertGreater((Path(folder) / "growth.png").stat().st_size, 10000)
        self.assertEqual({row["axis"] for row in rows}, {"depth", "width", "batch"})
        for row in rows:
            self.assertGreater(float(row["seconds"]), 0)
        # A dense layer takes 2 * 3 operations for each weight and example, forward and backward, the first one 2 * 2.
        flop = {(row["axis"], row["value"]): float(row["flop"]) for row in rows}
        weights = 4 * 784 * 128 + 6 * (4 * 128 * 128 + 128 * 10)
        self.assertAlmostEqual(flop["depth", "5"] / (128 * weights), 1, delta=0.01)

    def test_unknown_case_is_a_usage_error(self):
        self.assertEqual(support.run_script("bench.py", "--only", "m4").returncode, 2)


if __name__ == "__main__":
    first = support.run_script("bench.py", "--smoke", "--bnlab", support.BINARY, "--only", "m3_none")
    if first.returncode == support.SKIP:
        support.skip(first.stderr.strip())
    support.main()
