"""Names that people give, as names of files: any script is legal, none leaves its folder, no two become one."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable

from ayneh.errors import UserError

LONGEST = 60  # letters of a file's name, before its ending: in UTF-8 up to four bytes each, and 255 are allowed
SHOWN = 200  # letters of a name, at most
RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}  # on Windows
PLAIN = re.compile(r"[\w+=@~-](?:[\w.,+=@~ -]*[\w+=@~-])?")  # a file's name everywhere


def refuse_unreadable(name: str, what: str) -> None:
    """Raise UserError for a name that is empty, too long, or has letters that cannot be seen; ``what`` has it."""
    if not name.strip():
        raise UserError(f"{what} is empty: give it a name.")
    if len(name) > SHOWN:
        raise UserError(f"{what} has {len(name)} letters ({name[:40]}...); at most {SHOWN} are allowed.")
    if hidden := [letter for letter in name if unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")]:
        raise UserError(f"{what} is {name!r}, with the control character U+{ord(hidden[0]):04X}: leave it out.")


def slug(words: str) -> str:
    """Small letters and digits of any script, and dashes: the beginning of a folder's name."""
    return re.sub(r"(?:[^\w.]|_)+", "-", _same(words)).strip("-.")


def older_slug(words: str) -> str:
    """The same as earlier versions made it, of Latin letters alone."""
    return re.sub(r"[^a-z0-9.]+", "-", words.lower()).strip("-.")


def folders_of(names: Iterable[str]) -> dict[str, str]:
    """A folder's name for each name: its slug; where an earlier one has this slug, with a mark of its own."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        folder = slug(name)
        if not folder or folder in taken or _reserved(folder) or len(folder) > LONGEST:
            folder = _marked(folder, name)
        taken.add(folder)
        found[name] = folder
    return found


def file_name(name: str) -> str:
    """The name itself where it can be a file's name everywhere, else its slug with a mark of its own."""
    plain = PLAIN.fullmatch(name) and len(name) <= LONGEST and not _reserved(name)
    return name if plain else _marked(slug(name), name)


def refuse_alike(names: Iterable[str], what: str) -> None:
    """Raise UserError for two names that look the same: they differ in spaces or in how a letter is composed."""
    seen: dict[str, str] = {}
    for name in names:
        key = " ".join(unicodedata.normalize("NFC", name).split())
        if (other := seen.setdefault(key, name)) != name:
            raise UserError(f"{what} {other!r} and {name!r} look the same: rename one.")


def _same(words: str) -> str:
    """As file systems compare names, of which some take A for a, or é for e and an accent."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", words).casefold())


def _reserved(name: str) -> bool:
    return name.partition(".")[0].lower() in RESERVED


def _marked(beginning: str, name: str) -> str:
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    words = beginning.replace(".", "-") if _reserved(beginning) else beginning
    return f"{words[:LONGEST]}-{digest}".strip("-.")
