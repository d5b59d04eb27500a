"""Which images are for training and which for testing, in a data set without splits."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence

import numpy as np

SPLITS = ("train", "test", "all")
HALVES = {  # what folders, files and arrays of each half are called
    "train": {"train", "training", "trainset"},
    "val": {"val", "valid", "validation", "validset", "dev", "eval", "evaluation"},
    "test": {"test", "testing", "testset"},
}
DIVISIONS = ("content", "position")
TENTH = 0.1  # the share of the images that is held out
ENOUGH = 10  # images, of which at least one is held out
UNIT = 2.0**64


def shuffled(n: int) -> np.ndarray:
    """0..n-1 in a fixed random order. RandomState's streams are frozen, so every NumPy gives the same one."""
    return np.random.RandomState(0).permutation(n)


def digest(content: bytes | np.ndarray) -> bytes:
    """The SHA-256 of an image's content: the bytes of its file, or its pixels in an array."""
    return hashlib.sha256(content.tobytes() if isinstance(content, np.ndarray) else content).digest()


def held_out(digests: Sequence[bytes], share: float = TENTH) -> np.ndarray:
    """bool (N,): True where the digest, read as a number in [0, 1), is below ``share``: a test image.

    So an image's side depends on its own content: another image moves none, copies share a side, and a larger
    share keeps the test images of a smaller one. Of ENOUGH images or more at least one is held out, if need be the
    one with the smallest number, and at least one is left for training; this alone can move with another image.
    """
    at = np.array([int.from_bytes(one[:8], "big") for one in digests], np.uint64)
    test = at.astype(np.float64) < share * UNIT
    if len(at) == 0 or at.min() == at.max():
        return np.zeros(len(at), bool)
    if not test.any() and len(at) >= ENOUGH:
        return at == at.min()
    return at < at.max() if test.all() else test


def by_position(n: int, share: float | None = None) -> np.ndarray:
    """bool (n,): a fixed random n // 10 (or share) are test images, as in earlier versions."""
    test = np.zeros(n, bool)
    test[shuffled(n)[: n // 10 if share is None else int(n * share)]] = True
    return test


def limited(n: int, limit: int | None) -> np.ndarray:
    """At most ``limit`` of 0..n-1, ascending: a fixed random choice; a smaller one is a part of a larger."""
    return np.sort(shuffled(n)[:limit]) if limit is not None and limit < n else np.arange(n)


def used_as(halves: Collection[str]) -> dict[str, str]:
    """What each half is used as: validation images join train, or are the test images where there are no others."""
    return {"train": "train", "val": "train" if "test" in halves else "test", "test": "test"}


def of_val(to: Mapping[str, str]) -> str:
    """A note's words on validation images; to: `used_as`."""
    return "joins train" if to["val"] == "train" else "is the test set"


def side(test: np.ndarray, split: str) -> np.ndarray:
    """The indices of a split, ascending. test: bool (N,), as `held_out` returns it."""
    return np.flatnonzero({"train": ~test, "test": test, "all": test | ~test}[split])
