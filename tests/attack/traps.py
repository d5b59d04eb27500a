"""A trap counts the operations that change files, and at one of them kills this process or finds the disk full."""

from __future__ import annotations

import builtins
import errno
import io
import os
import signal
import sys
from pathlib import Path
from typing import Any, Literal

CHANGES = {"os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate"}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

Kind = Literal["count", "kill", "full"]


class Trap:
    """Set in a child. Operations: open to write, mkdir, rename, remove, fsync, and each write, whole or torn.

    Kinds: "count" lets all pass; "kill" kills the process before operation number ``at`` (from 1), or, of a write, also
    when half of its bytes are written; "full" lets this write and all that follow fail as on a full disk.
    """

    def __init__(self, root: Path, kind: Kind, at: int = 0) -> None:
        self.root, self.kind, self.at, self.ticks = str(root.resolve()), kind, at, 0
        self.log: list[str] = []
        self._open, self._fsync, self._sendfile = io.open, os.fsync, os.sendfile

    def set(self) -> None:
        """From now on in this process, until its end."""
        sys.addaudithook(self._audit)
        builtins.open = io.open = self._opened  # type: ignore[assignment]
        os.fsync, os.sendfile = self._synced, self._sent  # type: ignore[assignment]

    def tick(self, what: str, path: Any = "", grows: bool = True) -> None:
        """An operation is about to be done."""
        self.ticks += 1
        if self.kind == "count":
            self.log.append(f"{what} {str(path).removeprefix(self.root)}")
        elif self.kind == "kill" and self.ticks == self.at:
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.kind == "full" and self.ticks >= self.at and grows:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    def inside(self, path: Any) -> bool:
        """Whether a path lies where the trap is set."""
        if isinstance(path, int):
            return False
        return os.path.abspath(os.fsdecode(path)).startswith(self.root)

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = args
            if isinstance(flags, int) and flags & WRITING and path is not None and self.inside(path):
                self.tick("open", path)
        elif event in CHANGES:
            relative = event in ("os.remove", "os.rmdir") and args[-1] != -1  # rmtree names files within a folder
            if relative or self.inside(args[0]):
                self.tick(event, args[0], grows=event == "os.mkdir")

    def _synced(self, number: int) -> None:
        if self.inside(os.readlink(f"/proc/self/fd/{number if isinstance(number, int) else number.fileno()}")):
            self.tick("fsync", number)
        self._fsync(number)

    def _sent(self, out: int, *args: Any) -> int:
        if self.inside(os.readlink(f"/proc/self/fd/{out}")):
            self.tick("sendfile", out)
        return self._sendfile(out, *args)

    def _opened(
        self, file: Any, mode: str = "r", buffering: int = -1, encoding: str | None = None, errors: str | None = None,
        newline: str | None = None, closefd: bool = True, opener: Any = None,
    ) -> Any:  # fmt: skip
        """`open`; a file to be written here counts its writes, also those of its buffers."""
        if not set(mode) & set("wax+") or isinstance(file, int) or not self.inside(file):
            return self._open(file, mode, buffering, encoding, errors, newline, closefd, opener)
        raw = _Written(self, os.fspath(file), mode.replace("b", "").replace("t", ""), closefd, opener)
        if "b" in mode and buffering == 0:
            return raw
        buffered: Any = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        if "b" in mode:
            return buffered
        return io.TextIOWrapper(buffered, encoding, errors, newline, line_buffering=buffering == 1)


class _Written(io.FileIO):
    def __init__(self, trap: Trap, *args: Any) -> None:
        self._trap = trap
        super().__init__(*args)

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        self._trap.tick("write", self.name)
        written = super().write(view[: len(view) // 2])
        self._trap.tick("torn write", self.name)
        return written + super().write(view[len(view) // 2 :])
