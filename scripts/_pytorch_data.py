"""Reads datasets as bnlab does, for compare_pytorch.py."""

import os
import re

import numpy as np

from _reading import LARGEST_DATA, ReadError, read_bytes, read_idx, read_npz, with_home

FOLDERS = {"mnist": ["mnist"], "fashion_mnist": ["fashion_mnist", "fashion-mnist"],
           "cifar10": ["cifar10", "cifar-10", "cifar-10-batches-bin"],
           "cifar100": ["cifar100", "cifar-100", "cifar-100-binary"]}
CIFAR10 = [f"data_batch_{n}.bin" for n in range(1, 6)]


def entries(folder):
    """{name in lower case: path} of a folder, of which exact names come first; empty where there is no such folder."""
    if not folder.is_dir():
        return {}
    paths = sorted(folder.iterdir(), key=lambda path: (path.name != path.name.lower(), path.name))
    return {path.name.lower(): path for path in reversed(paths)}


def normalized(name):
    return name.lower().replace("-", "").replace("_", "")


def candidates(dataset):
    """The folders in which the files may be, in the order in which bnlab looks."""
    names = FOLDERS.get(dataset["name"], [])

    def below(root, depth=2):
        spelled = [path for path in sorted(root.iterdir()) if normalized(path.name) in map(normalized, names)] \
            if root.is_dir() else []
        for folder in dict.fromkeys([root / name for name in names if (root / name).is_dir()] + spelled):
            yield from [folder, folder / "raw"]
            if depth > 1:
                yield from below(folder, depth - 1)

    if dataset.get("path"):
        path = with_home(dataset["path"], "dataset.path")
        own = sorted(path.iterdir()) if dataset["name"] == "idx" and path.is_dir() else []
        return [*below(path), path, path / "raw", *(folder for child in own for folder in (child, child / "raw"))]
    roots = [with_home(root, "BNLAB_DATA")
             for root in (os.environ.get("BNLAB_DATA"), "/usr/share/datasets", "data") if root]
    return [folder for root in roots
            for folder in [*below(root), *([root] if normalized(root.name) in map(normalized, names) else [])]]


def idx_files(folder, prefix):
    """(training images, labels, test images, labels) of one prefix in a folder, or None. A prefix of None: any."""
    found = {}
    for path in sorted(entries(folder).values(), key=lambda path: (path.name.lower().endswith(".gz"), path.name)):
        name = re.sub(r"[._]", "-", re.sub(r"\.gz$", "", path.name.lower()))
        match = re.fullmatch(r"(?:(.*)-)?(train|t10k|test)-(images-idx3-ubyte|labels-idx1-ubyte|labels-idx2-int)", name)
        if match and (prefix is None or (match[1] or "") == prefix):
            found.setdefault((match[2] != "train", match[3].startswith("labels")), path)
    roles = [(False, False), (False, True), (True, False), (True, True)]
    return [found[role] for role in roles] if all(role in found for role in roles) else None


def read_idx_dataset(dataset):
    own = dataset["name"] == "idx"
    prefix = dataset.get("prefix") if own else ""
    if prefix:
        prefix = re.sub(r"[._]", "-", prefix.lower()).rstrip("-")
    for folder in candidates(dataset):
        files = idx_files(folder, prefix)
        if files:
            images, labels, test, test_labels = (read_idx(path) for path in files)
            labels, test_labels = (array[:, 0] if array.ndim == 2 else array for array in (labels, test_labels))
            return images[:, None], labels, test[:, None], test_labels
    return None


def read_cifar(dataset):
    hundred = dataset["name"] == "cifar100"
    train, test = (["train.bin"], ["test.bin"]) if hundred else (CIFAR10, ["test_batch.bin"])
    skipped = 2 if hundred else 1
    label = 1 if hundred and dataset.get("labels") != "coarse" else 0
    for folder in candidates(dataset):
        files = entries(folder)
        if not all(name in files for name in train + test):
            continue
        arrays = []
        for names in (train, test):
            content = b"".join(read_bytes(files[name], LARGEST_DATA, None) for name in names)
            if len(content) % (skipped + 3072):
                raise ReadError(f"{folder}: {', '.join(names)}: cut off")
            records = np.frombuffer(content, np.uint8).reshape(-1, skipped + 3072)
            arrays += [records[:, skipped:].reshape(-1, 3, 32, 32), records[:, label]]
        return arrays
    return None


def read_npz_dataset(dataset):
    path = with_home(dataset["path"], "dataset.path")
    if path.is_dir():
        path = next(found for found in sorted(path.iterdir()) if found.suffix.lower() == ".npz")
    if not path.exists():
        return None
    arrays = {name.lower(): array for name, array in read_npz(path, None).items()}

    def in_order(x):
        if x.ndim == 2:
            return x[:, :, None, None]
        if x.ndim == 3:
            return x[:, None]
        last = dataset["channels"] == "last" if dataset.get("channels") else x.shape[3] <= 4
        return x.transpose(0, 3, 1, 2) if last else x

    return [part for split in ("train", "test")
            for part in (in_order(arrays["x_" + split]), arrays["y_" + split].ravel())]


READERS = {"mnist": read_idx_dataset, "fashion_mnist": read_idx_dataset, "idx": read_idx_dataset, "cifar10": read_cifar,
           "cifar100": read_cifar, "npz": read_npz_dataset}
NO_SHIFT = {"rotation": 0, "contrast": 1}
OWN = ("idx", "npz")  # labels are any integers


def standardized(values, mean, std):
    return (values - mean) / std if std > 0 else 0 * values


def scaled_bytes(x, train, scaling):
    """Each byte by a table, one for each channel."""
    byte = np.arange(256, dtype=np.float64)
    result = np.empty(x.shape, np.float32)
    for c in range(x.shape[1]):
        if scaling == "standardized":
            counts = np.bincount(train[:, c].ravel(), minlength=256) / train[:, c].size
            mean = counts @ byte
            table = standardized(byte, mean, np.sqrt(counts @ (byte - mean) ** 2))
        else:
            table = {"unit": byte / 255, "binary": byte >= 128, "raw": byte}[scaling]
        result[:, c] = table.astype(np.float32)[x[:, c]]
    return result


def scaled(x, train, scaling):
    """float32; moments are those of `train`, of each channel."""
    if x.dtype == np.uint8:
        return scaled_bytes(x, train, scaling)
    if scaling != "standardized":
        return x.astype(np.float32)
    x, train = (array.astype(np.float32).astype(np.float64) for array in (x, train))
    columns = [standardized(x[:, c], train[:, c].mean(), train[:, c].std()) for c in range(x.shape[1])]
    return np.stack(columns, axis=1).astype(np.float32)


def rotated(images, degrees):
    """Images (N, C, H, W) turned counterclockwise about their centre, bilinear, 0 outside."""
    height, width = images.shape[2:]
    angle, centre_x, centre_y = np.deg2rad(degrees), (width - 1) / 2, (height - 1) / 2
    dy, dx = np.meshgrid(np.arange(height) - centre_y, np.arange(width) - centre_x, indexing="ij")
    x = centre_x + np.cos(angle) * dx - np.sin(angle) * dy
    y = centre_y + np.sin(angle) * dx + np.cos(angle) * dy
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    right_share, lower_share = x - left, y - top
    framed = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))

    def pixels(column, row):  # what lies outside is a zero of the frame
        return framed[:, :, np.clip(row + 1, 0, height + 1), np.clip(column + 1, 0, width + 1)]

    upper = (1 - right_share) * pixels(left, top) + right_share * pixels(left + 1, top)
    lower = (1 - right_share) * pixels(left, top + 1) + right_share * pixels(left + 1, top + 1)
    return (1 - lower_share) * upper + lower_share * lower


def shifted(images, shift):
    """Images of bytes, changed by dataset.shift without its noise."""
    parts = []
    for part in np.array_split(images, -(-len(images) // 1000)):  # doubles have 8 times the size
        values = rotated(part, shift["rotation"]) if shift["rotation"] else part
        values = 127.5 + shift["contrast"] * (values - 127.5)
        parts.append(np.clip(np.floor(values + 0.5), 0, 255).astype(np.uint8))
    return np.concatenate(parts)


def read_dataset(dataset):
    """(training images, labels, test images, labels) as the config scales and cuts them: inputs (N, C, H, W) float32,
    classes int64; None where the files are not found, or this script can't read such a dataset."""
    reader = READERS.get(dataset["name"])
    arrays = reader(dataset) if reader else None
    if arrays is None:
        return None
    train, train_labels, test, test_labels = arrays
    if dataset["name"] in OWN:
        classes = np.unique(np.concatenate([train_labels, test_labels]))
        train_labels, test_labels = (np.searchsorted(classes, labels) for labels in (train_labels, test_labels))
    count = (dataset.get("limit") or len(train)) - dataset.get("validation", 0)
    train, train_labels = train[:count], train_labels[:count]
    test, test_labels = test[:dataset.get("test_limit")], test_labels[:dataset.get("test_limit")]
    shift = {**NO_SHIFT, **dataset.get("shift", {})}
    if shift["rotation"] != 0 or shift["contrast"] != 1:
        test = shifted(test, shift)
        train = train if shift.get("splits") == "test" else shifted(train, shift)
    scaling = dataset.get("scaling", "unit")
    return (scaled(train, train, scaling), train_labels.astype(np.int64), scaled(test, train, scaling),
            test_labels.astype(np.int64))
