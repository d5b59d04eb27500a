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
    evaluate,
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


def test_triples_and_digits_that_were_asked_for_are_counted():
    """1,2,3 came; 123 (all right), 129 (two of three) and 777 (none) were asked for."""
    digits = torch.tensor([[1, 2, 3]] * 3, dtype=torch.uint8)[:, :, None, None] * 20
    images, asked = digits.expand(-1, -1, 8, 8), torch.tensor([123, 129, 777])
    real = (torch.arange(10, dtype=torch.uint8) * 20)[:, None, None, None].expand(-1, 1, 8, 8)
    labels = torch.arange(10)
    labels[9] = 8  # of ten real digits the net misreads one
    sets = Brightness(), lambda first, last: iter(images[first:last].split(2)), 3, torch.arange(10), (real, labels)
    report = evaluate(*sets, asked)
    triples, single = report.scores["class_accuracy"], report.scores["digit_accuracy"]
    assert (triples.value, triples.n, triples.protocol) == (1 / 3, 3, "class_accuracy_3_stackedmnist_test")
    assert triples.floor == pytest.approx(0.9**3)
    assert (single.value, single.floor) == (pytest.approx(5 / 9), 0.9)
    assert single.interval[0] < 5 / 9 < single.interval[1]
    assert report.by_class.confusion[7] == (0, 1, 1, 1, 0, 0, 0, 0, 0, 0)
    words = " ".join(report.words())
    assert "by channel: 66.67%, 66.67%, 33.33%" in words
    assert "in 55.56% of 9 digits" in words
    plain = evaluate(*sets)
    assert plain.by_class is None
    assert {name: report.scores[name] for name in plain.scores} == plain.scores


def test_grey_images_are_refused():
    with pytest.raises(UserError, match="three channels"):
        modes_of(Brightness(), torch.zeros(4, 1, 8, 8, dtype=torch.uint8))


def test_no_images_cannot_tell():
    none = torch.zeros(1000, dtype=torch.int64)
    assert mode_kl(none, UNIFORM).value is None
    assert mode_kl_corrected(none, UNIFORM).value is None
