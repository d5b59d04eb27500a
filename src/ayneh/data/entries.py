"""The arrays in an .npz or .npy file: their headers first, and the values of those that are used."""

from __future__ import annotations

import io
import math
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from ayneh.data.bounded import DEFLATE_RATIO, MOST_AXES, Stream, check_size, filled, reading
from ayneh.data.words import printable
from ayneh.errors import UserError

PLAIN = "an .npz or .npy file of plain arrays"
MOST_HEADER = 10_000  # bytes; NumPy's own limit
MOST_ARRAYS = 1_000


@dataclass(frozen=True)
class Entry:
    """An array in a file that has not been read yet."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Callable[[], np.ndarray]

    @property
    def n_bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class Header:
    """What an .npy begins with, and the number of bytes that it takes."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    size: int

    @property
    def expected(self) -> int:
        """Bytes of the whole .npy."""
        return self.size + math.prod(self.shape) * self.dtype.itemsize

    def array(self, file: Stream) -> np.ndarray:
        """The values that follow in a file."""
        n_bytes = self.expected - self.size
        raw, found = filled(file, n_bytes)
        if found != n_bytes:
            raise ValueError(f"{'more' if found > n_bytes else 'fewer'} bytes follow than its header announces")
        return raw.view(self.dtype).reshape(self.shape, order="F" if self.fortran else "C")


def entries(path: Path) -> dict[str, Entry]:
    """All arrays of an .npz by name; that of an .npy is called "array". Nothing but headers is read.

    Raises UserError for a damaged file, an encrypted one, and two arrays of one name. Arrays of Python objects are
    entries, and reading one raises UserError: they would be unpickled.
    """
    with reading(path, PLAIN), path.open("rb") as file:
        if file.read(4)[:2] != b"PK":
            return {"array": _of_file(path, file)}
        with zipfile.ZipFile(file) as archive:
            members = [info for info in archive.infolist() if not info.is_dir()]
            if len(members) > MOST_ARRAYS:
                raise UserError(f"{path} holds {len(members):,} arrays; a set of images has {MOST_ARRAYS:,} at most.")
            found: dict[str, Entry] = {}
            for info in members:
                name = printable(info.filename.removesuffix(".npy"))
                if name in found:
                    raise UserError(f"{path} holds two arrays called {name!r}: rename one.")
                if info.filename.endswith(".npy"):
                    found[name] = _of_member(path, archive, info, name)
            if not found and members:
                raise UserError(
                    f"{path} is a zip archive without arrays (it holds {printable(members[0].filename)!r}): unpack "
                    "pictures into a folder and give folder:PATH."
                )
            return found


def _of_file(path: Path, file: IO[bytes]) -> Entry:
    header = read_header(file)
    size = path.stat().st_size
    if not header.dtype.hasobject and size != header.expected:
        raise ValueError(f"its header announces {header.expected:,} bytes and it has {size:,}")

    def read() -> np.ndarray:
        with reading(path, PLAIN), path.open("rb") as file:
            _check(path, "array", header)
            file.seek(header.size)
            return header.array(file)

    return Entry("array", header.shape, header.dtype, read)


def _of_member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> Entry:
    if info.flag_bits & 1:
        raise UserError(f"{path} is an encrypted archive: save it without a password.")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise UserError(f"{path} is packed by a method that NumPy does not use: save it by numpy.savez_compressed.")
    if info.file_size > info.compress_size * DEFLATE_RATIO:
        raise ValueError(f"{name} cannot have {info.file_size:,} bytes, packed in {info.compress_size:,}")
    with archive.open(info) as file:
        header = read_header(file)
    if not header.dtype.hasobject and info.file_size != header.expected:
        raise ValueError(f"the header of {name} announces {header.expected:,} bytes and it has {info.file_size:,}")

    def read() -> np.ndarray:
        with reading(path, PLAIN), zipfile.ZipFile(path) as again, again.open(info) as file:
            _check(path, name, header)
            file.read(header.size)
            return header.array(cast(Stream, file))

    return Entry(name, header.shape, header.dtype, read)


def _check(path: Path, name: str, header: Header) -> None:
    if header.dtype.hasobject:
        raise UserError(
            f"{path} is damaged or is not {PLAIN}: {name} holds Python objects, which are never unpickled; save it "
            "as numbers or as strings (labels.astype(str))."
        )
    if header.dtype.kind not in "buifcSU":
        raise UserError(f"{path}: {name} has values of type {printable(str(header.dtype))}: save numbers.")
    check_size(f"{path}: {name}", header.expected)


def read_header(file: IO[bytes]) -> Header:
    """The header at a file's beginning. Raises ValueError, and whatever Python's parser raises, for a wrong one."""
    file.seek(0)
    head = io.BytesIO(file.read(12 + MOST_HEADER))
    version = np.lib.format.read_magic(head)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Python's parser, on odd headers, and of NumPy on those from Python 2
        if version == (1, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(head, MOST_HEADER)
        elif version == (2, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(head, MOST_HEADER)
        else:
            raise ValueError(f"its .npy header has the version {version[0]}.{version[1]}; that of numbers is 1.0")
    if len(shape) > MOST_AXES or any(not 0 <= n < 2**48 for n in shape):
        raise ValueError(f"its header announces the shape {printable(str(shape))}")
    return Header(shape, fortran, dtype, head.tell())
