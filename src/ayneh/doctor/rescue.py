"""Rescue: after a severe finding go back to the last healthy checkpoint and change something (``--rescue N``).

The same settings from the same checkpoint draw the same random numbers and fail again. So each rescue changes the
draws, which is enough if the failure was chance; later ones also lower a learning rate, or add a penalty or noise.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ayneh.config import Config
from ayneh.files.reading import typed
from ayneh.record.abandoned import abandon
from ayneh.record.record import RESCUES, Record

RING = 4  # healthy checkpoints that are kept
APART_LOOKS = 4  # healthy looks between two of them: RING x APART_LOOKS looks are more than a finding needs to appear


@dataclass(frozen=True)
class Rescue:
    """One entry of rescues.json."""

    finding: str
    words: str  # the finding's evidence
    at_step: int  # the step at which the run was stopped
    to_step: int  # the step from which it was continued
    to_epoch: int  # the last epoch that was kept; -1: none
    images: int  # seen by D in the steps that were given up
    change: str

    def sentence(self) -> str:
        """The rescue in a sentence."""
        back = f"step {self.to_step} (epoch {self.to_epoch})" if self.to_step else "the very beginning"
        return (
            f"Rescue: {self.finding} at step {self.at_step}. Back to {back}, "
            f"{self.images:,} images given up; changed: {self.change}."
        )


@dataclass(frozen=True)
class Rescues:
    """rescues.json."""

    rescues: list[Rescue] = field(default_factory=list)
    unfinished: bool = False
    """The last one is decided, and what it gives up may not be set aside yet."""


def steps_given_up(rescues: Sequence[Rescue]) -> int:
    """Steps that were played and given up."""
    return sum(one.at_step - one.to_step for one in rescues)


def other_noise(config: Config, finding: str) -> tuple[Config, str]:
    """No setting: the draws change with the number of rescues."""
    return config, "other noise and another order of the images"


def slower(config: Config, finding: str) -> tuple[Config, str]:
    """A quarter of D's learning rate, of both after the findings of TOO_FAST; or, by ``rescue_slows``, of G's alone.

    After numbers that are not finite it is a quarter of both in any case.
    """
    lr = config.optimizer.lr
    lr_dis = lr if config.optimizer.lr_dis is None else config.optimizer.lr_dis
    gen = config.rescue_slows == "gen"
    if gen or finding in TOO_FAST:
        lr /= 4
    if not gen or finding == BROKEN:
        lr_dis /= 4
    words = f"learning rates {lr:g} for G and {lr_dis:g} for D, and other noise"
    return replace(config, optimizer=replace(config.optimizer, lr=lr, lr_dis=lr_dis)), words


def smoother(config: Config, finding: str) -> tuple[Config, str]:
    """R1 if D has no penalty, else constant instance noise."""
    if config.rules.penalty == "none":
        words = "R1 with gamma 0.5, and other noise"
        rules = replace(config.rules, penalty="r1", gamma=0.5, gamma_schedule="constant", gamma_warmup_images=0,
                        penalty_every=1)  # fmt: skip
        return replace(config, rules=rules), words
    noise = max(2 * config.rules.instance_noise, 0.25)
    rules = replace(
        config.rules, instance_noise=noise, instance_noise_images=0, instance_noise_schedule="constant",
        instance_noise_warmup_images=0,
    )  # fmt: skip
    return replace(config, rules=rules), f"instance noise of {noise:g}, and other noise"


BROKEN = "not finite"
TOO_FAST = {"sudden jump", BROKEN}
LEVERS: tuple[Callable[[Config, str], tuple[Config, str]], ...] = (other_noise, slower, smoother)


def lever(config: Config, n: int, finding: str) -> tuple[Config, str]:
    """The config after the n-th rescue (from 0), and what was changed; LEVERS, then all but the first in turn."""
    return LEVERS[n if n < len(LEVERS) else 1 + (n - 1) % 2](config, finding)


def treated(config: Config, rescues: Sequence[Rescue]) -> Config:
    """The config that a run is trained with after these rescues."""
    for n, rescue in enumerate(rescues):
        config, _ = lever(config, n, rescue.finding)
    return config


def to_dict(rescues: Sequence[Rescue]) -> dict[str, Any]:
    """As plain JSON values."""
    return {"rescues": [dataclasses.asdict(rescue) for rescue in rescues]}


def of(record: Record) -> list[Rescue]:
    """The rescues of a run so far. Raises UserError if its file is damaged."""
    return _read(record).rescues


def carry_out(record: Record, rescues: Sequence[Rescue]) -> None:
    """Write the rescues, and set aside what the last of them gives up. After a kill in between `finish` ends it."""
    record.write_report(RESCUES, to_dict(rescues) | {"unfinished": True})
    abandon(record, rescues[-1].to_step, len(rescues))
    record.write_report(RESCUES, to_dict(rescues))


def finish(record: Record) -> None:
    """Set aside what the last rescue gives up, if a kill came in between. Raises UserError if its file is damaged."""
    found = _read(record)
    if found.unfinished and found.rescues:
        carry_out(record, found.rescues)


def _read(record: Record) -> Rescues:
    return typed(record.report(RESCUES) or {}, Rescues, str(record.report_path(RESCUES)))
