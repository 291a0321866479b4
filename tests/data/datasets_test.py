"""Each dataset from the shell: training, resuming, batch composition, augmentation and shift, and what is refused.

usage: datasets_test.py BNLAB SOURCE_FOLDER
"""

import math
import pathlib
import random
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))

from program import DATA, INTERRUPTED, USAGE, ProgramTest, main, read_csv, read_npy, run_json  # noqa: E402

CIFAR = [f"data_batch_{n}.bin" for n in range(1, 6)] + ["test_batch.bin"]
MLP = [{"flatten": {}}, {"dense_block": {"units": 50}}, {"dense": {"units": 10}}]
DIGITS = {"name": "drawn_digits", "scaling": "unit", "synthetic": {"examples": 2000, "test_examples": 500}}
CLUSTERS = {"name": "gaussian_clusters", "synthetic": {"examples": 1000, "test_examples": 300, "outputs": 7}}


def write_cifar10(folder, count=12):
    """Images in which the mean of a colour tells the class."""
    source = random.Random(5)
    folder.mkdir(parents=True)
    for name in CIFAR:
        records = bytearray()
        for n in range(count):
            records.append(n % 10)
            for colour in range(3):
                level = 20 * (n % 10) if colour == n % 3 else 100
                records += bytes(level + source.randrange(40) for _ in range(1024))
        (folder / name).write_bytes(records)


class Datasets(ProgramTest):
    def sections(self, dataset, layers=MLP, training=None, **more):
        training = {"batch_size": 50, "steps": 300, "eval_every": 0, **(training or {})}
        if training.get("composition") == "full_batch":
            del training["batch_size"]
        return {"dataset": dataset, "network": {"name": "mlp", "layers": layers}, "training": training, **more}

    def learn(self, dataset, at_least, layers=MLP, training=None, out="run", **more):
        out = self.train(out, **self.sections(dataset, layers, training, **more))
        row = read_csv(out / "eval.csv")[-1]
        self.assertGreater(float(row["accuracy"]), at_least)
        self.assertTrue(math.isfinite(float(row["loss"])))
        summary = run_json(out)
        self.assertEqual(summary["status"], "completed")
        self.assertEqual(len(summary["provenance"]["dataset_sha256"]), 64)
        return out

    def refuse(self, *parts, status=USAGE, **sections):
        _, error = self.run_program("train", self.write_config(**sections), "--out", self.folder / "refused",
                                    status=status)
        for part in parts:
            self.assertIn(str(part), error)
        self.assertFalse((self.folder / "refused" / "config.json").exists())

    def test_drawn_digits_are_learned(self):
        self.learn(DIGITS, 0.85)

    def test_gaussian_clusters_are_learned(self):
        layers = [{"flatten": {}}, {"dense_block": {"units": 30}}, {"dense": {"units": 7}}]
        for scaling in ("unit", "standardized"):
            self.learn({**CLUSTERS, "scaling": scaling}, 0.9, layers, out=scaling)

    def test_cifar10_is_learned(self):
        write_cifar10(self.folder / "data" / "cifar-10")
        self.environment["BNLAB_DATA"] = str(self.folder / "data")
        self.learn({"name": "cifar10", "scaling": "standardized", "validation": 6}, 0.5, training={"batch_size": 20})
        out, _ = self.run_program("list", "datasets")
        self.assertIn(str(self.folder / "data" / "cifar-10"), out)

    def test_list_names_every_dataset(self):
        self.environment["BNLAB_DATA"] = str(self.folder)
        where = {kind["name"]: kind["where"] for kind in self.kinds("datasets")}
        self.assertEqual(where["cifar10"], "not found; get it with scripts/fetch_data.sh cifar10")
        for name in ("gaussian_regression", "gaussian_clusters", "drawn_digits"):
            self.assertEqual(where[name], "generated as dataset.synthetic specifies; needs no file")

    def test_full_batches(self):
        out = self.train("run", **self.sections({**DIGITS, "limit": 70, "validation": 3}, record={"batches": True},
                                                training={"composition": "full_batch", "steps": 3}))
        shape, indices = read_npy(out / "batches.npy")
        self.assertEqual(shape, (3, 67))
        self.assertEqual(list(indices), 3 * list(range(67)))
        # The resolved config is a config, and gives the same run.
        self.run_program("train", out / "config.json", "--out", self.folder / "again")
        self.assert_same_run(out, self.folder / "again")
        text, _ = self.run_program("describe", self.folder / "run.json")
        self.assertIn("batch 67", text)

    def test_batches_by_class(self):
        training = {"batch_size": 12, "steps": 40, "composition": "by_class", "classes_per_batch": 3}
        layers = [{"flatten": {}}, {"dense_block": {"units": 30}}, {"dense": {"units": 7}}]
        out = self.train("run", **self.sections(CLUSTERS, layers, training, record={"batches": True}))
        shape, indices = read_npy(out / "batches.npy")
        self.assertEqual(shape, (40, 12))
        for step in range(40):
            self.assertEqual(len(set(indices[12 * step:12 * step + 12])), 12)

    def test_resumed_runs_are_those_that_would_have_been(self):
        for composition in ("shuffled", "in_order", "by_class"):
            with self.subTest(composition):
                sections = self.sections(
                    {**DIGITS, "augmentation": {"crop_padding": 2, "flip": True}},
                    training={"batch_size": 20, "steps": 4000, "composition": composition, "classes_per_batch": 4},
                    record={"batches": True})
                if composition != "by_class":
                    del sections["training"]["classes_per_batch"]
                whole = self.train(f"whole_{composition}", **sections)
                out = self.folder / f"cut_{composition}"
                process = self.start("train", self.write_config(**sections), "--out", out)
                csv = out / "train.csv"
                self.wait_until(lambda: csv.exists() and csv.read_bytes().count(b"\n") > 100, process, "step 100")
                process.send_signal(signal.SIGINT)
                self.finish(process, INTERRUPTED)
                self.run_program("train", self.write_config(**sections), "--out", out, "--resume")
                self.assert_same_run(whole, out)
                self.assertEqual((whole / "batches.npy").read_bytes(), (out / "batches.npy").read_bytes())

    def test_augmentation_is_for_training_batches(self):
        def first_row(name, **augmentation):
            out = self.train(name, **self.sections({**DIGITS, "augmentation": augmentation},
                                                   training={"steps": 1, "eval_every": 1},
                                                   normalization={"population": "precise", "precise_batches": 3}))
            rows = read_csv(out / "eval.csv")
            return rows[0], read_csv(out / "train.csv")[0]["loss"]

        plain, plain_loss = first_row("plain")
        changed, changed_loss = first_row("changed", crop_padding=4, flip=True)
        self.assertEqual(plain, changed)  # before the first step: evaluation and precise statistics of the same images
        self.assertNotEqual(plain_loss, changed_loss)

    def test_shift_changes_the_images_and_not_the_sum(self):
        summaries, rows = [], []
        for name, shift in (("plain", {}), ("shifted", {"rotation": 20, "contrast": 0.5, "noise": 0.1})):
            out = self.train(name, **self.sections({**DIGITS, "shift": shift}, training={"steps": 2, "eval_every": 1}))
            summaries.append(run_json(out)["provenance"]["dataset_sha256"])
            rows.append(read_csv(out / "eval.csv")[0]["loss"])
        self.assertEqual(*summaries)
        self.assertNotEqual(*rows)

    def test_refusals(self):
        cases = [
            ({"name": "drawn_digit"}, {}, "dataset.name"),
            ({**CLUSTERS, "scaling": "binary"}, {}, "dataset.scaling"),
            ({**CLUSTERS, "augmentation": {"flip": True}}, {}, "dataset.augmentation"),
            ({**CLUSTERS, "shift": {"noise": 0.1}}, {}, "dataset.shift"),
            ({**DIGITS, "augmentation": {"crop_padding": 28}}, {}, "dataset.augmentation.crop_padding"),
            ({**DIGITS, "limit": 2001}, {}, "dataset.limit"),
            ({**DIGITS, "synthetic": {"examples": 9000000}}, {}, "dataset.synthetic.examples"),
            (DIGITS, {"batch_size": 2001}, "training.batch_size"),
            (DIGITS, {"composition": "by_class", "classes_per_batch": 3}, "training.classes_per_batch"),
            (DIGITS, {"batch_size": 22, "composition": "by_class", "classes_per_batch": 11},
             "training.classes_per_batch"),
            (DIGITS, {"batch_size": 600, "composition": "by_class"}, "training.batch_size"),
            (DIGITS, {"batch_size": 0}, "training.batch_size"),
            ({"name": "gaussian_regression"}, {}, "loss.type"),
        ]
        for dataset, training, path in cases:
            with self.subTest(path, dataset=dataset, training=training):
                self.refuse(path, **self.sections(dataset, training=training))

    def test_damaged_cifar10(self):
        folder = self.folder / "data" / "cifar10"
        self.environment["BNLAB_DATA"] = str(self.folder / "data")
        sections = self.sections({"name": "cifar10"}, training={"batch_size": 10, "steps": 1})
        self.refuse("fetch_data.sh cifar10", folder, status=DATA, **sections)
        write_cifar10(folder)
        for name in CIFAR:
            whole = (folder / name).read_bytes()
            for damage in (whole[:-1], whole + b"\0", b"", b"\x0a" + whole[1:]):
                (folder / name).write_bytes(damage)
                self.refuse(folder / name, status=DATA, **sections)
            (folder / name).unlink()
            self.refuse(folder / name, "not found", status=DATA, **sections)
            (folder / name).write_bytes(whole)
        self.train("run", **sections)


if __name__ == "__main__":
    main()
