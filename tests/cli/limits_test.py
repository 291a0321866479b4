"""What is too large, too deep, or strangely named: a clear error at once or correct work, never a crash, and never a
write outside the output directory. Time and memory of each program are bounded."""

import json
import os
import resource
import shutil
import time

from program import (BNLAB, DATA, DONE, FAILED, USAGE, ProgramTest, config, idx, main, read_csv, run_json, snapshot,
                     write_dataset)

GIB = 1 << 30
SANITIZED = b"__asan_init" in BNLAB.read_bytes()
SECONDS = 20  # of processor time; an error that comes at once needs none of it

CLUSTERS = {"name": "gaussian_clusters", "synthetic": {"examples": 60, "test_examples": 20}}
FLAT, OUTPUT = {"flatten": {}}, {"dense": {"units": 10}}


def network(*layers):
    """With a place to normalize, whatever else it holds."""
    return {"name": "n", "layers": [FLAT, *layers, {"dense_block": {"units": 4}}, OUTPUT]}


class LimitTest(ProgramTest):
    def setUp(self):
        super().setUp()
        self.out = self.folder / "out"

    def limited(self, *arguments, status, memory=4 * GIB, seconds=SECONDS):
        """Runs it with bounds, and gives its output. A signal or another status fails the test."""
        def bound():
            if not SANITIZED:  # the address sanitizer reserves terabytes of addresses for itself
                hard = resource.getrlimit(resource.RLIMIT_AS)[1]
                limit = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
                resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
        return self.run_program(*arguments, status=status, preexec_fn=bound, errors="replace")

    def refuse(self, path, *parts, arguments=(), status=USAGE, writes_folder=False, **bounds):
        before = snapshot(self.folder)
        text, error = self.limited("train", path, "--out", self.out, *arguments, status=status, **bounds)
        self.assertEqual(text, "")
        for part in parts:
            self.assertIn(str(part), error)
        self.assertLess(len(error), 2000, "an error that nobody reads")
        if writes_folder and self.out.exists():
            self.out.rmdir()  # empty, or this fails
        self.assertEqual(snapshot(self.folder), before)


class Sizes(LimitTest):
    def test_too_much_memory(self):
        huge = network({"dense": {"units": 1000000}}, {"dense": {"units": 1000000}})  # 4 TB of weights
        none = {"type": "none"}
        path = self.write_config(dataset=CLUSTERS, network=huge, normalization=none)
        # Without a bound of its own the program would be given the addresses, and be killed when it uses them.
        self.refuse(path, "out of memory", "parameters", "GiB", "training.batch_size", status=FAILED, memory=1 << 46,
                    writes_folder=True)
        self.refuse(path, "out of memory", status=FAILED, writes_folder=True)
        many = {**CLUSTERS, "synthetic": {"examples": 1000000, "test_examples": 1}}
        path = self.write_config(dataset=many, network=network({"dense": {"units": 1000000}}), normalization=none,
                                 training={"batch_size": 1000000})
        self.refuse(path, "out of memory", "outputs of the layers", "GiB", status=FAILED, memory=1 << 46,
                    writes_folder=True)

    def test_memory_is_asked_for_before_it_is_taken(self):
        # 8 TB of parameters, and 2.5 GB of activations that would be there.
        path = self.write_config(dataset={"name": "drawn_digits"}, normalization={"type": "none"},
                                 network={"name": "n", "layers": [{"recurrent": {"units": 1000000}}, OUTPUT]},
                                 optimizer={"type": "adam"}, training={"batch_size": 4})
        for command, also in (("describe", ""), ("train", "the optimizer's state 7450.9 GiB, ")):
            with self.subTest(command):
                process = self.start(command, path)
                _, status, usage = os.wait4(process.pid, 0)
                process.returncode = os.waitstatus_to_exitcode(status)
                _, error = process.communicate()
                self.assertEqual(process.returncode, FAILED, error)
                self.assertRegex(error, rf"are needed \(the parameters and their gradients 7450\.9 GiB, {also}"
                                        r"the outputs of the layers and their gradients \d\.\d GiB\)")
                self.assertLess(usage.ru_maxrss << 10, 3 * GIB // 2)

    def test_more_data_than_allowed(self):
        for synthetic, parts in (
                ({"examples": 10**9}, ["dataset.synthetic.examples", "10000000", "1000000000"]),
                ({"examples": 10**7, "dimensions": 1000}, ["dataset.synthetic.examples", "10000000"]),
                ({"dimensions": 10**6}, ["dataset.synthetic.dimensions", "100000", "1000000"]),
                ({"outputs": 10**9}, ["dataset.synthetic.outputs", "1000000000"])):
            with self.subTest(synthetic):
                self.refuse(self.write_config(dataset={"name": "gaussian_clusters", "synthetic": synthetic},
                                              network=network()), *parts)

    def test_batches_larger_than_the_data(self):
        for size, parts in ((61, ["60", "61"]), (10**6, ["60", "1000000"]), (10**12, ["1000000000000"]),
                            (2**63, ["9223372036854775808"])):
            with self.subTest(size):
                self.refuse(self.write_config(dataset=CLUSTERS, network=network(), training={"batch_size": size}),
                            "training.batch_size", *parts)
        # One that evaluates more images than there are, or all at once, is right.
        path = self.write_config(dataset=CLUSTERS, network=network(), training={"batch_size": 60},
                                 evaluation={"batch_size": 1000000})
        self.limited("train", path, "--out", self.out, status=DONE)
        self.assertEqual(run_json(self.out)["status"], "completed")

    def test_images_without_pixels(self):
        self.refuse(self.write_config(dataset={"name": "gaussian_clusters", "synthetic": {"dimensions": 0}},
                                      network=network()), "dataset.synthetic.dimensions", "at least 1", "0")
        for what, shape in (("no rows", (300, 0, 28)), ("no columns", (300, 28, 0)), ("no pixels", (300, 0, 0)),
                            ("no images", (0, 28, 28)), ("2^96 pixels", (2**32 - 1,) * 3)):
            with self.subTest(what):
                data = write_dataset(self.folder / "zero" / "mnist")
                images = data / "train-images-idx3-ubyte"
                images.write_bytes(idx(shape, b""))
                path = self.write_config(dataset={"path": str(data)}, network=network())
                self.refuse(path, images, status=DATA)
        for kernel in (0, 10**9):
            layers = [{"conv": {"channels": 2, "kernel": kernel}}, OUTPUT]
            path = self.write_config(network={"name": "n", "layers": layers})
            self.refuse(path, "network.layers.0.conv.kernel", kernel)

    def test_ten_thousand_layers(self):
        deep = network(*[{"dense": {"units": 4}}] * 10000)
        for content in (deep, network({"repeat": {"count": 10000, "layers": [{"dense": {"units": 4}}]}})):
            path = self.write_config(dataset=CLUSTERS, network=content, normalization={"type": "none"},
                                     training={"steps": 1, "batch_size": 4, "eval_every": 0},
                                     record={"final_weights": False})
            self.limited("train", path, "--out", self.out, status=DONE, seconds=4 * SECONDS)
            summary = run_json(self.out)
            self.assertEqual(summary["parameters"], (10 * 4 + 4) + 10000 * (4 * 4 + 4) + (4 * 10 + 10))
            self.assertEqual(summary["last_step"], 1)
            shutil.rmtree(self.out)
        nested = {"dense_block": {"units": 4}}
        for _ in range(3):
            nested = {"repeat": {"count": 10000, "layers": [nested]}}
        self.refuse(self.write_config(dataset=CLUSTERS, network=network(nested)), "network.layers", "20000 blocks")
        repeated = network({"repeat": {"count": 10001, "layers": [FLAT]}})
        self.refuse(self.write_config(dataset=CLUSTERS, network=repeated), "network.layers.1.repeat.count", "10000",
                    "10001")

    def test_a_billion_steps(self):
        sections = {"dataset": CLUSTERS, "network": network()}
        path = self.write_config(**sections, training={"steps": 10**9, "eval_every": 0, "log_every": 10**8})
        begin = time.monotonic()
        process = self.start("train", path, "--out", self.out)
        csv = self.out / "train.csv"
        self.wait_until(lambda: csv.exists() and b"\n1," in csv.read_bytes(), process, "its first step")
        process.terminate()
        self.finish(process, 130)
        self.assertLess(time.monotonic() - begin, 60)
        self.assertEqual(run_json(self.out)["steps"], 10**9)
        self.assertLess(run_json(self.out)["peak_memory_bytes"], GIB)
        shutil.rmtree(self.out)
        for training, record, parts in (
                ({"steps": 10**9}, {"batches": True}, ["record.batches", "1000000000"]),
                ({"steps": 10**13}, {}, ["training.steps", "10000000000000"]),
                ({"steps": 10**30}, {}, ["training.steps"]),
                ({"epochs": 1e12}, {}, ["training.epochs"])):
            with self.subTest(training):
                self.refuse(self.write_config(**sections, training=training, record=record), *parts)
        dropout = network({"dropout": {"rate": 0.5}})
        self.refuse(self.write_config(dataset=CLUSTERS, network=dropout, normalization={"type": "none"},
                                      training={"steps": 10**9}, record={"dropout_masks": True}),
                    "record.dropout_masks", "1 GiB")

    def test_deep_json(self):
        path = self.folder / "deep.json"
        for text in ("[" * 10000 + "]" * 10000, '{"a":' * 10000 + "1" + "}" * 10000, "[" * 10000,
                     '{"network":' + "[" * 10000, '{"network": {"layers": [' + '{"residual": {"body": [' * 10000):
            with self.subTest(text[:30]):
                path.write_text(text)
                self.refuse(path, f"{path}:1:", "nested deeper than 256 levels", seconds=5)
        right = self.write_config(dataset=CLUSTERS, network=network())
        self.refuse(right, "--set", "nested deeper", arguments=("--set", "network.layers=" + "[" * 10000))
        self.refuse(right, "--set", arguments=("--set", ".".join(["a"] * 10000) + "=1"))
        for command in ("validate", "describe", "gradcheck", "sweep"):
            path.write_text("[" * 10000)
            _, error = self.limited(command, path, status=USAGE)
            self.assertIn("nested deeper", error)

    def test_a_config_of_100_megabytes(self):
        path = self.folder / "large.json"
        text = json.dumps(config(dataset=CLUSTERS, network=network()))
        for what, content in (("a text", text[:-1] + ', "description": "' + "x" * 10**8 + '"}'),
                              ("spaces", " " * 10**8 + text),
                              ("values", text[:-1] + ', "probes": [' + "1," * (5 * 10**7) + "1]}")):
            with self.subTest(what):
                path.write_text(content)
                for command in ("train", "validate", "describe", "sweep") if what == "spaces" else ("train",):
                    _, error = self.limited(command, path, status=USAGE, memory=GIB)
                    self.assertIn(f"{path}: larger than 16 MB", error)
        path.write_text(text[:-1] + ', "probes": [' + "1," * (5 * 10**6) + "1]}")
        self.refuse(path, path, "values", memory=GIB)
        path.write_text(text[:-1] + ', "description": "' + "x" * (15 << 20) + '"}')
        self.limited("train", path, "--out", self.out, status=DONE)


NAMES = ["two words", " ", "line\nbreak", "tab\tand \"quotes\" 'single' \\",
         "gr\u00fc\u00df \u6570\u636e \U0001f40c", "-dash", "$HOME;*?", "a,b", "x" * 200, b"\xff\xfe not UTF-8"]


class Names(LimitTest):
    def test_folders_and_files_of_any_name(self):
        for name in NAMES:
            with self.subTest(name):
                place = os.path.join(os.fsencode(self.folder), os.fsencode(name))
                os.mkdir(place)
                data = os.path.join(place, os.fsencode(name))
                shutil.copytree(self.shared / "data" / "mnist", os.fsdecode(data))
                path = os.path.join(place, b"run of " + os.fsencode(name)[:100] + b".json")
                sections = config(training={"steps": 2, "eval_every": 0}, network=network())
                if not isinstance(name, bytes):  # JSON is UTF-8
                    sections["dataset"]["path"] = os.fsdecode(data)
                with open(path, "w") as file:
                    json.dump(sections, file)
                out = os.path.join(place, b"out", os.fsencode(name))
                before = snapshot(self.folder)
                self.limited("train", os.fsdecode(path), "--out", os.fsdecode(out), status=DONE)
                written = set(snapshot(self.folder)) - set(before)
                base = os.path.relpath(os.fsdecode(os.path.dirname(out)), self.folder)
                self.assertTrue(all(file == base or file.startswith(base + os.sep) for file in written), written)
                with open(os.path.join(out, b"run.json"), "rb") as file:
                    self.assertEqual(json.loads(file.read().decode())["status"], "completed")
                # An error names it as it is.
                _, error = self.limited("train", os.fsdecode(path), "--out", os.fsdecode(out), status=USAGE)
                self.assertIn("is not empty", error)
                if not isinstance(name, bytes):
                    self.assertIn(name, error)
                shutil.rmtree(os.fsdecode(place))

    def test_names_without_an_out(self):
        # results/CONFIG-seedN of where one stands, whatever the config is called.
        for name in ("..json", "...json", "gr\u00fc\u00df line\nbreak.json"):
            with self.subTest(name):
                path = self.write_config(name=name, dataset=CLUSTERS, network=network(),
                                         training={"steps": 1, "eval_every": 0})
                before = set(snapshot(self.folder))
                self.run_program("train", path)
                self.assertTrue(all(file == "results" or file.startswith("results/")
                                    for file in set(snapshot(self.folder)) - before))
                shutil.rmtree(self.folder / "results")
                path.unlink()

    def test_networks_that_leave_their_folder(self):
        for name in ("../../etc/passwd", "/etc/passwd", "..", ".", "a/b", "a\0b", "a\nb"):
            with self.subTest(name):
                content = config(dataset=CLUSTERS)
                content["network"] = {"name": name}
                self.refuse(self.write_config(content), "network.name")

    def test_paths_too_long(self):
        path = self.write_config(dataset=CLUSTERS, network=network())
        for out in (self.folder / ("x" * 300), self.folder / "/".join(["y" * 200] * 30)):
            before = set(snapshot(self.folder))
            _, error = self.limited("train", path, "--out", out, status=USAGE)
            self.assertIn("--out", error)
            made = set(snapshot(self.folder)) - before
            self.assertTrue(all(file.startswith("y") for file in made), made)  # the parents that could be made
        _, error = self.limited("train", path, "--out", self.out, "--set", "dataset.name=mnist", "--set",
                                f"dataset.path={'z' * 5000}", status=DATA)
        self.assertIn("zzz", error)


VALUE_OF_TWO = [{"name": "loss", "type": "value", "quantity": "loss", "arms": ["two"]}]


class Experiments(LimitTest):
    def experiment(self, **changes):
        base = config(dataset=CLUSTERS, network=network(), training={"steps": 2, "eval_every": 0})
        return {"name": "small", "claim": "None.", "source": "none", "base": base, "seeds": 1,
                "arms": [{"name": "one"}, {"name": "two", "set": {"normalization.type": "none"}}],
                "quantities": [{"name": "loss", "file": "train.csv", "better": "lower",
                                "series": {"column": "loss", "over_time": "final"}}],
                "criteria": [{"name": "ratio", "type": "ratio", "quantity": "loss", "arms": ["one", "two"]}], **changes}

    def refuse_sweep(self, content, *parts):
        path = self.write_config(content, "experiment.json")
        before = snapshot(self.folder)
        for command in (("validate", path), ("sweep", path, "--out", self.out), ("sweep", path)):
            _, error = self.limited(*command, status=USAGE)
            for part in parts:
                self.assertIn(part, error)
            self.assertEqual(snapshot(self.folder), before)

    def test_names_that_leave_the_output_directory(self):
        for name in ("../evil", "/tmp/evil", "a/b", "..", ".", "a\nb", "a\0b", "", "\u00e4/\u00f6", "a b"):
            with self.subTest(name):
                arms = [{"name": name}, {"name": "two", "set": {"normalization.type": "none"}}]
                self.refuse_sweep(self.experiment(arms=arms, criteria=VALUE_OF_TWO), "arms.0.name")
        for name in ("../evil", "/tmp/evil", "a/b", "..", "."):
            with self.subTest(name):
                self.refuse_sweep(self.experiment(name=name), "name")
                quantities = [{"name": "loss", "file": name, "series": {"column": "loss"}}]
                self.refuse_sweep(self.experiment(quantities=quantities), "quantities.0.file")
                self.refuse_sweep(self.experiment(base=name), "base")

    def test_values_that_leave_the_output_directory(self):
        # The values of an axis are in the table, not in the names of files.
        arms = [{"name": "one", "grid": {"network.name": ["../evil", "x/../../y"]}}, {"name": "two"}]
        self.refuse_sweep(self.experiment(arms=arms, criteria=VALUE_OF_TWO), "network.name")
        arms = [{"name": "one", "grid": {"network.description": ["../evil", "a/b\nc,\"d\""]}}, {"name": "two"}]
        path = self.write_config(self.experiment(arms=arms, criteria=VALUE_OF_TWO), "experiment.json")
        before = snapshot(self.folder)
        self.limited("sweep", path, "--out", self.out, "--jobs", 1, status=DONE)
        written = {file for file in snapshot(self.folder) if file not in before}
        self.assertTrue(all(file == "out" or file.startswith("out/") for file in written))
        rows = [row for row in read_csv(self.out / "runs.csv") if row["arm"].startswith("one")]
        self.assertEqual([json.loads(row["network.description"]) for row in rows], ["../evil", "a/b\nc,\"d\""])

    def test_folders_of_any_name(self):
        for name in ("two words", "line\nbreak", "gr\u00fc\u00df \u6570\u636e", "it's \"quoted\" $HOME;*"):
            with self.subTest(name):
                path = self.write_config(self.experiment(), "experiment.json")
                out = self.folder / name / "out"
                self.limited("sweep", path, "--out", out, "--jobs", 1, status=DONE)
                self.assertEqual([row["status"] for row in read_csv(out / "runs.csv")], ["completed"] * 2)
                self.limited("verdict", out, status=DONE)
                shutil.rmtree(self.folder / name)

    def test_more_runs_than_anybody_waits_for(self):
        grid = {"optimizer.learning_rate": list(range(1, 1001)), "initialization.gain": list(range(1, 1001)),
                "optimizer.weight_decay": list(range(1000))}
        arms = [{"name": "one", "grid": grid}, {"name": "two"}]
        path = self.write_config(self.experiment(arms=arms, criteria=VALUE_OF_TWO), "experiment.json")
        before = snapshot(self.folder)
        _, error = self.limited("sweep", path, "--out", self.out, "--dry-run", status=USAGE)
        self.assertIn("more than 100000 runs: too many points of one", error)
        self.refuse_sweep(self.experiment(seeds=10**9), "seeds")
        self.assertEqual(set(snapshot(self.folder)), set(before))

    def test_datasets_of_any_path(self):
        for path in ("../../../etc", "/nowhere/\u00e4 b\nc", "/dev/null", "/proc/self/mem"):
            with self.subTest(path):
                content = config(dataset={"name": "mnist", "path": path}, network=network())
                self.refuse(self.write_config(content), path, status=DATA)


if __name__ == "__main__":
    main()
