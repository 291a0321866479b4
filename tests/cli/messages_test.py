"""The messages that users meet most, and all help texts (the manual), word for word: tests/golden/messages.txt has
commands and what they print.

To change words: change them in the source, then run this test with BNLAB_WRITE_GOLDEN=1 and read the difference. DIR is
the folder of the test, N a number that depends on the machine.
"""

import json
import os
import re
import shlex

from program import SOURCE, ProgramTest, main

GOLDEN = SOURCE / "tests" / "golden" / "messages.txt"
BASE = {"dataset": {"name": "drawn_digits", "synthetic": {"examples": 200, "test_examples": 50}},
        "network": {"name": "small", "layers": [{"flatten": {}}, {"dense": {"units": 10}}]},
        "training": {"batch_size": 20, "steps": 4, "eval_every": 2}}
STEPS = {"name": "steps", "where": {"split": "test", "statistics": "running"},
         "series": {"column": "accuracy", "over_time": "steps_to", "level": 0.99}}
ACCURACY = {"name": "accuracy", "where": {"split": "test", "statistics": "running"}, "series": {"column": "accuracy"},
            "when_diverged": 2}  # else a claim of more than 1 is refused


def criterion(name, kind, quantity="accuracy", **more):
    return {"name": name, "meaning": f"{name} in words", "type": kind, "quantity": quantity,
            "arms": ["slow", "fast"] if kind == "ratio" else ["fast"], **more,
            **({"source": "ours"} if set(more) & {"at_least", "at_most"} else {})}


CLAIM = {"claim": "A claim.", "source": "A source.", "finding": "A finding.", "base": BASE, "seeds": 2,
         "arms": [{"name": "slow", "set": {"optimizer.learning_rate": 1e-9}},
                  {"name": "fast", "set": {"optimizer.learning_rate": 0.1}}],
         "quantities": [ACCURACY, STEPS],
         "criteria": [criterion("too_high", "value", at_least=1.1), criterion("measured", "value"),
                      criterion("never", "ratio", "steps", at_least=2)]}
FILES = {
    "run.json": BASE,
    "claim.json": CLAIM,
    "twice.json": {**CLAIM, "arms": [*CLAIM["arms"], CLAIM["arms"][0]]},
    "missing.json": {**BASE, "dataset": {"name": "mnist", "path": "nowhere"}},
}


def masked(text, folder):
    """Without what differs between two calls or machines."""
    text = text.replace(str(folder), "DIR")
    text = re.sub(r"\b[0-9a-f]{16}(?=_|\b)", "HASH", text)
    text = re.sub(r"(?<=\| )([0-9a-f]{7}( \(changed\))?|unknown)(?= \|$)", "REVISION", text, flags=re.M)
    text = re.sub(r"\d+(\.\d+)? (s|ms|min|steps/s)\b", r"N \2", text)
    text = re.sub(r"about \d+:\d+ left", "about N left", text)
    text = re.sub(r"\d+ \+- \d+\b|-?\d+\.\d+(e-\d+)?", "N", text)  # measured
    return re.sub(r"(?m)[ \t]+$", "", re.sub(r" {2,}", "  ", text))


class MessagesTest(ProgramTest):
    def test_each_message(self):
        for name, content in FILES.items():
            (self.folder / name).write_text(json.dumps(content))
        commands = re.findall(r"(?m)^\$ bnlab (.*)$", GOLDEN.read_text(encoding="utf-8"))
        self.assertGreater(len(commands), 20)
        said = ""
        for command in commands:
            process = self.start(*shlex.split(command))
            out, error = process.communicate(timeout=60)
            said += f"$ bnlab {command}\n{masked(out, self.folder)}{masked(error, self.folder)}"
            said += f"(status {process.returncode})\n\n"
        if os.environ.get("BNLAB_WRITE_GOLDEN"):
            GOLDEN.write_text(said, encoding="utf-8")
        self.maxDiff = None
        self.assertEqual(said, GOLDEN.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
