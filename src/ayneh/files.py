"""Files on the disk: written whole or not at all, JSON and JSON Lines, locks."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from filelock import FileLock, Timeout

from ayneh.errors import UserError


@contextmanager
def atomically(path: Path) -> Iterator[IO[bytes]]:
    """Write a temporary file beside ``path``, flush it to the disk and rename it: readers see the old file or the new.

    Makes the folder. If writing fails, the temporary file is removed and the old file stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_json(path: Path, values: Mapping[str, Any], indent: int = 2) -> None:
    """Write values as JSON, atomically."""
    with atomically(path) as file:
        file.write(json.dumps(values, indent=indent).encode() + b"\n")


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a JSON Lines file, up to the first that is cut off (by a kill); none if there is no such file."""
    lines = []
    for text in path.read_text().splitlines() if path.exists() else []:
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            break
    return lines


def write_lines(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Replace a JSON Lines file, atomically."""
    with atomically(path) as file:
        file.write("".join(json.dumps(line) + "\n" for line in lines).encode())


def append_lines(path: Path, *lines: Mapping[str, Any]) -> None:
    """Add lines at the end of a JSON Lines file."""
    with path.open("a") as file:
        file.write("".join(json.dumps(line) + "\n" for line in lines))


def written_s(path: Path) -> float:
    """When a file was last written, in seconds of the clock; 0 if there is none."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def without_nan(value: Any) -> Any:
    """The same for JSON: None for NaN and infinities, which JSON does not have, and lists for tuples."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: without_nan(part) for name, part in value.items()}
    return [without_nan(part) for part in value] if isinstance(value, list | tuple) else value


@contextmanager
def locked(path: Path, refusal: str) -> Iterator[None]:
    """Hold the lock of this file; UserError with this refusal if another process holds it.

    The system frees the lock of a process that died.
    """
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(refusal) from None
    try:
        yield
    finally:
        lock.release()
