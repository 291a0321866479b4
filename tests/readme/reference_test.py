#!/usr/bin/env python3
"""The references are what `bnlab schema --markdown` prints, and the files that the pages name exist."""

import json
import pathlib
import re
import subprocess
import sys
import unittest

PROGRAM, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2])
PAGES = ["README.md", "configs/README.md", "experiments/README.md", "results/README.md", "results/bench/README.md",
         "src/README.md", "tests/README.md", "CONTRIBUTING.md"]
# Words that readers of English stumble over, with a better one at hand.
UNUSUAL = re.compile(r"\b(what enters|is told|goes on|by whatever|no difference shows|half right|forgives?|yardsticks?|"
                     r"must be another than|how long they take|as it is$|half as much again|the base as it is)\b")


def text_of(page):
    return (SOURCE / page).read_text(encoding="utf-8")


class ReadmeTest(unittest.TestCase):
    def check(self, name, page, *options):
        text = text_of(page)
        begin, end = f"<!-- {name} reference: begin -->\n", f"<!-- {name} reference: end -->\n"
        held = text[text.index(begin) + len(begin):text.index(end)]
        command = ["schema", *options, "--markdown"]
        printed = subprocess.run([PROGRAM, *command], check=True, capture_output=True, text=True).stdout
        self.assertEqual(held, printed, f"paste the output of `bnlab {' '.join(command)}` between the marks of {page}")

    def test_the_config_reference_is_current(self):
        self.check("config", "configs/README.md")

    def test_the_experiment_reference_is_current(self):
        self.check("experiment", "experiments/README.md", "--experiment")

    def test_the_files_that_they_name_exist(self):
        for page in PAGES:
            pattern = r"(?<![\w/])((?:configs|experiments|scripts|tests)/[\w./-]+\.(?:json|py|sh))"
            named = set(re.findall(pattern, text_of(page)))
            missing = sorted(name for name in named if not (SOURCE / name).exists() and "NAME" not in name)
            self.assertEqual(missing, [], page)

    def test_links_lead_somewhere(self):
        for page in PAGES:
            links = re.findall(r"\]\(([^)\s]+)\)", text_of(page))
            for link in links:
                if link.startswith("https://"):
                    continue
                name, _, anchor = link.partition("#")
                target = (SOURCE / page).parent / name if name else SOURCE / page
                self.assertTrue(target.exists(), f"{page}: {link}")
                if anchor:
                    headings = re.findall(r"(?m)^#+ (.*)$", target.read_text(encoding="utf-8"))
                    anchors = [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]
                    self.assertIn(anchor, anchors, f"{page}: {link}")

    def test_the_pages_of_sweeps_have_the_same_glossary(self):
        text = text_of("results/README.md").partition("## Glossary\n")[2].partition("\n## ")[0]
        rows = [list(row) for row in re.findall(r"(?m)^\| (.*?) \| (.*) \|$", text)][2:]
        self.assertEqual(json.loads(text_of("scripts/_report/terms.json")), rows)

    def test_plain_words(self):
        texts = {page: text_of(page) for page in [*PAGES, "CHANGELOG.md"]}
        texts |= {str(path): path.read_text(encoding="utf-8") for folder in ("experiments", "configs")
                  for path in (SOURCE / folder).rglob("*.json")}
        out = subprocess.run([PROGRAM, "--help"], check=True, capture_output=True, text=True).stdout
        commands = re.findall(r"(?m)^  ([a-z]+) {2,}", out)
        self.assertGreater(len(commands), 8)
        for command in commands:
            texts[command] = subprocess.run([PROGRAM, command, "--help"], check=True, capture_output=True,
                                            text=True).stdout
        for name, text in texts.items():
            found = UNUSUAL.search(text)
            self.assertIsNone(found, f"{name}: {found and text[max(0, found.start() - 60):found.end() + 40]}")

    def test_the_first_page_is_short(self):
        self.assertLessEqual(len(text_of("README.md").encode()), 12 * 1024)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
