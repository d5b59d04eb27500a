"""The IDX format of MNIST (LeCun, Cortes & Burges): 0, 0, type, rank, sizes as big-endian int32, bytes."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from ayneh.errors import UserError

UNSIGNED_BYTE = 0x08


def gunzipped(path: Path) -> bytes:
    """The bytes of a file, decompressed if the first two are gzip's.

    Raises UserError when the gzip is truncated or its checksum is wrong.
    """
    data = path.read_bytes()
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(
            f"{path} ({len(data):,} bytes) is a damaged gzip file ({error}): delete it and fetch it again."
        ) from error


def read_idx(path: Path) -> np.ndarray:
    """The uint8 array in an IDX file, plain or gzipped, in the shape that its header gives.

    Raises UserError when the gzip, the header or the number of bytes is wrong.
    """
    data = gunzipped(path)
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] != UNSIGNED_BYTE or data[3] == 0:
        start = f"0x{data[:4].hex()}" if data else "nothing"
        raise UserError(
            f"{path} is not an IDX file of bytes: it starts with {start}, where images have 0x00000803 and labels have "
            "0x00000801."
        )
    rank = data[3]
    header = 4 + 4 * rank
    if len(data) < header:
        raise UserError(f"{path} ends within its header: {header} bytes expected, {len(data)} found.")
    shape = struct.unpack(f">{rank}I", data[4:header])
    expected, found = math.prod(shape), len(data) - header
    if found != expected:
        raise UserError(
            f"{path} is {'truncated' if found < expected else 'too long'}: its header announces "
            f"{' x '.join(map(str, shape))} = {expected:,} bytes, but {found:,} follow; fetch it again."
        )
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)


def read_pair(images: Path, labels: Path, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 (N, H, W), labels uint8 (N,) in 0..classes-1; raises UserError if they do not fit."""
    pixels, targets = read_idx(images), read_idx(labels)
    if pixels.ndim != 3 or len(pixels) == 0:
        raise UserError(f"{images} holds an array of shape {pixels.shape}, not images (N, H, W) with N >= 1.")
    if targets.shape != pixels.shape[:1]:
        raise UserError(
            f"{images} holds {len(pixels):,} images, but {labels} holds labels of shape {targets.shape}: "
            "one of the two belongs to another set."
        )
    if targets.max() >= classes:
        raise UserError(f"{labels} holds the label {targets.max()}, but this set has the classes 0..{classes - 1}.")
    return pixels, targets
