"""Tests and Holm's correction against their definitions and published values."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ayneh.studies.compare import fisher, holm, rank_sum, signed_rank, smallest_p
from ayneh.studies.intervals import cliffs_delta

numbers = st.lists(st.floats(-100, 100, allow_nan=False).map(lambda x: round(x, 2)), min_size=2, max_size=12)


def test_holm_by_a_worked_example():
    # Wright 1992, "Adjusted p-values for simultaneous inference", Holm's column for p = .01 .04 .03 .005
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, None, 0.9]) == [1.0, None, 1.0]
    assert holm([]) == []


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(numbers.map(lambda some: some[:7]))
def test_rank_tests_are_symmetric_and_see_ranks_alone(a):
    b = [x + 1.5 * (-1) ** i for i, x in enumerate(a)]
    assert signed_rank(a, b) == pytest.approx(signed_rank(b, a))
    assert rank_sum(a, b) == pytest.approx(rank_sum(b, a))
    cubed = [[x**3 for x in side] for side in (a, b)]
    assert rank_sum(a, b) == pytest.approx(rank_sum(*cubed))


def test_rank_tests_agree_with_tables_and_with_scipy():
    assert signed_rank([1, 2, 3, 4, 5, 6], [0] * 6) == pytest.approx(2 / 2**6)
    assert signed_rank([1, 2, 3, 4, 5], [0] * 5) == pytest.approx(0.0625)
    assert rank_sum([1, 2, 3, 4], [5, 6, 7, 8]) == pytest.approx(2 / math.comb(8, 4))
    x, y = np.random.default_rng(1).normal(size=(2, 15))
    assert signed_rank(x, y) == pytest.approx(stats.wilcoxon(x, y).pvalue)


def test_failed_runs_have_the_worst_rank_and_two_of_them_tie():
    inf = math.inf
    assert signed_rank([inf] * 6, [1, 2, 3, 4, 5, 6]) == pytest.approx(2 / 2**6)
    assert signed_rank([inf, inf], [inf, inf]) == rank_sum([inf, inf], [inf, inf]) == 1.0
    assert cliffs_delta([inf, 1], [inf, 1]).value == 0
    assert rank_sum([1, 2, 3, inf], [5, 6, 7, 8]) == rank_sum([1, 2, 3, 1e9], [5, 6, 7, 8])


def test_few_values_with_ties_are_counted_and_not_approximated():
    for n in range(1, 9):
        assert rank_sum([math.inf] * n, range(n)) == pytest.approx(smallest_p(n, n, False))
        assert rank_sum(range(n, 2 * n), range(n)) == pytest.approx(smallest_p(n, n, False))
        assert signed_rank([math.inf] * n, range(n)) == pytest.approx(smallest_p(n, n, True))
        assert signed_rank(range(1, n + 1), [0] * n) == pytest.approx(smallest_p(n, n, True))


def test_fisher_by_a_lady_tasting_tea():
    assert fisher(3, 4, 1, 4) == pytest.approx(0.4857, abs=1e-4)
