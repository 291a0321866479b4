"""scripts/bench_sweep.py runs through and prints its ratios; how fast anything is, is not asserted."""

import json
import re
import tempfile
import unittest
from pathlib import Path

import support


class BenchSweepTest(unittest.TestCase):
    def test_ratios_are_those_of_the_times(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "bench.json"
            result = support.run_script("bench_sweep.py", "--smoke", "--repeats", "3", "--bnlab", support.BINARY,
                                        "--json", file)
            self.assertEqual(result.returncode, 0, result.stderr)
            print(result.stdout)
            measured = json.loads(file.read_text())
        self.assertEqual((measured["runs"], len(measured["repeats"])), (4, 3))
        for row in measured["repeats"]:
            self.assertGreater(min(row[f"{way}_seconds"] for way in ("bare", "one_job", "several_jobs")), 0)
            self.assertAlmostEqual(row["speed_up"], row["one_job_seconds"] / row["several_jobs_seconds"])
            self.assertAlmostEqual(row["overhead"], row["one_job_seconds"] / row["bare_seconds"] - 1)
        for label, name, unit in (("speed-up of --jobs 2 over --jobs 1", "speed_up", 1),
                                  ("overhead of --jobs 1 over bare runs", "overhead", 100)):
            shown = re.search(label + r": ([-0-9.]+)%? \[([-0-9.]+)%?, ([-0-9.]+)%?\]", result.stdout)
            self.assertTrue(shown, label)
            low, median, high = (unit * row for row in sorted(row[name] for row in measured["repeats"]))
            for text, value in zip(shown.groups(), (median, low, high)):
                self.assertAlmostEqual(float(text), value, delta=0.051)  # as it is rounded

    def test_start_up_of_two_programs(self):
        with tempfile.TemporaryDirectory() as folder:
            file, config = Path(folder) / "bench.json", Path(folder) / "run.json"
            config.write_text(json.dumps({"dataset": {"name": "drawn_digits", "synthetic": {"examples": 200}},
                                          "network": {"name": "mlp_2x64"}}))
            result = support.run_script("bench_sweep.py", "--start-up", "2", "--smoke", "--bnlab", support.BINARY,
                                        "--before", support.BINARY, "--config", config, "--json", file)
            self.assertEqual(result.returncode, 0, result.stderr)
            measured = json.loads(file.read_text())["start_up"]
        for program in ("now", "before"):
            for way in ("alone", "in a sweep"):
                times = measured[program][way]
                self.assertGreater(times["best"], 0)
                self.assertLessEqual(times["best"], times["median"])
                self.assertIn(f"{way}, {program}", result.stdout)
        self.assertRegex(result.stdout, r"in a sweep, now over before: median [0-9.]+, best [0-9.]+, CPU [0-9.]+")

    def test_errors(self):
        self.assertEqual(support.run_script("bench_sweep.py", "--runs", "3").returncode, 2)
        result = support.run_script("bench_sweep.py", "--smoke", "--bnlab", "/bin/false")
        self.assertEqual(result.returncode, 1)
        self.assertIn("/bin/false sweep", result.stderr)


if __name__ == "__main__":
    support.main()
