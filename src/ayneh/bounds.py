"""The numbers that a setting takes, written beside its type."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True)
class Range:
    """The numbers that a field takes, both ends included; None in an optional field is never out of range."""

    low: float
    high: float = inf

    def __str__(self) -> str:
        return f"be at least {self.low:g}" if self.high == inf else f"lie between {self.low:g} and {self.high:g}"
