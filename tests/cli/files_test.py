"""What a run writes: columns, run.json, records, and what a diverged run says."""

import csv
import hashlib
import json
import math
import re

from program import (CONV, FILES, PROBES, SOURCE, ProgramTest, config, main, read_csv, read_npy, read_npz, run_json)

COLUMNS = {
    "train.csv": "step,epoch,examples,learning_rate,loss,accuracy,gradient_norm,weight_norm,seconds",
    "eval.csv": "step,epoch,split,statistics,loss,accuracy",
    "activation_distribution.csv": "step,layer,tensor,unit,p5,p15,p50,p85,p95,mean,standard_deviation,"
                                   "fraction_saturated,fraction_dead",
    "gradient_norm.csv": "step,parameter,gradient_norm,value_norm,ratio",
    "normalization_state.csv": "step,layer,unit,gamma,beta,running_mean,running_variance,batch_mean,batch_variance",
}
STEPS = 20


class Files(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        first = cls("one_run")
        first.setUp()
        cls.finished = first.train(
            cls.shared / "run", "--threads", 2, probes=PROBES, dataset={"validation": 40},
            record={"initial_weights": True, "batches": True},
            optimizer={"schedule": {"type": "step", "every": 8, "factor": 0.5}},
            evaluation={"statistics": ["running", "precise", "batch"], "train_split": True})
        first.doCleanups()

    def one_run(self):
        """Stands for the test in which the run is made."""

    def test_list_of_files(self):
        expected = {*COLUMNS, "config.json", "run.json", "weights.npz", "weights_initial.npz", "gradients_first.npz",
                    "batches.npy"}
        self.assertEqual({path.name for path in self.finished.iterdir()}, expected)

    def test_columns(self):
        for name, header in COLUMNS.items():
            self.assertEqual((self.finished / name).read_text().splitlines()[0], header)
        self.assert_whole_csv(self.finished)

    def test_train_csv(self):
        rows = read_csv(self.finished / "train.csv")
        self.assertEqual([int(row["step"]) for row in rows], list(range(1, STEPS + 1)))
        seconds = 0.0
        for row in rows:
            step = int(row["step"])
            self.assertEqual(int(row["examples"]), 32 * step)
            self.assertAlmostEqual(float(row["epoch"]), step / (260 // 32), places=6)
            self.assertAlmostEqual(float(row["learning_rate"]), 0.05 * 0.5 ** ((step - 1) // 8), places=9)
            self.assertEqual(float(row["accuracy"]) * 32 % 1, 0)
            self.assertGreaterEqual(float(row["seconds"]), seconds)
            seconds = float(row["seconds"])
        self.assertLess(float(rows[-1]["loss"]), 0.5 * float(rows[0]["loss"]), "it does not learn")

    def test_log_every(self):
        out = self.train("out", training={"log_every": 7})
        self.assertEqual([int(row["step"]) for row in read_csv(out / "train.csv")], [1, 7, 14, 20])

    def test_eval_csv(self):
        rows = read_csv(self.finished / "eval.csv")
        expected = [(step, statistics, split) for step in ("0", "10", "20")
                    for statistics in ("running", "precise", "batch")
                    for split in ("train", "validation", "test")]
        self.assertEqual([(row["step"], row["statistics"], row["split"]) for row in rows], expected)
        for row in rows:
            images = {"train": 260, "validation": 40, "test": 100}[row["split"]]
            correct = float(row["accuracy"]) * images
            self.assertAlmostEqual(correct, round(correct), delta=1e-6 * images)
        losses = {row["statistics"]: row["loss"] for row in rows if row["step"] == "20" and row["split"] == "test"}
        self.assertEqual(len(set(losses.values())), 3, "the three kinds of statistics can't agree")

    def test_evaluation_at_the_end_only(self):
        out = self.train("out", training={"eval_every": 0})
        self.assertEqual([row["step"] for row in read_csv(out / "eval.csv")], ["20"])

    def test_config_json_holds_every_default(self):
        schema = json.loads((SOURCE / "configs" / "schema.json").read_text())["$defs"]["whole"]["properties"]
        resolved = json.loads((self.finished / "config.json").read_text())
        for section in ("normalization", "optimizer", "training", "evaluation", "record"):
            # A field without a default is left out while it is unset; one of another type does not apply.
            named = {name for name, field in schema[section]["properties"].items()
                     if "default" in field or field.get("type") == "object"}
            for rule in schema[section].get("allOf", []):
                for decided_by, choice in rule.get("if", {}).get("properties", {}).items():
                    if resolved[section][decided_by] not in choice["enum"]:
                        named -= set(rule["else"]["properties"])
            named -= {"batch_sizes"}  # not written while it is empty: the hashes of older configs know no such key
            self.assertEqual(named - set(resolved[section]), set(), section)

    def test_defaults_are_those_of_the_schema(self):
        properties = json.loads((SOURCE / "configs" / "schema.json").read_text())["$defs"]["whole"]["properties"]

        def compare(schema, resolved, given, path):
            for name, field in schema.items():
                if name not in resolved or name in ("layers", "seed"):
                    continue
                if field.get("type") == "object" and "properties" in field:
                    compare(field["properties"], resolved[name], given.get(name, {}), f"{path}.{name}")
                elif "default" in field and name not in given:
                    self.assertEqual(resolved[name], field["default"], f"{path}.{name}")

        for kind in (kind["name"] for kind in self.kinds("normalizations") if kind["fields"]):
            written = config(network={"name": "net", "layers": CONV}, normalization={"type": kind},
                             training={"steps": 1})
            if kind == "group":
                written["normalization"]["groups"] = 1
            out = self.train(kind, content=written)
            resolved = json.loads((out / "config.json").read_text())
            for section in ("normalization", "optimizer", "initialization", "evaluation", "loss", "record"):
                compare(properties[section]["properties"], resolved[section], written.get(section, {}), section)

    def test_run_json(self):
        summary = run_json(self.finished)
        self.assertEqual((summary["status"], summary["last_step"], summary["steps"]), ("completed", STEPS, STEPS))
        self.assertGreater(summary["wall_seconds"], 0)
        self.assertGreater(summary["steps_per_second"], 0)
        self.assertGreater(summary["seconds_to_first_step"], 0)
        weights = read_npz(self.finished / "weights.npz")
        trained = [name for name in weights if ".running_" not in name]
        self.assertEqual(summary["parameters"], sum(len(weights[name][1]) for name in trained))
        self.assertNotIn("error", summary)

    def test_final_and_best(self):
        summary = run_json(self.finished)
        for split in ("train", "validation", "test"):
            for statistics in ("running", "precise", "batch"):
                rows = [row for row in read_csv(self.finished / "eval.csv")
                        if (row["split"], row["statistics"]) == (split, statistics)]
                final, best = summary["final"][split][statistics], summary["best"][split][statistics]
                self.assertEqual(final["step"], STEPS)
                self.assertAlmostEqual(final["loss"], float(rows[-1]["loss"]), places=7)
                self.assertAlmostEqual(best["accuracy"], max(float(row["accuracy"]) for row in rows), places=7)
                self.assertAlmostEqual(best["loss"], min(float(row["loss"]) for row in rows), places=7)
                at = [row for row in rows if int(row["step"]) == best["accuracy_step"]][0]
                self.assertAlmostEqual(best["accuracy"], float(at["accuracy"]), places=7)
        self.assertAlmostEqual(summary["final"]["batch"]["loss"],
                               float(read_csv(self.finished / "train.csv")[-1]["loss"]), places=6)

    def test_provenance(self):
        origin = run_json(self.finished)["provenance"]
        version, _ = self.run_program("--version")
        self.assertRegex(origin["git_revision"], r"^[0-9a-f]{40}$|^unknown$")
        self.assertIsInstance(origin["git_dirty"], bool)
        for key in ("compiler", "onednn", "cpu", "isa"):
            self.assertIn(origin[key], version, key)
            self.assertTrue(origin[key])
        self.assertEqual(origin["threads"], 2)
        self.assertEqual(origin["train_examples"], 260)
        data = b"".join((self.shared / "data" / "mnist" / name).read_bytes() for name in FILES["train"] + FILES["test"])
        self.assertEqual(origin["dataset_sha256"], hashlib.sha256(data).hexdigest())
        for word in ("bnlab train", "--threads 2", "--out"):
            self.assertIn(word, origin["command_line"])
        self.assertRegex(origin["start_time"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d")

    def test_batches(self):
        (steps, size), indices = read_npy(self.finished / "batches.npy")
        self.assertEqual((steps, size), (STEPS, 32))
        per_epoch = 260 // 32 * 32
        epochs = [indices[first:first + per_epoch] for first in range(0, len(indices), per_epoch)]
        for epoch in epochs:
            self.assertEqual(len(set(epoch)), len(epoch), "an image twice in one epoch")
            self.assertTrue(all(0 <= index < 260 for index in epoch))
        self.assertNotEqual(epochs[0], epochs[1])
        self.assertNotEqual(list(epochs[0]), sorted(epochs[0]))
        longer = self.train("longer", dataset={"validation": 40}, training={"steps": 25}, record={"batches": True})
        self.assertEqual(read_npy(longer / "batches.npy")[1][:len(indices)], indices)

    def test_first_step_follows_from_the_records(self):
        """w1 = w0 - learning_rate * (gradient + decay * w0), from the files of a run of one step."""
        out = self.train("out", training={"steps": 1}, record={"initial_weights": True})
        before, after = read_npz(out / "weights_initial.npz"), read_npz(out / "weights.npz")
        gradients = read_npz(out / "gradients_first.npz")
        self.assertEqual(set(gradients), {name for name in before if ".running_" not in name})
        for name, (shape, values) in gradients.items():
            self.assertEqual(shape, before[name][0])
            decay = 1e-4 if name.endswith(".weights") else 0.0
            for w0, g, w1 in zip(before[name][1], values, after[name][1]):
                self.assertAlmostEqual(w1, w0 - 0.05 * (g + decay * w0), delta=2e-7 * (1 + abs(w0) + abs(g)))
        row = read_csv(out / "train.csv")[0]
        norm = math.sqrt(sum(g * g for _, values in gradients.values() for g in values))
        self.assertAlmostEqual(float(row["gradient_norm"]), norm, delta=1e-5 * norm)
        weights = math.sqrt(sum(w * w for name, (_, values) in before.items() if name.endswith(".weights")
                                for w in values))
        self.assertAlmostEqual(float(row["weight_norm"]), weights, delta=1e-5 * weights)
        self.assertEqual(set(after["normalization1.running_mean"][0]), {17})
        self.assertNotEqual(after["normalization1.running_mean"], before["normalization1.running_mean"])

    def test_no_weights_wanted(self):
        self.assertFalse((self.train("out", record={"final_weights": False}) / "weights.npz").exists())

    def test_diverged(self):
        out = self.train("out", optimizer={"learning_rate": 1e6, "momentum": 0.0}, normalization={"type": "none"},
                         training={"steps": 500, "log_every": 50, "eval_every": 0})
        summary, rows = run_json(out), read_csv(out / "train.csv")
        self.assertEqual(summary["status"], "diverged")
        self.assertEqual(summary["last_step"], int(rows[-1]["step"]))
        self.assertLess(summary["last_step"], 500)
        finite = [math.isfinite(float(row["loss"])) and math.isfinite(float(row["gradient_norm"])) for row in rows]
        self.assertFalse(finite[-1])
        self.assertTrue(all(finite[:-1]))
        self.assert_whole_csv(out)
        self.assertTrue((out / "weights.npz").exists())

    def test_standard_output_carries_results_only(self):
        path = self.write_config()
        out, error = self.run_program("train", path, "--out", self.folder / "one")
        self.assertRegex(out, r"\A\S+: completed after 20 of 20 steps[^\n]*\n\Z")
        self.assertNotIn("\r", out + error)
        out, error = self.run_program("train", path, "--out", self.folder / "two", "--quiet")
        self.assertEqual((out, error), ("", ""))

    def test_numbers_are_plain(self):
        for name in COLUMNS:
            with open(self.finished / name, newline="") as file:
                values = {value for row in list(csv.reader(file))[1:] for value in row}
            for value in values:
                self.assertRegex(value, re.compile(r"^(-?\d+(\.\d+)?(e[-+]\d+)?|nan|-?inf|[a-z_]+\d*(\.[a-z]+)?)$"))

    def test_description_survives(self):
        content = config(description='quotes " and, commas, µ')
        out = self.train("out", content=content)
        self.assertEqual(json.loads((out / "config.json").read_text())["description"], content["description"])


if __name__ == "__main__":
    main()
