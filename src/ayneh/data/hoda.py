"""Handwritten Persian digits (Khosravi & Kabir 2007): black and white images of several sizes as grey squares."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from ayneh.data.bounded import check_size
from ayneh.data.cdb import Records, read_cdb
from ayneh.data.download import kept, places_of
from ayneh.errors import UserError

NAME = "hoda"
CLASSES = 10
SIDE = 28  # pixels of a square
WINDOW = 48  # pixels of an original image that a square shows: one factor for all, 28/48
TRAIN = ("Train 60000.cdb", "RemainingSamples.cdb")  # the authors' training images; else those that they left over
TEST = "Test 20000.cdb"
SHA256 = {  # of the published files; that of Train 60000.cdb is not known
    "RemainingSamples.cdb": "11c9b0661b8de5f743b1b01ac76b4de19b238062d6da3500b5d6128fb1989e3d",
    "Test 20000.cdb": "f947c38071c886677ec212fe5000863fafae0b4ed349d97d51c33abe3c8e2b07",
}
Array = np.ndarray


def read_hoda(half: str) -> tuple[Array, Array, tuple[str, ...]]:
    """Of train or test: pixels uint8 (N, 1, 28, 28), white ink on black; labels int64 (N,) in 0..9; notes.

    All images are scaled by one factor, 28/48, and lie in the middle of their square, so that digits keep the sizes
    that they were written in (the zero is a dot). One that has more than 48 pixels a side is scaled to fit, and a note
    counts these.
    Raises UserError for missing or damaged files.
    """
    path = _path(half)
    records = read_cdb(path, CLASSES)
    pixels = squares(records)
    larger = int((records.sizes.max(1) > WINDOW).sum())
    lacking = f", since there is no {TRAIN[0]}" if path.name.startswith(TRAIN[1]) else ""
    notes = [f"{half} from {path.name}{lacking}"]
    if larger:
        notes.append(f"{larger:,} of {len(pixels):,} are larger than {WINDOW}x{WINDOW} and scaled to fit")
    if (known := SHA256.get(path.name)) and (found := _sum(path)) != known:
        notes.append(f"{path.name} is not the published file: its SHA-256 begins with {found[:8]}")
    return pixels[:, None], records.labels, tuple(notes)


def squares(records: Records) -> Array:
    """The images of a file as uint8 (N, 28, 28): each pixel is the mean of what it covers, ink white (255)."""
    check_size(records.where, len(records.labels) * SIDE**2)
    result = np.empty((len(records.labels), SIDE, SIDE), np.uint8)
    windows = np.maximum(records.sizes.max(1), WINDOW)
    for first, ink, starts in records.ink():
        group = slice(first, first + len(starts))
        for window in np.unique(windows[group]):
            chosen = np.flatnonzero(windows[group] == window)
            sizes, begins = records.sizes[group][chosen], starts[chosen]
            result[first + chosen] = _scaled(_centred(ink, begins, sizes, int(window)))
    return result


def _centred(ink: Array, starts: Array, sizes: Array, window: int) -> Array:
    """bool (N, window, window): images that begin at ``starts`` of ``ink``, in the middle of squares."""
    areas = sizes.prod(1)
    image = np.repeat(np.arange(len(sizes)), areas)  # of each pixel
    within = np.arange(len(image)) - np.repeat(np.cumsum(areas) - areas, areas)
    row, column = np.divmod(within, sizes[image, 1])
    top, left = ((window - sizes) // 2).T
    squares = np.zeros((len(sizes), window, window), bool)
    squares[image, row + top[image], column + left[image]] = ink[starts[image] + within]
    return squares


def _scaled(squares: Array) -> Array:
    """bool (N, S, S) -> uint8 (N, 28, 28): means over areas, of whole numbers, so that every machine gets the same."""
    window = squares.shape[-1]
    to, of = np.arange(SIDE)[:, None] * window, np.arange(window) * SIDE  # in units of which both sides have whole ones
    shared = np.clip(np.minimum(to + window, of + SIDE) - np.maximum(to, of), 0, None).astype(np.float32)
    covered = shared @ squares.astype(np.float32) @ shared.T  # at most 255 ** 2, exact in float32
    area = window**2
    return ((covered.astype(np.int64) * 510 + area) // (2 * area)).astype(np.uint8)


def _path(half: str) -> Path:
    """The file of train or test. Raises UserError where there is none, with its name and where to put it."""
    files = TRAIN if half == "train" else (TEST,)
    if found := next((path for file in files if (path := kept(NAME, file))), None):
        return found
    sums = "; ".join(f"SHA-256 of {file}: {digest}" for file, digest in SHA256.items())
    raise UserError(
        f"{' or '.join(files)} is not in {' or '.join(map(str, places_of(NAME)))}, and no mirror is known whose files "
        f"can be checked: fetch {TEST} and one of {' and '.join(TRAIN)} (Khosravi & Kabir 2007, free for research and "
        f"non-commercial use) and put them into {places_of(NAME)[0]} ({sums})."
    )


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
