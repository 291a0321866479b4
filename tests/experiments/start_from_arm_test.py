"""Runs that start from the weights of another arm's run: order, hashes, failures, and what is printed."""

import hashlib
import json
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))

from program import DONE, FAILED, USAGE, ProgramTest, main  # noqa: E402

BASE = {"dataset": {"name": "gaussian_clusters", "synthetic": {"examples": 40, "test_examples": 20}},
        "network": {"name": "tiny", "layers": [{"flatten": {}}, {"dense_block": {"units": 5}},
                                               {"dense": {"units": 10}}]},
        "normalization": {"type": "batch"}, "optimizer": {"learning_rate": 0.1},
        "training": {"batch_size": 20, "steps": 3}}
CHILD = {"name": "child", "set": {"initialization.from": "arm:start[learning_rate=0.5]", "training.steps": 2}}


def experiment(start=None, child=None, **fields):
    return {"base": BASE, "seeds": 2,
            "arms": [{"name": "start", "set": start or {}, "grid": {"optimizer.learning_rate": [0.1, 0.5]}},
                     child or CHILD],
            **fields}


class StartFromArm(ProgramTest):
    def sweep(self, content, *arguments, status=DONE):
        path = self.folder / "e.json"
        path.write_text(json.dumps(content))
        return self.run_program("sweep", path, "--out", self.folder / "out", *arguments, status=status)

    def runs(self, arm):
        return sorted((self.folder / "out/runs").glob(f"*_{arm}*"), key=lambda path: path.name.split("seed")[1])

    def test_each_seed_starts_from_its_parent(self):
        self.sweep(experiment(), "--jobs", "3")
        parents, children = self.runs("start_learning_rate=0.5"), self.runs("child")
        self.assertEqual((len(parents), len(children)), (2, 2))
        sums = []
        for parent, child in zip(parents, children):
            sums.append(hashlib.sha256((parent / "weights.npz").read_bytes()).hexdigest())
            run, ended = json.loads((child / "run.json").read_text()), json.loads((parent / "run.json").read_text())
            self.assertEqual(json.loads((child / "config.json").read_text())["initialization"]["from"],
                             "run:" + parent.name[:16])
            self.assertIn(sums[-1], json.dumps(run))
            self.assertGreaterEqual((child / "config.json").stat().st_mtime, (parent / "run.json").stat().st_mtime)
            self.assertEqual(ended["status"], "completed")
        self.assertNotEqual(*sums)
        verdict = json.loads((self.folder / "out/verdict.json").read_text())
        self.assertNotIn("doubts", verdict)  # other weights for each seed are what was asked for
        # Nothing is left; a lost child is made again from the same parent; another parent is another child.
        self.assertIn("nothing to do", self.sweep(experiment())[1])
        before = (children[0] / "train.csv").read_text().splitlines()[1].rsplit(",", 1)[0]
        shutil.rmtree(children[0])
        self.assertIn("1 to do", self.sweep(experiment())[1])
        self.assertEqual((children[0] / "train.csv").read_text().splitlines()[1].rsplit(",", 1)[0], before)
        self.assertIn("6 runs, all to do", self.sweep(experiment(start={"training.steps": 4}))[1])

    def test_order_of_commands_and_only(self):
        out, _ = self.sweep(experiment(), "--print-commands", "--only", "child")
        names = [line.split("--out ")[1].split("/")[-1].split()[0] for line in out.splitlines()]
        self.assertEqual(["child" in name for name in names], [False, True, False, True])
        _, log = self.sweep(experiment(), "--only", "child", status=FAILED)  # the other arm's runs are missing
        self.assertEqual(len(self.runs("child")), 2)
        self.assertEqual(len(self.runs("start")), 2)

    def test_a_parent_without_weights(self):
        diverging = experiment(start={"loss.reduction": "sum", "training.steps": 40, "optimizer.weight_decay": 1e30})
        _, log = self.sweep(diverging, status=FAILED)
        self.assertIn("not started: the run whose weights it starts from has not completed: ", log)
        self.assertRegex(log, r"start_learning_rate=0\.5__seed1 is diverged")
        self.assertEqual([path for path in self.runs("child") if (path / "run.json").exists()], [])
        # The process says the same where nothing else looks, as in a scheduler.
        config = next((self.folder / "out/configs").glob("*_child_seed1.json"))
        _, error = self.run_program("train", config, "--out", self.folder / "out/runs/x", status=3)
        self.assertRegex(error, r"initialization\.from: run:\w{16}: the run in .* has not completed; its status is "
                                "diverged")
        _, error = self.run_program("train", config, "--out", self.folder / "elsewhere/x", status=USAGE)
        self.assertRegex(error, r"no directory in .*elsewhere has a name that begins with \w{16}_")

    def test_what_is_refused(self):
        def problem(child, **fields):
            return self.sweep(experiment(child=child, **fields), "--dry-run", status=USAGE)[1]

        def of(name, **more):
            return {"name": "child", "set": {"initialization.from": f"arm:{name}", **more}}

        self.assertIn("arm start has axes; name one of its points, such as \"arm:start[learning_rate=0.1]\"",
                      problem(of("start")))
        self.assertIn("no arm \"start[learning_rate=0.2]\"; did you mean", problem(of("start[learning_rate=0.2]")))
        self.assertIn("arm child must come before the arms that start from its weights", problem(of("child")))
        self.assertIn("e: arm child: initialization.from: arm start[learning_rate=0.5] keeps no weights: its "
                      "record.final_weights is false", problem(CHILD, start={"record.final_weights": False}))


if __name__ == "__main__":
    main()
