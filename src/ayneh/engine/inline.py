"""A stack of replicas in this process, and the interface of every stack."""

from __future__ import annotations

import time
from typing import Protocol

from ayneh.engine.match import Match
from ayneh.engine.meter import stack_steps
from ayneh.engine.threads import Threads
from ayneh.game.step import State


class Stack(Protocol):
    """R replicas of one match, advanced together."""

    step: int  # steps played so far

    @property
    def state(self) -> State:
        """The state of all replicas after ``step`` steps."""

    def advance(self, n: int) -> State:
        """Play the next n steps; the measures of each, (n, R). State and step change together, between steps."""

    def close(self) -> None:
        """End its processes, if it has any."""


class Inline:
    """All replicas in this process, on the match's device: the plain way, with which every other stack is compared."""

    def __init__(self, match: Match, state: State, step: int, threads: Threads | None = None) -> None:
        """threads: those of each step; None: as many as PyTorch has."""
        self.match, self.state, self.step, self.threads = match, state, step, threads

    def advance(self, n: int) -> State:
        """As `Stack.advance`."""
        measures = []
        for _ in range(n):
            begin = time.perf_counter()
            self.state, measured = self.match.play(self.state, self.step)
            self.step += 1
            measures.append(measured)
            if self.threads:
                self.threads.after(self.step, time.perf_counter() - begin)
        return stack_steps(measures)

    def close(self) -> None:
        """Nothing to end."""
