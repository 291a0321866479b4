"""scripts/fuzz.sh: its help and what it refuses. It fuzzes nothing here.

usage: fuzz_test.py BNLAB SOURCE_FOLDER
"""

import pathlib
import subprocess
import sys
import unittest

SOURCE = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else pathlib.Path(__file__).resolve().parents[2])


def run(*arguments):
    return subprocess.run(["bash", SOURCE / "scripts" / "fuzz.sh", *arguments], cwd="/", text=True, capture_output=True,
                          stdin=subprocess.DEVNULL, timeout=60)


class Fuzz(unittest.TestCase):
    def test_help_names_each_target(self):
        done = run("--help")
        self.assertEqual(done.returncode, 0, done.stderr)
        targets = [path.stem for path in (SOURCE / "tests" / "fuzz").glob("*.cpp") if path.stem != "replay_test"]
        named = done.stdout.split("\n  TARGET ")[1].split(";")[0].replace(",", " ").split()
        self.assertEqual(sorted(named), sorted(targets))

    def test_refuses(self):
        for arguments, problem in ((["nonsense"], "TARGET: must be one of config"), (["--frobnicate"], "--frobnicate"),
                                   (["--minutes", "0"], "--minutes: must be"), (["--minutes"], "got nothing"),
                                   (["--minutes", "1.5", "csv"], "got 1.5")):
            done = run(*arguments)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn(problem, done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
