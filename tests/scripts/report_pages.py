"""What the tests of the pages share: sweeps made here, and how pages are read."""

import csv
import json
import subprocess
import sys
import tempfile
import unittest
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import support

sys.path.insert(0, str(support.SOURCE / "scripts"))

import _python  # noqa: E402

_python.require("jinja2", "matplotlib", "numpy", "plotly", "scipy", status=support.SKIP)

from sweep_figures import CURVES, SweepFolder, completed, write_csv  # noqa: E402

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)> \"quoted\" 'single' | pipe & $x$ {{ 7 * 7 }}"
VOID = {"meta", "link", "br", "img", "input", "hr"}


class PageParser(HTMLParser):
    """Links, elements and texts of a page."""

    def __init__(self, text):
        super().__init__()
        self.links, self.ids, self.elements, self.charts, self.texts = [], set(), [], [], []
        self.open, self.unbalanced = [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.elements.append((tag, attributes))
        self.links += [attributes[name] for name in ("href", "src") if attributes.get(name)]
        self.ids.add(attributes.get("id"))
        if tag not in VOID:
            self.open.append((tag, attributes))

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open[-1][0] != tag:
            self.unbalanced.append(tag)
            return
        self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1][1].get("class") == "chart-data":
            self.charts.append(json.loads(data))
        else:
            self.texts.append(data)

    def all(self, tag, **wanted):
        return [attributes for name, attributes in self.elements if name == tag and
                all(value in (attributes.get(key) or "").split() for key, value in wanted.items())]

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split()).replace(" ,", ",")


class PagesTest(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.root = Path(holder.name)
        self.folder, self.out = self.root / "sweep", self.root / "pages"

    def sweep(self, arms, seeds=(1, 2, 3), figure=CURVES, value=completed, **more):
        made = SweepFolder(self.folder, arms, list(seeds), figure, value, **more)
        made.write_verdict()
        return made

    def report(self, *more, status=0, folder=None):
        result = support.run_script("report.py", folder or self.folder, "--out", self.out, *more)
        self.assertEqual(result.returncode, status, result.stderr)
        self.assertNotIn("Traceback", result.stderr)
        return result

    def page(self, name="sweep.html"):
        page = PageParser((self.out / name).read_text(encoding="utf-8"))
        self.assertEqual(page.unbalanced, [], f"{name}: elements that are not closed in order")
        return page

    def assert_links_lead_somewhere(self):
        pages = {path: PageParser(path.read_text(encoding="utf-8")) for path in sorted(self.out.rglob("*.html"))}
        for path, page in pages.items():
            for link in page.links:
                parts = urlsplit(link)
                self.assertIn(parts.scheme, ("", "data"), f"{path.name}: {link}")
                if parts.scheme == "data":
                    continue
                target = (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()
                self.assertTrue(target.exists(), f"{path.name}: {link} leads nowhere")
                if parts.fragment:
                    self.assertIn(parts.fragment, pages[target].ids, f"{path.name}: {link}")
        return pages


class RealSweepTest(PagesTest):
    """A sweep of the program itself: two arms, two seeds."""
    EXPERIMENT = {
        "name": "sweep", "claim": "It is so.", "source": "Someone 2015",
        "base": {"dataset": {"name": "drawn_digits", "limit": 200}, "training": {"steps": 3, "batch_size": 16},
                 "network": {"name": "m", "layers": [{"flatten": {}}, {"dense": {"units": 10}}]}},
        "arms": [{"name": "slow", "set": {"optimizer.learning_rate": 0.01}},
                 {"name": "fast", "set": {"optimizer.learning_rate": 0.1}}],
        "seeds": 2, "quantities": [{"name": "accuracy", "where": {"split": "test", "statistics": "running"},
                                    "series": {"column": "accuracy", "over_time": "final"}}],
        "criteria": [{"name": "c", "type": "difference", "quantity": "accuracy", "arms": ["fast", "slow"],
                      "at_least": 0.0, "source": "ours"}],
        "figure": {"type": "curves", "file": "eval.csv", "column": "accuracy",
                   "where": {"split": "test", "statistics": "running"}}}

    def setUp(self):
        super().setUp()
        file = self.root / "sweep.json"
        file.write_text(json.dumps(self.EXPERIMENT))
        done = subprocess.run([str(support.BINARY), "sweep", str(file), "--out", str(self.folder), "--jobs", "1",
                               "--quiet"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def interrupt(self):
        """As a sweep looks while its last run is at work."""
        for name in ("runs.csv", "verdict.json", "summary.csv"):
            (self.folder / name).unlink(missing_ok=True)
        run = sorted((self.folder / "runs").glob("*_fast_seed2"))[0]
        for name in ("run.json", "weights.npz", "eval.csv"):
            (run / name).unlink(missing_ok=True)
        text = (run / "train.csv").read_text()
        (run / "train.csv").write_text(text + "4,0.2,64")  # half a line
        return run.name


def write_run_files(folder, run, steps=100):
    """train.csv, run.json and config.json of a run, and a gradient norm, beside what SweepFolder writes."""
    home = folder / "runs" / run
    write_csv(home / "train.csv", ("step", "loss", "accuracy", "gradient_norm", "weight_norm"),
              [(step, 1 / step, 0.5, 2.0 / step, 3.0) for step in range(1, steps + 1)])
    write_csv(home / "gradient_norm.csv", ("step", "parameter", "gradient_norm"),
              [(step, name, 0.1 * step) for step in (1, 50) for name in ("dense1.weights", "dense1.bias")])
    (home / "run.json").write_text(json.dumps({"status": "completed", "last_step": steps, "steps": steps}))
    (home / "config.json").write_text(json.dumps({"training": {"seed": 1, "steps": steps}}))


def write_summary(folder, arms):
    write_csv(folder / "summary.csv", ("arm", "runs", "completed", "diverged", "failed", "final_accuracy_n",
                                       "final_accuracy_mean", "final_accuracy_sd", "final_accuracy_half_interval"),
              [(arm, 3, 3, 0, 0, 3, 0.82 + 0.01 * place, 0.01, 0.0248) for place, arm in enumerate(arms)])


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
