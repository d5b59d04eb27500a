"""The arrays of a file as they are in it: images and labels, of all of a set or of its parts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ayneh.data.bounded import check_size
from ayneh.data.naming import Chosen


@dataclass(frozen=True)
class Part:
    """Images of any type and layout, labels of any kind, and the images' name in their file."""

    side: str  # "train", "test", or "" where the file does not say
    images: np.ndarray
    labels: np.ndarray | None
    name: str
    labels_at: str = ""  # the file and the name of the labels, for an error message
    pictures: bool = False  # each was a picture, whose channels may be alike: grey or colour is decided over all

    @property
    def count(self) -> int | None:
        """The number of images as the labels give it: None without labels, and of one-hot labels."""
        labels = self.labels
        return labels.size if labels is not None and max(labels.shape, default=0) == labels.size else None


@dataclass(frozen=True)
class Raw:
    """A set: its parts, the classes' names if the file has them, and notes."""

    parts: tuple[Part, ...]
    names: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    matlab: bool = False  # the file is MATLAB's
    names_asked: bool = False  # a person gave the names, which have to fit the labels

    @property
    def test_names(self) -> str:
        """What the file calls its test images; empty if it does not name them."""
        return ", ".join(part.name for part in self.parts if part.side == "test")

    def with_test(self, other: Raw, path: Path) -> Raw:
        """These images for training, without test images of their own, and all of another file for testing."""
        left = [f"{self.test_names} is not used"] if self.test_names else []
        train = [replace(part, side="train") for part in self.parts if part.side != "test"]
        test = [replace(part, side="test", name=f"{part.name} of {path.name}") for part in other.parts]
        return replace(self, parts=(*train, *test), notes=(*self.notes, *left, f"test images from {path.name}"))


def raw_of(chosen: tuple[list[Chosen], list[str]], path: Path, matlab: bool = False) -> Raw:
    """What was chosen of a file's arrays, read. Raises UserError if it is too large or damaged."""
    parts, notes = chosen
    used = [entry for part in parts for entry in (part.images, part.labels) if entry is not None]
    check_size(str(path), sum(entry.n_bytes for entry in used))
    return Raw(tuple(_part(part, path) for part in parts), None, tuple(notes), matlab)


def _part(part: Chosen, path: Path) -> Part:
    labels = None if part.labels is None else part.labels.read()
    at = "" if part.labels is None else f"{path}: {part.labels.name}"
    return Part(part.side, part.images.read(), labels, part.images.name, at)
