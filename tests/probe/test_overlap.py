"""Errors and bounds from logits: closed forms, laws, and sets on which they are not defined."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from ayneh.probe.overlap import LN2, calibrated, divergence, error, loss


def normal(n, mean=0.0, seed=0):
    return np.random.default_rng(seed).normal(mean, 1, n)


def test_the_error_is_the_mean_of_both_sides_whatever_their_sizes():
    real, fake = np.repeat([-1.0, 1.0], [10, 90]), np.repeat([1.0, -1.0], [6, 14])
    score = error(real, fake)
    assert score.value == pytest.approx((0.1 + 0.3) / 2)
    assert score.interval[0] < score.value < score.interval[1]
    assert score.n == 120
    assert error(np.zeros(50), np.zeros(50)).value == 0.5


def test_no_error_in_few_images_is_not_surely_none():
    few, many = (error(np.ones(n), -np.ones(n)).interval for n in (30, 3000))
    assert few[0] == many[0] == 0
    assert few[1] > 0.04 > many[1]


def test_the_bound_of_the_best_d_is_the_divergence():
    """N(1, 1) against N(-1, 1): the best logit is 2x, and the divergence an integral."""
    real, fake = normal(200_000, 1), normal(200_000, -1, 1)
    p, q = norm(1, 1).pdf, norm(-1, 1).pdf
    known = sum(quad(lambda x, a=a: a(x) * np.log(2 * a(x) / (p(x) + q(x))) / 2, -12, 12)[0] for a in (p, q))  # nats
    best = divergence(2 * real, 2 * fake)
    assert best.value == pytest.approx(known, abs=3e-3)
    assert best.interval[0] < known < best.interval[1]
    for worse in (0.3, 5.0):
        assert divergence(worse * real, worse * fake).value < known - 0.02
    mapped = calibrated(0.3 * real + 4, 0.3 * fake + 4)
    assert divergence(*mapped).value == pytest.approx(known, abs=3e-3)


def test_the_bound_stays_between_nought_and_ln_2():
    assert divergence(-9 * np.ones(30), 9 * np.ones(30)).value == 0
    assert divergence(99 * np.ones(30), -99 * np.ones(30)).value == pytest.approx(LN2)
    assert divergence(np.zeros(30), np.zeros(30)).value == pytest.approx(0, abs=1e-12)
    assert loss(np.zeros(3), np.zeros(3)) == pytest.approx(2 * LN2)
    assert np.isfinite(loss(np.full(3, -1e4), np.full(3, 1e4)))


def test_calibration_teaches_no_half_about_itself():
    """Logits without meaning stay so: fitted to the very images, the error would fall below a half."""
    errors = [error(*calibrated(normal(60, seed=s), normal(60, seed=1000 + s))).value for s in range(60)]
    assert np.mean(errors) == pytest.approx(0.5, abs=0.03)
    assert np.mean(errors) > 0.49


def test_a_shift_is_mended_and_an_order_is_kept():
    real, fake = normal(500, 7), normal(500, 1, 1)
    assert error(real, fake).value > 0.4
    mapped = calibrated(real, fake)
    assert error(*mapped).value < 0.01
    assert (np.argsort(mapped[0][::2]) == np.argsort(real[::2])).all()


@pytest.mark.parametrize("pair", [(np.ones(5), np.ones(500)), (np.full(50, np.nan), np.ones(50))])
def test_what_cannot_be_told_is_not(pair):
    for score in (error(*pair), divergence(*pair)):
        assert score.value is None
        assert score.warning
    assert calibrated(*pair) is not None
