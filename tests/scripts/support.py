"""What the tests of the scripts share. They are called: python3 FILE <bnlab binary> <source folder>."""

import importlib.util
import os
import runpy
import subprocess
import sys
import tempfile
import traceback
import unittest
from pathlib import Path

SKIP = 77  # exit status that ctest shows as skipped

BINARY = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else Path("build/release/bnlab").resolve()
SOURCE = Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else Path(__file__).resolve().parents[2]

# Two tests run at a time, and their networks are small.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# What takes a script longer to import than most of its work here.
HEAVY = {"compare_pytorch.py": "torch", "plot.py": "matplotlib.pyplot",
         "report.py": "matplotlib.pyplot"}


def run_script(name, *arguments):
    """Runs scripts/NAME; the result has returncode, stdout and stderr."""
    command = [str(SOURCE / "scripts" / name), *map(str, arguments)]
    module = HEAVY.get(name)
    if module is None or importlib.util.find_spec(module.split(".")[0]) is None:
        return subprocess.run([sys.executable, *command], capture_output=True, text=True)
    importlib.import_module(module)
    return run_forked(command)


def run_forked(command):
    """As a new process of this interpreter, with what it has imported."""
    sys.stdout.flush()
    sys.stderr.flush()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        child = os.fork()
        if child == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            os._exit(status_of(command))
        _, status = os.waitpid(child, 0)
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(command, os.waitstatus_to_exitcode(status), out.read(), err.read())


def status_of(command):
    status = 0
    try:
        sys.argv = command
        sys.path[0] = str(Path(command[0]).parent)
        runpy.run_path(command[0], run_name="__main__")
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return status


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIP)


def main():
    unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=2)
