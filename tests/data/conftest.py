"""What the tests of the data room share: places of their own, and a writer of IDX files."""

import gc
import gzip
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, and no AYNEH_DATA: nothing is found but what the test puts there."""
    monkeypatch.delenv("AYNEH_DATA", raising=False)
    monkeypatch.setenv("AYNEH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "cache"


@pytest.fixture
def write_idx() -> Callable[[Path, np.ndarray], Path]:
    """Writes an array as IDX, gzipped if the name ends in .gz."""

    def write(path: Path, array: np.ndarray) -> Path:
        data = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
        return path

    return write


@pytest.fixture
def peak() -> Callable[[Callable[[], object]], int]:
    """``peak(f)``: the most bytes that Python and NumPy held at once while f ran, beyond those held before."""

    def measure(call: Callable[[], object]) -> int:
        gc.collect()
        tracemalloc.start()
        try:
            call()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    return measure
