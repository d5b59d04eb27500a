"""Images from anywhere, made like those of a data set: its channels, its size, without a frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ayneh.errors import UserError

if TYPE_CHECKING:  # torch takes seconds to import: functions import it when they need it
    from torch import Tensor

    from ayneh.judge.verdict import Judge


@dataclass(frozen=True)
class Alike:
    """Images made like those of a data set: uint8 (N, C, S, S)."""

    pixels: Tensor
    notes: tuple[str, ...] = ()  # what was done, a sentence each
    scaled_from: int | None = None  # pixels a side before they were scaled to the data's size
    again: Callable[[Tensor], Tensor] | None = None  # brings images of the data to that size and back


def as_the_data(images: Tensor, judge: Judge, middle: int | None = None) -> Alike:
    """Images uint8 (N, C, H, W) with the channels and the size of the judge's data.

    A frame is taken off where ``middle`` is given or it is black in every image; else images of another size are scaled
    as a whole, and never both. Raises UserError for images that are not square, or have colours that the data lack.
    """
    from ayneh.data.resize import resized
    from ayneh.game.frame import take

    images, notes = _channels(images, judge)
    height, width, side = *images.shape[2:], judge.side
    if height != width:
        raise UserError(
            f"The images are {width}x{height} pixels (width x height) and the judge of {judge.data} takes squares: "
            f"--resize {side} takes the central square of each and scales it."
        )
    if middle is not None and not 1 <= middle <= height:
        raise UserError(
            f"--middle is {middle}; the images have {height} pixels a side: it must lie between 1 and that."
        )
    if middle is not None:
        images = take(images, middle)
        notes += (f"The middle {middle}x{middle} of {height}x{height} pixels are judged.",)
    elif height > side and _black_around(images, side):
        images = take(images, side)
        notes += (
            f"The border, black in every image, is cut: {height}x{height} to {side}x{side} pixels. "
            f"(--resize {side} scales the images instead.)",
        )
    size = images.shape[-1]
    if size == side:
        return Alike(images, notes)
    framed = f" Where they are framed, --middle {side} cuts the frame." if size > side else ""
    notes += (
        f"The images are scaled from {size}x{size} pixels to the {side}x{side} of {judge.data}: --resize {size} "
        f"compares them with real images of their own size instead.{framed}",
    )
    return Alike(resized(images, side), notes, size, lambda real: resized(resized(real, size), side))


def _black_around(images: Tensor, side: int) -> bool:
    """Whether everything but the middle is black in all images."""
    from ayneh.game.frame import put, take

    return bool((images.amax(0) == put(take(images, side).amax(0), images.shape[-1])).all())


def _channels(images: Tensor, judge: Judge) -> tuple[Tensor, tuple[str, ...]]:
    """The images with the data's channels, if nothing is lost by it, and a sentence where they had others."""
    theirs, ours = images.shape[1], judge.reference.test.shape[1]
    if theirs == 3 and ours == 1 and bool((images == images[:, :1]).all()):
        return images[:, :1], (f"The three channels of the images are equal: one is judged, as {judge.data} is grey.",)
    if theirs == 1 and ours == 3:
        words = f"The images are grey and {judge.data} has colours: their channel is taken three times."
        return images.expand(-1, 3, -1, -1), (words,)
    if theirs != ours:
        kinds = ["grey" if n == 1 else "in colour" if n == 3 else f"of {n} channels" for n in (theirs, ours)]
        raise UserError(
            f"The images are {kinds[0]} and those of {judge.data} are {kinds[1]}: convert them, or name the data that "
            "they imitate with --data."
        )
    return images, ()
