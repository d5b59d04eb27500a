"""The labels of a second file as the first one has them, where either names the classes that its numbers are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Array = np.ndarray
Names = tuple[str, ...] | None


def renumbered(
    first: Sequence[Array], names: Names, second: Sequence[Array], others: Names
) -> tuple[Names, list[Array], list[Array]]:
    """The names of the first file, with those that only the second has behind them, and the labels of both files.

    first, second: labels of each file's parts; names, others: what each file calls its classes, if it does.
    A class is the same where its name is. Numbers without a name are taken as they are, unless all names are numbers.
    """
    same = names, list(first), list(second)
    if names is None and others is None:
        return same
    digits = all(name.isascii() and name.isdecimal() for name in (*(names or ()), *(others or ())))
    if names == others and _places([*first, *second], names) is not None:  # both count their classes alike
        return same
    texts = _texts(second, others, digits)
    numbers = all(labels.dtype.kind not in "US" for labels in first)
    if texts is None or (names is None and numbers and not digits):
        return same
    if names is None:
        return None, list(first), [text.astype(np.int64) if numbers else text for text in texts]
    places = list(first) if any(_flat(labels) is None for labels in first) else _places(first, names)
    if places is None:
        return same
    further = dict.fromkeys(name for text in texts for name in text.tolist() if name not in names)
    every = (*names, *further)
    place = {name: k for k, name in reversed(list(enumerate(every)))}
    return every, places, [np.array([place[name] for name in text.tolist()], np.int64) for text in texts]


def _texts(parts: Sequence[Array], names: Names, digits: bool) -> list[Array] | None:
    """The name of the class of each image of each part, (N,); None where one has none."""
    flat = [one for labels in parts if (one := _flat(labels)) is not None]
    if len(flat) == len(parts) and all(one.dtype.kind in "US" for one in flat):
        return [
            np.char.strip(one if one.dtype.kind == "U" else np.char.decode(one, "utf-8", "replace")) for one in flat
        ]
    if names is not None:
        places = _places(parts, names)
        return None if places is None else [np.array(names)[place] for place in places]
    whole = _whole(parts)
    return [one.astype(np.str_) for one in whole] if digits and whole else None


def _places(parts: Sequence[Array], names: Names) -> list[Array] | None:
    """The labels of one file as places in its names, by the rule of `labels._names`; None where they have none."""
    whole = _whole(parts)
    if not whole or not names:
        return None
    values = np.unique(np.concatenate(whole))
    if len(values) == len(names):  # as many names as classes: in order, whatever the first number is
        return [np.searchsorted(values, one) for one in whole]
    return whole if values[-1] < len(names) else None


def _whole(parts: Sequence[Array]) -> list[Array] | None:
    """Labels that are whole numbers from 0, int64 (N,); None where one is no such number."""
    found = []
    for labels in parts:
        flat = _flat(labels)
        if flat is None or flat.dtype.kind not in "buif" or not flat.size:
            return None
        if (np.floor(flat) != flat).any() or flat.min() < 0:
            return None
        found.append(flat.astype(np.int64))
    return found


def _flat(labels: Array) -> Array | None:
    """(N,) of (N,), (N, 1) and (1, N); None of rows with one 1."""
    flat = labels.reshape(-1)
    return flat if flat.size == max(labels.shape, default=0) else None
