"""A run's metrics as they grow: each line is read once, and of very many lines a part is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, Any

from ayneh.errors import UserError
from ayneh.files import older
from ayneh.files.reading import typed
from ayneh.record.forms import Line
from ayneh.terminal.text import warn_once

MOST = 2000  # lines that are kept: every one or, of longer files, every 2nd, 4th, ...
LONGEST = 8 << 20  # bytes of a line
BLOCK = 1 << 20  # bytes that are read at once

Numbered = tuple[int, dict[str, Any]]  # the line's number in the file, and its values in today's form


class Followed:
    """The lines of a JSON Lines file. `read` takes what was added since the last time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._begin((0, 0))

    def _begin(self, file: tuple[int, int]) -> None:
        self._file, self._offset, self._before = file, 0, b""
        self.count, self._stride, self._last = 0, 1, b""
        self._kept: list[Numbered] = []

    def read(self) -> list[Numbered]:
        """The kept lines, in order, the last line of the file always among them; ``count`` is the number of all.

        Raises UserError for a line longer than `LONGEST`.
        """
        if not self.path.is_file():
            self._begin((0, 0))
            return []
        with self.path.open("rb") as file:
            self._take(file)
        last = _parsed(self._last) if self._last else None
        if last is None or (self._kept and self._kept[-1][0] == self.count - 1):
            return list(self._kept)
        return [*self._kept, (self.count - 1, last)]

    def _take(self, file: IO[bytes]) -> None:
        about = self.path.stat()
        file.seek(max(0, self._offset - len(self._before)))
        same = file.read(len(self._before)) == self._before
        if (about.st_dev, about.st_ino) != self._file or about.st_size < self._offset or not same:
            self._begin((about.st_dev, about.st_ino))  # it was replaced: the run was resumed from an earlier step
            file.seek(0)
        rest = b""
        while block := file.read(BLOCK):
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                self._add(line)
            if len(rest) > LONGEST:
                raise UserError(f"Line {self.count + 1} of {self.path} is longer than {LONGEST:,} bytes.")
        end = file.tell() - len(rest)
        file.seek(max(0, end - 64))
        self._before, self._offset = file.read(end - max(0, end - 64)), end

    def _add(self, line: bytes) -> None:
        if self.count % self._stride == 0:
            if (values := _parsed(line)) is not None:
                self._kept.append((self.count, values))
            elif line.strip():
                warn_once(f"{self.path}: line {self.count + 1} is damaged and left out.")
        self.count, self._last = self.count + 1, line
        if len(self._kept) > MOST:
            self._stride *= 2
            self._kept = [one for one in self._kept if one[0] % self._stride == 0]


def _parsed(line: bytes) -> dict[str, Any] | None:
    """A line's values in today's form; None for what training does not write."""
    try:
        values = json.loads(line)
        typed(values, Line, "a line")
        return older.line(values)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
