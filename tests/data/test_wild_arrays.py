"""Files of arrays as people have them: each is read right or refused in one sentence. Every file is made here."""

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from .conftest import COLOUR, GREY, of, refusal, same, smooth

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
