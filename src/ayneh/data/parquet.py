"""Images in Parquet files, as Hugging Face has them: a column of PNG or JPEG files, in one file or in shards."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ayneh.data.apart import run_apart
from ayneh.data.bounded import MOST_BYTES, check_size, reading
from ayneh.data.naming import IMAGES, SHOWN, kind_of
from ayneh.data.picture import Broken, colour_of, unpacked
from ayneh.data.raw import Part, Raw
from ayneh.data.split import HALVES, of_val, used_as
from ayneh.data.words import printable
from ayneh.errors import UserError, extra
from ayneh.terminal.text import counted, few

KIND = "a Parquet file"
ROWS = 100  # unpacked at a time
TRY = """
import sys
from pyarrow import parquet
_, rows, most, *paths = sys.argv
for path in paths:
    file = parquet.ParquetFile(path)
    groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
    columns = [group.column(j) for group in groups for j in range(group.num_columns)]
    if sum(max(0, column.total_uncompressed_size) for column in columns) <= int(most):  # else it is refused or trusted
        for batch in file.iter_batches(int(rows)):
            pass
"""
MOST_SHARDS = 1_000


@dataclass(frozen=True)
class Columns:
    """Which columns are read, and what the file calls its labels 0, 1, ... if it does."""

    images: str
    within: bool  # the image's bytes are the field "bytes" of a struct
    labels: str | None
    names: tuple[str, ...] | None
    rest: list[str]


@dataclass
class Shards:
    """What is read of all files of one half."""

    images: list[np.ndarray] = field(default_factory=list)
    labels: list[Any] = field(default_factory=list)
    n_bytes: int = 0


def shards_in(folder: Path) -> list[Path]:
    """The Parquet files in a folder and one or two levels deeper, in order of their names."""
    found = [path for depth in ("*", "*/*", "*/*/*") for path in folder.glob(f"{depth}.parquet")]
    return sorted(path for path in found if path.is_file() and not path.name.startswith("."))[: MOST_SHARDS + 1]


def read_parquet(path: Path, size: int | None, background: str, flag: str) -> Raw:
    """The images of a file, or of all files in a folder, whose names show which are for testing (test-00000-of-...).

    size: the central square of each is scaled to size x size. Raises UserError for a damaged or too large file, for
    images that cannot be read, and for mixed sizes without ``size``.
    """
    files = shards_in(path) if path.is_dir() else [path]
    if len(files) > MOST_SHARDS:
        raise UserError(f"{path} has more than {MOST_SHARDS:,} Parquet files: give the folder of one set.")
    sides, notes = _sides(files, path)
    halves: dict[str, Shards] = {}
    columns: Columns | None = None
    _try(sides)
    for file, side in sides.items():
        columns = _read(file, halves.setdefault(side, Shards()), size, background, flag)
    if columns is None or not any(half.images for half in halves.values()):
        raise UserError(f"{path} holds no image: it has no rows.")
    if columns.rest:
        notes.append(f"not used: {few(columns.rest, SHOWN)}")
    if gaps := sum(half.labels.count(None) for half in halves.values()):
        notes.append(f"{columns.labels} is not used: it is empty in {counted(gaps, 'row')}")
    parts = tuple(_part(half, side, columns, path, flag) for side, half in halves.items() if half.images)
    colour = any(part.images.shape[1] == 3 for part in parts)
    return Raw(tuple(_in_colour(part) for part in parts) if colour else parts, columns.names, tuple(notes))


def _sides(files: list[Path], root: Path) -> tuple[dict[Path, str], list[str]]:
    """The half of each file: train, test, or "" where no name shows it; files in no half are left out with a note."""
    if len(files) == 1:
        return {files[0]: ""}, []
    said = {file: _half(file.relative_to(root)) for file in files}
    if not any(said.values()):
        return dict.fromkeys(files, ""), [f"{len(files):,} files"]
    to = used_as(said.values())
    notes = [f"the validation set {of_val(to)}"] if "val" in said.values() else []
    if left := sum(not half for half in said.values()):
        notes.append(f"not used: {left:,} files whose names say neither train nor test")
    return {file: to[half] for file, half in said.items() if half}, notes


def _half(place: Path) -> str:
    for word in re.split(r"[^a-z0-9]+", place.stem.lower())[:1] + [part.lower() for part in place.parts[:-1]]:
        for half, spellings in HALVES.items():
            if word in spellings:
                return half
    return ""


def _read(path: Path, to: Shards, size: int | None, background: str, flag: str) -> Columns:
    from pyarrow import parquet

    below = colour_of(background, flag)
    with reading(path, KIND), parquet.ParquetFile(path) as file:
        columns = _columns(path, file.schema_arrow)
        wanted = [f"{columns.images}.bytes" if columns.within else columns.images]
        _check_size(path, file.metadata, [columns.images, *([columns.labels] if columns.labels else [])])
        for batch in file.iter_batches(ROWS, columns=[*wanted, *([columns.labels] if columns.labels else [])]):
            if columns.labels:
                to.labels += batch.column(columns.labels).to_pylist()
            for content in _contents(batch.column(columns.images), columns.within):
                to.images.append(_unpacked(path, len(to.images), content, size, below))
                to.n_bytes += to.images[-1].nbytes
                check_size(str(path), to.n_bytes)
                if to.images[-1].shape[1:] != to.images[0].shape[1:]:
                    (_, h, w), (_, height, width) = to.images[0].shape, to.images[-1].shape
                    raise UserError(
                        f"{path} has images of several sizes, {w}x{h} and {width}x{height} (width x height): choose "
                        f"one with {flag}resize N."
                    )
    return columns


def _try(files: Iterable[Path]) -> None:
    """Read the files in a process of their own: some damage makes Arrow end its process."""
    with extra("parquet", "Reading Parquet files"):
        import pyarrow.parquet  # noqa: F401
    try:
        run_apart(TRY, str(ROWS), str(MOST_BYTES), *files)
    except ValueError:
        for file in files:  # which of them it was
            with reading(file, KIND):
                run_apart(TRY, str(ROWS), str(MOST_BYTES), file)


def _check_size(path: Path, metadata: Any, wanted: list[str]) -> None:
    """Check the sizes that the file gives for its unpacked columns, before any is."""
    total = 0
    for group in (metadata.row_group(i) for i in range(metadata.num_row_groups)):
        for column in (group.column(j) for j in range(group.num_columns)):
            if column.path_in_schema.split(".")[0] in wanted:
                total += max(0, column.total_uncompressed_size)
    check_size(str(path), total)


def _columns(path: Path, schema: Any) -> Columns:
    kinds = {name: str(schema.field(name).type) for name in schema.names}
    found = {
        name: kind.startswith("struct<")
        for name, kind in kinds.items()
        if _is_bytes(kind) or (kind.startswith("struct<") and re.search(r"[<, ]bytes: (large_)?binary", kind))
    }
    known = sorted((name for name in found if name.lower() in IMAGES), key=lambda name: IMAGES.index(name.lower()))
    if not known and len(found) != 1:
        shown = few([f"{printable(name, 40)} ({printable(kind, 40)})" for name, kind in kinds.items()], SHOWN)
        raise UserError(
            f"{path} has {'no column' if not found else 'several columns'} of image files among {shown or '(none)'}: "
            "call the column 'image', with PNG or JPEG bytes, or save the pixels by numpy.savez_compressed."
        )
    images = known[0] if known else next(iter(found))
    labels = [name for name in schema.names if (kind_of(name) or ("",))[0] == "labels" and name != images]
    label = labels[0] if labels else None
    rest = [printable(name, 40) for name in schema.names if name not in (images, label)]
    return Columns(images, found[images], label, _names(schema, label), rest)


def _is_bytes(kind: str) -> bool:
    return kind in ("binary", "large_binary", "binary_view")


def _names(schema: Any, label: str | None) -> tuple[str, ...] | None:
    """The classes' names in Hugging Face's note, if there is one of the usual form."""
    try:
        names = json.loads(schema.metadata[b"huggingface"])["info"]["features"][label]["names"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    usual = isinstance(names, list) and all(isinstance(name, str) for name in names)
    return tuple(names) if usual else None


def _contents(column: Any, within: bool) -> Iterator[bytes | None]:
    for value in column:
        content = value.as_py()
        yield content["bytes"] if within and content is not None else content


def _unpacked(path: Path, row: int, content: bytes | None, size: int | None, below: tuple[int, ...]) -> np.ndarray:
    if not content:
        raise UserError(f"{path} has no image in row {row + 1:,}: the file holds paths instead of pictures, or a gap.")
    try:
        return unpacked(content, size, below).pixels
    except Broken as error:
        raise UserError(f"{path}: the image in row {row + 1:,} {error}.") from error


def _part(half: Shards, side: str, columns: Columns, path: Path, flag: str) -> Part:
    colour = any(len(image) == 3 for image in half.images)
    shape = (len(half.images), 3 if colour else 1, *half.images[0].shape[1:])
    pixels = np.empty(shape, np.uint8)
    for to, image in zip(pixels, half.images, strict=True):
        to[...] = image
    half.images.clear()
    labels = None
    if half.labels and None not in half.labels:
        try:
            labels = np.array(half.labels)
        except (ValueError, OverflowError):  # lists of several lengths
            labels = np.array(None)
        if labels.dtype.kind not in "buifU":
            raise UserError(f"{path}: {columns.labels} has labels of no kind that is read: save numbers or strings.")
    return Part(side, pixels, labels, f"{side or 'its'} images", f"{path}: {columns.labels}")


def _in_colour(part: Part) -> Part:
    if part.images.shape[1] == 3:
        return part
    n, _, height, width = part.images.shape
    return Part(part.side, np.broadcast_to(part.images, (n, 3, height, width)), part.labels, part.name, part.labels_at)
