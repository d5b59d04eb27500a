"""The classes that images are asked for: numbers or names of a person as int64 (n,), or draws from the shares."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ayneh.errors import UserError
from ayneh.labels import SHOWN, Labels

Array = np.ndarray
STREAM = 1  # beside the seed, so that classes and latents of one seed have nothing to do with each other


def drawn(weights: tuple[float, ...], n: int, seed: int) -> Array:
    """n classes, int64 (n,), class k with a probability in proportion to weights[k]: the same for the same seed."""
    p = np.asarray(weights, np.float64)
    return np.random.default_rng([seed, STREAM]).choice(len(p), n, p=p / p.sum()).astype(np.int64)


def log_shares(read: Array, parts: tuple[int, ...]) -> Array:
    """What D reads of each part of a class, (N, sum of parts), as log-probabilities of the classes, (N, K).

    The last part changes fastest, as digits of a number do.
    """
    found = np.zeros((len(read), 1), read.dtype)
    for logits in np.split(read, np.cumsum(parts)[:-1], 1):
        logits = logits - logits.max(1, keepdims=True)
        logits = logits - np.log(np.exp(logits).sum(1, keepdims=True))
        found = (found[:, :, None] + logits[:, None]).reshape(len(read), found.shape[1] * logits.shape[1])
    return found


def numbered(labels: Labels, classes: Any, n: int | None, spread: bool = False) -> Array:
    """One class for all, or one for each image, as int64 (n,); n None: as many as there are.

    A class is a number from 0 or a name. spread: the classes of a list that is shorter come equally often, one after
    another, as in `Run.sample`. Raises UserError for a class that does not exist, and for too few or too many.
    """
    array = hasattr(classes, "tolist")  # of NumPy, PyTorch or pandas
    given = classes.tolist() if array else classes
    alone = isinstance(given, str | bytes) or not isinstance(given, Iterable)
    found = np.array([_number(labels, one) for one in ([given] if alone else given)], np.int64)
    if n is None or len(found) == n:
        return found
    if alone or (spread and not array and 0 < len(found) < n):
        each, more = divmod(n, len(found))
        return np.repeat(found, [each + (k < more) for k in range(len(found))])
    raise UserError(
        f"There are {len(found):,} classes for {n:,} images: give one class for all, or one for each image."
    )


def _number(labels: Labels, one: Any) -> int:
    if isinstance(one, str):
        return labels.number(str(one))
    if isinstance(one, bool | np.bool_) or not isinstance(one, int | np.integer):
        raise UserError(
            f"A class is {one!r} ({type(one).__name__}); it must be a whole number from 0 to {labels.count - 1:,}, or "
            "a name."
        )
    if not 0 <= one < labels.count:
        raise UserError(
            f"There is no class {one}: they are numbered from 0 to {labels.count - 1:,}, and their names are "
            f"{', '.join(labels.names[:SHOWN])}{', ...' * (labels.count > SHOWN)}."
        )
    return int(one)
