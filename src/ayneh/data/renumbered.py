"""The labels of a second file as the first one has them, where either names the classes that its numbers are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Array = np.ndarray
Names = tuple[str, ...] | None


def renumbered(first: Array, names: Names, second: Sequence[Array], others: Names) -> tuple[Names, list[Array]]:
    """The names of the first file, with those that only the second has behind them, and the second file's labels.

    first: labels of the first file; names, others: of the classes that the numbers of each file are, if it has names.
    A class is the same where its name is. Numbers without a name are taken as they are, unless all names are numbers.
    """
    digits = all(name.isascii() and name.isdecimal() for name in (*(names or ()), *(others or ())))
    texts = [text for labels in second if (text := _texts(labels, others, digits)) is not None]
    numbers = first.dtype.kind not in "US"
    if names == others or len(texts) < len(second) or (names is None and numbers and not digits):
        return names, list(second)
    if names is None:
        return None, [text.astype(np.int64) if numbers else text for text in texts]
    every = tuple(dict.fromkeys((*names, *(name for text in texts for name in text.tolist()))))
    place = {name: k for k, name in enumerate(every)}
    return every, [np.array([place[name] for name in text.tolist()], np.int64) for text in texts]


def _texts(labels: Array, names: Names, digits: bool) -> Array | None:
    """The name of the class of each image, (N,); None where it has none."""
    flat = labels.reshape(-1)
    if flat.size != max(labels.shape, default=0):  # rows with one 1
        return None
    if flat.dtype.kind in "US":
        return np.char.strip(flat if flat.dtype.kind == "U" else np.char.decode(flat, "utf-8", "replace"))
    if flat.dtype.kind not in "buif" or not flat.size or (np.floor(flat) != flat).any() or flat.min() < 0:
        return None
    whole = flat.astype(np.int64)
    if names is None:
        return whole.astype(np.str_) if digits else None
    return np.array(names)[whole] if whole.max() < len(names) else None
