"""Files of arrays with bytes changed, cut off or put in: the same images or one sentence, and bounded memory."""

import gzip
import io
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pyarrow.parquet import write_table
from scipy.io import savemat

from ayneh.data import matlab, parquet
from ayneh.data.arrays import read_arrays
from ayneh.data.idx import read_idx
from ayneh.errors import UserError

GREY = np.random.RandomState(0).randint(0, 256, (12, 8, 8)).astype(np.uint8)
CLASSES = np.arange(12) % 3
MOST = 30_000_000  # bytes that a damaged file of a few kilobytes may take


def saved(write: Callable[[io.BytesIO], object]) -> bytes:
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


def rows() -> bytes:
    lines = [f"{label}," + ",".join(map(str, image.ravel())) for label, image in zip(CLASSES, GREY, strict=True)]
    return ("label," + ",".join(f"pixel{i}" for i in range(64)) + "\n" + "\n".join(lines)).encode()


def shard(buffer: io.BytesIO) -> None:
    cells = [saved(lambda to, image=image: Image.fromarray(image).save(to, "PNG")) for image in GREY]
    write_table(pyarrow.table({"image": cells, "label": CLASSES}), buffer)


IDX = struct.pack(">4B3I", 0, 0, 8, 3, *GREY.shape) + GREY.tobytes()
FILES = {
    "a.npy": saved(lambda to: np.save(to, GREY)),
    "a.npz": saved(lambda to: np.savez(to, images=GREY, labels=CLASSES)),
    "packed.npz": saved(lambda to: np.savez_compressed(to, x_train=GREY[:8], x_test=GREY[8:])),
    "a.csv": rows(),
    "a.csv.gz": gzip.compress(rows(), mtime=0),
    "a.mat": saved(lambda to: savemat(to, {"X": GREY.transpose(1, 2, 0), "y": CLASSES})),
    "packed.mat": saved(lambda to: savemat(to, {"X": GREY.transpose(1, 2, 0), "y": CLASSES}, do_compression=True)),
    "a.parquet": saved(shard),
    "images-idx3-ubyte": IDX,
    "images-idx3-ubyte.gz": gzip.compress(IDX, mtime=0),
}
CHECKED = ("a.npz", "packed.npz", "a.csv.gz", "images-idx3-ubyte.gz")  # formats with checksums
APART = ("a.mat", "packed.mat", "a.parquet")  # read by processes of their own, which take half a second
NASTY = (b"\0" * 4, b"\xff" * 4, b"\xff\xff\xff\x7f", b"\x80", b"(" * 200, b"\n", b",", b"9" * 30, b"PK\x05\x06")


@st.composite
def damage(draw: st.DrawFn, content: bytes) -> bytes:
    """The content with up to four places changed; near the beginning and the end, where headers are, more often."""
    data = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        n = max(len(data), 1)
        at = draw(
            st.one_of(st.integers(0, n - 1), st.integers(0, min(n, 200) - 1), st.integers(max(0, n - 200), n - 1))
        )
        kind = draw(st.sampled_from(["flip", "set", "put", "cut", "drop", "twice"]))
        if kind == "flip" and at < len(data):
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "set":
            new = draw(st.sampled_from(NASTY))
            data[at : at + len(new)] = new
        elif kind == "put":
            data[at:at] = draw(st.sampled_from(NASTY))
        elif kind == "cut":
            del data[at:]
        elif kind == "drop":
            del data[at : at + draw(st.integers(1, 100))]
        else:
            data[at:at] = data[at : at + 100]
    return bytes(data)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damaged")


def pixels_of(path: Path) -> np.ndarray:
    return read_idx(path) if "idx3" in path.name else read_arrays(path, "all").pixels[:, 0]


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n in APART)) for n in FILES])
@pytest.mark.filterwarnings("ignore")
def test_a_damaged_file_is_the_same_images_or_one_sentence(name: str, place: Path) -> None:
    path = place / name
    path.write_bytes(FILES[name])
    assert np.array_equal(pixels_of(path), GREY), "the whole file is read right"

    @settings(max_examples=8 if name in APART else 100, deadline=None, database=None)
    @given(damage(FILES[name]))
    def check(content: bytes) -> None:
        path.write_bytes(content)
        read, words = None, f"{path} is right"
        tracemalloc.start()
        try:
            read = pixels_of(path)
        except UserError as error:
            words = str(error)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert read is None or name not in CHECKED or np.array_equal(read, GREY)
        assert path.name in words
        assert "\n" not in words
        assert len(words) < 800
        assert most < MOST

    check()


@pytest.mark.parametrize(("name", "code"), [("a.mat", "LIST"), ("a.mat", "READ"), ("a.parquet", "TRY")])
@pytest.mark.parametrize("end", ["import os; os.abort()", "raise SystemExit(1)"])
def test_a_decoder_that_ends_its_process_is_one_sentence(
    name: str, code: str, end: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet if code == "TRY" else matlab, code, end)
    (tmp_path / name).write_bytes(FILES[name])
    with pytest.raises(UserError, match=rf"{name} is damaged or is not .*: the decoder broke off\.$"):
        pixels_of(tmp_path / name)
