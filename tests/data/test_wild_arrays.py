"""Files of arrays as people have them: each is read right or refused in one sentence. Every file is made here."""

import gzip
import io
import json
import os
import re
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from PIL import Image
from pyarrow.parquet import write_table
from scipy.io import savemat

from ayneh.data import arrays as arrays_module
from ayneh.data import bounded
from ayneh.data.arrays import read
from ayneh.data.images import Images
from ayneh.data.sources import load
from ayneh.errors import UserError

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
    ends = CHANCE.rand(n, 3, 2)
    return np.round((ends[:, :, :1, None] * x[:, None] + ends[:, :, 1:, None] * x) * 127).astype(np.uint8)


# -- shapes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("array", "expected", "note"),
    [
        (GREY, GREY, ""),
        (np.asfortranarray(GREY), GREY, ""),
        (GREY[..., None], GREY, ""),
        (GREY.transpose(1, 2, 0), GREY, r"taken as \(H, W, N\), MATLAB's order"),
        (COLOUR.transpose(2, 3, 1, 0), COLOUR, r"taken as \(H, W, C, N\), MATLAB's order"),
        (GREY.reshape(30, 64), GREY, "rows of 8x8 pixels"),
        (GREY.reshape(30, 64).T, GREY, "each column is an image of 8x8 pixels"),
        (COLOUR.reshape(30, 192), COLOUR, "rows of three planes"),
        (COLOUR.transpose(0, 2, 3, 1), COLOUR, ""),
        (COLOUR[..., :4], COLOUR[..., :4], ""),
        (GREY[:, None], GREY, ""),
        (GREY[:1], GREY[:1], ""),
    ],
)
def test_shapes_are_recognised_and_unusual_ones_said(
    tmp_path: Path, array: np.ndarray, expected: np.ndarray, note: str
) -> None:
    np.save(tmp_path / "a.npy", array)
    images = of(tmp_path / "a.npy")
    assert same(images, expected)
    assert re.search(note, images.understood)
    if not note:
        assert images.found.notes == ()


def test_a_table_of_squares_both_ways_is_read_as_what_is_smooth(tmp_path: Path) -> None:
    """400 faces of 64x64 in columns, as MATLAB's users have them, were 4,096 images of 20x20."""
    faces = smooth(100, 16)[:, 0]
    for table, words in ((faces.reshape(100, 256), "rows of"), (faces.reshape(100, 256).T, "each column is")):
        np.save(tmp_path / "a.npy", table)
        assert same(of(tmp_path / "a.npy"), faces)
        assert f"{words} " in of(tmp_path / "a.npy").understood


def test_rows_in_colour_are_planes_or_pixels_by_what_is_smooth(tmp_path: Path) -> None:
    images = smooth()
    for rows, words in ((images, "three planes"), (images.transpose(0, 2, 3, 1), "rows of pixels, each red, green")):
        np.save(tmp_path / "a.npy", rows.reshape(40, -1))
        assert same(of(tmp_path / "a.npy"), images)
        assert words in of(tmp_path / "a.npy").understood


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (GREY[:12].transpose(1, 2, 0), GREY[:12]),
        (GREY[:8].transpose(1, 2, 0), GREY[:8].transpose(1, 2, 0)),  # nothing tells the axes apart
        (GREY[:, :5].transpose(1, 2, 0), GREY[:, :5]),
        (GREY[:4], GREY[:4]),
        (GREY[:20, :, :5], GREY[:20, :, :5]),
        (COLOUR[:8].transpose(2, 3, 1, 0), COLOUR[:8]),
        (COLOUR[:, :, :, :5].transpose(2, 3, 1, 0), COLOUR[:, :, :, :5]),
        (np.tile(GREY, (3, 1, 1))[:64].reshape(64, 64), np.tile(GREY, (3, 1, 1))[:64]),
    ],
)
def test_labels_say_which_axis_counts_the_images(tmp_path: Path, array: np.ndarray, expected: np.ndarray) -> None:
    np.savez(tmp_path / "a.npz", images=array, labels=np.arange(len(expected)) % 3)
    assert same(of(tmp_path / "a.npz"), expected)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (GREY[:12].transpose(1, 2, 0), GREY[:12]),
        (GREY[:, :5].transpose(1, 2, 0), GREY[:, :5]),
        (GREY[:, :5], GREY[:, :5]),
        (COLOUR[:, :, :, :5].transpose(2, 3, 1, 0), COLOUR[:, :, :, :5]),
        (COLOUR, COLOUR),
    ],
)
def test_a_mat_file_counts_its_images_last_unless_that_axis_is_short(
    tmp_path: Path, array: np.ndarray, expected: np.ndarray
) -> None:
    savemat(tmp_path / "a.mat", {"faces": array})
    assert same(of(tmp_path / "a.mat"), expected)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((28, 28), np.uint8), r"the shape \(28, 28\), which is one image"),
        (np.zeros((8, 8, 10), np.uint8), "8 images of 8 rows and 10 columns, or, in MATLAB's order, 10 images of 8x8"),
        (np.zeros((64, 48, 3), np.uint8), r"one image \(H, W, C\) in colour"),
        (np.add.outer(np.arange(50), np.arange(64)).astype(np.uint8), "looks like one image"),
        (np.zeros((150, 4)), r"the shape \(150, 4\)"),
        (np.zeros(784, np.uint8), r"the shape \(784,\)"),
        (np.zeros((), np.uint8), r"the shape \(\)"),
        (np.zeros((1, 30, 8, 8, 3), np.uint8), r"the shape \(1, 30, 8, 8, 3\)"),
        (np.zeros((30, 0, 8), np.uint8), r"the shape \(30, 0, 8\)"),
        (np.zeros((9, 2, 8, 8), np.uint8), "neither axis 1 nor axis 3"),
    ],
)
def test_shapes_that_are_not_clear_are_refused(tmp_path: Path, array: np.ndarray, words: str) -> None:
    np.save(tmp_path / "a.npy", array)
    assert re.search(words, refusal(tmp_path / "a.npy"))


def test_four_channels_are_laid_over_the_background(tmp_path: Path) -> None:
    drawing = np.zeros((2, 8, 8, 4), np.uint8)
    drawing[:, :4, :, 3] = 255  # black above, transparent below
    np.save(tmp_path / "a.npy", drawing)
    assert of(tmp_path / "a.npy").pixels.max() == 0
    white = of(tmp_path / "a.npy", background="white")
    assert white.pixels[:, :, :4].max() == 0
    assert white.pixels[:, :, 4:].min() == 255
    assert "transparency, laid over white" in white.understood


# -- ranges --------------------------------------------------------------------------------------------------------


def test_a_range_is_decided_over_both_halves(tmp_path: Path) -> None:
    unit = GREY / 255
    np.savez(tmp_path / "a.npz", x_train=unit[:20] * 2 - 1, x_test=unit[20:] * 0.1)
    test = of(tmp_path / "a.npz", "test")
    assert test.pixels.min() >= 127, "a dark half alone would be taken as [0, 1]"
    np.savez(tmp_path / "b.npz", x_train=unit[:20], x_test=GREY[20:])
    assert "types float64 and uint8" in refusal(tmp_path / "b.npz")


@pytest.mark.parametrize(
    ("train", "test"),
    [
        (GREY.astype(np.float32), GREY / 255),  # one half alone was divided
        (GREY / 255, GREY / 127.5 - 1),
        (GREY.astype(np.float64), (GREY - 127.0) / 70),
        (GREY.astype(np.uint16) * 257, GREY.astype(np.uint16)),
    ],
)
def test_halves_in_different_ranges_are_refused(tmp_path: Path, train: np.ndarray, test: np.ndarray) -> None:
    for halves in ((train, test), (test, train)):
        np.savez(tmp_path / "a.npz", x_train=halves[0], x_test=halves[1][:9])
        words = refusal(tmp_path / "a.npz")
        assert "halves with values of different ranges" in words
        assert "--data.range LOW HIGH" in words
        assert of(tmp_path / "a.npz", range=(-1, 65535)).pixels.shape[0] == 39


def test_halves_of_other_brightness_are_of_one_range(tmp_path: Path) -> None:
    for dark in (GREY[:9] / 5, np.zeros((9, 8, 8)), GREY[:9] / 2 + 100):
        np.savez(tmp_path / "a.npz", x_train=GREY.astype(np.float64), x_test=dark)
        assert same(of(tmp_path / "a.npz", "test"), np.round(dark).astype(np.uint8))


def test_the_words_of_ranges_are_in_the_line(tmp_path: Path) -> None:
    unit = GREY / 255
    unit[0, 0, 0] = -1e-5
    np.save(tmp_path / "a.npy", unit)
    assert same(of(tmp_path / "a.npy"), np.round(unit.clip(0, 1) * 255).astype(np.uint8))
    assert "1 of 1,920 values outside [0, 1] are clipped" in of(tmp_path / "a.npy").understood
    np.save(tmp_path / "b.npy", GREY // 16)
    assert "--data.range 0 15 stretches them" in of(tmp_path / "b.npy").understood
    assert of(tmp_path / "b.npy", range=(0, 15)).pixels.max() == 255
    np.save(tmp_path / "c.npy", unit - 0.5)
    assert "--data.range LOW HIGH" in refusal(tmp_path / "c.npy")
    assert same(of(tmp_path / "c.npy", range=(-0.5, 0.5)), np.round(unit.clip(0, 1) * 255).astype(np.uint8))


@pytest.mark.parametrize("dtype", ["?", "<i8", ">u2", "<f2", ">f4", ">f8"])
def test_other_types_are_the_same_images(tmp_path: Path, dtype: str) -> None:
    np.save(tmp_path / "a.npy", (GREY > 127 if dtype == "?" else GREY).astype(dtype))
    assert same(of(tmp_path / "a.npy"), (GREY > 127).astype(np.uint8) * 255 if dtype == "?" else GREY)


# -- names and labels ----------------------------------------------------------------------------------------------

SPLIT_NAMES = [
    ("x_train", "y_train", "x_test", "y_test"),
    ("X_train", "Y_train", "X_test", "Y_test"),
    ("train_images", "train_labels", "test_images", "test_labels"),
    ("images_train", "labels_train", "images_test", "labels_test"),
    ("Xtr", "Ytr", "Xte", "Yte"),
    ("trainX", "trainY", "testX", "testY"),
    ("train_data", "train_targets", "test_data", "test_targets"),
    ("xtrain", "ytrain", "xval", "yval"),
    ("train", "train_labels", "test", "test_labels"),
]


@pytest.mark.parametrize("names", SPLIT_NAMES, ids=lambda names: names[0])
def test_halves_are_found_by_their_names(tmp_path: Path, names: tuple[str, ...]) -> None:
    arrays = (COLOUR[:20], CLASSES[:20], COLOUR[20:], CLASSES[20:])
    np.savez(tmp_path / "a.npz", **dict(zip(names, arrays, strict=True)))
    train, test = of(tmp_path / "a.npz", "train"), of(tmp_path / "a.npz", "test")
    assert same(train, COLOUR[:20])
    assert same(test, COLOUR[20:])
    assert (train.labels.tolist(), test.labels.tolist()) == (CLASSES[:20].tolist(), CLASSES[20:].tolist())


@pytest.mark.parametrize(
    ("images", "labels"),
    [("images", "labels"), ("X", "y"), ("data", "target"), ("image", "label"), ("arr_0", "arr_1"), ("arr_1", "arr_0")],
)
def test_images_and_labels_are_found_by_their_names_or_shapes(tmp_path: Path, images: str, labels: str) -> None:
    np.savez(tmp_path / "a.npz", **{labels: CLASSES, images: GREY})
    found = of(tmp_path / "a.npz")
    assert same(found, GREY)
    assert found.labels.tolist() == CLASSES.tolist()
    assert "not used" not in found.understood


def test_the_three_parts_of_medmnist_are_all_used(tmp_path: Path) -> None:
    cuts = {"train": slice(0, 20), "val": slice(20, 24), "test": slice(24, 30)}
    arrays = {f"{part}_images": COLOUR[cut].transpose(0, 2, 3, 1) for part, cut in cuts.items()}
    np.savez(tmp_path / "a.npz", **arrays, **{f"{part}_labels": CLASSES[cut, None] for part, cut in cuts.items()})
    train, test = of(tmp_path / "a.npz", "train"), of(tmp_path / "a.npz", "test")
    assert same(train, COLOUR[:24])
    assert same(test, COLOUR[24:])
    assert train.labels.tolist() == CLASSES[:24].tolist()
    assert "val_images joins train" in train.understood


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (CLASSES[:, None], "0 1 2"),
        (CLASSES[None], "0 1 2"),
        (np.eye(3)[CLASSES], "0 1 2"),
        (np.eye(3, dtype=bool)[CLASSES], "0 1 2"),
        (np.eye(3)[CLASSES].T * 2 - 1, "0 1 2"),
        (CLASSES.astype(float), "0 1 2"),
        (CLASSES.astype(">i4"), "0 1 2"),
        (CLASSES + 1, "1 2 3"),
        (CLASSES * 5, "0 5 10"),
        (CLASSES * 10**8, "0 100000000 200000000"),
        (np.array(["cat", "dog", "eel"])[CLASSES], "cat dog eel"),
        (np.array([b"cat", b"dog", b"eel"])[CLASSES], "cat dog eel"),
        (CLASSES > 0, "0 1"),
    ],
)
def test_labels_of_every_form_are_classes(tmp_path: Path, labels: np.ndarray, names: str) -> None:
    np.savez(tmp_path / "a.npz", images=GREY, labels=labels)
    images = of(tmp_path / "a.npz")
    assert images.names == tuple(names.split())
    assert images.classes == len(images.names)
    expected = (CLASSES > 0).astype(int) if len(images.names) == 2 else CLASSES
    assert images.labels.tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (
            CLASSES - 1,
            "has the type int64 and the shape (30,), with the value -1 for image 0: labels are integers from 0 on",
        ),
        (np.where(np.arange(30) == 7, 2.5, CLASSES), "with the value 2.5 for image 7: labels are integers from 0 on"),
        (np.where(CLASSES, CLASSES, np.nan), "with the value nan for image 0: labels are integers from 0 on"),
        (np.where(CLASSES, CLASSES, np.inf), "with the value inf for image 0: labels are integers from 0 on"),
        (CLASSES.astype(np.uint64) + 2**60, "with the value 1152921504606846976 for image 0"),
        (CLASSES[:-1], "one for each of the 30 images"),
        (CHANCE.randint(0, 2, (30, 40)), "integers from 0 on"),
        (np.array([{}] * 30, object), "never unpickled"),
        (CLASSES + 0j, "integers from 0 on"),
    ],
)
def test_labels_that_are_none_are_refused(tmp_path: Path, labels: np.ndarray, words: str) -> None:
    np.savez(tmp_path / "a.npz", images=GREY, labels=labels)
    assert words in refusal(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.array([0, 1, 5])[CLASSES], "the labels skip numbers: the classes are numbered 0 to 2 and called 0, 1, 5"),
        (CLASSES + 1, "the labels do not begin at 0: the classes are numbered 0 to 2 and called 1, 2, 3"),
        (CLASSES, None),
        (np.eye(3)[CLASSES], None),
        (np.array(["0", "1", "5"])[CLASSES], None),
    ],
)
def test_labels_that_skip_numbers_are_said(tmp_path: Path, labels: np.ndarray, words: str | None) -> None:
    np.savez(tmp_path / "a.npz", images=GREY, labels=labels)
    images = of(tmp_path / "a.npz")
    assert images.labels.tolist() == CLASSES.tolist()
    assert words in images.understood if words else "the labels" not in images.understood


def test_a_number_for_each_image_is_no_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ayneh.data.labels.MOST_CLASSES", 20)
    np.savez(tmp_path / "a.npz", images=GREY, labels=np.arange(30))
    assert "30 different labels, and a set may have 20" in refusal(tmp_path / "a.npz")


def test_labels_that_are_left_out_are_said(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x_train=GREY[:20], x_test=GREY[20:], y_train=CLASSES[:20], about=np.arange(3))
    images = of(tmp_path / "a.npz")
    assert images.labels is None
    assert "no labels; y_train is not used, since x_test has no labels" in images.understood
    assert "not used: about" in images.understood
    np.savez(tmp_path / "b.npz", images=GREY, labels=CLASSES * 0)
    assert of(tmp_path / "b.npz").classes is None
    assert "all labels are 0, so they are not used" in of(tmp_path / "b.npz").understood
    for missing in (np.full(10, -1), np.full((10, 1), -1.0)):  # as Hugging Face has them
        np.savez(tmp_path / "c.npz", x_train=GREY[:20], x_test=GREY[20:], y_train=CLASSES[:20], y_test=missing)
        assert of(tmp_path / "c.npz").labels is None
        assert "c.npz: y_test is -1 throughout, as missing labels are" in of(tmp_path / "c.npz").understood


@pytest.mark.parametrize(("name", "said"), [("x_train", False), ("x_test", True), ("test_images", True)])
def test_one_half_alone_is_divided(tmp_path: Path, name: str, said: bool) -> None:
    np.savez(tmp_path / "a.npz", **{name: GREY})
    images = of(tmp_path / "a.npz")
    assert same(images, GREY)
    assert ("is divided, since there are no other images" in images.understood) == said
    assert 0 < len(of(tmp_path / "a.npz", "test").pixels) < 15


def test_the_test_images_are_the_same_whatever_is_added(tmp_path: Path) -> None:
    many = CHANCE.randint(0, 256, (400, 8, 8)).astype(np.uint8)
    np.save(tmp_path / "a.npy", many)
    before = {image.numpy().tobytes() for image in of(tmp_path / "a.npy", "test").pixels}
    np.save(tmp_path / "a.npy", np.concatenate([GREY, many]))
    after = {image.numpy().tobytes() for image in of(tmp_path / "a.npy", "test").pixels}
    assert before <= after
    assert 10 < len(before) < 90
    assert "a tenth, by content" in of(tmp_path / "a.npy", "train").understood
    assert len(of(tmp_path / "a.npy", "test", divide="position").pixels) == 43
    fifth = of(tmp_path / "a.npy", "test", divide="position", test="0.2")
    assert (len(fifth.pixels), "0.2 of them, by position" in fifth.understood) == (86, True)


def test_test_images_from_another_file_or_a_share(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=GREY[:20] / 255, labels=CLASSES[:20])
    np.savez(tmp_path / "b.npz", images=GREY[20:] / 255 * 0.5, labels=CLASSES[20:])
    test = of(tmp_path / "a.npz", "test", test=str(tmp_path / "b.npz"))
    assert same(test, np.round(GREY[20:] / 255 * 0.5 * 255).astype(np.uint8))
    assert test.labels.tolist() == CLASSES[20:].tolist()
    assert len(of(tmp_path / "a.npz", "train", test=str(tmp_path / "b.npz")).pixels) == 20
    np.save(tmp_path / "rows.npy", GREY[20:].reshape(10, 64) / 255)
    assert same(of(tmp_path / "a.npz", "test", test=str(tmp_path / "rows.npy")), GREY[20:])
    share = of(tmp_path / "a.npz", "test", test="0.5")
    assert "0.5 of them, by content" in share.understood
    assert 4 < len(share.pixels) < 16
    np.savez(tmp_path / "c.npz", x_train=GREY[:20], x_test=GREY[20:])
    assert "test images of its own (x_test): leave --data.test out" in refusal(tmp_path / "c.npz", test="0.5")


@pytest.mark.parametrize("name", ["a.npz", "a.parquet"])
def test_a_file_is_read_once_for_both_halves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    reads: list[Path] = []
    monkeypatch.setattr(arrays_module, "read", lambda path, *how: reads.append(path) or read(path, *how))

    def write(images: np.ndarray, seconds: int) -> None:
        parquet(tmp_path / name, images) if name.endswith("t") else np.savez(tmp_path / name, images=images)
        os.utime(tmp_path / name, (seconds, seconds))

    monkeypatch.chdir(tmp_path)
    write(GREY, 1_000_000)
    halves = [of(path, split) for path in (Path(name), tmp_path / name) for split in ("train", "test")]
    assert len(reads) == 1
    assert sum(len(half.pixels) for half in halves) == 60
    write(255 - GREY, 2_000_000)
    assert of(Path(name), "train").fingerprint != halves[0].fingerprint, "a changed file is read again"
    assert of(Path(name), "train", range=(0, 128)).pixels.max() == 255
    assert len(reads) == 3
    parquet(tmp_path / name, GREY) if name.endswith("t") else np.savez(tmp_path / name, images=GREY)
    for _ in range(2):  # the time of a file just written may hide that it is written again
        of(Path(name), "train")
    assert len(reads) == 5


# -- files that are no arrays, or too large --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.h5", "save its arrays by numpy"),
        ("data_batch_1.pkl", "never opened"),
        ("a.tar.gz", "unpack it"),
        ("a.zip", "unpack it"),
        ("a.png", "folder:PATH"),
        ("a.xlsx", "save it as .csv"),
        ("a.tfrecord", "save its arrays by numpy"),
        ("data_batch_1", "of no kind that is read"),
        ("a.txt", "of no kind that is read"),
    ],
)
def test_other_kinds_of_files_are_refused_with_what_to_do(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / name).write_bytes(b"\x80\x04K\x01.")
    assert words in refusal(tmp_path / name)


def test_a_folder_or_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    assert "is a folder: give folder:PATH" in refusal(tmp_path / "pictures")
    assert "There is no file" in refusal(tmp_path / "nothing.npz")


def npy(shape: str, data: bytes = b"", descr: str = "'|u1'", fortran: str = "False", version: int = 1) -> bytes:
    """An .npy with any header."""
    return npy_of(f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}".encode(), data, version)


def npy_of(header: bytes, data: bytes = b"", version: int = 1) -> bytes:
    length = struct.pack("<H" if version == 1 else "<I", len(header) + 1)
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + b"\n" + data


@pytest.mark.parametrize(
    "content",
    [
        npy("(4000000, 64, 64)", bytes(100)),
        npy("(9999999999, 9999999999, 9999999999)"),
        npy("(-1, 8, 8)", bytes(64)),
        npy("(True, 8, 8)", bytes(64)),
        npy("(1.0, 8, 8)", bytes(64)),
        npy("8", bytes(8)),
        npy("(" * 5000),
        npy("[" * 3000 + "]" * 3000),
        npy("(1, 8, 8)", bytes(64), descr="'|O'"),
        npy("(1, 8, 8)", bytes(64), descr="'|V1'"),
        npy("(1, 8, 8)", bytes(64), descr="'<m8[s]'"),
        npy("(1, 8, 8)", bytes(64), descr="[('a', '|u1')]"),
        npy("(1, 8, 8)", bytes(64), descr="'|u1,' * 9"),
        npy("(1, 8, 8)", bytes(64), descr="'U999999999'"),
        npy("(1, 8, 8)", bytes(64), descr="__import__('os').getcwd()"),
        npy("(1, 8, 8)", bytes(63)),
        npy("(1, 8, 8)", bytes(65)),
        npy("(1, 8, 8)", bytes(64), version=3),
        npy("(1, 8, 8)", bytes(64), version=9),
        npy_of(b"{" + b"'a':" * 200, b""),
        npy_of(b"'\\xzz'", b""),
        npy_of(b" " * 20_000, b"", version=2),
        npy_of(b"1" * 9_000, b""),
        b"\x93NUMPY\x01\x00\xff\xff",
        b"\x93NUMPY",
        b"",
        b"PK\x03\x04",
        b"PK\x05\x06" + bytes(18),
        b"<html>",
        b"\x80\x04K\x01.",
    ],
)
def test_odd_headers_are_one_sentence(tmp_path: Path, content: bytes) -> None:
    for name in ("a.npy", "a.npz"):
        (tmp_path / name).write_bytes(content)
        refusal(tmp_path / name)
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("images.npy", content)
    refusal(tmp_path / "b.npz")


def zipped(path: Path, members: list[tuple[str, np.ndarray]], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, array in members:
            buffer = io.BytesIO()
            np.save(buffer, array)
            archive.writestr(name, buffer.getvalue())
    return path


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_odd_archives_are_one_sentence_or_read(tmp_path: Path) -> None:
    assert "two arrays called 'images'" in refusal(zipped(tmp_path / "a.npz", [("images.npy", GREY)] * 2))
    assert same(of(zipped(tmp_path / "b.npz", [("../../images.npy", GREY)])), GREY)
    assert same(of(zipped(tmp_path / "c.npz", [("\x1b[2J\n.npy", GREY)])), GREY)
    assert "packed by a method" in refusal(zipped(tmp_path / "d.npz", [("images.npy", GREY)], zipfile.ZIP_LZMA))
    with zipfile.ZipFile(tmp_path / "e.npz", "w") as archive:
        archive.writestr("photo.jpg", b"")
    assert "zip archive without arrays" in refusal(tmp_path / "e.npz")
    content = bytearray(zipped(tmp_path / "f.npz", [("images.npy", GREY)]).read_bytes())
    content[6] |= 1  # encrypted, says the member
    content[content.index(b"PK\x01\x02") + 8] |= 1  # and the directory
    (tmp_path / "f.npz").write_bytes(content)
    assert "encrypted" in refusal(tmp_path / "f.npz")
    many = zipped(tmp_path / "g.npz", [(f"{i}.npy", np.uint8(0)) for i in range(1001)])
    assert "1,001 arrays" in refusal(many)


def bomb(path: Path, n_bytes: int) -> Path:
    """An .npz of one image that unpacks to so many bytes, made without having them all."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("images.npy", "w") as file:
        file.write(npy(f"(1, {n_bytes // 1000}, 1000)"))
        for _ in range(n_bytes // 1000_000):
            file.write(bytes(1000_000))
    return path


def test_a_bomb_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, peak: Callable[[Callable[[], object]], int]
) -> None:
    monkeypatch.setattr(bounded, "MOST_BYTES", 20_000_000)
    path = bomb(tmp_path / "a.npz", 50_000_000)
    assert path.stat().st_size < 100_000
    assert peak(lambda: refusal(path)) < 2_000_000
    assert "unpacks to 50 MB, and a set may have 20 MB" in refusal(path)


def test_sizes_that_an_archive_only_claims_are_not_believed(
    tmp_path: Path, peak: Callable[[Callable[[], object]], int]
) -> None:
    for claimed in (3_000_000_000, 100):  # more than it can have, and less than it has
        content = bytearray(bomb(tmp_path / "a.npz", 5_000_000).read_bytes())
        at = content.index(b"PK\x01\x02") + 24
        content[at : at + 4] = struct.pack("<I", claimed)
        (tmp_path / "a.npz").write_bytes(content)
        assert peak(lambda: refusal(tmp_path / "a.npz")) < 20_000_000


def test_only_what_is_used_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "MOST_BYTES", 100_000)
    np.savez(tmp_path / "a.npz", images=GREY, latents_values=np.zeros((30, 10_000)), metadata=np.array({}, object))
    assert same(of(tmp_path / "a.npz"), GREY)
    assert "not used: latents_values, metadata" in of(tmp_path / "a.npz").understood


def test_a_flipped_bit_in_packed_values_is_found(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", images=GREY)
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[700] ^= 1
    (tmp_path / "a.npz").write_bytes(content)
    assert "is damaged" in refusal(tmp_path / "a.npz")


# -- CSV -----------------------------------------------------------------------------------------------------------


def csv(path: Path, lines: list[str], end: str = "\n") -> Path:
    data = (end.join(lines) + end).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


ROWS = [",".join(map(str, image.ravel())) for image in GREY]
HEADER = ",".join(f"pixel{i}" for i in range(64))
KAGGLE = [f"label,{HEADER}", *(f"{k},{row}" for k, row in zip(CLASSES, ROWS, strict=True))]


@pytest.mark.parametrize("name", ["train.csv", "train.csv.gz", "TRAIN.CSV"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"])
def test_kaggles_csv_of_mnist(tmp_path: Path, name: str, end: str) -> None:
    images = of(csv(tmp_path / name, KAGGLE, end))
    assert same(images, GREY)
    assert images.labels.tolist() == CLASSES.tolist()
    assert "8x8" in images.understood


@pytest.mark.parametrize(
    ("lines", "labelled", "note"),
    [
        ([HEADER, *ROWS], False, "rows of 8x8 pixels"),
        (ROWS, False, "rows of 8x8 pixels"),
        (KAGGLE[1:], True, "the first column is the label"),
        ([f"0,{row.partition(',')[2]},{k}" for k, row in zip(CLASSES, ROWS, strict=True)], True, "the last column is"),
        ([f"{HEADER},class", *(f"{row},{k}" for k, row in zip(CLASSES, ROWS, strict=True))], True, ""),
        ([f"{HEADER},digit", *(f"{row},{k}" for k, row in zip(CLASSES, ROWS, strict=True))], True, ""),
        ([f"id,label,{HEADER}", *(f"{i},{k},{ROWS[i]}" for i, k in enumerate(CLASSES))], True, "not used: id"),
        ([line.replace(",", ";") for line in KAGGLE], True, ""),
        ([line.replace(",", "\t") for line in KAGGLE], True, ""),
        ([",".join(f'"{cell}"' for cell in line.split(",")) for line in KAGGLE], True, ""),
        (["\ufeff" + KAGGLE[0], *KAGGLE[1:]], True, ""),
        ([KAGGLE[0], *(f"{'abc'[int(line[0])]}{line[1:]}" for line in KAGGLE[1:])], True, r"3 classes \(a, b, c\)"),
    ],
)  # fmt: skip
def test_tables_are_read_with_their_labels(tmp_path: Path, lines: list[str], labelled: bool, note: str) -> None:
    images = of(csv(tmp_path / "a.csv", lines))
    expected = GREY.copy()
    if "last" in note:
        expected[:, 0, 0] = 0
    assert same(images, expected)
    assert (images.labels is not None and images.labels.tolist() == CLASSES.tolist()) == labelled
    assert re.search(note, images.understood)


@pytest.mark.parametrize("frame", [0, 2])  # black pixels around, as MNIST has and photographs have not
def test_the_label_of_a_table_without_header_is_first_or_last(tmp_path: Path, frame: int) -> None:
    pictures = smooth(30, 12)[:, 0]
    if frame:
        pictures = np.pad(pictures, ((0, 0), (frame, frame), (frame, frame)))
    for label, last in ((CLASSES, True), (CLASSES, False), (CLASSES == 0, True), (CLASSES == 0, False)):
        rows = [[*image.ravel()] for image in pictures]
        rows = [[*row, int(k)] if last else [int(k), *row] for row, k in zip(rows, label, strict=True)]
        images = of(csv(tmp_path / "a.csv", [",".join(map(str, row)) for row in rows]))
        assert same(images, pictures), (last, label)
        assert images.labels.tolist() == label.tolist()
        assert f"the {'last' if last else 'first'} column is the label" in images.understood


def test_words_as_labels_need_no_header(tmp_path: Path) -> None:
    """The first row was taken for a header and its image was lost."""
    rows = [(["cat", "dog"][k % 2], ",".join(map(str, image.ravel()))) for k, image in zip(CLASSES, GREY, strict=True)]
    for lines in ([f"{word},{pixels}" for word, pixels in rows], [f"{pixels},{word}" for word, pixels in rows]):
        images = of(csv(tmp_path / "a.csv", lines))
        assert same(images, GREY)
        assert images.names == ("cat", "dog")
    for start in (0, 1):  # a header that counts the columns is one
        header = ",".join(["kind", *map(str, range(start, start + 64))])
        assert len(of(csv(tmp_path / "a.csv", [header, *(f"{word},{pixels}" for word, pixels in rows)])).pixels) == 30


def test_a_column_without_a_name_is_named_so(tmp_path: Path) -> None:
    lines = [f",{KAGGLE[0]}", *(f"{i},{line}" for i, line in enumerate(KAGGLE[1:]))]
    images = of(csv(tmp_path / "a.csv", lines))
    assert "not used: a column without a name" in images.understood


def test_tables_follow_the_rule_of_ranges(tmp_path: Path) -> None:
    unit = [",".join(f"{v / 255:.6f}" for v in image.ravel()) for image in GREY]
    assert same(of(csv(tmp_path / "a.csv", unit)), GREY)
    sixteen = csv(tmp_path / "b.csv", [",".join(str(v // 16) for v in image.ravel()) for image in GREY])
    assert "minimum 0, mean 7.4" in refusal(sixteen)
    assert of(sixteen, range=(0, 15)).pixels.max() == 255


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([*KAGGLE[:3], "1,2,3", *KAGGLE[3:]], "has 3 cells in line 4, and 65 in the first"),
        ([*KAGGLE[:3], KAGGLE[3].replace(",", ",x", 1)], "in line 4, column 2 (pixel0), where a pixel is a number"),
        ([*KAGGLE[:3], re.sub(r"\d+$", "", KAGGLE[3])], "'' in line 4, column 65 (pixel63)"),
        ([*KAGGLE[:3], re.sub(r"\d+$", "nan", KAGGLE[3])], "1 values that are NaN or infinite"),
        ([KAGGLE[0]], "has no row below its header"),
        (["emotion,pixels,Usage", "0,70 80 82,Training"], "where a pixel is a number"),
        (["a,b,c", "1,2,3"], "the shape (1, 3)"),
        (["1" * 5_000_000], "a line of more than 4,000,000 bytes"),
        (["sepal,petal", "1,2"], "its rows has the shape"),
    ],
)
def test_tables_that_are_no_images_are_refused(tmp_path: Path, lines: list[str], words: str) -> None:
    assert words in refusal(csv(tmp_path / "a.csv", lines))


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"\xff\xfe1\x00", b"\0" * 100, b"PK\x03\x04\xff", b"\x1f\x8b", b"\x1f\x8b\x08\0"]
)
def test_files_that_are_no_tables_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    refusal(tmp_path / "a.csv")


def test_a_table_that_unpacks_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, peak: Callable[[Callable[[], object]], int]
) -> None:
    monkeypatch.setattr(bounded, "MOST_BYTES", 2_000_000)
    monkeypatch.setattr("ayneh.data.table.LINES", 100)
    rows = csv(tmp_path / "a.csv.gz", [",".join(["0"] * 784)] * 10_000)
    assert peak(lambda: refusal(rows)) < 10_000_000, "all rows as text have 16 MB"
    assert "a set may have 2 MB" in refusal(rows)
    line = csv(tmp_path / "b.csv.gz", ["1" * 50_000_000])
    assert peak(lambda: refusal(line)) < 20_000_000


# -- MATLAB --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [pytest.param(False, marks=pytest.mark.slow), True])
def test_street_view_house_numbers_in_a_mat_file(tmp_path: Path, packed: bool) -> None:
    labels = np.where(CLASSES == 0, 10, CLASSES)[:, None]  # 10 stands for 0
    savemat(tmp_path / "train_32x32.mat", {"X": COLOUR.transpose(2, 3, 1, 0), "y": labels}, do_compression=packed)
    images = of(tmp_path / "train_32x32.mat")
    assert same(images, COLOUR)
    assert images.names == ("1", "2", "10")
    assert images.labels.tolist() == [{10: 2, 1: 0, 2: 1}[k] for k in labels.ravel().tolist()]


@pytest.mark.parametrize(
    ("arrays", "labelled"),
    [
        ({"fea": GREY.reshape(30, 64) / 255, "gnd": CLASSES[:, None] + 1.0}, True),
        pytest.param({"data": GREY.reshape(30, 64).T.astype(float), "labels": CLASSES}, True, marks=pytest.mark.slow),
        pytest.param({"faces": GREY.transpose(1, 2, 0)}, False, marks=pytest.mark.slow),
        ({"faces": GREY.transpose(1, 2, 0), "notes": np.array([["a"]], object), "s": {"a": 1}}, False),
        ({"train_images": GREY[:20], "test_images": GREY[20:], "about": "text"}, False),
        pytest.param({"images": GREY > 127}, False, marks=pytest.mark.slow),
    ],
)
def test_mat_files_of_several_kinds(tmp_path: Path, arrays: dict[str, object], labelled: bool) -> None:
    savemat(tmp_path / "a.mat", arrays, do_compression=True)
    images = of(tmp_path / "a.mat")
    assert same(images, (GREY > 127).astype(np.uint8) * 255 if "images" in arrays else GREY)
    assert (images.labels is not None and images.labels.tolist() == CLASSES.tolist()) == labelled


def test_mat_files_that_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    path.write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512) + b"\x89HDF\r\n\x1a\n")
    assert "save(..., '-v7')" in refusal(path)
    path.write_bytes(bytes(100))
    refusal(path)
    savemat(path, {"x": GREY[0]}, format="4")
    refusal(path)
    savemat(path, {"images": np.array([["a"]], object)})
    assert "MATLAB's type cell" in refusal(path)
    savemat(path, {"images": GREY})
    whole = path.read_bytes()
    for cut in (0, 50, 128, 130, 140, 200, len(whole) - 100):
        path.write_bytes(whole[:cut])
        refusal(path)


def test_a_mat_file_that_unpacks_to_more_than_it_says_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, peak: Callable[[Callable[[], object]], int]
) -> None:
    monkeypatch.setattr(bounded, "MOST_BYTES", 20_000_000)
    savemat(tmp_path / "a.mat", {"images": np.zeros((1000, 200, 200), np.uint8)}, do_compression=True)
    assert (tmp_path / "a.mat").stat().st_size < 100_000
    assert peak(lambda: refusal(tmp_path / "a.mat")) < 5_000_000
    assert "unpacks to" in refusal(tmp_path / "a.mat")


# -- Parquet -------------------------------------------------------------------------------------------------------


def png(image: np.ndarray, form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image if image.ndim == 2 else image.transpose(1, 2, 0)).save(buffer, form)
    return buffer.getvalue()


def parquet(path: Path, images: object, note: dict | None = None, **columns: object) -> Path:
    """A file with these pictures as Hugging Face has them: struct<bytes, path>."""
    rows = [image if not isinstance(image, np.ndarray) else {"bytes": png(image), "path": None} for image in images]
    table = pyarrow.table({"image": rows, **columns})
    path.parent.mkdir(parents=True, exist_ok=True)
    if note:
        table = table.replace_schema_metadata({"huggingface": json.dumps(note)})
    write_table(table, path)
    return path


NAMES = {"info": {"features": {"label": {"names": ["cat", "dog", "eel"], "_type": "ClassLabel"}}}}


def test_hugging_faces_parquet_with_its_classes(tmp_path: Path) -> None:
    images = of(parquet(tmp_path / "a.parquet", GREY, NAMES, label=CLASSES, id=np.arange(30)))
    assert same(images, GREY)
    assert images.labels.tolist() == CLASSES.tolist()
    assert images.names == ("cat", "dog", "eel")
    assert "not used: id" in images.understood


@pytest.mark.parametrize("note", [None, {}, {"info": []}, {"info": {"features": {"label": {"names": 3}}}}])
def test_parquet_without_a_usual_note_has_numbers_as_classes(tmp_path: Path, note: dict | None) -> None:
    assert of(parquet(tmp_path / "a.parquet", GREY, note, label=CLASSES)).names == ("0", "1", "2")


def test_parquet_of_plain_bytes_in_colour_and_grey(tmp_path: Path) -> None:
    rows = [png(image) for image in (*GREY[:5], *COLOUR[:5])]
    images = of(parquet(tmp_path / "a.parquet", rows, y=["a"] * 5 + ["b"] * 5))
    assert np.array_equal(images.pixels[:5].numpy(), np.repeat(GREY[:5, None], 3, 1))
    assert np.array_equal(images.pixels[5:].numpy(), COLOUR[:5])
    assert images.names == ("a", "b")


@pytest.mark.slow
def test_shards_in_a_folder_are_one_set_with_its_halves(tmp_path: Path) -> None:
    for i in range(2):
        parquet(tmp_path / f"data/train-0000{i}-of-00002.parquet", GREY[i * 10 :][:10], label=CLASSES[i * 10 :][:10])
    parquet(tmp_path / "data/validation-00000-of-00001.parquet", GREY[20:25], label=CLASSES[20:25])
    train, test = of(tmp_path, "train"), of(tmp_path, "test")
    assert same(train, GREY[:20])
    assert same(test, GREY[20:25])
    assert "validation-" not in train.understood
    parquet(tmp_path / "data/test-00000-of-00001.parquet", GREY[25:], label=CLASSES[25:])
    train, test = of(tmp_path, "train"), of(tmp_path, "test")
    assert same(test, GREY[25:])
    assert len(train.pixels) == 25
    assert train.labels.tolist() == CLASSES[:25].tolist()
    assert "the validation set joins train" in train.understood


def test_a_folder_named_by_a_language_is_no_half(tmp_path: Path) -> None:
    parquet(tmp_path / "tr/a.parquet", GREY[:10], label=CLASSES[:10])
    parquet(tmp_path / "te/a.parquet", GREY[10:], label=CLASSES[10:])
    assert len(of(tmp_path, "all").pixels) == len(GREY)
    assert "by content" in of(tmp_path, "train").understood


def test_labels_keep_the_joiners_of_persian(tmp_path: Path) -> None:
    names = ("می\u200cروم", "آینه")
    labels = [names[k % 2] for k in range(len(GREY))]
    assert set(of(parquet(tmp_path / "a.parquet", GREY, label=labels)).names or ()) == {*names}


def test_rows_without_a_label_are_said(tmp_path: Path) -> None:
    images = of(parquet(tmp_path / "a.parquet", GREY, label=[None, *CLASSES[1:].tolist()]))
    assert images.labels is None
    assert "no labels; label is not used: it is empty in 1 row" in images.understood


def test_parquet_of_several_sizes_needs_one(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", [GREY[0], np.zeros((16, 12), np.uint8)])
    assert "several sizes, 8x8 and 12x16 (width x height): choose one with --data.resize N" in refusal(path)
    assert of(path, resize=8).pixels.shape == (2, 1, 8, 8)


@pytest.mark.parametrize(
    ("rows", "columns", "words"),
    [
        ([{"bytes": None, "path": "a"}, {"bytes": png(GREY[0]), "path": ""}], {}, "no image in row 1"),
        ([png(GREY[0]), None], {}, "no image in row 2"),
        ([png(GREY[0]), b"<html>"], {}, "the image in row 2 is not an image"),
        ([png(GREY[0]), png(GREY[0])[:-40]], {}, "the image in row 2 cannot be read"),
        ([[1, 2, 3]] * 3, {}, "has no column of image files among image (list<"),
        (["a"] * 3, {}, "has no column of image files among image (string)"),
        ([], {}, "has no column of image files"),
        ([png(GREY[0])] * 2, {"label": [[1], [2, 3]]}, "label has labels of no kind"),
    ],
)
def test_parquet_that_holds_no_pictures_is_refused(tmp_path: Path, rows: list, columns: dict, words: str) -> None:
    assert words in refusal(parquet(tmp_path / "a.parquet", rows, **columns))


@pytest.mark.slow
def test_parquet_files_that_are_damaged_or_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, peak: Callable[[Callable[[], object]], int]
) -> None:
    path = parquet(tmp_path / "a.parquet", GREY)
    whole = path.read_bytes()
    for content in (b"", b"PAR1", whole[:-10], whole[: len(whole) // 2], whole[:4] + bytes(len(whole) - 4)):
        path.write_bytes(content)
        refusal(path)
    monkeypatch.setattr(bounded, "MOST_BYTES", 1_000_000)
    path = parquet(tmp_path / "b.parquet", [np.zeros((600, 600), np.uint8)] * 4)
    assert path.stat().st_size < 20_000
    assert "a set may have 1 MB" in refusal(path)
    assert peak(lambda: refusal(path)) < 10_000_000


def test_without_pyarrow_the_command_that_installs_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = parquet(tmp_path / "a.parquet", GREY)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UserError, match=r"pip install 'ayneh\[parquet\]'"):
        of(path)
