"""Images in .npz and .npy files: layouts, ranges, labels, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ayneh.data.sources import load
from ayneh.errors import UserError

PIXELS = np.random.RandomState(0).randint(0, 256, (12, 3, 6, 5)).astype(np.uint8)


def everything(path: Path) -> np.ndarray:
    return load(f"npz:{path}", split="all").pixels.numpy()


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (PIXELS, PIXELS),
        (PIXELS.transpose(0, 2, 3, 1), PIXELS),
        (PIXELS[:, :1], PIXELS[:, :1]),
        (PIXELS[:, :1].transpose(0, 2, 3, 1), PIXELS[:, :1]),
        (PIXELS[:, 0], PIXELS[:, :1]),
    ],
)
def test_every_layout_becomes_channels_first(tmp_path: Path, array: np.ndarray, expected: np.ndarray) -> None:
    np.savez(tmp_path / "a.npz", images=array)
    np.save(tmp_path / "a.npy", array)
    assert np.array_equal(everything(tmp_path / "a.npz"), expected)
    assert np.array_equal(everything(tmp_path / "a.npy"), expected)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_in_either_range_become_the_levels_that_they_came_from(tmp_path: Path, dtype: type) -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    for low, high in ((0, 1), (-1, 1)):
        unit = low + (high - low) * (levels / 255)
        np.save(tmp_path / "a.npy", unit.astype(dtype))
        assert np.array_equal(everything(tmp_path / "a.npy")[:, 0], levels), (low, high)


def test_rounding_errors_at_the_ends_of_the_range_are_forgiven(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[[-1e-7, 0.5, 1 + 1e-7]]]))
    assert everything(tmp_path / "a.npy").ravel().tolist() == [0, 128, 255]


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([[[0.0, 16.0]]]), "type float64 whose range is not clear .minimum 0, mean 8, maximum 16"),
        (np.array([[[-1.5, 0.0]]]), "minimum -1.5, mean -0.75, maximum 0"),
        (np.array([[[0.0, np.nan]]]), "1 values that are NaN or infinite"),
        (np.array([[[0.0, np.inf]]]), "1 values that are NaN or infinite"),
        (np.zeros((2, 4, 4), np.int64), "values of type int64"),
        (np.zeros((2, 4, 4), complex), "values of type complex128"),
        (np.zeros((4, 785), np.uint8), r"the shape \(4, 785\)"),
        (np.zeros((0, 8, 8), np.uint8), r"the shape \(0, 8, 8\)"),
        (np.zeros((2, 5, 8, 8), np.uint8), "neither axis 1 nor axis 3"),
        (np.zeros((2, 2, 8, 8), np.uint8), "neither axis 1 nor axis 3"),
        (np.zeros((2, 3, 8, 3), np.uint8), "axis 1 and axis 3 could both be"),
    ],
)
def test_what_could_be_misread_is_refused(tmp_path: Path, array: np.ndarray, message: str) -> None:
    np.savez(tmp_path / "a.npz", images=array)
    with pytest.raises(UserError, match=rf"a\.npz: images has .*{message}"):
        load(f"npz:{tmp_path / 'a.npz'}", "all")


def test_the_only_array_needs_no_name_and_of_several_one_must_have_it(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", arr_0=PIXELS)
    assert np.array_equal(everything(tmp_path / "a.npz"), PIXELS)
    np.savez(tmp_path / "a.npz", left=PIXELS, right=PIXELS)
    with pytest.raises(UserError, match=r"a\.npz holds the arrays left, right: call the images 'images'"):
        everything(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz")
    with pytest.raises(UserError, match=r"the arrays \(none\)"):
        everything(tmp_path / "a.npz")


def test_a_fixed_tenth_is_for_testing_and_labels_go_with_their_images(tmp_path: Path) -> None:
    n = 40
    images = np.zeros((n, 4, 4), np.uint8)
    images[:] = np.arange(n)[:, None, None]
    np.savez(tmp_path / "a.npz", images=images, labels=np.arange(n) // 8)
    train, test = (load(f"npz:{tmp_path / 'a.npz'}", split) for split in ("train", "test"))
    assert (len(train.pixels), len(test.pixels)) == (36, 4)
    numbers = torch.cat([train.pixels, test.pixels])[:, 0, 0, 0]
    assert sorted(numbers.tolist()) == list(range(n))
    assert torch.equal(torch.cat([train.labels, test.labels]), numbers // 8)
    assert train.classes == test.classes == 5


def test_x_train_and_x_test_are_the_splits(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "a.npz",
        x_train=PIXELS[:8],
        x_test=PIXELS[8:],
        y_train=np.arange(8) % 2,
        y_test=np.array([0, 1, 2, 3], np.uint8),
    )
    train, test, both = (load(f"npz:{tmp_path / 'a.npz'}", split) for split in ("train", "test", "all"))
    assert np.array_equal(train.pixels.numpy(), PIXELS[:8])
    assert np.array_equal(test.pixels.numpy(), PIXELS[8:])
    assert np.array_equal(both.pixels.numpy(), PIXELS)
    assert test.labels.tolist() == [0, 1, 2, 3]
    assert test.labels.dtype == torch.int64
    assert {images.classes for images in (train, test, both)} == {4}


def test_labels_of_one_half_alone_are_no_labels_and_odd_ones_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x_train=PIXELS[:8], x_test=PIXELS[8:], y_train=np.arange(8))
    assert load(f"npz:{tmp_path / 'a.npz'}").labels is None
    np.savez(tmp_path / "a.npz", x_train=PIXELS[:8], x_test=PIXELS[8:], y_train=np.arange(8), y_test=np.int64(3))
    with pytest.raises(UserError, match=r"y_test has the type int64 and the shape \(\).* each of the 4 images"):
        load(f"npz:{tmp_path / 'a.npz'}")


def test_halves_of_two_shapes_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x_train=PIXELS, x_test=PIXELS[:, :1])
    with pytest.raises(UserError, match=r"x_train has images \(3, 6, 5\) but x_test \(1, 6, 5\)"):
        load(f"npz:{tmp_path / 'a.npz'}")


@pytest.mark.parametrize("labels", [np.arange(11), np.linspace(0, 1, 12), np.arange(12) - 1, np.eye(12)[:, :2]])
def test_labels_that_do_not_fit_are_refused(tmp_path: Path, labels: np.ndarray) -> None:
    np.savez(tmp_path / "a.npz", images=PIXELS, labels=labels)
    with pytest.raises(
        UserError, match=r"a\.npz: labels has the type .* integers from 0 on, one for each of the 12 images"
    ):
        load(f"npz:{tmp_path / 'a.npz'}")


def test_an_array_too_small_for_a_test_split_says_so(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", PIXELS[:9])
    with pytest.raises(UserError, match="no image to test: add images"):
        load(f"npz:{tmp_path / 'a.npy'}", "test")


def test_a_damaged_file_is_named_and_pickles_are_never_opened(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with pytest.raises(UserError, match=r"There is no file .*a\.npz"):
        everything(path)
    np.savez_compressed(path, images=PIXELS)
    whole = path.read_bytes()
    np.save(tmp_path / "whole.npy", PIXELS)
    plain = (tmp_path / "whole.npy").read_bytes()
    np.savez(path, images=np.array([{"a": 1}], object))
    pickled = path.read_bytes()
    flipped = whole[:200] + bytes([whole[200] ^ 255]) + whole[201:]
    for damaged in (b"", b"<html>", whole[: len(whole) // 2], flipped, plain[:-5], plain[:40], pickled):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=r"a\.npz is damaged or is not an \.npz or \.npy file of plain arrays: .+"):
            everything(path)
