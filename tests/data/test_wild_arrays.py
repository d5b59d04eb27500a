"""Files of arrays as people have them: each is read right or refused in one sentence. Every file is made here."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from ayneh.data import arrays as arrays_module
from ayneh.data.arrays import read

from .conftest import CHANCE, CLASSES, COLOUR, GREY, of, parquet, refusal, same, smooth

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
        (GREY[:8].transpose(1, 2, 0), GREY[:8].transpose(1, 2, 0)),  # nothing shows which axis is which
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
