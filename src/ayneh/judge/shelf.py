"""A cache of results that take seconds, by name: in memory and, if one is given, in a folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from ayneh.errors import UserError
from ayneh.files import atomically

T = TypeVar("T")


class Shelf:
    """The cache of one ``key``. A damaged entry is computed again."""

    def __init__(self, folder: Path | None, key: str) -> None:
        self.folder, self.key = folder, key
        self._memory: dict[str, Any] = {}

    def tensor(self, name: str, make: Callable[[], Tensor]) -> Tensor:
        """A tensor, in float32."""
        return self._keep(
            f"{name}.safetensors",
            lambda: make().float().contiguous(),
            lambda tensor: save({"x": tensor}),
            lambda blob: load(blob)["x"],
        )

    def table(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """A dictionary of plain JSON values."""
        return self._keep(f"{name}.json", make, lambda table: json.dumps(table).encode(), json.loads)

    def _keep(self, name: str, make: Callable[[], T], encode: Callable[[T], bytes], decode: Callable[[bytes], T]) -> T:
        if name in self._memory:
            found: T = self._memory[name]
            return found
        path = None if self.folder is None else self.folder / f"{self.key}-{name}"
        made = _read(path, decode) if path else None
        if made is None:
            made = make()
            if path:
                _write(path, encode(made))
        self._memory[name] = made
        return made


def _read(path: Path, decode: Callable[[bytes], T]) -> T | None:
    try:
        return decode(path.read_bytes())
    except (OSError, SafetensorError, KeyError, ValueError):  # absent or damaged
        return None


def _write(path: Path, blob: bytes) -> None:
    try:
        with atomically(path) as file:
            file.write(blob)
    except OSError as error:
        raise UserError(
            f"The cache folder {path.parent} cannot be written ({error.strerror}): set AYNEH_CACHE to one that can."
        ) from error
