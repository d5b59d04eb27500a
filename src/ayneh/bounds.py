"""The numbers that a setting takes, written beside its type."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

HUGE = 3e38  # about the largest number of float32
SPAN = 1e12  # images seen, at most: years of training
MANY = 1e9  # steps or epochs between two events, at most


@dataclass(frozen=True)
class Range:
    """The numbers that a field takes, both ends included unless it is ``open``; None in an optional field is fine."""

    low: float
    high: float = inf
    open: bool = False  # the ends themselves are out of range

    def holds(self, value: float) -> bool:
        """Whether a number is in range."""
        return self.low < value < self.high if self.open else self.low <= value <= self.high

    def needs(self, value: float) -> str:
        """What a number that is out of range must: "be at least 0"."""
        if self.low >= 0 and HUGE <= self.high <= value:
            return f"be {'below' if self.open else 'at most'} {written(self.high)}"
        return str(self)

    def __str__(self) -> str:
        if self.high >= HUGE and self.low >= 0:
            return f"be {'above' if self.open else 'at least'} {written(self.low)}"
        return f"lie between {written(self.low)} and {written(self.high)}{', without these two' if self.open else ''}"


def written(number: float) -> str:
    """0.5, 1,000,000, 1e+38: a number for a message."""
    return f"{int(number):,}" if float(number).is_integer() and abs(number) < HUGE / 10 else f"{number:.15g}"
