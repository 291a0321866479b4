"""training.accumulate: an update from several batches, each with statistics of its own."""

from program import USAGE, ProgramTest, config, main, read_csv, read_npy, read_npz, run_json

DROPOUT = [{"flatten": {}}, {"dropout": {"rate": 0.5}}, {"dense_block": {"units": 9}}, {"dense": {"units": 10}}]
PARTS = {"batch_size": 8, "accumulate": 4, "eval_every": 5, "checkpoint_every": 5}
WHOLE = {"batch_size": 32, "eval_every": 5, "checkpoint_every": 5}


class Accumulate(ProgramTest):
    def losses(self, run):
        return [(float(row["loss"]), float(row["gradient_norm"]), float(row["accuracy"]))
                for row in read_csv(run / "train.csv")]

    def pair(self, normalization, whole=None, **sections):
        """A run with accumulated batches of 8, and one with batches of 32."""
        sections = {"network": {"name": "net", "activation": "tanh", "layers": DROPOUT[:1] + DROPOUT[2:]},
                    "record": {"batches": True}, **sections}
        return (self.train("parts", "--force", normalization=normalization, **sections, training=PARTS),
                self.train("whole", "--force", normalization=whole or normalization, **sections, training=WHOLE))

    def test_is_ghost_batches(self):
        parts, whole = self.pair({"type": "batch"}, {"type": "ghost", "virtual_batch_size": 8},
                                 dataset={"limit": 288})  # 9 batches of 32 in an epoch
        one, other = self.losses(parts), self.losses(whole)
        self.assertEqual(len(one), 20)
        for a, b in zip(one, other):
            for x, y in zip(a, b):
                self.assertAlmostEqual(x, y, delta=2e-5 * abs(y))
        self.assertEqual(read_npy(parts / "batches.npy"), read_npy(whole / "batches.npy"))
        for column in ("step", "epoch", "examples", "learning_rate"):
            self.assertEqual([row[column] for row in read_csv(parts / "train.csv")],
                             [row[column] for row in read_csv(whole / "train.csv")], column)
        self.assertEqual([row["step"] for row in read_csv(parts / "eval.csv")],
                         [row["step"] for row in read_csv(whole / "eval.csv")])
        weights, others = read_npz(parts / "weights.npz"), read_npz(whole / "weights.npz")
        for name, near in (("dense1.weights", True), ("normalization1.running_mean", False)):
            scale = max(map(abs, others[name][1]))
            gap = max(abs(a - b) for a, b in zip(weights[name][1], others[name][1])) / scale
            self.assertTrue((gap < 1e-4) if near else (gap > 1e-3), (name, gap))

    def test_is_the_whole_batch_without_statistics_of_batches(self):
        for reduction, rate in (("mean", 0.05), ("sum", 0.001)):
            parts, whole = self.pair({"type": "layer"}, dataset={"limit": 288}, loss={"reduction": reduction},
                                     optimizer={"learning_rate": rate})
            for a, b in zip(self.losses(parts), self.losses(whole)):
                for x, y in zip(a, b):
                    self.assertAlmostEqual(x, y, delta=2e-5 * abs(y))
            self.assertEqual(*[(run / "eval.csv").read_text().count("\n") for run in (parts, whole)])

    def test_each_batch_has_its_own_dropout(self):
        run = self.train("run", network={"name": "net", "layers": DROPOUT}, record={"dropout_masks": True},
                         training={**PARTS, "steps": 2})
        shape, values = read_npz(run / "dropout_masks.npz")["dropout1"]
        self.assertEqual(tuple(shape), (8, 8, 784))
        size = 8 * 784
        self.assertEqual(len({values[i * size:(i + 1) * size] for i in range(8)}), 8)

    def test_epochs_count_images(self):
        content = config(training={"batch_size": 8, "accumulate": 3, "epochs": 2})
        del content["training"]["steps"]
        run = self.train("run", content=content)
        self.assertEqual(run_json(run)["last_step"], 25)  # 2 of 37 batches / 3

    def test_what_makes_no_sense(self):
        for training, *parts in (({"accumulate": 0}, "training.accumulate", "at least 1"),
                                 ({"accumulate": 10}, "training.accumulate", "at most 9"),
                                 ({"accumulate": 2, "composition": "full_batch"}, "training.accumulate")):
            path = self.write_config(training=training)
            _, error = self.run_program("train", path, "--out", self.folder / "out", status=USAGE)
            for part in parts:
                self.assertIn(part, error)
        for probe in ("landscape", "covariate_shift"):
            path = self.write_config(training=PARTS, probes=[{"type": probe}])
            _, error = self.run_program("validate", path, status=USAGE)
            self.assertIn(f"probes.0.type: {probe} needs training.accumulate 1", error)


main()
