"""scripts/plot.py on folders that come from elsewhere: names, texts and numbers that could break a figure, links and
FIFOs, files of other systems, folders of folders."""

import json
import os
import re
import subprocess
import sys

import support
from plot_test import write_run
from sweep_figures import AXIS, CURVES, GAIN_ARMS, ROWS, TWO_ARMS, SweepFigureTest, SweepFolder, completed

ESCAPE = "\x1b[31mred\nline"


class HostileFoldersTest(SweepFigureTest):
    def test_names_that_are_mathematics_bytes_or_control_characters(self):
        names = ["$a_b_c$", "a$\\frac$b", os.fsdecode(b"not\xffutf"), ESCAPE, "_hidden"]
        runs = [write_run(self.folder / name, f"kind{number}") for number, name in enumerate(names)]
        result = self.plot(*runs, "--title", "$\\frac{$", "--format", "svg", "--out", self.folder / "out")
        self.assertEqual(result.stderr, "")
        svg = (self.folder / "out" / "figure_curves.svg").read_text()
        for text in ("$a_b_c$", "a$\\frac$b", "not utf", "[31mred line", "$\\frac{$", "_hidden"):
            self.assertIn(text, svg)
        arms = {row["arm"] for row in self.rows(self.folder / "out" / "figure_curves.csv")}
        self.assertEqual(arms, {"$a_b_c$", "a$\\frac$b", "not\\xffutf", "\\x1b[31mred\\x0aline", "_hidden"})
        result = self.plot(runs[3], "--format", "svg", "--figure", "curves")
        self.assertIn("\\x1b[31mred\\x0aline/figure_curves.svg", result.stdout)
        (runs[2] / "train.csv").unlink()
        self.assertIn("not\\xffutf/train.csv: missing\n", self.plot(runs[2], status=3).stderr)
        for text in (svg, result.stdout, "".join(arms)):
            self.assertNotIn("\x1b", text)

    def test_texts_of_a_sweep_reach_no_terminal_as_they_are(self):
        sweep = self.sweep(TWO_ARMS, [1], {**CURVES, "type": ESCAPE, "title": ESCAPE}, completed)
        message = self.plot(self.folder, status=3).stderr
        self.assertIn("figure.type: must be one of", message)
        sweep.experiment["figure"].update(type="curves", arms=[ESCAPE])
        sweep.write_experiment()
        message += self.plot(self.folder, status=3).stderr
        self.assertEqual(message.count("\n"), 2)
        self.assertNotIn("\x1b", message)

    def test_numbers_beyond_all_scales(self):
        run = write_run(self.folder / "run")
        for number in ("1e308", "-1e308", "inf", "nan", "1e-320"):
            lines = (run / "train.csv").read_text().splitlines(keepends=True)
            lines[4] = re.sub(r"^((?:[^,]*,){4})[^,]*", rf"\g<1>{number}", lines[4])
            (run / "train.csv").write_text("".join(lines))
            self.assertEqual(self.plot(run, "--format", "svg", "--figure", "curves").stderr, "")
        for number, value in enumerate((1e308, -1e308, 1e-320)):
            self.folder = self.folder.with_name(f"sweep{number}")
            self.sweep(GAIN_ARMS, [1, 2, 3], AXIS, lambda arm, axes, seed: ("completed", value if seed == 1 else 0.5))
            bottom, top = self.panels(self.figure())[0].get_ylim()
            self.assertTrue(-1 < bottom < top < 1, (bottom, top))

    def test_a_byte_order_mark_and_line_ends_of_other_systems(self):
        sweep = self.sweep(TWO_ARMS, [1, 2], CURVES, completed)
        before, _ = self.draw()
        for path in [sweep.folder / "runs.csv", sweep.folder / "experiment.json", *sweep.folder.glob("runs/*/*.csv")]:
            path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
        self.assertEqual(self.draw()[0], before)
        run = write_run(self.folder / "run")
        (run / "train.csv").write_bytes(b"\xef\xbb\xbf" + (run / "train.csv").read_bytes())
        self.assertEqual(self.plot(run, "--figure", "curves", "--format", "svg").stderr, "")

    def test_words_that_are_no_numbers_and_columns_that_are_there_twice(self):
        run = write_run(self.folder / "run")
        text = (run / "train.csv").read_text()
        for old, new, reason in (("\n10,", "\n1_0,", "not a number: '1_0'"), ("\n10,", "\n١٠,", "not a number"),
                                 ("step,epoch", "step,step", "the column step is in its header twice")):
            self.assertIn(old, text)
            (run / "train.csv").write_text(text.replace(old, new, 1))
            self.assertIn(reason, self.plot(run, "--figure", "curves", status=3).stderr)

    def test_a_threshold_that_was_edited_after_the_verdict(self):
        sweep = self.sweep(TWO_ARMS, [1, 2], CURVES, completed)
        sweep.experiment["criteria"] = [{"name": "c", "type": "difference", "quantity": "q", "more_than": 3}]
        sweep.write_experiment()
        judged = {"name": "c", "verdict": "reproduced", "seeds": 2, "more_than": 0.5}
        (sweep.folder / "verdict.json").write_text(json.dumps({"verdict": "reproduced", "criteria": [judged]}))
        self.assertIn("verdict.json: c: judged with more_than 0.5, which experiment.json does not have",
                      self.plot(self.folder, status=3).stderr)

    def test_homes_empty_names_and_screens_that_are_not_there(self):
        write_run(self.folder / "home" / "run")
        command = [sys.executable, support.SOURCE / "scripts" / "plot.py", "~/run", "--out=~/out", "--format", "svg"]
        result = subprocess.run(command, stdout=None, stderr=subprocess.PIPE, text=True, cwd=self.folder,
                                preexec_fn=lambda: os.close(1), env={**os.environ, "MPLBACKEND": "none of these",
                                                                     "HOME": str(self.folder / "home")})
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertTrue((self.folder / "home" / "out" / "figure_curves.svg").exists())
        self.assertIn("must not be empty", self.plot("", status=2).stderr)
        self.assertIn("there is no user nobody of this name; ./~nobody of this name/run names a file",
                      self.plot("~nobody of this name/run", status=2).stderr)
        settings = self.folder / "matplotlibrc"
        settings.write_bytes(b"axes.titlesize: caf\xe9\n")
        result = subprocess.run([*command, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env={**os.environ, "MATPLOTLIBRC": str(settings)})
        self.assertEqual((result.returncode, result.stderr.count("\n")), (3, 1), result.stderr)
        self.assertIn(f"plot.py: matplotlib cannot be loaded: Cannot decode configuration file '{settings}'",
                      result.stderr)

    def test_rows_of_a_file_that_has_one_row_a_step(self):
        sweep = self.sweep(TWO_ARMS, [1], {**ROWS, "file": "train.csv", "column": "loss", "where": {}}, completed)
        for run in (sweep.folder / "runs").iterdir():
            (run / "train.csv").write_text("step,loss\n1,2\n2,1\n")
        self.assertIn("train.csv: has no rows of several layers or parameters at a step",
                      self.plot(self.folder, status=3).stderr)

    # ---- links and FIFOs ----

    def test_no_link_is_followed_and_no_fifo_opened(self):
        sweep = self.sweep(TWO_ARMS, [1], CURVES, completed)
        path = next(sweep.folder.glob("runs/*_none_seed1/eval.csv"))
        kept = sweep.folder.parent / "kept"
        for place in (path, path.parent, sweep.folder / "runs", sweep.folder / "runs.csv",
                      sweep.folder / "experiment.json"):
            with self.subTest(place=place.name):
                place.rename(kept)
                place.symlink_to(kept)
                message = self.plot(self.folder, status=3).stderr
                self.assertIn("is reached over a link; links in results are not followed", message)
                self.assertEqual(message.count("\n"), 1)
                place.unlink()
                kept.rename(place)
        for place in (path, sweep.folder / "runs.csv", sweep.folder / "experiment.json", sweep.folder / "verdict.json"):
            with self.subTest(fifo=place.name):
                text = place.read_bytes() if place.exists() else None
                place.unlink(missing_ok=True)
                os.mkfifo(place)
                self.assertIn(f"{place}: is not a regular file", self.plot(self.folder, status=3).stderr)
                place.unlink()
                if text is not None:
                    place.write_bytes(text)

    def test_a_link_in_the_place_of_a_figure_is_replaced(self):
        self.sweep(TWO_ARMS, [1], CURVES, completed)
        outside = self.folder.parent / "outside"
        outside.write_text("mine")
        for name in ("figure.csv", ".figure.csv.tmp", ".figure.svg.tmp"):
            (self.folder / name).symlink_to(outside)
        self.draw()
        self.assertEqual(outside.read_text(), "mine")
        self.assertFalse((self.folder / "figure.csv").is_symlink())

    def test_a_figure_that_cannot_be_written_stops_no_other(self):
        for name in ("one", "two"):
            SweepFolder(self.folder / name, TWO_ARMS, [1], CURVES, completed)
        (self.folder / "one" / "figure.svg").mkdir()
        result = self.plot(self.folder, "--format", "svg", status=2)
        self.assertIn(f"{self.folder / 'one' / 'figure.svg'}: can't be written: Is a directory", result.stderr)
        self.assertTrue((self.folder / "two" / "figure.svg").exists())

    def test_names_that_lead_out_of_the_folder(self):
        sweep = self.sweep(TWO_ARMS, [1], {**CURVES, "file": "../../secret.csv"}, completed)
        self.assertIn("figure.file: must be a file's name", self.plot(self.folder, status=3).stderr)
        sweep.experiment["figure"]["file"] = "eval.csv"
        sweep.write_experiment()
        text = (sweep.folder / "runs.csv").read_text()
        (sweep.folder / "runs.csv").write_text(text.replace("0123456789abcdef_none_seed1", "../../elsewhere"))
        self.assertIn("column run: must be a folder's name", self.plot(self.folder, status=3).stderr)

    # ---- folders of folders ----

    def test_a_folder_of_sweeps_or_of_runs(self):
        top = self.folder / "quick"
        for name in ("one", "two"):
            SweepFolder(top / name, TWO_ARMS, [1], CURVES, completed)
        (top / "notes").mkdir()
        (top / "link").symlink_to(top / "one")
        result = self.plot(top, "--format", "svg")
        self.assertEqual(result.stdout.split(), [str(top / name / f"figure.{kind}") for name in ("one", "two")
                                                 for kind in ("svg", "csv")])
        self.assertIn(f"plot.py {self.folder}/*/*", self.plot(self.folder, status=3).stderr)
        self.assertIn("is neither a run's nor a sweep's directory", self.plot(top / "notes", status=3).stderr)
        for seed in (1, 2):
            write_run(self.folder / "runs" / f"batch_seed{seed}", seed=seed)
        self.plot(self.folder / "runs", "--format", "svg", "--figure", "curves")
        self.assertTrue((self.folder / "runs" / "figure_curves.svg").exists())


if __name__ == "__main__":
    support.main()
