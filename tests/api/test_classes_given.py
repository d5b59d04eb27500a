"""classes= names the classes that are there, and every other list of names is refused where it is given."""

import numpy as np
import pytest

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
