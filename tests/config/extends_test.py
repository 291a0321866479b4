"""A config that extends another, from the shell: what it becomes, in which commands, and which file an error names.

usage: extends_test.py BNLAB SOURCE_FOLDER
"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))

from program import USAGE, ProgramTest, config, main  # noqa: E402


class Extends(ProgramTest):
    def write(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1))
        return path

    def resolved(self, path, *arguments):
        """config.json of a run of no more than a step."""
        out = self.folder / "resolved"
        self.run_program("train", path, "--force", "--out", out, "--set", "training.steps=1", *arguments)
        return json.loads((out / "config.json").read_text())

    def refuse(self, path, *parts, command="validate"):
        out, error = self.run_program(command, path, status=USAGE)
        for part in parts:
            self.assertIn(str(part), error)
        return error

    def test_what_is_not_said_comes_from_the_base(self):
        base = self.write("base.json", config())
        run = self.write("run.json", {"extends": "base.json", "training": {"seed": 9}, "probes": []})
        expected = self.resolved(base)
        expected["training"]["seed"] = 9
        found = self.resolved(run)
        self.assertEqual(found, expected)
        self.assertNotIn("extends", found)

    def test_a_run_does_not_depend_on_the_base_any_more(self):
        self.write("base.json", config())
        run = self.write("run.json", {"extends": "base.json", "training": {"seed": 9}})
        first = self.folder / "first"
        self.run_program("train", run, "--out", first)
        (self.folder / "base.json").unlink()
        self.run_program("train", first / "config.json", "--out", self.folder / "again")
        self.assert_same_run(first, self.folder / "again")

    def test_objects_are_merged_and_lists_replaced(self):
        self.write("base.json", config(probes=[{"type": "gradient_norm"}, {"type": "normalization_state"}],
                                       dataset={"augmentation": {"crop_padding": 2, "flip": True}}))
        found = self.resolved(self.write("run.json", {"extends": "base.json", "probes": [{"type": "gradient_norm"}],
                                                      "dataset": {"augmentation": {"flip": False}}}))
        self.assertEqual([probe["type"] for probe in found["probes"]], ["gradient_norm"])
        self.assertEqual(found["dataset"]["augmentation"], {"crop_padding": 2, "flip": False})

    def test_a_chain_and_its_folders(self):
        self.write("a/b/first.json", config(training={"steps": 7}))
        self.write("a/second.json", {"extends": "b/first.json", "training": {"seed": 5}})
        third = self.write("c/third.json", {"extends": "../a/second.json", "optimizer": {"learning_rate": 0.25}})
        found = self.resolved(third)
        self.assertEqual((found["training"]["seed"], found["optimizer"]["learning_rate"]), (5, 0.25))
        absolute = self.write("d.json", {"extends": str(third)})
        self.assertEqual(self.resolved(absolute), found)
        self.environment["HOME"] = str(self.folder)
        self.assertEqual(self.resolved(self.write("e.json", {"extends": "~/c/third.json"})), found)

    def test_a_choice_leaves_the_fields_of_the_other_choice(self):
        base = config(optimizer={"type": "sgd", "momentum": 0.9}, training={"steps": 9})
        base["optimizer"]["learning_rate"] = 0.01
        self.write("base.json", base)
        found = self.resolved(self.write("run.json", {"extends": "base.json", "optimizer": {"type": "adam"}}))
        self.assertEqual((found["optimizer"]["type"], found["optimizer"]["learning_rate"]), ("adam", 0.01))
        self.assertNotIn("momentum", found["optimizer"])
        epochs = self.write("epochs.json", {"extends": "base.json", "training": {"epochs": 1}})
        self.run_program("train", epochs, "--out", self.folder / "epochs")
        found = json.loads((self.folder / "epochs" / "config.json").read_text())
        self.assertEqual(found["training"]["steps"], 300 // 32)
        # Said in one file, it is an error still.
        self.refuse(self.write("wrong.json", {"extends": "base.json", "optimizer": {"type": "adam", "momentum": 0.5}}),
                    "wrong.json:", "optimizer.momentum")

    def test_the_network_of_a_resolved_config_is_replaced(self):
        base = self.folder / "base"
        self.run_program("train", self.write("first.json", config()), "--out", base, "--set", "training.steps=1")
        found = self.resolved(self.write("named.json", {"extends": "base/config.json",
                                                        "network": {"name": "mlp_2x64"}}))
        self.assertEqual(found["network"]["name"], "mlp_2x64")
        self.assertIn(64, [layer["dense_block"]["units"] for block in found["network"]["layers"] if "repeat" in block
                           for layer in block["repeat"]["layers"]])
        layers = [{"flatten": {}}, {"dense_block": {"units": 10}}]
        found = self.resolved(self.write("layers.json", {"extends": "base/config.json", "network": {"layers": layers}}))
        self.assertEqual(len(found["network"]["layers"]), 2)
        found = self.resolved(self.write("function.json", {"extends": "base/config.json",
                                                           "network": {"activation": "tanh"}}))
        self.assertEqual((found["network"]["name"], found["network"]["activation"]), ("small", "tanh"))

    def test_overrides_come_last(self):
        self.write("base.json", config())
        run = self.write("run.json", {"extends": "base.json", "training": {"seed": 9}})
        self.assertEqual(self.resolved(run, "--set", "training.seed=4")["training"]["seed"], 4)
        _, error = self.run_program("train", run, "--set", "extends=base.json", status=USAGE)
        self.assertIn("--set extends=base.json: extends: must be set in the config file, not with --set", error)

    def test_errors_name_the_file_of_the_bad_value(self):
        base = self.write("base.json", json.dumps(config(training={"batch_size": -3}), indent=1))
        run = self.write("run.json", {"extends": "base.json", "optimizer": {"learning_rat": 1}})
        error = self.refuse(run)
        self.assertRegex(error, r"(?m)^\S*run.json:\d+: optimizer.learning_rat: unknown key")
        self.assertRegex(error, r"(?m)^\S*/base.json:\d+: training.batch_size: must be at least 1, got -3")
        self.refuse(self.write("no.json", {"extends": "bas.json"}), "no.json:2: extends: no such file", "bas.json",
                    'did you mean "base"')
        self.refuse(self.write("list.json", {"extends": ["base.json"]}), "extends: must be the name of a config file")
        self.refuse(self.write("inner.json", {"extends": "good.json", "training": {"extends": "base.json"}}),
                    "extends")
        base.write_text("{")
        self.refuse(run, "base.json:1:")
        base.write_text("[1]")
        self.refuse(run, "base.json:1: must be an object")
        base.unlink()
        base.mkdir()
        self.refuse(run, "base.json", "must be a regular file")
        self.refuse(self.write("missing.json", {"extends": "empty.json"}), "no such file")
        self.write("empty.json", {})
        self.refuse(self.write("missing.json", {"extends": "empty.json"}), "missing.json:1: dataset: is required")

    def test_cycles_and_long_chains(self):
        self.write("a.json", {"extends": "b.json"})
        self.write("b.json", {"extends": "sub/c.json"})
        self.write("sub/c.json", {"extends": "../a.json"})
        error = self.refuse(self.folder / "a.json", "a cycle: ")
        self.assertRegex(error, r"a\.json -> \S*b\.json -> \S*sub/c\.json -> \S*a\.json")
        self.refuse(self.write("self.json", {"extends": "./self.json"}), "a cycle: ")
        (self.folder / "link.json").symlink_to(self.folder / "linked.json")
        self.refuse(self.write("linked.json", {"extends": "link.json"}), "a cycle: ")
        for n in range(20):
            self.write(f"long{n}.json", {"extends": f"long{n + 1}.json"} if n < 19 else config())
        self.refuse(self.folder / "long0.json", "more than 16 files")
        self.run_program("validate", self.folder / "long5.json")

    def test_describe_and_gradcheck(self):
        self.write("base.json", config())
        run = self.write("run.json", {"extends": "base.json", "training": {"batch_size": 19}})
        self.assertIn("batch 19", self.run_program("describe", run)[0])
        self.run_program("gradcheck", run, "--examples", "4", "--elements", "1", "--directions", "1")

    def experiment(self, base):
        arms = [{"name": "a"}, {"name": "b", "config": "arm.json", "differs_in": ["normalization"]}]
        return {"claim": "c", "source": "s", "base": base, "arms": arms, "seeds": 1,
                "quantities": [{"name": "q", "file": "train.csv", "series": {"column": "loss"}}],
                "criteria": [{"name": "k", "type": "difference", "quantity": "q", "arms": ["a", "b"]}]}

    def test_the_base_of_an_experiment(self):
        self.write("configs/common.json", config())
        self.write("configs/base.json", {"extends": "common.json", "training": {"steps": 3}})
        self.write("e/arm.json", {"extends": "../configs/base.json", "normalization": {"type": "none"}})
        sums = []
        inline = {"extends": "../configs/common.json", "training": {"steps": 3}}
        for name, base in (("named", "base.json"), ("inline", inline)):
            file = self.write(f"e/{name}.json", self.experiment(base))
            self.run_program("validate", file)
            self.run_program("sweep", file, "--out", self.folder / name, "--jobs", "1")
            written = (self.folder / name / "experiment.json").read_text()
            self.assertNotIn("extends", written)
            sums.append(sorted(path.name.split("_")[0] for path in (self.folder / name / "runs").iterdir()))
        self.assertEqual(*sums)
        self.write("configs/common.json", config(training={"batch_size": 0}))
        error = self.refuse(self.folder / "e" / "named.json", "common.json:", "training.batch_size")
        self.assertIn("named: base (base.json)", error)


if __name__ == "__main__":
    main()
