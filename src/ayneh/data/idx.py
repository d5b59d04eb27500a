"""The IDX format of MNIST (LeCun, Cortes & Burges): 0, 0, type, rank, sizes as big-endian int32, bytes."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np

from ayneh.data.bounded import DEFLATE_RATIO, MOST_AXES, check_size, filled, is_gzip, opened
from ayneh.errors import UserError

UNSIGNED_BYTE = 0x08


def read_idx(path: Path) -> np.ndarray:
    """The uint8 array in an IDX file, plain or gzipped, in the shape that its header gives.

    Raises UserError when the gzip, the header or the number of bytes is wrong, or if there are more than
    `bounded.MOST_BYTES`. No more is unpacked than the header announces.
    """
    with opened(path) as file:
        head = file.read(4)
        if len(head) < 4 or head[:2] != b"\0\0" or head[2] != UNSIGNED_BYTE or head[3] == 0:
            start = f"0x{head.hex()}" if head else "nothing"
            raise UserError(
                f"{path} is not an IDX file of bytes: it starts with {start}, where images have 0x00000803 and labels "
                "have 0x00000801."
            )
        rank = head[3]
        if rank > MOST_AXES:
            raise UserError(f"{path} has {rank} axes by its header: images have 3 and labels 1.")
        sizes = file.read(4 * rank)
        if len(sizes) < 4 * rank:
            raise UserError(f"{path} ends within its header: {4 + 4 * rank} bytes expected, {4 + len(sizes)} found.")
        shape = struct.unpack(f">{rank}I", sizes)
        expected, found = math.prod(shape), path.stat().st_size - 4 - 4 * rank
        announced = f"its header announces {' x '.join(map(str, shape))} = {expected:,} bytes"
        packed = is_gzip(path)
        if packed or found == expected:
            check_size(str(path), expected)
            if packed and expected > path.stat().st_size * DEFLATE_RATIO:
                raise UserError(f"{path} is truncated: {announced}, which cannot be packed into it; fetch it again.")
            data, found = filled(file, expected)
        if found != expected:
            fault = "truncated" if found < expected else "too long"
            follow = "more" if packed and found > expected else f"{found:,}"
            raise UserError(f"{path} is {fault}: {announced}, but {follow} follow; fetch it again.")
    return data.reshape(shape)


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
