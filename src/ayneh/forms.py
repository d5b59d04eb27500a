"""What the JSON files of a run folder hold, as far as the code relies on it: they are checked against these types."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ayneh.errors import UserError


@dataclass(frozen=True)
class Engine:
    """How a machine runs a run, as config.json has it."""

    device: str
    threads: int | None = None
    workers: int = 0

    def __post_init__(self) -> None:
        for name, value, least in (("threads", self.threads, 1), ("workers", self.workers, 0)):
            if value is not None and value < least:
                raise UserError(f"engine.{name} is {value}; it must be at least {least}.")


@dataclass(frozen=True)
class Outcome:
    """What is relied on of outcome.json; the rest may differ from version to version."""

    wall_s: float = 0.0
    diverged: dict[str, Any] | None = None
    swaps: dict[str, dict[str, Any]] = field(default_factory=dict)
