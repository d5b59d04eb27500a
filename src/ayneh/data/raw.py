"""The arrays of a file as they are in it: images and labels, of all of a set or of its parts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ayneh.data.bounded import check_size
from ayneh.data.naming import Chosen
from ayneh.data.renumbered import renumbered


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
    names_kept: bool = False  # a saved set has the names, which are those of its runs: they are not shortened

    @property
    def test_names(self) -> str:
        """What the file calls its test images; empty if it does not name them."""
        return ", ".join(part.name for part in self.parts if part.side == "test")

    def with_test(self, other: Raw, path: Path) -> Raw:
        """These images for training, without test images of their own, and all of another file for testing."""
        left = [f"{self.test_names} is not used"] if self.test_names else []
        train = [replace(part, side="train") for part in self.parts if part.side != "test"]
        dropped = [part.labels for part in self.parts if part.side == "test" and part.labels is not None]
        test = [replace(part, side="test", name=f"{part.name} of {path.name}") for part in other.parts]
        names = self.names
        ours, theirs = ([part.labels for part in half if part.labels is not None] for half in (train, test))
        if train and len(ours) == len(train) and len(theirs) == len(test):
            names, ours, theirs = renumbered([*ours, *dropped], names, theirs, other.names)  # names fit the whole file
            train = [replace(part, labels=own) for part, own in zip(train, ours, strict=False)]
            test = [replace(part, labels=own) for part, own in zip(test, theirs, strict=True)]
        notes = (*self.notes, *left, f"test images from {path.name}")
        return replace(self, parts=(*train, *test), names=names, notes=notes)


def raw_of(chosen: tuple[list[Chosen], list[str]], path: Path, matlab: bool = False) -> Raw:
    """What was chosen of a file's arrays, read. Raises UserError if it is too large or damaged."""
    parts, notes = chosen
    used = [entry for part in parts for entry in (part.images, part.labels, part.names) if entry is not None]
    check_size(str(path), sum(entry.n_bytes for entry in used))
    names = None if parts[0].names is None else _text(parts[0].names.read())
    return Raw(tuple(_part(part, path) for part in parts), names, tuple(notes), matlab, names_kept=names is not None)


def _text(names: np.ndarray) -> tuple[str, ...]:
    return tuple((names if names.dtype.kind == "U" else np.char.decode(names, "utf-8", "replace")).tolist())


def _part(part: Chosen, path: Path) -> Part:
    labels = None if part.labels is None else part.labels.read()
    at = "" if part.labels is None else f"{path}: {part.labels.name}"
    return Part(part.side, part.images.read(), labels, part.images.name, at)
