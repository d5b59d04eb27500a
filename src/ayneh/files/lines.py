"""JSON Lines: an object a line. A kill cuts off the last line at most; any other unreadable line was damaged later.

A damaged line is left out with a sentence on stderr; who rewrites the file keeps a copy of it as it was.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

from ayneh.errors import UserError
from ayneh.files.reading import plain_file, typed
from ayneh.files.whole import atomically
from ayneh.terminal.text import few, warn, warn_once


class Kind(Protocol):
    """A dataclass of what every line of a file has."""

    ALIKE: ClassVar[frozenset[str]]  # where most lines of a file have one of these fields, all have it
    RISING: ClassVar[str | None]  # a field that never falls from line to line


@dataclass
class _Found:
    lines: dict[int, dict[str, Any]] = field(default_factory=dict)  # by their numbers, from 1
    damaged: dict[int, str] = field(default_factory=dict)  # what is wrong

    @property
    def whole(self) -> list[dict[str, Any]]:
        return list(self.lines.values())


def read_lines(path: Path, kind: type[Kind]) -> list[dict[str, Any]]:
    """The lines of a file, as they were written; none if there is no such file. Nothing is written.

    A line that is not an object of this kind is left out with a sentence on stderr, but a last one without its end, as
    a kill leaves it, without a word.
    """
    found = _find(path, kind)
    if found.damaged:
        warn_once(f"{path}: {_named(found.damaged)} left out.")
    return found.whole


def mended_lines(path: Path, kind: type[Kind]) -> list[dict[str, Any]]:
    """The same for one who writes the file anew: if lines are damaged, the file as it is is kept as NAME.damaged."""
    found = _find(path, kind)
    if found.damaged:
        copy = _copy(path)
        warn(f"{path}: {_named(found.damaged)} left out; the file as it was is kept as {copy.name}.")
    return found.whole


def write_lines(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Replace the file, atomically."""
    with atomically(path) as file:
        file.write("".join(json.dumps(line) + "\n" for line in lines).encode())


def append_lines(path: Path, *lines: Mapping[str, Any]) -> None:
    """Add lines at the end of the file; after a last line that a kill cut off, on a line of their own."""
    with path.open("ab+") as file:
        cut = file.tell() > 0 and file.seek(-1, 2) >= 0 and file.read(1) != b"\n"
        file.write(b"\n" * cut + "".join(json.dumps(line) + "\n" for line in lines).encode())


def _find(path: Path, kind: type[Kind]) -> _Found:
    found = _Found()
    try:
        plain_file(path)
        texts = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return found
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}).") from error
    for number, text in enumerate(texts, 1):
        if not text.strip():
            continue
        try:
            values = json.loads(text.decode())
            typed(values, kind, "it")
            found.lines[number] = values
        except (ValueError, RecursionError) as error:  # also of UTF-8, and UserError
            if number < len(texts):  # else it has no end
                found.damaged[number] = str(error) if isinstance(error, UserError) else "it is not readable JSON"
    for name in kind.ALIKE:
        lacking = [number for number, values in found.lines.items() if values.get(name) is None]
        if len(lacking) * 2 < len(found.lines):
            for number in lacking:
                del found.lines[number]
                found.damaged[number] = f"{name} is missing"
    if kind.RISING:
        rising = _rising({number: values[kind.RISING] for number, values in found.lines.items()})
        for number in [number for number in found.lines if number not in rising]:
            found.damaged[number] = f"{kind.RISING} is {found.lines.pop(number)[kind.RISING]}, out of order"
    found.damaged = dict(sorted(found.damaged.items()))
    return found


def _rising(values: Mapping[int, int]) -> set[int]:
    """The keys of as many values as possible that never fall, in order."""
    tops: list[int] = []  # the least last value of a rising row of each length, and its key
    keys: list[int] = []
    before: dict[int, int | None] = {}
    for key, value in values.items():
        at = bisect_right(tops, value)
        tops[at : at + 1], keys[at : at + 1] = [value], [key]
        before[key] = keys[at - 1] if at else None
    found, last = set[int](), keys[-1] if keys else None
    while last is not None:
        found.add(last)
        last = before[last]
    return found


def _named(damaged: Mapping[int, str]) -> str:
    """ "line 2 is damaged (it is not readable JSON) and"."""
    first = next(iter(damaged.values())).rstrip(".").removeprefix("it: ")
    if len(damaged) == 1:
        return f"line {next(iter(damaged))} is damaged ({first}) and"
    return f"lines {few([*map(str, damaged)], 10)} are damaged (the first: {first}) and"


def _copy(path: Path) -> Path:
    """The copy of a damaged file: NAME.damaged, NAME.damaged-2, ...; one of the same bytes is not made again."""
    content, number = path.read_bytes(), 1
    while True:
        copy = path.with_name(f"{path.name}.damaged" + (f"-{number}" if number > 1 else ""))
        if not copy.exists():
            with atomically(copy) as file:
                file.write(content)
            return copy
        if copy.read_bytes() == content:
            return copy
        number += 1
