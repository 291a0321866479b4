"""What the benchmarks share: their arguments and what they say of the machine."""

import argparse
import os
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import _reading

DEFAULT_BNLAB = Path(__file__).resolve().parent.parent / "build/release/bnlab"


class BenchError(Exception):
    pass


def at_least_one(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be an integer of at least 1, got {text}")
    return int(text)


def processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def describe_machine(bnlab):
    """{what: text or number}, with the version of the program `bnlab`."""
    version = subprocess.run([bnlab, "--version"], capture_output=True, text=True).stdout.split("\n")
    return {"processor": processor(), "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 2),
            "system": platform.platform(), "bnlab": ", ".join(line.strip() for line in version if line.strip())}


def print_machine(name, machine):
    for key, value in machine.items():
        print(f"{key}: {value}")
    if machine["load"] > 0.5 * machine["cores"]:
        print(f"{name}: this machine is busy; expect a wide spread", file=sys.stderr)


def spread(ratios):
    """Median, smallest and largest."""
    return statistics.median(ratios), min(ratios), max(ratios)


def run(command):
    """What a command prints; BenchError where it fails."""
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        raise BenchError(f"{shlex.join(map(str, command))}: exit status {result.returncode}: {result.stderr.strip()}")
    return result.stdout


def main(name, parser, bench):
    """Parses the arguments and runs bench(arguments, a folder that goes away); returns the exit status."""
    parser.add_argument("--bnlab", type=Path, default=DEFAULT_BNLAB, help="default: %(default)s")
    arguments = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="bnlab_bench_") as folder:
            return bench(arguments, Path(folder))
    except _reading.ReadError as error:
        _reading.say(name, error)
        return error.status
    except (BenchError, OSError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
