"""Finds a Python that has the modules a script needs, for machines whose first python3 is not the system's."""

import importlib
import importlib.util
import locale
import logging
import os
import re
import subprocess
import sys

APT_PACKAGES = {"matplotlib": "python3-matplotlib", "numpy": "python3-numpy", "scipy": "python3-scipy",
                "torch": "python3-torch", "jinja2": "python3-jinja2", "plotly": "python3-plotly"}


def _interpreters():
    """Paths of Python interpreters: Debian's own first, then python3 and python3.* in the order of PATH."""
    found = ["/usr/bin/python3"]
    for folder in os.get_exec_path():
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            continue
        found += [os.path.join(folder, name) for name in names if re.fullmatch(r"python3(\.\d+)?", name)]
    return list(dict.fromkeys(path for path in found if os.access(path, os.X_OK)))


def require(*modules, status=3):
    """Returns if this interpreter has all `modules`. Otherwise runs the script again, from its start, with the first
    interpreter that can import them; if there is none, says what to install and exits with `status`."""
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if not missing:
        return
    for python in _interpreters():
        command = [python, "-c", "import " + ", ".join(modules)]
        if subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0:
            if sys.stdout:  # None where it is closed
                sys.stdout.flush()
            os.execv(python, [python, *sys.argv])
    packages = " ".join(APT_PACKAGES.get(module, module) for module in missing)
    setup = "scripts/setup.sh --tests" if "torch" in missing else "scripts/setup.sh"
    print(f"{os.path.basename(sys.argv[0])}: no Python on this machine has {', '.join(missing)}; install with {setup}, "
          f"or: apt install {packages}", file=sys.stderr)
    sys.exit(status)


def require_utf8():
    """Runs the script again where the locale is no UTF-8: libraries read their own files in its encoding."""
    if not sys.flags.utf8_mode and locale.getpreferredencoding(False).lower() not in ("utf-8", "utf8"):
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.argv])


class _Said(logging.Handler):
    """Keeps what a library logs while it is loaded."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())


def problem_of_matplotlib():
    """Loads matplotlib; why it can't be loaded, in one line, or "": the user's matplotlibrc may be damaged."""
    said, logger = _Said(), logging.getLogger("matplotlib")
    logger.addHandler(said)
    try:
        importlib.import_module("matplotlib.pyplot")
    except (ImportError, OSError, ValueError) as error:
        reason = " ".join(f"{' '.join(said.lines)} {error}".split())
        return f"matplotlib cannot be loaded: {reason} (MATPLOTLIBRC=/dev/null leaves the settings file out)"
    finally:
        logger.removeHandler(said)
    for line in said.lines:
        print(line, file=sys.stderr)
    return ""


def require_matplotlib(status=3):
    """Loads it, or says why it can't and exits with `status`."""
    problem = problem_of_matplotlib()
    if problem:
        print(f"{os.path.basename(sys.argv[0])}: {problem}", file=sys.stderr)
        sys.exit(status)
