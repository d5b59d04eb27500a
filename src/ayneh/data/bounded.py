"""What a file may ask for: sizes are checked before anything is unpacked, and every failure is one sentence."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np

from ayneh.data.words import printable, setting
from ayneh.errors import UserError, brief

MOST_BYTES = 4_000_000_000  # of one set, unpacked; CelebA at 64x64 in colour has 2.5 GB
DEFLATE_RATIO = 1_032  # deflate never packs more bytes than this into one
CHUNK_BYTES = 1 << 20
MOST_AXES = 8  # of an array in a file
SIDES = (1024, 512, 256, 128, 64, 32, 16, 8)  # of images, in advice


class Stream(Protocol):
    """What can be read a piece at a time: a file, or what a decompressor makes of it."""

    def read(self, size: int = -1, /) -> bytes: ...

    def readinto(self, buffer: memoryview, /) -> int: ...


def check_size(where: str, n_bytes: int, most: int | None = None) -> None:
    """Raises UserError if a file, or an array in it, unpacks to more than ``most`` bytes (MOST_BYTES)."""
    most = MOST_BYTES if most is None else most
    if n_bytes > most:
        raise UserError(
            f"{where} unpacks to {in_gb(n_bytes)}, and a set may have {in_gb(most)}: save smaller images, fewer of "
            "them, or uint8 instead of floats."
        )


def check_pixels(n: int, channels: int, width: int, height: int, flag: str) -> None:
    """Raises UserError if the pixels of n images take more than MOST_BYTES. flag: what begins a flag."""
    each = channels * width * height
    if n * each <= MOST_BYTES:
        return
    fits = next((side for side in SIDES if channels * side * side * n <= MOST_BYTES), SIDES[-1])
    fewer = f", or {flag}limit {MOST_BYTES // each}" if flag == "--data." else ""
    raise UserError(
        f"{n:,} images of {width}x{height} {'in grey' if channels == 1 else 'in colour'} would take {in_gb(n * each)} "
        f"of memory, and a set may have {in_gb(MOST_BYTES)}: {setting(flag, f'resize {fits}')}{fewer}."
    )


def in_gb(n_bytes: int) -> str:
    """ "6.0 GB"; of less than 100 MB "38.5 MB"."""
    return f"{n_bytes / 1e9:,.1f} GB" if n_bytes >= 1e8 else f"{n_bytes / 1e6:,.3g} MB"


def is_gzip(path: Path) -> bool:
    """Whether the first two bytes are gzip's."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def filled(file: Stream, n_bytes: int) -> tuple[np.ndarray, int]:
    """uint8 (n_bytes,) from a file, and how many bytes there were; n_bytes + 1 if more follow."""
    raw = np.empty(n_bytes, np.uint8)
    view, at = memoryview(raw.data), 0
    while at < n_bytes and (got := file.readinto(view[at : at + CHUNK_BYTES])):
        at += got
    return raw, at + len(file.read(1)) if at == n_bytes else at


def gunzipped(path: Path, most: int | None = None) -> bytearray:
    """The bytes of a file, decompressed if the first two are gzip's; at most ``most`` (MOST_BYTES).

    Raises UserError when the gzip is truncated, its checksum is wrong, or there is more.
    """
    if not is_gzip(path):
        check_size(str(path), path.stat().st_size, most)
    most, data = MOST_BYTES if most is None else most, bytearray()
    with opened(path) as file:
        while piece := file.read(CHUNK_BYTES):
            data += piece
            check_size(str(path), len(data), most)
    return data


@contextmanager
def opened(path: Path) -> Iterator[Stream]:
    """A file as a stream, decompressed if it is a gzip; UserError where that turns out to be damaged."""
    packed = is_gzip(path)
    try:
        with gzip.open(path) if packed else path.open("rb") as file:
            yield file
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(
            f"{path} ({path.stat().st_size:,} bytes) is a damaged gzip file ({brief(error)}): fetch it again."
        ) from error
    except MemoryError as error:
        raise _too_little_memory(path) from error


def _too_little_memory(path: Path) -> UserError:
    return UserError(f"{path} needs more memory than there is: save smaller images, or fewer of them.")


@contextmanager
def reading(path: Path, kind: str) -> Iterator[None]:
    """Around a decoder of other people's making: whatever it raises becomes one sentence that names the file."""
    try:
        yield
    except UserError:
        raise
    except MemoryError as error:
        raise _too_little_memory(path) from error
    except OSError as error:
        if error.errno is None:  # a decoder's
            raise UserError(f"{path} is damaged or is not {kind}: {printable(brief(error))}.") from error
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    except Exception as error:  # decoders do not document what they raise for damaged files
        raise UserError(f"{path} is damaged or is not {kind}: {printable(brief(error))}.") from error
