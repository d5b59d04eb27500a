"""What the sentences and notes of all readers are made of: names as they can be shown, flags."""

from __future__ import annotations

import unicodedata

LONGEST = 300  # letters of a name: no file's name has more
LONGEST_PATH = 4_096


def printable(name: str, most: int = LONGEST) -> str:
    """A name as it can be shown, in one form on every system: ? for control characters and bytes that are no text."""
    same = unicodedata.normalize("NFC", name[: most + 1])
    clean = "".join("?" if unicodedata.category(c) in ("Cc", "Cs") else c for c in same)
    return f"{clean[:most]}..." if len(clean) > most else clean


def setting(flag: str, words: str) -> str:
    """How to change a setting, in a message. flag: what begins the verb's flags: "--data." of train, "--" of others."""
    return f"{'train with' if flag == '--data.' else 'add'} {flag}{words}"
