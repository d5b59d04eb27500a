"""Which class a word means: names, numbers, digits of any script."""

import pytest

from ayneh.errors import UserError
from ayneh.labels import Labels, same_classes


def of(*names: str, parts: tuple[int, ...] = ()) -> Labels:
    return Labels(names, (1 / len(names),) * len(names), parts)


DIGITS = of(*"0123456789")
PETS = of("cat", "dog", "eel")
TRIPLES = of(*(f"{number:03}" for number in range(1000)), parts=(10, 10, 10))


@pytest.mark.parametrize(
    ("labels", "text", "number"),
    [
        (DIGITS, "7", 7),
        (DIGITS, "۷", 7),
        (DIGITS, "٧", 7),
        (DIGITS, " 7", 7),
        (of(*"۰۱۲۳۴۵۶۷۸۹"), "7", 7),
        (of(*map(str, range(1, 11))), "10", 9),
        (of(*map(str, range(1, 11))), "۱۰", 9),
        (of("0", "1", "5"), "5", 2),
        (PETS, "eel", 2),
        (PETS, "2", 2),
        (PETS, "۲", 2),
        (of("cat", "3", "dog", "eel"), "3", 1),
        (TRIPLES, "047", 47),
        (TRIPLES, "47", 47),
        (TRIPLES, "999", 999),
    ],
)
def test_a_class_is_meant_by_its_name_or_number(labels: Labels, text: str, number: int) -> None:
    assert labels.number(text) == number


@pytest.mark.parametrize(
    ("labels", "text", "words"),
    [
        (DIGITS, "10", "There is no class '10'. Did you mean '1'? There are 10: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9."),
        (of("0", "1", "5"), "2", "There is no class '2'. There are 3: 0, 1, 5."),
        (of(*map(str, range(1, 11))), "0", "There is no class '0'."),
        (PETS, "cta", "There is no class 'cta'. Did you mean 'cat'? There are 3 (numbers 0 to 2): cat, dog, eel."),
        (PETS, "3", "There is no class '3'."),
        (PETS, "-1", "There is no class '-1'."),
        (PETS, "²", "There is no class '²'."),
        (PETS, "", "There is no class ''."),
        (DIGITS, "9" * 5000, "There is no class '999"),
        (TRIPLES, "1000", "000, 001, 002, 003"),
    ],
)
def test_a_class_that_does_not_exist_is_refused_with_all_names(labels: Labels, text: str, words: str) -> None:
    with pytest.raises(UserError) as error:
        labels.number(text)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((("a", "b"), (0.5, 0.5), (-2, -1)), "2 names, 2 shares and the parts (-2, -1)"),
        ((("a", "b"), (0.5, 0.5), (3,)), "2 names, 2 shares and the parts (3,)"),
        (((), ()), "0 names"),
        ((("a", "b", "a"), (0.5, 0.25, 0.25)), "Two classes are called 'a'; each must have a name of its own."),
        ((("a", "b"), (0.5, 0.6)), "sum to 1.1"),
        ((("a", "b"), (float("nan"), 1.0)), "sum to nan"),
    ],
)
def test_labels_that_do_not_fit_together_are_refused(values, words: str) -> None:
    with pytest.raises(UserError) as error:
        Labels(*values)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("before", "now", "same"),
    [
        ("0 1 2", "cat dog emu", True),
        ("1 2 3", "cat dog emu", True),
        ("cat dog emu", "cat dog emu", True),
        ("0 1 2", "cat dog", False),
        ("1 0 2", "cat dog emu", False),
        ("0 1 2", "1 2 3", False),
        ("cat dog emu", "0 1 2", False),
        ("cat dog emu", "cat dog fox", False),
        ("0 1 2", None, False),
    ],
)
def test_numbers_that_a_run_recorded_are_the_classes_that_have_names_now(before, now, same):
    assert same_classes(before.split(), now and now.split()) is same
