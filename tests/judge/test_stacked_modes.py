"""1000 modes: the published floor of a perfect sampler, the bias taken away, streams in bounded memory."""

import numpy as np
import pytest
import torch
from torch import nn

from ayneh.errors import UserError
from ayneh.judge.features import FeatureNet
from ayneh.judge.stacked import (
    UNIFORM,
    count_modes,
    mode_count,
    mode_kl,
    mode_kl_corrected,
    modes_of,
    perfect_sampler,
    product_shares,
)

MNIST_TRAIN = torch.tensor([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949])


def test_perfect_sampler_of_mnist_scores_what_its_imbalance_says():
    """999/(2N) for the sampling and three times the KL of one digit's shares from uniform."""
    p = MNIST_TRAIN.numpy() / 60000
    expected = 999 / 52000 + 3 * (p * np.log(p * 10)).sum()
    mean, spread = perfect_sampler(product_shares(MNIST_TRAIN), UNIFORM, 26_000)
    assert mean == pytest.approx(expected, abs=3e-4)
    assert mean == pytest.approx(0.0236, abs=3e-4)
    assert spread == pytest.approx(0.0010, abs=3e-4)


def test_correction_leaves_a_perfect_sampler_at_zero():
    shares = product_shares(MNIST_TRAIN)
    draws = np.random.RandomState(0).multinomial(200_000, shares, size=8)
    scores = [mode_kl_corrected(torch.from_numpy(draw), shares) for draw in draws]
    assert abs(np.mean([score.value for score in scores])) < 1e-4
    assert mode_kl(torch.from_numpy(draws[0]), shares).value > 0.002
    assert sum(score.interval[0] <= 0 <= score.interval[1] for score in scores) >= 6


def test_half_of_the_modes_missing_costs_log_two():
    counts = torch.full((1000,), 400)
    counts[500:] = 0
    assert mode_count(counts).value == 500
    assert mode_kl(counts, UNIFORM).value == pytest.approx(np.log(2))
    assert mode_kl_corrected(counts, UNIFORM).value == pytest.approx(np.log(2) - 499 / 400_000)


class Brightness(FeatureNet):
    """Reads the digit 0..9 from how bright the image is."""

    def __init__(self) -> None:
        super().__init__(1, 8, 10)
        self.body, self.neck = nn.Sequential(), nn.Sequential()
        self.head = nn.Flatten()

    def features(self, x: torch.Tensor) -> torch.Tensor:
        digit = ((x.mean((1, 2, 3)) + 1) * 127.5 / 20).round().long()
        return nn.functional.one_hot(digit, 10).float() * 9


def test_channels_are_hundreds_tens_and_ones_and_streams_add_up():
    net = Brightness()
    images = torch.tensor([[1, 2, 3], [0, 9, 0], [1, 2, 3]], dtype=torch.uint8)[:, :, None, None] * 20
    images = images.expand(-1, -1, 8, 8)
    assert modes_of(net, images).tolist() == [123, 90, 123]
    counts = count_modes(net, iter([images[:1], images[1:]]))
    assert (counts[123], counts[90], counts.sum()) == (2, 1, 3)


def test_grey_images_are_refused():
    with pytest.raises(UserError, match="three channels"):
        modes_of(Brightness(), torch.zeros(4, 1, 8, 8, dtype=torch.uint8))


def test_no_images_cannot_tell():
    none = torch.zeros(1000, dtype=torch.int64)
    assert mode_kl(none, UNIFORM).value is None
    assert mode_kl_corrected(none, UNIFORM).value is None
