"""Effects, tests and plans against their definitions, published values and simulation."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ayneh.studies.compare import (
    centre,
    cliffs_delta,
    equivalence_power,
    fisher,
    holm,
    paired_centre,
    power,
    rank_sum,
    seeds_for_equivalence,
    seeds_needed,
    signed_rank,
    smallest_p,
    tost,
    unpaired_centre,
)

numbers = st.lists(st.floats(-100, 100, allow_nan=False).map(lambda x: round(x, 2)), min_size=2, max_size=12)


def test_holm_by_a_worked_example():
    # Wright 1992, "Adjusted p-values for simultaneous inference", Holm's column for p = .01 .04 .03 .005
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, None, 0.9]) == [1.0, None, 1.0]
    assert holm([]) == []


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
    middle = centre([1, 2, inf])
    assert (middle.value, middle.high) == (2, inf)
    assert paired_centre([inf, 2.0, 4.0], [1.0, 1.0, 2.0], "ratio").value == 2


def test_few_values_with_ties_are_counted_and_not_approximated():
    for n in range(1, 9):
        assert rank_sum([math.inf] * n, range(n)) == pytest.approx(smallest_p(n, n, False))
        assert rank_sum(range(n, 2 * n), range(n)) == pytest.approx(smallest_p(n, n, False))
        assert signed_rank([math.inf] * n, range(n)) == pytest.approx(smallest_p(n, n, True))
        assert signed_rank(range(1, n + 1), [0] * n) == pytest.approx(smallest_p(n, n, True))


def test_failed_runs_of_both_sides_leave_no_change_in_the_middle():
    inf = math.inf
    for a, b in (([inf, 1.0], [1.0, inf]), ([inf, inf, 1, 2], [1, 2, inf, inf])):
        shift, ratio = paired_centre(a, b, "difference"), paired_centre(a, b, "ratio")
        assert (shift.value, shift.low, shift.high) == (0, -inf, inf)
        assert (ratio.value, ratio.low, ratio.high) == (1, 0, inf)
    # where higher is better
    assert paired_centre([-inf] * 3, [1.0, 2.0, 3.0], "ratio").value == 0
    assert paired_centre([1.0, 2.0, 3.0], [-inf] * 3, "ratio").value == inf
    assert unpaired_centre([-inf] * 3, [1.0, 2.0, 3.0], "ratio").value == 0


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.floats(0.01, 100), st.floats(0.01, 100)), min_size=2, max_size=9))
def test_the_ratio_of_swapped_sides_is_one_over_it(pairs):
    a, b = zip(*pairs, strict=True)
    assert paired_centre(a, b, "ratio").value * paired_centre(b, a, "ratio").value == pytest.approx(1)


def test_fisher_by_a_lady_tasting_tea():
    assert fisher(3, 4, 1, 4) == pytest.approx(0.4857, abs=1e-4)


def test_centres_of_constants_and_of_few():
    assert centre([3.0] * 5).low == centre([3.0] * 5).high == 3.0
    assert centre([3.0]).low is None
    assert (paired_centre([2, 4, 6], [1, 2, 3], "ratio").low, paired_centre([2, 4], [1, 3], "difference").value) == (
        2,
        1,
    )
    shift = unpaired_centre([3, 3, 3], [1, 1], "difference")
    assert (shift.value, shift.low, shift.high) == (2, 2, 2)


def test_the_bootstrap_interval_of_a_median_covers():
    chance, hits = np.random.default_rng(2), 0
    for _ in range(60):
        found = centre(chance.exponential(size=20))
        hits += found.low <= math.log(2) <= found.high
    assert hits >= 51  # 95 % of 60 is 57


def test_equivalence_errs_in_one_case_in_twenty_at_the_border_of_the_margin():
    chance = np.random.default_rng(3)
    for paired in (True, False):
        wrong = 0
        for _ in range(2000):
            b = np.exp(chance.normal(0, 0.05, 10))
            a = 1.1 * np.exp(chance.normal(0, 0.05, 10))
            wrong += tost(a, b, 0.1, "ratio", paired) < 0.05
        assert 0.03 < wrong / 2000 < 0.07
    assert tost([1.0, 1.0], [1.0, 1.0], 0.1, "ratio", True) == 0
    assert tost([1.0, math.inf], [1.0, 1.0], 0.1, "ratio", True) is None
    assert tost([0.0, 1.0], [1.0, 1.0], 0.1, "ratio", True) is None
    assert tost([1.0, 1.1, 1.0], [3.0, 3.1, 3.0], 0.5, "difference", True) > 0.99


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize(
    ("n", "size", "alpha"), [(7, 0.9, 0.05), (24, 0.6, 0.001), (281, 0.17, 0.05 / 8), (3, 3.0, 0.05)]
)
def test_power_is_that_of_simulated_t_tests(n, size, alpha, paired):
    chance, draws = np.random.default_rng(n), 40_000
    if paired:
        x = chance.normal(size, 1, (draws, n))
        p = stats.ttest_1samp(x, 0, axis=1).pvalue
    else:
        a, b = chance.normal(size, 0.5**0.5, (draws, n)), chance.normal(0, 0.5**0.5, (draws, n))
        p = stats.ttest_ind(a, b, axis=1).pvalue
    assert power(n, size, alpha, paired) == pytest.approx((p < alpha).mean(), abs=0.01)


@pytest.mark.slow
def test_power_rises_with_n_and_is_never_nan():
    """SciPy's noncentral t is NaN for some of these n, and seeds were counted up to several times too high by it."""
    for size in np.geomspace(0.02, 3, 12):
        for alpha in (0.05, 0.05 / 8, 0.05 / 60):
            found = [power(n, size, alpha) for n in (2, 3, 5, 10, 20, 50, 100, 281, 675, 3000)]
            assert all(0 <= one <= 1 for one in found)
            assert all(b >= a - 1e-9 for a, b in itertools.pairwise(found))


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize(("n", "effect"), [(6, 0.0), (20, 0.02), (80, -0.04)])
def test_the_power_of_equivalence_is_that_of_simulated_tests(n, effect, paired):
    chance, draws, margin, deviation = np.random.default_rng(n), 3_000, 0.1, 0.1 if n < 50 else 0.2
    x = chance.normal(effect, deviation, (draws, n))
    if paired:
        both = [tost(row, np.zeros(n), margin, "difference", True) < 0.05 for row in x]
    else:
        a, b = (chance.normal(mean, deviation / 2**0.5, (draws, n)) for mean in (effect, 0.0))
        both = [tost(*rows, margin, "difference", False) < 0.05 for rows in zip(a, b, strict=True)]
    assert equivalence_power(n, margin, deviation, effect, 0.05, paired) == pytest.approx(np.mean(both), abs=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("size", [0.25, 0.4, 0.7, 1.0])
def test_seeds_needed_are_within_a_twentieth_of_brute_force(size):
    """The smallest n at which simulated signed-rank tests have 80 % power, by bisection."""

    def simulated(n, draws=20_000):
        x = np.random.default_rng(1).normal(size, 1, (draws, n))
        return (stats.wilcoxon(x, axis=1, method="asymptotic", correction=False).pvalue < 0.05).mean()

    low, high = 2, 400
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if simulated(middle) >= 0.8 else (middle, high)
    assert seeds_needed(size, 1.0) == pytest.approx(high, rel=0.05, abs=1)


def test_seeds_by_a_power_table():
    # Cohen's d = 0.5, two-sided 5 %, power 0.8: a paired t-test takes 34 pairs (G*Power); d = 0.8: 15
    assert seeds_needed(0.5, 1.0) == math.ceil(34 * math.pi / 3)
    assert seeds_needed(0.8, 1.0) == math.ceil(15 * math.pi / 3)
    assert seeds_needed(0.0, 1.0) is None
    assert seeds_needed(1e-9, 1.0) is None
    assert seeds_needed(5.0, 0.0) == seeds_needed(1e6, 1.0) == 6  # 5 pairs reach 0.0625 at best
    assert seeds_needed(5.0, 0.0, alpha=0.05 / 12) == 9
    assert seeds_needed(5.0, 0.0, paired=False) == 4
    assert 65_536 < seeds_needed(0.0095, 1.0) < 100_000 * math.pi / 3
    assert seeds_needed(0.5, 1.0, alpha=0.001) > seeds_needed(0.5, 1.0)


def test_seeds_for_equivalence_by_simulation():
    n = seeds_for_equivalence(math.log(1.1), 0.1)
    chance = np.random.default_rng(4)
    shown = np.mean(
        [tost(np.exp(chance.normal(0, 0.1, n)), np.ones(n), 0.1, "ratio", True) < 0.05 for _ in range(1000)]
    )
    assert 0.74 < shown < 0.9
    assert seeds_for_equivalence(0.1, 0.1, effect=0.1) is None
    assert seeds_for_equivalence(0.1, 0.1, effect=0.05) > seeds_for_equivalence(0.1, 0.1)
