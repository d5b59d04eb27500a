"""A few of many, evenly spread: epochs with a picture, classes with a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def evenly(items: Sequence[T], most: int) -> list[T]:
    """At most so many of these, evenly through them, the first and the last among them; where it is one, the first.

    >>> evenly(range(1000), 8)
    [0, 143, 285, 428, 571, 714, 856, 999]
    """
    if len(items) <= most:
        return list(items)
    return [items[round(k * (len(items) - 1) / max(1, most - 1))] for k in range(most)]
