"""scripts/reproduce.sh in a copy of its folder, with stubs for setup.sh, cmake, bnlab and python3.

usage: reproduce_test.py BNLAB SOURCE_FOLDER
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else pathlib.Path(__file__).resolve().parents[2])
TOUR = ["faster_training", "higher_learning_rate", "initialization_robustness", "saturating_nonlinearity",
        "gradient_explosion_rate", "population_statistics"]

BNLAB = '''#!/bin/sh
echo "bnlab $*" >>"$LOG"
case "$1" in
  list) echo "fashion_mnist  clothes  ${FASHION:-/data}"; echo "mnist  digits  ${MNIST:-/data}" ;;
  reproduce)
    out=$(echo "$*" | sed 's/.*--out \\([^ ]*\\).*/\\1/')
    for name in faster_training position; do
      mkdir -p "$out/$name"; echo '{}' >"$out/$name/experiment.json"
    done
    echo "the table of verdicts"
    exit "${RUN_STATUS:-0}" ;;
esac
'''
STUBS = {
    "cmake": 'echo "cmake $*" >>"$LOG"; echo "a line of ninja"; exit "${BUILD_STATUS:-0}"\n',
    "python3": 'echo "python3 $*" >>"$LOG"\n',
}
SCRIPTS = {
    "setup.sh": 'echo "setup $*" >>"$LOG"; echo "a line of apt"; exit "${SETUP_STATUS:-0}"\n',
    "fetch_data.sh": 'echo "fetch $*" >>"$LOG"; exit "${FETCH_STATUS:-0}"\n',
}


class Reproduce(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="reproduce ")
        self.addCleanup(folder.cleanup)
        self.home = pathlib.Path(folder.name) / "bnlab"
        for place in ("scripts", "bin", "build/release"):
            (self.home / place).mkdir(parents=True)
        shutil.copy(SOURCE / "scripts" / "reproduce.sh", self.home / "scripts")
        for name, body in {**{f"bin/{name}": f"#!/bin/sh\n{body}" for name, body in STUBS.items()},
                           **{f"scripts/{name}": f"#!/bin/sh\n{body}" for name, body in SCRIPTS.items()},
                           "build/release/bnlab": BNLAB}.items():
            (self.home / name).write_text(body)
            (self.home / name).chmod(0o755)
        self.log = self.home / "log"

    def reproduce(self, *arguments, status=0, **environment):
        path = f"{self.home / 'bin'}:{os.environ['PATH']}"
        done = subprocess.run(["bash", self.home / "scripts" / "reproduce.sh", *arguments], cwd="/", text=True,
                              capture_output=True, stdin=subprocess.DEVNULL, timeout=60,
                              env={"PATH": path, "LOG": str(self.log), **environment})
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout, done.stderr

    def calls(self, program):
        return [line for line in self.log.read_text().splitlines() if line.startswith(program)]

    def only(self):
        """The names that `bnlab reproduce` got."""
        (call,) = self.calls("bnlab reproduce")
        words = call.split()
        return [words[i + 1] for i, word in enumerate(words) if word == "--only"]

    def test_tour_of_experiments_that_exist(self):
        out, error = self.reproduce()
        self.assertEqual(self.only(), TOUR)
        for name in TOUR:
            self.assertIn("quick", json.loads((SOURCE / "experiments" / f"{name}.json").read_text()))
        self.assertEqual(error, "")
        lines = out.splitlines()
        self.assertLess(lines.index("the table of verdicts"), lines.index("  results/quick/faster_training/figure.png"))
        # Figures and pages of this call alone.
        self.assertEqual(self.calls("python3"),
                         ["python3 scripts/plot.py results/quick/faster_training",
                          "python3 scripts/report.py results/quick/faster_training --out results/quick/pages"])
        self.assertNotIn("position", out)

    def test_one_line_for_apt_and_build(self):
        out, error = self.reproduce()
        self.assertNotIn("a line of", out + error)
        self.assertEqual([line.split(":")[1].strip() for line in out.splitlines()[:3]],
                         ["installing what is missing", "configuring", "building"])
        self.assertIn("a line of apt\na line of ninja\na line of ninja\n",
                      (self.home / "build" / "reproduce.log").read_text())

    def test_what_fails_is_shown(self):
        _, error = self.reproduce(BUILD_STATUS="1", status=1)
        self.assertIn("configuring failed", error)
        self.assertIn("a line of ninja", error)
        self.assertEqual(self.calls("bnlab"), [])
        _, error = self.reproduce(SETUP_STATUS="1", status=1)
        self.assertIn("a line of apt", error)

    def test_all_and_full(self):
        out, _ = self.reproduce("--all")
        self.assertEqual(self.only(), [])
        self.assertIn("--profile quick --out results/quick", self.calls("bnlab reproduce")[0])
        self.assertIn("results/quick/pages/index.html", out)
        self.assertIn("results/quick/position/figure.png", out)
        self.log.unlink()
        self.reproduce("--full", "--jobs", "3")
        self.assertEqual(self.only(), [])
        self.assertIn("--profile full --out results --jobs 3", self.calls("bnlab reproduce")[0])

    def test_only(self):
        out, _ = self.reproduce("--only", "pos*", "--only", "rank*")
        self.assertEqual(self.only(), ["pos*", "rank*"])
        self.assertIn("results/quick/position/figure.png", out)
        self.assertNotIn("faster_training", out)

    def test_data(self):
        self.reproduce(FASHION="not found; get it")
        self.assertEqual(self.calls("fetch"), ["fetch fashion_mnist"])
        self.reproduce(FASHION="not found; get it", FETCH_STATUS="1", status=3)

    def test_a_run_that_failed(self):
        out, _ = self.reproduce(RUN_STATUS="1", status=1)
        self.assertIn("the table of verdicts", out)
        self.reproduce(RUN_STATUS="130", status=130)

    def test_usage(self):
        self.assertIn("usage:", self.reproduce("--help")[0])
        for wrong in (["--frobnicate"], ["--only"], ["--jobs"], ["--out"]):
            self.reproduce(*wrong, status=2)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
