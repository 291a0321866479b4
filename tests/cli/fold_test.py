"""bnlab fold: with the folded weights, the network without normalization has the loss of the evaluated one. Its outputs
are compared in PyTorch by scripts/compare_pytorch_probes_test.py."""

import json
import struct
import zipfile

from program import DATA, FAILED, USAGE, ProgramTest, main, read_csv, read_npz, snapshot

SMALL = {"training": {"batch_size": 8, "steps": 3, "eval_every": 0}, "dataset": {"limit": 60}}
RESIDUAL = [{"conv_block": {"channels": 6}},
            {"residual": {"body": [{"conv_block": {"channels": 6}}, {"conv": {"channels": 6}}, {"normalization": {}}],
                          "scalar": 0.5}},
            {"activation": {}}, {"global_avg_pool": {}}, {"dense": {"units": 10}}]


class Fold(ProgramTest):
    def run_of(self, out, network, **sections):
        sections = {"normalization": {"type": "batch"}, **SMALL, **sections}
        return self.train(out, content={"dataset": {"name": "mnist", "scaling": "standardized", "limit": 60},
                                        "network": network, "optimizer": {"learning_rate": 0.02},
                                        "evaluation": {"batch_size": 50},
                                        **{name: value for name, value in sections.items() if name != "dataset"}})

    def fold(self, run, *arguments, **options):
        file = self.folder / f"{run.name}.npz"
        self.run_program("fold", run, "--out", file, *arguments, **options)
        return file

    def loss_of(self, file, run, *settings):
        """Test loss before the first step, of the network without normalization."""
        config = json.loads((run / "config.json").read_text())
        path = self.folder / "folded.json"
        path.write_text(json.dumps({**config, "normalization": {"type": "none"}, "network": {
            **config["network"], "weight_standardization": False}}))
        out = self.folder / "folded"
        self.run_program("train", path, "--out", out, "--force", "--set", f"initialization.from={file}", "--set",
                         "training.eval_every=1", "--set", "training.steps=1", *settings)
        return float(read_csv(out / "eval.csv")[0]["loss"])

    def test_losses_are_those_of_the_run(self):
        for name, network, sections in (
                ("residual", {"name": "net", "layers": RESIDUAL}, {}),
                ("standardized", {"name": "net", "layers": RESIDUAL, "weight_standardization": True}, {}),
                ("masked", {"name": "net", "layers": RESIDUAL},
                 {"normalization": {"type": "ghost", "virtual_batch_size": 4, "mask": [1, 3], "affine": False}})):
            with self.subTest(name):
                run = self.run_of(name, network, **sections)
                before = snapshot(run)
                loss = float(read_csv(run / "eval.csv")[-1]["loss"])
                file = self.fold(run)
                self.assertEqual(snapshot(run), before)
                self.assertAlmostEqual(self.loss_of(file, run), loss, delta=1e-5 * loss)
                self.assertEqual(sorted(read_npz(file)), ["conv1.bias", "conv1.weights", "conv2.bias", "conv2.weights",
                                                          "conv3.bias", "conv3.weights", "dense1.bias",
                                                          "dense1.weights", "folded", "residual1.scalar"])
                # What is in the weights already must not be applied again, wherever the shapes fit.
                for setting in ("normalization.type=none", "normalization={\"type\": \"layer\", \"affine\": false}"):
                    if name == "residual" or "layer" in setting:
                        _, error = self.run_program(
                            "train", run / "config.json", "--out", self.folder / "again", "--set",
                            "network.weight_standardization=true", "--set", setting, "--set",
                            f"initialization.from={file}", status=DATA)
                        self.assertIn(f"initialization.from: {file}: weights: folded by bnlab fold", error)
                        self.assertIn("standardized weights" if "none" in setting else "normalization1", error)

    def test_changed_weights_are_told(self):
        run = self.run_of("run", {"name": "net", "layers": RESIDUAL})
        other = self.run_of("other", {"name": "net", "layers": RESIDUAL}, training={**SMALL["training"], "seed": 2})
        (run / "weights.npz").write_bytes((other / "weights.npz").read_bytes())
        _, error = self.run_program("fold", run, "--out", self.folder / "x.npz")
        self.assertIn("weights.npz was changed after the run", error)

    def test_nothing_is_overwritten(self):
        run = self.run_of("run", {"name": "net", "layers": RESIDUAL})
        file = self.fold(run)
        first = file.read_bytes()
        _, error = self.run_program("fold", run, "--out", file, status=USAGE)
        self.assertIn("--force", error)
        self.fold(run, "--force")
        self.assertEqual(file.read_bytes(), first)
        other = self.folder / "notes.txt"
        other.write_text("mine")
        self.run_program("fold", run, "--out", other, "--force", status=USAGE)
        self.run_program("fold", run, "--out", run / "weights.npz", "--force", status=USAGE)
        self.run_program("fold", run, "--out", self.folder, status=USAGE)
        self.run_program("fold", run, "--out", self.folder / "no" / "file.npz", status=FAILED)
        self.assertEqual(other.read_text(), "mine")
        # An archive of arrays that are not folded weights belongs to somebody else.
        weights = (run / "weights.npz").read_bytes()
        foreign = self.folder / "foreign.npz"
        for contents in (weights, weights[:100]):
            foreign.write_bytes(contents)
            _, error = self.run_program("fold", run, "--out", foreign, "--force", status=USAGE)
            self.assertIn(f"--out: {foreign} exists and was not written by `bnlab fold`", error)
            self.assertEqual(foreign.read_bytes(), contents)

    def test_bf16_is_told(self):
        run = self.run_of("run", {"name": "net", "layers": RESIDUAL})
        config = json.loads((run / "config.json").read_text())
        config["training"]["precision"] = "bf16"
        (run / "config.json").write_text(json.dumps(config))
        _, error = self.run_program("fold", run, "--out", self.folder / "x.npz")
        self.assertIn("the run was trained and evaluated in bf16", error)

    def test_other_types_of_values_are_named(self):
        run = self.run_of("run", {"name": "net", "layers": RESIDUAL})
        with zipfile.ZipFile(run / "weights.npz") as archive:
            arrays = {name: archive.read(name) for name in archive.namelist()}
        data = arrays["dense1.bias.npy"]
        start = len(data) - 4 * 10
        arrays["dense1.bias.npy"] = data[:start].replace(b"<f4", b"<f8") + struct.pack("<10d", *[0.0] * 10)
        with zipfile.ZipFile(run / "weights.npz", "w") as archive:
            for name, content in arrays.items():
                archive.writestr(name, content)
        _, error = self.run_program("fold", run, "--out", self.folder / "x.npz", status=DATA)
        self.assertIn('"dense1.bias" must hold 32-bit floats of shape (10), got 64-bit floats of shape (10)', error)

    def test_refusals(self):
        after = self.run_of("after", {"name": "net", "layers": RESIDUAL},
                            normalization={"type": "batch", "placement": "after_activation"})
        _, error = self.run_program("fold", after, "--out", self.folder / "x.npz", status=USAGE)
        self.assertIn("normalization1 cannot be folded: it follows activation1", error)
        group = self.run_of("group", {"name": "net", "layers": RESIDUAL}, normalization={"type": "group", "groups": 2})
        _, error = self.run_program("fold", group, "--out", self.folder / "x.npz", status=USAGE)
        self.assertIn("normalization.type: group", error)
        unsaved = self.run_of("unsaved", {"name": "net", "layers": RESIDUAL}, record={"final_weights": False})
        _, error = self.run_program("fold", unsaved, "--out", self.folder / "x.npz", status=DATA)
        self.assertIn("record.final_weights", error)
        self.run_program("fold", self.folder, "--out", self.folder / "x.npz", status=DATA)
        self.run_program("fold", self.folder / "nowhere", "--out", self.folder / "x.npz", status=DATA)
        (unsaved / "weights.npz").write_bytes(b"PK")
        _, error = self.run_program("fold", unsaved, "--out", self.folder / "x.npz", status=DATA)
        self.assertEqual(error.count("weights.npz"), 1, error)
        diverged = self.run_of("diverged", {"name": "net", "layers": RESIDUAL}, optimizer={"learning_rate": 1e30})
        _, error = self.run_program("fold", diverged, "--out", self.folder / "x.npz", status=DATA)
        self.assertIn("the run has not completed; its status is diverged", error)
        self.assertFalse((self.folder / "x.npz").exists())


main()
