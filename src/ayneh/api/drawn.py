"""Images as grids, pictures as HTML, sets as files: what the objects of this room show and save."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ayneh.api.pictures import Animation, Picture
from ayneh.byclass import as_given, examples
from ayneh.data.labels import labels_of
from ayneh.data.naming import NAMES
from ayneh.errors import UserError
from ayneh.files.whole import atomically
from ayneh.pages.sheet import data_address, read_picture
from ayneh.pictures import animated, grid, png
from ayneh.record.visited import Visited
from ayneh.terminal.progress import Terminal

if TYPE_CHECKING:
    from torch import Tensor

    from ayneh.data.arrays import Whole
    from ayneh.data.sources import Images as Read

SIDE = 64  # pixels that an image has at least, as it is shown


def grid_of(images: Tensor, title: str) -> Picture:
    """uint8 (N, C, H, W) as a grid, small images enlarged."""
    return Picture(read_picture(png(grid(images), zoom=max(1, SIDE // images.shape[-1]))), title)


def examples_of(images: Tensor, classes: Tensor, names: Sequence[str], n: int, title: str) -> Picture:
    """About n images, the first of each class, in rows of each with its name, small images enlarged."""
    sheet = examples(images, classes, names, n)
    image = read_picture(png(sheet.picture, None, max(1, SIDE // images.shape[-1]), sheet.words))
    return Picture(image, ", ".join(filter(None, (title, sheet.note))))


def picture_of(record: Visited, epoch: int | None, replica: int) -> Picture:
    """A run's picture after this epoch (None: its last one). Raises UserError if there is none."""
    found = record.pictures(replica, record.config().seeds)
    if not found:
        raise UserError(f"{record.folder} has no picture yet: train an epoch first.")
    at = max(found) if epoch is None else epoch
    if at not in found:
        raise UserError(f"{record.folder} has no picture of epoch {at}; there are: {', '.join(map(str, found))}.")
    return Picture(read_picture(record.picture(found[at])), f"{record.folder.name}, epoch {at}")


SHORTEST, LONGEST = 10, 655_350  # milliseconds of a picture: GIF counts hundredths of a second in two bytes


def animation_of(record: Visited, replica: int, milliseconds: int) -> Animation:
    """A run's pictures one after another. Raises UserError if there is none, and for a time that no GIF has."""
    from ayneh.training.fit import frames_of

    if not SHORTEST <= milliseconds <= LONGEST:
        raise UserError(
            f"milliseconds is {milliseconds:,}; a GIF shows each picture for {SHORTEST} to {LONGEST:,} of them."
        )

    frames = frames_of(record, replica, record.config().seeds, Terminal().say)
    if not frames:
        raise UserError(f"{record.folder} has no picture yet: train an epoch first.")
    return Animation(animated(frames, milliseconds), len(frames))


def as_html(picture: Picture, words: str) -> str:
    """A picture with a line below it."""
    return f'<img src="{data_address(picture.image)}"><p>{html.escape(words)}</p>'


def save_set(path: Path, whole: Whole | None, train: Read, test: Read) -> Path:
    """Write a set into an .npz file, with the names by which `data.arrays` reads it; the path."""
    if path.suffix.lower() != ".npz":
        raise UserError(f"Images cannot be saved as {path}: end it in .npz.")
    if whole is not None:
        halves = {side: whole.part(side) for side in ("train", "test")}
        found = {side: (half.pixels, half.labels) for side, half in halves.items()}
    else:
        found = {
            side: (half.pixels.numpy(), None if half.labels is None else half.labels.numpy())
            for side, half in (("train", train), ("test", test))
        }
    names = whole.names if whole else train.names
    plain = names is None or _are_read_alike(names)
    arrays: dict[str, Any] = {}
    for side, (pixels, labels) in found.items():
        if not len(pixels):
            continue
        arrays |= {f"x_{side}": np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))}
        if labels is not None:
            arrays |= {f"y_{side}": as_given(labels, names) if plain else labels}
            arrays |= {} if plain else {NAMES: np.array(names)}
    with atomically(path) as file:
        np.savez_compressed(file, **arrays)
    return path


def _are_read_alike(names: tuple[str, ...]) -> bool:
    """Whether labels that are names alone are read as the same classes in the same order, and not as sorted ones."""
    try:
        read = labels_of([(as_given(np.arange(len(names)), names), len(names), "")])
    except UserError:  # numbers beyond those that a label can be
        return False
    return read.names == names and read.parts is not None and bool((read.parts[0] == np.arange(len(names))).all())
