#!/usr/bin/env python3
"""Checks what a machine can check of the structure of the sources.

usage: scripts/check_structure.py [SOURCE_FOLDER]

  floors     a folder of src/ includes itself and the floors below it; src/README.md has the table of the floors
  onednn     oneDNN's headers, src/onednn and oneDNN's names only in src/onednn, src/layers and src/normalization
  version    the version of oneDNN only in src/onednn/compat.h
  json       nlohmann/json and config/json.h only in src/config
  cli11      CLI11, whose headers take seconds to compile, only in src/cli/parser.cpp
  catch-all  no `catch (...)`
  length     a warning for a file of more than 400 lines, and for a function in src/ of more than 60

What breaks a rule today is listed in this script with the reason. An entry that is no longer needed is a finding too.
Status 1 if anything was found; a warning is none.
"""

import pathlib
import re
import sys

MAX_LINES = 400
MAX_FUNCTION_LINES = 60
USES_ONEDNN = ("onednn", "layers", "normalization")

# (rule, file below src/): why it stands.
EXCEPTIONS = {
    ("onednn", "network/assemble.h"): "owns the engine of the parameters",
    ("onednn", "network/finite.h"): "adds its check to the program of the network",
    ("onednn", "network/network.cpp"): "owns the engine and the stream",
    ("onednn", "network/network.h"): "owns the engine and the stream",
    ("onednn", "training/step_profile.h"): "shows the times of the program's calls",
    ("json", "experiments/verdict_json.cpp"): "writes and reads verdict.json",
    ("json", "training/run_summary.cpp"): "writes and reads run.json",
}


def read_floors(page):
    """{folder: floor} from the table of src/README.md: one row a floor, the lowest first."""
    floors = {}
    rows = re.findall(r"^\| (`[a-z_]+/`(?:, `[a-z_]+/`)*) \|", page, flags=re.MULTILINE)
    for floor, row in enumerate(rows):
        for folder in re.findall(r"[a-z_]+", row):
            floors[folder] = floor
    return floors


def without_comments(text):
    """The same lines with blanks for comments; texts in quotes stay."""
    def blank(match):
        return match[0] if match[0][0] in "\"'" else re.sub(r"[^\n]", " ", match[0])
    return re.sub(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", blank, text, flags=re.DOTALL)


def line_problems(folder, name, line, floors):
    """(rule, what is wrong) of one line of the file `name`, a path below src/."""
    include = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
    if include:
        target = include[2].split("/")[0] if include[1] == '"' else ""
        if target in floors and target != folder and floors[target] >= floors.get(folder, len(floors)):
            yield "floors", f"{folder} is not above {target}: includes {include[2]}"
        if folder not in USES_ONEDNN and (target == "onednn" or "dnnl" in include[2]):
            yield "onednn", f"includes {include[2]}"
        if folder != "config" and ("nlohmann" in include[2] or include[2] == "config/json.h"):
            yield "json", f"includes {include[2]}"
        if include[2].startswith("CLI/") and name != "cli/parser.cpp":
            yield "cli11", f"includes {include[2]}"
    elif folder not in USES_ONEDNN and re.search(r"\bdnnl(::|_)", line):
        yield "onednn", "uses a name of oneDNN"
    if "DNNL_VERSION" in line and name != "onednn/compat.h":
        yield "version", "looks at the version of oneDNN"
    if re.search(r"\bcatch\s*\(\s*\.\.\.\s*\)", line):
        yield "catch-all", "catch (...) hides errors that nobody expected"


def check_sources(root, floors):
    """The problems of src/ as texts, and the exceptions that were needed."""
    problems, needed = [], set()
    source = root / "src"
    for folder in sorted(path.name for path in source.iterdir() if path.is_dir()):
        if folder not in floors:
            problems.append(f"src/{folder}: floors: the table of src/README.md does not have it")
    for path in sorted([*source.rglob("*.h"), *source.rglob("*.cpp")]):
        name = path.relative_to(source).as_posix()
        folder = name.split("/")[0] if "/" in name else ""  # main.cpp stands above all floors
        for number, line in enumerate(without_comments(path.read_text()).split("\n"), start=1):
            for rule, what in line_problems(folder, name, line, floors):
                if (rule, name) in EXCEPTIONS:
                    needed.add((rule, name))
                else:
                    problems.append(f"src/{name}:{number}: {rule}: {what}")
    return problems, needed


def long_files(root):
    for folder in ("src", "tests", "scripts"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".h", ".cpp", ".py", ".sh"):
                lines = len(path.read_text().splitlines())
                if lines > MAX_LINES:
                    yield f"{path.relative_to(root).as_posix()}: length: warning: {lines} lines, more than {MAX_LINES}"


def long_functions(root):
    """As clang-format lays functions out: the line of the name ends with ") {" or the like, "}" has its indentation."""
    head = re.compile(r"^( {0,2})(?!if|for|while|switch|catch|else|\} |namespace|struct|class)\S.*\).*\{$")
    for path in sorted([*(root / "src").rglob("*.h"), *(root / "src").rglob("*.cpp")]):
        lines = path.read_text().splitlines()
        for first, line in enumerate(lines):
            begins = head.match(line)
            if not begins:
                continue
            end = begins[1] + "}"
            last = next((i for i in range(first + 1, len(lines)) if lines[i].startswith(end)), first)
            if last - first + 1 > MAX_FUNCTION_LINES:
                yield (f"{path.relative_to(root).as_posix()}:{first + 1}: length: warning: a function of "
                       f"{last - first + 1} lines, more than {MAX_FUNCTION_LINES}")


def main():
    if len(sys.argv) > 2 or sys.argv[1:2] in (["--help"], ["-h"]):
        print(__doc__.strip())
        return 0 if len(sys.argv) == 2 else 2
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parents[1])
    floors = read_floors((root / "src" / "README.md").read_text())
    problems, needed = check_sources(root, floors)
    problems += [f"src/{name}: {rule}: no exception is needed any more: remove it from scripts/check_structure.py"
                 for rule, name in EXCEPTIONS if (rule, name) not in needed]
    for text in [*long_files(root), *long_functions(root), *problems]:
        print(text)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
