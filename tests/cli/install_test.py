"""`cmake --install`: the installed program finds its networks and experiments; manual and completions are there."""

import os
import shutil
import subprocess

from program import BNLAB, DONE, SOURCE, USAGE, ProgramTest, main


class InstallTest(ProgramTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.prefix = cls.shared / "usr"
        subprocess.run(["cmake", "--install", BNLAB.parent, "--prefix", cls.prefix], check=True, capture_output=True)

    def test_a_build_that_is_not_whole(self):
        script = (BNLAB.parent / "cmake_install.cmake").read_text()
        built = self.folder / "built"
        shutil.copytree(BNLAB.parent / "generated", built / "generated")
        shutil.copy(BNLAB, built)
        (self.folder / "install.cmake").write_text(script.replace(str(BNLAB.parent), str(built)))
        for name in ("bnlab", "generated/bnlab.1", "generated/_bnlab"):
            (built / name).rename(built / "away")
            result = subprocess.run(["cmake", f"-DCMAKE_INSTALL_PREFIX={self.folder / 'usr'}", "-P", "install.cmake"],
                                    cwd=self.folder, capture_output=True, text=True)
            self.assertNotEqual(result.returncode, 0)
            self.assertIn(f"not built: {built / name}. Nothing was installed; run cmake --build",
                          " ".join(result.stderr.split()))
            self.assertFalse((self.folder / "usr").exists())
            (built / "away").rename(built / name)

    def setUp(self):
        super().setUp()
        del self.environment["BNLAB_CONFIGS"]

    def command(self, *arguments):
        return [str(self.prefix / "bin/bnlab"), *map(str, arguments)]

    def test_networks_and_experiments_are_found(self):
        for kind, folder in (("networks", "configs/networks"), ("experiments", "experiments")):
            names, _ = self.run_program("list", kind)
            there = sorted(path.stem for path in (SOURCE / folder).glob("*.json") if path.stem != "schema")
            self.assertEqual([line.split()[0] for line in names.splitlines()], there)
        plan, _ = self.run_program("reproduce", "--only", "identity_recovery", "--dry-run")
        self.assertIn("identity_recovery", plan)

    def test_a_shipped_config_trains(self):
        share = self.prefix / "share/bnlab"
        for path in (SOURCE / "configs").glob("*.json"):
            self.assertEqual((share / "configs" / path.name).read_bytes(), path.read_bytes())
        self.run_program("train", share / "configs/drawn_digits.json", "--set", "training.steps=2", "--out", "run")
        self.assertTrue((self.folder / "run/run.json").is_file())
        # By its name, too.
        self.run_program("train", "drawn_digits", "--set", "training.steps=2", "--out", "named")
        self.assertEqual(*[(self.folder / name / "config.json").read_bytes() for name in ("named", "run")])
        plans = [self.run_program("sweep", name, "--dry-run")[0]
                 for name in ("position", "position.json", share / "experiments/position.json")]
        self.assertEqual(plans, plans[:1] * 3)
        self.run_program("train", "configs/drawn_digits.json", status=USAGE)

    def test_a_name_that_nothing_has(self):
        for arguments, near in ((("train", "drawn_digit"), "drawn_digits"),
                                (("describe", "drawn_digts"), "drawn_digits"),
                                (("sweep", "positon.json"), "position")):
            _, error = self.run_program(*arguments, status=USAGE)
            self.assertIn(f'{arguments[1]}: no such file', error)
            self.assertIn(f'did you mean "{near}"?', error)

    def test_a_log_that_is_a_shipped_file(self):
        for command, name, folder in (("train", "drawn_digits", "configs"), ("sweep", "position", "experiments")):
            path = self.prefix / f"share/bnlab/{folder}/{name}.json"
            before = path.read_bytes()
            _, error = self.run_program(command, name, "--log-file", path, status=USAGE)
            self.assertIn(f"--log-file: {path}: must not be the input file", error)
            self.assertEqual(path.read_bytes(), before)

    def test_scripts_to_plot_with_are_there(self):
        folder = self.prefix / "share/bnlab/scripts"
        for name in ("plot.py", "report.py"):
            self.assertTrue(os.access(folder / name, os.X_OK))
            result = subprocess.run([folder / name, "--help"], capture_output=True, text=True)
            if result.returncode == 3 and "no Python on this machine has" in result.stderr:
                self.skipTest(result.stderr)
            self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(sorted(path.name for path in (folder / "_report").iterdir()),
                         sorted(path.name for path in (SOURCE / "scripts/_report").iterdir()))

    def test_the_manual_names_every_command_and_option(self):
        page = (self.prefix / "share/man/man1/bnlab.1").read_text().replace("\\-", "-")
        for name in commands(self):
            self.assertIn(f".SS bnlab {name}\n", page)
            for option in options(self, name):
                self.assertIn(option, page, name)
        if shutil.which("man") is None:
            self.skipTest("man is not installed; the page was not formatted")
        result = subprocess.run(["man", "--warnings", "-l", self.prefix / "share/man/man1/bnlab.1"],
                                capture_output=True, text=True, env={**os.environ, "MANWIDTH": "120"})
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn("bnlab sweep experiments/faster_training.json --executor slurm", result.stdout)

    def complete(self, *words):
        """What bash offers for the last word."""
        file = self.prefix / "share/bash-completion/completions/bnlab"
        script = (f"source {file}; COMP_WORDS=({' '.join(repr(word) for word in words)}); "
                  f"COMP_CWORD={len(words) - 1}; _bnlab; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
        result = subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=self.folder)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return result.stdout.split()

    def test_bash_completes(self):
        (self.folder / "traffic.json").touch()
        self.assertEqual(self.complete("bnlab", "tr"), ["train"])
        self.assertEqual(self.complete("bnlab", "-q", "sw"), ["sweep"])
        self.assertEqual(self.complete("bnlab", "train", "tra"), ["traffic.json"])
        self.assertEqual(self.complete("bnlab", "train", "--prof"), ["--profile-steps"])
        self.assertEqual(self.complete("bnlab", "sweep", "--profile", ""), ["quick", "full"])
        self.assertEqual(self.complete("bnlab", "list", "net"), ["networks"])
        self.assertEqual(set(options(self, "sweep")) - set(self.complete("bnlab", "sweep", "--")), set())

    def test_zsh_and_fish_know_every_option(self):
        zsh = (self.prefix / "share/zsh/vendor-completions/_bnlab").read_text()
        local = self.folder / "local"  # another prefix than /usr
        subprocess.run(["cmake", "--install", BNLAB.parent, "--prefix", local], check=True, capture_output=True)
        self.assertEqual((local / "share/zsh/site-functions/_bnlab").read_text(), zsh)
        fish = (self.prefix / "share/fish/vendor_completions.d/bnlab.fish").read_text()
        self.assertTrue(zsh.startswith("#compdef bnlab\n"))
        for name in commands(self):
            for option in options(self, name):
                self.assertIn(f"'*{option}[", zsh)
                self.assertIn(f" -l {option[2:]} ", fish)
        for shell, file in (("zsh", "share/zsh/vendor-completions/_bnlab"),
                            ("fish", "share/fish/vendor_completions.d/bnlab.fish")):
            if shutil.which(shell):
                subprocess.run([shell, "-n", self.prefix / file], check=True)

    def test_unknown_shell(self):
        _, error = self.run_program("completion", "tcsh", status=USAGE)
        self.assertIn("fish", error)


def commands(test):
    help_text, _ = test.run_program("--help", status=DONE)
    lines = help_text.split("Subcommands:\n")[1].split("\n\n")[0].splitlines()
    return [line.split()[0] for line in lines]


def options(test, command):
    help_text, _ = test.run_program(command, "--help", status=DONE)
    words = (line.split()[0].split(",")[-1].split("{")[0] for line in help_text.splitlines() if line.startswith("  -"))
    return [word for word in words if word.startswith("--")]


if __name__ == "__main__":
    main()
