"""Files on the disk: written whole or not at all; locks; the cache folder."""

from __future__ import annotations

import errno
import json
import math
import os
import re
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import platformdirs
from filelock import FileLock, Timeout

from ayneh.errors import UserError, of_system
from ayneh.files.home import at_home

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

TEMPORARY = r"\..+\.[0-9a-f]{8}\.part"  # the names of temporary files
BRIEFLY_S = 0.5  # how long a lock is waited for


def cache_folder() -> Path:
    """$AYNEH_CACHE, or the user's cache folder: downloads, judges trained here, floors, Inception's weights."""
    return at_home(os.environ.get("AYNEH_CACHE") or platformdirs.user_cache_dir("ayneh"))


@contextmanager
def atomically(path: Path) -> Iterator[IO[bytes]]:
    """Write a temporary file beside ``path``, flush it to the disk and rename it: readers see the old file or the new.

    Makes the folder. If writing fails, the temporary file is removed and the old file stays. Each writer has its own
    temporary file; those of writers that died are removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent, path.name)
    part, file = _temporary(path)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if fcntl:  # while it is locked: else another writer could sweep it
                os.replace(part, path)
        if fcntl is None:  # Windows renames no open file
            os.replace(part, path)
    except OSError as error:
        if error.filename in (None, str(part)):  # of writing the system names no file
            error.filename = str(path)
        raise
    finally:
        part.unlink(missing_ok=True)


def refuse_unwritable(*paths: Path) -> None:
    """Raise what `atomically` would raise at one of these paths, as a sentence: before work that takes long.

    A temporary file is written in each of their folders, or, where there is none yet, in the next one above it; it is
    removed at once. UserError, or Stopped where the disk is full.
    """
    try:
        _try(*paths)
    except OSError as error:
        raise of_system(error) from error


def not_kept(path: Path) -> str:
    """The sentence where this report cannot be kept, as in the run folder of another user; empty where it can be.

    Such a report is still to be made and shown. Raises as `refuse_unwritable` where something else is wrong there.
    """
    try:
        _try(path)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise of_system(error) from error
        return f"{path} is not written, since the folder cannot be written into ({error.strerror})."
    return ""


def _try(*paths: Path) -> None:
    """Write a temporary file beside each of these paths, and remove it. Raises OSError."""
    for path in paths:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    for place in {path.parent: path for path in paths}.values():
        while not place.parent.exists():
            place = place.parent
        part, file = _temporary(place)
        file.close()
        part.unlink(missing_ok=True)


def is_temporary(name: str) -> bool:
    """Whether a file of this name may be a temporary one; those of earlier versions have no digits."""
    return re.fullmatch(rf"{TEMPORARY}|\..+\.part", name) is not None


def sweep(folder: Path, name: str | None = None) -> None:
    """Remove the temporary files of writers that died: those for the file of this name, or (None) all in the folder."""
    ours = re.compile(TEMPORARY if name is None else rf"\.{re.escape(name)}(\.[0-9a-f]{{8}})?\.part")
    for part in filter(ours.fullmatch, os.listdir(folder) if folder.is_dir() else ()):
        with suppress(OSError):
            if stat.S_ISREG((folder / part).lstat().st_mode):  # a pipe would be waited for
                with (folder / part).open("rb") as file:
                    if _lock(file):
                        (folder / part).unlink(missing_ok=True)


def _temporary(path: Path) -> tuple[Path, IO[bytes]]:
    """A new file beside ``path``, open, that `sweep` leaves alone until it is closed."""
    while True:
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        try:
            file = part.open("xb")  # no link is followed
        except FileExistsError:
            continue
        except OSError as error:
            error.filename = str(path)  # which a person knows
            raise
        if _lock(file) is not False and os.fstat(file.fileno()).st_nlink:  # else it was swept before it was locked
            return part, file
        file.close()


def _lock(file: IO[bytes]) -> bool | None:
    """Lock an open file, which a killed process does not keep; False if it is locked, None where there are no locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def write_json(path: Path, values: Mapping[str, Any], indent: int = 2) -> None:
    """Write values as JSON, atomically."""
    with atomically(path) as file:
        file.write(json.dumps(values, indent=indent).encode() + b"\n")


def written_s(path: Path) -> float:
    """When a file was last written, in seconds of the clock; 0 if there is none."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def size_of(path: Path) -> int:
    """The bytes of a file; 0 if there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


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
        lock.acquire(timeout=BRIEFLY_S)  # `held` has it for an instant
    except Timeout:
        raise UserError(refusal) from None
    try:
        yield
    finally:
        lock.release()


def held(path: Path) -> bool:
    """Whether a process holds the lock of this file. Other processes can take it meanwhile."""
    if fcntl is None:
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        lock.release()
        return False
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
