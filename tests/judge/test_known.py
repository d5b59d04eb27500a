"""Images unlike the data: noise and scrambled digits are rejected, and real digits rarely."""

import pytest
import torch

from ayneh.data.sources import load
from ayneh.judge.features import see, shipped
from ayneh.judge.known import by_pixels, unlike


def random(n, f, seed):
    return torch.randn(n, f, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_new_images_of_the_same_law_are_rejected_about_as_often_as_stated():
    assert unlike(random(2000, 8, 0), random(4000, 8, 1)).value == pytest.approx(0.01, abs=0.006)
    assert unlike(random(2000, 8, 0), random(500, 8, 1) + 6).value == 1
    found = unlike(random(2000, 8, 0), random(500, 8, 1))
    assert found.interval[0] <= found.value <= found.interval[1]
    assert "more than 100 real images" in unlike(random(100, 8, 0), random(50, 8, 1)).warning


def test_an_odd_real_image_makes_no_room_around_it():
    real = torch.cat([random(2000, 8, 0), torch.full((3, 8), 50.0, dtype=torch.float64)])
    assert unlike(real, random(200, 8, 1) + 49).value == 1  # the ball of `precision` around it holds them all


def test_the_digits_judge_rejects_noise_and_scrambles_and_few_digits():
    test = load("digits", "test").pixels
    chance = torch.Generator().manual_seed(0)
    net = shipped("digits-cnn-0")
    real = see(net, test[:350]).features

    def share(images):
        return unlike(real, see(net, images).features).value

    assert share(test[350:]) < 0.05
    assert by_pixels(test[:350], test[350:]).value < 0.1
    noise = torch.randint(0, 256, (300, 1, 8, 8), generator=chance).to(torch.uint8)
    assert share(noise) > 0.5
    assert by_pixels(test[:350], noise).value == 1
    order = torch.stack([torch.randperm(64, generator=chance) for _ in range(150)])
    scrambled = torch.stack([x.flatten()[o].view(1, 8, 8) for x, o in zip(test[:150], order, strict=True)])
    assert share(scrambled) > 0.6


def test_images_that_come_class_after_class_are_as_usual_as_in_any_other_order():
    """A folder has its classes one after another, and the limit needs some of each."""
    chance = torch.Generator().manual_seed(0)
    centres = 20 * torch.randn(10, 5, generator=chance)
    real, fake = (
        (centres[:, None] + torch.randn(10, n, 5, generator=chance)).flatten(0, 1).double() for n in (500, 100)
    )
    assert unlike(real, fake).value < 0.03
    assert by_pixels(*(torch.arange(10).repeat_interleave(n)[:, None, None, None].byte() for n in (500, 50))).value == 0
