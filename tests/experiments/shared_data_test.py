"""The runs of a sweep share one copy of their data, and get the results that they have alone.

usage: shared_data_test.py BNLAB SOURCE_FOLDER
"""

import fcntl
import json
import os
import pathlib
import shlex
import shutil
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))

from program import INTERRUPTED, ProgramTest, config, main, run_json  # noqa: E402

VARIABLE = "BNLAB_SHARED_DATA"
SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


def memory_files(process):
    """The descriptors of shared data that a process has open."""
    folder = pathlib.Path(f"/proc/{process}/fd")
    found = []
    for entry in folder.iterdir():
        try:
            if os.readlink(entry).startswith("/memfd:bnlab data"):
                found.append(entry)
        except OSError:
            pass
    return found


def children(process):
    """Process ids."""
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == process:
            found.append(int(stat.parent.name))
    return found


class SharedData(ProgramTest):
    def setUp(self):
        super().setUp()
        shutil.copytree(self.shared / "data", self.folder / "data")
        self.environment["BNLAB_DATA"] = str(self.folder / "data")

    def experiment(self, steps=20, seeds=2, **dataset):
        base = config(dataset=dataset, training={"steps": steps})
        path = self.folder / "experiment.json"
        path.write_text(json.dumps({
            "claim": "c", "source": "s", "base": base, "seeds": seeds,
            "arms": [{"name": "none", "set": {"normalization.type": "none"}}, {"name": "batch"}],
            "quantities": [{"name": "q", "file": "train.csv", "series": {"column": "loss"}}],
            "criteria": [{"name": "k", "type": "difference", "quantity": "q", "arms": ["none", "batch"]}]}))
        return path

    def runs(self, out):
        return sorted((out / "runs").iterdir())

    def test_runs_are_those_that_they_are_alone(self):
        for n, dataset in enumerate(({}, {"limit": 200, "validation": 50}, {"shift": {"noise": 0.1}},
                                     {"augmentation": {"flip": True}}, {"scaling": "binary"})):
            with self.subTest(dataset):
                experiment = self.experiment(seeds=1, **dataset)
                together, alone = self.folder / f"together{n}", self.folder / f"alone{n}"
                self.run_program("sweep", experiment, "--out", together, "--jobs", "2")
                commands, _ = self.run_program("sweep", experiment, "--out", alone, "--print-commands")
                for command in commands.splitlines():
                    self.run_program(*shlex.split(command)[1:])
                for one, other in zip(self.runs(together), self.runs(alone), strict=True):
                    self.assert_same_run(one, other)
                    self.assertEqual(*(run_json(run)["provenance"]["dataset_sha256"] for run in (one, other)))

    def test_the_data_are_read_once(self):
        out = self.folder / "sweep"
        process = self.start("sweep", self.experiment(steps=6000), "--out", out, "--jobs", "1")
        self.wait_until(lambda: any(out.glob("runs/*/train.csv")), process, "the first run")
        shutil.rmtree(self.folder / "data")
        self.finish(process)
        self.assertEqual({run_json(run)["status"] for run in self.runs(out)}, {"completed"})

    def test_runs_map_one_copy_that_nobody_can_write_to(self):
        out = self.folder / "sweep"
        process = self.start("sweep", self.experiment(steps=10**6), "--out", out, "--jobs", "3")
        self.wait_until(lambda: len(list(out.glob("runs/*/train.csv"))) == 3, process, "three runs")
        inodes = set()
        for child in children(process.pid):
            maps = [line for line in pathlib.Path(f"/proc/{child}/maps").read_text().splitlines()
                    if "memfd:bnlab data" in line]
            self.assertTrue(maps, "a run without shared data")
            self.assertEqual({line.split()[1] for line in maps}, {"r--s"})
            inodes |= {line.split()[4] for line in maps}
        self.assertEqual(len(inodes), 1)
        file = memory_files(process.pid)[0]
        with self.assertRaises(OSError):
            with open(file, "r+b") as memory:
                memory.write(b"x")
        process.send_signal(signal.SIGINT)
        self.finish(process, INTERRUPTED)

    def copy(self, content, seals=SEALS):
        descriptor = os.memfd_create("copy", os.MFD_ALLOW_SEALING)
        self.addCleanup(os.close, descriptor)
        os.write(descriptor, content)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
        return descriptor

    def test_only_sealed_whole_data_of_the_same_source_are_taken(self):
        out = self.folder / "sweep"
        process = self.start("sweep", self.experiment(steps=10**6), "--out", out, "--jobs", "1")
        self.wait_until(lambda: any(out.glob("runs/*/train.csv")), process, "the first run")
        content = memory_files(process.pid)[0].read_bytes()
        process.send_signal(signal.SIGINT)
        self.finish(process, INTERRUPTED)
        path = self.write_config()
        plain = self.train("plain")

        def evaluation(name, descriptor, *arguments):
            self.environment[VARIABLE] = str(descriptor)
            keep = [descriptor] if isinstance(descriptor, int) else []
            self.run_program("train", path, "--out", self.folder / name, *arguments, pass_fds=keep)
            return (self.folder / name / "eval.csv").read_text()

        expected = (plain / "eval.csv").read_text()
        self.assertEqual(evaluation("same", self.copy(content)), expected)
        black = content[:1000] + bytes(len(content) - 1000)  # all images and labels
        self.assertNotEqual(evaluation("black", self.copy(black)), expected)
        refused = [("unsealed", self.copy(black, 0)), ("writable", self.copy(black, SEALS & ~fcntl.F_SEAL_WRITE)),
                   ("short", self.copy(black[:-64])), ("long", self.copy(black + bytes(64))),
                   ("head", self.copy(black[:40])),
                   ("magic", self.copy(b"x" + black[1:])), ("source", self.copy(black[:20] + b"x" + black[21:])),
                   ("labels", self.copy(content[:1000] + b"\xff" * (len(content) - 1000))),
                   ("size", self.copy(content[:152] + b"\xff" * 8 + black[160:])),
                   ("count", self.copy(content[:200] + b"\xff" * 8 + black[208:])),
                   ("number", "12345"), ("text", "x"), ("empty", "")]
        for name, descriptor in refused:
            with self.subTest(name):
                self.assertEqual(evaluation(name, descriptor), expected)
        # Of another source, though whole: the same name below another path.
        other = shutil.copytree(self.folder / "data", self.folder / "other")
        self.assertEqual(evaluation("path", self.copy(black), "--set", f"dataset.path={other}"), expected)

    def test_missing_data_are_each_runs_error(self):
        shutil.rmtree(self.folder / "data" / "mnist")
        out = self.folder / "sweep"
        self.run_program("sweep", self.experiment(), "--out", out, status=1)
        failures = [json.loads(path.read_text()) for path in out.glob("runs/*/failure.json")]
        self.assertEqual(len(failures), 4)
        self.assertTrue(all("no files of this dataset" in str(failure) for failure in failures))


if __name__ == "__main__":
    main()
