"""The floor: the least time of a step, from this machine's rates of large matrix products and of memory copies."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch

from timing import seconds

SIDE = 2048  # of the matrices
COPIED = 256 * 2**20  # bytes, far beyond any cache


class Floor(NamedTuple):
    """A step's least time by arithmetic and by memory, and the rates behind it."""

    flops_s: float
    bytes_s: float
    flops_rate: float  # FLOP/s
    bytes_rate: float  # bytes/s, read and written

    @property
    def s(self) -> float:
        """The longer of the two, since both can run at once."""
        return max(self.flops_s, self.bytes_s)


def floor_of(flops: float, moved: float, device: str) -> Callable[[], Floor]:
    """A function that measures both rates now, for a step of so many FLOPs and bytes moved."""
    a, b, c = (torch.randn(SIDE, SIDE, device=device) for _ in range(3))
    source = torch.ones(COPIED // 4, device=device)
    target = torch.empty_like(source)
    times = 2 if device == "cpu" else 20

    def measure() -> Floor:
        flops_rate = 2 * SIDE**3 / seconds(lambda: torch.mm(a, b, out=c), times, device)
        bytes_rate = 2 * COPIED / seconds(lambda: target.copy_(source), times, device)
        return Floor(flops / flops_rate, moved / bytes_rate, flops_rate, bytes_rate)

    measure()  # warm up
    return measure
