"""Data files that are missing or damaged: status 3, a message that names the file, and nothing written."""

import gzip
import os
import shutil

from program import DATA, FILES, ProgramTest, idx, main, write_dataset

TRAIN_IMAGES, TRAIN_LABELS = FILES["train"]
TEST_IMAGES, TEST_LABELS = FILES["test"]


class WrongData(ProgramTest):
    def setUp(self):
        super().setUp()
        self.data = self.folder / "broken" / "mnist"
        shutil.copytree(self.shared / "data" / "mnist", self.data)
        self.environment["BNLAB_DATA"] = str(self.data.parent)
        self.out = self.folder / "out"

    def expect_refused(self, *parts, **sections):
        out, error = self.run_program("train", self.write_config(**sections), "--out", self.out, status=DATA)
        self.assertEqual(out, "")
        for part in parts:
            self.assertIn(str(part), error)
        self.assertFalse(self.out.exists(), "the run left something behind")

    def replace(self, name, content):
        (self.data / name).write_bytes(content)

    def test_the_data_before_it_is_broken(self):
        self.run_program("train", self.write_config(), "--out", self.out)

    def test_no_files(self):
        shutil.rmtree(self.data)
        self.expect_refused(self.data, "fetch_data.sh mnist", "BNLAB_DATA", "dataset.path")

    def test_no_files_in_the_config_s_path(self):
        nowhere = self.folder / "nowhere"
        self.expect_refused(nowhere, dataset={"path": str(nowhere)})

    def test_each_file_missing(self):
        for name in FILES["train"] + FILES["test"]:
            with self.subTest(name):
                shutil.rmtree(self.data)
                write_dataset(self.data, 40, 40)
                (self.data / name).unlink()
                self.expect_refused(self.data / name)

    def test_something_else_in_place_of_a_file(self):
        kinds = {"a named pipe": os.mkfifo, "a folder": os.mkdir, "a link (": lambda path: path.symlink_to(path.name),
                 "a link that leads nowhere": lambda path: path.symlink_to("nowhere")}
        for kind, make in kinds.items():
            for names in ([TRAIN_LABELS], FILES["train"] + FILES["test"]):
                with self.subTest(kind, files=len(names)):
                    shutil.rmtree(self.data)
                    write_dataset(self.data, 40, 40)
                    for name in names:
                        (self.data / name).unlink()
                        make(self.data / name)
                    self.expect_refused(f"{self.data / names[0]}: is {kind}", "not a regular file")
        os.mkfifo(self.folder / "pipe")
        self.expect_refused(f"{self.folder / 'pipe'}: is a named pipe, not a folder",
                            dataset={"path": str(self.folder / "pipe")})
        shutil.rmtree(self.data)
        write_dataset(self.data, 40, 40)
        for name in FILES["test"]:
            (self.data / name).unlink()
            os.mkfifo(self.data / name)
        self.expect_refused("no test images", f"not taken: {self.data / FILES['test'][0]}: is a named pipe",
                            dataset={"name": "idx", "path": str(self.data)})

    def test_each_file_cut_off(self):
        for name in FILES["train"] + FILES["test"]:
            whole = (self.data / name).read_bytes()
            for length in (0, 3, 7, len(whole) - 1):
                with self.subTest(name, length=length):
                    self.replace(name, whole[:length])
                    self.expect_refused(self.data / name)
            self.replace(name, whole)

    def test_oversized(self):
        for name in (TRAIN_IMAGES, TEST_LABELS):
            with self.subTest(name):
                whole = (self.data / name).read_bytes()
                self.replace(name, whole + b"\0")
                self.expect_refused(self.data / name)
                self.replace(name, whole)

    def test_a_header_that_promises_more_than_memory(self):
        self.replace(TRAIN_IMAGES, idx((0xffffffff, 28, 28), b"\0" * 784))
        self.expect_refused(self.data / TRAIN_IMAGES)
        self.replace(TRAIN_IMAGES, idx((0xffffffff, 0xffffffff, 0xffffffff), b"\0" * 784))
        self.expect_refused(self.data / TRAIN_IMAGES)

    def test_wrong_magic(self):
        whole = (self.data / TRAIN_IMAGES).read_bytes()
        for magic in (b"\0\0\x0d\x03", b"\0\0\x08\x01", b"PK\3\4", b"\0\1\x08\x03"):
            with self.subTest(magic):
                self.replace(TRAIN_IMAGES, magic + whole[4:])
                self.expect_refused(self.data / TRAIN_IMAGES)

    def test_labels_in_the_place_of_images(self):
        self.replace(TRAIN_IMAGES, (self.data / TRAIN_LABELS).read_bytes())
        self.expect_refused(self.data / TRAIN_IMAGES)

    def test_other_image_size(self):
        self.replace(TEST_IMAGES, idx((100, 28, 27), b"\1" * 100 * 28 * 27))
        self.expect_refused(self.data / TEST_IMAGES, "28 x 28", "28 x 27")

    def test_no_images(self):
        self.replace(TEST_IMAGES, idx((0, 28, 28), b""))
        self.replace(TEST_LABELS, idx((0,), b""))
        self.expect_refused(self.data / TEST_IMAGES)

    def test_counts_that_differ(self):
        self.replace(TRAIN_LABELS, idx((299,), b"\1" * 299))
        self.expect_refused(self.data / TRAIN_LABELS, "300", "299")

    def test_label_out_of_range(self):
        labels = bytearray((self.data / TEST_LABELS).read_bytes())
        labels[8 + 41] = 10
        self.replace(TEST_LABELS, bytes(labels))
        self.expect_refused(self.data / TEST_LABELS, "10", "41")

    def test_gzip_that_is_damaged(self):
        whole = (self.data / TRAIN_IMAGES).read_bytes()
        packed = gzip.compress(whole)
        flipped = bytearray(packed)
        flipped[len(packed) // 2] ^= 0xff
        zipped = self.data / (TRAIN_IMAGES + ".gz")
        (self.data / TRAIN_IMAGES).unlink()
        for what, content in (("garbage", b"\x1f\x8b" + bytes(range(256)) * 4), ("cut", packed[:len(packed) // 2]),
                              ("cut in its check", packed[:-3]), ("flipped", bytes(flipped)),
                              ("bytes after it", packed + b"more"), ("not gzip", b"<html>not found</html>"),
                              ("empty", b"")):
            with self.subTest(what):
                zipped.write_bytes(content)
                self.expect_refused(zipped)

    def test_a_folder_in_the_place_of_a_file(self):
        (self.data / TRAIN_IMAGES).unlink()
        (self.data / TRAIN_IMAGES).mkdir()
        self.expect_refused(self.data / TRAIN_IMAGES)

    def test_gradcheck_says_the_same(self):
        self.replace(TRAIN_LABELS, b"")
        _, error = self.run_program("gradcheck", self.write_config(), status=DATA)
        self.assertIn(str(self.data / TRAIN_LABELS), error)

    def test_packed_data_gives_the_same_run(self):
        packed = write_dataset(self.folder / "packed" / "mnist", zipped=True)
        plain = self.train("plain")
        zipped = self.train("zipped", dataset={"path": str(packed)})
        self.assert_same_run(plain, zipped)


if __name__ == "__main__":
    main()
