"""What the tests of the data room share: places of their own, and writers and readers of sets."""

import gc
import gzip
import io
import json
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ayneh.data.images import Images
from ayneh.data.sources import load
from ayneh.errors import UserError


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


# -- folders ----------------------------------------------------------------------------------------------------------


def noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.RandomState(seed).randint(0, 256, shape or (8, 8)).astype(np.uint8)


def put(path: Path, image: np.ndarray | Image.Image | None = None, kind: str | None = None, **options: object) -> Path:
    """Write an image; without one, a grey one that its path alone determines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if image is None:
        image = noise(zlib.crc32("/".join(path.parts[-3:]).encode()))
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(path, kind, **options)
    return path


def fill(folder: Path, places: str, n: int = 2) -> None:
    """n images in each of these folders."""
    for place in places.split():
        for i in range(n):
            put(folder / place / f"{i}.png")


def read(folder: Path, split: str = "all", **options: object) -> Images:
    return load(f"folder:{folder}", split, **options)  # type: ignore[arg-type]


def counts(folder: Path, **options: object) -> tuple[int, int]:
    return tuple(len(read(folder, split, **options).pixels) for split in ("train", "test"))


# -- files of arrays ---------------------------------------------------------------------------------------------------

CHANCE = np.random.RandomState(0)
GREY = CHANCE.randint(0, 256, (30, 8, 8)).astype(np.uint8)  # (N, H, W)
COLOUR = CHANCE.randint(0, 256, (30, 3, 8, 8)).astype(np.uint8)  # (N, C, H, W)
CLASSES = np.arange(30) % 3


def of(path: Path, split: str = "all", **how: object) -> Images:
    return load(f"file:{path}", split, **how)


def refusal(path: Path, **how: object) -> str:
    """The one sentence with which a file is refused."""
    with pytest.raises(UserError) as refused:
        of(path, **how)
    text = str(refused.value)
    assert "\n" not in text
    assert path.name in text
    return text


def same(images: Images, expected: np.ndarray) -> bool:
    return np.array_equal(images.pixels.numpy(), expected if expected.ndim == 4 else expected[:, None])


def smooth(n: int = 40, side: int = 16) -> np.ndarray:
    """(N, 3, side, side): colour gradients, each another one."""
    x = np.linspace(0, 1, side)
    ends = np.random.RandomState(0).rand(n, 3, 2)
    return np.round((ends[:, :, :1, None] * x[:, None] + ends[:, :, 1:, None] * x) * 127).astype(np.uint8)


def png(image: np.ndarray, form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image if image.ndim == 2 else image.transpose(1, 2, 0)).save(buffer, form)
    return buffer.getvalue()


def parquet(path: Path, images: object, note: dict | None = None, **columns: object) -> Path:
    """A file with these pictures as Hugging Face has them: struct<bytes, path>."""
    import pyarrow
    from pyarrow.parquet import write_table

    rows = [image if not isinstance(image, np.ndarray) else {"bytes": png(image), "path": None} for image in images]
    table = pyarrow.table({"image": rows, **columns})
    path.parent.mkdir(parents=True, exist_ok=True)
    if note:
        table = table.replace_schema_metadata({"huggingface": json.dumps(note)})
    write_table(table, path)
    return path
