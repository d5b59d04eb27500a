"""The arrays in a MATLAB file (.mat, version 5 to 7.2), read by SciPy after its sizes are checked."""

from __future__ import annotations

import struct
import zlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ayneh.data.bounded import check_size, reading
from ayneh.data.entries import Entry
from ayneh.data.words import printable
from ayneh.errors import UserError

KIND = "a MATLAB file"
HEADER = 128  # bytes: text, version, byte order
COMPRESSED = 15  # the type of an element that is packed by zlib
CHUNK_BYTES = 1 << 20
TYPES: dict[str, Any] = {
    "double": np.float64, "single": np.float32, "logical": np.bool_, "char": np.str_,
    **{f"{sign}int{bits}": np.dtype(f"{sign}int{bits}") for sign in ("", "u") for bits in (8, 16, 32, 64)},
}  # fmt: skip


def matlab_entries(path: Path) -> dict[str, Entry]:
    """The arrays by name; nothing but headers is read. Raises UserError for other versions and damaged files."""
    from scipy.io import whosmat

    with reading(path, KIND):
        _check(path)
        found = whosmat(path)
    return {
        printable(name): Entry(
            printable(name), shape, np.dtype(TYPES.get(kind, np.object_)), partial(_read, path, name, kind)
        )
        for name, shape, kind in found
        if not name.startswith("__")
    }


def _read(path: Path, name: str, kind: str) -> np.ndarray:
    from scipy.io import loadmat

    if kind not in TYPES:
        raise UserError(f"{path}: {printable(name)} is of MATLAB's type {printable(kind)}: save it as a numeric array.")
    with reading(path, KIND):
        array = loadmat(path, variable_names=[name], mat_dtype=True)[name]
        if not isinstance(array, np.ndarray):
            raise ValueError(f"{printable(name)} is no array")
        return array.astype(bool) if kind == "logical" else array


def _check(path: Path) -> None:
    """Every element lies within the file, and none unpacks to more than a set may have."""
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(HEADER)
        if b"MATLAB 7.3" in header[:20] or header.startswith(b"\x89HDF"):
            raise UserError(
                f"{path} is of MATLAB's version 7.3, which is HDF5 and is not read: save it by save(..., '-v7')."
            )
        order = {b"IM": "<", b"MI": ">"}.get(header[126:128])
        if len(header) < HEADER or order is None or struct.unpack(f"{order}H", header[124:126])[0] != 0x0100:
            raise ValueError("it does not begin as one of version 5 or 7")
        while tag := file.read(8):
            if len(tag) < 8:
                raise ValueError("it ends within an element")
            kind, n_bytes = struct.unpack(f"{order}II", tag)
            end = file.tell() + n_bytes
            if end > size:
                raise ValueError(f"an element announces {n_bytes:,} bytes, and {size - file.tell():,} follow")
            if kind == COMPRESSED:
                unpacker, total, left = zlib.decompressobj(), 0, n_bytes
                while left and not unpacker.eof:
                    piece = file.read(min(CHUNK_BYTES // 64, left))
                    left -= len(piece)
                    while piece:
                        total += len(unpacker.decompress(piece, CHUNK_BYTES))
                        piece = unpacker.unconsumed_tail
                    check_size(str(path), total)
            file.seek(end)
