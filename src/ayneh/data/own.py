"""A data set of one's own: a function that gives its images, added by ``ayneh.add("data", NAME, FUNCTION)``."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from ayneh.data import forms
from ayneh.data.arrays import Reading, whole_of
from ayneh.data.bounded import check_size
from ayneh.data.found import Found
from ayneh.data.held import digest_of, unshared
from ayneh.data.raw import Raw
from ayneh.errors import UserError
from ayneh.files.reading import shown
from ayneh.generators import seeded
from ayneh.parts.calling import parameters_of, settings_kept, what_happened
from ayneh.parts.registry import Part
from ayneh.turns import Turn

STARRED = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
SEEDS = {"train": 0, "test": 1, "": 0}  # of what a function draws for a side; "": it gives all images
TAKES = (
    "it must be a function of the split, which is 'train' or 'test', that gives its images or (images, labels), or a "
    "function of nothing that gives all of them"
)
_repeats: WeakSet[Part] = WeakSet()  # a second call gave the same images
_last: WeakKeyDictionary[Part, tuple[tuple[int | None, bool], Raw]] = WeakKeyDictionary()  # at most one
_TURN = Turn()  # of threads, at these two


def check(name: str, value: Any, arguments: Mapping[str, Any]) -> None:
    """Raise UserError for what is no data set, as `ayneh.add` does."""
    if arguments:
        raise UserError(
            f"ayneh.add gives the data set {name!r} the argument {next(iter(arguments))!r}: put it into the function."
        )
    if not callable(value):
        raise UserError(f"The data set {name!r} is {shown(value)}; {TAKES}.")
    needed = [one for one in parameters_of(value) if one.default is one.empty and one.kind not in STARRED]
    if len(needed) > 1 or any(one.kind is one.KEYWORD_ONLY for one in needed):
        raise UserError(f"The data set {name!r} is a function of {', '.join(one.name for one in needed)}; {TAKES}.")


def divides(part: Part) -> bool:
    """Whether its function takes the split: as a parameter without a default, or as its first one, called split."""
    places = [one for one in parameters_of(part.value) if one.kind not in (*STARRED, one.KEYWORD_ONLY)]
    return any(one.default is one.empty for one in places) or [one.name for one in places[:1]] == ["split"]


def part_of(part: Part, split: str, how: Reading) -> Found:
    """A split of this set. Its function is called anew unless it was called for the other split just before.

    Raises UserError, in one sentence, where the function fails, does not repeat, or what it gives is not clear.
    """
    test = how.share if how.test is None else how.test
    if test is not None and divides(part):
        raise UserError(f"{how.flag}test is {test}, but {part.name} has test images of its own: leave it out.")
    if how.test is not None:
        raise UserError(
            f"{how.flag}test is {test}, but the function of {part.name} gives all images, of which a share is for "
            "testing: give one, as 0.2, or let it take the split."
        )
    key = how.size, how.range is not None
    with _TURN:
        before = _last.get(part)
    raw = before[1] if before and before[0] == key and split == "test" else _raw(part, *key)
    with _TURN:
        _last.clear()
        _last[part] = key, raw
    try:
        whole = unshared(whole_of(raw, how), raw.parts)
    except UserError as error:
        raise _named(part, error) from error
    found = whole.part(split)
    if len(found.pixels) == 0:
        raise UserError(f"{where(part)} has no images to {split}{' on' if split == 'train' else ''}: give more.")
    return found


def where(part: Part) -> Path:
    """What begins an error message, as the path of a file does."""
    return Path(f"The data set {part.name}")


def _raw(part: Part, size: int | None, ranged: bool) -> Raw:
    sides = ("train", "test") if divides(part) else ("",)
    given = [_called(part, side, size, ranged) for side in sides]
    if part not in _repeats:
        for side, one in zip(sides, given, strict=True):
            again = _called(part, side, size, ranged)
            if digest_of(again.images, again.labels) != digest_of(one.images, one.labels):
                raise UserError(
                    f"{where(part)} has other images at a second call, so that no run could be repeated: draw with "
                    "numpy.random.rand and the like, torch.rand or random, or give a generator of your own a seed."
                )
        _repeats.add(part)
    try:
        given = forms.as_one_set(given, ranged)
        check_size(str(where(part)), sum(one.images.nbytes for one in given))
    except UserError as error:
        raise _named(part, error) from error
    names = [one.classes for one in given if one.classes]
    if names and names[0] != names[-1]:
        raise UserError(
            f"{where(part)} has the classes {', '.join(names[0])} to train on and {', '.join(names[-1])} to test: "
            "give both the same, in one order."
        )
    return Raw(tuple(given), names[0] if names else None)


def _called(part: Part, side: str, size: int | None, ranged: bool) -> forms.NamedPart:
    """What the function gives for a side, read whole: items of a data set may be drawn, or fail, when they are read."""
    try:
        with seeded(SEEDS[side]), settings_kept():
            given = part.value(side) if side else part.value()
            if isinstance(given, str | os.PathLike) or hasattr(given, "understood"):
                raise UserError(
                    f"it gives {shown(given)}; give the images themselves, an array, a tensor, a list of pictures or a "
                    "data set of PyTorch, or a pair (images, labels)."
                )
            return forms.part_of(given, side, size, ranged)
    except UserError as error:
        raise _named(part, error) from error
    except Exception as error:
        raise UserError(f"{where(part)} failed: {what_happened(error)}.") from error


def _named(part: Part, error: UserError) -> UserError:
    words = str(error)
    return UserError(words if words.startswith(str(where(part))) else f"{where(part)}: {words}")
