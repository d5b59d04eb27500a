"""Means of what a run measured since the last tick, and the first value that is not finite."""

from __future__ import annotations

import torch
from torch import Tensor

from ayneh.game.step import State

LAZY = "penalty"  # a measure that some steps do not have: NaN there
HAD = "penalty_steps"  # how many steps of the tick had it


class Diverged(RuntimeError):
    """A NaN or an infinity appeared in the game: at which step (counted from 0), in which measure, of which replica."""

    def __init__(self, step: int, measure: str, replica: int, value: float) -> None:
        where = f"between step {step - 1} and step {step}" if step else "in the first step"
        super().__init__(f"{measure} of replica {replica} became {value} {where}")
        self.step, self.measure, self.replica = step, measure, replica


class Meter:
    """Sums in float64, added step by step, so that a tick's means do not depend on the chunks that it was played in.

    ``tolerant``: instead of raising `Diverged`, note it in ``fallen`` under the number of the replica.
    """

    def __init__(self, sums: State | None = None, steps: int = 0, tolerant: bool = False) -> None:
        self.tolerant, self.fallen = tolerant, dict[int, Diverged]()
        self.sums: State = dict(sums or {})
        self.last: State = {}
        self.steps = steps

    def add(self, first: int, measures: State) -> None:
        """measures: (steps, R) each, of the steps from ``first`` on. Raises `Diverged` unless tolerant."""
        measures = {name: value.to("cpu", torch.float64) for name, value in measures.items()}  # a sync with the device
        table = torch.stack(list(measures.values()), dim=2)  # (steps, R, measures)
        bad, missing = ~table.isfinite(), torch.zeros(table.shape[:2], dtype=torch.bool)
        if LAZY in measures:  # a penalty that D had is part of its loss: where it breaks down, D's gradient does, too
            which = list(measures).index(LAZY)
            missing = table[..., which].isnan() & (bad.sum(2) == 1)
            bad[..., which] &= ~missing
        for step, replica, which in bad.nonzero().tolist():  # in the order of the steps
            diverged = Diverged(first + step, list(measures)[which], replica, float(table[step, replica, which]))
            if not self.tolerant:
                raise diverged
            self.fallen.setdefault(replica, diverged)
        if missing.any() or HAD in self.sums:
            self.sums.setdefault(HAD, torch.full_like(table[0, :, 0], self.steps))
            measures |= {LAZY: measures[LAZY].where(~missing, 0.0), HAD: (~missing).double()}
        for name, value in measures.items():
            for row in value:
                self.sums[name] = self.sums.get(name, torch.zeros_like(row)) + row
        left_out = {HAD, LAZY} if missing[-1].any() else {HAD}
        self.last = {name: value[-1] for name, value in measures.items() if name not in left_out}
        self.steps += len(table)

    def read(self) -> dict[str, list[float]]:
        """{"loss_d": last of each replica, "mean_loss_d": its mean over the tick, ...}; starts the next tick.

        A penalty that the last step did not have has no last value there, and one that no step had no mean.
        """
        last = {name: value.tolist() for name, value in self.last.items()}
        had = self.sums.pop(HAD, None)
        if had is not None and not had.all():
            del self.sums[LAZY]
        means = {
            f"mean_{name}": (total / (had if had is not None and name == LAZY else self.steps)).tolist()
            for name, total in self.sums.items()
        }
        self.sums, self.steps = {}, 0
        return last | means


def stack_steps(measures: list[State]) -> dict[str, Tensor]:
    """Measures of consecutive steps, (R,) each -> (steps, R) each."""
    return {name: torch.stack([m[name] for m in measures]) for name in measures[0]}
