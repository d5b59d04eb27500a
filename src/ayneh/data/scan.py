"""The image files below a folder, in one order on every system; everything else is counted."""

from __future__ import annotations

import errno
import os
import re
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ayneh.data.words import LONGEST_PATH, printable
from ayneh.errors import UserError
from ayneh.terminal.text import counted

SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm")
SYSTEM = {  # folders and files that systems leave beside a person's own, in small letters
    *("@eadir", "__macosx", "lost+found", "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "icon\r"),
    *("#recycle", "#snapshot", "@recycle", "system volume information"),
}
SIGNATURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF", b"II*\0", b"MM\0*")  # of files without a suffix
HIDDEN, DEAD, AGAIN, SPECIAL = "hidden", "dead link", "link to a folder read already", "pipe or device"
NOWHERE = (errno.ELOOP, errno.ENOTDIR, errno.ENAMETOOLONG)  # of links that lead to themselves, or below a file
PLURAL = {DEAD: "dead links", AGAIN: "links to folders read already", SPECIAL: "pipes or devices"}


@dataclass(frozen=True)
class File:
    """An image file: its path, its place within the folder, and what shows whether it changed."""

    path: str
    place: tuple[str, ...]  # names below the folder, the file's own last
    size: int
    changed_ns: int

    def shown(self) -> str:
        """The path as a message shows it."""
        return printable(self.path, LONGEST_PATH)

    def name(self) -> str:
        """Its own name as a message shows it."""
        return printable(self.place[-1])


@dataclass
class Scan:
    """All below one folder."""

    files: list[File] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)  # by suffix, or "hidden"
    folders: set[tuple[str, ...]] = field(default_factory=set)  # the places of all folders that are not hidden
    _seen: set[tuple[int, int]] = field(default_factory=set)

    def is_new(self, folder: Path) -> bool:
        """Whether the folder was not read yet; from now on it is, under any of its names."""
        at = folder.stat()
        new = (at.st_dev, at.st_ino) not in self._seen
        self._seen.add((at.st_dev, at.st_ino))
        return new

    def empty_folders(self) -> list[tuple[str, ...]]:
        """Folders with no image in or below them, without those in another of them."""
        full = {file.place[:k] for file in self.files for k in range(len(file.place))}
        return sorted(place for place in self.folders - full if place and (len(place) == 1 or place[:-1] in full))


def scan(folder: Path, but: Path | None = None) -> Scan:
    """Everything below ``folder`` except ``but``, in natural order of the names. Symbolic links are followed.

    A folder that several links lead to is read once, under its own name if it has one there.
    Raises UserError where a folder cannot be read.
    """
    found = Scan()
    if but is not None and but.is_dir():
        found.is_new(but)
    folders: list[tuple[Path, tuple[str, ...]]] = [(folder, ())]
    links: list[tuple[Path, tuple[str, ...]]] = []
    # Links come last, so that a folder that is here itself is not read under the name of a link to it.
    while folders or links:
        path, place = (folders or links).pop(0)
        try:
            if not found.is_new(path):
                found.skipped[AGAIN] += path.is_symlink()
                continue
            found.folders.add(place)
            for entry in sorted(os.scandir(path), key=lambda entry: natural_order([entry.name])):
                if _is_folder(entry, found):
                    (links if entry.is_symlink() else folders).append((Path(entry.path), (*place, entry.name)))
                elif file := _file(entry, place, found):
                    found.files.append(file)
        except OSError as error:
            raise UserError(
                f"The folder {printable(str(path), LONGEST_PATH)} cannot be read: {error.strerror}."
            ) from error
    found.files.sort(key=lambda file: natural_order(file.place))
    return found


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in SYSTEM


def _is_folder(entry: os.DirEntry[str], found: Scan) -> bool:
    """Whether this is a folder to be read; the files of a hidden one are counted."""
    try:
        if not entry.is_dir():
            return False
    except OSError as error:  # Python takes a link to a missing place as no folder, but raises for other dead links
        if entry.is_symlink() and error.errno in NOWHERE:
            return False
        raise
    if _is_hidden(entry.name):
        found.skipped[HIDDEN] += sum(len(files) for _, _, files in os.walk(entry.path))
    return not _is_hidden(entry.name)


def _file(entry: os.DirEntry[str], place: tuple[str, ...], found: Scan) -> File | None:
    """An image file; anything else is counted."""
    suffix = os.path.splitext(entry.name)[1].lower()
    try:
        at = None if entry.is_dir() else os.stat(entry.path)
    except OSError:
        found.skipped[HIDDEN if _is_hidden(entry.name) else DEAD if entry.is_symlink() else "unreadable"] += 1
        return None
    if at is None:  # a hidden folder
        return None
    if _is_hidden(entry.name):
        found.skipped[HIDDEN] += 1
    elif not stat.S_ISREG(at.st_mode):
        found.skipped[SPECIAL] += 1
    elif suffix in SUFFIXES or (not suffix and _starts_like_an_image(Path(entry.path))):
        return File(entry.path, (*place, entry.name), at.st_size, at.st_mtime_ns)
    else:
        found.skipped[printable(suffix) or "without suffix"] += 1
    return None


def _starts_like_an_image(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(8).startswith(SIGNATURES)
    except OSError:
        return False


def natural_order(names: Iterable[str]) -> tuple[object, ...]:
    """A key that sorts names with their numbers as numbers (2 before 10), in any script, alike on every system."""
    parts = []
    for name in names:
        same = unicodedata.normalize("NFC", name)
        pieces = re.split(r"(\d+)", same.casefold())
        parts.append(([int(piece) if k % 2 else piece for k, piece in enumerate(pieces)], same))
    return tuple(parts)


def in_words(skipped: Counter[str]) -> str:
    """ "3 files skipped (2 hidden, 1 .txt)"; empty if there are none."""
    n = sum(skipped.values())
    shown = sorted(skipped.items(), key=lambda item: (-item[1], item[0].startswith("."), item[0]))
    kinds = ", ".join(f"{count:,} {PLURAL.get(kind, kind) if count > 1 else kind}" for kind, count in shown if count)
    return f"{counted(n, 'file')} skipped ({kinds})" if n else ""
