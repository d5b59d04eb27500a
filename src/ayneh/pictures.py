"""Pictures to look at, and images as files: grids, captions, PNG, GIF, arrays.

A batch of images is uint8 (N, C, H, W). A picture is uint8 (H, W, C) with C = 1 (grey) or 3.
"""

from __future__ import annotations

import io
import math
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn import functional

from ayneh.errors import UserError
from ayneh.files.reading import plain_file
from ayneh.files.whole import atomically, refuse_unwritable

GAP = 2  # pixels between the images of a grid, and around them
GREY_OF_GAPS = 48  # darker than any stroke, lighter than the black ground, so that the borders of images show
GREY_OF_TEXT = 230
FONT_SIZES = (17, 13, 11)  # pixels; far apart: captions that differ in a few digits get the same
MARGIN = 6  # pixels around a caption
LONGEST_WORD = 20  # letters beside a picture


def grid(images: Tensor, columns: int | None = None) -> Tensor:
    """uint8 (N, C, H, W) -> one picture, row by row, with `GAP` pixels of dark grey between and around.

    ``columns`` is ceil(sqrt(N)) if not given. Raises UserError for no images and for C other than 1 and 3.
    """
    if images.ndim != 4 or len(images) == 0 or images.shape[1] not in (1, 3):
        raise UserError(f"A grid is made of images (N >= 1, 1 or 3, H, W), not of {tuple(images.shape)}.")
    n, channels, height, width = images.shape
    columns = math.isqrt(n - 1) + 1 if columns is None else columns
    if columns < 1:
        raise UserError(f"A grid cannot have {columns} columns: choose at least 1.")
    rows = math.ceil(n / columns)
    cells = images.new_full((rows * columns, channels, height + GAP, width + GAP), GREY_OF_GAPS)
    cells[:n, :, GAP:, GAP:] = images  # each cell has its gap on the left and top
    cells = cells.view(rows, columns, channels, height + GAP, width + GAP)
    page = cells.permute(0, 3, 1, 4, 2).reshape(rows * (height + GAP), columns * (width + GAP), channels)
    return functional.pad(page, (0, 0, 0, GAP, 0, GAP), value=GREY_OF_GAPS)


def zoomed(picture: Tensor, zoom: int) -> Tensor:
    """Each pixel of a picture (H, W, C) as zoom x zoom pixels, so that small digits can be read."""
    return picture.repeat_interleave(zoom, dim=0).repeat_interleave(zoom, dim=1)


def captioned(picture: Tensor, caption: str) -> Tensor:
    """The picture uint8 (H, W, C) with a caption below it, in the typeface that comes with Pillow.

    The caption stays on one line, its spaces kept, if a legible size fits the width. Else it is broken at its
    runs of spaces, and the page becomes as wide as the longest part. The picture is in the top left corner.
    """
    image = _to_pil(picture)
    text, font = _fit_caption(caption, image.width - 2 * MARGIN)
    left, top, right, bottom = _text_box(text, font)
    width = max(image.width, right - left + 2 * MARGIN)
    page = Image.new("RGB", (width, image.height + bottom - top + 2 * MARGIN), (GREY_OF_GAPS,) * 3)
    page.paste(image)
    at = (MARGIN - left, image.height + MARGIN - top)
    ImageDraw.Draw(page).multiline_text(at, text, font=font, fill=(GREY_OF_TEXT,) * 3)
    return _from_pil(page.convert(image.mode))


def beside(picture: Tensor, words: Sequence[tuple[str, int]]) -> Tensor:
    """The picture uint8 (H, W, C) with words at its left, from above: each beside so many rows of the grid.

    The rows of all words together are those of the grid.
    """
    image, rows = _to_pil(picture), sum(count for _, count in words)
    height = image.height / rows  # of one row
    font = ImageFont.load_default(next((size for size in FONT_SIZES if size + 2 <= height), FONT_SIZES[-1]))
    boxes = [_text_box(text, font) for text, _ in words]
    margin = max(right - left for left, _, right, _ in boxes) + 2 * MARGIN
    page = Image.new("RGB", (margin + image.width, image.height), (GREY_OF_GAPS,) * 3)
    page.paste(image, (margin, 0))
    pen, above = ImageDraw.Draw(page), 0
    for (_, _, right, _), (text, count) in zip(boxes, words, strict=True):
        middle = round((above + count / 2) * height)
        pen.text((margin - MARGIN - right, middle), text, font=font, fill=(GREY_OF_TEXT,) * 3, anchor="lm")
        above += count
    return _from_pil(page.convert(image.mode))


def legible(word: str, number: int) -> str:
    """A word in letters that Pillow's typeface has: digits of any script as 0 to 9, letters without their accents.

    If it lacks another letter, ``number`` stands for the word. A long word ends in "…".
    """
    font = ImageFont.load_default(FONT_SIZES[0])
    plain = "".join(str(unicodedata.digit(letter, letter)) for letter in word.strip())
    bare = "".join(letter for letter in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(letter))
    for text in (plain, bare):
        if text and not any(_lacks(font, letter) for letter in text):
            return text if len(text) <= LONGEST_WORD else f"{text[: LONGEST_WORD - 1].rstrip()}…"
    return str(number)


def _lacks(font: Font, letter: str) -> bool:
    """Whether the typeface shows the box of missing letters for this one."""
    missing, own = font.getmask("\uffff"), font.getmask(letter)
    return letter != " " and own.size == missing.size and bytes(own) == bytes(missing)


Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def _fit_caption(caption: str, width: int) -> tuple[str, Font]:
    """The caption, with line breaks if it needs them, and the largest font for ``width`` pixels."""
    fonts = [ImageFont.load_default(size) for size in FONT_SIZES]
    for font in fonts:
        left, _, right, _ = _text_box(caption, font)
        if right - left <= width:
            return caption, font
    return re.sub(r"\s{2,}", "\n", caption.strip()), fonts[-1]


def _text_box(text: str, font: Font) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the text in pixels, rounded outwards."""
    ruler = ImageDraw.Draw(Image.new("L", (1, 1)))
    left, top, right, bottom = ruler.multiline_textbbox((0, 0), text, font=font)
    return math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom)


def _to_pil(picture: Tensor) -> Image.Image:
    """uint8 (H, W, 1 or 3) -> a Pillow image of mode L or RGB."""
    if picture.ndim != 3 or picture.shape[2] not in (1, 3) or picture.dtype != torch.uint8:
        raise UserError(f"A picture is uint8 (H, W, 1 or 3), not {picture.dtype} {tuple(picture.shape)}.")
    array = picture.cpu().numpy()
    return Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)


def _from_pil(image: Image.Image) -> Tensor:
    """A Pillow image of mode L or RGB -> uint8 (H, W, 1 or 3)."""
    array = np.array(image)
    return torch.from_numpy(array[:, :, None] if array.ndim == 2 else array)


def png(picture: Tensor, caption: str | None = None, zoom: int = 1, words: Sequence[tuple[str, int]] = ()) -> bytes:
    """A picture uint8 (H, W, C) as a PNG, each pixel as zoom x zoom pixels, with a caption below it.

    words: at the left of its rows, as `beside` takes them.
    """
    picture, out = zoomed(picture, zoom), io.BytesIO()
    picture = beside(picture, words) if words else picture
    _to_pil(picture if caption is None else captioned(picture, caption)).save(out, "PNG")
    return out.getvalue()


def save_png(
    path: Path, picture: Tensor, caption: str | None = None, zoom: int = 1, words: Sequence[tuple[str, int]] = ()
) -> None:
    """Write that PNG into a file; atomic."""
    with atomically(path) as file:
        file.write(png(picture, caption, zoom, words))


def load_png(path: Path) -> Tensor:
    """The picture uint8 (H, W, C) in a file that ``save_png`` wrote. Raises UserError if it is damaged."""
    try:
        plain_file(path)
        with Image.open(path, formats=["PNG"]) as image:
            return _from_pil(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(f"{path} cannot be read as a picture ({error}).") from error


def save_animation(path: Path, frames: Sequence[Tensor], milliseconds: int) -> None:
    """Write pictures uint8 (H, W, C) as an endless .gif or .webp, each shown for so long; atomic.

    Smaller frames get dark grey on the right and below, for captions differ in length. Grey is exact in both
    formats; a GIF has 256 colours per frame and counts time in steps of 10 ms. Raises UserError for no frames
    and for another suffix.
    """
    form = path.suffix.lower().removeprefix(".").upper()
    if form not in ("GIF", "WEBP"):
        raise UserError(f"An animation is a .gif or a .webp file, not {path}.")
    if not frames:
        raise UserError(f"The animation {path} has no frames: it needs at least one picture.")
    with atomically(path) as file:
        file.write(animated(frames, milliseconds, form))


def animated(frames: Sequence[Tensor], milliseconds: int, form: str = "GIF") -> bytes:
    """That animation as the bytes of a GIF or WEBP file; at least one frame."""
    height, width = (max(frame.shape[axis] for frame in frames) for axis in (0, 1))
    pages = [
        functional.pad(frame, (0, 0, 0, width - frame.shape[1], 0, height - frame.shape[0]), value=GREY_OF_GAPS)
        for frame in frames
    ]
    first, *others = [_to_pil(page) for page in pages]
    options: dict[str, Any] = {"append_images": others, "duration": milliseconds, "loop": 0}
    out = io.BytesIO()
    first.save(out, form, save_all=True, **options, **({"lossless": True} if form == "WEBP" else {}))
    return out.getvalue()


def save_images(path: Path, images: Tensor) -> None:
    """Write uint8 (N, C, H, W) in the form that the suffix names; `data.sources.load` reads all but the grid.

    .npz: the array "images" (N, H, W, C), the layout of image programs; .npy: the same array; .png: one grid;
    no suffix: a folder of PNGs named by number. Raises UserError where `refuse_place` does.
    """
    refuse_place(path)
    channels_last = images.cpu().permute(0, 2, 3, 1).contiguous()
    suffix = path.suffix.lower()
    if suffix in (".npz", ".npy"):
        with atomically(path) as file:
            if suffix == ".npz":
                np.savez(file, images=channels_last.numpy())
            else:
                np.save(file, channels_last.numpy())
    elif suffix == ".png":
        save_png(path, grid(images))
    else:
        places = len(str(len(images) - 1))
        for number, picture in enumerate(channels_last):
            save_png(path / f"{number:0{places}d}.png", picture)


def refuse_place(path: Path, classes: bool = False) -> None:
    """Raise UserError unless images can be saved there, before they are made. classes: a folder would have some, too.

    Refused are other suffixes, places that cannot be written, and a folder with PNGs, since old and new ones would mix.
    """
    suffix = path.suffix.lower()
    if suffix not in (".npz", ".npy", ".png", ""):
        raise UserError(f"Images cannot be saved as {path}: end it in .npz, .npy or .png, or in nothing for a folder.")
    if not suffix and (path.is_file() or any(path.glob("*.png")) or (classes and any(path.glob("*/*.png")))):
        raise UserError(f"{path} is a file or a folder with PNGs in it: choose another, or remove them.")
    refuse_unwritable(path if suffix else path / "0.png")
