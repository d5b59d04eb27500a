"""A person's file of arrays as one set of images: layouts, ranges, labels and the split by one rule for all formats."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from ayneh.data.alike import alike
from ayneh.data.axes import ALPHA, Order, order_of
from ayneh.data.entries import entries
from ayneh.data.found import Found
from ayneh.data.labels import labels_of
from ayneh.data.matlab import matlab_entries
from ayneh.data.naming import choose
from ayneh.data.parquet import read_parquet, shards_in
from ayneh.data.picture import colour_of
from ayneh.data.raw import Raw, raw_of
from ayneh.data.split import TENTH, digest, held_out, side
from ayneh.data.split import by_position as by_position_of
from ayneh.data.table import read_table
from ayneh.errors import UserError
from ayneh.ranges import levels, span_of

READERS: dict[str, Callable[[Path], Raw]] = {  # by the end of a file's name
    ".npz": lambda path: raw_of(choose(entries(path), str(path)), path),
    ".npy": lambda path: raw_of(choose(entries(path), str(path)), path),
    ".mat": lambda path: raw_of(choose(matlab_entries(path), str(path)), path, matlab=True),
    ".csv": read_table,
    ".csv.gz": read_table,
}
PARQUET = ".parquet"
Written = tuple[tuple[tuple[Path, int, int], ...], ...]  # of a set and its test set: path, size, time of each file
SETTLED_NS = 1_000_000_000  # file systems note times a few milliseconds apart; some a second
INSTEAD = {  # what other programs write, and what to do with it
    (".h5", ".hdf5", ".hdf", ".he5"): "HDF5 is not read: open it by h5py and save its arrays by numpy.savez_compressed",
    (".pkl", ".pickle", ".pt", ".pth", ".joblib"): (
        "pickles can run programs and are never opened: load it in Python and save its arrays by numpy.savez_compressed"
    ),
    (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz", ".7z", ".rar"): (
        "archives are not read: unpack it and give its pictures as folder:PATH, or the file inside"
    ),
    (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"): (
        "it is one picture: put all pictures into a folder and give folder:PATH"
    ),
    (".tfrecord", ".arrow", ".feather", ".lmdb", ".beton"): (
        "it is not read: load it in Python and save its arrays by numpy.savez_compressed"
    ),
    (".xlsx", ".xls", ".ods"): "a spreadsheet is not read: save it as .csv",
}


def read_arrays(
    path: Path,
    split: str,
    size: int | None = None,
    *,
    share: float | None = None,
    test: Path | None = None,
    range: tuple[float, float] | None = None,
    background: str = "black",
    by_position: bool = False,
    flag: str = "--data.",
) -> Found:
    """One split of the images in a file, uint8 (N, C, H, W), with their labels and the notes on what was understood.

    The range of values is decided over all images together. Where the file does not name its test images (as x_test,
    test_images), a ``share`` of them (a tenth) is chosen by content, or ``by_position``, as earlier versions did;
    ``test`` is a file of test images. Pictures of several sizes, in Parquet files, are scaled to ``size`` here; arrays
    keep their size. ``flag`` begins the settings' names in a message.
    Raises UserError for a missing, damaged or too large file, and where its meaning is not clear.
    """
    how = Reading(path, test, size, share, range, background, by_position, flag)
    written = None if split == "all" else _written(path, test)
    found = _whole(how).part(split) if written is None else _halves(how, written)[split]
    if len(found.pixels) == 0:
        raise UserError(f"{path} has no image to {split}{' on' if split == 'train' else ''}: add images.")
    return found


@dataclass(frozen=True)
class Reading:
    """What is read, and how: the arguments of `read_arrays`. Those that are compared leave out the paths as given."""

    path: Path = field(compare=False)
    test: Path | None = field(compare=False)
    size: int | None
    share: float | None
    range: tuple[float, float] | None
    background: str
    by_position: bool
    flag: str


@dataclass(frozen=True)
class Whole:
    """All images of a set, which of them are for testing, how these were chosen, and notes."""

    pixels: np.ndarray  # uint8 (N, C, H, W)
    labels: np.ndarray | None  # int64 (N,)
    names: tuple[str, ...] | None
    is_test: np.ndarray  # bool (N,)
    how: str
    notes: tuple[str, ...]

    def part(self, split: str) -> Found:
        """The images of train, test or all, which may be none."""
        chosen, tests = side(self.is_test, split), int(self.is_test.sum())
        taken = self.pixels if len(chosen) == len(self.pixels) else self.pixels[chosen]
        labels = None if self.labels is None else self.labels[chosen]
        return Found(taken, labels, self.names, len(self.pixels) - tests, tests, self.how, self.notes)


@lru_cache(maxsize=1)  # a verb asks for train, then for test
def _halves(how: Reading, written: Written) -> dict[str, Found]:
    """Both splits. written: shows that the files are the same as before."""
    whole = _whole(how)
    return {split: whole.part(split) for split in ("train", "test")}


def _written(*paths: Path | None) -> Written | None:
    """Of each path its files; None where one is missing, or so new that its time may not show a change."""
    try:
        found = tuple(tuple(map(_stamp, shards_in(path) if path.is_dir() else [path])) for path in paths if path)
    except OSError:
        return None
    now = time.time_ns()
    return found if all(abs(now - stamp[2]) > SETTLED_NS for stamps in found for stamp in stamps) else None


def _stamp(file: Path) -> tuple[Path, int, int]:
    at = file.stat()
    return file.absolute(), at.st_size, at.st_mtime_ns


def _whole(how: Reading) -> Whole:
    raw = read(how.path, how.size, how.background, how.flag)
    if how.test is not None:
        raw = raw.with_test(read(how.test, how.size, how.background, how.flag), how.test)
    return whole_of(raw, how)


def whole_of(raw: Raw, how: Reading) -> Whole:
    """Arrays as a set: uint8, their labels as classes, divided. Raises UserError where their meaning is not clear."""
    share = how.share
    if how.test is None and share is not None and raw.test_names:
        raise UserError(f"{how.path} has test images of its own ({raw.test_names}): leave {how.flag}test out.")
    pixels, notes = _pixels(raw, how)
    labels = None
    if all(part.labels is not None for part in raw.parts):
        found = [(part.labels, len(own), part.labels_at) for part, own in zip(raw.parts, pixels, strict=True)]
        given = [(array, n, where) for array, n, where in found if array is not None]
        labels = labels_of(given, raw.names, raw.names_asked, raw.names_kept)
        notes += labels.notes
    elif any(part.labels is not None for part in raw.parts):
        notes += ("labels are not used: some images have none",)
    if any(part.side for part in raw.parts):
        is_test, chosen = np.repeat([part.side == "test" for part in raw.parts], [len(own) for own in pixels]), ""
    else:
        held = "a tenth" if share is None else f"{share:.3g} of them"
        chosen = f"{held}, by {'position' if how.by_position else 'content'}"
        if how.by_position:
            is_test = by_position_of(sum(map(len, pixels)), share)
        else:
            is_test = held_out([digest(image) for own in pixels for image in own], TENTH if share is None else share)
    everything = pixels[0] if len(pixels) == 1 else np.concatenate(pixels)
    targets = np.concatenate(labels.parts) if labels and labels.parts else None
    return Whole(everything, targets, labels.names if labels else None, is_test, chosen, notes)


def read(path: Path, size: int | None, background: str, flag: str) -> Raw:
    """The arrays of a file as they are in it. Raises UserError for a file of a kind that is not read."""
    name = path.name.lower()
    if not path.exists():
        raise UserError(f"There is no file {path}: give the path of {kinds()} file.")
    for ends, instead in INSTEAD.items():
        if name.endswith(ends):
            raise UserError(f"{path} cannot be read as arrays; {instead}.")
    if name.endswith(PARQUET) or (path.is_dir() and shards_in(path)):
        return read_parquet(path, size, background, flag)
    if path.is_dir():
        raise UserError(f"{path} is a folder: give folder:PATH for pictures, or the path of {kinds()} file.")
    if not path.is_file():
        raise UserError(f"{path} is not a plain file: give the path of {kinds()} file.")
    for end, reader in READERS.items():
        if name.endswith(end):
            return reader(path)
    raise UserError(f"{path} is of no kind that is read: give {kinds()} file, or folder:PATH for pictures.")


def kinds() -> str:
    """ "an .npz, .npy, ... or .parquet": the kinds of files that are read."""
    return f"an {', '.join(READERS)} or {PARQUET}"


def _pixels(raw: Raw, how: Reading) -> tuple[list[np.ndarray], tuple[str, ...]]:
    """uint8 (N, C, H, W) of each part, and notes."""
    arrays = [part.images for part in raw.parts]
    where = f"{how.path}: {raw.parts[0].name}" if len(raw.parts) == 1 else str(how.path)
    orders = _orders(raw, where)
    shapes = [order.shape(array.shape)[1:] for order, array in zip(orders, arrays, strict=True)]
    _refuse_unlike(raw, shapes, how.path)
    span = span_of(arrays, where, how.range, f"{how.flag}range {{}} {{}}")
    pixels = [np.ascontiguousarray(order.to(levels(array, span))) for order, array in zip(orders, arrays, strict=True)]
    said = dict.fromkeys(order.note.format(h=shapes[0][1], w=shapes[0][2]) for order in orders if order.note)
    notes = [*raw.notes, *said, *span.notes]
    if any(shape[0] == ALPHA for shape in shapes):
        colour = colour_of(how.background, how.flag)
        pixels = [_over(part, colour) if part.shape[1] == ALPHA else part for part in pixels]
        notes.append(f"4 channels are taken as colour with transparency, laid over {how.background}")
    pixels, said_of_colour = alike(pixels, [part.pictures for part in raw.parts])
    return pixels, (*notes, *said_of_colour)


def _refuse_unlike(raw: Raw, shapes: Sequence[tuple[int, ...]], path: Path) -> None:
    """Raise UserError where parts differ in size, or one is grey and one in colour, which pictures alone may be."""
    for part, shape in zip(raw.parts, shapes, strict=True):
        opaque = [(min(one[0], 3), *one[1:]) for one in (shapes[0], shape)]  # a fourth channel is no colour
        grown = part.pictures or raw.parts[0].pictures
        if opaque[0][1:] != opaque[1][1:] or (opaque[0] != opaque[1] and not grown):
            raise UserError(
                f"{path}: {raw.parts[0].name} has images {shapes[0]} but {part.name} {shape} (channels, height, "
                "width): save both in one shape."
            )


def _orders(raw: Raw, where: str) -> list[Order]:
    """The order of axes of each part: one for all that have as many axes."""
    found: dict[int, Order] = {}
    for part in raw.parts:
        if part.images.ndim not in found:
            alike = [other for other in raw.parts if other.images.ndim == part.images.ndim]
            images, counts = [other.images for other in alike], [other.count for other in alike]
            found[part.images.ndim] = order_of(images, where, counts, raw.matlab)
    return [found[part.images.ndim] for part in raw.parts]


def _over(pixels: np.ndarray, colour: tuple[int, ...]) -> np.ndarray:
    """(N, 4, H, W), the last channel how opaque -> (N, 3, H, W) over a colour."""
    below = np.array(colour, np.float32)[:, None, None]
    result = np.empty((len(pixels), 3, *pixels.shape[2:]), np.uint8)
    for to, image in zip(result, pixels, strict=True):
        opaque = image[3:].astype(np.float32) / 255
        to[...] = np.round(image[:3] * opaque + below * (1 - opaque))
    return result
