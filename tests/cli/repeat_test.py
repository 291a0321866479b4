"""The same run again, with probes, logs and threads: equal bytes."""

import json

from program import CONV, PROBES, ProgramTest, config, main, read_npy, read_npz, rows_without_seconds, run_json

NETWORKS = {
    "M3": {"network": {"name": "mlp_3x100_sigmoid"}, "initialization": {"scheme": "gaussian", "std": 0.1}},
    "conv": {"network": {"name": "conv", "layers": CONV}},
}
CORE = ["train.csv", "eval.csv"]


class Repeatable(ProgramTest):
    def run_of(self, out, *arguments, **sections):
        content = config(**sections)
        if "layers" not in sections.get("network", {"layers": 1}):
            del content["network"]["layers"]
        return self.train(out, *arguments, content=content)

    def test_again(self):
        for name, sections in NETWORKS.items():
            for threads in (1, 2):
                with self.subTest(name, threads=threads):
                    one = self.run_of(f"{name}{threads}a", "--threads", threads, probes=PROBES, **sections)
                    two = self.run_of(f"{name}{threads}b", "--threads", threads, probes=PROBES, **sections)
                    self.assert_same_run(one, two)

    def test_another_seed_gives_another_run(self):
        one, two = self.run_of("one"), self.run_of("two", "--seed", 4)
        self.assertNotEqual((one / "weights.npz").read_bytes(), (two / "weights.npz").read_bytes())
        self.assertNotEqual(rows_without_seconds(one / "train.csv"), rows_without_seconds(two / "train.csv"))

    def test_probes_change_nothing(self):
        for name, sections in NETWORKS.items():
            plain = self.run_of(f"{name}_plain", **sections)
            for probes in [[probe] for probe in PROBES] + [PROBES, PROBES[::-1]]:
                probes = [{**probe, "every": 1} for probe in probes]
                label = "_".join(probe["type"] for probe in probes)
                with self.subTest(name, probes=label):
                    probed = self.run_of(f"{name}_{label}", probes=probes, **sections)
                    self.assert_same_run(plain, probed, CORE)
                    for probe in probes:
                        self.assertGreater(len(rows_without_seconds(probed / (probe["type"] + ".csv"))), 20)

    def test_probes_of_the_training_loss_change_nothing(self):
        """They evaluate it at other parameters, by dropout, noise and running statistics that are not their own."""
        layers = [{"flatten": {}}, {"dense_block": {"units": 9}}, {"dropout": {"rate": 0.3}},
                  {"dense_block": {"units": 7}}, {"dense": {"units": 10}}]
        probes = [{"type": "landscape", "every": 1, "points": True}, {"type": "covariate_shift", "every": 1},
                  {"type": "hessian", "every": 5, "examples": 40},
                  {"type": "input_gradient", "every": 2, "examples": 70}, {"type": "folding", "every": 2}]
        for normalization in ({"type": "batch"}, {"type": "noisy_batch"}, {"type": "batch_renorm"}):
            with self.subTest(normalization):
                sections = {"network": {"name": "small", "layers": layers}, "normalization": normalization}
                plain = self.run_of(f"{normalization['type']}_plain", **sections)
                probed = self.run_of(f"{normalization['type']}_probed", probes=probes, **sections)
                self.assert_same_run(plain, probed, CORE)
                for name, rows in (("landscape", 20), ("landscape_points", 160), ("covariate_shift", 60),
                                   ("hessian", 6), ("input_gradient", 36), ("folding", 12)):
                    self.assertEqual(len(rows_without_seconds(probed / f"{name}.csv")), rows + 1, name)

    def test_the_probe_of_recurrent_layers_changes_nothing(self):
        recurrent = {"units": 9, "normalize": "separate", "initial_state_noise": 0.5}
        sections = {"network": {"name": "small", "layers": [{"recurrent": recurrent}, {"dense": {"units": 10}}]},
                    "normalization": {"type": "batch", "initial_gamma": 0.1}}
        plain = self.run_of("plain", **sections)
        probed = self.run_of("probed", probes=[{"type": "recurrent_gradients", "every": 1}], **sections)
        self.assert_same_run(plain, probed, CORE)
        self.assertEqual(len(rows_without_seconds(probed / "recurrent_gradients.csv")), 21 * 28 + 1)

    def test_evaluations_and_records_change_no_training(self):
        plain = self.run_of("plain")
        for number, sections in enumerate((
                {"training": {"batch_size": 32, "steps": 20, "seed": 3, "log_every": 1, "eval_every": 3}},
                {"evaluation": {"batch_size": 7, "train_split": True, "statistics": ["batch", "precise", "running"]}},
                {"record": {"initial_weights": True, "batches": True}},
                {"training": {"batch_size": 32, "steps": 20, "seed": 3, "log_every": 1, "checkpoint_every": 1}})):
            with self.subTest(sections):
                self.assert_same_run(plain, self.run_of(f"other{number}", **sections), ["train.csv", "train.csv"])

    def test_talk_changes_nothing(self):
        plain = self.run_of("plain")
        log = self.folder / "log.txt"
        for number, options in enumerate((["--verbose"], ["--quiet"], ["--log-file", log], ["-v", "--log-file", log])):
            with self.subTest(options):
                self.assert_same_run(plain, self.run_of(f"other{number}", *options))
        self.assertTrue(log.exists())

    def test_config_json_gives_the_same_run(self):
        for name, sections in NETWORKS.items():
            with self.subTest(name):
                one = self.run_of(name, "--set", "training.steps=13", "--seed", 5, probes=PROBES, **sections)
                again = self.folder / f"{name}_again"
                self.run_program("train", one / "config.json", "--out", again)
                self.assert_same_run(one, again)
                self.assertEqual((one / "config.json").read_bytes(), (again / "config.json").read_bytes())

    def test_epochs_become_steps_in_config_json(self):
        content = {"dataset": {"name": "mnist"}, "network": {"name": "mlp_2x64"},
                   "training": {"epochs": 2.5, "batch_size": 60}}
        one = self.train("one", content=content)
        self.assertEqual(json.loads((one / "config.json").read_text())["training"]["steps"], 13)  # 2.5 x 5, rounded
        self.assertEqual(run_json(one)["last_step"], 13)

    def test_arms_share_weights_and_batches(self):
        record = {"initial_weights": True, "batches": True}
        runs = {}
        for arm in ("none", "batch"):
            runs[arm] = self.run_of(arm, "--set", f"normalization.type={arm}", record=record)
        self.assertEqual(read_npy(runs["none"] / "batches.npy"), read_npy(runs["batch"] / "batches.npy"))
        weights = {arm: read_npz(run / "weights_initial.npz") for arm, run in runs.items()}
        for name in ("dense1.weights", "dense2.weights", "dense3.weights"):
            self.assertEqual(weights["none"][name], weights["batch"][name], name)
        self.assertNotIn("normalization1.gamma", weights["none"])
        self.assertNotIn("dense1.bias", weights["batch"])


if __name__ == "__main__":
    main()
