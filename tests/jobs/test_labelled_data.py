"""Labelled runs on data whose classes are missing, rare, or have changed since the training began."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ayneh.record.record import Record

Ayneh = Callable[..., tuple[int, str, str]]
CLASSES = {"cat": 30, "dog": 25, "eel": 20}
FLAGS = [
    *("--data.test", "0.2", "--batch", "16", "--net.width", "4", "--prior.dim", "8", "--epochs", "1"),
    *("--keep.sample-epochs", "1", "--keep.checkpoint-epochs", "1", "--keep.score-epochs", "0"),
]


def put(folder: Path, n: int, seed: int = 0) -> None:
    folder.mkdir(parents=True)
    chance = np.random.RandomState(seed)
    for k in range(n):
        Image.fromarray(chance.randint(0, 256, (8, 8)).astype(np.uint8)).save(folder / f"{k:02}.png")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pictures in three classes, and a labelled run of one epoch on it beside."""
    from ayneh.__main__ import main

    place = tmp_path_factory.mktemp("labelled")
    for seed, (name, n) in enumerate(CLASSES.items()):
        put(place / "pets" / name, n, seed)
    out = ["--out", str(place / "run")]
    main(["train", "mirror", "--data.name", f"folder:{place / 'pets'}", "--rules.labels", "concat", *FLAGS, *out])
    return place


@pytest.fixture
def place(trained: Path, tmp_path: Path) -> Path:
    """A copy of both, free to be changed."""
    return Path(shutil.copytree(trained, tmp_path / "here"))


def resumed(ayneh: Ayneh, place: Path) -> tuple[int, str]:
    before = {path: path.read_bytes() for path in (place / "run").rglob("*.safetensors")}
    status, _, err = ayneh("resume", place / "run", "--epochs", 2, "--data", place / "pets")
    if status:
        assert {path: path.read_bytes() for path in (place / "run").rglob("*.safetensors")} == before
    return status, err.strip().splitlines()[-1]


def test_the_classes_are_in_the_checkpoint_and_the_run_goes_on_with_them(ayneh: Ayneh, place: Path) -> None:
    kept = Record.open(place / "run").checkpoints.at_epoch(0)
    assert kept.labels.names == ("cat", "dog", "eel")
    assert len(kept.data.labels) == 64
    assert resumed(ayneh, place)[0] == 0
    assert Record.open(place / "run").checkpoints.at_epoch(1).labels == kept.labels


@pytest.mark.parametrize(
    ("change", "now"),
    [
        (lambda pets: put(pets / "fox", 20, 9), "4 classes (cat, dog, eel, fox)"),
        (lambda pets: shutil.rmtree(pets / "dog"), "2 classes (cat, eel)"),
        (lambda pets: (pets / "eel").rename(pets / "elk"), "3 classes (cat, dog, elk)"),
        (lambda pets: [shutil.rmtree(pets / name) for name in ("dog", "eel")], "no classes"),
    ],
    ids=["another", "one lost", "renamed", "one left"],
)
def test_classes_that_changed_are_refused_with_both_lists(
    ayneh: Ayneh, place: Path, change: Callable[[Path], object], now: str
) -> None:
    change(place / "pets")
    status, words = resumed(ayneh, place)
    assert status == 2
    assert "was trained on 3 classes (cat, dog, eel), and folder:" in words
    assert words.endswith(f"has {now} now: bring the former ones back, under the same names, or start a new run.")


def test_the_same_images_under_other_labels_are_refused(ayneh: Ayneh, place: Path) -> None:
    """In a file, labels may change where no pixel does."""
    chance = np.random.RandomState(0)
    images, labels = chance.randint(0, 256, (60, 8, 8)).astype(np.uint8), np.arange(60) % 3
    arrays = {"x_train": images[:48], "x_test": images[48:], "y_test": labels[48:]}
    path, run = place / "a.npz", place / "arrays"
    np.savez(path, **arrays, y_train=labels[:48])
    names = ("train", "mirror", "--data.name", f"file:{path}", "--rules.labels", "projection")
    assert ayneh(*names, *FLAGS[2:], "--out", run)[0] == 0
    np.savez(path, **arrays, y_train=np.roll(labels[:48], 1))
    status, _, err = ayneh("resume", run, "--epochs", 2)
    assert status == 2
    assert "are the same but for some labels: put the former ones back" in err
    np.savez(path, **arrays, y_train=labels[:48])
    assert ayneh("resume", run, "--epochs", 2)[0] == 0


def test_a_run_of_numbers_goes_on_where_their_names_are_read_now(ayneh: Ayneh, place: Path) -> None:
    """Earlier versions did not use ``class_names``, so that classes of the same file were 0, 1 and 2."""
    chance = np.random.RandomState(0)
    labels = np.arange(60) % 3
    arrays = {"images": chance.randint(0, 256, (60, 8, 8)).astype(np.uint8), "labels": labels}
    path, run = place / "a.npz", place / "arrays"
    np.savez(path, **arrays)
    names = ("train", "mirror", "--data.name", f"file:{path}", "--rules.labels", "projection")
    assert ayneh(*names, *FLAGS, "--out", run)[0] == 0
    assert Record.open(run).checkpoints.at_epoch(0).labels.names == ("0", "1", "2")
    named = {"class_names": np.array(["cat", "dog", "emu"])}
    np.savez(path, **(arrays | {"labels": np.roll(labels, 1)}), **named)
    status, _, err = ayneh("resume", run, "--epochs", 2)
    assert status == 2
    assert "are the same but for some labels" in err
    np.savez(path, **arrays, **named)
    assert ayneh("resume", run, "--epochs", 2)[0] == 0
    assert Record.open(run).checkpoints.at_epoch(1).labels.names == ("cat", "dog", "emu")


def test_a_run_without_labels_goes_on_whatever_the_classes_are_called(ayneh: Ayneh, place: Path) -> None:
    run = place / "plain"
    assert ayneh("train", "mirror", "--data.name", f"folder:{place / 'pets'}", *FLAGS, "--out", run)[0] == 0
    kept = Record.open(run).checkpoints.at_epoch(0)
    assert (kept.labels, kept.data.labels) == (None, None)
    (place / "pets" / "eel").rename(place / "pets" / "elk")
    assert ayneh("resume", run, "--epochs", 2)[0] == 0


@pytest.mark.parametrize(
    ("name", "flags", "words"),
    [
        ("pets/cat", (), "has no labels, which a labelled game learns from"),
        ("pets", ("--data.limit", "2", "--batch", "2"), "have no image to train on (cat, eel)"),
    ],
)
def test_data_that_have_no_classes_to_learn_are_refused_before_a_folder_is_made(
    ayneh: Ayneh, trained: Path, tmp_path: Path, name: str, flags: tuple[str, ...], words: str
) -> None:
    data = ("--data.name", f"folder:{trained / name}", "--rules.labels", "auxiliary")
    status, _, err = ayneh("train", "mirror", *data, *FLAGS, *flags, "--out", tmp_path / "run")
    assert status == 2
    assert words in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_a_rare_class_is_said_before_the_training(ayneh: Ayneh, place: Path) -> None:
    put(place / "pets" / "gnu", 2, 11)
    data = ("--data.name", f"folder:{place / 'pets'}", "--rules.labels", "concat")
    status, _, err = ayneh("train", "mirror", *data, *FLAGS, "--out", place / "rare")
    assert status == 0
    assert "1 of the 4 classes has less than one image on average in a batch of 16 (gnu)" in err


@pytest.mark.slow
def test_labelled_drawings_in_colour_are_trained_on(ayneh: Ayneh, tmp_path: Path) -> None:
    """Ten classes of 4 to hundreds of images to train on, from an ordinary .npz of (N, H, W, C)."""
    path = Path(os.environ.get("AYNEH_DATA", "/nowhere")) / "twemoji" / "twemoji64.npz"
    if not path.is_file():
        pytest.skip("AYNEH_DATA does not name a folder with twemoji in it")
    data = ("--data.name", f"file:{path}", "--data.resize", "8", "--batch", "256", "--rules.labels", "projection")
    status, _, err = ayneh("train", "mirror", *FLAGS[4:], *data, "--out", tmp_path / "run")
    assert status == 0, err
    assert "8x8, 3 channels; 10 classes (0, 1, 2, 3, ...)" in err
    assert "1 of the 10 classes has less than one image on average in a batch of 256 (8)" in err
    kept = Record.open(tmp_path / "run").checkpoints.at_epoch(0)
    assert kept.image_shape[0] == 3
    assert round(kept.labels.shares[8] * kept.data.images) == 4
