"""record.dropout_masks: what lies in dropout_masks.npz, that threads leave it alone, and its limit of 1 GiB."""

from program import USAGE, ProgramTest, main, read_npz

STEPS = 5
NETWORK = {"name": "with_dropout", "dropout": 0.5,
           "layers": [{"conv": {"channels": 3, "stride": 2}}, {"dropout": {"rate": 0.25}}, {"flatten": {}},
                      {"dense": {"units": 20}}, {"dropout": {}}, {"dense": {"units": 10}}]}


class DropoutMasks(ProgramTest):
    def sections(self, steps):
        return {"network": NETWORK, "normalization": {"type": "none"}, "record": {"dropout_masks": True},
                "training": {"steps": steps, "batch_size": 8}}

    def masks(self, out, *options, steps=STEPS):
        return read_npz(self.train(out, *options, **self.sections(steps)) / "dropout_masks.npz")

    def test_masks_of_each_step(self):
        masks = self.masks("run")
        self.assertEqual({name: shape for name, (shape, _) in masks.items()},
                         {"dropout1": (STEPS, 8, 3, 14, 14), "dropout2": (STEPS, 8, 20)})
        for _, values in masks.values():
            self.assertEqual(set(values), {0, 1})
        self.assertEqual(self.masks("threads", "--threads", "2"), masks)
        self.assertNotEqual(self.masks("seed", "--seed", "2")["dropout2"], masks["dropout2"])
        longer = self.masks("longer", steps=STEPS + 1)
        for name, (_, values) in masks.items():
            self.assertEqual(list(longer[name][1])[:len(values)], list(values))

    def test_more_than_a_gibibyte_is_refused(self):
        path = self.write_config(**self.sections(10**6))
        _, error = self.run_program("train", path, "--out", self.folder / "large", status=USAGE)
        self.assertIn("record.dropout_masks", error)
        self.assertIn("1 GiB", error)
        self.assertFalse((self.folder / "large").exists())


if __name__ == "__main__":
    main()
