#!/usr/bin/env python3
"""The numbers that pages, findings, explanations and notes quote are those of verdict.json, summary.csv and the
experiment, to the digits that are quoted.

Of the first page, of the texts of figures and of findings each number counts; of notes and explanations each effect
with its interval, as "1.8 [1.7, 1.9]". The table of means on the first page is that of results/ablation.csv.
"""

import csv
import itertools
import json
import math
import pathlib
import re
import sys
import unittest

SOURCE = pathlib.Path(sys.argv[2])
NUMBER = r"[-−]?\d[\d,]*(?:\.\d+)?(?:e-?\d+)?"
INTERVAL = re.compile(rf"({NUMBER})(?: %)? \[({NUMBER}), ({NUMBER})\]")
# A sentence and the result that it links to: "... by 1.4 [0.3, 2.5] points in FD(5) ([name](name))."
SENTENCE = re.compile(r"([^\[(]*(?:\[[\d.-]+, [\d.-]+\][^\[(]*|\(\d+\)[^\[(]*)*) \(\[(\w+)\]\(\w+\)\)\.")
# Effects that no committed file has: (experiment, text).
ELSEWHERE = {
    # eight seeds, run for the steps alone
    ("higher_learning_rate", "2.3 [2.0, 2.8]"), ("higher_learning_rate", "2.1 [1.8, 2.4]"),
    # the first full runs, on other grids
    ("input_normalization", "-0.09 [-0.50, 0.32]"), ("input_normalization", "-0.17 [-0.37, 0.02]"),
    ("lrn_unneeded", "-0.03 [-0.28, 0.22]"), ("position", "-0.2 [-1.0, 0.7]"),
    ("regularization", "1.2 [0.3, 2.2]"),
    # accuracies whose difference no criterion has
    ("regularization", "11.0 [10.5, 11.6]"), ("regularization", "6.9 [5.9, 7.9]"),
}
# Numbers of findings and of the first page that follow from the others: (experiment, text).
FOLLOWS = {
    ("gradient_through_statistics", "0.15"),  # about 0.157 and 0.145
    ("initialization_robustness", "8"),  # the largest usable gain
    ("bn_folding", "1.4e-6"),  # the largest of all runs is 1.33e-6
    ("single_shuffle", "1.4"),  # ratios of the means of hidden_4_single and hidden_4_again
}


def value(text):
    return float(text.replace(",", "").replace("−", "-"))


def quotes(text, number):
    """Whether `text` is `number`, rounded to the digits that it has; "15,900" may have three of them."""
    digits = text.replace(",", "").replace("−", "-").lstrip("-")
    if "e" in digits:
        return math.isclose(value(text), number, rel_tol=0.05)
    decimals = len(digits.partition(".")[2])
    unit = 10.0 ** -decimals
    if decimals == 0 and len(digits) > 3:
        unit = 10.0 ** (len(digits) - len(digits.rstrip("0")))
    return abs(value(text) - number) <= 0.5 * unit * (1 + 1e-9)


class Results:
    """What is known of an experiment."""

    def __init__(self, name):
        folder = SOURCE / "results" / name
        self.name = name
        self.experiment = json.loads((SOURCE / "experiments" / f"{name}.json").read_text())
        self.verdict = json.loads((folder / "verdict.json").read_text())
        self.effects = []  # (effect, low, high) as they are shown, and with the sign of the opposite difference
        self.numbers = set()
        for one in self.verdict["criteria"]:
            shown = one["shown"]
            if shown["interval"] and shown["effect"] is not None:
                low, high = (float(end) for end in shown["interval"])
                self.effects += [(float(shown["effect"]), low, high), (-float(shown["effect"]), -high, -low)]
            self.numbers |= {shown[key] for key in ("at_least", "more_than", "at_most", "less_than", "within")
                             if key in shown}
        self.numbers |= set(itertools.chain.from_iterable(self.effects))
        with open(folder / "summary.csv", newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                for column, text in row.items():
                    if column.endswith(("_mean", "_half_interval")) and text:
                        self.numbers |= {float(text), 100 * float(text)}
        words = {key: self.experiment.get(key)
                 for key in ("claim", "source", "base", "arms", "quantities", "seeds", "full")}
        words["criteria"] = [[one.get(key, "") for key in ("meaning", "source", "explanation")]
                             for one in self.experiment["criteria"]]
        self.words = set(map(value, re.findall(NUMBER, json.dumps(words))))

    def has_interval(self, found):
        if (self.name, f"{found[1]} [{found[2]}, {found[3]}]") in ELSEWHERE:
            return True
        return any(all(quotes(text, number) for text, number in zip(found.groups(), effect))
                   for effect in self.effects)

    def has_number(self, text):
        return any(quotes(text, number) for number in self.numbers) or value(text) in self.words


NAMES = sorted(path.parent.name for path in (SOURCE / "results").glob("*/verdict.json"))


class NumbersTest(unittest.TestCase):
    def check_intervals(self, results, text):
        for found in INTERVAL.finditer(text):
            self.assertTrue(results.has_interval(found), f"{results.name}: {found[0]}: no such effect in verdict.json")

    def check_numbers(self, results, text):
        """Numbers above 3, and those with a point: smaller ones are words."""
        self.check_intervals(results, text)
        for found in re.findall(rf"(?<![\w.^]){NUMBER}(?![\w^])", INTERVAL.sub("", text)):
            if ("." in found or abs(value(found)) > 3) and (results.name, found) not in FOLLOWS:
                self.assertTrue(results.has_number(found),
                                f"{results.name}: {found}: neither in the results nor in the experiment: {text}")

    def test_findings(self):
        for name in NAMES:
            results = Results(name)
            self.check_numbers(results, results.experiment.get("finding", ""))

    def test_notes_and_explanations(self):
        for name in NAMES:
            results = Results(name)
            notes = results.experiment.get("notes", [])
            explanations = [one.get("explanation", "") for one in results.experiment["criteria"]]
            for text in (notes if isinstance(notes, list) else [notes]) + explanations:
                self.check_intervals(results, text)

    def test_the_first_page(self):
        rows = re.findall(r"(?m)^\| `(\w+)`: (.*)$", (SOURCE / "README.md").read_text(encoding="utf-8"))
        self.assertGreaterEqual(len(rows), 10)
        for name, text in rows:
            results = Results(name)
            claim, measured, verdict = text.rsplit(" |", 1)[0].rsplit(" | ", 2)
            self.check_numbers(results, f"{claim} {measured} {verdict}")
            said = {"reported": "measured, no threshold"}.get(results.verdict["verdict"], results.verdict["verdict"])
            self.assertTrue(verdict.startswith(said), f"{name}: {verdict}")

    def test_texts_of_figures(self):
        for page, folder in (("README.md", "results/"), ("results/README.md", "")):
            text = (SOURCE / page).read_text(encoding="utf-8")
            figures = re.findall(rf"!\[([^\]]*)\]\({folder}(\w+)/figure\.png\)", text)
            self.assertGreaterEqual(len(figures), 3)
            for said, name in figures:
                self.check_numbers(Results(name), said)

    def test_when_not_to_use_it(self):
        """Each sentence links to a result, whose numbers it has."""
        text = (SOURCE / "results/README.md").read_text(encoding="utf-8").partition("\n## When not to use")[2]
        reasons = " ".join(text.split()).split(" - **")[1:]
        self.assertGreaterEqual(len(reasons), 8)
        for reason in reasons:
            sentences = re.split(r"(?<=\)\)\.) ", reason.partition("** ")[2])
            self.assertGreaterEqual(len(sentences), 2)
            for sentence in sentences:
                said, link = SENTENCE.fullmatch(sentence).groups()
                self.assertNotRegex(said, r"\. [A-Z]", "two sentences, one link")
                self.check_numbers(Results(link), said)

    def test_the_table_of_means(self):
        text = (SOURCE / "README.md").read_text(encoding="utf-8")
        with open(SOURCE / "results/ablation.csv", newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        lines = re.findall(r"(?m)^(?:0\.01|0\.1|1) +(?:none|batch|layer) .*$", text)
        self.assertEqual(len(lines), len(rows))
        for line, row in zip(lines, rows):
            self.assertEqual(line.split()[:4], [row[key] for key in (
                "optimizer.learning_rate", "normalization.type", "runs", "diverged")])
            for said, name, times in zip(re.split(r"  +", line)[4:], ("test_accuracy", "test_loss"), (100, 1)):
                mean, half, of = re.fullmatch(r"(\S+)(?: \+- (\S+))?(?: \((.*)\))?", said).groups()
                self.assertTrue(quotes(mean, times * float(row[f"{name}_mean"])), line)
                counted, runs = row[f"{name}_n"], row["runs"]
                self.assertEqual(of, None if counted == runs else f"{counted} of {runs}")
                if half:
                    self.assertTrue(quotes(half, times * float(row[f"{name}_half_interval"])), line)

    def test_wrong_numbers_are_found(self):
        results = Results("faster_training")
        self.check_numbers(results, "1.81 [1.73, 1.91] times, 0.46 points")
        for text in ("1.82 [1.73, 1.91] times", "1.81 [1.73, 1.92] times", "0.47 points", "-0.47 [-0.60, -0.32]"):
            with self.assertRaises(AssertionError):
                self.check_numbers(results, text)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
