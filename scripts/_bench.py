"""What the benchmarks share: their arguments and what they say of the machine."""

import argparse
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

DEFAULT_BNLAB = Path(__file__).resolve().parent.parent / "build/release/bnlab"


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
