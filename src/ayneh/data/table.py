"""Images in a CSV file, one in a row, as Kaggle has MNIST: ``label,pixel0,...,pixel783``; plain or gzipped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from ayneh.data.bounded import Stream, check_size, opened, reading
from ayneh.data.columns import DECIMAL, Columns, cells_of, columns_of, is_number, pointed
from ayneh.data.naming import SHOWN
from ayneh.data.raw import Part, Raw
from ayneh.data.words import printable
from ayneh.errors import UserError
from ayneh.terminal.text import counted, few

MOST_LINE = 4_000_000  # bytes; three planes of 512x512 values have less
EDGE = 0.95  # the share of one value in a column from which on it is that of a pixel at the edge
PIECE = 1 << 20  # bytes read at a time
LINES = 2_000  # parsed at a time
THOUSANDS = re.compile(r"\s*[+-]?[1-9]\d{0,2},\d{3}\s*")  # or a whole number in groups of three digits
WHOLE = re.compile(r"^\+|\.0*$")  # what may stand before and behind the same whole number
Line = tuple[int, str]  # its number from 1, and its text


def read_table(path: Path) -> Raw:
    """Rows of pixels, and labels as numbers or strings. Raises UserError with line and column where one is wrong."""
    numbers: list[np.ndarray] = []
    with reading(path, "a table of numbers"), opened(path) as file:
        lines = _lines(path, file)
        chunk = list(islice(lines, LINES))
        if not chunk:
            raise UserError(f"{path} is empty: it has no line.")
        columns = columns_of([text for _, text in chunk])
        texts: dict[int, list[str]] = {column: [] for column in columns.texts}
        chunk = chunk[bool(columns.names) :] or list(islice(lines, LINES))
        while chunk:
            numbers.append(_parsed(path, chunk, columns, texts))
            check_size(str(path), sum(part.size for part in numbers) * 4)
            chunk = list(islice(lines, LINES))
    if not numbers:
        raise UserError(f"{path} has no row below its header.")
    pixels = np.concatenate(numbers)
    labels: np.ndarray | None = None if columns.label is None else _labels(texts[columns.label])
    rest = [name for i, name in enumerate(columns.names) if i not in {*columns.pixels, columns.label}]
    shown = few([printable(name, 40) or "a column without a name" for name in rest], SHOWN)
    notes = [f"not used: {shown}"] if rest else []
    if columns.names and not any(map(str.isalpha, "".join(columns.names))):
        title = few([printable(name, 40) for name in columns.names if name])
        notes.append(f"the first line ({title}) is a header, which counts the columns")
    if columns.label is None and texts:
        first, last = (_labels(texts[column]) for column in columns.texts)
        is_last = _looks_like_labels(last, pixels[:, -1]) > _looks_like_labels(first, pixels[:, 0])
        labels, pixels = (last, pixels[:, :-1]) if is_last else (first, pixels[:, 1:])
        notes.append(f"the {'last' if is_last else 'first'} column is the label")
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


def _parsed(path: Path, lines: list[Line], columns: Columns, kept: dict[int, list[str]]) -> np.ndarray:
    """float32 (rows, pixels); the cells of some columns are added to ``kept`` as they are."""
    split, texts = _with_points(path, lines, columns.delimiter), []
    for k, (number, line) in enumerate(lines):
        cells = split[k] if split else None
        found = len(cells) if cells else line.count(columns.delimiter) + 1
        if found != columns.count:
            raise UserError(
                f"{path} has {counted(found, 'cell')} in line {number:,}, and {columns.count:,} "
                "in the first: every row is one image."
            )
        if cells or kept or len(columns.pixels) < columns.count:
            cells = cells or line.split(columns.delimiter)
            if columns.trailing and cells[-1].strip():
                raise UserError(
                    f"{path} has {printable(cells[-1], 40)!r} in line {number:,}, column {columns.count:,}, where the "
                    f"first {LINES:,} lines end: every row is one image."
                )
            for column, words in kept.items():
                words.append(cells[column].strip().strip("\"'"))
            if split or len(columns.pixels) < columns.count:
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
    split = [cells_of(line, delimiter) for _, line in lines]
    found = ((number, cell) for (number, _), cells in zip(lines, split, strict=True) for cell in cells)
    numbers = [(number, cell) for number, cell in found if DECIMAL.fullmatch(cell)]
    if numbers and all(THOUSANDS.fullmatch(cell) for _, cell in numbers):
        number, cell = numbers[0]
        raise UserError(
            f"{path} has {cell.strip()!r} in line {number:,}, which may be a fraction or a whole number with a comma "
            "between thousands: write fractions with a point, and whole numbers without a comma."
        )
    return [[pointed(cell) for cell in cells] for cells in split]


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
            if not is_number(cell):
                name = f" ({printable(columns.names[i], 40)})" if columns.names else ""
                return UserError(
                    f"{path} has {printable(cell, 40)!r} in line {number:,}, column {i + 1:,}{name}, where a pixel is "
                    "a number."
                )
    return UserError(f"{path} is not a table of numbers.")


def _labels(words: list[str]) -> np.ndarray:
    """Numbers if all cells are, else the cells; also where numbers would make one class of several codes: 100, 0100."""
    if all(map(is_number, words)):
        numbers = np.array([float(word) for word in words])
        if len(np.unique(numbers)) == len({WHOLE.sub("", word) for word in words}):
            return numbers
    return np.array(words)


def _looks_like_labels(labels: np.ndarray, column: np.ndarray) -> float:
    """More for fewer different ones, since pixels have many; 0 for a pixel at the edge, mostly of one value."""
    values, counts = np.unique(labels, return_counts=True)
    whole = bool((np.floor(column) == column).all())
    return 1 / len(values) if whole and counts.max() < EDGE * len(column) else 0.0
