"""What the files of a run folder hold, as far as the code relies on it: they are checked against these types.

Fields without a default are in the files of every version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ayneh.errors import UserError

MOST = 1024  # threads or processes


@dataclass(frozen=True)
class Engine:
    """How a machine runs a run, as config.json has it."""

    device: str
    threads: int | None = None  # of its first step
    workers: int = 0
    up_to: int = 0  # threads that it may have; 0: their number is kept, as in runs of earlier versions
    changes: list[tuple[int, int]] = field(default_factory=list)  # (steps played before, threads from then on)
    apart: int = 0  # steps that worker processes played before the run went on in one process

    def __post_init__(self) -> None:
        counts = (count for _, count in self.changes)
        numbers = [("threads", self.threads, 1), ("workers", self.workers, 0), ("up_to", self.up_to, 0)]
        for name, value, least in (*numbers, *(("changes", count, 1) for count in counts)):
            if value is not None and not least <= value <= MOST:
                raise UserError(f"engine.{name} is {value}; it must lie between {least} and {MOST}.")
        if self.apart < 0:
            raise UserError(f"engine.apart is {self.apart}; it must be at least 0.")
        steps = [step for step, _ in self.changes]
        if steps != sorted(set(steps)):
            raise UserError("engine.changes has steps that do not rise.")


@dataclass(frozen=True)
class Begun:
    """Which run's weights a run began with, as config.json has it."""

    run: str
    checkpoint: str = ""
    step: int = 0
    players: str = "all"
    optimizer: bool = False


@dataclass(frozen=True)
class Outcome:
    """The fields of outcome.json that the code uses; others may differ from version to version."""

    wall_s: float = 0.0
    diverged: dict[str, Any] | None = None
    swaps: dict[str, dict[str, Any]] = field(default_factory=dict)
    classes: int | None = None


Measured = list[float | None]  # an entry for each replica
OF_A_STEP = ("loss_d", "loss_g", "p_real", "p_fake", "grad_d", "grad_g")


@dataclass(frozen=True)
class Score:
    """A score in a line."""

    value: float | None


@dataclass(frozen=True)
class Line:
    """A line of metrics.jsonl."""

    RISING: ClassVar[str | None] = "step"
    ALIKE: ClassVar = frozenset(  # where most lines have one of these, a line without it is damaged
        {"wall_s", "images_per_s", *OF_A_STEP, *(f"mean_{name}" for name in OF_A_STEP)}
    )

    step: int
    epoch: int
    images: int
    wall_s: float = 0.0
    images_per_s: float = 0.0
    loss_d: Measured | None = None
    loss_g: Measured | None = None
    p_real: Measured | None = None
    p_fake: Measured | None = None
    grad_d: Measured | None = None
    grad_g: Measured | None = None
    loss_class: Measured | None = None
    class_real: Measured | None = None
    class_fake: Measured | None = None
    mean_loss_d: Measured | None = None
    mean_loss_g: Measured | None = None
    mean_p_real: Measured | None = None
    mean_p_fake: Measured | None = None
    mean_grad_d: Measured | None = None
    mean_grad_g: Measured | None = None
    mean_loss_class: Measured | None = None
    mean_class_real: Measured | None = None
    mean_class_fake: Measured | None = None
    vitals: dict[str, Measured] | list[dict[str, float | None]] | None = None  # a list in earlier versions
    scores: dict[str, list[Score | None]] | list[dict[str, Any]] | None = None

    def __post_init__(self) -> None:
        for name in ("step", "epoch", "images"):
            if (number := getattr(self, name)) < 0:
                raise UserError(f"{name} is {number}; it must be at least 0.")
        lists = [getattr(self, name) for name in self.ALIKE]
        for parts in (self.vitals, self.scores):
            lists += list(parts.values()) if isinstance(parts, dict) else [parts]
        if len({len(one) for one in lists if isinstance(one, list)}) > 1:
            raise UserError("its lists have different lengths")


@dataclass(frozen=True)
class Event:
    """A line of findings.jsonl."""

    RISING: ClassVar[str | None] = None
    ALIKE: ClassVar = frozenset[str]()

    step: int
    epoch: int
    name: str
    appeared: bool
    replica: int = 0


def of_replicas(line: Mapping[str, Any], rows: range) -> dict[str, Any]:
    """A line of metrics as a run of these replicas alone writes it: every list cut to their entries."""

    def cut(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: cut(entries) for name, entries in value.items()}
        return value[rows.start : rows.stop] if isinstance(value, list) else value

    return {name: cut(value) for name, value in line.items()}
