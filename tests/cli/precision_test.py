"""training.precision: bf16 where the processor has it, and what is said where it hasn't."""

import signal

from program import DONE, INTERRUPTED, USAGE, CONV, PROBES, ProgramTest, main, read_csv, run_json

BF16 = {"precision": "bf16"}


class Bf16Test(ProgramTest):
    def setUp(self):
        super().setUp()
        out, error = self.run_program("describe", self.write_config(training=BF16), status=None)
        if "instructions" in error:
            self.skipTest(error.strip())
        self.assertEqual(error, "")
        self.assertIn(", bf16, ", out.splitlines()[0])

    def finish(self, process, status=DONE):
        if status is None:
            return process.communicate(timeout=60)
        return super().finish(process, status)

    def sections(self, **training):
        return {"network": {"name": "small", "layers": CONV}, "probes": PROBES, "training": {**BF16, **training}}

    def test_repeats_bit_for_bit_and_is_not_f32(self):
        one = self.train("one", **self.sections())
        self.assertEqual(run_json(one)["precision"], "bf16")
        self.assert_same_run(one, self.train("other", **self.sections()))
        f32 = self.train("f32", **self.sections(precision="f32"))
        self.assertEqual(run_json(f32)["precision"], "f32")
        losses = [[float(row["loss"]) for row in read_csv(run / "train.csv")] for run in (one, f32)]
        self.assertNotEqual(*losses)
        for ours, theirs in zip(*(values[:3] for values in losses)):
            self.assertAlmostEqual(ours, theirs, delta=0.05)
        self.assertLess(losses[0][-1], losses[0][0])

    def test_resumes_bit_for_bit(self):
        long = self.sections(steps=400, checkpoint_every=50)
        whole = self.train("whole", **long)
        out = self.folder / "out"
        process = self.start("train", self.write_config(**long), "--out", out)
        csv = out / "train.csv"
        self.wait_until(lambda: csv.exists() and csv.read_bytes().count(b"\n") > 60, process, "step 60")
        process.send_signal(signal.SIGTERM)
        self.finish(process, INTERRUPTED)
        self.assertLess(run_json(out)["last_step"], 400)
        self.run_program("train", self.write_config(**long), "--out", out, "--resume")
        self.assert_same_run(out, whole)

    def test_gradcheck_needs_f32(self):
        _, error = self.run_program("gradcheck", self.write_config(training=BF16), status=USAGE)
        self.assertIn("training.precision: must be f32 for gradcheck", error)


class Bf16WithoutInstructions(ProgramTest):
    """oneDNN is told to use fewer instructions than the processor has."""

    def test_is_refused_before_anything_is_written(self):
        for isa in ("AVX512_CORE", "AVX2"):
            self.environment["ONEDNN_MAX_CPU_ISA"] = isa
            for command in ("train", "describe"):
                out = ("--out", self.folder / "out") if command == "train" else ()
                _, error = self.run_program(command, self.write_config(training=BF16), *out, status=USAGE)
                self.assertIn("training.precision: bf16 is slower than f32 on this processor", error)
                self.assertIn("training.allow_slow_bf16", error)
            self.assertFalse((self.folder / "out").exists())

    def test_is_done_where_it_is_asked_for(self):
        self.environment["ONEDNN_MAX_CPU_ISA"] = "AVX512_CORE"
        version, _ = self.run_program("--version")
        if "avx512_core\n" not in version:
            self.skipTest("oneDNN emulates bf16 with AVX-512 only, which this processor hasn't")
        run = self.train("out", network={"name": "small", "layers": CONV},
                         training={**BF16, "allow_slow_bf16": True})
        self.assertEqual(run_json(run)["precision"], "bf16")
        self.assertEqual(run_json(run)["status"], "completed")

    def test_says_what_has_no_implementation(self):
        self.environment["ONEDNN_MAX_CPU_ISA"] = "SSE41"
        process = self.start("train", self.write_config(training={**BF16, "allow_slow_bf16": True}), "--out",
                             self.folder / "out")
        _, error = process.communicate(timeout=120)
        if process.returncode == DONE:
            self.skipTest("this oneDNN has bf16 for every x86 processor")
        self.assertEqual(process.returncode, USAGE, error)
        self.assertIn("has no bf16 implementation of dense1 for sse41", error)
        self.assertIn("training.precision", error)
        self.assertEqual(list((self.folder / "out").iterdir()), [])


if __name__ == "__main__":
    main()
