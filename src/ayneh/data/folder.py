"""A person's folder of image files as one array, with the subfolders as splits and classes.

`scan` finds the files, `layout` reads the folders' names, `unpack` reads the files, and `earlier` chooses images as
earlier versions did. What a folder means is decided over all of it, also where one split is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ayneh.data.found import Found
from ayneh.data.layout import Layout, add_test, layout, layout_before
from ayneh.data.picture import colour_of
from ayneh.data.scan import SUFFIXES, File, Scan, in_words, scan
from ayneh.data.split import TENTH, by_position, held_out, limited, side
from ayneh.data.unpack import Reading, Unpacked
from ayneh.data.words import printable, setting, told_apart
from ayneh.errors import UserError
from ayneh.ranges import DARK_BYTES
from ayneh.terminal.text import counted, few
from ayneh.turns import Turn

CONVERT = {".heic", ".heif", ".avif", ".svg", ".pdf", ".psd", ".cr2", ".nef", ".dng", ".arw", ".jp2", ".jxl"}
UNPACK = {".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".bz2", ".xz"}
ARRAYS = {".npz", ".npy", ".mat", ".csv", ".parquet"}
_last: list[Unpacked] = []  # what was read last, at most one: a verb asks for train, then for test
_TURN = Turn()  # of threads, at what was read last: one that unpacks others changes it


def read_folder(
    folder: Path,
    split: str,
    size: int | None = None,
    limit: int | None = None,
    *,
    share: float | None = None,
    test: Path | None = None,
    skip_broken: bool = False,
    background: str = "black",
    divide: str = "content",
    flag: str = "--data.",
) -> Found:
    """The images of a split; docs/your-data.md describes how a folder is understood.

    size: scale the central square of each image to size x size. limit: a random choice of at most so many. share,
    test: of the images to hold out, or the folder of the test images. divide: "content", or "position" as earlier
    versions chose images. flag: what begins a setting's flag in a message. Raises UserError without a folder or
    images, for a damaged or too large image, for mixed sizes, and for a set that takes more than `bounded.MOST_BYTES`.
    """
    if not folder.is_dir():
        raise UserError(_no_folder(folder))
    if test and not test.is_dir():
        raise UserError(_no_folder(test)[:-1] + f", or a share of them like 0.2, for {flag}test.")
    if test and test.resolve() == folder.resolve():
        raise UserError(f"{flag}test names {test}, the folder of the training images: name another, or a share.")
    colour_of(background, flag)
    before = divide == "position" and test is None
    below = Scan() if before else scan(folder, but=test)
    laid = layout_before(folder) if before else layout(below.files)
    _refuse_none(folder, laid, below)
    if test:
        other = scan(test)
        _refuse_none(test, layout(other.files), other)
        laid = add_test(laid, other.files, test.name)
        below.skipped += other.skipped
    if share is not None and laid.has_splits:
        raise UserError(f"{flag}test is {share:g}, but {folder} itself has images for testing: leave it out.")
    how = Reading(size, skip_broken, background, flag, draft=not before)
    with _TURN:
        read, tests, chosen = _read(folder, laid, how, split, limit, share, divide)
        _refuse_vanished(read, before)
        pixels, notes = read.pixels(chosen), tuple(_notes(laid, below, read))
    names = laid.names()
    labels = [laid.labels[i] for i in chosen]
    index = {name: k for k, name in enumerate(names)}
    return Found(
        pixels,
        None if None in labels else np.array([index[str(label)] for label in labels], np.int64),
        (names if before else told_apart(names)) if names and None not in labels else None,
        train=int((~tests).sum()),
        test=int(tests.sum()),
        how="" if laid.has_splits else _how(share, divide),
        notes=notes,
    )


def _read(
    folder: Path, laid: Layout, how: Reading, split: str, limit: int | None, share: float | None, divide: str
) -> tuple[Unpacked, np.ndarray, list[int]]:
    """The set with the pixels of the split, which of its good images are for testing, and the files of the split."""
    before = not how.draft
    read = _unpacked(laid, how)
    if not before:
        read.refuse(range(len(laid.files)))
    while True:
        good = list(range(len(laid.files))) if before and not how.skip_broken else read.good()
        if not good:
            raise UserError(f"All {len(laid.files):,} images in {folder} are broken; the first one {read.broken[0]}.")
        if laid.has_splits:
            tests = np.array([laid.sides[i] == "test" for i in good])
        elif divide == "position":
            tests = by_position(len(good), share)
        else:
            tests = held_out([read.headers[i].digest for i in good], TENTH if share is None else share)
        parts = {name: [good[i] for i in side(tests, name)] for name in ("train", "test", "all")}
        if not parts[split]:
            raise UserError(
                f"{folder} has no image for the split {split!r}: add images, or name a test set with {how.flag}test."
            )
        chosen = [parts[split][i] for i in limited(len(parts[split]), limit)]
        if read.has(chosen):
            return read, tests, chosen
        both = list(dict.fromkeys([*(parts["train"] if limit is None else chosen), *parts["test"]]))
        read.unpack(both if not before and read.fits(both) else chosen, chosen if before else good)


def _unpacked(laid: Layout, how: Reading) -> Unpacked:
    """The set with its headers read; the one of the last call if its files are the same."""
    if not (_last and _last[0].how == how and how.draft and _placed(_last[0].files) == _placed(laid.files)):
        _last[:] = [Unpacked(tuple(laid.files), how)]
    return _last[0]


def _placed(files: Sequence[File]) -> list[File]:
    """The files with absolute paths: a run names its folder by one, and a person perhaps not."""
    return [replace(file, path=os.path.abspath(file.path)) for file in files]


def _notes(laid: Layout, below: Scan, read: Unpacked) -> list[str]:
    """What the line has besides the counts, the size and the classes."""
    notes, n = list(laid.notes), len(read.good())
    if read.colour and read.colour < n and read.looked_at == n:
        notes.append(f"{read.colour:,} of them in colour, the others grey")
    if 0 < read.brightest < DARK_BYTES:  # rather masks, or 12 bits in files of 16
        notes.append(f"all levels lie in 0..{read.brightest} of 255: if they are not meant to be so dark, stretch them")
    if made := _made(read):
        notes.append(made)
    if copies := _copies(laid, read):
        notes.append(f"{copies:,} test {'image is a copy' if copies == 1 else 'images are copies'} of training images")
    if read.transparent:
        lost = f" ({len(read.vanished):,} have its colour alone)" if read.vanished else ""
        notes.append(f"{read.transparent:,} transparent, on {read.how.background}{lost}")
    if frames := sum(read.headers[i].frames for i in read.good()):
        notes.append(f"the first frame of {counted(frames, 'file')} with several")
    if read.broken:
        names = few([read.files[i].name() for i in sorted(read.broken)])
        notes.append(f"{counted(len(read.broken), 'file')} that cannot be read skipped ({names})")
    if skipped := in_words(below.skipped):
        notes.append(skipped)
    if empty := below.empty_folders():
        names = few([printable("/".join(place)) for place in empty])
        notes.append(f"{counted(len(empty), 'folder')} without images ({names})")
    return notes


def _made(read: Unpacked) -> str:
    """ "resized from 490 sizes, 12 of them enlarged"; empty if every image has the size already."""
    size, heads = read.how.size, [read.headers[i] for i in read.good()]
    sizes = {(head.width, head.height) for head in heads}
    if size is None or sizes == {(size, size)}:
        return ""
    width, height = min(sizes)
    smaller = sum(min(head.width, head.height) < size for head in heads)
    what = f"{width}x{height}" if len(sizes) == 1 else f"{len(sizes):,} sizes"
    return f"resized from {what}" + (f", {smaller:,} of {len(heads):,} enlarged" if smaller else "")


def _copies(laid: Layout, read: Unpacked) -> int:
    """Test images whose file is also a training image, where the files show which are for testing."""
    if not laid.has_splits:
        return 0
    train = {read.headers[i].digest for i in read.good() if laid.sides[i] != "test"}
    return sum(laid.sides[i] == "test" and read.headers[i].digest in train for i in read.good())


def _how(share: float | None, divide: str) -> str:
    held = "a tenth" if share is None else f"{share:g}"
    return f"{held} held out, by {'the hash of each file' if divide == 'content' else 'position'}"


def _no_folder(place: Path) -> str:
    if not place.exists():
        return f"There is no folder {place}: give the path of a folder with images."
    if place.suffix.lower() in ARRAYS:
        return f"{place} is a file of arrays, not a folder: name it file:{place}."
    return f"{place} is a file, not a folder: give the path of a folder with images."


def _refuse_none(folder: Path, laid: Layout, below: Scan) -> None:
    """Raise UserError if no image was found; it names what is there, and what helps."""
    if laid.files:
        return
    there = f"; there: {in_words(below.skipped)}" if below.skipped else ""
    kinds = below.skipped.keys()
    if kinds & UNPACK:
        do = "unpack the archive first"
    elif kinds & ARRAYS:
        do = "name a file of arrays by file: and its path"
    elif kinds & CONVERT:
        do = f"convert {', '.join(sorted(kinds & CONVERT))} to PNG or JPEG"
    else:
        do = f"put {', '.join(SUFFIXES)} files into it"
    raise UserError(f"There is no image in {folder}: {do}{there}.")


def _refuse_vanished(read: Unpacked, before: bool) -> None:
    """Raise UserError if most transparent images are all of the background's colour: black drawings on black."""
    if before or len(read.vanished) * 2 <= read.transparent:
        return
    background = read.how.background
    other = "white" if background == "black" else "black"
    raise UserError(
        f"{len(read.vanished):,} of {read.transparent:,} transparent images, {read.files[read.vanished[0]].shown()} "
        f"among them, have only the colour of the background, {background}: "
        f"{setting(read.how.flag, f'background {other}')}."
    )
