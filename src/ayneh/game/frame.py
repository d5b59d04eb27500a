"""An image in its frame, and back: 28 pixels in the middle of 32, 0..255 as [-1, 1] (docs/report.md, R5).

loading/frame.py is the same in NumPy, explorer/page/frame.js in JavaScript; tests/game/frames.json has the cases by
which all three are tested. Images are (..., H, W); an odd pixel of the frame is on the right and below.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ayneh.errors import UserError


def margins(side: int, size: int) -> tuple[int, int]:
    """(pixels before, pixels after) an image of ``side`` pixels in the middle of ``size``, on either axis.

    Raises UserError where the image is larger than the frame.
    """
    if side > size:
        raise UserError(
            f"An image of {side} pixels does not fit into a frame of {size}: choose a frame of at least {side}, or "
            "resize the images."
        )
    before = (size - side) // 2
    return before, size - side - before


def put(x: Tensor, size: int, value: float = 0) -> Tensor:
    """(..., h, w) -> (..., size, size), centred, ``value`` around it: 0 is black for uint8, -1 for [-1, 1]."""
    height, width = x.shape[-2:]
    frame = (*margins(width, size), *margins(height, size))
    return F.pad(x, frame, value=value) if any(frame) else x


def take(x: Tensor, side: int) -> Tensor:
    """(..., S, S) -> (..., side, side): the middle, what `put` framed. Raises UserError where ``side`` is larger."""
    before, _ = margins(side, x.shape[-1])
    return x[..., before : before + side, before : before + side]


def scale(x: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """x / 127.5 - 1: grey levels 0..255 as numbers in [-1, 1], the range of the generator's tanh."""
    return x.to(dtype) / 127.5 - 1


def levels(x: Tensor) -> Tensor:
    """round((x + 1) * 127.5) in 0..255 as uint8, the inverse of `scale` on all 256 levels; halves round to even."""
    return ((x + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
