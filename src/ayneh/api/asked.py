"""The classes that a person asks for, by number or by name: a class for each image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ayneh.errors import UserError
from ayneh.labels import Labels
from ayneh.terminal.text import counted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    Classes = int | str | Sequence[int | str] | NDArray[np.integer] | Tensor | None  # None: by the run's chance

USUAL = 64  # images, where no number is given


def classes_of(asked: Classes, n: int | None, labels: Labels | None, whose: str) -> list[int]:
    """The class of each image. whose: what begins the error of a run without labels.

    asked: one class; several, each equally often, in their order; or an array with one for each image. An int is a
    class's number from 0, as in ``images.labels``, a text its name or its number. n: images (None: 64, or those of the
    array).

    Raises UserError for a class that does not exist, for an int that is another class's name, for fewer images than
    classes, and where an array has other than n entries.
    """
    if labels is None:
        raise UserError(
            f"{whose} has no classes to ask for, since it was trained without labels: leave --classes out, or train "
            "with --rules.labels projection on labelled images (docs/labels.md)."
        )
    if (shape := getattr(asked, "shape", None)) is not None and len(shape):
        return _one_each(asked, tuple(shape), n, labels)
    several = [asked] if isinstance(asked, str) or not isinstance(asked, Sequence) else list(asked)
    return spread([_number(one, labels) for one in several], USUAL if n is None else n)


def spread(numbers: Sequence[int], n: int) -> list[int]:
    """n classes, these one after another, each as often as the others; the first ones once more if n does not divide.

    >>> spread([7, 0], 5)
    [7, 7, 7, 0, 0]
    """
    if not numbers:
        raise UserError("--classes names no class: name at least one.")
    if n < len(numbers):
        raise UserError(f"--n is {n}, and {len(numbers)} classes are asked for: choose at least {len(numbers)} images.")
    each, more = divmod(n, len(numbers))
    return [number for k, number in enumerate(numbers) for _ in range(each + (k < more))]


def uneven(numbers: Sequence[int], names: Sequence[str]) -> str:
    """A sentence where some classes of these come once more than others; else empty."""
    counts = {number: numbers.count(number) for number in dict.fromkeys(numbers)}
    most, least = max(counts.values()), min(counts.values())
    if most == least:
        return ""
    more = [names[number] for number, count in counts.items() if count == most]
    shown = ", ".join(more[:3]) + (f" and {len(more) - 3} more" if len(more) > 3 else "")
    why = f"{counted(len(numbers), 'image')} cannot be divided by {len(counts)} classes"
    if most - least > 1:  # what does not divide makes a difference of one
        why = "Classes that are named more than once come more often"
    return f"{why}: {most} each of {shown}, {least} of the others."


def _number(one: object, labels: Labels) -> int:
    """The number of a class: of an int itself, of a text what it names."""
    if isinstance(one, str):
        return labels.number(one)
    try:
        number = int(one.__index__())  # type: ignore[attr-defined]
        if isinstance(one, bool):
            raise TypeError
    except (AttributeError, TypeError):
        raise UserError(f"--classes has {one!r}; a class is a number from 0 or a name.") from None
    if 0 <= number < labels.count and labels.names[number] == str(number):
        return number
    called = [name for name in labels.names if name.isdecimal() and int(name) == number]
    if called and _there(number, labels, called[0]) != labels.names.index(called[0]):
        raise UserError(
            f"--classes has {number}, which is the number of the class {labels.names[number]} and the name of another: "
            f"write {called[0]!r} for the class of this name, or {labels.names[number]!r}."
        )
    return _there(number, labels)


def _there(number: int, labels: Labels, called: str = "") -> int:
    """The number. Raises UserError where there is no such class. called: the name that some class has of it."""
    if not 0 <= number < labels.count:
        last, but = labels.count - 1, f"; write {called!r} for the one of this name" if called else ""
        raise UserError(
            f"--classes has the number {number}; this run's classes are numbered 0 to {last}, by name "
            f"{labels.names[0]} to {labels.names[last]}{but}."
        )
    return number


def _one_each(asked: object, shape: tuple[int, ...], n: int | None, labels: Labels) -> list[int]:
    import numpy as np

    array = np.asarray(asked)
    if len(shape) != 1 or array.dtype.kind not in "iuU":
        raise UserError(
            f"--classes is an array {shape} of {array.dtype}; it has one number or name for each image, (n,)."
        )
    if not len(array):
        raise UserError("--classes is an empty array: it has one number or name for each image.")
    if n is not None and n != len(array):
        raise UserError(f"--classes has {len(array)} of them and n is {n}: leave n out.")
    return [labels.number(one) if isinstance(one, str) else _there(one, labels) for one in array.tolist()]
