"""The classes of images in NumPy: draws from the shares, and what D reads."""

from __future__ import annotations

import numpy as np

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
