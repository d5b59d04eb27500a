"""Means of what a run measured since the last tick, and the first value that is not finite."""

from __future__ import annotations

import torch
from torch import Tensor

from ayneh.game.step import State

PENALISED = "penalised"  # a measure of games with a lazy penalty: 1 in a step with it, else 0, and the penalty, too


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
        for step, replica, which in (~table.isfinite()).nonzero().tolist():  # in the order of the steps
            diverged = Diverged(first + step, list(measures)[which], replica, float(table[step, replica, which]))
            if not self.tolerant:
                raise diverged
            self.fallen.setdefault(replica, diverged)
        for name, value in measures.items():
            for row in value:
                self.sums[name] = self.sums.get(name, torch.zeros_like(row)) + row
        self.last = {name: value[-1] for name, value in measures.items()}
        self.steps += len(table)

    def read(self) -> dict[str, list[float]]:
        """{"loss_d": last of each replica, "mean_loss_d": its mean over the tick, ...}; starts the next tick.

        A lazy penalty has its mean over the steps that had it, and no value where the last step, or no step, did.
        """
        last, sums, steps = dict(self.last), dict(self.sums), dict.fromkeys(self.sums, torch.tensor(float(self.steps)))
        if PENALISED in sums:
            steps["penalty"] = sums.pop(PENALISED)
            if not steps["penalty"].all():
                del sums["penalty"]
            if not last.pop(PENALISED).all():  # the same in all replicas
                del last["penalty"]
        self.sums, self.steps = {}, 0
        means = {f"mean_{name}": (total / steps[name]).tolist() for name, total in sums.items()}
        return {name: value.tolist() for name, value in last.items()} | means


def stack_steps(measures: list[State]) -> dict[str, Tensor]:
    """Measures of consecutive steps, (R,) each -> (steps, R) each."""
    return {name: torch.stack([m[name] for m in measures]) for name in measures[0]}
