"""Numbers on the command line of a bench that are too small: one sentence, before anything is read or played."""

from __future__ import annotations

from collections.abc import Sequence

from ayneh.errors import UserError


def at_least(least: float, **numbers: float | Sequence[float]) -> None:
    """Raise UserError for the first of these flags that is, or has, a number below ``least``."""
    for name, given in numbers.items():
        for number in given if isinstance(given, Sequence) else [given]:
            if not number >= least:
                raise UserError(f"--{name} is {number:g}; it must be at least {least:g}.")
