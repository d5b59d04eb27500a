"""Vital signs of labelled games: what they say of samples whose classes are known, and their laws."""

import math

import numpy as np
import pytest
import torch
from sklearn.kernel_ridge import KernelRidge

from ayneh.data.sources import load
from ayneh.doctor.class_measures import MOST
from ayneh.doctor.classes import RIDGE, Classes, Reader, effect
from ayneh.game.frame import scale

DIGITS = load("digits", resize=16)
PIXELS, LABELS = DIGITS.pixels, DIGITS.labels


@pytest.fixture(scope="module")
def classes():
    return Classes(PIXELS, LABELS, 10, 16)


def drawn(classes, of_class):
    """Samples of a look: for each class asked for, real digits of the class ``of_class`` of it, in [-1, 1]."""
    asked, draw = classes.asked(), torch.Generator().manual_seed(3)
    at = [int(w[torch.randint(len(w), (), generator=draw)])
          for w in (torch.nonzero(LABELS.eq(of_class(int(y)))).flatten() for y in asked)]  # fmt: skip
    return scale(PIXELS[at], torch.float32)


def test_samples_that_are_real_digits_of_their_classes_are_as_good_as_real_images(classes):
    signs = classes.signs(drawn(classes, lambda y: y))
    assert signs["label_effect"] == pytest.approx(1, abs=0.15)
    assert 0.6 < signs["class_spread"] < signs["class_spread_median"] == pytest.approx(1, abs=0.25)
    assert signs["class_read"] > 0.97  # some of these images the classifier was fitted on
    assert signs["data_class_read"] > 0.95
    assert signs["class_swap"] < 0.1


def test_a_generator_that_ignores_the_class_has_no_effect_of_it_and_is_read_by_chance(classes):
    one = drawn(classes, lambda y: y).reshape(classes.latents, 10, 1, 16, 16)[:, :1]
    signs = classes.signs(one.expand(-1, 10, -1, -1, -1).flatten(0, 1))
    assert signs["label_effect"] == pytest.approx(0, abs=1e-9)
    assert signs["class_read"] == pytest.approx(1 / 10)  # each image is one class, and was asked for as all ten


def test_a_class_that_is_one_more_piece_of_noise_has_hardly_an_effect(classes):
    draw = torch.Generator().manual_seed(5)
    found = [classes.signs(drawn(classes, lambda y: int(torch.randint(10, (), generator=draw)))) for _ in range(5)]
    assert np.mean([signs["label_effect"] for signs in found]) < 0.05
    assert np.mean([signs["class_read"] for signs in found]) == pytest.approx(0.1, abs=0.05)


def test_permuted_classes_differ_as_real_ones_and_are_read_as_what_they_are(classes):
    signs = classes.signs(drawn(classes, lambda y: (y + 3) % 10))
    assert signs["label_effect"] == pytest.approx(1, abs=0.15)
    assert signs["class_read"] < 0.05
    assert signs["class_swap_to"] == (signs["class_swap_from"] + 3) % 10
    assert signs["class_swap_share"] > 0.9


def test_two_classes_drawn_for_one_another_are_named(classes):
    signs = classes.signs(drawn(classes, lambda y: {3: 8}.get(y, y)))
    assert (signs["class_swap_from"], signs["class_swap_to"]) == (3, 8)
    assert signs["class_swap_share"] > 0.8
    assert signs["data_class_swap"] < 0.1
    assert signs["class_read_3"] < 0.2 < 0.8 < signs["class_read_8"]


def test_the_class_that_has_collapsed_is_named_with_its_spread(classes):
    fake = drawn(classes, lambda y: y).reshape(classes.latents, 10, 1, 16, 16)
    fake[:, 7] = fake[:1, 7]
    signs = classes.signs(fake.flatten(0, 1))
    assert (signs["class_spread_of"], signs["class_spread"]) == (7, pytest.approx(0, abs=1e-9))
    assert signs["class_spread_7"] == signs["class_spread"]
    assert signs["class_spread_median"] > 0.7
    assert signs["class_read"] > 0.9


def test_a_class_of_copies_in_the_data_is_found_and_said_to_be_one():
    """Its own variance is 0, and nothing is divided by it."""
    pixels = PIXELS.clone()
    where = torch.nonzero(LABELS == 2).flatten()
    pixels[where] = pixels[where[0]].clone()
    copied = Classes(pixels, LABELS, 10, 16)
    fake = scale(pixels[torch.cat([torch.nonzero(LABELS.eq(y)).flatten()[k : k + 1] for k in range(copied.latents)
                                   for y in range(10)])], torch.float32)  # fmt: skip
    signs = copied.signs(fake)
    assert (signs["class_spread_of"], signs["class_spread"]) == (2, pytest.approx(0, abs=1e-9))
    assert signs["class_spread_data"] == pytest.approx(0, abs=1e-9)


def test_shuffled_labels_are_hardly_found_in_the_images():
    shuffled = LABELS[torch.randperm(len(LABELS), generator=torch.Generator().manual_seed(0))]
    random = Classes(PIXELS, shuffled, 10, 16)
    signs = random.signs(drawn(random, lambda y: y))
    assert signs["data_class_read"] == pytest.approx(0.1, abs=0.05)
    assert signs["data_label_share"] < 0.02
    assert math.isnan(signs["label_effect"])


def test_the_effect_is_the_share_of_variance_between_classes():
    """x = class + latent + both together, with variances 2, 1, 3: 2 / (2 + 1 + 3) lies between classes."""
    draw = torch.Generator().manual_seed(0)

    def normal(*shape, std):
        return std * torch.randn(*shape, 400, generator=draw, dtype=torch.float64)

    x = normal(1, 40, std=2**0.5) + normal(12, 1, std=1.0) + normal(12, 40, std=3**0.5)
    assert float(effect(x)) == pytest.approx(1 / 3, abs=0.02)


def test_the_reader_is_kernel_ridge_regression():
    draw = torch.Generator().manual_seed(0)
    images = [torch.randn(30, 6, generator=draw, dtype=torch.float64) + k for k in range(4)]
    reader, x = Reader(images), torch.randn(50, 6, generator=draw, dtype=torch.float64) + 1.5
    targets = np.repeat(np.eye(4), 30, axis=0) - 1 / 4
    twin = KernelRidge(alpha=RIDGE, kernel="rbf", gamma=1 / float(reader.width)).fit(torch.cat(images), targets)
    np.testing.assert_array_equal(reader(x), twin.predict(x).argmax(1))


def test_of_a_thousand_classes_some_are_looked_at_and_a_line_stays_small():
    draw = torch.Generator().manual_seed(0)
    labels = torch.arange(6000) % 1000
    pixels = torch.randint(256, (6000, 3, 8, 8), generator=draw, dtype=torch.uint8)
    many = Classes(pixels, labels, 1000, 8)
    assert len(many.numbers) == MOST
    assert (many.numbers[0], many.numbers[-1]) == (0, 999)
    signs = many.signs(torch.zeros(len(many.asked()), 3, 8, 8))
    assert len(many.asked()) <= 4 * MOST
    assert len(signs) < 20
    assert signs["class_spread_of"] in many.numbers


def test_a_class_of_few_images_is_left_out_and_one_class_alone_is_not_looked_at():
    few = torch.cat([torch.nonzero(LABELS == 0).flatten()[:50], torch.nonzero(LABELS == 1).flatten()[:3],
                     torch.nonzero(LABELS == 5).flatten()[:4]])  # fmt: skip
    assert Classes(PIXELS[few], LABELS[few], 10, 16).numbers == [0, 5]
    assert Classes(PIXELS[few[:53]], LABELS[few[:53]], 10, 16).numbers == [0]


def test_samples_that_are_not_finite_have_no_signs_and_the_data_s_stay(classes):
    fake = drawn(classes, lambda y: y)
    fake[3, 0, 2, 2] = math.nan
    signs = classes.signs(fake)
    assert all(math.isnan(signs[name]) for name in ("label_effect", "class_spread", "class_read", "class_swap"))
    assert signs["data_class_read"] > 0.9
