"""Every shipped network described, every shipped config trained for a few steps, on small data made for the purpose."""

import pathlib
import random
import shutil
import tempfile

from program import SOURCE, ProgramTest, main, read_csv, run_json, write_dataset

CONFIGS = SOURCE / "configs"
NETWORKS = sorted(path.stem for path in (CONFIGS / "networks").glob("*.json"))
RUNS = sorted(path.stem for path in CONFIGS.glob("*.json") if not path.name.endswith("schema.json"))
STEPS = 6
SLOW = "allow_slow_bf16"


def write_cifar10(folder):
    source = random.Random(8)
    folder.mkdir(parents=True)
    for name in [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]:
        (folder / name).write_bytes(b"".join(bytes([source.randrange(10)]) + source.randbytes(3072)
                                             for _ in range(10000)))


class Shipped(ProgramTest):
    @classmethod
    def setUpClass(cls):
        cls.shared = pathlib.Path(tempfile.mkdtemp(prefix="bnlab_shipped_"))
        cls.addClassCleanup(shutil.rmtree, cls.shared, True)
        for name in ("mnist", "fashion_mnist"):
            write_dataset(cls.shared / "data" / name, train=2560, test=200)
        write_cifar10(cls.shared / "data" / "cifar10")

    def train_shipped(self, name, out, *options):
        self.run_program("train", CONFIGS / f"{name}.json", "--out", out, "--set", f"training.steps={STEPS}",
                         "--set", "training.allow_slow_bf16=true", *options)
        return self.folder / out

    def check(self, folder):
        summary = run_json(folder)
        self.assertEqual(summary["status"], "completed")
        self.assertEqual(summary["last_step"], STEPS)
        rows = read_csv(folder / "train.csv")
        self.assertEqual(int(rows[-1]["step"]), STEPS)
        self.assertTrue(all(float(row["loss"]) == float(row["loss"]) for row in rows))

    def test_every_network_is_described(self):
        self.assertGreaterEqual(len(NETWORKS), 16)
        for name in NETWORKS:
            for normalization in ("batch", "none") if name in ("vgg6", "rnn_rows") else ("batch",):
                with self.subTest(network=name, normalization=normalization):
                    out, _ = self.run_program("describe", CONFIGS / "first_experiment.json", "--set",
                                              f"network.name={name}", "--set", f"normalization.type={normalization}",
                                              "--set", "training.batch_size=4", "--set", "evaluation.batch_size=4")
                    self.assertIn(f"network {name}", out)
                    self.assertIn("total", out)
                    self.assertEqual("normalization1.gamma" in out, normalization == "batch")

    def test_every_normalization_in_a_deep_network(self):
        for kind in self.names("normalizations"):
            for name in ("vgg6", "resnet20"):
                with self.subTest(network=name, normalization=kind):
                    options = ["--set", "normalization.groups=8"] if kind == "group" else []
                    folder = self.folder / f"{name}_{kind}"
                    self.run_program("train", CONFIGS / "v6_batch_normalization.json", "--out", folder, "--set",
                                     f"network.name={name}", "--set", f"normalization.type={kind}", "--set",
                                     "training.steps=3", "--set", "training.batch_size=24", "--set",
                                     "optimizer.learning_rate=1e-3", "--set", "dataset.limit=200", *options)
                    self.assertEqual(run_json(folder)["status"], "completed")

    def test_every_config_trains(self):
        self.assertGreaterEqual(len(RUNS), 14)
        self.check(self.train_shipped("v6_batch_normalization", "results/v6"))  # fine_tuning goes on from it
        for name in RUNS:
            with self.subTest(config=name):
                self.check(self.train_shipped(name, f"runs/{name}"))

    def test_fine_tuning_starts_from_the_other_run(self):
        first = self.train_shipped("v6_batch_normalization", "results/v6")
        second = self.train_shipped("fine_tuning", "tuned", "--set", "record.initial_weights=true")
        self.assertEqual((first / "weights.npz").read_bytes(), (second / "weights_initial.npz").read_bytes())
        self.assertNotEqual((first / "weights.npz").read_bytes(), (second / "weights.npz").read_bytes())
        self.assertEqual(len(run_json(second)["provenance"]["initial_weights_sha256"]), 64)

    def test_fine_tuning_from_nothing_and_from_something_else(self):
        out = self.folder / "tuned"
        base = ["train", CONFIGS / "fine_tuning.json", "--out", out, "--set"]
        _, error = self.run_program(*base, "initialization.from=nowhere", status=2)
        self.assertIn("initialization.from", error)
        self.assertIn("nowhere", error)
        other = self.train_shipped("first_experiment", "results/other")
        _, error = self.run_program(*base, f"initialization.from={other}", status=3)
        self.assertIn("weights.npz", error)
        (self.folder / "damaged.npz").write_bytes((other / "weights.npz").read_bytes()[:1000])
        _, error = self.run_program(*base, "initialization.from=damaged.npz", status=3)
        self.assertIn("damaged.npz", error)
        self.assertFalse(out.exists() and any(out.iterdir()))


main()
