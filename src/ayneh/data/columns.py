"""The columns of a table of pixels: which are pixels, which is the label, and whether the first line is a header."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ayneh.data.axes import is_flat
from ayneh.data.naming import kind_of

PIXEL = re.compile(r"([a-z]+[ _]?)?\d+([x_ .]\d+)*", re.I)  # pixel0, 1x1, f7
PLACE = re.compile(r"[0-9]+([x_ .-][0-9]+)*")  # of a pixel, as a header's number of it: 7, 1_1, 0.0
DECIMAL = re.compile(r"\s*[+-]?\d+,\d+\s*")  # 0,25: Excel's in most of Europe
OTHER = ("", "id", "index", "imageid", "usage")


@dataclass(frozen=True)
class Columns:
    """Which columns are pixels, which is the label (None: none, as far as a header has it), and their names."""

    pixels: list[int]
    label: int | None
    names: list[str]  # empty without a header
    delimiter: str
    count: int  # with the empty cell after the delimiter at the end of every line, if there is one
    trailing: bool

    @property
    def texts(self) -> tuple[int, ...]:
        """The columns whose cells are kept as they are written: the label, or the first and the last, if one is it."""
        if self.label is not None:
            return (self.label,)
        n = len(self.pixels)
        return (self.pixels[0], self.pixels[-1]) if not is_flat(n) and is_flat(n - 1) else ()


def columns_of(lines: Sequence[str]) -> Columns:
    """What the first line holds, as the others show: it is a header unless its cells, but for a label, are pixels."""
    delimiter = _delimiter(lines[0])
    cells = [pointed(cell.strip().strip("\"'")) for cell in cells_of(lines[0], delimiter)]
    count = len(cells)
    trailing = count > 2 and all(line.endswith(delimiter) for line in lines)
    cells = cells[:-1] if trailing else cells
    everything, filled = list(range(len(cells))), [cell for cell in cells if cell]
    if all(map(is_number, filled)) and (
        len(lines) == 1 or not _count(filled)
    ):  # a missing pixel is named as it is read
        return Columns(everything, None, [], delimiter, count, trailing)
    rest = _all_but_one_number(cells)
    if rest is not None and not _count([cells[i] for i in rest]):
        (word,) = set(everything) - set(rest)
        if not _is_title(cells[word], word, lines[1:], delimiter):
            return Columns(rest, word, [], delimiter, count, trailing)
    known = [i for i, name in enumerate(cells) if (kind_of(name) or ("",))[0] == "labels"]
    odd = [i for i, name in enumerate(cells) if not PIXEL.fullmatch(name) and name.lower() not in OTHER]
    label = known[0] if known else odd[0] if len(odd) == 1 and len(cells) > 2 else None
    pixels = [i for i in everything if i != label and cells[i].lower() not in OTHER]
    return Columns(pixels, label, cells, delimiter, count, trailing)


def _delimiter(first: str) -> str:
    """The most frequent of comma, semicolon and tab; the last two where commas are decimal: numbers between them."""
    for one in ";\t":
        cells = cells_of(first, one)
        if len(cells) > 2 and sum(not is_number(pointed(cell)) for cell in cells) <= 1:
            return one
    return max(",;\t", key=first.count)


def cells_of(line: str, delimiter: str) -> list[str]:
    """A line's cells; a quoted one may hold the delimiter."""
    return next(csv.reader([line], delimiter=delimiter)) if '"' in line else line.split(delimiter)


def pointed(cell: str) -> str:
    """A number with a decimal comma as one with a point; any other cell as it is."""
    return cell.replace(",", ".") if DECIMAL.fullmatch(cell) else cell


def _all_but_one_number(cells: list[str]) -> list[int] | None:
    """All cells but the first or the last, if these are images' pixels as numbers and that one is a word."""
    for word, rest in ((0, range(1, len(cells))), (-1, range(len(cells) - 1))):
        if cells[word] and not is_number(cells[word]) and is_flat(len(rest)) and all(is_number(cells[i]) for i in rest):
            return list(rest)
    return None


def _count(cells: Sequence[str]) -> bool:
    """Whether these numbers count the columns, as a header may: 0, 1, 2 as pandas has it, 1_1, 1_2, or 0.0, 0.1."""
    if not cells or not all(map(PLACE.fullmatch, cells)):
        return False
    places = [tuple(map(int, re.split("[x_ .-]", cell))) for cell in cells]
    axes = [set(axis) for axis in zip(*places, strict=False)]
    if len(set(map(len, places))) > 1 or len(set(places)) < len(places) or places[0] != min(places):
        return False
    whole = all(axis in (set(range(len(axis))), set(range(1, len(axis) + 1))) for axis in axes)
    return whole and math.prod(map(len, axes)) == len(places) and (len(axes) > 1 or places == sorted(places))


def _is_title(word: str, column: int, below: Sequence[str], delimiter: str) -> bool:
    """Whether the word in the first line is what the labels below are called, and no label as they are."""
    labels = [cells[column].strip().strip("\"'") for line in below if len(cells := cells_of(line, delimiter)) > column]
    if not labels or word in labels:
        return False
    return all(map(is_number, labels)) or (kind_of(word) or ("",))[0] == "labels"


def is_number(cell: str) -> bool:
    """Whether a cell is a number as tables have it: Python alone reads 1_2 as 12."""
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell
