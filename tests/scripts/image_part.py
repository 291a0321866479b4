"""Parts of Fashion-MNIST and CIFAR-10, for tests that need few images."""

import gzip
import os
import struct
from pathlib import Path

FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")  # of Debian's package
CIFAR10 = Path(os.environ.get("BNLAB_DATA", "")) / "cifar-10-batches-bin"
IDX_FILES = {"train-images-idx3-ubyte": 784 * 1200, "train-labels-idx1-ubyte": 1200,
             "t10k-images-idx3-ubyte": 784 * 400, "t10k-labels-idx1-ubyte": 400}
CIFAR10_FILES = [*(f"data_batch_{n}.bin" for n in range(1, 6)), "test_batch.bin"]


def has_fashion_mnist():
    return (FASHION_MNIST / "train-images-idx3-ubyte.gz").exists()


def write_fashion_mnist(folder):
    """1200 training and 400 test images."""
    for name, size in IDX_FILES.items():
        with gzip.open(FASHION_MNIST / f"{name}.gz") as file:
            content = file.read(16 + size)  # a header has at most 16 bytes
        header = 4 + 4 * content[3]
        count = size // 784 if "images" in name else size
        (folder / name).write_bytes(content[:4] + struct.pack(">I", count) + content[8:header + size])


def has_cifar10():
    return all((CIFAR10 / name).exists() for name in CIFAR10_FILES)


def write_cifar10(folder):
    """2000 training and 400 test images."""
    for name in CIFAR10_FILES:
        with (CIFAR10 / name).open("rb") as file:
            (folder / name).write_bytes(file.read(3073 * 400))
