"""What of a folder may be read: regular files that lie in it. Links that leave it, pipes and devices are not opened.

A folder from elsewhere could show a private file as a picture, or stop a reader for ever with a pipe.
"""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path

from ayneh.errors import UserError

LARGEST_PNG = 64 << 20  # bytes
MOST_PIXELS = 64_000_000  # of a picture: unpacked, with its copies, it takes less than a gigabyte
SIGNATURE = b"\x89PNG\r\n\x1a\n"


class Outside(UserError):
    """A file that is not read: a link to a place outside of its folder, or no regular file."""


def names_inside(place: Path, root: Path) -> set[str]:
    """The names of the files in the folder ``place`` that may be read; none where it lies outside of ``root``."""
    try:
        real = os.path.realpath(root)
        if not _within(os.path.realpath(place), real):
            return set()
        with os.scandir(place) as entries:
            return {entry.name for entry in entries if _is_own(entry, real)}
    except OSError:
        return set()


def refuse_links(folder: Path, patterns: Iterable[str], root: Path | None = None) -> None:
    """Raise Outside if a file of the folder that fits one of the patterns may not be read."""
    wanted, real = list(patterns), os.path.realpath(root or folder)
    if not _within(os.path.realpath(folder), real):
        raise Outside(f"{folder} is a link to a place outside of {root}; such links are not followed.")
    with os.scandir(folder) as entries:
        for entry in entries:
            if any(fnmatch(entry.name, pattern) for pattern in wanted) and not _is_own(entry, real):
                raise Outside(f"{folder / entry.name} {_why(entry)}: replace it by a file.")


def read_png(path: Path, root: Path) -> bytes:
    """The bytes of a PNG file that lies in ``root``.

    Raises Outside if it may not be read, and UserError if it is no PNG, or larger than the limits above.
    """
    body = read_own(path, root, LARGEST_PNG)
    if len(body) < 24 or not body.startswith(SIGNATURE) or body[12:16] != b"IHDR":
        raise UserError(f"{path} is not a PNG file.")
    width, height = struct.unpack(">II", body[16:24])
    if not 0 < width * height <= MOST_PIXELS:
        raise UserError(f"{path} has {width} x {height} pixels; at most {MOST_PIXELS:,} are shown.")
    return body


def read_own(path: Path, root: Path, most: int) -> bytes:
    """The bytes of a regular file that lies in ``root``; at most so many.

    Raises Outside if it may not be read, and UserError if it cannot be or is larger.
    """
    real = os.path.realpath(path)
    if not _within(real, os.path.realpath(root)):
        raise Outside(f"{path} is a link to a place outside of {root}; such links are not followed.")
    # Without O_NONBLOCK opening a pipe waits for a writer; O_NOFOLLOW: the last name is no link that came meanwhile.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        handle = os.open(real, flags)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}).") from error
    about = os.fstat(handle)
    if not stat.S_ISREG(about.st_mode):
        os.close(handle)
        raise Outside(f"{path} is not a regular file and is not read.")
    with open(handle, "rb") as file:
        if about.st_size > most:
            raise UserError(f"{path} has {about.st_size:,} bytes; at most {most:,} are read.")
        return file.read(most)


def _is_own(entry: os.DirEntry[str], real_root: str) -> bool:
    if not entry.is_symlink():
        return entry.is_file()
    return entry.is_file() and _within(os.path.realpath(entry.path), real_root)


def _within(real: str, real_root: str) -> bool:
    return Path(real).is_relative_to(real_root)


def _why(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink():
        return "is a link to a place outside of its folder, or to nothing"
    return "is not a regular file"
