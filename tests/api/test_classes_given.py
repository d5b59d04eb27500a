"""classes= names the classes that are there, and every other list of names is refused where it is given."""

import numpy as np
import pytest
from PIL import Image

import ayneh
from ayneh.data.sources import load
from ayneh.labels import Labels

BYTES = load("digits", "train", limit=60).pixels[:, 0].numpy()  # uint8 (60, 8, 8)
LABELS = np.arange(60) % 3
WORDS = np.array(["x", "y"] * 30)
E_ACUTE, E_AND_ACUTE = "\u00e9", "e\u0301"  # one letter, typed as one sign and as two


class Named(list):
    """A data set that has names for its classes."""

    def __init__(self, labels, classes):
        super().__init__(zip(BYTES, labels.tolist(), strict=True))
        self.classes = classes


@pytest.mark.parametrize(
    ("labels", "classes", "found"),
    [
        (LABELS, ["a", "b", "c"], "abc"),
        (LABELS, np.array(["a", "b", "c"]), "abc"),
        (LABELS, ("a", "b", "c"), "abc"),
        (LABELS.astype(float), ["a", "b", "c"], "abc"),
        (np.eye(3)[LABELS], ["a", "b", "c"], "abc"),
        (LABELS + 1, ["a", "b", "c"], "abc"),  # as many names as classes: in the order of the labels
        (LABELS * 5, ["a", "b", "c"], "abc"),
        (LABELS + 1, ["-", "a", "b", "c"], "abc"),  # more names: each is that of the label which counts it
        (LABELS % 2 * 2, ["a", "b", "c"], "ac"),
        (WORDS, ["x", "y"], "xy"),
        (LABELS, [" a", "b ", "c"], "abc"),
    ],
)
def test_names_are_those_of_the_classes_in_the_order_of_the_labels(labels, classes, found):
    images = ayneh.images((BYTES, labels), classes=classes)
    assert images.classes == tuple(found)
    assert np.array_equal(images.labels, ayneh.images((BYTES, labels)).labels)


def test_names_of_no_image_are_said():
    words = "2 names of classes are of no image (b, d)"
    assert words in ayneh.images((BYTES, LABELS % 2 * 2), classes=["a", "b", "c", "d"]).understood
    assert "of no image" not in ayneh.images(Named(LABELS, ["a", "b", "c", "d"])).understood


def test_names_of_both_halves_are_those_of_all_labels():
    images = ayneh.images((BYTES, LABELS), test=(BYTES, LABELS + 1), classes=["a", "b", "c", "d"])
    assert images.classes == tuple("abcd")
    assert set(images.test_labels) == {1, 2, 3}


@pytest.mark.parametrize(
    ("source", "classes", "words"),
    [
        (
            (BYTES, LABELS),
            ["a", "b"],
            "classes has 2 names (a, b), and the array of labels of the images has 3 classes",
        ),
        ((BYTES, LABELS + 2), ["a", "b", "c", "d"], "classes has 4 names (a, b, c and 1 more), and"),
        ((BYTES, WORDS), ["a", "b"], "classes is a, b, and the array of labels of the images is text, which names"),
        ((BYTES, WORDS), ["y", "x"], "is text, which names its classes itself (x, y): leave it out"),
        (BYTES, ["a", "b"], "classes is a, b, and the images have no labels: give them as a pair"),
        ((BYTES, LABELS), ["a", "a", "c"], "classes has 'a' twice"),
        ((BYTES, LABELS), ["a", " a", "c"], "classes has 'a' twice"),
        ((BYTES, LABELS), [E_ACUTE, E_AND_ACUTE, "c"], f"classes has {E_ACUTE!r} twice"),
        ((BYTES, LABELS), [], "classes is empty"),
        ((BYTES, LABELS), ["a", " ", "c"], "An entry of classes is ' '"),
        ((BYTES, LABELS), np.arange(3), "An entry of classes is 0; it must be text"),
        ((BYTES, LABELS), np.array([["a", "b", "c"]]), "An entry of classes is ['a', 'b', 'c']; it must be text"),
        ((BYTES, LABELS), {"a", "b", "c"}, "classes is a set, which has no order"),
    ],
)
def test_names_that_fit_no_classes_are_refused(source, classes, words):
    with pytest.raises(ayneh.UserError) as refused:
        ayneh.images(source, classes=classes)
    assert words in str(refused.value)


def test_names_of_a_data_set_that_do_not_fit_are_left_out_with_a_word():
    images = ayneh.images(Named(LABELS + 2, ["a", "b", "c", "d"]))
    assert images.classes == ("2", "3", "4")
    assert "the names of 4 classes are not used, since the labels go up to 4" in images.understood
    assert ayneh.images(Named(LABELS, ["a", "b", "c", "d"])).classes == ("a", "b", "c")


def test_the_classes_of_test_images_are_those_of_their_names():
    """Data sets of other folders have other numbers for them; they were taken as the numbers of the training images."""
    images = ayneh.images(Named(LABELS, ["ant", "bee", "cat"]), test=Named(LABELS, ["bee", "cat", "dog"]))
    assert images.classes == ("ant", "bee", "cat", "dog")
    assert images.labels.tolist() == LABELS.tolist()
    assert images.test_labels.tolist() == (LABELS + 1).tolist()


@pytest.mark.parametrize("typed", [E_ACUTE, E_AND_ACUTE, f" {E_AND_ACUTE} "])
def test_a_letter_with_an_accent_is_one_class_however_it_is_typed(typed):
    images = ayneh.images((BYTES, np.array([E_ACUTE, E_AND_ACUTE, "b"])[LABELS]))
    assert images.classes == ("b", E_ACUTE)
    assert Labels(images.classes, (0.5, 0.5)).number(typed) == 1
    assert Labels(("b", E_AND_ACUTE), (0.5, 0.5)).number(typed) == 1


def test_a_class_whose_name_has_outer_spaces_can_be_asked_for():
    labels = Labels((" cat", "dog ", "dog"), (0.5, 0.25, 0.25))
    asked = [" cat", "cat", "dog ", "dog", " dog", "0"]
    assert [labels.number(text) for text in asked] == [0, 0, 1, 2, 2, 0]


# -- saved and read again ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "classes",
    [
        ("zebra", "ant", "mouse"),
        ("10", "9", "1"),
        ("ant", "mouse", "zebra"),
        ("3", "4", "12"),
        ("b" * 60, "a", "c"),
        (E_ACUTE, "b", "a b"),
        ("99999999999999999999", "2", "1"),  # more than a label can be
    ],
)
def test_a_saved_set_keeps_the_numbers_and_names_of_its_classes(tmp_path, classes):
    """They were sorted as the file was read, so that the numbers belonged to other names, and a run was refused."""
    images = ayneh.images((BYTES, LABELS), classes=classes, test=0.3)
    again = ayneh.images(images.save(tmp_path / "zoo.npz"))
    assert again.classes == images.classes
    assert again.labels.tolist() == images.labels.tolist()
    assert again.test_labels.tolist() == images.test_labels.tolist()
    assert again.fingerprint == images.fingerprint
    assert ayneh.images(again.save(tmp_path / "again.npz")).classes == images.classes


def test_a_saved_folder_keeps_the_names_of_its_classes(tmp_path):
    for k, name in enumerate(("n" * 100, "item10", "item9", " a")):
        (tmp_path / "zoo" / name).mkdir(parents=True)
        for i in range(10):
            Image.fromarray(BYTES[10 * k + i]).save(tmp_path / "zoo" / name / f"{i}.png")
    images = ayneh.images(f"folder:{tmp_path}/zoo")
    again = ayneh.images(images.save(tmp_path / "zoo.npz"))
    assert again.classes == images.classes == (" a", "item9", "item10", "n" * 100)
    assert again.labels.tolist() == images.labels.tolist()


def test_a_labelled_run_goes_on_with_the_saved_file(tmp_path):
    config = ayneh.preset("digits-conditional").changed({"epochs": 1, "batch": 16, "net.width": 8, "data.limit": None})
    images = ayneh.images((BYTES, LABELS), classes=("zebra", "ant", "mouse"), test=0.3)
    run = ayneh.train(config, images, out=tmp_path / "run", threads=1, quiet=True)
    images.save(tmp_path / "zoo.npz")
    assert run.resume(epochs=2, images=tmp_path / "zoo.npz", quiet=True).finished
    assert run.sample(3, classes="ant").shape == (3, 1, 8, 8)


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(
    ("train", "test", "found"),
    [
        (("zebra", "ant", "mouse"), ("mouse", "zebra", "ant"), ("zebra", "ant", "mouse")),
        (("zebra", "ant", "mouse"), ("mouse", "dog", "ant"), ("zebra", "ant", "mouse", "dog")),
        (("zebra", "ant", "mouse"), ("ant", "mouse", "zebra"), ("zebra", "ant", "mouse")),  # saved as text
        (("ant", "mouse", "zebra"), ("zebra", "ant", "mouse"), ("ant", "mouse", "zebra")),
        (("10", "9", "1"), ("1", "9", "10"), ("10", "9", "1")),  # saved as whole numbers
        (("1", "9", "10"), ("10", "9", "1"), ("1", "9", "10")),
    ],
)
def test_test_images_of_another_file_have_the_classes_of_their_names(tmp_path, train, test, found, swapped):
    one, two = LABELS, LABELS[::-1] if swapped else LABELS
    ayneh.images((BYTES, one), classes=train, test=0.3).save(tmp_path / "train.npz")
    half = BYTES[::-1]
    ayneh.images((half, two), classes=test, test=0.3).save(tmp_path / "test.npz")
    images = ayneh.images(tmp_path / "train.npz", test=tmp_path / "test.npz")
    assert images.classes == found
    names = {image.tobytes(): test[label] for image, label in zip(half, two, strict=True)}
    assert [names[image.tobytes()] for image in images.test] == [found[label] for label in images.test_labels]
