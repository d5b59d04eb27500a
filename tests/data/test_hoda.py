"""Persian digits from .cdb files: written by the tests, damaged in every way, and the published ones of AYNEH_DATA."""

import gzip
import hashlib
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from ayneh.data import cdb, hoda
from ayneh.data.cdb import read_cdb
from ayneh.data.sources import load
from ayneh.errors import UserError

Digit = tuple[int, np.ndarray]  # a label, and bool (H, W)


def runs_of(row: np.ndarray) -> bytes:
    """The lengths of the runs of a row, paper first."""
    runs, colour, length = [], False, 0
    for ink in row:
        if bool(ink) != colour:
            runs.append(length)
            colour, length = bool(ink), 0
        length += 1
    return bytes([*runs, length])


def record_of(label: int, image: np.ndarray, sized: bool = True) -> bytes:
    height, width = image.shape
    runs = b"".join(map(runs_of, image))
    return bytes([0xFF, label, *([width, height] if sized else [])]) + struct.pack("<H", len(runs)) + runs


def file_of(digits: list[Digit], shape: tuple[int, int] = (0, 0), kind: int = 0) -> bytes:
    header = bytearray(1024)
    struct.pack_into("<HBBBBI", header, 0, 2005, 8, 4, *shape, len(digits))
    struct.pack_into("<128I", header, 10, *np.bincount([label for label, _ in digits], minlength=128).tolist())
    header[522] = kind
    return bytes(header) + b"".join(record_of(label, image, shape == (0, 0)) for label, image in digits)


def drawn(n: int, seed: int = 0, largest: int = 64) -> list[Digit]:
    """Random images of 4 to 64 pixels a side, with rows of one colour alone among them."""
    chance = np.random.RandomState(seed)
    digits = []
    for k in range(n):
        image = chance.rand(*chance.randint(4, largest + 1, 2)) < 0.4
        image[0], image[1], image[2, 0] = True, False, True
        digits.append((k % 10, image))
    return digits


@pytest.fixture
def put(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(content: bytes) -> Path:
        path = tmp_path / "some.cdb"
        path.write_bytes(content)
        return path

    return write


def images_of(path: Path) -> list[np.ndarray]:
    records = read_cdb(path, 10)
    images = []
    for first, ink, starts in records.ink():
        for k, start in enumerate(starts):
            height, width = records.sizes[first + k]
            images.append(ink[start : start + height * width].reshape(height, width))
    return images


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_images_of_every_size_are_read_as_they_were_written(
    put: Callable[[bytes], Path], pack: Callable[[bytes], bytes]
) -> None:
    digits = drawn(cdb.AT_ONCE + 20)  # more than are unpacked together
    path = put(pack(file_of(digits)))
    found = images_of(path)
    assert read_cdb(path, 10).labels.tolist() == [label for label, _ in digits]
    assert len(found) == len(digits)
    assert all(np.array_equal(image, own) for (_, image), own in zip(digits, found, strict=True))


def test_a_file_of_one_size_has_it_in_its_header_alone(put: Callable[[bytes], Path]) -> None:
    digits = [(k, np.random.RandomState(k).rand(5, 9) < 0.5) for k in range(10)]
    found = images_of(put(file_of(digits, shape=(5, 9))))
    assert all(np.array_equal(image, own) for (_, image), own in zip(digits, found, strict=True))


def test_a_square_has_the_mean_of_what_each_pixel_covers(put: Callable[[bytes], Path]) -> None:
    """By the definition, in exact fractions of 28ths; larger images are scaled to fit, and none is cut."""
    digits = [*drawn(12, largest=48), *drawn(3, seed=5)[:3], (1, np.ones((64, 54), bool)), (0, np.ones((4, 4), bool))]
    squares = hoda.squares(read_cdb(put(file_of(digits)), 10))
    assert squares.shape == (len(digits), 28, 28)
    for (_, image), square in zip(digits, squares, strict=True):
        window = max(48, *image.shape)
        top, left = ((window - side) // 2 for side in image.shape)
        canvas = np.zeros((window, window))
        canvas[top : top + image.shape[0], left : left + image.shape[1]] = image
        fine = canvas.repeat(28, 0).repeat(28, 1).reshape(28, window, 28, window)  # each pixel as 28x28 parts
        assert np.array_equal(np.floor(fine.mean((1, 3)) * 255 + 0.5), square)
        assert square.sum() / 255 == pytest.approx(image.sum() * (28 / window) ** 2, rel=0.01), "no ink is cut"


def test_all_images_are_scaled_alike(put: Callable[[bytes], Path]) -> None:
    """A small zero stays smaller than a large seven: each has the share of the square that it has of 48 pixels."""
    shapes = [(6, 6), (12, 13), (48, 20), (30, 40)]
    squares = hoda.squares(read_cdb(put(file_of([(0, np.ones(shape, bool)) for shape in shapes])), 10))
    for (height, width), square in zip(shapes, squares, strict=True):
        assert square.sum() / 255 == pytest.approx(height * width * (28 / 48) ** 2, rel=0.01)
        rows, columns = (np.flatnonzero(square.sum(axis) > 0) for axis in (1, 0))
        assert max(abs(rows[0] + rows[-1] - 27), abs(columns[0] + columns[-1] - 27)) <= 1, "it lies in the middle"


ONE = file_of(drawn(30))
FIRST = record_of(*drawn(30)[0])


def changed(at: int, value: int) -> bytes:
    content = bytearray(ONE)
    content[at] = value
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "ends within its header: 1,024 bytes expected, 0 found"),
        (ONE[:1000], "ends within its header: 1,024 bytes expected, 1,000 found"),
        (changed(522, 1), r"has images of type 1, and black and white ones \(type 0\) alone are read"),
        (changed(6, 0), "has no images, by its header"),
        (changed(6, 29), r"is damaged: [\d,]+ bytes follow after its 29 images"),
        (changed(6, 31), "is truncated: its header announces 31 images, and it ends after 30"),
        (changed(9, 255), "is truncated: its header announces 4,278,190,110 images, which do not fit"),
        (ONE[:-1], "is truncated: it ends within image 29 of 30"),
        (ONE[: 1024 + len(FIRST) + 3], "is truncated"),
        (ONE + b"\0", "is damaged: 1 bytes follow after its 30 images"),
        (changed(1024, 0xFE), "is damaged: image 0 of 30, at byte 1,024, begins with 0xfe, where every image has 0xff"),
        (changed(1025, 10), r"has the label 10 at image 0, and this set has the classes 0\.\.9"),
        (changed(1026, 0), r"is damaged: image 0 has no pixels \(0x\d+\)"),
        (changed(1027, 0), r"is damaged: image 0 has no pixels \(\d+x0\)"),
        (changed(1025, 3), "its header announces 3 images of the label 0, and it has 2"),
        (changed(1026, FIRST[2] + 1), r"the runs of image 0 do not fill its \d+ rows of \d+ pixels"),
        (changed(1027, FIRST[3] + 1), r"the runs of image 0 do not fill its \d+ rows of \d+ pixels"),
        (changed(1031, FIRST[7] + 1), r"the runs of image 0 do not fill its \d+ rows of \d+ pixels"),
        (file_of([(1, np.ones((4, 4), bool))])[:-8] + bytes([0, 3, 0, 5, 0, 4, 0, 4]), "the runs of image 0 do not"),
        (file_of([(1, np.ones((1, 1), bool))])[:-4] + struct.pack("<H", 3) + b"\0\x01\0", "the runs of image 0"),
        (file_of([(1, np.ones((1, 1), bool))])[:-4] + struct.pack("<H", 0), "the runs of image 0 do not fill"),
        (gzip.compress(ONE)[:-20], "is a damaged gzip file"),
    ],
)
def test_a_damaged_file_is_one_sentence(put: Callable[[bytes], Path], content: bytes, words: str) -> None:
    path = put(content)
    with pytest.raises(UserError, match=words) as error:
        hoda.squares(read_cdb(path, 10))
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_no_changed_byte_is_an_error_of_another_kind(put: Callable[[bytes], Path]) -> None:
    """Each byte of the header's numbers and of the first records, at three values: read, or refused in a sentence."""
    refused = 0
    for at in (*range(4, 50, 3), 522, *range(1024, 1024 + 100)):
        for value in (0, 255, ONE[at] ^ 1):
            try:
                hoda.squares(read_cdb(put(changed(at, value)), 10))
            except UserError:
                refused += 1
    assert refused > 200


def test_a_file_of_many_bytes_is_refused_before_it_is_unpacked(
    tmp_path: Path, peak: Callable[[Callable[[], object]], int]
) -> None:
    bomb, plain = tmp_path / "bomb.cdb", tmp_path / "plain.cdb"
    bomb.write_bytes(gzip.compress(ONE + bytes(90_000_000), 1))
    with plain.open("wb") as file:
        file.truncate(90_000_000)
    for path in (bomb, plain):

        def refused(path: Path = path) -> None:
            with pytest.raises(UserError, match=r"unpacks to .* MB, and a set may have 20 MB"):
                read_cdb(path, 10)

        assert peak(refused) < 40_000_000


def test_images_of_the_largest_size_take_little_memory(
    put: Callable[[bytes], Path], peak: Callable[[Callable[[], object]], int]
) -> None:
    digits = [(k % 10, np.ones((255, 255), bool)) for k in range(40)]
    path = put(file_of(digits))
    assert peak(lambda: hoda.squares(read_cdb(path, 10))) < 200_000_000
    assert (hoda.squares(read_cdb(path, 10)) == 255).all()


def test_the_set_is_found_under_ayneh_data_and_in_the_cache(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "data" / "Hoda" / "DigitDB"
    own.mkdir(parents=True)
    (own / "RemainingSamples.cdb").write_bytes(file_of(drawn(30, largest=40)))
    (cache / "hoda").mkdir(parents=True)
    (cache / "hoda" / "Test 20000.cdb").write_bytes(file_of(drawn(20, seed=1)))
    with pytest.raises(UserError, match=r"Train 60000\.cdb or RemainingSamples\.cdb is not in "):
        load("hoda")
    monkeypatch.setenv("AYNEH_DATA", str(tmp_path / "data"))
    train, test, both = (load("hoda", split) for split in ("train", "test", "all"))
    assert (len(train.pixels), len(test.pixels)) == (30, 20)
    assert torch.equal(both.pixels, torch.cat([train.pixels, test.pixels]))
    assert torch.equal(both.labels, torch.cat([train.labels, test.labels]))
    assert train.pixels.shape[1:] == (1, 28, 28)
    assert train.pixels.dtype == torch.uint8
    assert train.labels.tolist() == [k % 10 for k in range(30)]
    assert train.understood.startswith(
        "hoda: 30 to train; 28x28, 1 channel; 10 classes (0, 1, 2, 3, ...); "
        "train from RemainingSamples.cdb, since there is no Train 60000.cdb; RemainingSamples.cdb is not the published"
    )
    larger = sum(max(image.shape) > 48 for _, image in drawn(20, seed=1))
    assert f"; test from Test 20000.cdb; {larger} of 20 are larger than 48x48 and scaled to fit; " in test.understood
    (own / "Train 60000.cdb").write_bytes(file_of(drawn(50, largest=40)))
    assert load("hoda").understood.endswith("; train from Train 60000.cdb")
    assert len(load("hoda").pixels) == 50


def test_missing_files_are_named_with_their_place_and_checksums(cache: Path) -> None:
    with pytest.raises(UserError) as error:
        load("hoda", "test")
    words = str(error.value)
    assert words.startswith(f"Test 20000.cdb is not in {cache / 'hoda'}, and no mirror is known")
    assert f"put them into {cache / 'hoda'}" in words
    assert all(digest in words for digest in hoda.SHA256.values())


@pytest.fixture(scope="module")
def published() -> Path:
    """The folder of the published files."""
    folder = Path(os.environ.get("AYNEH_DATA", "/nowhere")) / "hoda"
    if not folder.is_dir():
        pytest.skip("AYNEH_DATA does not name a folder with hoda in it")
    return folder


@pytest.mark.slow
def test_the_published_files_are_read_whole(published: Path) -> None:
    train, test = load("hoda"), load("hoda", "test")
    if not (published / "Train 60000.cdb").exists():
        assert len(train.pixels) == 22_352
        assert train.labels.bincount().tolist() == [2070, 2330, 1923, 2334, 2333, 2110, 2254, 2363, 2264, 2371]
        assert "train from RemainingSamples.cdb" in train.understood
    assert test.labels.bincount().tolist() == [2000] * 10
    assert "not the published file" not in train.understood + test.understood
    assert "; 104 of 20,000 are larger than 48x48 and scaled to fit" in test.understood
    assert hashlib.sha256(test.pixels.numpy().tobytes()).hexdigest()[:16] == "3e14c5bc47e454a2"
    ink = (test.pixels > 127).sum((1, 2, 3)).double()
    means = [float(ink[test.labels == digit].mean()) for digit in range(10)]
    assert min(means) == means[0], "the zero is a dot, and stays one"
    assert not bool((test.pixels.flatten(1).amax(1) < 100).any()), "no image is empty"
