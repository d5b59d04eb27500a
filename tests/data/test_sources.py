"""The data sets by name: their splits, labels and limits; real MNIST where AYNEH_DATA has it."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from ayneh.data import sources
from ayneh.data.bounded import gunzipped
from ayneh.data.download import MD5, MIRRORS, locate
from ayneh.data.images import Images
from ayneh.data.sources import SOURCES, load
from ayneh.errors import UserError


@pytest.fixture
def tiny_idx(cache: Path, write_idx: Callable[[Path, np.ndarray], Path]) -> Callable[[str], np.ndarray]:
    """Puts 40 + 10 small images into the cache as one of the IDX sets; gives all 50 of them."""

    def put(name: str) -> np.ndarray:
        pixels = np.random.RandomState(1).randint(0, 256, (50, 4, 4)).astype(np.uint8)
        labels = (np.arange(50) % 10).astype(np.uint8)
        for part, chosen in (("train", slice(40)), ("t10k", slice(40, 50))):
            write_idx(cache / name / f"{part}-images-idx3-ubyte.gz", pixels[chosen])
            write_idx(cache / name / f"{part}-labels-idx1-ubyte.gz", labels[chosen])
        return pixels

    return put


def rows(images: Images) -> set[bytes]:
    return {image.numpy().tobytes() for image in images.pixels}


def test_digits_are_scikit_learns_with_black_and_white_at_the_ends() -> None:
    images, original = load("digits", "all"), load_digits()
    assert images.pixels.shape == (1797, 1, 8, 8)
    assert images.pixels.dtype == torch.uint8
    assert np.array_equal(images.labels.numpy(), original.target)
    levels = images.pixels[:, 0].numpy()
    assert np.array_equal(np.round(levels * (16 / 255)), original.images)
    assert len(np.unique(levels)) == 17
    assert (levels.min(), levels.max()) == (0, 255)


def test_digits_are_the_same_where_scikit_learn_keeps_their_file_elsewhere(monkeypatch) -> None:
    sources._digits.cache_clear()
    found = load("digits", "all")
    monkeypatch.setattr(sources, "find_spec", lambda name: None)
    sources._digits.cache_clear()
    moved = load("digits", "all")
    assert torch.equal(found.pixels, moved.pixels)
    assert torch.equal(found.labels, moved.labels)


def test_the_split_of_digits_is_fixed_disjoint_and_in_proportion() -> None:
    train, test, both = (load("digits", split) for split in ("train", "test", "all"))
    assert (len(train.pixels), len(test.pixels)) == (1297, 500)
    assert len(rows(both)) == 1797, "no digit is there twice, so that rows identify them"
    assert rows(train) | rows(test) == rows(both)
    expected = both.labels.bincount() * (500 / 1797)
    assert (test.labels.bincount() - expected).abs().max() < 1
    assert hashlib.md5(test.pixels.numpy().tobytes()).hexdigest() == "e8551ff19b4f3f7245e5bbd7fcf0219e"


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "kmnist"])
def test_a_set_in_idx_files_is_read_by_halves_and_whole(name: str, tiny_idx: Callable[[str], np.ndarray]) -> None:
    pixels = torch.from_numpy(tiny_idx(name))[:, None]
    train, test, both = (load(name, split) for split in ("train", "test", "all"))
    assert torch.equal(train.pixels, pixels[:40])
    assert torch.equal(test.pixels, pixels[40:])
    assert torch.equal(both.pixels, pixels)
    assert both.labels.tolist() == [i % 10 for i in range(50)]
    assert both.labels.dtype == torch.int64
    assert (both.name, both.split, both.classes) == (name, "all", 10)


def test_stacked_mnist_stacks_three_digits_and_numbers_them_in_base_ten(
    tiny_idx: Callable[[str], np.ndarray],
) -> None:
    pixels = tiny_idx("mnist")
    label_of = {image.tobytes(): i % 10 for i, image in enumerate(pixels)}
    for split, n in (("train", 40), ("test", 10), ("all", 50)):
        stacked = load("stacked-mnist", split)
        assert stacked.pixels.shape == (n, 3, 4, 4)
        assert stacked.classes == 1000
        for image, label in zip(stacked.pixels.numpy(), stacked.labels.tolist(), strict=True):
            a, b, c = (label_of[plane.tobytes()] for plane in image)
            assert label == 100 * a + 10 * b + c
    train, test = load("stacked-mnist", "train"), load("stacked-mnist", "test")
    halves = [{plane.tobytes() for plane in pixels[half]} for half in (slice(40), slice(40, 50))]
    assert {plane.numpy().tobytes() for plane in train.pixels.flatten(0, 1)} <= halves[0]
    assert {plane.numpy().tobytes() for plane in test.pixels.flatten(0, 1)} <= halves[1]
    assert torch.equal(load("stacked-mnist", "train").pixels, train.pixels), "the triples are fixed"
    assert not torch.equal(train.pixels[:, 0], train.pixels[:, 1])


def test_a_limit_keeps_a_fixed_nested_choice_with_its_labels() -> None:
    whole = load("digits")
    label_of = {
        image.numpy().tobytes(): label for image, label in zip(whole.pixels, whole.labels.tolist(), strict=True)
    }
    small, large = load("digits", limit=100), load("digits", limit=300)
    assert (len(small.pixels), len(large.pixels)) == (100, 300)
    assert rows(small) < rows(large) < rows(whole)
    assert [label_of[image.numpy().tobytes()] for image in small.pixels] == small.labels.tolist()
    assert torch.equal(load("digits", limit=100).pixels, small.pixels)
    assert len(load("digits", limit=5000).pixels) == len(whole.pixels)


def test_resize_changes_the_size_of_every_channel_and_nothing_else(
    tiny_idx: Callable[[str], np.ndarray],
) -> None:
    tiny_idx("mnist")
    before, after = load("stacked-mnist"), load("stacked-mnist", resize=16)
    assert after.pixels.shape == (40, 3, 16, 16)
    assert after.pixels.dtype == torch.uint8
    assert torch.equal(after.labels, before.labels)
    means = [images.pixels.double().mean((2, 3)) for images in (before, after)]
    assert np.corrcoef(means[0].flatten(), means[1].flatten())[0, 1] > 0.95, "planes are where they were"
    assert torch.equal(load("digits", resize=8).pixels, load("digits").pixels)


def test_unknown_names_are_refused_with_the_nearest_one() -> None:
    with pytest.raises(UserError, match=r"no data set called 'fashion_mnist'. Did you mean 'fashion-mnist'\?"):
        load("fashion_mnist")
    with pytest.raises(UserError, match=r"no data set called 'pictures/'.*folder:PATH.*npz:PATH"):
        load("pictures/")
    with pytest.raises(UserError, match=r"no split called 'tets'.*Did you mean 'test'"):
        load("digits", "tets")


@pytest.mark.parametrize("name", ["folder:", "npz:"])
def test_a_prefix_without_a_path_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=f"no data set called '{name}'"):
        load(name)


def test_sizes_and_limits_below_one_are_refused() -> None:
    with pytest.raises(UserError, match=r"--data\.resize is 0; it must lie between 1 and 4,096"):
        load("digits", resize=0)
    with pytest.raises(UserError, match=r"--data\.limit is -5; it must lie between 1 and"):
        load("digits", limit=-5)


def test_a_missing_set_is_never_replaced_by_another(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in MIRRORS:
        monkeypatch.setitem(MIRRORS, name, ("http://127.0.0.1:9/",))
    for name in set(SOURCES) - {"digits"}:
        with pytest.raises(UserError, match="no mirror (has it|is known)"):
            load(name)


def test_the_fingerprint_depends_on_shape_and_pixels_alone() -> None:
    images = load("digits", limit=20)
    assert images.fingerprint == load("digits", limit=20).fingerprint
    assert len(images.fingerprint) == 64
    for other in (images.pixels[:-1], images.pixels ^ 1, images.pixels.reshape(20, 1, 4, 16)):
        assert replace(images, pixels=other).fingerprint != images.fingerprint


def test_a_named_set_is_understood_in_one_line() -> None:
    assert load("digits").understood == "digits: 1,297 to train; 8x8, 1 channel; 10 classes (0, 1, 2, 3, ...)"


@pytest.mark.usefixtures("mnist")
@pytest.mark.parametrize("file", sorted(MD5["mnist"]))
def test_mnist_is_the_published_one_byte_for_byte(file: str) -> None:
    assert hashlib.md5(gunzipped(locate("mnist", file))).hexdigest() == MD5["mnist"][file].digest


@pytest.mark.usefixtures("mnist")
def test_mnist_has_the_published_number_of_each_digit() -> None:
    train, test = load("mnist"), load("mnist", "test")
    assert train.pixels.shape == (60000, 1, 28, 28)
    assert test.pixels.shape == (10000, 1, 28, 28)
    assert train.labels.bincount().tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert test.labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert train.pixels.double().mean() / 255 == pytest.approx(0.1307, abs=5e-5)


@pytest.mark.usefixtures("mnist")
@pytest.mark.slow
def test_stacked_mnist_has_the_stated_size_and_nearly_all_its_classes() -> None:
    train, test = load("stacked-mnist"), load("stacked-mnist", "test")
    assert train.pixels.shape == (60000, 3, 28, 28)
    assert test.pixels.shape == (10000, 3, 28, 28)
    assert len(train.labels.unique()) == 1000
    chances = load("mnist").labels.bincount().double() / 60000
    expected = 60000 * torch.einsum("a,b,c->abc", chances, chances, chances).flatten()
    chi_square = ((train.labels.bincount(minlength=1000) - expected) ** 2 / expected).sum()
    assert 820 < chi_square < 1190, "within four standard deviations of its 999 degrees of freedom"
