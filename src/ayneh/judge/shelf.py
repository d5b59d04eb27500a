"""A cache of results that take seconds, by name: in memory and, if one is given, in a folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import load, save
from torch import Tensor

from ayneh.files.sealed import SLOT, fingerprint_of, holds, seal
from ayneh.files.whole import atomically
from ayneh.terminal.text import Say, warn

T = TypeVar("T")


def key_of(*labels: Tensor) -> str:
    """Eight digits of the fingerprint of labels (N,), for the name of what was measured by them."""
    return fingerprint_of(torch.cat(labels).view(-1, 1, 1, 1))[:8]  # the shape under which they were kept first


class Shelf:
    """The cache of one ``key``. Every file is sealed: a damaged one, or one without a seal, is made again.

    say: gets a sentence for such a file, and where the folder cannot be written; then the results stay in memory.
    """

    def __init__(self, folder: Path | None, key: str, say: Say = warn) -> None:
        self.folder, self.key, self.say = folder, key, say
        self._memory: dict[str, Any] = {}

    def tensor(self, name: str, make: Callable[[], Tensor]) -> Tensor:
        """A tensor, in float32."""
        return self._keep(
            f"{name}.safetensors",
            lambda: make().float().contiguous(),
            lambda tensor: save({"x": tensor}, metadata={"ayneh": SLOT}),
            lambda blob: load(blob)["x"],
        )

    def table(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """A dictionary of plain JSON values."""
        return self._keep(
            f"{name}.json",
            make,
            lambda table: json.dumps({"seal": SLOT, "table": table}).encode(),
            lambda blob: json.loads(blob)["table"],
        )

    def _keep(self, name: str, make: Callable[[], T], encode: Callable[[T], bytes], decode: Callable[[bytes], T]) -> T:
        if name in self._memory:
            found: T = self._memory[name]
            return found
        path = None if self.folder is None else self.folder / f"{self.key}-{name}"
        blob = self._read(path) if path else None
        if blob is None:
            made = make()
            if path:
                self._write(path, seal(encode(made)))
        else:
            made = decode(blob)
        self._memory[name] = made
        return made

    def _read(self, path: Path) -> bytes | None:
        """The bytes of a whole file; None if it is absent, damaged or without a seal."""
        try:
            blob = path.read_bytes()
        except OSError:
            return None
        if holds(blob):
            return blob
        self.say(f"{path} is damaged, or an earlier version wrote it without a checksum: it is made again.")
        return None

    def _write(self, path: Path, blob: bytes) -> None:
        try:
            with atomically(path) as file:
                file.write(blob)
        except OSError as error:
            self.say(
                f"The cache folder {path.parent} cannot be written ({error.strerror}), so its contents are measured "
                "again each time: set AYNEH_CACHE to a folder that can be written."
            )
