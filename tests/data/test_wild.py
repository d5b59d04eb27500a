"""Folders as people have them: each is made here, and read right, read with a word, or refused with the way out.

docs/your-data.md lists the kinds of files and names these tests.
"""

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ayneh.data import picture as picture_module
from ayneh.data import unpack
from ayneh.data.scan import scan
from ayneh.errors import UserError

from .conftest import counts, fill, noise, put, read

GREY = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4


# -- what the folders' names mean --------------------------------------------------------------------------------------

LAYOUTS = {  # folders with two images each -> train, test, classes, what is said
    "train test": (2, 2, None, ""),
    "Train Test": (2, 2, None, ""),
    "TRAIN TEST": (2, 2, None, ""),
    "training testing": (2, 2, None, ""),
    "train val": (2, 2, None, "val/ (2 images) is the test set"),
    "train valid": (2, 2, None, "valid/ (2 images) is the test set"),
    "train validation": (2, 2, None, "validation/ (2 images) is the test set"),
    "train dev": (2, 2, None, "dev/ (2 images) is the test set"),
    "train eval": (2, 2, None, "eval/ (2 images) is the test set"),
    "Train Val": (2, 2, None, "Val/ (2 images) is the test set"),
    "train val test": (4, 2, None, "val/ (2 images) joins train"),
    "train/cat train/dog val/cat val/dog": (4, 4, ("cat", "dog"), "val/ (4 images) is the test set"),
    "train/cat train/dog val/cat val/dog test/cat test/dog": (8, 4, ("cat", "dog"), "val/ (4 images) joins train"),
    "photos/train/cat photos/train/dog photos/test/cat photos/test/dog": (4, 4, ("cat", "dog"), "all in photos"),
    "a/b/c/train a/b/c/test": (2, 2, None, "all in a/b/c"),
    "train/images test/images": (2, 2, None, ""),
    "train/imgs/cat train/imgs/dog test/imgs/cat test/imgs/dog": (4, 4, ("cat", "dog"), ""),
    "cat/train cat/test dog/train dog/test": (4, 4, ("cat", "dog"), ""),
    "train/cat train/dog test/cat test/dog extra": (4, 4, ("cat", "dog"), "2 images in extra/ skipped"),
    "train/cat train/dog test/cat test/dog sketches": (4, 4, ("cat", "dog"), "2 images in sketches/ skipped"),
    "train/cat train/dog train/eel test/cat test/dog": (6, 4, ("cat", "dog", "eel"), "classes only in train: eel"),
    "train/cat train/dog test/dog test/eel": (4, 4, ("cat", "dog", "eel"), "only in train: cat, only in test: eel"),
    "train test1": (2, 2, None, "; test1/ is taken as test"),
    "train2017 val2017": (2, 2, None, "val2017/ (2 images) is the test set; train2017/ is taken as train"),
    "training_shoes test_tubes": (2, 2, None, "; test_tubes/ is taken as test; training_shoes/ is taken as train"),
    "train_cat train_dog test_cat test_dog": (
        *(4, 4, ("cat", "dog")),
        "test_cat/, test_dog/, train_cat/ and 1 more are classes with splits",
    ),
    "Cat-Train Cat-Val Dog-Train Dog-Val": (4, 4, ("Cat", "Dog"), "val/ (4 images) is the test set"),
    "گربه_train سگ_train گربه_test سگ_test": (4, 4, ("سگ", "گربه"), "are classes with splits"),
    "train_1 train_2 test_1": (4, 2, None, "train_1/ is taken as train; train_2/ is taken as train"),
    "train_a train_b test_all": (4, 2, None, "train_a/ is taken as train; train_b/ is taken as train"),
    "train_a/cat train_a/dog train_b/cat train_b/dog test_a/cat test_a/dog": (
        *(8, 4, ("cat", "dog")),
        "train_b/ is taken as train",
    ),
    "train_images test_images": (2, 2, None, ""),
    "train-set val-set test-set": (4, 2, None, "val-set/ (2 images) joins train"),
    "seg_train/seg_train/sea seg_train/seg_train/ice seg_test/seg_test/sea seg_test/seg_test/ice seg_pred": (
        *(4, 4, ("ice", "sea")),
        "2 images in seg_pred/ skipped",
    ),
    "train/cat train/dog test": (4, 2, None, "no labels in test"),
}


@pytest.mark.parametrize("places", LAYOUTS)
def test_splits_are_distinguished_from_classes(tmp_path: Path, places: str) -> None:
    fill(tmp_path / "set", places)
    train, test, names, words = LAYOUTS[places]
    assert counts(tmp_path / "set") == (train, test)
    both = read(tmp_path / "set")
    assert both.names == names
    assert words in both.understood
    assert f"{train} to train, {test} to test;" in read(tmp_path / "set", "train").understood
    assert f"{train + test} in all;" in both.understood
    assert both.classes == (None if names is None else len(names))


@pytest.mark.parametrize(
    ("places", "names"),
    [
        ("cat dog", ("cat", "dog")),
        ("set/cat set/dog", ("cat", "dog")),
        ("a/b/cat a/b/dog", ("cat", "dog")),
        ("train/cat train/dog", ("cat", "dog")),  # train alone is a wrapper
        ("train bus car", ("bus", "car", "train")),  # a class of vehicles
        ("bullet_train test_tube beaker", ("beaker", "bullet_train", "test_tube")),
        ("cat/old cat/new dog", ("cat", "dog")),  # deeper folders are part of their class
        ("10 9 1", ("1", "9", "10")),
        ("class10 class9 Class1", ("Class1", "class9", "class10")),
        ("گربه سگ", ("سگ", "گربه")),
        ("猫 犬 кот", ("кот", "犬", "猫")),
        ("رقم۱۰ رقم۹", ("رقم۹", "رقم۱۰")),
        ("cafe\u0301 bar", ("bar", "caf\u00e9")),  # a Mac's way to write é
    ],
)
def test_classes_have_their_names_in_natural_order(tmp_path: Path, places: str, names: tuple[str, ...]) -> None:
    fill(tmp_path / "set", places)
    both = read(tmp_path / "set")
    assert both.names == names
    assert set(both.labels.tolist()) == set(range(len(names)))
    assert len(both.pixels) == 2 * len(places.split())
    by_label = [names[label] for label in both.labels.tolist()]
    assert by_label == sorted(by_label, key=names.index), "images come in the order of their classes"


@pytest.mark.parametrize("wrapped", [".", "a/b"])
def test_an_image_has_the_label_of_its_folder(tmp_path: Path, wrapped: str) -> None:
    for level, name in enumerate(["item10", "item9", "گربه"]):
        put(tmp_path / wrapped / name / "0.png", np.full((4, 4), level, np.uint8))
    both = read(tmp_path)
    assert both.names == ("item9", "item10", "گربه")
    assert both.pixels[:, 0, 0, 0].tolist() == [1, 0, 2]
    assert both.labels.tolist() == [0, 1, 2]


@pytest.mark.parametrize("places", ["cat", "photos/img_align_celeba", "a/b/c", "train", "train/cat test/cat"])
def test_one_class_is_no_label(tmp_path: Path, places: str) -> None:
    fill(tmp_path / "set", places, 12)
    both = read(tmp_path / "set")
    assert (both.labels, both.classes, both.names) == (None, None, None)
    assert "no labels" in both.understood


def test_a_stray_image_beside_class_folders_is_skipped_with_a_word(tmp_path: Path) -> None:
    fill(tmp_path, "cat dog", 5)
    put(tmp_path / "grid.png")
    both = read(tmp_path)
    assert (len(both.pixels), both.names) == (10, ("cat", "dog"))
    assert "1 image beside the class folders skipped" in both.understood


def test_many_images_beside_folders_keep_all_and_have_no_labels(tmp_path: Path) -> None:
    fill(tmp_path, "cat dog")
    fill(tmp_path, ".", 6)
    both = read(tmp_path)
    assert (len(both.pixels), both.labels) == (10, None)
    assert "no labels: 6 of 10 images are in no class folder" in both.understood


def test_a_stray_image_beside_the_splits_is_in_neither(tmp_path: Path) -> None:
    fill(tmp_path, "train test", 3)
    put(tmp_path / "preview.png")
    assert counts(tmp_path) == (3, 3)
    assert "1 image beside them skipped: neither train nor test" in read(tmp_path).understood


def test_a_stray_image_beside_a_wrapper_does_not_hide_the_splits(tmp_path: Path) -> None:
    fill(tmp_path, "set/train set/test", 5)
    put(tmp_path / "preview.png")
    assert counts(tmp_path) == (5, 5)
    assert "1 image beside set skipped" in read(tmp_path).understood


def test_an_empty_class_folder_is_named_and_no_class(tmp_path: Path) -> None:
    fill(tmp_path, "cat dog")
    (tmp_path / "eel").mkdir()
    (tmp_path / "fox" / "deep").mkdir(parents=True)
    both = read(tmp_path)
    assert both.names == ("cat", "dog")
    assert "2 folders without images (eel, fox)" in both.understood


def test_an_empty_test_folder_leaves_a_tenth_to_be_held_out(tmp_path: Path) -> None:
    fill(tmp_path, "train/cat train/dog", 30)
    (tmp_path / "test").mkdir()
    train, test = counts(tmp_path)
    assert (train + test, test > 0) == (60, True)
    assert "1 folder without images (test)" in read(tmp_path).understood
    assert read(tmp_path).names == ("cat", "dog")


# -- earlier runs ------------------------------------------------------------------------------------------------------


def test_by_position_a_folder_is_read_as_by_earlier_versions(tmp_path: Path) -> None:
    for i in range(30):
        put(tmp_path / ("cat" if i % 2 else "Dog") / f"{i}.png", np.full((4, 4), i, np.uint8))
    put(tmp_path / "cat" / "x.gif", np.full((4, 4), 99, np.uint8))  # earlier versions did not see it
    put(tmp_path / ".ipynb_checkpoints" / "y.png", np.full((4, 4), 98, np.uint8))  # but this
    order = sorted((path for path in tmp_path.rglob("*.png")), key=lambda path: path.as_posix())
    shuffled = np.random.RandomState(0).permutation(31)
    for split, chosen in (("train", shuffled[3:]), ("test", shuffled[:3])):
        found = read(tmp_path, split, divide="position")
        expected = [np.asarray(Image.open(order[i]))[0, 0] for i in sorted(chosen)]
        assert found.pixels[:, 0, 0, 0].tolist() == expected
    assert read(tmp_path, divide="position").names == (".ipynb_checkpoints", "Dog", "cat")
    assert "a tenth held out, by position" in found.understood


def test_by_position_colour_is_decided_by_split_and_other_splits_may_be_broken(tmp_path: Path) -> None:
    fill(tmp_path, "train test", 3)
    put(tmp_path / "test" / "colour.png", noise(1, 9, 9, 3))
    (tmp_path / "test" / "broken.png").write_bytes(b"")
    assert read(tmp_path, "train", divide="position").pixels.shape == (3, 1, 8, 8)


def test_by_position_colour_differs_between_splits_as_before(tmp_path: Path) -> None:
    fill(tmp_path, "train test", 3)
    put(tmp_path / "test" / "colour.png", noise(1, 8, 8, 3))
    assert read(tmp_path, "all", divide="position").pixels.shape[1] == 3
    assert read(tmp_path, "train", divide="position").pixels.shape[1] == 1
    assert read(tmp_path, "test", divide="position").pixels.shape[1] == 3


def test_an_unknown_way_to_divide_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no --data\.split called 'hash'"):
        read(tmp_path, divide="hash")


# -- the line ----------------------------------------------------------------------------------------------------------


def test_the_line_of_a_whole_folder(tmp_path: Path) -> None:
    fill(tmp_path / "celeb", "cat dog eel fox owl", 40)
    (tmp_path / "celeb" / ".DS_Store").write_text("x")
    (tmp_path / "celeb" / "notes.txt").write_text("x")
    train = read(tmp_path / "celeb", "train")
    n = len(train.pixels)
    assert train.understood == (
        f"folder:{tmp_path}/celeb: {n} to train, {200 - n} to test (a tenth held out, by the hash of each file); "
        "8x8, 1 channel; 5 classes (cat, dog, eel, fox, ...); 2 files skipped (1 hidden, 1 .txt)"
    )
    limited = read(tmp_path / "celeb", "train", limit=50)
    assert f"a random 50 of the {n} are taken" in limited.understood
    least, most = limited.labels.bincount().min(), limited.labels.bincount().max()
    assert f"(cat, dog, eel, fox, ...) of {least} to {most} images" in limited.understood
    assert read(tmp_path / "celeb", "test").understood == train.understood


def test_the_pixels_of_both_splits_are_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, ".", 40)
    read(tmp_path, "train")
    monkeypatch.setattr(unpack, "picture", lambda *_: pytest.fail("a file was unpacked again"))
    read(tmp_path, "test")
    monkeypatch.chdir(tmp_path.parent)
    read(Path(tmp_path.name), "train")  # a run has the absolute path of a folder that was given by a relative one
    put(tmp_path / "0.png", noise(99))  # a changed file is seen
    with pytest.raises(BaseException, match="a file was unpacked again"):
        read(tmp_path, "test")


def test_what_a_verb_reads_of_a_limited_set_is_unpacked_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for some training images and the test images, once for all, which the judge takes."""
    fill(tmp_path, ".", 40)
    unpacked: list[object] = []
    monkeypatch.setattr(unpack, "picture", lambda *how: unpacked.append(how) or picture_module.picture(*how))
    some = read(tmp_path, "train", limit=10).fingerprint
    test = read(tmp_path, "test").fingerprint
    assert len(unpacked) == 40
    read(tmp_path, "train")
    assert read(tmp_path, "train", limit=10).fingerprint == some
    assert read(tmp_path, "test").fingerprint == test
    assert len(unpacked) == 80


def test_no_warning_of_a_decoder_reaches_the_user(tmp_path: Path) -> None:
    image = Image.fromarray(GREY).convert("P")
    image.info["transparency"] = bytes(range(256))
    put(tmp_path / "a.png", image, transparency=bytes(range(256)))
    put(tmp_path / "b.png", GREY)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(tmp_path)


def test_the_order_does_not_depend_on_the_file_system(tmp_path: Path) -> None:
    for name in ("10.png", "9.png", "B.png", "a.png", "é.png"):
        put(tmp_path / name)
    assert [file.place[-1] for file in scan(tmp_path).files] == ["9.png", "10.png", "a.png", "B.png", "é.png"]


def test_every_test_that_the_page_names_exists() -> None:
    here = Path(__file__)
    page = (here.parents[2] / "docs" / "your-data.md").read_text(encoding="utf-8")
    tests = "".join(path.read_text(encoding="utf-8") for path in here.parents[1].glob("**/test_*.py"))
    named = set(re.findall(r"`(test_\w+)`", page))
    assert len(named) > 30
    assert {name for name in named if f"def {name}(" not in tests} == set()
