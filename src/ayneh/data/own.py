"""A data set of one's own: a function that gives its images, added by ``ayneh.add("data", NAME, FUNCTION)``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from ayneh.data import forms
from ayneh.data.arrays import Reading, Whole, whole_of
from ayneh.data.bounded import check_size
from ayneh.data.found import Found
from ayneh.data.raw import Raw
from ayneh.errors import UserError
from ayneh.files.reading import shown
from ayneh.generators import seeded
from ayneh.parts.calling import parameters_of, settings_kept, what_happened
from ayneh.parts.registry import Part

SIDES = ("train", "test")
_read: WeakKeyDictionary[Part, tuple[Reading, Whole]] = WeakKeyDictionary()  # a verb asks for train, then for test


def check(name: str, value: Any, arguments: Mapping[str, Any]) -> None:
    """Raise UserError for what is no data set, as `ayneh.add` does."""
    if arguments:
        raise UserError(
            f"ayneh.add gives the data set {name!r} the argument {next(iter(arguments))!r}: put it into the function."
        )
    if not callable(value) or len(_needed(value)) > 1:
        what = f"a function of {', '.join(_needed(value))}" if callable(value) else shown(value)
        raise UserError(
            f"The data set {name!r} is {what}; it must be a function of the split, which is 'train' or 'test', that "
            "gives its images or (images, labels), or a function of nothing that gives all of them."
        )


def where(part: Part) -> Path:
    """What begins an error message, as the path of a file does."""
    return Path(f"The data set {part.name}")


def part_of(part: Part, split: str, how: Reading) -> Found:
    """A split of this set. What the function draws from the process's generators is the same at each call.

    Raises UserError, in one sentence, where the function fails, or what it gives is not clear.
    """
    divides = bool(_needed(part.value))
    if how.share is not None and divides:
        raise UserError(f"{how.flag}test is {how.share:g}, but {part.name} has test images of its own: leave it out.")
    if part not in _read or _read[part][0] != how:
        _read[part] = how, _whole(part, how, divides)
    found = _read[part][1].part(split)
    if len(found.pixels) == 0:
        raise UserError(f"{how.path} has no images to {split}{' on' if split == 'train' else ''}: give more.")
    return found


def _whole(part: Part, how: Reading, divides: bool) -> Whole:
    given = [(side, _called(part, side)) for side in SIDES] if divides else [("", _called(part))]
    try:
        parts = forms.as_one_set([forms.part_of(source, side, how.size) for side, source in given], ranged=False)
        check_size(str(how.path), sum(one.images.nbytes for one in parts))
        return whole_of(Raw(tuple(parts), parts[0].classes), how)
    except UserError as error:
        words = str(error)
        raise UserError(words if words.startswith(str(how.path)) else f"{how.path}: {words}") from error


def _called(part: Part, *split: str) -> Any:
    try:
        with settings_kept(), seeded(0):
            return part.value(*split)
    except Exception as error:
        raise UserError(f"The data set {part.name!r} failed: {what_happened(error)}.") from error


def _needed(function: Any) -> list[str]:
    """The parameters that have to be given."""
    return [
        one.name
        for one in parameters_of(function)
        if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    ]
