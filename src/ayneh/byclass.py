"""Pictures of labelled images: the images of a class in rows of their own, with its name at the left."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ayneh.evenly import evenly
from ayneh.files.whole import atomically
from ayneh.pictures import GREY_OF_GAPS, grid, legible, refuse_place, save_png
from ayneh.pictures import save_images as save_plain

if TYPE_CHECKING:
    from ayneh.engine.sampler import Sampler

LEGIBLE = 16  # pixels that an image has at least beside the name of its class


@dataclass(frozen=True)
class Rows:
    """Which classes a picture shows, from above, in how many rows each, of how many images."""

    classes: tuple[int, ...]
    each: int
    columns: int


@dataclass(frozen=True)
class Sheet:
    """A picture uint8 (H, W, C); the words at the left of its rows, each with its number of rows; a note."""

    picture: Tensor
    words: tuple[tuple[str, int], ...] = ()
    note: str = ""


def columns_of(images: int) -> int:
    """Columns of a picture of so many images: those of a square."""
    return math.isqrt(images - 1) + 1


def fits(classes: int, images: int) -> bool:
    """Whether a picture of so many images has a row for each class: at most twice as many rows as columns."""
    return classes <= 2 * columns_of(images)


def rows_of(classes: int, images: int) -> Rows:
    """The rows of a picture of about so many images, of so many classes.

    It has the columns of a square of images. Few classes have several rows each, so that it stays about a square. Up to
    twice as many classes as columns have a row each; of more, as many as there are columns are shown, evenly through
    their numbers, the first and the last among them.

    >>> rows_of(10, 64)
    Rows(classes=(0, 1, 2, 3, 4, 5, 6, 7, 8, 9), each=1, columns=8)
    >>> rows_of(2, 64).each, rows_of(1000, 64).classes
    (4, (0, 143, 285, 428, 571, 714, 856, 999))
    """
    columns = columns_of(images)
    if fits(classes, images):
        return Rows(tuple(range(classes)), max(1, round(columns / classes)), columns)
    return Rows(tuple(evenly(range(classes), columns)), 1, columns)


def sheet_of(sampler: Sampler, images: int) -> Sheet:
    """The picture of a run's fixed noise: of a labelled run, rows of each class from the same latents.

    So a column shows one z as every class. images: their number; of a labelled run about so many, as `rows_of` has it.
    """
    labels = sampler.labels
    if labels is None:
        return Sheet(grid(sampler.draw("samples", images)))
    rows = rows_of(labels.count, images)
    n = rows.each * rows.columns
    drawn = [sampler.draw("samples", n, torch.full((n,), number)) for number in rows.classes]
    words = tuple((legible(labels.names[number], number), rows.each) for number in rows.classes)
    return Sheet(grid(torch.cat(drawn), rows.columns), words, note(len(rows.classes), labels.count))


def arranged(images: Tensor, classes: Tensor, names: Sequence[str]) -> Sheet:
    """Images uint8 (N, C, H, W) of these classes, (N,), with the images of each class in rows of their own.

    names: of all classes; those without an image are left out. With more classes than twice the columns of a square
    the images stay as they are in one grid, without words.
    """
    there, counts = classes.unique(return_counts=True)
    if not fits(len(there), len(images)):
        return Sheet(grid(images))
    columns = min(columns_of(len(images)), int(counts.max()))
    return _sheet([(number, images[classes == number]) for number in there.tolist()], names, columns)


def examples(images: Tensor, classes: Tensor, names: Sequence[str], about: int) -> Sheet:
    """The first images of each class, about so many in all, in rows of each class as `rows_of` has it."""
    rows = rows_of(len(names), about)
    n = rows.each * rows.columns
    found = [(number, images[(classes == number).nonzero()[:n, 0]]) for number in rows.classes]
    return replace(_sheet(found, names, rows.columns), note=note(len(rows.classes), len(names)))


def _sheet(groups: Sequence[tuple[int, Tensor]], names: Sequence[str], columns: int) -> Sheet:
    """The images of each class, (number, images), in rows of their own, at least one; empty cells are grey."""
    parts, words = [], []
    for number, own in groups:
        rows = max(1, math.ceil(len(own) / columns))
        parts.append(torch.cat([own, own.new_full((rows * columns - len(own), *own.shape[1:]), GREY_OF_GAPS)]))
        words.append((legible(names[number], number), rows))
    return Sheet(grid(torch.cat(parts), columns), tuple(words))


def note(shown: int, classes: int) -> str:
    """ "8 of 1,000 classes", where a picture does not show all of them; else empty."""
    return f"{shown:,} of {classes:,} classes" if shown < classes else ""


def save_images(path: Path, images: Tensor, classes: Tensor, names: Sequence[str], folders: Sequence[str]) -> None:
    """Write uint8 (N, C, H, W) of these classes, (N,), as `pictures.save_images` does, with the classes.

    .npz: also an array "labels", as `as_given` has it; .png: rows of each class, enlarged where images are small; no
    suffix: a folder for each class, called ``folders[number]``, with its images. An .npy file has images alone.
    """
    refuse_place(path, classes=True)
    suffix = path.suffix.lower()
    if suffix == ".npz":
        with atomically(path) as file:
            pixels = images.permute(0, 2, 3, 1).contiguous().numpy()
            np.savez(file, images=pixels, labels=as_given(classes.numpy(), names))
    elif suffix == ".png":
        sheet = arranged(images, classes, names)
        save_png(path, sheet.picture, zoom=max(1, LEGIBLE // images.shape[-1]), words=sheet.words)
    elif suffix == "":
        places = len(str(len(images) - 1))
        for k, number in enumerate(classes.tolist()):
            save_png(path / folders[number] / f"{k:0{places}d}.png", images[k].permute(1, 2, 0))
    else:
        save_plain(path, images)


def as_given(classes: NDArray[np.int64], names: Sequence[str] | None) -> NDArray[np.int64] | NDArray[np.str_]:
    """Labels (N,) as a file has them: whole numbers where all names are such, else the names; without names as here."""
    if names is None:
        return classes
    whole = all(name.isascii() and name.isdecimal() and name == str(int(name)) for name in names)
    return np.array([int(name) for name in names] if whole else names)[classes]
