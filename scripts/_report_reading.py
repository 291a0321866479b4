"""Reads the files that the pages show: regular files only, and no link below the folder that the user named."""

import csv
import io
import json
import os
import stat

LARGEST = 512 << 20  # bytes


class ReadError(Exception):
    """A file is missing, damaged, or not what it must be."""


def read_text(path, largest, below):
    """UTF-8 text of a regular file that no link below `below` leads to."""
    try:
        with open(_open(path, below), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > largest:
                raise ReadError(f"{path}: has {size} bytes, more than the {largest} that are read")
            return file.read(largest).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ReadError(f"{path}: cannot be read: byte {error.start} is not UTF-8") from None
    except (OSError, ValueError) as error:
        raise ReadError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _open(path, below):
    here = os.open(below, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        parts = path.relative_to(below).parts
        for place, part in enumerate(parts):
            # O_NONBLOCK: a FIFO is opened without waiting for its writer, and refused below.
            kind = os.O_NONBLOCK if place == len(parts) - 1 else os.O_DIRECTORY
            beside, here = here, os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | kind, dir_fd=here)
            os.close(beside)
        if not stat.S_ISREG(os.fstat(here).st_mode):
            raise ReadError(f"{path}: is not a regular file")
    except BaseException:
        os.close(here)
        raise
    return here


def parse_json(text, name):
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else error
        raise ReadError(f"{name}: cannot be read: {reason}") from None


def read_rows(path, below, warn=None):
    """(header, rows) of a CSV file, all of them as long as the header. A last line that is cut off is left out, and
    `warn` told."""
    text = read_text(path, LARGEST, below)
    if not text:
        raise ReadError(f"{path}: empty, not even a header")
    whole, newline, rest = text.rpartition("\n")
    if rest and warn:
        warn(f"{path}: the last line is cut off; it is left out")
    try:
        rows = list(csv.reader(io.StringIO(whole + newline, newline="")))
    except csv.Error as error:
        raise ReadError(f"{path}: cannot be read: {error}") from None
    header = rows.pop(0) if rows else []
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise ReadError(f"{path}:{number}: {len(row)} values, expected {len(header)}")
    return header, rows
