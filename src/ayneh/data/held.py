"""Sets of images that a Python program holds in memory, by name, for as long as something there holds them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import numpy as np

from ayneh.data.arrays import Reading, Whole, whole_of
from ayneh.data.bounded import check_size
from ayneh.data.found import Found
from ayneh.data.raw import Part, Raw
from ayneh.dataset import MEMORY
from ayneh.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import NDArray

WHERE = Path("The images given")  # begins an error message, as the path of a file does
_HELD: WeakValueDictionary[str, Whole] = WeakValueDictionary()  # by the hash in their names


@dataclass(frozen=True, eq=False)
class Held:
    """A set, and the name under which the settings of a run have it: memory:digits-1f3a09bc.

    What follows the last dash is a hash of the images, their labels and their division; what is before it is a word of
    the user's, under which the same images may be given another time.
    """

    name: str
    whole: Whole


def hold(
    parts: Sequence[Part],
    label: str,
    names: Sequence[str] | None = None,
    names_asked: bool = False,
    share: float | None = None,
    range: tuple[float, float] | None = None,
    background: str = "black",
    by_position: bool = False,
) -> Held:
    """Images of any usual type and layout as a set that is held while the result is; the rules are those of files.

    label: how the name begins. names: of the classes; names_asked: a person gave them. share: of the images for
    testing, where no part is for testing. The other settings are those of `data.arrays.read_arrays`.
    Raises UserError where the meaning of an array is not clear.
    """
    check_size(str(WHERE), sum(part.images.nbytes for part in parts))
    raw = Raw(tuple(parts), tuple(names) if names else None, names_asked=names_asked)
    whole = unshared(whole_of(raw, Reading(WHERE, None, None, share, range, background, by_position, flag="")), parts)
    word = re.sub(r"[^\w.]+", "-", label).strip("-") or "images"
    name = f"{MEMORY}:{word}-{_hash(whole)[:8]}"
    return Held(name, _HELD.setdefault(_key(name), whole))


def unshared(whole: Whole, given: Sequence[Part]) -> Whole:
    """The set with pixels of its own: bytes in the usual order are otherwise those of the array that was given.

    What a program does to its array afterwards would change the images, under the same name.
    """
    shared = any(np.may_share_memory(whole.pixels, part.images) for part in given)
    return replace(whole, pixels=whole.pixels.copy()) if shared else whole


def held(name: str) -> Whole | None:
    """The set of this name; None if this process does not hold it."""
    return _HELD.get(_key(name))


def part_of(name: str, split: str) -> Found:
    """A split of the set of this name. Raises UserError if this process does not hold it, or the split is empty."""
    whole = held(name)
    if whole is None:
        raise UserError(
            f"{name} are images that were given from Python, and no file holds them: give them to "
            '`ayneh.images` there again, or save them by `images.save("images.npz")` and name them file:images.npz.'
        )
    found = whole.part(split)
    if len(found.pixels) == 0:
        raise UserError(f"{WHERE} have none to {split}{' on' if split == 'train' else ''}: give more.")
    return found


def _key(name: str) -> str:
    return name.rpartition("-")[2]


def _hash(whole: Whole) -> str:
    return digest_of(whole.pixels, whole.is_test, whole.labels, words=repr(whole.names))


def digest_of(*arrays: NDArray[Any] | None, words: str = "") -> str:
    """SHA-256 of arrays' types, shapes and numbers, and of words."""
    digest = hashlib.sha256()
    for array in arrays:
        if array is not None:
            digest.update(f"{array.dtype} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
    digest.update(words.encode())
    return digest.hexdigest()
