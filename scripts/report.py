#!/usr/bin/env python3
"""Makes web pages of sweeps: an index, a page for each sweep, a page for each run.

    scripts/report.py SWEEP... --out FOLDER
    scripts/report.py SWEEP... --out FOLDER --serve [PORT]

SWEEP is the directory of a sweep, or a folder of such directories. Open FOLDER/index.html: the pages need neither a
server nor a network, and the folder can be moved. An existing folder of pages is updated.

--serve shows the pages on http://127.0.0.1:PORT/ while sweeps run, and updates them as the files grow: finished runs,
the step and loss of current runs, and a provisional verdict, which is marked as such. It only reads the sweeps. Ctrl-C
ends it.

Examples:
    scripts/report.py results/quick --out pages
    scripts/report.py results/quick/faster_training --out pages --serve 8000

Exit status: 0 done; 2 usage, or FOLDER cannot be written; 3 no SWEEP is the directory of a sweep, or one of them cannot
be shown.
"""

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

import _python

_python.require_utf8()
_python.require("jinja2", "matplotlib", "numpy", "plotly", "scipy")

import _reading as reading  # noqa: E402
import _report_serve as serve  # noqa: E402
from _report_live import Judge, names_in  # noqa: E402
from _report_pages import PageError, Site  # noqa: E402

DONE, USAGE, DAMAGED = 0, reading.USAGE, reading.DAMAGED


def say(text):
    reading.say("report.py", text)


def port(text):
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"must be a port from 0 to 65535, got {text}")
    return int(text)


def parse_arguments():
    parser = argparse.ArgumentParser(prog="report.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=reading.given_path, metavar="SWEEP",
                        help="directories of sweeps, or a folder of them")
    parser.add_argument("--out", type=reading.given_path, required=True, metavar="FOLDER", help="folder of the pages")
    parser.add_argument("--serve", type=port, nargs="?", const=8000, metavar="PORT", help="show the pages on 127.0.0.1 "
                        "and keep them up to date; default: port 8000; 0: any free port")
    parser.add_argument("--bnlab", type=reading.given_path, help="the program, for verdicts while a sweep runs; "
                        "default: build/release/bnlab, or bnlab in PATH")
    return parser.parse_args()


def program(named):
    """bnlab, or None."""
    built = Path(__file__).resolve().parents[1] / "build" / "release" / "bnlab"
    found = named or (built if os.access(built, os.X_OK) else shutil.which("bnlab"))
    return Path(found).absolute() if found else None


def sweeps_in(folders):
    """The directories of sweeps: those named, or in the folders named. Says which of them are none."""
    found = []
    for folder in folders:
        try:
            within = [folder] if (folder / "experiment.json").is_file() else [
                folder / name for name in names_in(folder) if (folder / name / "experiment.json").is_file()]
        except OSError as error:
            say(f"{folder}: can't be read: {reading.reason_of(error)}")
            continue
        if not within:
            say(f"{folder}: is not the directory of a sweep, and no folder in it is one (no experiment.json)")
        found += within
    return list({path.resolve(): path.absolute() for path in found}.values())


def main():
    arguments = parse_arguments()
    sys.stderr.reconfigure(errors="backslashreplace")
    sweeps = sweeps_in(arguments.folders)
    if not sweeps and arguments.serve is None:
        return DAMAGED
    out = arguments.out.absolute()
    try:
        with tempfile.TemporaryDirectory(prefix="bnlab-report-") as scratch:
            site = Site(out, Judge(program(arguments.bnlab), scratch),
                        live=serve.LOOK_EVERY if arguments.serve is not None else 0)
            site.prepare()
            keeper = serve.Keeper(site, arguments.folders, sweeps_in, say)
            keeper.write(sweeps)
            if arguments.serve is not None:
                return serve.serve(keeper, out, arguments.serve)
        print(reading.printable(out / "index.html"))
        if len(keeper.pages) < len(sweeps):
            return DAMAGED
    except PageError as error:
        say(error)
        return USAGE
    except OSError as error:  # of the folder itself, or of the temporary one
        say(f"{error.filename or out}: {reading.reason_of(error)}")
        return USAGE
    except KeyboardInterrupt:
        return 130
    return DONE


if __name__ == "__main__":
    sys.exit(main())
