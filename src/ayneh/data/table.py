"""Images in a CSV file, one in a row, as Kaggle has MNIST: ``label,pixel0,...,pixel783``; plain or gzipped."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from ayneh.data.axes import is_flat
from ayneh.data.bounded import Stream, check_size, opened, reading
from ayneh.data.naming import SHOWN, kind_of
from ayneh.data.raw import Part, Raw
from ayneh.data.words import printable
from ayneh.errors import UserError
from ayneh.terminal.text import counted, few

MOST_LINE = 4_000_000  # bytes; three planes of 512x512 values have less
EDGE = 0.95  # the share of one value in a column from which on it is that of a pixel at the edge
PIECE = 1 << 20  # bytes read at a time
LINES = 2_000  # parsed at a time
PIXEL = re.compile(r"([a-z]+[ _]?)?\d+([x_ .]\d+)*", re.I)  # pixel0, 1x1, f7
DECIMAL = re.compile(r"\s*[+-]?\d+,\d+\s*")  # 0,25: Excel's in most of Europe
THOUSANDS = re.compile(r"\s*[+-]?[1-9]\d{0,2},\d{3}\s*")  # or a whole number in groups of three digits
OTHER = ("", "id", "index", "imageid", "usage")
Line = tuple[int, str]  # its number from 1, and its text


@dataclass(frozen=True)
class Columns:
    """Which columns are pixels, which is the label (None: none, as far as a header has it), and their names."""

    pixels: list[int]
    label: int | None
    names: list[str]  # empty without a header
    delimiter: str
    count: int


def read_table(path: Path) -> Raw:
    """Rows of pixels, and labels as numbers or strings. Raises UserError with line and column where one is wrong."""
    numbers: list[np.ndarray] = []
    words: list[str] = []
    with reading(path, "a table of numbers"), opened(path) as file:
        lines = _lines(path, file)
        first = next(lines, None)
        if first is None:
            raise UserError(f"{path} is empty: it has no line.")
        columns = _columns(first[1])
        start = [] if columns.names else [first]
        while chunk := [*start, *islice(lines, LINES)]:
            start = []
            numbers.append(_parsed(path, chunk, columns, words))
            check_size(str(path), sum(part.size for part in numbers) * 4)
    if not numbers:
        raise UserError(f"{path} has no row below its header.")
    pixels = np.concatenate(numbers)
    labels: np.ndarray | None = _labels(words) if words else None
    rest = [name for i, name in enumerate(columns.names) if i not in {*columns.pixels, columns.label}]
    shown = few([printable(name, 40) or "a column without a name" for name in rest], SHOWN)
    notes = [f"not used: {shown}"] if rest else []
    if columns.label is None and not is_flat(pixels.shape[1]) and is_flat(pixels.shape[1] - 1):
        labels, pixels, which = _without_label(pixels)
        notes.append(f"the {which} column is the label")
    if (np.floor(pixels) == pixels).all() and 1 < np.abs(pixels).max() < 2**15:
        pixels = pixels.astype(np.int16)  # so that their range is decided as that of integers
    return Raw((Part("", pixels, labels, "its table", f"{path}: the label"),), None, tuple(notes))


def _lines(path: Path, file: Stream) -> Iterator[Line]:
    """The lines that are not empty. Raises UserError for bytes that are no text, and for endless lines."""
    rest, number = b"", 0
    while piece := file.read(PIECE):
        *whole, rest = _ends(rest + piece).split(b"\n")
        for line in whole:
            number += 1
            if text := _text(path, line, number):
                yield number, text
        if len(rest) > MOST_LINE:
            raise UserError(f"{path} has a line of more than {MOST_LINE:,} bytes (line {number + 1}): it is no table.")
    if text := _text(path, rest, number + 1):
        yield number + 1, text


def _ends(piece: bytes) -> bytes:
    """Every end of a line as LF: Excel for the Mac writes a bare CR. A CR at the end may be the half of a CR LF."""
    if b"\r" not in piece:
        return piece
    last = b"\r" if piece.endswith(b"\r") else b""
    return piece[: len(piece) - len(last)].replace(b"\r\n", b"\n").replace(b"\r", b"\n") + last


def _text(path: Path, line: bytes, number: int) -> str:
    try:
        text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise UserError(f"{path} is not a text file in UTF-8 (line {number}): save it as CSV with that encoding.")
    return text


def _columns(first: str) -> Columns:
    """What the first line holds: it is a header unless all of its cells are numbers."""
    delimiter = _delimiter(first)
    cells = [_pointed(cell.strip().strip("\"'")) for cell in _cells(first, delimiter)]
    everything = list(range(len(cells)))
    if all(_is_number(cell) for cell in cells):
        return Columns(everything, None, [], delimiter, len(cells))
    rest = _all_but_one_number(cells)
    if rest is not None and [cells[i] for i in rest] not in _counts(len(rest)):  # a row whose label is a word
        return Columns(rest, (set(everything) - set(rest)).pop(), [], delimiter, len(cells))
    known = [i for i, name in enumerate(cells) if (kind_of(name) or ("",))[0] == "labels"]
    odd = [i for i, name in enumerate(cells) if not PIXEL.fullmatch(name) and name.lower() not in OTHER]
    label = known[0] if known else odd[0] if len(odd) == 1 and len(cells) > 2 else None
    pixels = [i for i in everything if i != label and cells[i].lower() not in OTHER]
    return Columns(pixels, label, cells, delimiter, len(cells))


def _delimiter(first: str) -> str:
    """The most frequent of comma, semicolon and tab; the last two where commas are decimal: numbers between them."""
    for one in ";\t":
        cells = _cells(first, one)
        if len(cells) > 2 and sum(not _is_number(_pointed(cell)) for cell in cells) <= 1:
            return one
    return max(",;\t", key=first.count)


def _cells(line: str, delimiter: str) -> list[str]:
    """A line's cells; a quoted one may hold the delimiter."""
    return next(csv.reader([line], delimiter=delimiter)) if '"' in line else line.split(delimiter)


def _pointed(cell: str) -> str:
    """A number with a decimal comma as one with a point; any other cell as it is."""
    return cell.replace(",", ".") if DECIMAL.fullmatch(cell) else cell


def _all_but_one_number(cells: list[str]) -> list[int] | None:
    """All cells but the first or the last, if these are images' pixels as numbers and that one is a word."""
    for word, rest in ((0, range(1, len(cells))), (-1, range(len(cells) - 1))):
        if (
            cells[word]
            and not _is_number(cells[word])
            and is_flat(len(rest))
            and all(_is_number(cells[i]) for i in rest)
        ):
            return list(rest)
    return None


def _counts(n: int) -> tuple[list[str], list[str]]:
    """The numbers that a header counts its columns by."""
    return [str(i) for i in range(n)], [str(i + 1) for i in range(n)]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _parsed(path: Path, lines: list[Line], columns: Columns, words: list[str]) -> np.ndarray:
    """float32 (rows, pixels); the labels' cells are added to ``words``."""
    split, texts = _with_points(path, lines, columns.delimiter), []
    for k, (number, line) in enumerate(lines):
        cells = split[k] if split else None
        found = len(cells) if cells else line.count(columns.delimiter) + 1
        if found != columns.count:
            raise UserError(
                f"{path} has {counted(found, 'cell')} in line {number:,}, and {columns.count:,} "
                "in the first: every row is one image."
            )
        if cells or len(columns.pixels) < columns.count:
            cells = cells or line.split(columns.delimiter)
            if columns.label is not None:
                words.append(cells[columns.label].strip().strip("\"'"))
            line = columns.delimiter.join([cells[i] for i in columns.pixels])
        texts.append(line)
    whole = _whole_numbers(columns.delimiter.join(texts), columns.delimiter)
    if whole is not None:
        return whole.reshape(len(texts), -1)
    try:
        return np.loadtxt(texts, np.float32, delimiter=columns.delimiter, comments=None, ndmin=2)
    except ValueError as error:
        raise _wrong_cell(path, lines, texts, columns) from error


def _with_points(path: Path, lines: list[Line], delimiter: str) -> list[list[str]]:
    """The cells of these lines, with points for decimal commas; empty where no cell is quoted or has a comma.

    Raises UserError if every comma in a number may as well be between thousands.
    """
    if not any('"' in line or ("," in line and delimiter != ",") for _, line in lines):
        return []
    split = [_cells(line, delimiter) for _, line in lines]
    found = ((number, cell) for (number, _), cells in zip(lines, split, strict=True) for cell in cells)
    numbers = [(number, cell) for number, cell in found if DECIMAL.fullmatch(cell)]
    if numbers and all(THOUSANDS.fullmatch(cell) for _, cell in numbers):
        number, cell = numbers[0]
        raise UserError(
            f"{path} has {cell.strip()!r} in line {number:,}, which may be a fraction or a whole number with a comma "
            "between thousands: write fractions with a point, and whole numbers without a comma."
        )
    return [[_pointed(cell) for cell in cells] for cells in split]


def _whole_numbers(text: str, delimiter: str) -> np.ndarray | None:
    """float32 (cells,) of cells of one to three digits, as grey levels are: in a tenth of the time of loadtxt.

    None if there is anything else.
    """
    codes = np.frombuffer(f"{text}{delimiter}".encode(), np.uint8)
    between = codes == ord(delimiter)
    digits, ends = codes - np.uint8(ord("0")), np.flatnonzero(between)
    lengths = np.diff(ends, prepend=-1) - 1
    if (digits[~between] > 9).any() or lengths.min() < 1 or lengths.max() > 3:
        return None
    values = digits[ends - 1].astype(np.float32)
    for place in (2, 3):
        longer = lengths >= place
        values[longer] += digits[ends[longer] - place] * np.float32(10 ** (place - 1))
    return values


def _wrong_cell(path: Path, lines: list[Line], texts: list[str], columns: Columns) -> UserError:
    for (number, _), text in zip(lines, texts, strict=True):
        for i, cell in zip(columns.pixels, text.split(columns.delimiter), strict=False):
            if not _is_number(cell):
                name = f" ({printable(columns.names[i], 40)})" if columns.names else ""
                return UserError(
                    f"{path} has {printable(cell, 40)!r} in line {number:,}, column {i + 1:,}{name}, where a pixel is "
                    "a number."
                )
    return UserError(f"{path} is not a table of numbers.")


def _labels(words: list[str]) -> np.ndarray:
    """Numbers if all cells are, else the cells."""
    try:
        return np.array([float(word) for word in words])
    except ValueError:
        return np.array(words)


def _without_label(table: np.ndarray) -> tuple[np.ndarray, np.ndarray, str]:
    """Labels, pixels, and which column the labels are: the first, unless the last one looks more like labels."""
    last = _looks_like_labels(table[:, -1]) > _looks_like_labels(table[:, 0])
    return (table[:, -1], table[:, :-1], "last") if last else (table[:, 0], table[:, 1:], "first")


def _looks_like_labels(column: np.ndarray) -> float:
    """More for fewer different values, since pixels have many; 0 for a pixel at the edge, mostly of one value."""
    values, counts = np.unique(column, return_counts=True)
    whole = bool((np.floor(values) == values).all())
    return 1 / len(values) if whole and counts.max() < EDGE * len(column) else 0.0
