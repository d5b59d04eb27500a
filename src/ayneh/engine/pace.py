"""Which number of threads comes next, from the seconds that steps take: a pure policy, without a clock of its own.

The threads of an operation wait for one another at its end, and they wait by spinning. Where another program has one of
their cores, an operation lasts until the system takes the core away from that program: milliseconds, not microseconds.
One thread waits for nobody.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

WINDOW_S = 0.5  # of steps, whose mean is compared; with a lazy penalty whole turns of steps with and without it
SLOW = 1.3  # times what fewer threads would need, in two windows in a row: step down
BETTER = 0.9  # of the time with fewer threads: stay with more
PATIENCE_S, LONGEST_S = 5.0, 160.0  # at a lower number before a higher one is tried; doubled when that was in vain
CALM_S = 60.0  # with the higher number: the next wait is short again
FREE = 0.8  # of the cores that would be added


def ladder(most: int) -> list[int]:
    """One thread, half and all: the numbers that are tried."""
    return sorted({1, (most + 1) // 2, most})


class Pace:
    """The number of threads of each step. It steps down where others hold the cores, and up again later."""

    def __init__(
        self, counts: Sequence[int], now: int, seconds: Mapping[int, float] | None = None, every: int = 1
    ) -> None:
        """counts: in rising order; now: the number of the first step; seconds: of a step with some of them; every: one
        of so many steps has a penalty, and takes longer.
        """
        self.counts, self.now, self.best, self.every = counts, now, dict(seconds or {}), every
        self.patience, self.calm = PATIENCE_S, CALM_S
        self._before: tuple[int, float] | None = None  # the number before the last change, and the mean there
        self._skip, self._spent, self._steps, self._slow, self._waited = True, 0.0, 0, 0, 0.0

    def step(self, seconds: float, free: Callable[[], float | None] = lambda: None) -> int:
        """The number for the next step, after one of so many seconds. free: cores without work, if that is known."""
        if self._skip:  # the first step with another number sets its operations up
            self._skip = False
            return self.now
        self._spent, self._steps = self._spent + seconds, self._steps + 1
        if self._spent < WINDOW_S or (self._steps % self.every and not self._late()):
            return self.now
        mean, spent = self._spent / self._steps, self._spent
        self._spent, self._steps = 0.0, 0
        if self._before:
            return self._judge(*self._before, mean)
        self.best[self.now] = min(mean, self.best.get(self.now, mean))
        self.calm, self._waited = self.calm + spent, self._waited + spent
        return self._down(mean) or self._up(mean, free()) or self.now

    def _late(self) -> bool:
        """Whether the steps of an unfinished window took longer than a whole one of so many should: it need not end."""
        usual = self.best.get(self.now) or min(self.best.values(), default=math.inf)
        return self._spent > 2 * usual * math.ceil(self._steps / self.every) * self.every

    def _judge(self, before: int, mean_before: float, mean: float) -> int:
        """Whether the last change stays."""
        self._before = None
        if self.now < before and mean > mean_before:  # not the threads made it slow
            self.best[before] = mean_before
            return self._go(before)
        if self.now > before and mean > BETTER * mean_before:
            self.patience = min(2 * self.patience, LONGEST_S)
            return self._go(before)
        self.calm = 0.0
        return self.now

    def _down(self, mean: float) -> int:
        fewer = [n for n in self.counts if n < self.now]
        if not fewer:
            return 0
        expected = self.best[self.now] * self.now / fewer[-1]  # at most
        self._slow = self._slow + 1 if mean > SLOW * min(expected, self.best.get(fewer[-1], expected)) else 0
        if self._slow < 2:
            return 0
        self.patience = PATIENCE_S if self.calm >= CALM_S else min(2 * self.patience, LONGEST_S)
        self._before = self.now, mean
        return self._go(fewer[-1])

    def _up(self, mean: float, free: float | None) -> int:
        more = [n for n in self.counts if n > self.now]
        if not more or self._waited < self.patience or (free is not None and free < FREE * (more[0] - self.now)):
            return 0
        self._before = self.now, mean
        return self._go(more[0])

    def _go(self, count: int) -> int:
        """Take this number from the next step on."""
        self.now, self._skip = count, True
        self._spent, self._steps, self._slow, self._waited = 0.0, 0, 0, 0.0
        return count
