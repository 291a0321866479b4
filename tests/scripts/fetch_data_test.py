"""scripts/fetch_data.sh against a server of our own on 127.0.0.1; no public mirror is ever asked.

usage: fetch_data_test.py BNLAB SOURCE_FOLDER
"""

import hashlib
import io
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest

from data_mirror import Mirror

SOURCE = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else pathlib.Path(__file__).resolve().parents[2])
CLIENTS = [client for client in ("curl", "wget") if shutil.which(client)]
TOOLS = ["bash", "cat", "chmod", "dirname", "env", "flock", "gzip", "md5sum", "mkdir", "mktemp", "mv", "rm",
         "sha256sum", "tail", "tar", "timeout", "wc"]
IMAGES, LABELS = "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"
IDX = [IMAGES, LABELS, "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"]
CIFAR = [f"data_batch_{n}.bin" for n in range(1, 6)] + ["test_batch.bin"]


def noise(seed, size):
    return random.Random(seed).randbytes(size)


def md5(data):
    return hashlib.md5(data).hexdigest()


class FetchData:
    """The tests, once for each client."""

    client = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="fetch data ")  # a space in each path
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.script = self.folder / "check out" / "scripts" / "fetch_data.sh"
        self.script.parent.mkdir(parents=True)
        shutil.copy(SOURCE / "scripts" / "fetch_data.sh", self.script)
        self.to = self.folder / "to"
        self.scratch = self.folder / "scratch"
        self.scratch.mkdir()
        bin_folder = self.folder / "bin"
        bin_folder.mkdir()
        for tool in [*TOOLS, self.client]:
            if shutil.which(tool):
                (bin_folder / tool).symlink_to(shutil.which(tool))
        self.files = {name: noise(name, 300_000 if "images" in name else 5_000) for name in IDX}
        self.mirror = self.serve({f"/fashion_mnist/{name}": data for name, data in self.files.items()})
        self.sums = self.folder / "sums"
        self.sums.write_text("".join(f"{md5(data)}  fashion_mnist/{name}\n" for name, data in self.files.items()))
        self.environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        self.environment.update(PATH=str(bin_folder), LC_ALL="C", HOME=str(self.scratch), TMPDIR=str(self.scratch),
                                BNLAB_MIRROR=self.mirror.address, BNLAB_CHECKSUMS=str(self.sums))

    def tearDown(self):
        self.assertEqual(os.listdir(self.scratch), [], "temporary files left behind")

    def serve(self, files):
        mirror = Mirror(files)
        self.addCleanup(mirror.server_close)
        self.addCleanup(mirror.shutdown)
        return mirror

    def start(self, *arguments):
        return subprocess.Popen(["bash", self.script, *arguments], env=self.environment, cwd="/", text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                start_new_session=True)

    def fetch(self, *arguments, status=0):
        process = self.start(*arguments)
        out, error = process.communicate(timeout=120)
        self.assertEqual(process.returncode, status, out + error)
        return out, error

    def fetch_fashion(self, status=0):
        return self.fetch("fashion_mnist", "--to", str(self.to), status=status)

    def present(self):
        """All files below the target folder, hidden ones too."""
        return sorted(str(path.relative_to(self.to)) for path in self.to.rglob("*") if not path.is_dir())

    def assert_complete(self):
        self.assertEqual(self.present(), sorted(f"fashion_mnist/{name}" for name in IDX))
        for name, data in self.files.items():
            self.assertEqual((self.to / "fashion_mnist" / name).read_bytes(), data, name)

    def put(self, name, data):
        path = self.to / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def test_whole_download(self):
        self.fetch_fashion()
        self.assert_complete()
        self.assertEqual(len(self.mirror.requests), 4)

    def test_already_there(self):
        self.fetch_fashion()
        before = len(self.mirror.requests)
        out, _ = self.fetch_fashion()
        self.assertIn("exists and is verified", out)
        self.assertEqual(len(self.mirror.requests), before)

    def test_default_folder_is_the_checkouts(self):
        self.to = self.folder / "check out" / "data"
        self.fetch("fashion_mnist")
        self.assert_complete()

    def test_relative_folder(self):
        self.environment["BNLAB_CHECKSUMS"] = os.path.relpath(self.sums, "/")
        self.fetch("fashion_mnist", "--to=" + os.path.relpath(self.to, "/"))
        self.assert_complete()

    def test_home_folder(self):
        self.environment["HOME"] = str(self.folder)
        self.fetch("fashion_mnist", "--to=~/to")
        self.assert_complete()
        _, error = self.fetch("fashion_mnist", "--to=~nosuchuser/to", status=2)
        self.assertIn("--to: ~nosuchuser/to: there is no user nosuchuser", error)

    def test_cut_connection_is_continued(self):
        path = f"/fashion_mnist/{IMAGES}"
        self.mirror.cut_after[path] = 100_000
        self.fetch_fashion()
        self.assert_complete()
        asked = [wanted for requested, wanted in self.mirror.requests if requested == path]
        self.assertEqual(asked, [None, "bytes=100000-"])

    def test_content_without_end(self):
        self.mirror.endless.add(f"/fashion_mnist/{LABELS}")
        _, error = self.fetch_fashion(status=1)
        self.assertIn("sends more than 1000000 bytes", error)
        self.assertLess(self.mirror.sent, 1 << 24)  # what the system holds on its way
        self.assertEqual(self.present(), [f"fashion_mnist/{IMAGES}"])

    def test_one_byte_each_connection(self):
        path = f"/fashion_mnist/{IMAGES}"
        self.mirror.bytes_each[path] = 1
        _, error = self.fetch_fashion(status=1)
        self.assertIn("too slow: less than 100000 bytes in each of 4 attempts", error)
        self.assertEqual(len(self.mirror.requests), 4)
        # What came is kept, and enough in each connection is enough.
        self.mirror.bytes_each[path] = 100_000
        self.fetch_fashion()
        self.assert_complete()

    def test_part_of_an_earlier_call_is_continued(self):
        self.put(f"fashion_mnist/{IMAGES}.part", self.files[IMAGES][:123_456])
        self.fetch_fashion()
        self.assert_complete()
        self.assertEqual(self.mirror.requests[0], (f"/fashion_mnist/{IMAGES}", "bytes=123456-"))

    def test_complete_part_needs_no_download(self):
        self.put(f"fashion_mnist/{IMAGES}.part", self.files[IMAGES])
        self.fetch_fashion()
        self.assert_complete()
        self.assertEqual(len(self.mirror.requests), 3)

    def test_part_where_the_server_knows_no_ranges(self):
        self.mirror.ranges = False
        self.put(f"fashion_mnist/{IMAGES}.part", self.files[IMAGES][:100_000])
        self.fetch_fashion()
        self.assert_complete()

    def test_wrong_part_is_fetched_anew_once(self):
        self.put(f"fashion_mnist/{IMAGES}.part", b"x" * 100_000)
        _, error = self.fetch_fashion()
        self.assert_complete()
        self.assertIn("fetching it again", error)
        asked = [wanted for path, wanted in self.mirror.requests if path.endswith(IMAGES)]
        self.assertEqual(asked, ["bytes=100000-", None])

    def test_part_longer_than_the_file(self):
        self.put(f"fashion_mnist/{IMAGES}.part", self.files[IMAGES] + b"more")
        self.fetch_fashion()
        self.assert_complete()

    def test_wrong_content(self):
        path = f"/fashion_mnist/{IMAGES}"
        wrong = noise("wrong", 300_000)
        self.mirror.files[path] = wrong
        _, error = self.fetch_fashion(status=1)
        for text in (self.mirror.address + path, IMAGES, md5(wrong), md5(self.files[IMAGES])):
            self.assertIn(text, error)
        self.assertEqual(self.present(), [])

    def test_built_in_sums(self):
        del self.environment["BNLAB_CHECKSUMS"]
        _, error = self.fetch_fashion(status=1)
        self.assertIn("expected 8d4fb7e6c68d591d4c3dfef9ec88bf0d", error)
        self.assertEqual(self.present(), [])

    def test_sha256(self):
        self.sums.write_text("".join(f"{hashlib.sha256(data).hexdigest()} *fashion_mnist/{name}\n"
                                     for name, data in self.files.items()))
        self.fetch_fashion()
        self.assert_complete()
        self.put(f"fashion_mnist/{LABELS}", b"damaged")
        self.fetch_fashion()
        self.assert_complete()

    def test_next_mirror(self):
        gone = self.serve({})
        wrong = self.serve({f"/fashion_mnist/{name}": b"not here" for name in IDX})
        closed = Mirror({})
        closed.shutdown()
        closed.server_close()
        self.environment["BNLAB_MIRROR"] = f"{closed.address} {gone.address}/ {wrong.address} {self.mirror.address}"
        self.fetch_fashion()
        self.assert_complete()
        self.assertEqual([path for path, _ in gone.requests], [f"/fashion_mnist/{name}" for name in IDX])

    def test_no_mirror_has_it(self):
        del self.mirror.files[f"/fashion_mnist/{LABELS}"]
        _, error = self.fetch_fashion(status=1)
        self.assertIn(f"{self.mirror.address}/fashion_mnist/{LABELS}", error)
        self.assertIn("404", error)
        self.assertEqual(self.present(), [f"fashion_mnist/{IMAGES}"])

    def test_damaged_file_is_replaced(self):
        self.put(f"fashion_mnist/{LABELS}", b"damaged")
        self.fetch_fashion()
        self.assert_complete()

    def test_file_in_place_stays_when_nothing_better_comes(self):
        self.put(f"fashion_mnist/{LABELS}", b"recompressed")
        del self.mirror.files[f"/fashion_mnist/{LABELS}"]
        self.fetch_fashion(status=1)
        self.assertEqual((self.to / "fashion_mnist" / LABELS).read_bytes(), b"recompressed")

    def test_a_folder_in_the_place_of_a_file(self):
        for name in (LABELS, f"{LABELS}.part"):
            with self.subTest(name):
                place = self.to / "fashion_mnist" / name
                place.mkdir(parents=True)
                _, error = self.fetch_fashion(status=1)
                self.assertIn(f"{place} exists and is not a file", error)
                self.assertEqual(list(place.iterdir()), [])
                place.rmdir()

    def test_usage(self):
        for arguments in (["imagenet"], [], ["mnist", "cifar10"], ["--at", "x"], ["mnist", "--to"],
                          ["mnist", "--to", ""], ["mnist", "--to="]):
            with self.subTest(arguments):
                _, error = self.fetch(*arguments, status=2)
                self.assertIn("usage:", error)
        self.assertIn("known: mnist, fashion_mnist, cifar10, cifar100", self.fetch("imagenet", status=2)[1])
        self.assertIn("usage:", self.fetch("--help")[0])
        self.assertEqual(self.mirror.requests, [])

    def test_interrupted(self):
        part = f"fashion_mnist/{IMAGES}.part"
        ways = ((signal.SIGINT, os.kill, 130), (signal.SIGINT, os.killpg, 130), (signal.SIGTERM, os.kill, 143))
        for which, send, status in ways:
            with self.subTest(which=which, send=send.__name__):
                self.mirror.bytes_per_second = 50_000
                self.mirror.requests.clear()
                shutil.rmtree(self.to, ignore_errors=True)
                process = self.start("fashion_mnist", "--to", str(self.to))
                deadline = time.monotonic() + 60
                while not (self.to / part).exists() or (self.to / part).stat().st_size == 0:
                    self.assertLess(time.monotonic(), deadline, "nothing arrives")
                    time.sleep(0.02)
                begin = time.monotonic()
                send(process.pid, which)
                out, error = process.communicate(timeout=60)
                self.assertEqual(process.returncode, status, out + error)
                self.assertLess(time.monotonic() - begin, 3, "did not stop at once")
                self.assertEqual(self.present(), [part])
                size = (self.to / part).stat().st_size
                self.mirror.bytes_per_second = None
                self.fetch_fashion()
                self.assert_complete()
                self.assertIn((f"/fashion_mnist/{IMAGES}", f"bytes={size}-"), self.mirror.requests)

    @unittest.skipUnless(shutil.which("flock"), "no flock here")
    def test_two_at_once(self):
        self.mirror.bytes_per_second = 100_000
        first = self.start("fashion_mnist", "--to", str(self.to))
        deadline = time.monotonic() + 60
        while not self.mirror.requests:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)
        _, error = self.fetch_fashion(status=1)
        self.assertIn("another", error)
        self.mirror.bytes_per_second = None
        out, error = first.communicate(timeout=60)
        self.assertEqual(first.returncode, 0, out + error)
        self.assert_complete()

    def serve_cifar10(self, names=CIFAR):
        contents = {name: noise(name, 20_000) for name in names}
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w:gz") as archive:
            for name, data in contents.items():
                entry = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
        self.mirror.files["/cifar10/cifar-10-binary.tar.gz"] = file.getvalue()
        self.sums.write_text(f"{md5(file.getvalue())}  cifar10/cifar-10-binary.tar.gz\n")
        return contents

    def assert_cifar10(self, contents):
        folder = self.to / "cifar-10-batches-bin"
        self.assertEqual(os.listdir(self.to), ["cifar-10-batches-bin"])
        self.assertEqual(sorted(os.listdir(folder)), sorted([*contents, "md5sums.txt"]))
        for name, data in contents.items():
            self.assertEqual((folder / name).read_bytes(), data)

    def test_cifar10(self):
        contents = self.serve_cifar10()
        self.fetch("cifar10", "--to", str(self.to))
        self.assert_cifar10(contents)
        out, _ = self.fetch("cifar10", "--to", str(self.to))
        self.assertIn("exists and is verified", out)
        self.assertEqual(len(self.mirror.requests), 1)

        self.put("cifar-10-batches-bin/data_batch_3.bin", b"damaged")
        out, _ = self.fetch("cifar10", "--to", str(self.to))
        self.assertIn("damaged", out)
        self.assert_cifar10(contents)

    def test_cifar10_unpacked_by_hand(self):
        for name in CIFAR:
            self.put(f"cifar-10-batches-bin/{name}", b"")
            os.truncate(self.to / "cifar-10-batches-bin" / name, 30_730_000)  # sparse
        out, _ = self.fetch("cifar10", "--to", str(self.to))
        self.assertIn("exists and is verified", out)
        self.assertEqual(self.mirror.requests, [])

    def test_cifar100(self):
        contents = {name: name.encode() * 100 for name in ("train.bin", "test.bin")}
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w:gz") as archive:
            for name, content in contents.items():
                entry = tarfile.TarInfo(f"cifar-100-binary/{name}")
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
        self.mirror.files["/cifar100/cifar-100-binary.tar.gz"] = file.getvalue()
        self.sums.write_text(f"{md5(file.getvalue())}  cifar100/cifar-100-binary.tar.gz\n")
        self.fetch("cifar100", "--to", str(self.to))
        for name, content in contents.items():
            self.assertEqual((self.to / "cifar-100-binary" / name).read_bytes(), content)
        self.assertIn("exists and is verified", self.fetch("cifar100", "--to", str(self.to))[0])

    def test_cifar10_archive_without_a_file(self):
        self.serve_cifar10(CIFAR[:3])
        self.fetch("cifar10", "--to", str(self.to), status=1)
        self.assertFalse((self.to / "cifar-10-batches-bin").exists())
        self.assertEqual([name for name in os.listdir(self.to) if name.startswith(".")], [])


@unittest.skipUnless("curl" in CLIENTS, "curl is not installed")
class WithCurl(FetchData, unittest.TestCase):
    client = "curl"


@unittest.skipUnless("wget" in CLIENTS, "wget is not installed")
class WithWget(FetchData, unittest.TestCase):
    client = "wget"


if __name__ == "__main__":
    if not CLIENTS:
        print("skipped: neither curl nor wget is installed")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1], verbosity=2)
