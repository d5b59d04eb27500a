"""The classification accuracy score: real images are at its floor, wrong and missing classes lower it, it repeats."""

import pytest
import torch

from ayneh.data.sources import load
from ayneh.errors import UserError
from ayneh.judge import cas
from ayneh.judge.features import shipped
from ayneh.judge.inputs import Reference
from ayneh.judge.training import accuracy, train_classifier

NAMES = tuple("0123456789")


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    for name, value in (("IMAGES", 256), ("SEEN", 2000), ("SEEDS", 2)):
        monkeypatch.setattr(cas, name, value)


@pytest.fixture(scope="module")
def digits():
    return load("digits", "train")


@pytest.fixture(scope="module")
def reference(digits):
    test, nets = load("digits", "test"), {"digits-cnn-0": shipped("digits-cnn-0")}
    return Reference(nets, digits.pixels[:640], test.pixels, None, (digits.labels[:640], test.labels), NAMES)


def scored(reference, pixels, labels, said=None):
    n = cas.images_of(reference, "digits")
    assert n == 256
    return cas.score(reference, "digits", pixels[:n], labels[:n], (said if said is not None else []).append)


@pytest.mark.slow
def test_real_images_are_at_the_floor_and_the_time_is_said(reference, digits):
    said: list[str] = []
    score = scored(reference, digits.pixels[640:], digits.labels[640:], said)
    assert score.protocol == "cas_256_digits_test"
    assert score.floor > 0.85
    assert score.floor - 0.06 < score.value < score.floor + 0.06
    assert score.interval[0] < score.value < score.interval[1]
    assert [words.split(":")[0] for words in said[:-1]] == [
        f"classifier {i} of 2 learned from 256 {what}" for what in ("fakes", "real images") for i in (1, 2)
    ]
    assert said[0].endswith("s more")
    assert said[-1].startswith("the classification accuracy score took")


@pytest.mark.slow
def test_it_is_the_mean_of_classifiers_trained_on_the_fakes_alone_and_repeats(reference, digits):
    torch.manual_seed(5)
    state = torch.get_rng_state()
    score = scored(reference, digits.pixels, digits.labels)
    assert torch.equal(torch.get_rng_state(), state)
    test = load("digits", "test")
    alone = [
        train_classifier(digits.pixels[:256], digits.labels[:256], 10, 8, seed=seed, epochs=8, report=lambda _: None)
        for seed in (0, 1)
    ]
    assert score.value == pytest.approx(sum(accuracy(net, test.pixels, test.labels) for net in alone) / 2, abs=1e-12)
    assert scored(reference, digits.pixels, digits.labels).value == score.value


def test_swapped_classes_are_learned_wrong_and_random_ones_by_chance(reference, digits):
    swapped = digits.labels.clone()
    swapped[digits.labels == 4], swapped[digits.labels == 9] = 9, 4
    chance = torch.randint(0, 10, swapped.shape, generator=torch.Generator().manual_seed(0))
    found = {name: scored(reference, digits.pixels, asked) for name, asked in (("swap", swapped), ("chance", chance))}
    assert found["swap"].value < found["swap"].floor - 0.15  # two of ten classes
    assert found["chance"].value < 0.3
    assert found["swap"].floor == found["chance"].floor


def test_copies_of_one_image_a_class_teach_little(reference, digits):
    images = digits.pixels.clone()
    for number in range(10):
        images[digits.labels == number] = images[digits.labels == number][0]
    score = scored(reference, images, digits.labels)
    assert score.value < score.floor - 0.1


def test_what_cannot_be_scored_is_said(reference, digits):
    alike = cas.score(reference, "digits", digits.pixels[:200], torch.full((200,), 3), print)
    assert alike.value is None
    assert "all asked for as one class" in alike.warning
    test = reference.test
    few = Reference(
        reference.nets, digits.pixels[:100], test, None, (digits.labels[:100], reference.test_labels), NAMES
    )
    with pytest.raises(UserError, match="needs 128 training images and digits has 100"):
        cas.images_of(few, "digits")
    with pytest.raises(UserError, match="digits has no labels"):
        cas.images_of(Reference(reference.nets, digits.pixels, test, None), "digits")
