"""The classes that a person asks for, by number or by name: a class for each image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ayneh.errors import UserError
from ayneh.labels import Labels
from ayneh.terminal.text import counted, few

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    Classes = int | str | Sequence[int | str] | NDArray[np.integer] | Tensor | None  # None: by the run's chance

USUAL = 64  # images, where no number is given


def classes_of(asked: Classes, n: int | None, labels: Labels | None, whose: str) -> list[int]:
    """The class of each of n images (None: 64, or those of an array), as `Labels.asked`.

    whose: what begins the error of a run without labels. Raises UserError for these, and where no class is asked for.
    """
    if labels is None:
        raise UserError(
            f"{whose} has no classes to ask for, since it was trained without labels: leave --classes out, or train "
            "with --rules.labels projection on labelled images (docs/labels.md)."
        )
    array = bool(getattr(asked, "shape", ()))
    found = labels.asked(asked, USUAL if n is None and not array else n)
    if not found:
        raise UserError("--classes names no class: name at least one.")
    return found


def uneven(numbers: Sequence[int], names: Sequence[str]) -> str:
    """A sentence where some classes of these come once more than others; else empty."""
    counts = {number: numbers.count(number) for number in dict.fromkeys(numbers)}
    most, least = max(counts.values()), min(counts.values())
    if most == least:
        return ""
    more = [names[number] for number, count in counts.items() if count == most]
    why = f"{counted(len(numbers), 'image')} cannot be divided by {len(counts)} classes"
    if most - least > 1:  # what does not divide makes a difference of one
        why = "Classes that are named more than once come more often"
    return f"{why}: {most} each of {few(more)}, {least} of the others."
