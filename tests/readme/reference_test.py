#!/usr/bin/env python3
"""README's config reference is what `bnlab schema --markdown` prints, and the configs it names exist."""

import pathlib
import re
import subprocess
import sys
import unittest

PROGRAM, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2])
README = (SOURCE / "README.md").read_text(encoding="utf-8")


class ReadmeTest(unittest.TestCase):
    def check(self, name, *options):
        begin, end = f"<!-- {name} reference: begin -->\n", f"<!-- {name} reference: end -->\n"
        held = README[README.index(begin) + len(begin):README.index(end)]
        command = ["schema", *options, "--markdown"]
        printed = subprocess.run([PROGRAM, *command], check=True, capture_output=True, text=True).stdout
        self.assertEqual(held, printed, f"paste the output of `bnlab {' '.join(command)}` between the two marks")

    def test_the_config_reference_is_current(self):
        self.check("config")

    def test_the_experiment_reference_is_current(self):
        self.check("experiment", "--experiment")

    def test_the_files_it_names_exist(self):
        named = set(re.findall(r"(?<![\w/])((?:configs|experiments|scripts)/[\w./-]+\.(?:json|py|sh))", README))
        self.assertTrue(named)
        missing = sorted(name for name in named if not (SOURCE / name).exists() and "NAME" not in name)
        self.assertEqual(missing, [])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
