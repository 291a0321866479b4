"""Reads the files that runs and sweeps write: JSON, CSV, npz. Every script reads them here. They may be damaged or
come from elsewhere, so whatever is wrong is a ReadError of one line that names the file and the reason. No link is
followed below the folder that the user named (`below`; where it is not given, the folder that holds the file), unless
the user named the file itself (`below=None`). Nothing but regular files is opened."""

import argparse
import csv
import difflib
import errno
import gzip
import io
import json
import math
import os
import stat
import sys
import unicodedata
import zlib
from pathlib import Path

import numpy as np

USAGE, DAMAGED = 2, 3  # exit statuses, as bnlab's: of a wrong call, and of data that are missing or damaged
LARGEST_JSON = 64 << 20  # bytes
LARGEST_DATA = 2 << 30  # bytes of a CSV file or of arrays


class ReadError(Exception):
    """A file is missing, damaged, or not what it must be."""

    def __init__(self, text, status=DAMAGED):
        super().__init__(text)
        self.status = status


# ---- text ------------------------------------------------------------------------------------------------------------

def printable(text):
    """`text` on one line, safe for a terminal and a CSV file: control characters, line ends and bytes that are not
    UTF-8 as escapes."""
    return "".join(c if c.isprintable() or unicodedata.category(c) == "Zs" else _escape(ord(c)) for c in str(text))


def _escape(code):
    if 0xdc80 <= code <= 0xdcff:  # a byte of a file's name that is not UTF-8
        code -= 0xdc00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def say(program, text):
    """A line on standard error."""
    print(f"{program}: {printable(text)}", file=sys.stderr)


def did_you_mean(name, known):
    near = difflib.get_close_matches(name, known, 1)
    return f'; did you mean "{near[0]}"?' if near else ""


# ---- files -----------------------------------------------------------------------------------------------------------

def given_path(text):
    """The path that a user named; ~ is the home folder, also where no shell put it in (--out=~/x)."""
    if not text:
        raise argparse.ArgumentTypeError("must not be empty")
    try:
        return with_home(text)
    except ReadError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def with_home(text, key=""):
    """The path with ~ or ~NAME as a shell has it, unless a file has this very name, which is bnlab's rule too; `key` is
    whose value it is."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        if os.path.lexists(text):
            return Path(text)
        user = str(text).partition("/")[0][1:]
        reason = f"there is no user {printable(user)}" if user else "the home folder is not known"
        raise ReadError(f"{key and key + ': '}{printable(str(text))}: {reason}; ./{printable(str(text))} names a file "
                        "of this name", USAGE) from None


def is_file_name(name):
    """Whether a name from a file is that of a file beside it, without a path."""
    return bool(name) and "/" not in name and "\0" not in name and name not in (".", "..")


def exists(path):
    """Whether there is anything of this name; an error in place of a wrong answer."""
    try:
        os.lstat(path)
        return True
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:
        raise ReadError(f"{path}: {reason_of(error)}") from None


def is_folder(path):
    """Whether it is a folder and no link to one."""
    return exists(path) and stat.S_ISDIR(os.lstat(path).st_mode)


def reason_of(error):
    return getattr(error, "strerror", None) or str(error)


PARENT = object()  # of the file


def _open(path, below):
    """A descriptor of a regular file."""
    parts = path.relative_to(below).parts if below else ()
    flags = os.O_DIRECTORY if below else os.O_NONBLOCK
    here = os.open(below or path, os.O_RDONLY | os.O_CLOEXEC | flags)
    try:
        for place, part in enumerate(parts):
            last = place == len(parts) - 1
            # O_NONBLOCK: a FIFO is opened without waiting for who writes it, and refused below.
            kind = os.O_NONBLOCK if last else os.O_DIRECTORY
            beside, here = here, os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | kind, dir_fd=here)
            os.close(beside)
        if not stat.S_ISREG(os.fstat(here).st_mode):
            raise ReadError(f"{path}: is not a regular file")
    except BaseException:
        os.close(here)
        raise
    return here


def is_link_on(path, below):
    """Whether the file, or a folder between it and `below`, is a link."""
    while path != below and path != path.parent:
        if path.is_symlink():
            return True
        path = path.parent
    return False


def read_bytes(path, largest, below=PARENT):
    """The content of a regular file, `largest` bytes at most."""
    below = path.parent if below is PARENT else below
    try:
        with open(_open(path, below), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > largest:
                raise ReadError(f"{path}: has {size} bytes, more than the {largest} that are read")
            return file.read(largest)
    except FileNotFoundError:
        raise ReadError(f"{path}: missing") from None
    except OSError as error:
        if below and error.errno in (errno.ELOOP, errno.ENOTDIR) and is_link_on(path, below):
            raise ReadError(f"{path}: can't be read: it is reached over a link; links in results are not "
                            "followed") from None
        raise ReadError(f"{path}: can't be read: {reason_of(error)}") from None
    except (ValueError, MemoryError) as error:
        raise ReadError(f"{path}: can't be read: {reason_of(error) or 'not enough memory'}") from None


def read_text(path, largest, below=PARENT):
    """UTF-8, with or without a byte order mark."""
    try:
        return read_bytes(path, largest, below).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ReadError(f"{path}: can't be read: byte {error.start} is not UTF-8") from None


# ---- JSON ------------------------------------------------------------------------------------------------------------

def parse_json(text, name):
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else error
        raise ReadError(f"{name}: can't be read: {reason}") from None


def read_json(path, shape, below=PARENT):
    """A JSON file that has the `shape`."""
    content = parse_json(read_text(path, LARGEST_JSON, below), path)
    check(content, shape, path)
    return content


class Map:
    """The shape of an object with any keys."""

    def __init__(self, value):
        self.value = value


class Optional:
    """The shape of a value that may be missing or null."""

    def __init__(self, shape):
        self.shape = shape


class Number:
    """The shape of a number; `infinite`: "inf" and "-inf" too, as bnlab writes them."""

    def __init__(self, infinite=False):
        self.infinite = infinite

    def holds(self, value):
        if self.infinite and value in ("inf", "-inf", "nan"):
            return True
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        return isinstance(value, float) or abs(value) <= sys.float_info.max


NAMES = {str: "text", bool: "true or false", dict: "an object", int: "an integer"}


def check(value, shape, file, at=""):
    """ReadError unless `value` has the `shape`: a type; a Number; [shape] of a list; {key: shape} of an object, which
    may have other keys too; a tuple of shapes, one of which it has; a Map; an Optional."""
    if isinstance(shape, Optional):
        if value is not None:
            check(value, shape.shape, file, at)
    elif isinstance(shape, tuple):
        if not any(_has(value, one, file) for one in shape):
            _refuse(value, " or ".join(_name(one) for one in shape), file, at)
    elif isinstance(shape, Number):
        if not shape.holds(value):
            _refuse(value, "a number", file, at)
    elif isinstance(shape, type):
        if not isinstance(value, shape) or (shape is int and isinstance(value, bool)):
            _refuse(value, NAMES[shape], file, at)
    elif isinstance(shape, list):
        if not isinstance(value, list):
            _refuse(value, "a list", file, at)
        for place, one in enumerate(value):
            check(one, shape[0], file, f"{at}[{place}]")
    else:
        if not isinstance(value, dict):
            _refuse(value, "an object", file, at)
        keys = [(key, shape.value) for key in value] if isinstance(shape, Map) else shape.items()
        for key, one in keys:
            path = f"{at}.{key}" if at else key
            if key in value:
                check(value[key], one, file, path)
            elif not isinstance(one, Optional):
                raise ReadError(f"{file}: {path}: missing")


def _has(value, shape, file):
    try:
        check(value, shape, file)
        return True
    except ReadError:
        return False


def _name(shape):
    return "a list" if isinstance(shape, list) else "a number" if isinstance(shape, Number) else NAMES[shape]


def _refuse(value, expected, file, at):
    got = json.dumps(value)
    short = got if len(got) <= 60 else got[:60] + "…"
    raise ReadError(f"{file}: {at + ': ' if at else ''}must be {expected}, got {short}")


# ---- CSV -------------------------------------------------------------------------------------------------------------

def read_csv(path, text_columns, columns, optional=(), empty_ok=False, below=PARENT, warn=None):
    """Columns of a CSV file: {name: array}, text for `text_columns`, float64 for the others of `columns`; of the text
    columns `optional` those that are there. A last line that is cut off (a killed run, a full disk) is left out, and
    `warn` told; ReadError for anything else that is wrong, and for a file without rows unless `empty_ok`."""
    header, rows = read_rows(path, below, warn)
    absent = [name for name in columns if name not in header]
    if absent:
        raise ReadError(f"{path}: no column {', '.join(absent)} in its header{did_you_mean(absent[0], header)}")
    if not rows and not empty_ok:
        raise ReadError(f"{path}: no rows yet")
    optional = [name for name in optional if name in header]
    table = {}
    for name in dict.fromkeys([*columns, *optional]):
        place = header.index(name)
        values = [row[place] for row in rows]
        if name in text_columns or name in optional:
            table[name] = np.array(values, dtype=object)  # np.str_ would give each the width of the widest
        else:
            table[name] = numbers_of(values, f"{path}: column {name}")
    return table


def read_rows(path, below=PARENT, warn=None):
    """(header, rows) of a CSV file, all of them as long as the header."""
    text = read_text(path, LARGEST_DATA, below)
    if not text:
        raise ReadError(f"{path}: empty, not even a header")
    whole, newline, rest = text.rpartition("\n")
    if rest and warn:
        warn(f"{path}: the last line is cut off; it is skipped")
    try:
        rows = list(csv.reader(io.StringIO(whole + newline, newline="")))
    except csv.Error as error:
        raise ReadError(f"{path}: can't be read: {error}") from None
    header = rows.pop(0) if rows else []
    if twice := next((name for place, name in enumerate(header) if name in header[:place]), None):
        raise ReadError(f"{path}: the column {twice} is in its header twice")
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise ReadError(f"{path}:{number}: {len(row)} values, expected {len(header)}")
    return header, rows


def numbers_of(values, name):
    """float64 of texts as bnlab writes numbers. NumPy takes more for one: 1_0, digits of other scripts."""
    odd = next((value for value in values if isinstance(value, str) and ("_" in value or not value.isascii())), None)
    try:
        if odd is not None:
            raise ValueError(f"not a number: {odd!r}")
        return np.array(values, dtype=np.float64)
    except ValueError as error:
        raise ReadError(f"{name}: {error}") from None


def number_of(text, name):
    return float(numbers_of([text], name)[0])


def finite_number_in(text):
    """The number that a JSON text is; None for any other value."""
    try:
        value = json.loads(text)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        return float(value) if is_number else None
    except (ValueError, OverflowError, RecursionError):
        return None


# ---- arrays ----------------------------------------------------------------------------------------------------------

IDX_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4"}


def read_idx(path):
    """The integers of an IDX file, gzipped or not."""
    content = read_bytes(path, LARGEST_DATA, None)
    try:
        if content[:2] == b"\x1f\x8b":
            content = gzip.GzipFile(fileobj=io.BytesIO(content)).read(LARGEST_DATA)
        if content[:2] != b"\0\0" or content[2] not in IDX_TYPES:
            raise ReadError(f"{path}: not an IDX file of integers")
        shape = [int(length) for length in np.frombuffer(content, ">u4", content[3], 4)]
        values = np.frombuffer(content, IDX_TYPES[content[2]], math.prod(shape), 4 + 4 * len(shape))
        return values.reshape(shape)
    except (OSError, EOFError, zlib.error, ValueError, IndexError, OverflowError) as error:
        raise ReadError(f"{path}: damaged: {reason_of(error)}") from None


def read_npz(path, below=PARENT):
    """{name: array} of an npz file: weights, checkpoints, recorded gradients. Nothing in it is run."""
    arrays = _load(path, below)
    if not isinstance(arrays, np.lib.npyio.NpzFile):
        raise ReadError(f"{path}: holds one array, expected an npz file")
    with arrays:
        return {name: _load_member(path, arrays, name) for name in arrays.files}


def read_npy(path, below=PARENT):
    array = _load(path, below)
    if not isinstance(array, np.ndarray):
        raise ReadError(f"{path}: expected one array, as in a .npy file")
    return array


def _load(path, below):
    content = io.BytesIO(read_bytes(path, LARGEST_DATA, below))
    try:
        return np.load(content, allow_pickle=False)
    except Exception as error:  # numpy and zipfile raise a dozen kinds for damaged files
        raise ReadError(f"{path}: is not an array file of numpy, or is damaged: {reason_of(error)}") from None


def _load_member(path, arrays, name):
    try:
        array = arrays[name]
    except Exception as error:  # as above
        raise ReadError(f"{path}: array {name}: damaged: {reason_of(error)}") from None
    if not isinstance(array, np.ndarray):
        raise ReadError(f"{path}: {name}: is not an array")
    return array
