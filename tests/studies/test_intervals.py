"""Medians, ratios and Cliff's delta with their intervals: definitions, failed runs, and how often they cover."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ayneh.studies import intervals
from ayneh.studies.intervals import centre, cliffs_delta, paired_centre, unpaired_centre

numbers = st.lists(st.floats(-100, 100, allow_nan=False).map(lambda x: round(x, 2)), min_size=2, max_size=12)
LAWS = {  # a law, and its median
    "log-normal": (lambda chance, shape: np.exp(chance.normal(0, 0.7, shape)), 1.0),
    "exponential": (lambda chance, shape: chance.exponential(size=shape), math.log(2)),
    "heavy tails": (lambda chance, shape: chance.standard_t(3, shape), 0.0),
    "two kinds": (
        lambda chance, shape: chance.random(shape) + np.where(chance.random(shape) < 0.2, 10, 0),
        0.5 / 0.8,
    ),
}


@settings(deadline=None)
@given(numbers, numbers)
def test_cliffs_delta_is_its_definition_and_mann_whitneys_u(a, b):
    pairs = [(x > y) - (x < y) for x in a for y in b]
    delta = cliffs_delta(a, b)
    assert delta.value == pytest.approx(sum(pairs) / len(pairs), abs=1e-12)
    u = stats.mannwhitneyu(a, b).statistic if len({*a, *b}) > 1 else len(a) * len(b) / 2
    assert delta.value == pytest.approx(2 * u / (len(a) * len(b)) - 1, abs=1e-12)
    other = cliffs_delta(b, a)
    assert (other.value, other.low, other.high) == pytest.approx((-delta.value, -delta.high, -delta.low), abs=1e-9)
    assert -1 <= delta.low <= delta.value <= delta.high <= 1


def test_sides_apart_are_not_certain_and_more_seeds_narrow_the_interval():
    few, many = cliffs_delta([1, 2, 3], [4, 5, 6]), cliffs_delta(range(20), range(30, 50))
    assert few.value == many.value == -1
    assert few.high > many.high > -1


def test_the_interval_of_cliffs_delta_covers():
    chance, hits = np.random.default_rng(0), 0
    truth = 2 * stats.norm.cdf(0.8 / math.sqrt(2)) - 1
    for _ in range(400):
        found = cliffs_delta(chance.normal(0.8, 1, 12), chance.normal(0, 1, 12))
        hits += found.low <= truth <= found.high
    assert 0.92 <= hits / 400 <= 0.99


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.floats(0.01, 100), st.floats(0.01, 100)), min_size=2, max_size=9))
def test_the_ratio_of_swapped_sides_is_one_over_it(pairs):
    a, b = zip(*pairs, strict=True)
    assert paired_centre(a, b, "ratio").value * paired_centre(b, a, "ratio").value == pytest.approx(1)


def test_the_interval_of_a_median_by_hand():
    # Of 6 values the smallest and the largest hold the median in 1 - 2 / 2^6 = 96.9 %, the next two in 78.1 %
    found = centre([1, 2, 4, 8, 16, 32])
    share = (0.96875 - 0.95) / (0.96875 - 0.78125)
    weight = 5 * share / (1 + 4 * share)
    assert (found.value, found.low, found.high) == pytest.approx((6, 1 + weight, 32 - 16 * weight))
    assert centre([3.0] * 6).low == centre([3.0] * 6).high == 3.0
    for few in ([3.0], [1.0, 2.0, 3.0, 4.0, 5.0]):
        assert (centre(few).low, centre(few).high) == (None, None)


def test_failed_runs_are_infinitely_far_and_move_the_interval():
    inf = math.inf
    middle = centre([1, 2, 3, 4, 5, inf, inf])
    assert (middle.value, middle.low < 2, middle.high) == (4, True, inf)
    assert centre([inf] * 8).low == inf
    assert paired_centre([inf, 2.0, 4.0], [1.0, 1.0, 2.0], "ratio").value == 2
    assert unpaired_centre([inf] * 5, [1.0] * 5, "ratio").low == inf


def test_failed_runs_of_both_sides_leave_no_change_in_the_middle():
    inf = math.inf
    a, b = [inf, inf, inf, 1, 2, 3], [1, 2, 3, inf, inf, inf]
    shift, ratio = paired_centre(a, b, "difference"), paired_centre(a, b, "ratio")
    assert (shift.value, shift.low, shift.high) == (0, -inf, inf)
    assert (ratio.value, ratio.low, ratio.high) == (1, 0, inf)
    # where higher is better
    assert paired_centre([-inf] * 3, [1.0, 2.0, 3.0], "ratio").value == 0
    assert paired_centre([1.0, 2.0, 3.0], [-inf] * 3, "ratio").value == inf
    assert unpaired_centre([-inf] * 3, [1.0, 2.0, 3.0], "ratio").value == 0


def test_centres_of_pairs_and_of_sides():
    assert paired_centre(range(2, 18, 2), range(1, 9), "ratio").low == 2
    assert paired_centre([2, 4], [1, 3], "difference").value == 1
    shift = unpaired_centre([3] * 6, [1] * 5, "difference")
    assert (shift.value, shift.low, shift.high) == (2, 2, 2)
    assert unpaired_centre([3] * 6, [1] * 4, "difference").low is None


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("n", [6, pytest.param(8, marks=pytest.mark.slow), pytest.param(13, marks=pytest.mark.slow)])
def test_the_interval_of_a_median_covers(law, n):
    draw, median = LAWS[law]
    rows = draw(np.random.default_rng(n), (1500, n))
    found = [centre(row) for row in rows]
    assert 0.93 <= np.mean([one.low <= median <= one.high for one in found]) <= 0.97  # BCa of 8 has 0.90 to 0.92


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [(5, 5), (8, 8), (8, 20), (20, 20)])
@pytest.mark.parametrize("deviations", [(0.1, 0.1), (0.1, 0.3), (0.3, 0.1)])
def test_the_interval_of_a_ratio_of_medians_covers(sizes, deviations, monkeypatch):
    monkeypatch.setattr(intervals, "RESAMPLES", 599)
    chance, hits = np.random.default_rng(8), 0
    for _ in range(1200):
        a, b = (np.exp(chance.normal(0, sd, n)) for sd, n in zip(deviations, sizes, strict=True))
        found = unpaired_centre(a, 2 * b, "ratio")
        hits += found.low <= 0.5 <= found.high
    assert 0.92 <= hits / 1200 <= 0.98
