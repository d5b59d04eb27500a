"""The IDX format of MNIST: big-endian 0, 0, type, rank, then the sizes, then the bytes (LeCun, Cortes, Burges)."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from ayneh.errors import UserError

UNSIGNED_BYTE = 0x08


def decompressed(path: Path) -> bytes:
    """The bytes of a file, gunzipped if it is gzip (told by its first two bytes, not by its name).

    Raises UserError for a gzip file that is truncated or whose checksum is wrong.
    """
    data = path.read_bytes()
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(
            f"{path} is a damaged gzip file of {len(data):,} bytes ({error}): delete it and fetch it again."
        ) from error


def read_idx(path: Path) -> np.ndarray:
    """The uint8 array in an IDX file, plain or gzipped, of the shape that its header gives.

    Raises UserError when the gzip, the header or the number of bytes is wrong.
    """
    data = decompressed(path)
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] != UNSIGNED_BYTE or data[3] == 0:
        raise UserError(
            f"{path} is not an IDX file of unsigned bytes: it starts with 0x{data[:4].hex() or '(nothing)'} "
            "where images have 0x00000803 and labels 0x00000801."
        )
    rank = data[3]
    header = 4 + 4 * rank
    if len(data) < header:
        raise UserError(f"{path} ends within its IDX header: {header} bytes expected, {len(data)} found.")
    shape = struct.unpack(f">{rank}I", data[4:header])
    expected, found = math.prod(shape), len(data) - header
    if found != expected:
        sizes = " x ".join(map(str, shape))
        raise UserError(
            f"{path} is {'truncated' if found < expected else 'too long'}: its header promises {sizes} = "
            f"{expected:,} bytes, {found:,} follow; fetch it again."
        )
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def read_pair(images: Path, labels: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 (N, H, W) and labels uint8 (N,) that belong together; raises UserError if they do not."""
    pixels, classes = read_idx(images), read_idx(labels)
    if pixels.ndim != 3:
        raise UserError(f"{images} holds an array of rank {pixels.ndim} where images have rank 3 (N, H, W).")
    if classes.ndim != 1:
        raise UserError(f"{labels} holds an array of rank {classes.ndim} where labels have rank 1 (N).")
    if len(pixels) != len(classes):
        raise UserError(
            f"{images} holds {len(pixels):,} images, but {labels} holds {len(classes):,} labels: "
            "one of them is from another set."
        )
    return pixels, classes
