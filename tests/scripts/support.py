"""What the tests of the scripts share. They are called: python3 FILE <bnlab binary> <source folder>."""

import subprocess
import sys
import unittest
from pathlib import Path

SKIP = 77  # exit status that ctest shows as skipped

BINARY = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else Path("build/release/bnlab").resolve()
SOURCE = Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else Path(__file__).resolve().parents[2]


def run_script(name, *arguments):
    """Runs scripts/NAME; the result has returncode, stdout and stderr."""
    command = [sys.executable, str(SOURCE / "scripts" / name), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIP)


def main():
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2)
