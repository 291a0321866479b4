"""scripts/bench.py runs through; how fast anything is, is not asserted."""

import json
import math
import tempfile
import unittest
from pathlib import Path

import support


class BenchTest(unittest.TestCase):
    def test_every_case_gives_finite_numbers(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "bench.json"
            result = support.run_script("bench.py", "--smoke", "--bnlab", support.BINARY, "--json", file)
            self.assertEqual(result.returncode, 0, result.stderr)
            print(result.stdout)
            cases = json.loads(file.read_text())["cases"]
        self.assertEqual([case["case"] for case in cases], ["m3_none", "m3_batch", "v6_batch", "v6_batch_2_threads"])
        for case in cases:
            for key in ("ratio_median", "ratio_min", "ratio_max", "peak_memory_bytes", "seconds_to_first_step"):
                self.assertTrue(math.isfinite(case[key]) and case[key] > 0, f"{case['case']}: {key} = {case[key]}")

    def test_unknown_case_is_a_usage_error(self):
        self.assertEqual(support.run_script("bench.py", "--only", "m4").returncode, 2)


if __name__ == "__main__":
    first = support.run_script("bench.py", "--smoke", "--bnlab", support.BINARY, "--only", "m3_none")
    if first.returncode == support.SKIP:
        support.skip(first.stderr.strip())
    support.main()
