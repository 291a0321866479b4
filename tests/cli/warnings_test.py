"""Settings that cancel each other are named in the log of a run, and change nothing."""

from program import MLP, ProgramTest, config, main


class SettingsThatCancel(ProgramTest):
    def expect_warnings(self, *parts, **sections):
        _, error = self.run_program("train", self.write_config(**sections), "--out", self.folder / "out", "--force")
        found = [line for line in error.splitlines() if line.startswith("warning: ")]
        self.assertEqual(len(found), len(parts), error)
        for part in parts:
            self.assertTrue(any(part in line for line in found), (part, found))

    def test_warnings(self):
        self.expect_warnings()
        self.expect_warnings("optimizer.schedule.warmup_steps: 100 steps of warm-up in a run of 4",
                             optimizer={"schedule": {"warmup_steps": 100}}, training={"steps": 4, "eval_every": 0})
        self.expect_warnings("training.eval_every: 30", "probes.0.every: 21",
                             training={"eval_every": 30}, probes=[{"type": "gradient_norm", "every": 21}])

    def test_normalization_without_a_type(self):
        layers = [{"flatten": {}}, {"dense": {"units": 5}}, {"normalization": {}}, {"dense": {"units": 10}}]
        content = config(network={"layers": layers})
        del content["normalization"]
        path = self.write_config(content)
        warning = "warning: normalization.type: left out, which means none"
        for arguments in (("train", path, "--out", self.folder / "a"), ("validate", path), ("describe", path)):
            self.assertIn(warning, self.run_program(*arguments)[1])
        for kind in ("none", "batch"):
            setting = f"normalization.type={kind}"
            _, error = self.run_program("train", path, "--out", self.folder / kind, "--set", setting)
            self.assertNotIn("normalization.type", error)
        _, error = self.run_program("train", self.folder / "a" / "config.json", "--out", self.folder / "b")
        self.assertNotIn("normalization.type", error)
        content["normalization"] = {"epsilon": 0.001}
        _, error = self.run_program("validate", self.write_config(content))
        self.assertIn("normalization.epsilon has no effect", error)

    def test_keys_of_another_kind_of_data(self):
        made = {"dataset": {"name": "drawn_digits", "path": "/no/such", "synthetic": {"examples": 200}}}
        _, error = self.run_program("validate", self.write_config(config(**made)))
        self.assertIn("warning: dataset.path: /no/such has no effect: drawn_digits is generated", error)
        _, error = self.run_program("validate", self.write_config(dataset={"synthetic": {"examples": 200}}))
        self.assertIn("warning: dataset.synthetic: has no effect: mnist is read from files", error)
        made["dataset"].pop("path")
        _, error = self.run_program("validate", self.write_config(config(**made)))
        self.assertNotIn("dataset", error)

    def test_validate(self):
        path = self.write_config(training={"eval_every": 30})
        out, error = self.run_program("validate", path)
        self.assertEqual(out, f"{path}: ok\n")
        self.assertIn(f"{path}: warning: training.eval_every: 30 steps, in a run of 20", error)

    def test_epochs_count_as_steps(self):
        content = {"dataset": {"name": "mnist"}, "network": {"layers": MLP},
                   "training": {"epochs": 1, "batch_size": 100, "eval_every": 4}}
        _, error = self.run_program("train", self.write_config(content), "--out", self.folder / "out")
        self.assertIn("warning: training.eval_every: 4 steps, in a run of 3", error)

    def test_they_change_nothing(self):
        out = self.train("out", training={"eval_every": 30})
        self.assertNotIn("warning", (out / "run.json").read_text())
        _, error = self.run_program("train", self.write_config(training={"eval_every": 30}), "--out",
                                    self.folder / "quiet", "--quiet")
        self.assertEqual(error, "")


if __name__ == "__main__":
    main()
