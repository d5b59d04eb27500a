"""Names and labels of arrays as people save them: which array is which, and what its labels are."""

import os
from pathlib import Path

import numpy as np
import pytest

from ayneh.data import arrays as arrays_module
from ayneh.data.arrays import read

from .conftest import CHANCE, CLASSES, COLOUR, GREY, of, parquet, refusal, same

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


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ([b"caf\xe8", b"caf\xe9", b"the"], ("caf\\xe8", "caf\\xe9", "the")),
        ([b"caf\xe8", b"cafe", b"the"], ("cafe", "caf\ufffd", "the")),
        (["a\x01b", "a\x02b", "c"], ("a\\x01b", "a\\x02b", "c")),
    ],
)
def test_labels_that_look_alike_stay_apart(tmp_path: Path, words: list[bytes | str], names: tuple[str, ...]) -> None:
    np.savez(tmp_path / "a.npz", images=GREY, labels=np.array(words)[CLASSES])
    found = of(tmp_path / "a.npz")
    assert found.names == names
    assert len(found.labels.unique()) == 3


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


def test_class_names_beside_labels_name_the_classes(tmp_path: Path) -> None:
    words = np.array(["zebra", "ant", "mouse"])
    for names, labels, found in (
        (words, CLASSES, tuple(words)),
        (words.astype("S"), CLASSES.astype(float), tuple(words)),
        (words, CLASSES % 2 * 2, ("zebra", "mouse")),
        (words, CLASSES + 1, tuple(words)),  # as many names as classes
    ):
        np.savez(tmp_path / "a.npz", images=GREY, labels=labels, class_names=names)
        images = of(tmp_path / "a.npz")
        assert images.names == found
        assert images.labels.tolist() == np.unique(labels, return_inverse=True)[1].tolist()
        assert "not used" not in images.understood
    np.savez(tmp_path / "b.npz", arr_0=GREY, arr_1=CLASSES, class_names=np.array([*"abcdefgh"]))  # as many as rows
    assert of(tmp_path / "b.npz").names == ("a", "b", "c")


def test_class_names_that_name_no_labels_are_not_used(tmp_path: Path) -> None:
    words = np.array(["zebra", "ant", "mouse"])
    for others in ({"labels": words[CLASSES]}, {}, {"labels": CLASSES, "class_names": CLASSES}):
        np.savez(tmp_path / "a.npz", images=GREY, **{"class_names": words, **others})
        assert "not used: class_names" in of(tmp_path / "a.npz").understood
    np.savez(tmp_path / "a.npz", images=GREY, labels=CLASSES * 5, class_names=words[:2])
    assert "the names of 2 classes are not used" in of(tmp_path / "a.npz").understood


@pytest.mark.parametrize(
    ("labels", "of_test", "names", "found"),
    [
        (CLASSES + 1, np.arange(len(CLASSES)) % 2, ["ant", "mouse"], "zebra ant mouse"),
        (CLASSES + 1, np.arange(len(CLASSES)) % 2 + 5, ["ant", "mouse"], "zebra ant mouse"),
        (CLASSES + 1, np.array(["ant", "mouse"])[np.arange(len(CLASSES)) % 2], None, "zebra ant mouse"),
        (CLASSES + 1, np.arange(len(CLASSES)) % 2, ["ant", "yak"], "zebra ant mouse yak"),
        (CLASSES * 4, np.arange(len(CLASSES)) % 2, ["ant", "mouse"], "zebra ant mouse"),
        (CLASSES + 1, CLASSES, ["zebra", "ant", "mouse"], "zebra ant mouse"),  # the same names, counted from 0
        (CLASSES + 1, CLASSES % 2 + 2, ["zebra", "ant", "mouse"], "zebra ant mouse"),  # the same names and numbers
    ],
    ids=["from 1", "both", "text", "a further one", "gaps", "same names", "same numbers"],
)
def test_test_images_have_the_classes_of_their_names_wherever_the_labels_begin(
    tmp_path: Path, labels: np.ndarray, of_test: np.ndarray, names: list[str] | None, found: str
) -> None:
    words = np.array(["zebra", "ant", "mouse"])
    np.savez(tmp_path / "a.npz", images=GREY, labels=labels, class_names=words)
    of_names = {} if names is None else {"class_names": np.array(names)}
    np.savez(tmp_path / "b.npz", images=GREY, labels=of_test, **of_names)
    train, test = (of(tmp_path / "a.npz", half, test=str(tmp_path / "b.npz")) for half in ("train", "test"))
    assert (train.names, test.names) == (tuple(found.split()),) * 2
    assert [train.names[k] for k in train.labels.tolist()] == words[CLASSES].tolist()
    if names is None:
        known = of_test.tolist()
    elif of_test.min() == 2:  # as the first file numbers them
        known = words[of_test - 1].tolist()
    else:
        known = np.array(names)[np.unique(of_test, return_inverse=True)[1]].tolist()
    assert [test.names[k] for k in test.labels.tolist()] == known


def test_names_of_a_file_are_those_of_all_its_labels_where_its_test_images_are_not_used(tmp_path: Path) -> None:
    words = np.array(["zebra", "ant", "mouse"])
    halves = {"x_train": GREY[:20], "y_train": CLASSES[:20] % 2 + 1, "x_test": GREY[20:], "y_test": CLASSES[20:] + 1}
    np.savez(tmp_path / "a.npz", **halves, class_names=words)
    np.savez(tmp_path / "b.npz", images=GREY, labels=CLASSES * 0 + np.arange(len(CLASSES)) % 2, class_names=words[:2])
    train = of(tmp_path / "a.npz", "train", test=str(tmp_path / "b.npz"))
    assert [train.names[k] for k in train.labels.tolist()] == words[CLASSES[:20] % 2].tolist()
