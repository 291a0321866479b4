"""What the tests of the program share: running it, small synthetic data, and readers of its files.

Every test here is called as: FILE BNLAB SOURCE_FOLDER.
"""

import csv
import gzip
import hashlib
import json
import os
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import zipfile

SOURCE = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else pathlib.Path(__file__).resolve().parents[2]).resolve()
BNLAB = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else SOURCE / "build" / "release" / "bnlab").resolve()

DONE, FAILED, USAGE, DATA, INTERRUPTED = 0, 1, 2, 3, 130
TIMEOUT = 120  # seconds, far more than any of these runs needs

FILES = {"train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
         "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")}

MLP = [{"flatten": {}}, {"repeat": {"count": 2, "layers": [{"dense_block": {"units": 17}}]}}, {"dense": {"units": 10}}]
CONV = [{"conv_block": {"channels": 8}}, {"max_pool": {}}, {"conv_block": {"channels": 5, "stride": 2}},
        {"global_avg_pool": {}}, {"flatten": {}}, {"dense": {"units": 10}}]


def idx(shape, values):
    """An IDX file of bytes."""
    return b"\0\0\x08" + bytes([len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + values


def write_idx(path, content, zipped=False):
    if zipped:
        pathlib.Path(f"{path}.gz").write_bytes(gzip.compress(content, 1))
    else:
        path.write_bytes(content)


def write_dataset(folder, train=300, test=100, zipped=False):
    """A dataset that can be learned: each class has an image of its own, of which every pixel keeps some bits."""
    folder.mkdir(parents=True, exist_ok=True)
    source = random.Random(7)
    size = 28 * 28
    templates = [source.getrandbits(8 * size) for _ in range(10)]
    keep = int.from_bytes(b"\xc8" * size, "big")
    for split, count in (("train", train), ("test", test)):
        labels = bytes(source.randrange(10) for _ in range(count))
        images = b"".join(((templates[label] & keep) | (source.getrandbits(8 * size) & ~keep)).to_bytes(size, "big")
                          for label in labels)
        write_idx(folder / FILES[split][0], idx((count, 28, 28), images), zipped)
        write_idx(folder / FILES[split][1], idx((count,), labels), zipped)
    return folder


def config(**sections):
    """A small run on the synthetic data; `sections` replace or add to those here, one level deep. An optimizer of
    another type replaces the whole section, and full batches have no size: not every field is theirs."""
    base = {
        "dataset": {"name": "mnist", "scaling": "standardized"},
        "network": {"name": "small", "layers": MLP},
        "normalization": {"type": "batch"},
        "optimizer": {"learning_rate": 0.05, "momentum": 0.9, "weight_decay": 1e-4},
        "training": {"batch_size": 32, "steps": 20, "seed": 3, "eval_every": 10, "log_every": 1},
        "evaluation": {"batch_size": 64},
    }
    if "type" in sections.get("optimizer", {}):
        base["optimizer"] = {}
    for name, section in sections.items():
        base[name] = {**base.get(name, {}), **section} if isinstance(section, dict) else section
    if base["training"].get("composition") == "full_batch":
        del base["training"]["batch_size"]
    return base


PROBES = [{"type": "activation_distribution", "every": 7, "units": [0, 3]}, {"type": "gradient_norm", "every": 5},
          {"type": "normalization_state", "every": 4}]


class ProgramTest(unittest.TestCase):
    """A temporary folder with `data/mnist` in it, and ways to run the program there."""

    @classmethod
    def setUpClass(cls):
        cls.shared = pathlib.Path(tempfile.mkdtemp(prefix="bnlab_cli_"))
        cls.addClassCleanup(shutil.rmtree, cls.shared, True)
        write_dataset(cls.shared / "data" / "mnist")

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=self.shared))
        self.environment = {**os.environ, "BNLAB_DATA": str(self.shared / "data"),
                            "BNLAB_CONFIGS": str(SOURCE / "configs")}

    def write_config(self, content=None, name="run.json", **sections):
        path = self.folder / name
        path.write_text(json.dumps(config(**sections) if content is None else content))
        return path

    def command(self, *arguments):
        return [str(BNLAB), *map(str, arguments)]

    def start(self, *arguments, **options):
        """The program, running."""
        process = subprocess.Popen(self.command(*arguments), env=self.environment, cwd=self.folder, text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        return process

    def finish(self, process, status=DONE):
        """Waits for its end, expects a status and an orderly end, and gives standard output and error."""
        out, error = process.communicate(timeout=TIMEOUT)
        self.assertEqual(process.returncode, status, out + error)
        for sign in ("terminate called", "Traceback", "Sanitizer", "runtime error", "core dumped", "what():"):
            self.assertNotIn(sign, out + error)
        if status in (USAGE, DATA, FAILED):
            self.assertNotEqual(error.strip(), "", "an error without a word")
        return out, error

    def run_program(self, *arguments, status=DONE, **options):
        return self.finish(self.start(*arguments, **options), status)

    def kinds(self, family):
        """The rows of a family as `bnlab list --json` shows them: [{"name": ..., "meaning": ..., and traits}]."""
        return json.loads(self.run_program("list", family, "--json")[0])[family]

    def names(self, family, **traits):
        """The names of a family's kinds that have these traits."""
        return [kind["name"] for kind in self.kinds(family) if all(kind[key] == traits[key] for key in traits)]

    def train(self, out, *arguments, status=DONE, content=None, options=None, **sections):
        """Trains with a config of `sections` into folder/out; gives the run's folder."""
        path = self.write_config(content, **sections)
        self.run_program("train", path, "--out", self.folder / out, *arguments, status=status, **(options or {}))
        return self.folder / out

    def wait_until(self, condition, process, what):
        end = time.monotonic() + TIMEOUT
        while not condition():
            if process.poll() is not None:
                self.fail(f"the program ended before {what}: {process.communicate()}")
            self.assertLess(time.monotonic(), end, f"waited in vain for {what}")
            time.sleep(0.002)

    def assert_same_run(self, one, other, csv_files=None):
        """Equal CSV files but for the seconds, and equal weights, byte for byte."""
        names = csv_files or sorted(path.name for path in one.glob("*.csv"))
        if csv_files is None:
            self.assertEqual(names, sorted(path.name for path in other.glob("*.csv")))
        self.assertGreaterEqual(len(names), 2)
        for name in names:
            self.assertEqual(rows_without_seconds(one / name), rows_without_seconds(other / name), name)
        self.assertEqual((one / "weights.npz").read_bytes(), (other / "weights.npz").read_bytes())

    def assert_whole_csv(self, folder):
        """Every CSV file ends with a line end, and every line has as many values as the header."""
        files = sorted(folder.glob("*.csv"))
        self.assertTrue(files)
        for path in files:
            text = path.read_text()
            self.assertTrue(text.endswith("\n"), path.name)
            lines = text.splitlines()
            self.assertEqual({line.count(",") for line in lines}, {lines[0].count(",")}, path.name)
            self.assertTrue(all(value for line in lines for value in line.split(",")), path.name)


def rows_without_seconds(path):
    with open(path, newline="") as file:
        rows = list(csv.reader(file))
    drop = rows[0].index("seconds") if "seconds" in rows[0] else None
    return [[value for i, value in enumerate(row) if i != drop] for row in rows]


def read_csv(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def run_json(folder):
    """run.json, read strictly: no NaN or Infinity."""
    def refuse(word):
        raise ValueError(f"{word} is not JSON")
    return json.loads((folder / "run.json").read_text(), parse_constant=refuse)


def parse_npy(data):
    """(shape, values) of the bytes of an .npy file."""
    if data[:6] != b"\x93NUMPY" or data[6] != 1:
        raise ValueError("not an .npy file of version 1")
    (length,) = struct.unpack("<H", data[8:10])
    if (10 + length) % 64 or data[10 + length - 1:10 + length] != b"\n":
        raise ValueError("a header that is not padded as the format says")
    header = eval(data[10:10 + length], {"__builtins__": {}})  # a literal by the format's definition
    if header["fortran_order"] or set(header) != {"descr", "fortran_order", "shape"}:
        raise ValueError(f"unexpected header {header}")
    code = {"<f4": "f", "<f8": "d", "<i4": "i", "<i8": "q", "<u8": "Q"}[header["descr"]]
    count = 1
    for extent in header["shape"]:
        count *= extent
    return header["shape"], struct.unpack(f"<{count}{code}", data[10 + length:])


def read_npy(path):
    return parse_npy(path.read_bytes())


def read_npz(path):
    with zipfile.ZipFile(path) as archive:
        if archive.testzip() is not None:
            raise ValueError("a damaged entry")
        return {name.removesuffix(".npy"): parse_npy(archive.read(name)) for name in archive.namelist()}


def snapshot(folder):
    """What lies in a folder: the hash of every file, and every folder."""
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
            for path in sorted(folder.rglob("*"))}


def main():
    """Runs the tests of the calling file. Exit status 77 when all of them were skipped."""
    result = unittest.main(argv=sys.argv[:1], verbosity=2, exit=False).result
    if not result.wasSuccessful():
        sys.exit(1)
    sys.exit(77 if result.testsRun == len(result.skipped) else 0)
