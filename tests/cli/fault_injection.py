"""Faults of the file system at a call of a program, and what must hold after them. fault_shim.c makes the faults."""

import errno
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import unittest

from program import BNLAB, DATA, DONE, FAILED, TIMEOUT, USAGE, ProgramTest, read_npz, rows_without_seconds, run_json

SLOW = os.environ.get("BNLAB_SLOW_TESTS") == "1"

# What happens at a call, by the shim's names; the calls that it can happen to, where not to all; the error.
KILLS = ("kill", "kill_half", "power_cut")
KINDS = [("kill", None, 0), ("kill_half", "write", 0), ("power_cut", None, 0), ("fail", None, errno.EIO),
         ("fail_on", None, errno.ENOSPC), ("fail", None, errno.EDQUOT), ("short", "write", 0), ("full", "write", 0),
         ("vanish", None, 0)]


class FaultTest(ProgramTest):
    @classmethod
    def setUpClass(cls):
        if sys.platform != "linux":
            raise unittest.SkipTest("the shim is preloaded as Linux does it")
        compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
        if compiler is None:
            raise unittest.SkipTest("no C compiler for fault_shim.c")
        super().setUpClass()
        cls.shared.chmod(0o755)  # for tests that give up root's rights
        cls.shim = cls.shared / "fault_shim.so"
        source = pathlib.Path(__file__).with_name("fault_shim.c")
        subprocess.run([compiler, "-O1", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-o", cls.shim, source,
                        "-ldl"], check=True)
        cls.program = str(BNLAB)
        cls.options = {}

    def setUp(self):
        super().setUp()
        self.log = self.folder / "calls"

    def command(self, *arguments):
        return [self.program, *map(str, arguments)]

    def with_fault(self, under, kind="", at=0, error=0):
        """The environment of a program that meets this fault."""
        asan = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"  # the shim stands before its library
        return {**self.environment, "LD_PRELOAD": str(self.shim), "ASAN_OPTIONS": asan, "BNLAB_FAULT_UNDER": str(under),
                "BNLAB_FAULT_KIND": kind, "BNLAB_FAULT_AT": str(at), "BNLAB_FAULT_ERROR": str(error)}

    def execute(self, environment, *arguments):
        """(status, standard error) of the program. It never crashes but for the signal that the shim sends."""
        done = subprocess.run(self.command(*arguments), env=environment, cwd=self.folder, text=True, errors="replace",
                              capture_output=True, timeout=TIMEOUT, **self.options)
        self.assertIn(done.returncode, (DONE, FAILED, USAGE, DATA, -signal.SIGKILL), done.stderr)
        for sign in ("terminate called", "Sanitizer", "runtime error", "what():"):
            self.assertNotIn(sign, done.stderr)
        return done.returncode, done.stderr

    def undisturbed(self, sections, *extra):
        """A config, the folder of its run, and the calls of that run as (call, path inside the folder)."""
        config = self.write_config(**sections)
        whole = self.folder / "whole"
        environment = {**self.with_fault(whole), "BNLAB_FAULT_LOG": str(self.log)}
        status, error = self.execute(environment, "train", config, "--out", whole, *extra)
        self.assertEqual(status, DONE, error)
        calls = [tuple(line.split(" ", 1)) for line in self.log.read_text().splitlines()]
        return config, whole, [(call, os.path.relpath(path, whole)) for call, path in calls]

    def expect_whole(self, out, whole, cut):
        """What a fault leaves: a checkpoint that loads, and rows of the undisturbed run, whole but for the last if
        `cut`. Gives the checkpoint's step, None without one."""
        step = None
        if (out / "checkpoint.npz").exists():
            step = read_npz(out / "checkpoint.npz")["progress.step"][1][0]
        for path in out.glob("*.csv"):
            text = path.read_text()
            if not cut:
                self.assertTrue(text == "" or text.endswith("\n"), path.name)
            lines = text.count("\n")
            rows = self.folder / "rows.csv"
            rows.write_text(text[:text.rfind("\n") + 1])
            found = rows_without_seconds(rows) if lines else []
            self.assertEqual(found, rows_without_seconds(whole / path.name)[:lines], path.name)
        return step

    def expect_same(self, out, whole):
        self.assert_same_run(out, whole)
        self.assertEqual({path.name for path in out.iterdir() if path.suffix != ".tmp"},
                         {path.name for path in whole.iterdir()})
        for name in ("config.json", "weights_initial.npz", "batches.npy"):
            if (whole / name).exists():
                self.assertEqual((out / name).read_bytes(), (whole / name).read_bytes(), name)
        for key in ("status", "last_step", "final", "best"):
            self.assertEqual(run_json(out)[key], run_json(whole)[key], key)

    def meet(self, config, whole, calls, at, kind, error=0, unlock=lambda out: None, steps=None):
        """One fault at call `at`, and the run that goes on after it. `steps`: of the checkpoints that may stay."""
        out = self.folder / "out"
        shutil.rmtree(out, True)
        call, name = calls[at - 1]
        status, text = self.execute(self.with_fault(out, kind, at, error), "train", config, "--out", out)
        unlock(out)
        if kind in KILLS:
            self.assertEqual(status, -signal.SIGKILL)
        elif kind == "short":
            self.assertEqual(status, DONE, text)
        elif status == DONE:  # the call does not matter
            self.expect_same(out, whole)
        else:
            self.assertIn(status, (FAILED, USAGE, DATA))
            named = out if name == "." else out / name.removesuffix(".tmp")
            self.assertIn(str(out if kind == "lock" else named), text)
            if error:
                self.assertIn(os.strerror(error), text)
        step = self.expect_whole(out, whole, cut=kind in ("kill_half", "power_cut"))
        if steps is not None and status != DONE:
            self.assertIn(step, steps)
        status, text = self.execute(self.environment, "train", config, "--out", out, "--resume")
        if kind == "vanish" and status == FAILED:  # a checkpoint can't go on without its rows, and says which
            self.assertIn(f"{out / name}: cannot continue", text)
            status, text = self.execute(self.environment, "train", config, "--out", out, "--force")
        self.assertEqual(status, DONE, text)
        self.expect_same(out, whole)

    def meet_each(self, run, kinds, numbers, steps=None):
        path, whole, calls = run
        for kind, only, error in kinds:
            for at in numbers:
                call, name = calls[at - 1]
                if only not in (None, call):
                    continue
                # Whoever removes a file after the run is done with it is none of the run's business.
                if kind == "vanish" and call == "close" and name.endswith(".csv"):
                    continue
                with self.subTest(kind, error=error and os.strerror(error), at=at, call=call, file=name):
                    self.meet(path, whole, calls, at, kind, error, steps=steps)

    @staticmethod
    def second_checkpoint(calls):
        """The numbers of the calls of a run's second checkpoint, from what makes its rows safe to the one after its
        end."""
        opened = [i for i, (call, name) in enumerate(calls, 1) if (call, name) == ("open", "checkpoint.npz.tmp")]
        first = opened[1]
        while calls[first - 2][0] == "fsync":
            first -= 1
        last = next(i for i in range(opened[1], len(calls)) if calls[i - 1] == ("close", "."))
        return range(first, last + 2)
