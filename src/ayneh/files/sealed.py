"""One checksum over a whole file, kept inside the file: header, names, shapes and numbers alike.

A file keeps a text ``seal-sha256:`` and 64 digits anywhere in it: in JSON, in the metadata of safetensors or of ONNX.
The digits are the SHA-256 of the file with zeros in their place, so it covers every other bit of the file.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

SLOT = "seal-sha256:" + "0" * 64  # what a writer puts into a file before `seal` fills it
_SEAL = re.compile(rb"seal-sha256:([0-9a-f]{64})")


def seal(blob: bytes) -> bytes:
    """The file with its checksum in the place of its `SLOT`. Raises ValueError unless it has exactly one."""
    (found,) = _SEAL.finditer(blob)
    start, end = found.span(1)
    view = memoryview(blob)  # a checkpoint may have gigabytes: one copy, not three
    return b"".join((view[:start], _sum(blob, start, end), view[end:]))


def holds(blob: bytes) -> bool | None:
    """Whether the file is as it was sealed; None if it has no seal, as files of earlier versions."""
    places = list(_SEAL.finditer(blob))
    if len(places) != 1:
        return False if places else None
    start, end = places[0].span(1)
    return _sum(blob, start, end) == blob[start:end]


def header_of(blob: bytes) -> bytes:
    """The header, JSON, of a safetensors file; of a damaged one any bytes."""
    return blob[8 : 8 + int.from_bytes(blob[:8], "little")]


def fingerprint_of(pixels: Tensor) -> str:
    """The SHA-256 of a tensor's shape and bytes, in hexadecimal digits: which images a run, net or floor belongs to."""
    digest = hashlib.sha256(str(tuple(pixels.shape)).encode())
    digest.update(pixels.contiguous().numpy().data)
    return digest.hexdigest()


def _sum(blob: bytes, start: int, end: int) -> bytes:
    view = memoryview(blob)
    digest = hashlib.sha256(view[:start])
    digest.update(b"0" * (end - start))
    digest.update(view[end:])
    return digest.hexdigest().encode()
