"""--resume after Ctrl-C and after kill -9 gives the run that would have been, bit by bit, whatever keeps a state or
draws random numbers: each optimizer, each normalization, dropout, noise, augmentation, batch composition, precision."""

import signal

from program import INTERRUPTED, ProgramTest, main, run_json

STEPS = 120
CONV = [{"conv_block": {"channels": 8, "stride": 2}}, {"dropout": {"rate": 0.2}},
        {"residual": {"body": [{"conv_block": {"channels": 8}}, {"conv": {"channels": 8}}, {"normalization": {}}]}},
        {"concat": {"branches": [[{"conv_block": {"channels": 4, "kernel": 1}}], [{"conv": {"channels": 5}}]]}},
        {"global_avg_pool": {}}, {"dense": {"units": 10}}]
PIXELS = [{"avg_pool": {"kernel": 7}},
          {"recurrent": {"units": 20, "reads": "pixels", "normalize": "separate", "permutation": 1,
                         "initial_state_noise": 0.1}},
          {"dense": {"units": 10}}]
RECURRENT = [{"recurrent": {"units": 20}}, {"dropout": {"rate": 0.3}}, {"dense": {"units": 10}}]
AUGMENTATION = {"augmentation": {"crop_padding": 2, "flip": True}}
RAMP = {"initial": 1, "final": 3, "begin": 0.1, "end": 0.9}

KINDS = {
    "batch_renorm_and_adam": {
        "normalization": {"type": "batch_renorm", "r_max": RAMP}, "dataset": AUGMENTATION,
        "optimizer": {"type": "adam", "learning_rate": 1e-3, "schedule": {"type": "cosine", "warmup_steps": 30}}},
    "ghost_and_adamw": {
        "normalization": {"type": "ghost", "virtual_batch_size": 5},
        "training": {"composition": "by_class", "classes_per_batch": 4},
        "optimizer": {"type": "adamw", "learning_rate": 1e-3, "weight_decay": 0.1, "schedule": {"type": "one_cycle"}}},
    "noisy_batch_and_rmsprop": {
        "normalization": {"type": "noisy_batch", "noise": {"in_evaluation": True}},
        "training": {"batch_size": 8, "accumulate": 3},
        "optimizer": {"type": "rmsprop", "learning_rate": 1e-4, "momentum": 0.9, "clip_norm": 1}},
    "lp_and_nesterov": {
        "normalization": {"type": "lp", "norm": "l1"}, "training": {"composition": "in_order"},
        "optimizer": {"learning_rate": 0.01, "momentum": 0.9, "nesterov": True,
                      "schedule": {"type": "doubling", "every": 100}}},
    "group_and_random_parameters": {
        "normalization": {"type": "group", "groups": 2, "mask": [1, 2]},
        "optimizer": {"learning_rate": 0.05, "momentum": 0.9, "trainable": {"select": "random", "share": 0.3}}},
    "recurrent_per_step": {
        "network": {"name": "rnn", "layers": PIXELS}, "normalization": {"type": "batch", "initial_gamma": 0.1},
        "optimizer": {"type": "rmsprop", "learning_rate": 1e-3},
        "evaluation": {"statistics": ["precise", "batch"], "batch_sizes": [7, 100]}},
    "recurrent_shared": {
        "network": {"name": "rnn", "layers": RECURRENT},
        "normalization": {"type": "batch", "recurrent_statistics": "shared"},
        "optimizer": {"learning_rate": 0.01, "momentum": 0.5}},
    "bf16": {"training": {"precision": "bf16", "allow_slow_bf16": True}},
}


class ResumeKinds(ProgramTest):
    def sections(self, name):
        kind = KINDS[name]
        return {"network": {"name": "conv", "layers": CONV}, "evaluation": {"statistics": ["running", "batch"]}, **kind,
                "record": {"batches": True, "dropout_masks": True},
                "training": {"steps": STEPS, "eval_every": 50, "checkpoint_every": 25, "log_every": 1,
                             "batch_size": 24, **kind.get("training", {})}}

    def test_whatever_keeps_a_state_is_here(self):
        used = [{"normalization": {"type": "none"}, "optimizer": {"type": "sgd"}, **kind} for kind in KINDS.values()]
        self.assertLessEqual(set(self.names("normalizations", has_batch_moments=True)),
                             {kind["normalization"]["type"] for kind in used})
        self.assertEqual(set(self.names("optimizers")), {kind["optimizer"].get("type", "sgd") for kind in used})

    def stop(self, out, sections, number, rows, *arguments):
        """A run that is stopped after `rows` steps; whether it was stopped before its end."""
        process = self.start("train", self.write_config(**sections), "--out", out, *arguments)
        csv = out / "train.csv"
        self.wait_until(lambda: csv.exists() and csv.read_bytes().count(b"\n") > rows, process, f"step {rows}")
        process.send_signal(number)
        process.communicate()
        return process.returncode in (INTERRUPTED, -signal.SIGKILL)

    def check(self, name):
        sections = self.sections(name)
        whole = self.train("whole", **sections)
        self.assertEqual(run_json(whole)["status"], "completed")
        self.assertEqual(run_json(whole)["last_step"], STEPS)
        out = self.folder / "out"
        self.assertTrue(self.stop(out, sections, signal.SIGINT, 15))
        self.assertTrue(self.stop(out, sections, signal.SIGKILL, 65, "--resume"))
        _, log = self.run_program("train", self.write_config(**sections), "--out", out, "--resume")
        self.assertRegex(log, "continuing after step [1-9]")
        self.assert_same_run(out, whole)
        for file in ("batches.npy", "dropout_masks.npz", "config.json"):
            self.assertEqual((out / file).exists(), (whole / file).exists(), file)
            if (whole / file).exists():
                self.assertEqual((out / file).read_bytes(), (whole / file).read_bytes(), file)
        for key in ("status", "last_step", "final", "best"):
            self.assertEqual(run_json(out)[key], run_json(whole)[key], key)


for kind_name in KINDS:
    setattr(ResumeKinds, f"test_{kind_name}", lambda self, name=kind_name: self.check(name))

main()
