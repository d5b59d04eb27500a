"""What the sentences and notes of all readers are made of: names as they can be shown, flags."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence

LONGEST = 300  # letters of a name: no file's name has more
LONGEST_PATH = 4_096


def printable(name: str, most: int = LONGEST) -> str:
    """A name as it can be shown, in one form on every system: ? for control characters and bytes that are no text."""
    same = unicodedata.normalize("NFC", name[: most + 1])
    clean = "".join("?" if unicodedata.category(c) in ("Cc", "Cs") else c for c in same)
    return f"{clean[:most]}..." if len(clean) > most else clean


def told_apart(names: Sequence[str], most: int = LONGEST) -> tuple[str, ...]:
    """Different names as they can be shown, each in another way: with their codes where they would look alike."""
    shown = [printable(name, most) for name in names]
    for write in (_with_codes, lambda name: _with_codes(name.replace("\\", "\\\\"))):
        often = Counter(shown)
        shown = [write(name) if often[same] > 1 else same for name, same in zip(names, shown, strict=True)]
    return tuple(shown)


def _with_codes(name: str) -> str:
    """With what cannot be shown as its code: "caf\\xe9" of a byte that is no text, "a\\x01" of a control character."""
    same = unicodedata.normalize("NFC", name)
    return "".join(_code(c) if unicodedata.category(c) in ("Cc", "Cs") else c for c in same)


def _code(sign: str) -> str:
    byte = sign.encode("utf-8", "surrogateescape") if sign < "\x80" or "\udc80" <= sign <= "\udcff" else b""
    return f"\\x{byte[0]:02x}" if byte else f"\\u{ord(sign):04x}"


def setting(flag: str, words: str) -> str:
    """How to change a setting, in a message. flag: what begins the verb's flags: "--data." of train, "--" of others."""
    return f"{'train with' if flag == '--data.' else 'add'} {flag}{words}"
