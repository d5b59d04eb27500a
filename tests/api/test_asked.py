"""Classes that are asked for: by number, by name, equally often, one for each image; what does not exist is refused."""

import numpy as np
import pytest
import torch

from ayneh.api.asked import classes_of, uneven
from ayneh.errors import UserError
from ayneh.labels import Labels, spread_over

PETS = Labels(("cat", "dog", "guinea pig"), (0.2, 0.3, 0.5))


@pytest.mark.parametrize(
    ("asked", "n", "numbers"),
    [
        (1, 3, [1, 1, 1]),
        ("dog", 2, [1, 1]),
        ("guinea pig", 1, [2]),
        ("2", 1, [2]),
        ("۲", 1, [2]),
        (np.int64(2), 2, [2, 2]),
        (torch.tensor(2), 2, [2, 2]),
        ([2, 0], 4, [2, 2, 0, 0]),
        (("dog", 0), 3, [1, 1, 0]),
        ([2, 0, 2], 3, [2, 0, 2]),
        (range(3), 6, [0, 0, 1, 1, 2, 2]),
        (np.array([2, 0, 2, 1]), None, [2, 0, 2, 1]),
        (np.array([2, 0]), 2, [2, 0]),
        (torch.tensor([0, 2]), None, [0, 2]),
        (np.array(["dog", "cat"]), None, [1, 0]),
    ],
)
def test_what_is_asked_for_as_numbers(asked, n, numbers):
    assert classes_of(asked, n, PETS, "runs/mine") == numbers


def test_sixty_four_images_where_no_number_is_given():
    assert classes_of("cat", None, PETS, "runs/mine") == [0] * 64
    assert [classes_of([0, 1, 2], None, PETS, "runs/mine").count(k) for k in range(3)] == [22, 21, 21]


@pytest.mark.parametrize(
    ("asked", "n", "message"),
    [
        ("cow", 4, "no class 'cow'.*cat, dog, guinea pig"),
        ("guinea pit", 4, "Did you mean 'guinea pig'"),
        (3, 4, r"no class number 3\. There are 3 \(numbers 0 to 2\): cat, dog, guinea pig"),
        (-1, 4, "number -1"),
        ([0, 7], 4, "number 7"),
        (np.array([0, 3]), None, "number 3"),
        (1.5, 4, r"A class is 1.5 \(float\); it must be a whole number from 0 to 2, or a name"),
        (True, 4, "A class is True"),
        (np.array([0.0, 1.0]), None, r"A class is 0.0 \(float\)"),
        (np.zeros((2, 2), int), None, r"A class is \[0, 0\] \(list\)"),
        (np.array([0, 1]), 3, "There are 2 classes for 3 images"),
        ([], 4, "There are 0 classes for 4 images"),
        (np.array([], int), None, "names no class"),
        ([0, 1, 2], 2, "There are 3 classes for 2 images: ask for 3 or more"),
    ],
)
def test_what_does_not_exist_or_fit_is_refused(asked, n, message):
    with pytest.raises(UserError, match=message):
        classes_of(asked, n, PETS, "runs/mine")


def test_a_run_without_labels_has_no_classes():
    with pytest.raises(UserError, match="runs/mine has no classes to ask for, since it was trained without labels"):
        classes_of(0, 4, None, "runs/mine")


def test_what_cannot_be_divided_is_as_equal_as_possible_and_said():
    numbers = spread_over([0, 2, 1], 8)
    assert numbers == [0, 0, 0, 2, 2, 2, 1, 1]
    words = uneven(numbers, PETS.names)
    assert words == "8 images cannot be divided by 3 classes: 3 each of cat, guinea pig, 2 of the others."
    assert uneven(spread_over([0, 2, 1], 9), PETS.names) == ""
    words = uneven(spread_over([0, 2, 0], 8), PETS.names)  # 8 images can be divided by 2 classes
    assert words == "Classes that are named more than once come more often: 5 each of cat, 3 of the others."


def test_a_number_that_is_the_name_of_another_class_is_not_guessed():
    letters = Labels(("1", "2", "3"), (0.3, 0.3, 0.4))
    with pytest.raises(UserError, match="1 is the number of the class 2 .* write '1' for the class of this name"):
        classes_of(1, 2, letters, "runs/mine")
    with pytest.raises(UserError, match="number 3. Write '3' for the one of this name"):
        classes_of([3], 2, letters, "runs/mine")
    assert classes_of("3", 2, letters, "runs/mine") == [2, 2]
    assert classes_of(np.array([1, 0]), None, letters, "runs/mine") == [1, 0], "an array is as images.labels"
    assert classes_of(0, 1, letters, "runs/mine") == [0], "no class is called 0"
