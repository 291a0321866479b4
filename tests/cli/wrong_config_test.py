"""Configs and command lines that are wrong: status 2, a message naming path, value and rule, and nothing written."""

import json

from program import DONE, USAGE, ProgramTest, config, main

# What is set, and what the message has to hold. Each goes through --set and through a file.
WRONG_VALUES = [
    ("optimizer.learning_rat", 0.5, ["optimizer.learning_rat", "unknown key", '"learning_rate"']),
    ("optimzer", {}, ["optimzer", "unknown key", '"optimizer"']),
    ("optimizer.schedule.evry", 5, ["optimizer.schedule.evry", '"every"']),
    ("normalization.epsilom", 0.1, ["normalization.epsilom", '"epsilon"']),
    ("record.batch", True, ["record.batch", '"batches"']),
    ("training.batch_size", -3, ["training.batch_size", "at least 1", "-3"]),
    ("training.batch_size", 0, ["training.batch_size", "at least 1"]),
    ("training.batch_size", 2.5, ["training.batch_size", "2.5"]),
    ("training.batch_size", "many", ["training.batch_size", "many"]),
    ("training.batch_size", None, ["training.batch_size", "null"]),
    ("training.steps", 1e13, ["training.steps"]),
    ("training.steps", True, ["training.steps", "true"]),
    ("training.seed", -1, ["training.seed", "-1"]),
    ("optimizer", 5, ["optimizer", "5"]),
    ("optimizer.learning_rate", 0, ["optimizer.learning_rate", "above 0"]),
    ("optimizer.learning_rate", "fast", ["optimizer.learning_rate", "fast"]),
    ("optimizer.momentum", 1, ["optimizer.momentum", "below 1"]),
    ("optimizer.type", "sdg", ["optimizer.type", "sdg", "sgd"]),
    ("normalization.type", "bach", ["normalization.type", "bach", "batch"]),
    ("normalization.running_average_decay", 1.5, ["normalization.running_average_decay", "1.5"]),
    ("normalization.mask", [9], ["normalization.mask", "9"]),
    ("dataset.name", "minst", ["dataset.name", "minst", "mnist"]),
    ("dataset.validation", 300, ["dataset.validation", "300"]),
    ("dataset.limit", 301, ["dataset.limit", "301", "300"]),
    ("network.layers.1.repeat.layers.0.dense_block.units", 0,
     ["network.layers.1.repeat.layers.0.dense_block.units", "0"]),
    ("network.layers.1.repeat.layers.0.dense_block.unit", 5,
     ["network.layers.1.repeat.layers.0.dense_block", '"units"']),
    ("network.layers.2", {"denes": {"units": 10}}, ["network.layers.2", "denes", "dense"]),
    ("network.layers.2", {"dense": {}}, ["network.layers.2", "units", "required"]),
    ("network.layers", [], ["network.layers"]),
    ("probes.0.every", 0, ["probes.0.every", "at least 1"]),
    ("probes.0.type", "gradient_nrom", ["probes.0.type", "gradient_norm"]),
    ("evaluation.statistics", ["running", "none"], ["evaluation.statistics", "none"]),
]

# Networks whose shapes don't fit: the message names the layer and both shapes.
MISFITS = [
    ([{"flatten": {}}, {"conv": {"channels": 3}}, {"dense": {"units": 10}}], ["conv1", "784"]),
    ([{"conv": {"channels": 3}}, {"dense": {"units": 10}}], ["dense1", "(3, 28, 28)"]),
    ([{"conv": {"channels": 3, "kernel": 31, "padding": 0}}, {"flatten": {}}, {"dense": {"units": 10}}],
     ["conv1", "31", "28"]),
    ([{"max_pool": {"kernel": 29}}, {"flatten": {}}, {"dense": {"units": 10}}], ["max_pool1", "29", "28"]),
    ([{"conv": {"channels": 4, "groups": 2}}, {"flatten": {}}, {"dense": {"units": 10}}],
     ["conv1", "groups", "2", "1"]),
    ([{"conv": {"channels": 4, "kernel": 1, "weight_standardization": True}}, {"flatten": {}},
      {"dense": {"units": 10}}],
     ["conv1", "weight_standardization", "at least 2 weights", "got 1"]),
    ([{"flatten": {}}, {"max_pool": {}}, {"dense": {"units": 10}}], ["max_pool1", "784"]),
    ([{"flatten": {}}, {"dense": {"units": 9}}], ["dense1", "10", "9"]),
    ([{"conv": {"channels": 10}}], ["conv1", "10", "(10, 28, 28)"]),
    ([{"flatten": {}}], ["784", "10"]),
    ([{"flatten": {}}, {"global_avg_pool": {}}, {"dense": {"units": 10}}], ["global_avg_pool1", "784"]),
]


def put(tree, path, value):
    """`tree` with the value at a dotted path."""
    tree = json.loads(json.dumps(tree))
    *folders, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place = tree
    for part in folders:
        place = place.setdefault(part, {}) if isinstance(place, dict) else place[part]
    place[last] = value
    return tree


class WrongConfig(ProgramTest):
    def expect_refused(self, arguments, *parts):
        out = self.folder / "out"
        text, error = self.run_program(*arguments, status=USAGE)
        self.assertEqual(text, "")
        for part in parts:
            self.assertIn(part, error)
        self.assertFalse(out.exists(), "the run left something behind")
        return error

    def expect_config_refused(self, content, *parts):
        path = self.write_config(content)
        return self.expect_refused(["train", path, "--out", self.folder / "out"], *parts)

    def test_the_config_before_it_is_wrong(self):
        self.train("right", probes=[{"type": "gradient_norm"}])

    def test_wrong_values(self):
        right = config(probes=[{"type": "gradient_norm"}])
        path = self.write_config(right, "right.json")
        for key, value, parts in WRONG_VALUES:
            with self.subTest(key, value=value, source="file"):
                self.expect_config_refused(put(right, key, value), *parts)
            with self.subTest(key, value=value, source="--set"):
                self.expect_refused(["train", path, "--out", self.folder / "out",
                                     "--set", f"{key}={json.dumps(value)}"], *parts)

    def test_all_problems_at_once(self):
        content = put(put(put(config(), "training.steps", 0), "optimizer.momentun", 0.5), "dataset.scaling", "units")
        error = self.expect_config_refused(content, "training.steps", "optimizer.momentun", "dataset.scaling")
        self.assertGreaterEqual(len(error.splitlines()), 3)

    def test_missing_sections(self):
        for key in ("dataset", "network"):
            content = config()
            del content[key]
            self.expect_config_refused(content, key, "required")

    def test_set_that_is_no_assignment(self):
        path = self.write_config()
        for change in ("training.steps", "=5", "training..steps=5", "training.steps=", "network.layers.99=5"):
            with self.subTest(change):
                self.expect_refused(["train", path, "--out", self.folder / "out", "--set", change], "--set")

    def test_hints_at_other_names(self):
        path = self.write_config(description="2024")
        for setting, near in (("normalization.type=batchnorm", "batch"), ("normalization.type=bn", "batch"),
                              ("normalization.type=batch_norm", "batch"), ("lr=1", "optimizer.learning_rate"),
                              ("optimizer.lr=1", "learning_rate"), ("epochs=3", "training.epochs"),
                              ("normalization.placement=after", "after_activation"), ("wd=0", "optimizer.weight_decay"),
                              ("bs=8", "training.batch_size"), ("network.activation=relu6", "relu")):
            with self.subTest(setting):
                self.expect_refused(["train", path, "--out", self.folder / "out", "--set", setting],
                                    f'did you mean "{near}"?')
        experiment = {"claim": "c", "source": "s", "base": config(), "quantities": [], "criteria": [],
                      "arms": [{"name": "a", "grid": {"lr": [1, 2]}}]}
        path = self.write_config(experiment, "e.json")
        _, error = self.run_program("sweep", path, "--out", self.folder / "out", status=USAGE)
        self.assertTrue("optimizer.learning_rate" in error or "quantities" in error, error)

    def test_several_settings_after_one_option(self):
        path = self.write_config()
        out = self.folder / "out"
        self.run_program("train", "--set", "training.steps=3", "training.seed=5", path, "--out", out,
                         "--set=optimizer.learning_rate=0.5", "description=2024", "--quiet")
        written = json.loads((out / "config.json").read_text())
        self.assertEqual((written["training"]["steps"], written["training"]["seed"]), (3, 5))
        self.assertEqual((written["optimizer"]["learning_rate"], written["description"]), (0.5, "2024"))
        # Without the option, and where a word is no setting.
        _, error = self.run_program("train", path, "training.steps=3", status=USAGE)
        self.assertIn("did you mean --set training.steps=3?", error)
        _, error = self.run_program("train", path, "--set", "training.steps=3", "extra", status=USAGE)
        self.assertIn("extra", error)
        # A file of such a name is a file.
        named = self.write_config(name="a=b")
        self.run_program("train", "--set", "training.steps=3", named.name, "--out", self.folder / "named", "--quiet")

    def test_set_of_a_list_index(self):
        units = "network.layers.1.repeat.layers.0.dense_block.units=5"
        out = self.train("right", "--set", "probes.0.every=3", "--set", units, probes=[{"type": "gradient_norm"}])
        resolved = json.loads((out / "config.json").read_text())
        self.assertEqual(resolved["probes"][0]["every"], 3)
        self.assertEqual(resolved["network"]["layers"][1]["repeat"]["layers"][0]["dense_block"]["units"], 5)

    def test_files_of_another_kind(self):
        experiment = {"claim": "c", "base": config(), "arms": [{"name": "a"}]}
        network = {"name": "n", "layers": [{"flatten": {}}, {"dense": {"units": 10}}]}
        for name, content, hint in (("e.json", experiment, "this is an experiment; use `bnlab sweep "),
                                    ("n.json", network, "this is a network; use a run's config with --set network"),
                                    ("run.json", {"status": "completed", "last_step": 3}, "the result of a run"),
                                    ("verdict.json", {"verdict": "", "experiment": "e"}, "the verdict of a sweep")):
            error = self.expect_refused(["train", self.write_config(content, name)], hint)
            self.assertEqual(len(error.splitlines()), 1, error)

    def test_names_that_are_nearly_right(self):
        self.write_config(name="my_config.json")
        folder = self.folder.resolve()
        for name in ("my_config", "my_confg.json", "config"):
            self.expect_refused(["train", folder / name], f'did you mean "{folder}/my_config.json"?')
        self.expect_refused(["sweep", "rank"], 'did you mean "rank_collapse"?')
        self.expect_refused(["train", folder / "my_config.json", "--sets", "a=1"],
                            'unknown option --sets; did you mean "--set"?')
        self.expect_refused(["sweep", folder / "my_config.json", "--grids=a=1,2"],
                            'unknown option --grids; did you mean "--grid"?')

    def test_files_that_are_no_config(self):
        self.expect_refused(["train", self.folder / "nowhere.json", "--out", self.folder / "out"], "nowhere.json")
        self.expect_refused(["train", self.folder, "--out", self.folder / "out"], str(self.folder))
        path = self.folder / "broken.json"
        for text, parts in (("", []), ("{", []), ('{"dataset": }', ["1:"]), ("[]", []), ("\xff\xfe", []),
                            ('{"a": 1}}', []), ('{"training": {"steps": 5, "steps": 6}}', ["steps"]),
                            ("[" * 100000, [])):
            with self.subTest(text[:30]):
                path.write_bytes(text.encode("latin-1"))
                self.expect_refused(["train", path, "--out", self.folder / "out"], "broken.json", *parts)

    def test_unknown_network(self):
        content = config()
        content["network"] = {"name": "mlp_2x46"}
        self.expect_config_refused(content, "mlp_2x46", "mlp_2x64", "vgg6")

    def test_shapes_that_do_not_fit(self):
        for layers, parts in MISFITS:
            with self.subTest(layers):
                content = put(config(normalization={"type": "none"}), "network.layers", layers)
                self.expect_config_refused(content, *parts)
                path = self.write_config(content)
                text, error = self.run_program("validate", path, status=USAGE)
                self.assertIn(parts[0], error)
                self.expect_refused(["describe", path], *parts)

    def test_batch_larger_than_the_data(self):
        self.expect_config_refused(put(config(), "training.batch_size", 301), "training.batch_size", "300", "301")

    def test_probe_of_a_unit_that_is_not_there(self):
        content = config(probes=[{"type": "activation_distribution", "units": [16, 17]}])
        self.expect_config_refused(content, "probes.0.units", "17")
        self.run_program("validate", self.write_config(content), status=USAGE)

    def test_wrong_config_and_force_leave_the_old_run(self):
        out = self.train("out")
        before = sorted(path.name for path in out.iterdir())
        for content in (config(probes=[{"type": "activation_distribution", "units": [99]}]),
                        put(config(), "training.batch_size", 301), put(config(), "normalization.mask", [7])):
            self.run_program("train", self.write_config(content), "--out", out, "--force", status=USAGE)
            self.assertEqual(before, sorted(path.name for path in out.iterdir()))

    def test_examples_of_gradcheck(self):
        self.expect_refused(["gradcheck", self.write_config(), "--examples", 301], "--examples", "300")


class CommandLine(ProgramTest):
    COMMANDS = ("train", "compare", "export", "describe", "validate", "list", "schema", "gradcheck")

    def test_wrong_command_lines(self):
        path = self.write_config()
        for arguments in ([], ["trian"], ["--frobnicate"], ["train"], ["train", path, "--frobnicate"],
                          ["train", path, "--threads", "0"], ["train", path, "--threads", "two"],
                          ["train", path, "--seed", "x"], ["train", path, "--seed", "-1"], ["train", path, "extra"],
                          ["train", path, "--resume", "--force"], ["list", "things"], ["validate"],
                          ["gradcheck", path, "--examples", "1"], ["gradcheck", path, "--tolerance", "0"],
                          ["train", path, "--log-file", self.folder]):
            with self.subTest(arguments):
                out, _ = self.run_program(*arguments, status=USAGE)
                self.assertEqual(out, "")
        self.assertFalse((self.folder / "results").exists())

    def test_words_that_are_no_command(self):
        _, error = self.run_program("foo", status=USAGE)
        lines = error.splitlines()
        self.assertEqual(lines[0], 'bnlab: there is no command "foo".')
        self.assertRegex(lines[1], r"^The commands are train, sweep, .*\.$")
        _, error = self.run_program("swep", status=USAGE)
        self.assertTrue(error.startswith('bnlab: there is no command "swep"; did you mean "sweep"?\n'), error)
        path = self.write_config()
        _, error = self.run_program(path, status=USAGE)
        self.assertIn(f'did you mean "bnlab train {path}"?', error)

    def test_numbers_that_are_none(self):
        path = self.write_config()
        for arguments in (("sweep", "e.json", "--timeout"), ("reproduce", "--timeout"),
                          ("gradcheck", path, "--tolerance"),
                          ("sweep", "e.json", "--executor", "slurm", "--slurm-poll")):
            for value in ("nan", "-nan", "inf", "-inf", "1e400", "0", "-1", "", "1x", "one"):
                with self.subTest(arguments, value=value):
                    out, error = self.run_program(*arguments, value, status=USAGE)
                    self.assertEqual(out, "")
                    self.assertRegex(error, f"{arguments[-1]}: must be a number from [^ ]+ to [^ ]+, got {value}\n")

    def test_help(self):
        for command in self.COMMANDS:
            out, error = self.run_program(command, "--help", status=DONE)
            self.assertIn("Examples:\n", out)
            self.assertIn(f"bnlab {command}", out)
            self.assertEqual(error, "")
        out, _ = self.run_program("--help")
        for command in self.COMMANDS:
            self.assertIn(f"\n  {command} ", out)

    def test_version(self):
        out, error = self.run_program("--version")
        self.assertRegex(out, r"(?m)^bnlab \d+\.\d+")
        self.assertRegex(out, r"(?m)^oneDNN \d+\.\d+\.\d+ using \w+")
        self.assertEqual(error, "")


if __name__ == "__main__":
    main()
