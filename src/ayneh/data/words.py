"""What the sentences and notes of all readers are made of: names, numbers of things, flags."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

LONGEST = 300  # letters of a name: no file's name has more
LONGEST_PATH = 4_096


def printable(name: str, most: int = LONGEST) -> str:
    """A name as it can be shown, in one form on every system: ? for control characters and bytes that are no text."""
    same = unicodedata.normalize("NFC", name[: most + 1])
    clean = "".join("?" if unicodedata.category(c) in ("Cc", "Cs") else c for c in same)
    return f"{clean[:most]}..." if len(clean) > most else clean


def few(names: Sequence[str], most: int = 3) -> str:
    """The first of these names, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def counted(n: int, what: str) -> str:
    """ "1 image", "1,800 images"."""
    return f"{n:,} {what}" + ("" if n == 1 else "s")


def setting(flag: str, words: str) -> str:
    """How to change a setting, in a message. flag: what begins the verb's flags: "--data." of train, "--" of others."""
    return f"{'train with' if flag == '--data.' else 'add'} {flag}{words}"
