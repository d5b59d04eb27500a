"""A person's path that begins with ~: a shell expands `--out ~/x`, but neither `--out=~/x` nor a text in Python."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

T = TypeVar("T")


def at_home(path: str | os.PathLike[str]) -> Path:
    """The path, with the home folder for ~, and for ~user where that is there and no folder here is called so."""
    text = os.fspath(path)
    if text == "~" or text.startswith(("~/", f"~{os.sep}")):
        return Path(os.path.expanduser(text))
    if text.startswith("~") and not os.path.lexists(text) and os.path.exists(users := os.path.expanduser(text)):
        return Path(users)
    return Path(text)


def all_at_home(value: Any) -> Any:
    """The same of whatever begins with ~, also in a list or a tuple; all else is given back as it is."""
    if isinstance(value, str | os.PathLike) and str(value).startswith("~"):
        return str(at_home(value)) if isinstance(value, str) else at_home(value)
    if type(value) in (list, tuple):
        found = type(value)(all_at_home(one) for one in value)
        return found if any(one is not before for one, before in zip(found, value, strict=True)) else value
    return value


class Place(Generic[T]):
    """A folder and what was opened in it: the same one when the program changes its working directory."""

    def __init__(self, given: str | os.PathLike[str], opening: Callable[[Path], T]) -> None:
        self.given, self._open = Path(given), opening
        self._absolute = self.given.absolute()
        self._at, self._opened = self.given, opening(self.given)

    @property
    def folder(self) -> Path:
        """The folder as it was given, or where that would be another one by now, its absolute path."""
        try:
            return self.given if self.given.absolute() == self._absolute else self._absolute
        except OSError:  # the working directory was deleted
            return self._absolute

    @property
    def opened(self) -> T:
        """What was opened, under the folder's path as it is now."""
        if self._at != (folder := self.folder):
            self._at, self._opened = folder, self._open(folder)
        return self._opened
