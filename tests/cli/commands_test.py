"""describe, validate, list, schema and gradcheck."""

import json
import pathlib
import re
import shutil

from program import CONV, DONE, FAILED, SOURCE, USAGE, ProgramTest, config, main

CONFIGS = SOURCE / "configs"
EXPERIMENTS = SOURCE / "experiments"
# What the tables of kinds must hold, by hand: the one check that does not come from them.
KINDS = {
    "datasets": ["mnist", "fashion_mnist", "cifar10", "cifar100", "idx", "npz", "gaussian_regression",
                 "gaussian_clusters", "drawn_digits"],
    "networks": sorted(path.stem for path in (CONFIGS / "networks").glob("*.json")),
    "blocks": ["dense", "conv", "max_pool", "avg_pool", "global_avg_pool", "flatten", "normalization", "local_response",
               "activation", "dropout", "dense_block", "conv_block", "residual", "concat", "recurrent", "repeat"],
    "activations": ["identity", "relu", "leaky_relu", "elu", "softplus", "gelu", "sigmoid", "tanh"],
    "normalizations": ["none", "batch", "batch_renorm", "ghost", "frozen", "noisy_batch", "noise", "layer", "instance",
                       "group", "lp", "local_response"],
    "initializations": ["gaussian", "uniform", "xavier", "he", "orthogonal", "identity", "pytorch", "fixup"],
    "optimizers": ["sgd", "adam", "adamw", "rmsprop"],
    "schedules": ["constant", "step", "exponential", "cosine", "one_cycle", "doubling"],
    "losses": ["cross_entropy", "squared_error"],
    "precisions": ["f32", "bf16"],
    "probes": ["activation_distribution", "gradient_norm", "normalization_state", "channel_moments", "layer_gradients",
               "recurrent_gradients", "representations", "scale_invariance", "bias_effect", "identity_recovery",
               "normalization_gradients", "weight_growth", "statistics_gap", "residual_branches", "equivalence",
               "landscape", "covariate_shift", "hessian", "input_gradient", "folding"],
    "reductions_over_time": ["final", "best", "minimum", "maximum", "mean", "median", "range", "area",
                             "standard_deviation", "detrended_deviation", "at", "at_level", "steps_to",
                             "first_non_finite"],
    "reductions_over_rows": ["mean", "median", "minimum", "maximum", "sum", "difference", "ratio", "log_slope"],
    "criteria": ["value", "difference", "ratio", "log_slope", "range", "widest_interval", "equality", "order",
                 "contrast"],
    "figures": ["none", "curves", "axis", "bands", "heat_map", "rows", "fill"],
    "experiments": sorted(path.stem for path in EXPERIMENTS.glob("*.json") if path.stem != "schema"),
}
# The kinds that have a trait.
TRAITS = {
    ("normalizations", "absorbs_bias"): ["batch", "batch_renorm", "ghost", "frozen", "noisy_batch", "instance", "lp"],
    ("normalizations", "has_population"): ["batch", "batch_renorm", "ghost", "frozen", "noisy_batch", "lp"],
    ("normalizations", "has_batch_moments"): ["batch", "batch_renorm", "ghost", "noisy_batch", "lp"],
    ("normalizations", "fuses_relu"): ["batch", "frozen"],
    ("normalizations", "has_affine"): ["batch", "batch_renorm", "ghost", "frozen", "noisy_batch", "layer", "instance",
                                       "group", "lp"],
    ("normalizations", "virtual_batch_size"): ["ghost"],
    ("activations", "keeps_zero"): ["identity", "relu", "leaky_relu", "elu", "gelu", "tanh"],
    ("initializations", "draws_biases"): ["pytorch"],
    ("losses", "needs_classes"): ["cross_entropy"],
    ("probes", "normalizations"): ["identity_recovery", "normalization_gradients", "statistics_gap", "folding"],
    ("probes", "needs_affine"): ["identity_recovery"],
    ("probes", "needs_residual"): ["residual_branches"],
    ("probes", "needs_recurrent"): ["recurrent_gradients"],
    ("datasets", "has_targets"): ["gaussian_regression"],
}
# Families of files, which are not described here.


class Hints(ProgramTest):
    def test_settings_given_as_options(self):
        path = self.write_config()
        for option, key in (("--lr", "optimizer.learning_rate"), ("--learning-rate", "optimizer.learning_rate"),
                            ("--batch-size", "training.batch_size"), ("--epochs", "training.epochs"),
                            ("--max_steps", "training.steps"), ("--wd", "optimizer.weight_decay"),
                            ("--momentum", "optimizer.momentum"), ("--dropout", "network.dropout"),
                            ("--optimizer.momentum", "optimizer.momentum")):
            for arguments in ((path, option, "3"), (path, option + "=3"), (option, "3", path)):
                _, error = self.run_program("train", *arguments, status=USAGE)
                self.assertIn(f"unknown option {option}; did you mean --set {key}=3?", error)
        _, error = self.run_program("sweep", path, "--lr", status=USAGE)
        self.assertIn("did you mean --set optimizer.learning_rate=VALUE?", error)
        _, error = self.run_program("sweep", path, "--seed", "3", status=USAGE)
        self.assertIn("did you mean \"--seeds\"?", error)
        _, error = self.run_program("train", path, "--thread", "3", status=USAGE)
        self.assertIn("did you mean \"--threads\"?", error)
        _, error = self.run_program("train", path, "--device=cuda:0", status=USAGE)
        self.assertIn("unknown option --device; bnlab computes on the CPU", error)
        _, error = self.run_program("verdict", ".", "--lr", "3", status=USAGE)  # it has no --set
        self.assertNotIn("did you mean --set", error)

    def test_help_as_a_command(self):
        for words, option in ((["help"], ["--help"]), (["help", "train"], ["train", "--help"])):
            self.assertEqual(self.run_program(*words), self.run_program(*option))
        _, error = self.run_program("help", "trian", status=USAGE)
        self.assertIn("there is no command \"trian\"; did you mean \"train\"?", error)
        _, error = self.run_program("a\nb", status=USAGE)
        self.assertIn("there is no command \"a b\"", error)
        _, error = self.run_program("train", self.write_config(), "c\nd", status=USAGE)
        self.assertIn("c d", error)

    def test_none_is_a_word(self):
        for value in ("null", "false", "off", "None"):
            _, error = self.run_program("describe", self.write_config(), "--set", f"normalization.type={value}",
                                        status=USAGE)
            self.assertIn("did you mean \"none\"?", error)

    def test_a_key_is_set_once(self):
        path = self.write_config()
        for texts, problem in ((("training.steps=1", "training.steps=2"), "training.steps=1 and training.steps=2"),
                               (("training.steps=1", "training={}"), "training.steps=1 and training={}")):
            settings = [word for text in texts for word in ("--set", text)]
            for command in ("describe", "sweep"):
                more = ["--grid", "optimizer.learning_rate=1,2", "--dry-run"] if command == "sweep" else []
                _, error = self.run_program(command, path, *settings, *more, status=USAGE)
                self.assertIn(f"is given twice: {problem}; remove one", error)
        _, error = self.run_program("describe", path, "--seed", "1", "--set", "training.seed=2", status=USAGE)
        self.assertIn("is given twice: training.seed=2 and training.seed=1", error)
        self.run_program("describe", path, "--set", "training.steps=1", "--set", "training.steps=1", "--set",
                         "training={\"steps\": 2}", status=USAGE)
        self.run_program("describe", path, "--set", "training={}", "--set", "training.steps=1")

    def test_homes_of_nobody(self):
        path = self.write_config()
        for arguments, key in ((("train", "~nosuchuser/c.json"), "CONFIG"),
                               (("train", path, "--out", "~nosuchuser"), "--out"),
                               (("train", path, "--log-file", "~nosuchuser/x"), "--log-file"),
                               (("train", path, "--set", "dataset.path=~nosuchuser/x"), "dataset.path"),
                               (("train", path, "--set", "initialization.from=~nosuchuser/x"), "initialization.from"),
                               (("verdict", "~nosuchuser/x"), "RESULTS")):
            _, error = self.run_program(*arguments, "-q", status=USAGE)
            self.assertIn(f"{key}: ~nosuchuser", error)
            self.assertIn("there is no user nosuchuser; ./~nosuchuser", error)
        self.assertEqual(list(pathlib.Path.cwd().glob("~*")), [])


class Schema(ProgramTest):
    def test_shipped_schema(self):
        out, _ = self.run_program("schema")
        self.assertEqual(out, (CONFIGS / "schema.json").read_text())
        json.loads(out)

    def test_shipped_schema_of_experiments(self):
        out, _ = self.run_program("schema", "--experiment")
        self.assertEqual(out, (EXPERIMENTS / "schema.json").read_text())
        json.loads(out)

    def test_markdown(self):
        out, _ = self.run_program("schema", "--markdown")
        for key in ("training.batch_size", "normalization.epsilon"):
            self.assertIn(key.split(".")[1], out)


class Validate(ProgramTest):
    def test_everything_shipped(self):
        folders = (CONFIGS, CONFIGS / "networks", EXPERIMENTS)
        files = [path for folder in folders for path in sorted(folder.glob("*.json"))]
        self.assertGreaterEqual(len(list(EXPERIMENTS.glob("*.json"))), 4)
        out, error = self.run_program("validate", *files)
        self.assertEqual(error, "")
        lines = dict(line.split(": ", 1) for line in out.splitlines())
        self.assertEqual(len(lines), len(files))
        for path in files:
            expected = "skipped: a JSON Schema" if path.name.endswith("schema.json") else "ok"
            self.assertEqual(lines[str(path)], expected)

    def test_one_wrong_among_others(self):
        right = self.write_config(name="right.json")
        wrong = self.write_config(name="wrong.json", training={"steps": 0})
        network = self.folder / "net.json"
        network.write_text(json.dumps({"layers": [{"dens": {"units": 3}}]}))
        last = self.write_config(name="last.json")
        missing = self.folder / "missing.json"
        out, error = self.run_program("validate", right, wrong, network, missing, last, status=USAGE)
        self.assertEqual(out.splitlines(), [f"{right}: ok", f"{wrong}: invalid", f"{network}: invalid",
                                            f"{missing}: invalid", f"{last}: ok"])
        for part in (f"{wrong}:1: training.steps", f"{network}:1:", '"dense"', f"{missing}: no such file"):
            self.assertIn(part, error)

    def test_needs_no_data(self):
        self.environment["BNLAB_DATA"] = "/nowhere"
        self.run_program("validate", self.write_config())

    def test_a_network_of_ones_own(self):
        (self.folder / "networks").mkdir()
        mine = self.folder / "networks" / "mine.json"
        mine.write_text(json.dumps({"name": "mine", "layers": CONV}))
        path = self.write_config({"dataset": {"name": "mnist"}, "network": {"name": "mine"}})
        self.run_program("validate", mine, path)
        out, _ = self.run_program("list", "networks")
        self.assertRegex(out, r"(?m)^mine$")
        mine.write_text(json.dumps({"name": "mine", "layers": CONV, "description": "Of one's own"}))
        out, _ = self.run_program("list", "networks")
        self.assertRegex(out, r"(?m)^mine +Of one's own$")
        mine.write_text(json.dumps({"name": "other", "layers": CONV}))
        out, _ = self.run_program("list", "networks")
        self.assertRegex(out, r"(?m)^mine +invalid; `bnlab validate` says why$")
        self.run_program("validate", mine, status=USAGE)


class List(ProgramTest):
    def test_each_kind(self):
        whole, _ = self.run_program("list")
        for kind, names in KINDS.items():
            out, error = self.run_program("list", kind)
            self.assertEqual([line.split()[0] for line in out.splitlines()], names)
            self.assertEqual(error, "")
            self.assertIn(f"{kind}:\n{out}", whole)
            for line in out.splitlines():
                self.assertRegex(line, r"^\w+ +\S", kind)

    def test_json(self):
        out, error = self.run_program("list", "--json")
        self.assertEqual(error, "")
        families = json.loads(out)
        self.assertEqual({family: [kind["name"] for kind in kinds] for family, kinds in families.items()}, KINDS)
        for (family, trait), names in TRAITS.items():
            with self.subTest(family=family, trait=trait):
                self.assertEqual([kind["name"] for kind in families[family] if kind.get(trait)], names)
        for family in KINDS:
            out, _ = self.run_program("list", family, "--json")
            self.assertEqual(json.loads(out), {family: families[family]})

    def test_fields_that_kinds_own_are_those_of_the_schema(self):
        sections = json.loads((CONFIGS / "schema.json").read_text())["$defs"]["whole"]["properties"]
        of = {"normalizations": sections["normalization"], "optimizers": sections["optimizer"],
              "schedules": sections["optimizer"]["properties"]["schedule"], "losses": sections["loss"],
              "initializations": sections["initialization"], "probes": sections["probes"]["items"]}
        for family, section in of.items():
            named = {field for kind in self.kinds(family) for field in kind["fields"]}
            self.assertTrue(named)
            self.assertLessEqual(named, set(section["properties"]), family)

    def test_where_data_is(self):
        out, _ = self.run_program("list", "datasets")
        self.assertRegex(out, rf"(?m)^mnist .* {re.escape(str(self.shared / 'data' / 'mnist'))}$")
        self.environment["BNLAB_DATA"] = str(self.folder)
        out, _ = self.run_program("list", "datasets")
        self.assertRegex(out, r"(?m)^mnist .* not found; get it with scripts/fetch_data.sh mnist$")


class Describe(ProgramTest):
    def test_without_data(self):
        self.environment["BNLAB_DATA"] = "/nowhere"
        out, error = self.run_program("describe", self.write_config(network={"layers": CONV}))
        self.assertEqual(error, "")
        self.assertRegex(out, r"\nconv1 +conv +\(8, 28, 28\) +72 ")
        self.assertRegex(out, r"\nnormalization1\.gamma +\(8\) +8\n")
        self.assertRegex(out, r"\ndense1\.weights +\(10, 5\) +50\n")
        # 8*9 + 16, 5*8*9 + 10, 5*10 + 10
        self.assertRegex(out, r"\ntotal +518 ")

    def test_names_implementations(self):
        for name in ("figure1_batch_normalization", "v6_batch_normalization"):
            out, _ = self.run_program("describe", CONFIGS / f"{name}.json")
            calls = [line.split(None, 2) for line in out.split("Calls of a training step")[1].splitlines()[2:]]
            calls = [call for call in calls if len(call) == 3]
            for layer, _, implementation in calls:
                self.assertTrue(implementation.strip(), layer)
            normalizations = [call for call in calls if call[0].startswith("normalization")]
            self.assertGreaterEqual(len(normalizations), 6)

    def test_flop(self):
        # 64 x 784 x 17 multiplications and additions, once forward and once for the weights' gradient.
        layers = [{"flatten": {}}, {"dense": {"units": 10}}]
        out, _ = self.run_program("describe", self.write_config(network={"layers": layers}),
                                  "--set", "training.batch_size=64", "--set", "normalization.type=none")
        flop = 2 * 2 * 64 * 784 * 10
        self.assertIn(f"{flop / 1e6:.3g} M", out)


class Gradcheck(ProgramTest):
    def test_right_gradients(self):
        for layers in (config()["network"]["layers"], CONV):
            path = self.write_config(network={"layers": layers}, initialization={"scheme": "xavier"})
            out, _ = self.run_program("gradcheck", path, "--directions", 3, "--elements", 3)
            rows = out.splitlines()
            self.assertIn("all gradients agree", rows[-1])
            results = [row.split()[0] for row in rows[1:] if row.startswith(("ok", "WRONG"))]
            self.assertGreaterEqual(len(results), 6)
            self.assertEqual(set(results), {"ok"})

    def test_gradients_that_differences_alone_would_call_wrong(self):
        residual = [{"conv_block": {"channels": 8}}, {"residual": {"body": [{"conv_block": {"channels": 8}}]}},
                    {"activation": {}}, {"global_avg_pool": {}}, {"dense": {"units": 10}}]
        twice = [{"flatten": {}}, {"dense": {"units": 17}}, {"normalization": {}}, {"dense": {"units": 17}},
                 {"normalization": {}}, {"dense": {"units": 10}}]  # takes the first beta away again
        for network, normalization in (({"layers": CONV}, "batch_renorm"), ({"layers": twice}, "batch"),
                                       ({"layers": residual, "residual_scalar": 0.0}, "none"),
                                       ({"layers": CONV, "weight_standardization": True}, "layer")):
            path = self.write_config(network={"name": "net", **network}, normalization={"type": normalization},
                                     initialization={"scheme": "xavier"})
            out, _ = self.run_program("gradcheck", path, "--directions", 2, "--elements", 2)
            self.assertNotIn("WRONG", out)

    def test_status_is_that_of_the_table(self):
        # Beyond what 32-bit floats can give, so that some rows may fail.
        process = self.start("gradcheck", self.write_config(), "--tolerance", "1e-12", "--directions", 2,
                             "--elements", 2)
        out, _ = process.communicate()
        self.assertIn("1e-12", out.splitlines()[-1])
        self.assertEqual(process.returncode, FAILED if "WRONG" in out else DONE)

    def test_without_data(self):
        shutil.copytree(self.shared / "data" / "mnist", self.folder / "mnist")
        (self.folder / "mnist" / "train-labels-idx1-ubyte").unlink()
        self.run_program("gradcheck", self.write_config(dataset={"path": str(self.folder)}), status=3)


if __name__ == "__main__":
    main()
