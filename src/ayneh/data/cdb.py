"""The .cdb files of handwritten Persian letters and digits (Khosravi & Kabir 2007): binary images of several sizes.

A header of 1,024 bytes, little-endian: the date (0-3), height and width of all images (4-5; 0 where each has a size of
its own), the number of records (6-9), how many there are of each of 128 labels (10-521), the type of image (522: 0 is
binary, 1 grey), comments. A record: 0xFF, the label, width and height where the header has none, the number of bytes
that follow (two bytes), and these: row by row the lengths of runs, paper and ink in turn, until the row is full.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ayneh.data.bounded import gunzipped
from ayneh.errors import UserError

HEADER_BYTES = 1024
MOST_BYTES = 20_000_000  # of a file; the largest of the three that were published has about 7 MB
BINARY = 0
BEGIN = 0xFF  # of a record
KINDS = 128  # labels that the header counts
AT_ONCE = 250  # images that are unpacked together; of 255x255 pixels they take less than a GB
Array = np.ndarray


@dataclass(frozen=True)
class Records:
    """The images of a file as they are in it, in the order of its records."""

    where: str  # the file's path, for an error message
    labels: Array  # int64 (N,)
    sizes: Array  # int64 (N, 2): height and width
    starts: Array  # int64 (N,): of an image's runs, in ``runs``
    runs: Array  # uint8: lengths of the runs of all images, one after the other

    def ink(self) -> Iterator[tuple[int, Array, Array]]:
        """Images in groups of up to AT_ONCE: the number of the first, bool pixels of the group, where each begins.

        The pixels of an image are its rows, one after the other; True is ink. Raises UserError for runs that are not
        the rows of an image.
        """
        ends = np.append(self.starts[1:], len(self.runs))
        for first in range(0, len(self.labels), AT_ONCE):
            group = slice(first, first + AT_ONCE)
            areas = self.sizes[group].prod(1)
            runs = self.runs[self.starts[group][0] : ends[group][-1]]
            pixels = _unpacked(runs, ends[group] - self.starts[group], self.sizes[group], first, self.where)
            yield first, pixels, np.cumsum(areas) - areas


def read_cdb(path: Path, classes: int) -> Records:
    """The records of a .cdb file, plain or gzipped, with labels in 0..classes-1.

    Raises UserError where the file is damaged, truncated, of grey images, or differs from its own header.
    """
    content = bytes(gunzipped(path, MOST_BYTES))
    height, width, n = _header(content, path)
    of_its_own = not (height and width)
    head = 6 if of_its_own else 4  # bytes before a record's image
    if n * head > len(content) - HEADER_BYTES:
        raise UserError(f"{path} is truncated: its header announces {n:,} images, which do not fit into its bytes.")
    labels, sizes, places = [], [], []
    at = HEADER_BYTES
    for i in range(n):
        record = content[at : at + head]
        if len(record) < head:
            raise UserError(f"{path} is truncated: its header announces {n:,} images, and it ends after {i:,}.")
        if record[0] != BEGIN:
            raise UserError(
                f"{path} is damaged: image {i:,} of {n:,}, at byte {at:,}, begins with 0x{record[0]:02x}, where every "
                f"image has 0x{BEGIN:02x}; fetch it again."
            )
        if record[1] >= classes:
            raise UserError(
                f"{path} has the label {record[1]} at image {i:,}, and this set has the classes 0..{classes - 1}: it "
                "is another set, or damaged."
            )
        labels.append(record[1])
        sizes.append((record[3], record[2]) if of_its_own else (height, width))
        if not all(sizes[-1]):
            raise UserError(f"{path} is damaged: image {i:,} has no pixels ({record[2]}x{record[3]}); fetch it again.")
        length = record[-2] | record[-1] << 8
        places.append((at + head, length))
        at += head + length
        if at > len(content):
            raise UserError(f"{path} is truncated: it ends within image {i:,} of {n:,}; fetch it again.")
    if at < len(content):
        raise UserError(
            f"{path} is damaged: {len(content) - at:,} bytes follow after its {n:,} images; fetch it again."
        )
    _check_counts(content, labels, path)
    lengths = np.array([length for _, length in places], np.int64)
    runs = b"".join(content[start : start + length] for start, length in places)
    return Records(
        str(path),
        np.array(labels, np.int64),
        np.array(sizes, np.int64),
        np.cumsum(lengths) - lengths,
        np.frombuffer(runs, np.uint8),
    )


def _header(content: bytes, path: Path) -> tuple[int, int, int]:
    """Height and width of all images (0: each has its own), and their number."""
    if len(content) < HEADER_BYTES:
        raise UserError(
            f"{path} ends within its header: {HEADER_BYTES:,} bytes expected, {len(content):,} found; fetch it again."
        )
    height, width, n = struct.unpack_from("<BBI", content, 4)
    if content[522] != BINARY:
        raise UserError(
            f"{path} has images of type {content[522]}, and black and white ones (type {BINARY}) alone are read: it is "
            "another set, or damaged."
        )
    if n == 0:
        raise UserError(f"{path} has no images, by its header: fetch it again.")
    return height, width, n


def _check_counts(content: bytes, labels: list[int], path: Path) -> None:
    """Raise UserError unless there are as many images of each label as the header has."""
    announced = np.frombuffer(content, "<u4", KINDS, 10).astype(np.int64)
    found = np.bincount(labels, minlength=KINDS)
    if (announced != found).any():
        label = int(np.flatnonzero(announced != found)[0])
        raise UserError(
            f"{path} is damaged: its header announces {announced[label]:,} images of the label {label}, and it has "
            f"{found[label]:,}; fetch it again."
        )


def _unpacked(runs: Array, lengths: Array, sizes: Array, first: int, where: str) -> Array:
    """bool: the pixels of a group of images, one after the other. lengths: how many of the runs belong to each.

    A row begins where the one before it is full; a run of no pixels fills none.
    """
    heights, widths = sizes[:, 0], sizes[:, 1]
    image = np.repeat(np.arange(len(sizes)), lengths)  # of each run
    sums = np.append(0, np.cumsum(runs, dtype=np.int64))
    begins = np.append(0, np.cumsum(lengths))
    before = sums[:-1] - sums[begins[:-1]][image]  # pixels of the image before each run
    wide, index = widths[image], np.arange(len(runs))
    column = before % wide
    covered = sums[begins[1:]] - sums[begins[:-1]]
    wrong = covered != heights * widths
    wrong[image[(column + runs > wide) | (before >= (heights * widths)[image])]] = True
    if wrong.any():
        bad = int(np.flatnonzero(wrong)[0])
        raise UserError(
            f"{where} is damaged: the runs of image {first + bad:,} do not fill its {heights[bad]} rows of "
            f"{widths[bad]} pixels; fetch it again."
        )
    starts = (column == 0) & np.append(True, (runs[:-1] > 0) | (image[1:] != image[:-1]))
    return np.repeat((index - np.maximum.accumulate(np.where(starts, index, 0))) % 2 == 1, runs)
