"""Markdown that shows foreign words as they are."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from ayneh.terminal.text import plain

Row = tuple[str, ...]
MARKS = re.compile(r"[\\`*\[\]|~!]")  # what Markdown reads as code, emphasis, links, pictures or the end of a cell
UNESCAPED = re.compile(r"(?<!\\)\|")


def table(head: Row, rows: Iterable[Row]) -> str:
    """Rows of cells under a head."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return UNESCAPED.sub(r"\\|", text.replace("\n", " "))


def foreign(words: object) -> str:
    """Words with names that people gave, in Markdown: shown as they are, neither HTML nor links nor pictures."""
    return MARKS.sub(r"\\\g<0>", html.escape(plain(words), quote=False))
