"""scripts/setup.sh with a PATH of our own: stubs stand for apt-get, dpkg-query, sudo and id. Nothing is installed.

usage: setup_test.py BNLAB SOURCE_FOLDER
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else pathlib.Path(__file__).resolve().parents[2])
SCRIPT = SOURCE / "scripts" / "setup.sh"

# Each stub appends its name and arguments to $LOG.
STUBS = {
    # installed: what $INSTALLED lists
    "dpkg-query": '''for package; do :; done
case " $INSTALLED " in *" $package "*) printf installed ;; *) echo "no packages found" >&2; exit 1 ;; esac
''',
    # $NOT_OFFERED: packages that cannot be had
    "apt-get": '''echo "apt-get $*" >>"$LOG"
case "${DEBIAN_FRONTEND:-} $*" in noninteractive* | *--simulate*) ;; *) echo "interactive: $*" >>"$LOG" ;; esac
for word; do
  case " $NOT_OFFERED " in *" $word "*) echo "E: Unable to locate package $word" >&2; exit 100 ;; esac
  case "$word" in update) exit "${UPDATE_STATUS:-0}" ;; esac
done
''',
    "sudo": 'echo "sudo $*" >>"$LOG"\nexec "$@"\n',
    "id": 'echo "${USER_ID:-0}"\n',
    "curl": "exit 1\n",
}


class Setup(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="setup ")
        self.addCleanup(folder.cleanup)
        self.bin = pathlib.Path(folder.name) / "bin"
        self.bin.mkdir()
        self.log = pathlib.Path(folder.name) / "log"
        for tool in ("bash", "sh", "env", "cat"):
            (self.bin / tool).symlink_to(shutil.which(tool))
        for name, body in STUBS.items():
            path = self.bin / name
            path.write_text("#!/bin/sh\n" + body)
            path.chmod(0o755)
        self.environment = {"PATH": str(self.bin), "LOG": str(self.log), "INSTALLED": "", "NOT_OFFERED": ""}
        self.plain = self.run_setup("--list")[0].split()
        self.with_tests = self.run_setup("--tests", "--list")[0].split()

    def run_setup(self, *arguments, status=0, **environment):
        done = subprocess.run(["bash", SCRIPT, *arguments], env={**self.environment, **environment}, cwd="/", text=True,
                              capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout, done.stderr

    def calls(self):
        return self.log.read_text().splitlines() if self.log.exists() else []

    def installed_now(self):
        """Packages that apt-get was really told to install, in calls that install nothing else."""
        words = []
        for call in self.calls():
            if call.startswith("apt-get") and " install " in call and "--simulate" not in call:
                self.assertIn(" --yes ", call)
                self.assertIn(" --no-install-recommends ", call)
                words += [word for word in call.split(" install ")[1].split() if not word.startswith("-")]
        return words

    def test_list(self):
        self.assertIn("libdnnl-dev", self.plain)
        self.assertIn("dataset-fashion-mnist", self.plain)
        self.assertNotIn("python3-torch", self.plain)
        self.assertEqual(set(self.with_tests) - set(self.plain),
                         {"libgtest-dev", "zlib1g-dev", "python3-torch", "libopenblas0-pthread", "python3-jsonschema",
                          "shellcheck", "chromium", "flake8", "clang-format-14"})
        self.assertEqual(self.calls(), [])

    def test_nothing_missing(self):
        # Not even as somebody without root and without sudo.
        (self.bin / "sudo").unlink()
        out, _ = self.run_setup("--tests", INSTALLED=" ".join(self.with_tests), USER_ID="1000")
        self.assertIn("nothing is missing", out)
        self.assertEqual(self.calls(), [])

    def test_installs_exactly_what_is_missing(self):
        missing = ["cmake", "libzip-dev", "dataset-fashion-mnist"]
        out, _ = self.run_setup(INSTALLED=" ".join(set(self.plain) - set(missing)))
        self.assertEqual(self.installed_now(), missing)
        self.assertIn("cmake libzip-dev", out)
        self.assertIn(" update", self.calls()[0])
        self.assertEqual([call for call in self.calls() if call.startswith(("sudo", "interactive"))], [])

    def test_everything_missing(self):
        self.run_setup("--tests")
        self.assertEqual(sorted(self.installed_now()), sorted(self.with_tests))

    def test_not_root(self):
        self.run_setup(INSTALLED=" ".join(set(self.plain) - {"cmake"}), USER_ID="1000")
        self.assertEqual(self.installed_now(), ["cmake"])
        sudo = [call for call in self.calls() if call.startswith("sudo")]
        self.assertEqual(len(sudo), 2)
        self.assertTrue(all("DEBIAN_FRONTEND=noninteractive" in call for call in sudo))

    def test_neither_root_nor_sudo(self):
        (self.bin / "sudo").unlink()
        _, error = self.run_setup(INSTALLED=" ".join(set(self.plain) - {"cmake"}), USER_ID="1000", status=1)
        self.assertIn("cmake", error)
        self.assertEqual(self.calls(), [])

    def test_optional_package_that_is_not_offered(self):
        out, _ = self.run_setup("--tests", NOT_OFFERED="dataset-fashion-mnist python3-torch")
        self.assertIn("fetch_data.sh fashion_mnist", out)
        self.assertIn("PyTorch is skipped", out)
        optional = {"dataset-fashion-mnist", "python3-torch"}
        self.assertEqual(set(self.installed_now()), set(self.with_tests) - optional)

    def test_required_package_that_is_not_offered(self):
        _, error = self.run_setup(NOT_OFFERED="libdnnl-dev", status=1)
        self.assertIn("could not install", error)
        self.assertIn("libdnnl-dev", error)

    def test_failing_update_is_not_the_end(self):
        self.run_setup(INSTALLED=" ".join(set(self.plain) - {"cmake"}), UPDATE_STATUS="100")
        self.assertEqual(self.installed_now(), ["cmake"])

    def test_without_apt(self):
        (self.bin / "apt-get").unlink()
        out, _ = self.run_setup("--tests", status=1)
        for package in self.with_tests:
            self.assertIn(package, out)
        self.assertEqual(self.calls(), [])

    def test_a_client_for_downloads_where_there_is_none(self):
        (self.bin / "curl").unlink()
        self.run_setup(INSTALLED=" ".join(self.plain))
        self.assertEqual(self.installed_now(), ["curl", "ca-certificates"])

    def test_usage(self):
        self.assertIn("usage:", self.run_setup("--help")[0])
        self.assertIn("--frobnicate", self.run_setup("--frobnicate", status=2)[1])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
