"""Which images are for training and which for testing, in a data set without splits."""

from __future__ import annotations

import numpy as np

SPLITS = ("train", "test", "all")


def shuffled(n: int) -> np.ndarray:
    """0..n-1 in a fixed random order. RandomState's streams are frozen, so every NumPy gives the same one."""
    return np.random.RandomState(0).permutation(n)


def own_split(n: int, split: str) -> np.ndarray:
    """The indices of a split of n images, ascending: a fixed tenth (n // 10) to test, the others to train."""
    order, tests = shuffled(n), n // 10
    return np.sort({"train": order[tests:], "test": order[:tests], "all": order}[split])
