"""Text that others wrote, made safe for a terminal or a page, and letters that a terminal's encoding lacks."""

from __future__ import annotations

import codecs
import re
import sys
from collections.abc import Callable, Sequence

# Control characters move the cursor, or worse; bidirectional controls and invisible letters make one name look like
# another. The two joiners U+200C and U+200D stay, since Persian is not written without them.
CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
BYTES = re.compile("[\udc80-\udcff]+")  # of a file's name, which the locale's encoding lacks
PLAIN = {
    "≥": ">=", "≤": "<=", "±": "+/-", "−": "-", "–": "-", "—": "-", "…": "...", "×": "x", "·": "*", "→": "->",
    "“": '"', "”": '"', "‘": "'", "’": "'", "▼": "v", "√": "sqrt ", "²": "^2", "≈": "~", "\xa0": " ",
    "│": "|", "┃": "|", "─": "-", "━": "-", "═": "=", "║": "|",
} | dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯╔╗╚╝╞╡╪┏┓┗┛┡┩┯┷┿╇", "+")  # fmt: skip
Say = Callable[[str], None]  # gets a sentence on how far something is
_warned: set[str] = set()


def plain(words: object, lines: bool = False) -> str:
    r"""The same on one line, with control characters shown: an escape becomes \x1b. lines: keep the ends of lines."""
    text = BYTES.sub(_decoded, str(words))
    return CONTROL.sub(lambda found: _shown(found[0], lines), text)


def counted(number: int, what: str) -> str:
    """ "1 group", "1,800 images"."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def few(names: Sequence[str], most: int = 3) -> str:
    """The first of these names, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def silent(words: str) -> None:
    """The `Say` that prints nothing."""


def warn(words: str) -> None:
    """Print a sentence on stderr, without what could control a terminal."""
    print(plain(words), file=sys.stderr)


def warn_once(words: str) -> None:
    """`warn`, once in this process: the explorer reads a file again and again."""
    if words not in _warned:
        _warned.add(words)
        warn(words)


def prepare() -> None:
    """Let stdout and stderr write any letter: where their encoding lacks it, by its number or in other signs."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=HANDLER)


def _decoded(found: re.Match[str]) -> str:
    return found[0].encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _shown(letter: str, lines: bool) -> str:
    if lines and letter in "\n\t":
        return letter
    return letter.encode("unicode_escape").decode()


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(PLAIN.get(c) or c.encode("ascii", "backslashreplace").decode() for c in lost), error.end


HANDLER = "ayneh.terminal.text"
codecs.register_error(HANDLER, _replaced)
