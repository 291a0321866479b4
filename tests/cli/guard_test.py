"""What a run refuses so that nothing is lost or mixed: other data, other threads, other people's files."""

import hashlib
import json
import resource
import shutil

from program import DATA, DONE, FAILED, INTERRUPTED, MLP, USAGE, ProgramTest, main, run_json, write_dataset


class Guard(ProgramTest):
    def interrupted_run(self):
        """A config, and the folder of its run, stopped on the way."""
        path = self.write_config(training={"steps": 100000000, "log_every": 1000, "eval_every": 0})
        out = self.folder / "run"
        process = self.start("train", path, "--out", out)
        self.wait_until(lambda: (out / "train.csv").exists() and (out / "train.csv").stat().st_size > 300, process,
                        "rows of train.csv")
        process.terminate()
        self.finish(process, INTERRUPTED)
        return path, out

    def contents(self, folder):
        return {file.name: file.read_bytes() for file in folder.iterdir()}

    def test_resume_refuses_other_data(self):
        path, out = self.interrupted_run()
        before = self.contents(out)
        write_dataset(self.folder / "other" / "mnist", train=290)
        self.environment["BNLAB_DATA"] = str(self.folder / "other")
        _, error = self.run_program("train", path, "--out", out, "--resume", status=DATA)
        self.assertIn("SHA-256", error)
        self.assertEqual(self.contents(out), before)

    def test_fewer_threads_than_asked_for(self):
        path, out = self.write_config(), self.folder / "out"
        self.environment = {**self.environment, "OMP_THREAD_LIMIT": "1"}
        for command in (("train", path, "--out", out), ("train", path, "--profile-steps", 1), ("describe", path),
                        ("gradcheck", path)):
            _, error = self.run_program(*command, "--threads", 2, status=USAGE)
            self.assertIn("--threads: must be at most 1 on this machine, got 2; OMP_THREAD_LIMIT is 1", error)
        self.assertFalse(out.exists())
        self.run_program("train", path, "--out", out)

    def test_resume_refuses_other_threads(self):
        path, out = self.interrupted_run()
        before = self.contents(out)
        _, error = self.run_program("train", path, "--out", out, "--resume", "--threads", 2, status=USAGE)
        self.assertIn("--threads: must be 1", error)
        self.assertEqual(self.contents(out), before)

    def test_resume_without_its_checkpoint(self):
        path, out = self.interrupted_run()
        for damage in (lambda file: file.unlink(), lambda file: file.symlink_to(self.folder / "nowhere")):
            damage(out / "checkpoint.npz")
            before = {name: (out / name).read_bytes() for name in ("train.csv", "eval.csv", "run.json", "config.json")}
            _, error = self.run_program("train", path, "--out", out, "--resume", status=DATA)
            self.assertIn(f"{out / 'checkpoint.npz'}: ", error)
            self.assertEqual({name: (out / name).read_bytes() for name in before}, before)

    def test_resume_on_another_instruction_set(self):
        path, out = self.interrupted_run()
        first = run_json(out)["provenance"]["isa"]
        self.environment["ONEDNN_MAX_CPU_ISA"] = "SSE41"
        process = self.start("train", path, "--out", out, "--resume")
        self.wait_until(lambda: "begun elsewhere" in process.stderr.readline(), process, "its warning")
        process.terminate()
        self.finish(process, INTERRUPTED)
        self.assertEqual(run_json(out)["provenance"]["isa"], f"{first}, then sse41")

    def test_weights_of_the_run_itself(self):
        out = self.train("run")
        before = self.contents(out)
        link = self.folder / "link"
        link.symlink_to(out / "weights.npz")
        for source in (out, out / "weights.npz", link):
            path = self.write_config(initialization={"from": str(source)})
            _, error = self.run_program("train", path, "--out", out, "--force", status=USAGE)
            self.assertIn("initialization.from: must not be a file that the run itself writes", error)
            self.assertEqual(self.contents(out), before)

    def test_initial_weights_are_named_after_a_resume(self):
        source = self.train("source")
        path = self.write_config(initialization={"from": str(source)},
                                 training={"steps": 100000000, "log_every": 1000, "eval_every": 0})
        out = self.folder / "run"
        sums = []
        for options in ((), ("--resume",)):
            process = self.start("train", path, "--out", out, *options)
            rows = len(sums) * 5 + 5
            self.wait_until(lambda: (out / "train.csv").exists() and
                            (out / "train.csv").read_bytes().count(b"\n") > rows, process, "rows of train.csv")
            process.terminate()
            self.finish(process, INTERRUPTED)
            sums.append(run_json(out)["provenance"]["initial_weights_sha256"])
        self.assertEqual(sums, [hashlib.sha256((source / "weights.npz").read_bytes()).hexdigest()] * 2)

    def test_resume_leaves_files_that_are_no_run(self):
        out = self.folder / "mine"
        out.mkdir()
        (out / "train.csv").write_text("mine")
        _, error = self.run_program("train", self.write_config(), "--out", out, "--resume", status=USAGE)
        self.assertIn("config.json", error)
        self.assertEqual(self.contents(out), {"train.csv": b"mine"})

    def test_force_keeps_the_old_run_when_the_new_one_can_not_begin(self):
        out = self.train("run")
        before = self.contents(out)
        huge = [{"flatten": {}}, {"dense": {"units": 1000000}}, {"dense": {"units": 10}}]
        path = self.write_config(network={"layers": huge}, normalization={"type": "none"})
        limit = 2 << 30
        self.run_program("train", path, "--out", out, "--force", status=FAILED,
                         preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
        self.assertEqual(self.contents(out), before)

    def test_divergence_in_the_last_update(self):
        out = self.train("run", training={"steps": 1, "eval_every": 0}, normalization={"type": "none"},
                         optimizer={"learning_rate": 1e30, "momentum": 0.0}, initialization={"gain": 1e9})
        self.assertEqual(json.loads((out / "run.json").read_text())["status"], "diverged")

    def test_masks_that_choose_nothing(self):
        for change, expected in (({"mask": {"every": 100}}, "normalization.mask.every"), ({"mask": [7]}, "site 7")):
            _, error = self.run_program("describe", self.write_config(normalization={"type": "batch", **change}),
                                        status=USAGE)
            self.assertIn(expected, error)
            self.run_program("describe", self.write_config(normalization={"type": "none", **change}), status=DONE)
        layers = [{"flatten": {}}, {"dense": {"units": 10}}]
        _, error = self.run_program("describe", self.write_config(network={"layers": layers}), status=USAGE)
        self.assertIn("normalization.type", error)

    def test_probes_that_ask_for_too_many_images(self):
        probe = {"type": "activation_distribution", "examples": 301}
        path = self.write_config(probes=[probe], network={"layers": MLP})
        _, error = self.run_program("train", path, "--out", self.folder / "run", status=USAGE)
        self.assertIn("probes.0.examples: must be at most 300", error)
        self.assertFalse((self.folder / "run").exists())

    def test_log_file(self):
        log = self.folder / "log"
        self.run_program("train", self.write_config(), "--out", self.folder / "run", "--log-file", log)
        self.assertIn("completed after 20 of 20 steps", log.read_text())
        shutil.rmtree(self.folder / "run")
        self.run_program("train", "nosuch.json", "--log-file", log, status=USAGE)
        self.assertIn("nosuch.json", log.read_text())

    def test_words_that_are_no_command(self):
        _, error = self.run_program("trian", status=USAGE)
        self.assertIn('did you mean "train"', error)
        for option in ("--out", "--seed"):
            self.run_program("train", self.write_config(), option, "", status=USAGE)


if __name__ == "__main__":
    main()
