"""Images as tensors and as files: uint8 at rest, [-1, 1] in the game.

A batch of images is (N, C, H, W). A single picture, ready for the eye, is uint8 (H, W, C) with C = 1 (grey) or 3 (RGB).
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn import functional

from ayneh.errors import UserError

GREY_OF_GAPS = 48  # darker than any stroke, lighter than the black ground, so that the borders of images show
GREY_OF_TEXT = 230


def to_unit(x: Tensor) -> Tensor:
    """x / 127.5 - 1: uint8 of any shape to float32 in [-1, 1], the range of the generator's tanh."""
    return x.to(torch.float32) / 127.5 - 1.0


def to_uint8(x: Tensor) -> Tensor:
    """round((x + 1) * 127.5), clamped to 0..255: the inverse of ``to_unit`` on all 256 values."""
    return ((x + 1.0) * 127.5).round().clamp(0, 255).to(torch.uint8)


def next_power_of_two(n: int) -> int:
    """The smallest 2^k that is at least n, for n >= 1."""
    return 1 << (n - 1).bit_length()


def pad_to(x: Tensor, size: int, value: float) -> Tensor:
    """(..., H, W) -> (..., size, size), centred, with ``value`` around; an odd pixel goes to the right and bottom.

    Raises UserError when the image is larger than ``size``.
    """
    height, width = x.shape[-2:]
    if max(height, width) > size:
        raise UserError(
            f"An image of {height}x{width} cannot be padded to {size}x{size}: choose a size of at least "
            f"{max(height, width)}, or resize the images."
        )
    top, left = (size - height) // 2, (size - width) // 2
    return functional.pad(x, (left, size - width - left, top, size - height - top), value=value)


def grid(images: Tensor, columns: int | None = None, gap: int = 2) -> Tensor:
    """uint8 (N, C, H, W) -> one picture uint8 (rows H + gaps, columns W + gaps, C), row by row, on dark grey.

    ``columns`` is ceil(sqrt(N)) when not given; ``gap`` is in pixels, around the grid too.
    """
    if images.ndim != 4 or len(images) == 0 or images.shape[1] not in (1, 3):
        raise UserError(f"A grid needs (N >= 1, 1 or 3, H, W) images, not {tuple(images.shape)}.")
    n, channels, height, width = images.shape
    columns = columns or math.isqrt(n - 1) + 1
    rows = -(-n // columns)
    cells = images.new_full((rows * columns, channels, height + gap, width + gap), GREY_OF_GAPS)
    cells[:n, :, gap:, gap:] = images
    cells = cells.view(rows, columns, channels, height + gap, width + gap)
    page = cells.permute(0, 3, 1, 4, 2).reshape(rows * (height + gap), columns * (width + gap), channels)
    # The cells carry their gaps on the left and top; the page still needs those on the right and bottom.
    return functional.pad(page, (0, 0, 0, gap, 0, gap), value=GREY_OF_GAPS)


def captioned(picture: Tensor, caption: str, zoom: int = 1) -> Tensor:
    """The picture uint8 (H, W, C), each pixel ``zoom`` x ``zoom``, with the caption below; the font is Pillow's own.

    The caption stays on one line where a legible size fits the width, else it is broken at its runs of spaces;
    a single part that is still too long widens the page.
    """
    image = to_pil(zoomed(picture, zoom))
    text, font = _fit_caption(caption, image.width - 2 * _MARGIN)
    ruler = ImageDraw.Draw(image)
    left, top, right, bottom = ruler.multiline_textbbox((0, 0), text, font=font)
    page_width = max(image.width, math.ceil(right - left) + 2 * _MARGIN)
    page_height = image.height + math.ceil(bottom - top) + 2 * _MARGIN
    page = Image.new(image.mode, (page_width, page_height), _shade(image.mode, GREY_OF_GAPS))
    page.paste(image, ((page_width - image.width) // 2, 0))
    ImageDraw.Draw(page).multiline_text(
        (_MARGIN - left, image.height + _MARGIN - top), text, font=font, fill=_shade(image.mode, GREY_OF_TEXT)
    )
    return from_pil(page)


def zoomed(picture: Tensor, zoom: int) -> Tensor:
    """Every pixel of (H, W, C) becomes ``zoom`` x ``zoom`` pixels."""
    return picture.repeat_interleave(zoom, dim=0).repeat_interleave(zoom, dim=1)


_MARGIN = 6  # pixels around a caption
_FONT_SIZES = (16, 15, 14, 13, 12)  # pixels; below 12 the long losses are hard to read


def _fit_caption(caption: str, width: int) -> tuple[str, ImageFont.FreeTypeFont | ImageFont.ImageFont]:
    """The caption, broken into lines if it must be, and the largest font with which it fits ``width`` pixels."""
    fonts = [ImageFont.load_default(size) for size in _FONT_SIZES]
    for font in fonts:
        if font.getbbox(caption)[2] <= width:
            return caption, font
    lines = "\n".join(re.split(r"\s{2,}", caption.strip()))
    return lines, fonts[-1]


def _shade(mode: str, level: int) -> int | tuple[int, int, int]:
    return level if mode == "L" else (level, level, level)


def to_pil(picture: Tensor) -> Image.Image:
    """uint8 (H, W, 1 or 3) -> a Pillow image of mode L or RGB."""
    if picture.ndim != 3 or picture.shape[2] not in (1, 3) or picture.dtype != torch.uint8:
        raise UserError(
            f"A picture is uint8 of shape (H, W, 1 or 3), not {picture.dtype} {tuple(picture.shape)}."
        )
    array = picture.cpu().numpy()
    return Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)


def from_pil(image: Image.Image) -> Tensor:
    """A Pillow image of mode L or RGB -> uint8 (H, W, 1 or 3)."""
    array = np.array(image)
    return torch.from_numpy(array[:, :, None] if array.ndim == 2 else array)


@contextmanager
def atomically(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes the name ``path`` only when it is complete, so that no reader ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def save_png(path: Path, picture: Tensor, caption: str | None = None, zoom: int = 1) -> None:
    """Write uint8 (H, W, C), C = 1 or 3, with a caption under it, enlarged without smoothing; atomic."""
    picture = zoomed(picture, zoom) if caption is None else captioned(picture, caption, zoom)
    image = to_pil(picture)
    with atomically(path) as file:
        image.save(file, "PNG")


def save_animation(path: Path, frames: Sequence[Tensor], milliseconds: int) -> None:
    """Write uint8 (H, W, C) frames as an endless .gif or .webp, ``milliseconds`` per frame; atomic.

    A GIF has 256 colours and times in steps of 10 ms, so grey frames are exact and colours are not; WebP is lossless.
    """
    suffix = path.suffix.lower()
    if suffix not in (".gif", ".webp"):
        raise UserError(f"An animation is a .gif or a .webp file, not {path.name!r}.")
    if len({tuple(frame.shape) for frame in frames}) != 1:
        raise UserError(f"An animation needs frames of one size; {path} was given {len(frames)} that differ.")
    first, *rest = [to_pil(frame) for frame in frames]
    options = {"lossless": True} if suffix == ".webp" else {}
    with atomically(path) as file:
        first.save(
            file, suffix[1:].upper(), save_all=True, append_images=rest, duration=milliseconds, loop=0, **options
        )
