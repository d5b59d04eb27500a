"""Lines and tables on stdout, at any width: a number is never cut; where a table is too wide, each row is a block."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from ayneh.terminal.text import plain

FRAME = 3  # columns of the terminal that each column of a table takes beside its cells, and one more for the last
UNBROKEN = 100_000  # columns of a file or a pipe, whose lines are not wrapped
Cell = str | Text


def console() -> Console:
    """A console on stdout that takes words as they are: no markup, no emoji, no colours of its own."""
    return Console(highlight=False, markup=False, emoji=False, force_jupyter=False)


def say(words: object, whole: bool = False) -> None:
    """Print words, wrapped between words in a terminal. whole: on one line, so that a path or a command can be copied.

    Where stdout is a file or a pipe, they are always on one line.
    """
    out = console()
    text = Text(plain(words))
    out.print(text if whole or not out.is_terminal else _wrapped(text, out.width, "", ""), soft_wrap=True)


def show(rows: Rows) -> None:
    """Print a table."""
    console().print(rows, crop=False, no_wrap=True, overflow="ignore")


@dataclass
class Rows:
    """A table for rich. ``wrapped``: the columns whose cells are sentences, which may be wrapped between words."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    title: str = ""
    wrapped: frozenset[str] = frozenset()
    lines: bool = False  # between the rows

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        widths = self.widths(options.max_width)
        wide = options.max_width if options.is_terminal else UNBROKEN
        yield self.blocks(wide) if widths is None else self.table(widths)

    def widths(self, most: int) -> list[int] | None:
        """The width of each column in a terminal of ``most`` columns; None if the cells do not fit."""
        need, want = [], []
        for k, name in enumerate(self.columns):
            cells = [plain(name), *(_plain(row[k]).plain for row in self.rows)]
            want.append(max(map(cell_len, cells)))
            words = [word for cell in cells for word in cell.split()] if name in self.wrapped else cells
            need.append(max(map(cell_len, words), default=0))
        free = most - FRAME * len(self.columns) - 1 - sum(need)
        if free < 0:
            return None
        wish = [b - a for a, b in zip(need, want, strict=True)]
        share = min(1.0, free / sum(wish)) if sum(wish) else 0.0
        return [a + int(share * more) for a, more in zip(need, wish, strict=True)]

    def table(self, widths: Sequence[int]) -> Table:
        """The rows in a frame."""
        table = Table(title=Text(plain(self.title)) if self.title else None, show_lines=self.lines)
        for name, width in zip(self.columns, widths, strict=True):
            table.add_column(Text(plain(name)), width=width)
        for row in self.rows:
            table.add_row(*map(_plain, row))
        return table

    def blocks(self, width: int) -> Text:
        """A block for each row: its first cell, then a line for each other cell that is not empty."""
        parts: list[Text] = [Text(plain(self.title))] if self.title else []
        for row in self.rows:
            first = _plain(row[0])
            head = Text.assemble(f"{plain(self.columns[0])} " if self.columns[0] else "", first)
            parts.append(_wrapped(head, width, "", "  "))
            for name, cell in list(zip(self.columns, row, strict=True))[1:]:
                if body := _plain(cell):
                    parts.append(_wrapped(Text.assemble(f"{plain(name)}: " if name else "", body), width, "  ", "    "))
        joined = Text("\n", no_wrap=True, overflow="ignore").join(parts)
        joined.no_wrap, joined.overflow = True, "ignore"
        return joined


def _plain(cell: Cell) -> Text:
    if isinstance(cell, Text):
        return Text(plain(cell.plain), style=cell.style)
    return Text(plain(cell))


def _wrapped(words: Text, width: int, indent: str, further: str) -> Text:
    """The words in lines of at most so many columns; a word that is longer stays whole."""
    lines = textwrap.wrap(
        words.plain, max(width, len(further) + 1), initial_indent=indent, subsequent_indent=further,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    return Text("\n".join(lines), style=words.style)
