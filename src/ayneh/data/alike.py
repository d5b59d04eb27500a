"""Pictures of several kinds as images of one kind: types of values, and grey or colour, as of a folder's files."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ayneh.errors import UserError

Array = np.ndarray
SIXTEEN = 65_535  # white of 16 bits; 257 = 65,535 / 255 of them are one of the 256 levels


def of_one_type(images: list[Array], pictures: bool, ranged: bool, what: str) -> list[Array]:
    """The images, whose values can be compared. pictures: all were Pillow's; ranged: a person gave black and white.

    White is 255 of bytes, 65,535 of 16 bits, and 1 of floats: as one array they would lose their types, and the range
    of some would make the others black. Pictures of 16 bits among others are scaled to 8, as a folder's files are.
    Raises UserError for other mixtures.
    """
    kinds = set(map(_kind, images))
    if len(kinds) == 1 or ranged:
        return images
    deep = [image for image in images if image.dtype.kind == "u" and image.itemsize == 2]
    sixteen = any(image.max() > SIXTEEN // 2 for image in deep)  # else perhaps 12 bits, or bytes in files of 16
    if pictures and sixteen and all(image.dtype == np.uint8 or image.dtype.str[1:] == "u2" for image in images):
        return [np.round(image / 257).astype(np.uint8) if image.itemsize == 2 else image for image in images]
    types = " and ".join(dict.fromkeys(str(image.dtype) for image in images))
    raise UserError(
        f"{what} have values of types {types}, in which black and white differ: make all of one type, for example "
        "uint8 from 0 to 255, or give the range of all by range=(LOW, HIGH)."
    )


def _kind(image: Array) -> str:
    """The type, where others of one kind mean the same by their values: floats of any length, integers but bytes."""
    if image.dtype in (np.uint8, np.bool_):
        return str(image.dtype)
    return {"f": "floats", "u": "integers", "i": "integers"}.get(image.dtype.kind, str(image.dtype))


def of_one_shape(images: list[Array]) -> list[Array]:
    """Pictures (H, W), (H, W, 3) and (H, W, 4) of one size, with as many channels as those that have most."""
    most = max(image.shape[2] if image.ndim == 3 else 1 for image in images)
    return images if most == 1 else [_with(image, most) for image in images]


def _with(image: Array, channels: int) -> Array:
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, 2)
    if image.shape[2] == channels:
        return image
    return np.concatenate([image, np.full_like(image[..., :1], 255)], 2)  # opaque


def alike(parts: list[Array], pictures: Sequence[bool]) -> tuple[list[Array], list[str]]:
    """uint8 (N, C, H, W) of each part, all in grey or all in colour, and a note where both occur.

    pictures: of each part, whether it was made of pictures, which are grey if their three channels are alike. An array
    is in colour if it has three channels.
    """
    if not any(pictures):
        return parts, []
    each = [
        sum(map(_colour, part)) if own else len(part) * (part.shape[1] == 3)
        for part, own in zip(parts, pictures, strict=True)
    ]
    colour, n = sum(each), sum(map(len, parts))
    if not colour:
        return [np.ascontiguousarray(part[:, :1]) for part in parts], []
    note = [f"{colour:,} of them in colour, the others grey"] if colour < n else []
    return [part if part.shape[1] == 3 else np.repeat(part, 3, 1) for part in parts], note


def _colour(image: Array) -> bool:
    return not (image[:1] == image[1:]).all()
