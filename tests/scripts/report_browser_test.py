"""The pages of scripts/report.py in Debian's Chromium: no errors, marks that are there, numbers, phones, keyboards, and
a page that follows a sweep."""

import http.client
import json
import re
import signal
import socket
import subprocess
import sys

import browser
import support
from report_pages import HOSTILE, PagesTest, RealSweepTest, rows_of, write_run_files, write_summary
from sweep_figures import (AXIS, BANDS, CURVES, FILL, GAIN_ARMS, HEAT_MAP, ROWS, TWO_ARMS, SweepFolder, completed,
                           over_gains)

MAP_ARMS = [{"name": "grid", "meaning": HOSTILE, "grid": {"a": [1, 2], "b": [0.1, 0.01]}}]
SWEEPS = {"curves": (TWO_ARMS, CURVES, completed), "bands": (TWO_ARMS, BANDS, completed),
          "axis": (GAIN_ARMS, AXIS, over_gains), "rows": (TWO_ARMS, ROWS, completed),
          "fill": (TWO_ARMS, FILL, completed), "map": (MAP_ARMS, HEAT_MAP, completed)}
CHARTS_DRAWN = "[...document.querySelectorAll('.chart-canvas')].every(plot => plot.querySelector('.main-svg'))"


def setUpModule():
    global shared
    shared = browser.Browser()


def tearDownModule():
    shared.close()


class BrowserTest(PagesTest):
    def setUp(self):
        super().setUp()
        self.browser = shared
        self.browser.said.clear()
        self.browser.size(1280, 4000)

    def make(self, names=tuple(SWEEPS)):
        for name in names:
            arms, figure, value = SWEEPS[name]
            made = SweepFolder(self.root / "sweeps" / name, arms, [1, 2, 3], figure, value)
            made.experiment["claim"] = HOSTILE
            made.write_experiment()
            made.write_verdict(meaning=HOSTILE, finding=HOSTILE)
            write_summary(made.folder, [arm["name"] for arm in arms])
        self.report(folder=self.root / "sweeps")

    def open(self, name):
        """The page with all its charts drawn, as for print; others are drawn when they come into sight."""
        self.browser.open(f"file://{self.out / name}")
        self.browser.run("['beforeprint', 'afterprint'].forEach(name => window.dispatchEvent(new Event(name)))")
        self.browser.wait_for(CHARTS_DRAWN)

    def count(self, selector):
        return self.browser.run(f"document.querySelectorAll({json.dumps(selector)}).length")

    def text(self, selector):
        return self.browser.run(f"document.querySelector({json.dumps(selector)}).textContent")

    def press(self, key, code=None):
        for kind in ("keyDown", "keyUp"):
            self.browser.call("Input.dispatchKeyEvent", type=kind, key=key, code=code or key,
                              **({"text": "\r", "windowsVirtualKeyCode": 13} if key == "Enter" else {}))


class StaticPagesTest(BrowserTest):
    def test_every_chart_has_its_marks_and_no_page_an_error(self):
        self.make()
        for name in SWEEPS:
            with self.subTest(name=name):
                self.open(f"{name}.html")
                charts = self.browser.run("[...document.querySelectorAll('.chart-data')].map("
                                          "one => JSON.parse(one.textContent))")
                self.assertEqual(len(charts), 2 if name == "bands" else 1)
                self.assertEqual(self.count(".chart-canvas .scatterlayer .trace"), sum(map(traces_of, charts)))
                self.assertEqual(self.count(".chart-canvas .scatterlayer .js-line"), sum(map(lines_of, charts)))
                if name == "axis":
                    self.assertEqual(self.count(".chart-canvas .scatterlayer .points path"), points_of(charts[0]))
                self.assertEqual(self.count(".chart-canvas .heatmaplayer image"), name == "map")
                self.assertEqual(self.count(".chart-canvas .errorbar .yerror, .chart-canvas .errorbars path.yerror"),
                                 sum(map(errors_of, charts)))
                self.assertEqual(self.count(".criterion .effect"), 2)
                self.assertEqual(self.count(".criterion .interval"), 3)  # a line and its two ends
                self.assertEqual(self.text("h1"), HOSTILE)
                verdict = json.loads((self.root / "sweeps" / name / "verdict.json").read_text())
                self.assertEqual(self.browser.run("[...document.querySelectorAll('.effect-value')].map("
                                                  "one => Number(one.value))"),
                                 [one["effect"] for one in verdict["criteria"]])
                summary = [[row["final_accuracy_mean"], row["final_accuracy_half_interval"]]
                           for row in rows_of(self.root / "sweeps" / name / "summary.csv")]
                self.assertEqual(self.browser.run("[...document.querySelectorAll('.summary [data-values]')].map("
                                                  "one => one.dataset.values.split(' '))"), summary)
        self.open("index.html")
        self.assertEqual(self.count("tr.experiment"), len(SWEEPS))
        self.assertEqual(self.count(".forest .effect"), len(SWEEPS))
        self.assertEqual(self.browser.said, [])

    def test_a_phone_and_the_dark(self):
        self.make(("curves", "map"))
        runs = rows_of(self.root / "sweeps/curves/runs.csv")
        write_run_files(self.root / "sweeps/curves", runs[0]["run"])
        self.report(folder=self.root / "sweeps")
        for width, dark in ((400, True), (1280, False)):
            self.browser.size(width, 4000, dark)
            for name in ("index.html", "curves.html", "map.html", f"curves/{runs[0]['run']}.html"):
                with self.subTest(width=width, dark=dark, name=name):
                    self.open(name)
                    self.assertLessEqual(self.browser.run("document.documentElement.scrollWidth"), width)
                    paper = self.browser.run("getComputedStyle(document.documentElement).backgroundColor")
                    brightness = sum(map(int, re.findall(r"\d+", paper)[:3])) / 3
                    self.assertEqual(brightness < 60, dark)
                    self.assertTrue(self.browser.run(  # the letters of the charts can be read on it
                        "[...document.querySelectorAll('.chart-canvas .xtick text')].every(one => "
                        f"(parseInt(getComputedStyle(one).fill.match(/\\d+/)[0]) > 128) === {str(dark).lower()})"))
        self.browser.size(794)  # A4 in print: no table is cut off
        self.browser.call("Emulation.setEmulatedMedia", media="print")
        for name in ("index.html", "curves.html"):
            self.open(name)
            self.assertLessEqual(self.browser.run("document.documentElement.scrollWidth"), 794, name)
            self.assertEqual(self.browser.run("[...document.querySelectorAll('.wide')].filter("
                                              "one => getComputedStyle(one).overflowX !== 'visible').length"), 0)
        self.browser.call("Emulation.setEmulatedMedia", media="")
        self.assertEqual(self.browser.said, [])

    def test_keyboard_legend_scales_sorting_and_filters(self):
        self.make(("axis",))
        self.open("axis.html")
        visible = ("[...document.querySelectorAll('.chart-canvas .scatterlayer .trace')].filter("
                   "one => getComputedStyle(one).display !== 'none').length")
        before = self.browser.run(visible)
        self.browser.run("document.querySelector('.legend button').focus()")
        self.press("Enter")
        self.browser.wait_for(f"{visible} < {before}")
        self.assertEqual(self.browser.run("document.activeElement.getAttribute('aria-pressed')"), "false")
        self.press("Enter")
        self.browser.wait_for(f"{visible} === {before}")
        axis = "document.querySelector('.chart-canvas')._fullLayout.{}axis.{}"
        self.assertEqual(self.browser.run(axis.format("x", "type")), "log")
        ticks = "[...document.querySelectorAll('.chart-canvas .xtick text')].map(one => one.textContent)"
        self.assertEqual(self.browser.run(ticks), ["0.01", "0.1", "1", "10", "100"])
        self.browser.run("document.querySelector('.controls button').focus()")
        self.press("Enter")
        self.browser.wait_for(axis.format("x", "type") + " === 'linear'")
        low = self.browser.run(axis.format("y", "range[0]"))
        self.browser.run("[...document.querySelectorAll('.controls button')].find("
                         "one => one.textContent === 'zoom in').click()")
        self.browser.wait_for(axis.format("y", "range[0]") + f" > {low}")
        column = self.browser.run("[...document.querySelectorAll('.runs th')].findIndex("
                                  "one => one.textContent.includes('accuracy'))")
        values = f"[...document.querySelectorAll('.runs tbody tr')].map(one => one.cells[{column}].dataset.sort)"
        self.browser.run(f"document.querySelectorAll('.runs th button')[{column}].click()")
        found = [float(value or "inf") for value in self.browser.run(values)]
        self.assertEqual(found, sorted(found))
        self.assertEqual(self.browser.run(f"document.querySelectorAll('.runs th')[{column}].ariaSort"), "ascending")

        self.open("index.html")
        choose = ("(() => {{ const box = document.getElementById('filter-{}'); box.value = '{}'; "
                  "box.dispatchEvent(new Event('change')); }})()")
        shown = ("[...document.querySelectorAll('tr.experiment, .effect-row[data-part]')].filter("
                 "one => !one.hidden).length")
        self.assertEqual(self.browser.run(shown), 2)
        self.browser.run("document.querySelector('#filter-verdict').append(new Option('x', 'inconclusive'))")
        self.browser.run(choose.format("verdict", "inconclusive"))
        self.assertEqual(self.browser.run(shown), 0)
        self.browser.run(choose.format("verdict", "reproduced"))
        self.assertEqual(self.browser.run(shown), 2)
        self.assertEqual(self.browser.said, [])


class LiveTest(BrowserTest):
    def serve(self, bnlab):
        command = [sys.executable, str(support.SOURCE / "scripts/report.py"), str(self.folder), "--out", str(self.out),
                   "--bnlab", str(bnlab), "--serve", "0"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.end, server)
        address = server.stdout.readline().strip()
        self.assertRegex(address, r"^http://127\.0\.0\.1:\d+/$", server.stderr.read() if not address else "")
        return server, address, int(address.rstrip("/").rpartition(":")[2])

    def end(self, server):
        if server.poll() is None:
            server.kill()
        server.wait()
        server.stdout.close()
        server.stderr.close()

    def answer(self, port, path, host=None, method="GET"):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.putrequest(method, path, skip_host=True)
            connection.putheader("Host", host or f"127.0.0.1:{port}")
            connection.endheaders()
            found = connection.getresponse()
            return found.status, found.read()
        finally:
            connection.close()


class LivePagesTest(LiveTest):
    def test_a_page_follows_a_sweep_and_only_this_machine_is_answered(self):
        self.sweep(TWO_ARMS)
        runs = [row["run"] for row in rows_of(self.folder / "runs.csv")]
        for run in runs:
            write_run_files(self.folder, run)
        for name in ("runs.csv", "verdict.json"):
            (self.folder / name).unlink()
        (self.folder / "runs" / runs[0] / "run.json").unlink()
        server, address, port = self.serve(self.root / "nowhere")
        self.browser.open(f"{address}sweep.html")
        self.browser.wait_for("document.querySelector('tr.running')")
        self.assertEqual(self.text("tr.running td.n"), "100")
        self.browser.run("window.sameDocument = true")
        with (self.folder / "runs" / runs[0] / "train.csv").open("a") as file:
            file.write("101,0.25,0.5,1,3\n102,0.")  # half a line
        self.browser.wait_for("document.querySelector('tr.running td.n')?.textContent === '101'")
        self.assertTrue(self.browser.run("window.sameDocument"), "the page was loaded again")
        self.browser.wait_for("document.querySelector('#running-loss .main-svg')")
        self.assertEqual(self.browser.said, [])
        self.browser.open("data:text/html,done")

        self.assertEqual(self.answer(port, "/")[0], 200)
        self.assertEqual(self.answer(port, "/sweep.html", method="HEAD"), (200, b""))
        for host in ("example.org", f"example.org:{port}", f"127.0.0.1.example.org:{port}", "127.0.0.1:1", ""):
            self.assertEqual(self.answer(port, "/", host or "\t")[0], 403, host)
        (self.root / "secret.html").write_text("secret")
        (self.out / "link.html").symlink_to(self.root / "secret.html")
        (self.out / "folder").symlink_to(self.root)
        for path in ("/../secret.html", "/%2e%2e/secret.html", "/..%2fsecret.html", f"//{self.root}/secret.html",
                     "/link.html", "/folder/secret.html", "/assets/", "/assets", "/.hidden.html", "/nothing.html",
                     "/%00", "/" + "a" * 5000, "http://example.org/secret.html"):
            self.assertEqual(self.answer(port, path)[0], 404, path)
        self.assertEqual(self.answer(port, "/", method="POST")[0], 501)
        with self.assertRaises(OSError):  # another address of this machine
            socket.create_connection(("127.0.0.2", port), timeout=5)
        server.send_signal(signal.SIGINT)
        self.assertEqual(server.wait(20), 0)
        self.assertEqual(server.stderr.read(), "")


class LiveSweepTest(LiveTest, RealSweepTest):
    def test_what_the_reader_chose_stays(self):
        run = self.interrupt()
        _, address, _ = self.serve(support.BINARY)
        self.browser.open(f"{address}sweep.html")
        self.browser.run("window.sameDocument = true")
        order = "[...document.querySelectorAll('.runs tbody tr')].map(one => one.cells[0].textContent)"
        self.browser.wait_for("document.querySelectorAll('.runs tbody tr').length === 4")
        for _ in range(2):
            self.browser.run("document.querySelector('.runs th button').click()")
        self.assertEqual(self.browser.run("document.querySelector('.runs th').ariaSort"), "descending")
        before = self.browser.run(order)
        plot = "document.querySelector('#running-loss .chart-canvas')"
        self.browser.run(f"{plot}.scrollIntoView()")
        self.browser.wait_for(f"{plot}._fullLayout?.yaxis.range.length === 2")
        whole = self.browser.run(f"{plot}._fullLayout.yaxis.range")
        self.browser.run("[...document.querySelectorAll('#running-loss .controls button')].find("
                         "one => one.textContent === 'zoom in').click()")
        self.browser.wait_for(f"{plot}._fullLayout.yaxis.range[1] < {whole[1]}")
        zoomed = self.browser.run(f"{plot}._fullLayout.yaxis.range")
        train = self.folder / "runs" / run / "train.csv"
        train.write_text(train.read_text().replace("4,0.2,64", "4,0.2,64,0.1,2,0.5,1,3,0.1\n5,0.3,"))
        self.browser.wait_for("document.querySelector('tr.running td.n')?.textContent === '4 of 3'")
        self.assertTrue(self.browser.run("window.sameDocument"), "the page was loaded again")
        self.assertEqual(self.browser.run("document.querySelector('.runs th').ariaSort"), "descending")
        self.assertEqual(self.browser.run(order), before)
        self.browser.wait_for(f"{plot}?._fullLayout?.yaxis.range.length === 2")
        self.assertEqual(self.browser.run(f"{plot}._fullLayout.yaxis.range"), zoomed)
        self.assertEqual(self.browser.said, [])


def traces_of(chart):
    """How many traces charts.js makes of a chart."""
    if chart["kind"] == "map":
        return 1  # the texts of the cells
    band = chart["kind"] != "axis"
    return sum(1 + bool(band and trace.get("low")) + bool(trace.get("diverged")) for trace in chart["traces"])


def lines_of(chart):
    """Bands, lines, and no line of what has points alone."""
    return sum((trace["role"] in ("seed", "line", "mean", "level")) + bool(chart["kind"] != "axis" and trace.get("low"))
               for trace in chart["traces"])


def points_of(chart):
    return sum(y is not None for trace in chart["traces"] if trace["role"] != "level" for y in trace["y"])


def errors_of(chart):
    return sum(y is not None for trace in chart["traces"] if chart["kind"] == "axis" and trace["role"] == "mean"
               for y in trace["y"])


if __name__ == "__main__":
    if not browser.program():
        support.skip("chromium is not installed (scripts/setup.sh --tests)")
    support.main()
