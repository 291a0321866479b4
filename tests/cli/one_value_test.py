"""Statistics of a single value, which has no variance: refused before anything is written."""

from program import MLP, ProgramTest, main, run_json


class OneValue(ProgramTest):
    def expect_refused(self, *parts, layers=MLP, **sections):
        path = self.write_config(network={"layers": layers}, **sections)
        out = self.folder / "out"
        for command in (["train", path, "--out", out], ["validate", path]):
            _, error = self.run_program(*command, status=2)
            for part in (*parts, "normalizes over 1 value"):
                self.assertIn(part, error)
        self.assertFalse(out.exists() and any(out.iterdir()))

    def test_batches_of_one_image(self):
        for kind in self.names("normalizations", has_batch_moments=True):
            with self.subTest(kind):
                self.expect_refused("training.batch_size: must be at least 2, got 1", "normalization1", kind,
                                    normalization={"type": kind}, training={"batch_size": 1})

    def test_virtual_batches(self):
        for kind in (kind["name"] for kind in self.kinds("normalizations") if "virtual_batch_size" in kind["fields"]):
            self.expect_refused("normalization.virtual_batch_size", "got 31", "32", "normalization1",
                                normalization={"type": kind, "virtual_batch_size": 31})
            self.expect_refused("normalization.virtual_batch_size", "must be at least 2, got 1",
                                normalization={"type": kind, "virtual_batch_size": 1})
        self.expect_refused("normalization.virtual_batch_size", "got 32", "33", normalization={"type": "ghost"},
                            training={"batch_size": 33})

    def test_recurrent_layers(self):
        for statistics in ("per_step", "shared"):
            self.expect_refused("training.batch_size", "normalization1",
                                layers=[{"recurrent": {"units": 5}}, {"dense": {"units": 10}}],
                                normalization={"recurrent_statistics": statistics}, training={"batch_size": 1})

    def test_what_has_several_values(self):
        conv = [{"conv_block": {"channels": 3, "stride": 4}}, {"flatten": {}}, {"dense": {"units": 10}}]
        self.train("conv", training={"batch_size": 1}, network={"layers": conv},
                   evaluation={"statistics": ["running", "batch"]})
        for kind in ("frozen", "layer", "none", "noise"):
            self.train(kind, normalization={"type": kind}, training={"batch_size": 1})

    def test_batch_statistics_of_the_last_images(self):
        """100 test images in batches of 33 leave one over, which joins the batch before it."""
        together = self.train("together", training={"batch_size": 33}, evaluation={"statistics": ["batch"]})
        self.assertEqual(run_json(together)["status"], "completed")
        path = self.write_config(training={"batch_size": 3}, normalization={"type": "ghost", "virtual_batch_size": 3},
                                 evaluation={"statistics": ["batch"]})
        _, error = self.run_program("train", path, "--out", self.folder / "ghost", status=2)
        for part in ("evaluation.statistics", "test split", "over 1 value"):
            self.assertIn(part, error)
        path = self.write_config(training={"batch_size": 1}, normalization={"type": "frozen"},
                                 evaluation={"statistics": ["batch"]})
        _, error = self.run_program("train", path, "--out", self.folder / "frozen", status=2)
        self.assertIn("evaluation.statistics", error)


if __name__ == "__main__":
    main()
