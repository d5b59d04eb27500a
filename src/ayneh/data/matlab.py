"""The arrays in a MATLAB file (.mat, version 5 to 7.2), read by SciPy after its sizes are checked."""

from __future__ import annotations

import json
import struct
import zlib
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from ayneh.data.apart import run_apart
from ayneh.data.bounded import CHUNK_BYTES, check_size, reading
from ayneh.data.entries import Entry
from ayneh.data.words import printable
from ayneh.errors import UserError

KIND = "a MATLAB file"
HEADER = 128  # bytes: text, version, byte order
COMPRESSED = 15  # the type of an element that is packed by zlib
LIST = "import json, sys; from scipy.io import whosmat; print(json.dumps(whosmat(sys.argv[1])))"
READ = """
import sys, numpy
from scipy.io import loadmat, whosmat
_, path, number, copy = sys.argv
name = whosmat(path)[int(number)][0]
numpy.save(copy, numpy.asarray(loadmat(path, variable_names=[name], mat_dtype=True)[name]), allow_pickle=False)
"""  # SciPy was seen to end with a segmentation fault at damaged files
TYPES: dict[str, Any] = {
    "double": np.float64, "single": np.float32, "logical": np.bool_, "char": np.str_,
    **{f"{sign}int{bits}": np.dtype(f"{sign}int{bits}") for sign in ("", "u") for bits in (8, 16, 32, 64)},
}  # fmt: skip


def matlab_entries(path: Path) -> dict[str, Entry]:
    """The arrays by name; nothing but headers is read. Raises UserError for other versions and damaged files."""
    with reading(path, KIND):
        _check(path)
        found = [(name, tuple(shape), kind) for name, shape, kind in json.loads(run_apart(LIST, path))]
    return {
        printable(name): Entry(
            printable(name), shape, np.dtype(TYPES.get(kind, np.object_)), partial(_read, path, number, name, kind)
        )
        for number, (name, shape, kind) in enumerate(found)
        if not name.startswith("__")
    }


def _read(path: Path, number: int, name: str, kind: str) -> np.ndarray:
    if kind not in TYPES:
        raise UserError(f"{path}: {printable(name)} is of MATLAB's type {printable(kind)}: save it as a numeric array.")
    with reading(path, KIND), TemporaryDirectory() as folder:
        run_apart(READ, path, str(number), copy := Path(folder) / "array.npy")
        array: np.ndarray = np.load(copy, allow_pickle=False)
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
