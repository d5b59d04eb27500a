"""Intervals and tests against SciPy and against what their names promise."""

import numpy as np
import pytest
from scipy import stats

from ayneh.judge.scores import Score, count_name
from ayneh.judge.statistics import jackknife, mean_interval, poisson_interval, smaller, wilson


def test_wilson_by_hand():
    """Half of ten: centre 1/2, half-width z/(n+z^2) sqrt(n/4 + z^2/4)."""
    z = stats.norm.ppf(0.975)
    half = z / (10 + z**2) * (10 / 4 + z**2 / 4) ** 0.5
    assert wilson(5, 10) == pytest.approx((0.5 - half, 0.5 + half))
    assert wilson(0, 0) is None


@pytest.mark.parametrize("n", [1, 2, 7, 500, 10_000])
def test_wilson_is_scipy_s(n):
    for hits in sorted({0, 1, n // 3, n // 2, n - 1, n}):
        interval = stats.binomtest(hits, n).proportion_ci(method="wilson")
        assert wilson(hits, n) == pytest.approx((interval.low, interval.high), abs=1e-14)


def test_poisson_interval_has_its_tails():
    low, high = poisson_interval(7)
    assert stats.poisson.sf(6, low) == pytest.approx(0.025)
    assert stats.poisson.cdf(7, high) == pytest.approx(0.025)
    assert poisson_interval(0) == (0.0, pytest.approx(-np.log(0.025)))


def test_jackknife_turns_the_biased_variance_into_the_unbiased_one():
    x = np.random.RandomState(0).standard_normal(12)
    corrected, _ = jackknife(x.var(), [np.delete(x, i).var() for i in range(12)])
    assert corrected == pytest.approx(x.var(ddof=1))


def test_jackknife_error_of_a_mean_is_the_standard_error():
    x = np.random.RandomState(1).standard_normal(30)
    _, error = jackknife(x.mean(), [np.delete(x, i).mean() for i in range(30)])
    assert error == pytest.approx(x.std(ddof=1) / 30**0.5)


def test_mean_interval_needs_two():
    assert mean_interval(np.array([3.0])) is None


def test_smaller_counts_pairs_and_ties():
    a, b = np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0])
    assert smaller(a, b)[0] == pytest.approx((2 + 1.5 + 1) / 6)


def test_score_for_json_leaves_out_what_is_not_set():
    assert Score(None, 3, warning="why").as_dict() == {"value": None, "n": 3, "warning": "why"}
    assert Score(1.0, 3, (0.5, 2.0)).as_dict() == {"value": 1.0, "n": 3, "low": 0.5, "high": 2.0}
    whole = Score(1.0, 3, p=0.5, protocol="fd_3_x_test", floor=0.1, floor_interval=(0.0, 0.2))
    assert whole.as_dict() == {
        "value": 1.0, "n": 3, "protocol": "fd_3_x_test", "p": 0.5, "floor": 0.1, "floor_low": 0.0, "floor_high": 0.2
    }  # fmt: skip


def test_names_of_sample_sizes():
    assert [count_name(n) for n in (10_000, 26_000, 1_000_000, 1_297, 500)] == [
        "10k",
        "26k",
        "1m",
        "1297",
        "500",
    ]
