"""scripts/report.py where its pages cannot be written: each call that writes fails in turn, and there are links; and
files of runs that were changed."""

import errno
import hashlib
import json
import os
import re
import shutil
import unittest.mock

import support
from report_pages import PagesTest, rows_of, write_run_files
from sweep_figures import TWO_ARMS

from _report_pages import PageError, Site


class FaultsTest(PagesTest):
    def test_faults_leave_whole_pages(self):
        self.sweep(TWO_ARMS)
        self.report()
        before = self.pages()
        (self.folder / "verdict.json").unlink()

        def fault_at(call, at, error):
            """Lets the `at`th `call` below the folder of pages fail; whether there is one."""
            real, counted = call, 0

            def meet(*arguments, **more):
                nonlocal counted
                if str(arguments[0]).startswith(str(self.out)):
                    counted += 1
                    if counted == at:
                        raise OSError(error, os.strerror(error), str(arguments[0]))
                return real(*arguments, **more)
            site = Site(self.out, judge=lambda *_: None)
            site.figures = lambda data: (data.figure, [])
            names = {os.replace: "os.replace", open: "builtins.open", os.unlink: "os.unlink", os.mkdir: "os.mkdir"}
            with unittest.mock.patch(names[call], meet), unittest.mock.patch("_report_pages.plotly_js", bytes):
                try:
                    site.prepare()
                    page = site.page_of(self.folder)
                    site.write_sweep(page)
                    site.write_index([page])
                except PageError as problem:
                    self.assertIn(os.strerror(error), str(problem))
                except OSError:
                    pass  # report.py names it
            return counted >= at

        faults = 0
        fault_at(os.replace, 0, 0)
        after = self.pages()
        self.assertNotEqual(before, after)
        for call, errors in ((os.replace, (errno.EIO, errno.ENOSPC)), (open, (errno.EMFILE, errno.EROFS)),
                             (os.unlink, (errno.EACCES,)), (os.mkdir, (errno.ENOSPC,))):
            for error in errors:
                at = 1
                while True:
                    for name, content in before.items():
                        (self.out / name).write_bytes(content)
                    if not fault_at(call, at, error):
                        break
                    at, faults = at + 1, faults + 1
                    for name, content in self.pages().items():
                        self.assertIn(content, (before.get(name), after.get(name)), (call, at, name))
                self.assertEqual(self.pages(), after)
        self.assertGreater(faults, 20)

    def pages(self):
        """Each file below the folder of pages, without the time when it was made."""
        return {str(path.relative_to(self.out)): re.sub(rb"\d{4}-\d\d-\d\d \d\d:\d\d", b"", path.read_bytes())
                for path in self.out.rglob("*") if path.is_file() and path.name != "plotly.js"}

    def test_a_folder_that_cannot_be_read_stops_no_other(self):
        self.sweep(TWO_ARMS)
        long = self.folder / ("x" * 300)  # a name that no folder can have: root may read every other
        result = support.run_script("report.py", long, self.folder, "--out", self.out)
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        self.assertIn("x: can't be read: File name too long", result.stderr)
        self.assertTrue((self.out / "index.html").exists())

    def test_no_link_is_written_through(self):
        self.sweep(TWO_ARMS)
        self.report()
        outside = self.root / "outside"
        outside.mkdir()
        (outside / "file").write_text("mine")
        (self.out / ".index.html.tmp").symlink_to(outside / "file")
        (self.out / "index.html").unlink()
        (self.out / "index.html").symlink_to(outside / "file")
        self.report()
        self.assertFalse((self.out / "index.html").is_symlink())
        shutil.rmtree(self.out / "sweep")
        (self.out / "sweep").symlink_to(outside)
        self.assertIn("is a link, which bnlab does not follow", self.report(status=2).stderr)
        self.assertEqual([path.name for path in outside.iterdir()], ["file"])
        self.assertEqual((outside / "file").read_text(), "mine")

    def test_a_folder_whose_name_is_no_utf_8(self):
        self.sweep(TWO_ARMS)
        name = rows_of(self.folder / "runs.csv")[0]["run"]
        write_run_files(self.folder, name)
        folder = self.root / os.fsdecode(b"sweeps\xff") / "sweep"
        shutil.copytree(self.folder, folder)
        for path in (folder, folder.parent):
            self.assertEqual(self.report(folder=path).stderr, "")
        self.assertIn("sweeps\\xff/sweep/experiment.json' --out DIR", self.page().text)
        self.assertIn("sweeps%FF/sweep/runs/", (self.out / "sweep" / f"{name}.html").read_text())

    def test_files_that_were_changed_after_their_run(self):
        self.sweep(TWO_ARMS)
        name = rows_of(self.folder / "runs.csv")[0]["run"]
        write_run_files(self.folder, name)
        run = self.folder / "runs" / name
        content = json.loads((run / "run.json").read_text())
        files = {file: {"bytes": (run / file).stat().st_size, "modified": (run / file).stat().st_mtime_ns,
                        "sha256": hashlib.sha256((run / file).read_bytes()).hexdigest()}
                 for file in ("train.csv", "eval.csv")}
        (run / "run.json").write_text(json.dumps({**content, "files": files}))
        self.report()
        self.assertNotIn("changed after the run", self.page().text)
        with (run / "eval.csv").open("a") as file:
            file.write("\n")
        self.report()
        self.assertIn(f"eval.csv: was changed after the run: {files['eval.csv']['bytes'] + 1} bytes", self.page().text)


if __name__ == "__main__":
    support.main()
