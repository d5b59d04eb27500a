"""game/frame.py in NumPy; see there. Both are tested by the cases of tests/game/frames.json."""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def put(x: Array, size: int, value: float = 0) -> Array:
    """(..., s, s) -> (..., size, size), centred, ``value`` around it."""
    before = (size - x.shape[-1]) // 2
    frame = (before, size - x.shape[-1] - before)
    return np.pad(x, (*[(0, 0)] * (x.ndim - 2), frame, frame), constant_values=value)


def take(x: Array, side: int) -> Array:
    """(..., S, S) -> (..., side, side): the middle."""
    before = (x.shape[-1] - side) // 2
    return x[..., before : before + side, before : before + side]


def scale(x: Array) -> Array:
    """x / 127.5 - 1, float32."""
    return x.astype(np.float32) / np.float32(127.5) - 1


def levels(x: Array) -> Array:
    """round((x + 1) * 127.5) in 0..255, uint8."""
    return np.clip(np.round((x + 1) * 127.5), 0, 255).astype(np.uint8)
