"""One image file: its header, and its pixels. Sizes are checked before anything is unpacked."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageColor, ImageOps, UnidentifiedImageError

from ayneh.data.resize import fit
from ayneh.data.scan import File
from ayneh.data.split import digest
from ayneh.errors import UserError
from ayneh.files.inside import MOST_PIXELS

Image.init()  # all kinds that this Pillow was built for
FORMATS = tuple(kind for kind in ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM") if kind in Image.OPEN)
ANIMATED = ("PNG", "WEBP", "GIF", "TIFF")  # not MPO: its other frames are previews of a photograph
MOST_FILE_BYTES = 500_000_000
GREY = {"1", "L", "LA", "La", "I", "F", "I;16", "I;16L", "I;16B", "I;16N"}  # modes of Pillow
PHOTOMETRIC, WHITE_IS_ZERO = 0x0106, 0  # a tag of TIFF, and its value where 0 is white
ORIENTATION, TURNED = 0x0112, (5, 6, 7, 8)  # the tag in EXIF, and its values that swap width and height
FLAT, SEEN = 16, 128  # levels: a picture of one colour varies by less, the transparency of a drawing by more


class Broken(ValueError):
    """The file cannot be read as an image; the message has the reason, after its path."""


@dataclass(frozen=True)
class Header:
    """What is known of an image before it is unpacked."""

    digest: bytes  # of the file's bytes
    width: int
    height: int
    colour: bool  # it may be: grey images are often written in colour
    frames: bool  # there are several, of which the first is read


@dataclass(frozen=True)
class Picture:
    """An unpacked image: uint8 (1, H, W) if it is grey, else (3, H, W)."""

    pixels: np.ndarray
    transparent: bool
    vanished: bool  # its drawing has the colour of the background


def colour_of(background: str, flag: str) -> tuple[int, ...]:
    """(R, G, B) of black, white or #rrggbb. Raises UserError for anything else. flag: what begins the setting's."""
    refusal = UserError(f"{flag}background is {background!r}; it must be black, white or #rrggbb.")
    if background not in ("black", "white") and not (background.startswith("#") and len(background) == 7):
        raise refusal
    try:
        return ImageColor.getrgb(background)[:3]
    except ValueError as error:
        raise refusal from error


def header(file: File, size: int | None) -> Header:
    """Raises Broken if the file is no image or too large to unpack."""
    content = _bytes(file)
    with _opened(content) as image:
        _bound(image, size)
        width, height = image.size
        if image.format != "TIFF" and _orientation(image) in TURNED:  # a TIFF's size is turned already
            width, height = height, width
        colour = image.mode not in GREY
        frames = image.format in ANIMATED and bool(getattr(image, "is_animated", False))
    return Header(digest(content), width, height, colour, frames)


def picture(file: File, size: int | None, background: tuple[int, ...], draft: bool) -> Picture:
    """The first frame, upright; with a ``size`` its central square scaled to size x size. Raises Broken.

    draft: let JPEG leave out detail that the size does not need, which is several times as fast.
    """
    return unpacked(_bytes(file), size, background, draft)


def unpacked(content: bytes, size: int | None, background: tuple[int, ...], draft: bool = True) -> Picture:
    """The same of a file's bytes."""
    with _opened(content) as opened:
        if draft and size:
            _reduce(opened, 2 * size)
        _bound(opened, size)
        opened.load()
        image = upright(black_is_zero(opened))
        alpha = _alpha(image)
        rgb = _on_background(image, background)
        array = np.array(rgb if size is None else fit(rgb, size)).transpose(2, 0, 1)
        varies = 0 if alpha is None else int(np.ptp(np.asarray(rgb), axis=(0, 1)).max())
    vanished = alpha is not None and varies < FLAT and alpha[1] - alpha[0] >= SEEN
    grey = (array[:1] == array[1:]).all()
    return Picture(array[:1] if grey else array, alpha is not None and alpha[0] < 255, vanished)


def _bytes(file: File) -> bytes:
    if file.size > MOST_FILE_BYTES:
        raise Broken(f"has {file.size:,} bytes, and a file may have {MOST_FILE_BYTES:,}")
    if file.size == 0:
        raise Broken("is empty: it has 0 bytes")
    try:
        return Path(file.path).read_bytes()
    except OSError as error:
        raise Broken(f"cannot be read: {error.strerror}") from error


@contextmanager
def _opened(content: bytes) -> Iterator[Image.Image]:
    """The image within; whatever Pillow raises for it becomes Broken."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata, and of sizes, which are checked here
            with Image.open(BytesIO(content), formats=FORMATS) as image:
                yield image
    except Broken:
        raise
    except UnidentifiedImageError as error:
        raise Broken("is not an image of a kind that is read, or its beginning is damaged") from error
    except Image.DecompressionBombError as error:
        raise Broken(f"is too large: an image may have {MOST_PIXELS:,} pixels") from error
    except Exception as error:  # Pillow does not document what its decoders raise for damaged files
        raise Broken(f"cannot be read as an image: {error}") from error


def _bound(image: Image.Image, size: int | None) -> None:
    width, height = image.size
    if size and width * height > MOST_PIXELS:
        _reduce(image, size)
    if image.width * image.height > MOST_PIXELS:
        raise Broken(f"has {width:,} x {height:,} pixels, and an image may have {MOST_PIXELS:,} pixels")


def _reduce(image: Image.Image, side: int) -> None:
    """Let a JPEG be unpacked at a half, a quarter or an eighth, its shorter side no smaller than ``side``."""
    if image.format in ("JPEG", "MPO"):
        scale = side / min(image.size)
        if scale < 1:
            image.draft(None, (int(image.width * scale), int(image.height * scale)))


def _orientation(image: Image.Image) -> int | None:
    """As the camera noted it; None where the note is missing or damaged, which does not damage the image."""
    try:
        return image.getexif().get(ORIENTATION)
    except Exception:  # Pillow does not document what it raises for damaged metadata
        return None


def black_is_zero(image: Image.Image) -> Image.Image:
    """The picture with 0 as black: of the TIFFs in which it is white, Pillow inverts those of up to 8 bits alone."""
    tags = getattr(image, "tag_v2", None)  # of a TIFF as it was opened
    if tags is None or not image.mode.startswith("I;16") or tags.get(PHOTOMETRIC) != WHITE_IS_ZERO:
        return image
    return Image.fromarray(65_535 - np.asarray(image))  # upright: of a TIFF Pillow does this as it loads it


def upright(image: Image.Image) -> Image.Image:
    """The picture turned as its camera noted; itself where there is no note."""
    return image if _orientation(image) is None else ImageOps.exif_transpose(image)


def _alpha(image: Image.Image) -> tuple[int, int] | None:
    """The least and the most opacity, 0..255; None without transparency."""
    if image.mode.startswith(("I", "F")) or not image.has_transparency_data:
        return None
    alpha = np.asarray(image.convert("RGBA"))[..., 3]
    return int(alpha.min()), int(alpha.max())


def _on_background(image: Image.Image, background: tuple[int, ...]) -> Image.Image:
    if image.mode == "F":
        raise Broken("has levels as floats: save it with 8 or 16 bits")
    if image.mode.startswith("I"):  # 16-bit grey, which convert() would clip instead of scale
        levels = np.asarray(image)
        if levels.min() < 0 or levels.max() > 65535:
            raise Broken(f"has levels from {levels.min()} to {levels.max()}: save it with 8 or 16 bits")
        return Image.fromarray(np.round(levels / 257).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, background), layer)
    return image.convert("RGB")
