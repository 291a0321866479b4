"""A user's own data, CIFAR-100, and file names as people have them: read from the shell, and what is refused.

usage: own_data_test.py BNLAB SOURCE_FOLDER
"""

import gzip
import hashlib
import io
import pathlib
import random
import shutil
import struct
import sys
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))

from program import DATA, SOURCE, USAGE, ProgramTest, config, idx, main, read_csv, run_json  # noqa: E402

SOURCE_CONFIG = SOURCE / "configs" / "first_experiment.json"
LINEAR = [{"flatten": {}}, {"dense": {"units": 3}}]
TYPES = {"|u1": "B", "|i1": "b", "<u2": "H", "<i2": "h", "<u4": "I", "<i4": "i", "<u8": "Q", "<i8": "q", "<f4": "f",
         "<f8": "d"}


def npy(descr, shape, values, fortran=False, version=1):
    """The bytes of an .npy file. `values`: in the order of the file, or bytes."""
    text = f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape!r}, }}".encode()
    length = "<H" if version == 1 else "<I"
    begin = b"\x93NUMPY" + bytes([version, 0])
    text += b" " * (-(len(begin) + struct.calcsize(length) + len(text) + 1) % 64) + b"\n"
    data = values if isinstance(values, bytes) else struct.pack(f"<{len(values)}{TYPES[descr]}", *values)
    return begin + struct.pack(length, len(text)) + text + data


def write_npz(path, arrays, packed=False):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED) as archive:
        for name, content in arrays.items():
            archive.writestr(name + ".npy", content)
    return path


def pixels(count, channels, height, width, seed=1):
    """[example][channel][row][column], bytes; and a label from 0 to 2 for each, which the first rows tell."""
    source = random.Random(seed)
    labels = [source.randrange(3) for _ in range(count)]
    images = [[[[source.randrange(40) + (180 if row == label else 0) for _ in range(width)] for row in range(height)]
               for _ in range(channels)] for label in labels]
    return images, labels


def flat(images, order="chw"):
    values = []
    for image in images:
        if order == "chw":
            values += [value for channel in image for row in channel for value in row]
        else:
            values += [image[c][row][column] for row in range(len(image[0])) for column in range(len(image[0][0]))
                       for c in range(len(image))]
    return values


class OwnData(ProgramTest):
    def sections(self, dataset, layers=LINEAR, **training):
        return {"dataset": dataset, "normalization": {"type": "none"}, "network": {"name": "net", "layers": layers},
                "training": {"batch_size": 20, "steps": 3, "eval_every": 1, **training}, "record": {"batches": True}}

    def learn(self, out, dataset, layers=LINEAR, **training):
        return self.train(out, content=config(**self.sections(dataset, layers, **training)))

    def refuse(self, dataset, *parts, status=DATA, layers=LINEAR):
        path = self.write_config(config(**self.sections(dataset, layers)))
        _, error = self.run_program("train", path, "--out", self.folder / "refused", status=status)
        for part in parts:
            self.assertIn(str(part), error)
        self.assertFalse((self.folder / "refused").exists())
        return error

    def assert_same_numbers(self, one, other):
        for name in ("eval.csv", "weights.npz"):
            self.assertEqual((one / name).read_bytes(), (other / name).read_bytes(), name)

    # ---- npz ----

    def arrays(self, descr="|u1", order="chw", labels="<i8", channels=3, train=40, test=20, offset=0, scale=1):
        """x and y of both splits, as .npy bytes."""
        arrays = {}
        for split, count, seed in (("train", train, 1), ("test", test, 2)):
            images, classes = pixels(count, channels, 5, 7, seed)
            shape = (count, channels, 5, 7) if order == "chw" else (count, 5, 7, channels)
            values = flat(images, order)
            if descr != "|u1":
                values = [value / scale for value in values]
            arrays["x_" + split] = npy(descr, shape, values)
            arrays["y_" + split] = npy(labels, (count,), [10 * label + offset for label in classes])
        return arrays

    def write(self, name="data.npz", packed=False, **options):
        return write_npz(self.folder / name, self.arrays(**options), packed)

    def test_every_layout_of_an_npz_gives_the_same_run(self):
        first = self.learn("first", {"name": "npz", "path": str(self.write())})
        self.assertEqual(read_csv(first / "eval.csv")[-1]["split"], "test")
        last = self.learn("last", {"name": "npz", "path": str(self.write("last.npz", order="hwc"))})
        self.assert_same_numbers(first, last)
        packed = self.learn("packed", {"name": "npz", "path": str(self.write("packed.npz", packed=True))})
        self.assert_same_numbers(first, packed)
        self.assertEqual(*(run_json(run)["provenance"]["dataset_sha256"] for run in (first, packed)))
        # Floats stay as they are, which scaling raw does with bytes.
        raw = self.learn("raw", {"name": "npz", "path": str(self.write()), "scaling": "raw"})
        for descr in ("<f4", "<f8"):
            path = self.write(descr[1:] + ".npz", descr=descr)
            self.assert_same_numbers(raw, self.learn(descr[1:], {"name": "npz", "path": str(path), "scaling": "raw"}))

    def test_the_sum_is_of_the_unpacked_arrays(self):
        arrays = self.arrays()
        expected = hashlib.sha256(b"".join(arrays[name] for name in ("x_train", "y_train", "x_test", "y_test")))
        run = self.learn("run", {"name": "npz", "path": str(write_npz(self.folder / "a.npz", arrays, packed=True))})
        self.assertEqual(run_json(run)["provenance"]["dataset_sha256"], expected.hexdigest())

    def test_labels_of_every_integer_type_are_the_same_classes(self):
        first = self.learn("first", {"name": "npz", "path": str(self.write())})
        for descr in ("|u1", "|i1", "<u2", "<i2", "<u4", "<i4", "<u8"):
            offset = -7 if descr[1] == "i" else 7
            path = self.write(descr[1:] + ".npz", labels=descr, offset=offset)
            self.assert_same_numbers(first, self.learn(descr[1:], {"name": "npz", "path": str(path)}))
        columns = self.arrays()  # (N, 1), as Keras has the labels of CIFAR
        columns["y_train"] = columns["y_train"].replace(b"(40,)", b"(40, 1)")
        columns["y_train"] = npy("<i8", (40, 1), columns["y_train"][-8 * 40:])
        self.assert_same_numbers(first, self.learn("columns", {
            "name": "npz", "path": str(write_npz(self.folder / "columns.npz", columns))}))

    def test_vectors_grey_images_and_fortran_order(self):
        images, labels = pixels(40, 1, 5, 7)
        values = flat(images)
        runs = []
        for name, x in (("grey", npy("|u1", (40, 5, 7), values)), ("vectors", npy("|u1", (40, 35), values)),
                        ("version2", npy("|u1", (40, 35), values, version=2)),
                        ("fortran", npy("|u1", (40, 35), [values[35 * n + i] for i in range(35) for n in range(40)],
                                        fortran=True))):
            arrays = {f"{kind}_{split}": content for split in ("train", "test")
                      for kind, content in (("X", x), ("Y", npy("|u1", (40,), labels)))}
            path = write_npz(self.folder / f"{name}.npz", arrays)
            runs.append(self.learn(name, {"name": "npz", "path": str(path), "scaling": "unit"}))
        for run in runs[1:]:
            self.assert_same_numbers(runs[0], run)

    def test_float_images_are_standardized_and_augmented(self):
        bytes_, floats = self.write(), self.write("floats.npz", descr="<f4")
        for changes in ({}, {"augmentation": {"crop_padding": 2, "flip": True}}):
            runs = [self.learn(f"{path.stem}{len(changes)}",
                               {"name": "npz", "path": str(path), "scaling": "raw", **changes})
                    for path in (bytes_, floats)]
            self.assert_same_numbers(*runs)
        dataset = {"name": "npz", "scaling": "standardized"}
        runs = [self.learn(path.stem + "s", {**dataset, "path": str(path)}) for path in (bytes_, floats)]
        losses = [float(read_csv(run / "eval.csv")[-1]["loss"]) for run in runs]
        self.assertAlmostEqual(*losses, delta=1e-4 * losses[0])

    def test_more_classes_than_a_byte_counts(self):
        labels = [3 * n for n in range(600)]
        x = npy("<f4", (600, 2), [float(n % 7) for n in range(1200)])
        y = npy("<i4", (600,), labels)
        arrays = {"x_train": x, "y_train": y, "x_test": x, "y_test": y}
        path = write_npz(self.folder / "many.npz", arrays)
        self.learn("many", {"name": "npz", "path": str(path)}, [{"flatten": {}}, {"dense": {"units": 600}}])
        self.refuse({"name": "npz", "path": str(path)}, "(600)", "class", status=USAGE)

    def test_damaged_arrays(self):
        good = self.arrays()
        images = flat(pixels(40, 3, 5, 7)[0])
        nan, huge = struct.pack("<f", float("nan")), struct.pack("<d", 1e300)
        cases = [
            ({"x_train": None}, 'no array "x_train"; expected x_train, y_train, x_test, y_test'),
            ({"y_test": None}, 'no array "y_test"'),
            ({"x_train": b""}, "cut off"),
            ({"x_train": b"\x93NUMPX\1\0" + good["x_train"][8:]}, "wrong magic number"),
            ({"x_train": good["x_train"][:-1]}, "shape does not match"),
            ({"x_train": good["x_train"] + b"x"}, "shape does not match"),
            ({"x_train": npy("|u1", (2**62, 4), b"")}, "shape does not match"),
            ({"x_train": npy("|u1", (0, 3, 5, 7), b"")}, "expected inputs"),
            ({"x_train": npy("|u1", (4200,), images)}, "found shape (4200)"),
            ({"x_train": npy("|O", (40, 105), b"")}, "not supported"),
            ({"x_train": npy("<i8", (40, 3, 5, 7), bytes(8 * 4200))}, '"<i8" is not supported'),
            ({"x_train": npy("<f4", (40, 105), nan * 4200)}, "finite", "value 0"),
            ({"x_train": npy("<f8", (40, 105), huge * 4200)}, "finite"),
            ({"x_test": npy("|u1", (20, 3, 7, 5), bytes(2100))}, "expected examples as in x_train"),
            ({"x_test": npy("<f4", (20, 3, 5, 7), bytes(8400))}, "expected examples as in x_train"),
            ({"y_train": npy("<i8", (39,), bytes(8 * 39))}, "expected 40 labels"),
            ({"y_train": npy("<f4", (40,), bytes(160))}, "only integers"),
            ({"y_train": npy("<i8", (40, 3), bytes(960))}, "one label for each example"),
            ({"y_train": npy("<u8", (40,), b"\xff" * 320)}, "2^63"),
            ({"y_train": npy("|u1", (40,), bytes(40)), "y_test": npy("|u1", (20,), bytes(20))}, "at least 2 different"),
        ]
        path = self.folder / "damaged.npz"
        for changes, *parts in cases:
            with self.subTest(parts[0], changes=str(changes)[:60]):
                arrays = {name: content for name, content in {**good, **changes}.items() if content is not None}
                self.refuse({"name": "npz", "path": str(write_npz(path, arrays))}, path, *parts)

    def test_damaged_archives(self):
        whole = self.write().read_bytes()
        path = self.folder / "broken.npz"
        flipped = bytearray(whole)
        flipped[len(whole) // 3] ^= 1
        for content in (b"", b"PK", whole[:-10], whole[:len(whole) // 2], bytes(flipped), b"no archive at all"):
            with self.subTest(len(content)):
                path.write_bytes(content)
                self.refuse({"name": "npz", "path": str(path)}, path)
        bomb = io.BytesIO()
        with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in ("x_train", "y_train", "x_test", "y_test"):
                archive.writestr(name + ".npy", npy("|u1", (2**30 + 1, 1), b"\0" * 100))
        path.write_bytes(bomb.getvalue())
        self.refuse({"name": "npz", "path": str(path)}, path, "shape does not match")

    def test_refusals_of_an_npz(self):
        path = self.write()
        self.refuse({"name": "npz"}, "dataset.path: must be set for name npz", status=USAGE)
        self.refuse({"name": "npz", "path": str(self.folder / "none.npz")}, "none.npz", "x_train")
        self.refuse({"name": "npz", "path": str(path), "labels": "fine"}, "dataset.labels: only for name cifar100",
                    status=USAGE)
        images, labels = pixels(40, 3, 3, 3)
        both = {f"{kind}_{split}": content for split in ("train", "test")
                for kind, content in (("x", npy("|u1", (40, 3, 3, 3), flat(images))), ("y", npy("|u1", (40,), labels)))}
        small = write_npz(self.folder / "small.npz", both)
        self.refuse({"name": "npz", "path": str(small)}, "dataset.channels: must be first or last", "(40, 3, 3, 3)",
                    status=USAGE)
        runs = [self.learn(channels, {"name": "npz", "path": str(small), "channels": channels})
                for channels in ("first", "last")]
        self.assertNotEqual(*((run / "weights.npz").read_bytes() for run in runs))
        self.refuse({"name": "npz", "path": str(self.folder)}, "must be one of the .npz files", "small.npz",
                    status=USAGE)
        floats = self.write("floats.npz", descr="<f4")
        self.refuse({"name": "npz", "path": str(floats), "scaling": "binary"}, "dataset.scaling", "floats",
                    status=USAGE)
        self.refuse({"name": "npz", "path": str(floats), "shift": {"noise": 0.1}}, "dataset.shift", status=USAGE)

    def test_describe_and_validate_know_the_sizes(self):
        path = self.write()
        run = self.write_config(config(**self.sections({"name": "npz", "path": str(path)})))
        self.run_program("validate", run)
        self.assertIn("105", self.run_program("describe", run)[0])
        path.unlink()
        out, error = self.run_program("validate", run, SOURCE_CONFIG, status=DATA)
        self.assertIn("not checked, its data are missing or damaged", out)
        self.assertIn(f"{SOURCE_CONFIG}: ok", out)
        self.assertIn("data.npz", error)

    # ---- idx ----

    def write_idx(self, folder, prefix="", labels=None, test="t10k", end="", dotted=False, upper=False):
        folder.mkdir(parents=True, exist_ok=True)
        for split, count, seed in (("train", 40, 1), (test, 20, 2)):
            images, classes = pixels(count, 1, 5, 7, seed)
            for what, content in (("images-idx3-ubyte", idx((count, 5, 7), bytes(flat(images)))),
                                  ("labels-idx1-ubyte", idx((count,), bytes(1 + label for label in classes)))):
                if labels == "qmnist" and what.startswith("labels"):
                    rows = b"".join(struct.pack(">8i", label - 1, *range(7)) for label in classes)
                    what, content = "labels-idx2-int", b"\0\0\x0c\2" + struct.pack(">2I", count, 8) + rows
                name = f"{prefix}{split}-{what}{end}"
                if dotted:
                    name = name.replace("-idx", ".idx")
                (folder / (name.upper() if upper else name)).write_bytes(gzip.compress(content) if end else content)
        return folder

    def test_idx_files_by_any_of_their_names(self):
        first = self.learn("first", {"name": "idx", "path": str(self.write_idx(self.folder / "plain"))})
        kinds = [{"end": ".gz"}, {"dotted": True}, {"upper": True}, {"upper": True, "end": ".gz", "dotted": True},
                 {"prefix": "emnist-letters-", "test": "test"},
                 {"prefix": "qmnist-", "test": "test", "labels": "qmnist", "end": ".gz"}]
        for n, options in enumerate(kinds):
            for below in ("", "raw"):
                self.write_idx(self.folder / f"kind{n}{below}" / below, **options)
                run = self.learn(f"run{n}{below}", {"name": "idx", "path": str(self.folder / f"kind{n}{below}")})
                self.assert_same_numbers(first, run)

    def test_the_only_folder_below_the_path(self):
        first = self.learn("first", {"name": "idx", "path": str(self.write_idx(self.folder / "plain"))})
        self.write_idx(self.folder / "root" / "EMNIST" / "raw", end=".gz")
        dataset = {"name": "idx", "path": str(self.folder / "root")}
        self.assert_same_numbers(first, self.learn("below", dataset))
        self.write_idx(self.folder / "root" / "KMNIST")
        self.refuse(dataset, "dataset.path: must be one of the folders", "EMNIST/raw", "KMNIST", status=USAGE)

    def test_the_prefix_chooses(self):
        folder = self.write_idx(self.folder / "several", "emnist-letters-", test="test")
        self.write_idx(folder, "emnist-digits-", test="test")
        dataset = {"name": "idx", "path": str(folder)}
        self.refuse(dataset, "dataset.prefix: must be set", "emnist-digits, emnist-letters", status=USAGE)
        self.refuse({**dataset, "prefix": "emnist"}, "must be one of emnist-digits, emnist-letters", status=USAGE)
        for prefix in ("emnist-letters", "EMNIST-digits-"):
            self.learn("run" + prefix, {**dataset, "prefix": prefix})

    def test_damaged_idx_files(self):
        folder = self.write_idx(self.folder / "idx")
        dataset = {"name": "idx", "path": str(folder)}
        self.refuse({"name": "idx", "path": str(self.folder / "nowhere")}, "nowhere", "train-images-idx3-ubyte", "t10k")
        self.refuse({"name": "idx"}, "dataset.path: must be set for name idx", status=USAGE)
        for name, contents in (("train-images-idx3-ubyte", (b"", b"\0\0\x08\3\0\0", idx((40, 0, 7), b""),
                                                            idx((2**31, 2**31, 9), b"abc"), idx((0, 5, 7), b""))),
                               ("t10k-labels-idx1-ubyte", (b"", idx((19,), b"\1" * 19), idx((20, 0), b""),
                                                           b"\0\0\x0d\1\0\0\0\x14" + bytes(80)))):
            whole = (folder / name).read_bytes()
            for content in contents + (whole[:-1], whole + b"x"):
                with self.subTest(name, content=content[:20]):
                    (folder / name).write_bytes(content)
                    self.refuse(dataset, folder / name)
            (folder / name).unlink()
            self.refuse(dataset, folder, "looked for")
            (folder / name).write_bytes(whole)
        self.learn("run", dataset)

    # ---- names of the known datasets ----

    def test_mnist_by_other_names(self):
        plain = self.train("plain")
        files = sorted((self.shared / "data" / "mnist").iterdir())
        for n, (below, rename) in enumerate([
                ("MNIST/raw", lambda name: name), ("mnist/MNIST/raw", lambda name: name),
                ("", lambda name: name.replace("-idx", ".idx")), ("mnist", str.upper),
                ("Mnist", lambda name: name.replace("-idx", ".idx").upper() + ".GZ")]):
            folder = self.folder / str(n) / below
            folder.mkdir(parents=True)
            for file in files:
                content = file.read_bytes()
                name = rename(file.name)
                (folder / name).write_bytes(gzip.compress(content, 1) if name.endswith("GZ") else content)
            with self.subTest(below):
                run = self.train(f"run{n}", dataset={"path": str(self.folder / str(n))})
                self.assert_same_run(plain, run)
        nowhere = self.folder / "empty"
        nowhere.mkdir()
        _, error = self.run_program("train", self.write_config(dataset={"path": str(nowhere)}), status=DATA)
        for part in ("looked for", "train-images-idx3-ubyte", "train-images.idx3-ubyte", ".gz", "upper case"):
            self.assertIn(part, error)

    def test_the_home_folder(self):
        self.environment["HOME"] = str(self.shared)
        plain = self.train("plain")
        run = self.train("home", dataset={"path": "~/data"})
        self.assert_same_run(plain, run)
        self.assertIn('"~/data"', (run / "config.json").read_text())
        self.environment["BNLAB_DATA"] = "~/data"
        self.train("environment")
        name = self.folder.name
        self.run_program("train", self.write_config(), f"--out=~/{name}/out", f"--log-file=~/{name}/log",
                         "--set", f"initialization.from=~/{name}/plain")
        self.assertTrue((self.folder / "out" / "run.json").exists())
        self.assertTrue((self.folder / "log").exists())
        self.assertFalse(any(path.name.startswith("~") for path in self.folder.iterdir()))
        (self.folder / "~").mkdir()  # a folder that is called so
        shutil.copytree(self.shared / "data" / "mnist", self.folder / "~" / "mnist")
        self.train("tilde", dataset={"path": "./~"})

    # ---- CIFAR-100 ----

    def test_cifar100_with_fine_and_coarse_labels(self):
        folder = self.folder / "data" / "cifar-100-binary"
        folder.mkdir(parents=True)
        source = random.Random(3)
        contents = {}
        for name, count in (("train.bin", 100), ("test.bin", 40)):
            contents[name] = b"".join(bytes([n % 20, n % 100]) + source.randbytes(3072) for n in range(count))
            (folder / name).write_bytes(contents[name])
        self.environment["BNLAB_DATA"] = str(self.folder / "data")
        dense = [{"flatten": {}}, {"dense": {"units": 100}}]
        fine = self.learn("fine", {"name": "cifar100"}, dense)
        self.assertEqual(run_json(fine)["provenance"]["dataset_sha256"],
                         hashlib.sha256(contents["train.bin"] + contents["test.bin"]).hexdigest())
        self.refuse({"name": "cifar100", "labels": "coarse"}, "20", status=USAGE, layers=dense)
        self.learn("coarse", {"name": "cifar100", "labels": "coarse"}, [{"flatten": {}}, {"dense": {"units": 20}}])
        dataset = {"name": "cifar100"}
        for content in (b"", contents["test.bin"][:-1], b"\x14" + contents["test.bin"][1:],
                        b"\0\x64" + contents["test.bin"][2:]):
            (folder / "test.bin").write_bytes(content)
            self.refuse(dataset, folder / "test.bin", layers=dense)
        (folder / "test.bin").unlink()
        self.refuse(dataset, folder / "test.bin", "not found", layers=dense)
        (folder / "train.bin").unlink()
        self.refuse(dataset, "train.bin, test.bin", folder, layers=dense)

    def test_list_shows_them(self):
        rows = {row["name"]: row for row in self.kinds("datasets")}
        self.assertIn("dataset.path", rows["npz"]["where"])
        self.assertIn("dataset.path", rows["idx"]["where"])
        self.assertEqual(rows["cifar100"]["classes"], 100)
        self.assertEqual(rows["npz"]["classes"], 0)


if __name__ == "__main__":
    main()
