"""bnlab train --profile-steps: the table adds up, names every call, and nothing is written."""

import re

from program import CONV, DONE, USAGE, ProgramTest, main

SUMS = ("in these calls", "batch", "update", "rest", "step")


class ProfileStepsTest(ProgramTest):
    def write_conv(self):
        return self.write_config(network={"name": "small", "layers": CONV}, training={"batch_size": 20})

    def profile(self, *arguments):
        """({sum: microseconds}, [(layer, operation, implementation, microseconds, rest of the row)], the last line)."""
        config = self.write_conv()
        before = sorted(self.folder.rglob("*"))
        output, _ = self.run_program("train", config, "--profile-steps", "5", *arguments, status=DONE)
        self.assertEqual(sorted(self.folder.rglob("*")), before)
        lines = output.splitlines()
        sums, calls = {}, []
        for line in lines[1:-1]:
            parts = re.split(r"\s{2,}", line.strip())
            if parts[0] in SUMS:
                sums[parts[0]] = float(parts[1])
            else:
                calls.append((*parts[:3], float(parts[3]), parts[4:]))
        self.assertEqual(tuple(sums), SUMS)
        return sums, calls, lines[-1]

    def test_the_parts_make_up_the_step(self):
        sums, calls, note = self.profile()
        self.assertAlmostEqual(sum(call[3] for call in calls), sums["in these calls"], delta=0.06 * len(calls))
        self.assertAlmostEqual(sum(sums[name] for name in SUMS[:-1]), sums["step"], delta=0.4)
        for name in ("in these calls", "batch", "update", "step"):
            self.assertGreater(sums[name], 0, name)
        self.assertRegex(note, r"^Medians of 5 steps on 1 thread\. Peak: \d+ GFLOP/s, measured")

    def test_the_calls_are_those_that_describe_shows(self):
        _, calls, _ = self.profile()
        described, _ = self.run_program("describe", self.write_conv(), status=DONE)
        table = described.split("Calls of a training step")[1].split("\n\n")[0].splitlines()[2:]
        self.assertEqual([call[:3] for call in calls], [tuple(line.split()) for line in table])
        self.assertIn(("loss", "forward"), [call[:2] for call in calls])

    def test_dense_and_convolution_calls_have_a_rate(self):
        _, calls, note = self.profile()
        peak = float(re.search(r"Peak: (\d+)", note)[1])
        with_rate = [call for call in calls if len(call[4]) == 3]
        self.assertEqual({call[0][:4] for call in with_rate}, {"conv", "dens"})
        for layer, operation, _, microseconds, (_, rate, share) in with_rate:
            self.assertGreater(float(rate), 0)
            of_peak = float(share.rstrip(" %")) / 100
            rounding = 0.01 + of_peak * 0.5 / peak
            self.assertAlmostEqual(float(rate) / peak, of_peak, delta=rounding, msg=layer)
        # conv1: 8 channels of 3 x 3 over one channel of 28 x 28, two operations for each product.
        forward = next(call for call in with_rate if call[:2] == ("conv1", "forward"))
        flop = 2 * 8 * 9 * 28 * 28 * 20
        self.assertAlmostEqual(float(forward[4][1]), flop / forward[3] / 1e3, delta=0.05 + 0.02 * float(forward[4][1]))

    def test_wrong_numbers(self):
        for arguments, words in ((["0"], "--profile-steps"), (["x"], "--profile-steps"),
                                 (["5", "--out", "o"], "--out"), (["5", "--resume"], "--resume"),
                                 (["5", "--force"], "--force")):
            with self.subTest(arguments):
                _, error = self.run_program("train", self.write_conv(), "--profile-steps", *arguments, status=USAGE)
                self.assertIn(words, error)


if __name__ == "__main__":
    main()
