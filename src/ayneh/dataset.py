"""The real images of a run, as settings: a config's ``data``."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from ayneh.bounds import HUGE, MANY, Range
from ayneh.errors import UserError
from ayneh.files.home import at_home

FILES = ("npz", "file")  # "npz:PATH" is the earlier name of "file:PATH"; the file's suffix says what it is
MEMORY = "memory"  # "memory:NAME" are images that a Python program holds (data/held.py)
MOST_SIDE = 4096  # pixels
KINDS = ("folder", *FILES)


@dataclass(frozen=True)
class Data:
    """The real images."""

    name: str = "digits"
    """digits (embedded), mnist, fashion-mnist, kmnist, stacked-mnist, hoda, folder:PATH or file:PATH."""
    resize: Annotated[int | None, Range(1, MOST_SIDE)] = None
    """Resize every image to this many pixels a side when loading (default: keep its size)."""
    pad_to: Annotated[int | None, Range(1, MOST_SIDE)] = None
    """Pad the images with black to this many pixels a side (default: the next size that the nets take)."""
    limit: Annotated[int | None, Range(1, MANY)] = None
    """Use a random subset of this many images, the same at every run (default: all)."""
    test: str | None = None
    """folder:PATH, file:PATH: test images, as a FOLDER or file of their own, or as a SHARE like 0.2 (default: 0.1)."""
    range: Annotated[tuple[float, float] | None, Range(-HUGE, HUGE)] = None
    """file:PATH: the values that are black and white (default: from the type; floats: 0 1 or -1 1)."""
    skip_broken: bool = False
    """folder:PATH: leave out files that cannot be read as images, and count them (default: name them and stop)."""
    background: str = "black"
    """folder:PATH: what transparent pixels lie on: black, white or #rrggbb."""
    split: str = "content"
    """folder:PATH, file:PATH: hold out test images by a hash of their content, or by position (as earlier versions)."""

    def path(self) -> Path | None:
        """PATH of folder:PATH and file:PATH (or npz:PATH), with the home folder for ~; None for a named data set."""
        kind, _, path = self.name.partition(":")
        return at_home(path) if kind in KINDS and path else None

    def test_path(self) -> Path | None:
        """FOLDER of --data.test; None where it is a share or not given."""
        return at_home(self.test) if self.test is not None and share_of(self.test) is None else None

    def anchored(self) -> Data:
        """The same images under absolute paths, which are valid in any current folder.

        A named data set has a split of its own: what divides other sets is left out.
        """
        path, test = self.path(), self.test_path()
        if path is None:
            return replace(self, split=Data.split)
        name = f"{self.name.partition(':')[0]}:{os.path.abspath(path)}"
        return replace(self, name=name, test=self.test if test is None else os.path.abspath(test))

    def at(self, path: Path) -> Data:
        """The same images at another path. Raises UserError for a named data set, and where nothing is.

        Images that were given from Python may have been saved into a file or folder since.
        """
        kind, before = self.name.partition(":")[0], self.path()
        named, _, rest = str(path).partition(":")
        path = Path(rest) if named in KINDS and rest and not path.exists() else path  # "folder:PATH" is meant as PATH
        if kind == MEMORY:
            kind = "folder" if at_home(path).is_dir() else "file"
        elif before is None:
            raise UserError(f"--data is {path}, but the run was trained on {self.name}, which has no path.")
        if not at_home(path).exists():
            raise UserError(f"--data is {path}, and there is no such file or folder.")
        return replace(self, name=f"{kind}:{os.path.abspath(at_home(path))}")

    def without_folders(self) -> Data:
        """The same without the folders above the user's data, which are private."""
        path, test = self.path(), self.test_path()
        name = self.name if path is None else f"{self.name.partition(':')[0]}:{path.name}"
        return replace(self, name=name, test=self.test if test is None else test.name)


def share_of(test: str) -> float | None:
    """The share that --data.test names; None if it is a path."""
    try:
        return float(test)
    except ValueError:
        return None


@dataclass(frozen=True)
class AsRead:
    """How a data set is read, as flags of a verb that takes it by name: fields of `Data`."""

    resize: Annotated[int | None, Range(1, MOST_SIDE)] = None
    """Crop every image to its central square and scale it to this many pixels a side (default: keep its size)."""
    test: str | None = None
    """folder:PATH, file:PATH: test images, as a FOLDER or file of their own, or as a SHARE like 0.2 (default: 0.1)."""
    range: tuple[float, float] | None = None
    """The values that are black and white in files of arrays (default: from the type; floats: 0 1 or -1 1)."""
    skip_broken: bool = False
    """Leave out files of a folder that cannot be read as images, and count them (default: name them and stop)."""
    background: str = Data.background
    """What transparent pixels lie on: black, white or #rrggbb."""
    split: str = Data.split
    """folder:PATH, file:PATH: hold out test images by a hash of their content, or by position (as earlier versions)."""

    def of(self, name: str) -> Data:
        """The data set of this name, read so."""
        return Data(name, **vars(self))
