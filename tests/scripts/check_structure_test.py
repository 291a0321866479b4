"""scripts/check_structure.py: the sources pass, and a copy of them with one violation does not.

usage: check_structure_test.py BNLAB SOURCE_FOLDER
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else pathlib.Path(__file__).resolve().parents[2])
SCRIPT = SOURCE / "scripts" / "check_structure.py"


def check(root):
    """The exit status and the lines that are no warnings."""
    done = subprocess.run([sys.executable, SCRIPT, root], text=True, capture_output=True, timeout=60)
    return done.returncode, [line for line in done.stdout.splitlines() + done.stderr.splitlines()
                             if ": warning: " not in line]


class CheckStructure(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        for name in ("src", "tests", "scripts"):
            (self.root / name).mkdir()
        shutil.copytree(SOURCE / "src", self.root / "src", dirs_exist_ok=True)

    def check_with(self, name, text):
        """What is found with this text added to a file of src/."""
        path = self.root / "src" / name
        before = path.read_text() if path.exists() else ""
        path.parent.mkdir(exist_ok=True)
        path.write_text(before + text)
        result = check(self.root)
        if before:
            path.write_text(before)
        return result

    def test_the_sources_pass(self):
        self.assertEqual(check(SOURCE), (0, []))
        self.assertEqual(check(self.root), (0, []))

    def test_each_violation_is_found(self):
        for name, line, problem in (
                ("util/csv.h", '#include "config/names.h"', "floors: util is not above config: includes config/"),
                ("data/idx.cpp", '#include "layers/pool.h"', "floors: data is not above layers: includes layers/"),
                ("probes/probe.h", '#  include "training/trainer.h"', "floors: probes is not above training: "),
                ("training/sgd.cpp", "#include <oneapi/dnnl/dnnl.hpp>", "onednn: includes oneapi/dnnl/dnnl.hpp"),
                ("probes/probe.cpp", '#include "onednn/builder.h"', "onednn: includes onednn/builder.h"),
                ("experiments/plan.cpp", "dnnl::engine engine;", "onednn: uses a name of oneDNN"),
                ("layers/dense.cpp", "#if DNNL_VERSION_MAJOR >= 3", "version: looks at the version of oneDNN"),
                ("cli/list.cpp", "#include <nlohmann/json.hpp>", "json: includes nlohmann/json.hpp"),
                ("cli/list.cpp", '#include "config/json.h"', "json: includes config/json.h"),
                ("cli/command.h", "#include <CLI/CLI.hpp>", "cli11: includes CLI/CLI.hpp"),
                ("main.cpp", "void f() { try { g(); } catch (...) {} }", "catch-all: catch (...)")):
            with self.subTest(line=line):
                number = (self.root / "src" / name).read_text().count("\n") + 1
                status, found = self.check_with(name, line + "\n")
                self.assertEqual((status, len(found)), (1, 1), found)
                self.assertTrue(found[0].startswith(f"src/{name}:{number}: {problem}"), found[0])

    def test_comments_and_texts_are_no_violations(self):
        for line in ('// #include "cli/command.h"', "/* catch (...)\n   dnnl::memory */", "// DNNL_VERSION_MAJOR"):
            self.assertEqual(self.check_with("util/csv.h", line + "\n"), (0, []), line)

    def test_a_folder_without_a_floor_is_found(self):
        status, found = self.check_with("drawing/line.h", "#pragma once\n")
        self.assertEqual((status, found), (1, ["src/drawing: floors: the table of src/README.md does not have it"]))

    def test_an_exception_that_is_not_needed_is_found(self):
        (self.root / "src" / "network" / "finite.h").write_text("#pragma once\n")
        self.assertEqual(check(self.root), (1, ["src/network/finite.h: onednn: no exception is needed any more: remove "
                                                "it from scripts/check_structure.py"]))

    def test_a_long_file_and_a_long_function_are_warnings(self):
        (self.root / "tests" / "long_test.py").write_text("\n" * 401)
        (self.root / "src" / "util" / "long.cpp").write_text(
            "\n".join(f"int f{lines}() {{\n" + "  g();\n" * (lines - 2) + "}\n" for lines in (60, 61)))
        done = subprocess.run([sys.executable, SCRIPT, self.root], text=True, capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0)
        self.assertIn("tests/long_test.py: length: warning: 401 lines, more than 400\n", done.stdout)
        self.assertIn("src/util/long.cpp:62: length: warning: a function of 61 lines, more than 60\n", done.stdout)
        self.assertNotIn("function of 60 lines", done.stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
