"""IDX files, whole and damaged."""

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ayneh.data.idx import read_idx, read_pair
from ayneh.errors import UserError

Writer = Callable[[Path, np.ndarray], Path]
PIXELS = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
LABELS = np.array([2, 0, 1], np.uint8)


@pytest.mark.parametrize("name", ["images", "images.gz"])
@pytest.mark.parametrize("array", [PIXELS, LABELS])
def test_an_array_comes_back_in_its_shape(tmp_path: Path, write_idx: Writer, name: str, array: np.ndarray) -> None:
    read = read_idx(write_idx(tmp_path / name, array))
    assert read.dtype == np.uint8
    assert np.array_equal(read, array)


def test_the_layout_is_the_published_one(tmp_path: Path) -> None:
    header = bytes.fromhex("00000803 00000002 00000001 00000003")  # 2 images of 1 row and 3 columns
    (tmp_path / "file").write_bytes(header + bytes([1, 2, 3, 4, 5, 6]))
    assert read_idx(tmp_path / "file").tolist() == [[[1, 2, 3]], [[4, 5, 6]]]


def test_gzip_is_told_by_its_bytes_and_not_by_its_name(tmp_path: Path, write_idx: Writer) -> None:
    packed = write_idx(tmp_path / "a.gz", LABELS).rename(tmp_path / "a")
    plain = write_idx(tmp_path / "b", LABELS).rename(tmp_path / "b.gz")
    assert np.array_equal(read_idx(packed), read_idx(plain))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "starts with nothing"),
        (b"<html>Not found</html>", "not an IDX file.*0x3c68746d"),
        (bytes.fromhex("00000d01") + bytes(8), "not an IDX file.*0x00000d01"),  # float32
        (bytes.fromhex("0000080300000003"), "ends within its header: 16 bytes expected, 8 found"),
        (struct.pack(">4B3I", 0, 0, 8, 3, 3, 4, 5) + bytes(59), "truncated.*3 x 4 x 5 = 60 bytes, but 59"),
        (struct.pack(">4B3I", 0, 0, 8, 3, 3, 4, 5) + bytes(61), "too long.*60 bytes, but 61"),
        (
            struct.pack(">4B3I", 0, 0, 8, 3, *[2**32 - 1] * 3),
            "truncated",
        ),  # must not allocate what it promises
    ],
)
def test_a_damaged_file_is_named_with_what_is_wrong(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(data)
    with pytest.raises(UserError, match=f"train-images-idx3-ubyte.*{message}"):
        read_idx(path)


def test_a_damaged_gzip_is_named_with_what_is_wrong(tmp_path: Path, write_idx: Writer) -> None:
    whole = write_idx(tmp_path / "whole.gz", np.random.RandomState(0).randint(0, 256, (9, 9, 9), np.uint8))
    data = whole.read_bytes()
    wrong_crc = data[:-8] + bytes(4) + data[-4:]
    wrong_body = data[:50] + bytes(100) + data[150:]
    for damaged in (data[: len(data) // 2], data[:-3], wrong_crc, wrong_body):
        path = tmp_path / "damaged.gz"
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=r"damaged\.gz .* is a damaged gzip file"):
            read_idx(path)


def test_trailing_bytes_after_a_gzip_are_not_read_as_pixels(tmp_path: Path) -> None:
    (tmp_path / "f.gz").write_bytes(gzip.compress(bytes.fromhex("0000080100000001") + b"\1") + b"rubbish")
    with pytest.raises(UserError, match="damaged gzip"):
        read_idx(tmp_path / "f.gz")


def test_images_and_labels_must_belong_together(tmp_path: Path, write_idx: Writer) -> None:
    images, labels = write_idx(tmp_path / "images", PIXELS), write_idx(tmp_path / "labels", LABELS)
    pixels, classes = read_pair(images, labels, classes=3)
    assert np.array_equal(pixels, PIXELS)
    assert np.array_equal(classes, LABELS)
    with pytest.raises(UserError, match=r"labels holds the label 2, but this set has the classes 0\.\.1"):
        read_pair(images, labels, classes=2)
    with pytest.raises(UserError, match=r"3 images, but .*short holds labels of shape \(2,\)"):
        read_pair(images, write_idx(tmp_path / "short", LABELS[:2]), classes=3)
    with pytest.raises(UserError, match=r"labels holds an array of shape \(3,\), not images"):
        read_pair(labels, labels, classes=3)
    with pytest.raises(UserError, match="not images"):
        read_pair(write_idx(tmp_path / "none", PIXELS[:0]), labels, classes=3)


@pytest.mark.parametrize("name", ["file", "file.gz"])
def test_an_array_that_memory_cannot_hold_is_one_sentence(
    tmp_path: Path, write_idx: Writer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def no_memory(*_: object) -> None:
        raise MemoryError

    path = write_idx(tmp_path / name, PIXELS)
    monkeypatch.setattr("ayneh.data.idx.filled", no_memory)
    with pytest.raises(UserError, match="file.* needs more memory than there is"):
        read_idx(path)


def test_a_gzip_that_unpacks_to_more_than_it_announces_is_not_unpacked_further(
    tmp_path: Path, peak: Callable[[Callable[[], object]], int]
) -> None:
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(struct.pack(">4B3I", 0, 0, 8, 3, 3, 4, 5) + bytes(30_000_000)))

    def read() -> None:
        with pytest.raises(UserError, match="too long.*60 bytes, but more follow"):
            read_idx(path)

    assert peak(read) < 1_000_000


def test_a_set_larger_than_the_limit_is_refused_by_its_header(
    tmp_path: Path, write_idx: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_idx(tmp_path / "file.gz", np.zeros((100, 10, 10), np.uint8))
    monkeypatch.setattr("ayneh.data.bounded.MOST_BYTES", 9_999)
    with pytest.raises(UserError, match="unpacks to 0.01 MB, and a set may have 0.01 MB"):
        read_idx(path)


@pytest.mark.parametrize("rank", [9, 255])
def test_many_axes_are_refused(tmp_path: Path, rank: int) -> None:
    (tmp_path / "file").write_bytes(bytes([0, 0, 8, rank]) + struct.pack(">I", 1) * rank + b"\0")
    with pytest.raises(UserError, match=f"has {rank} axes by its header"):
        read_idx(tmp_path / "file")
