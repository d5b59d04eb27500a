"""Power and seeds needed, against simulation and published tables."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from ayneh.studies.equivalence import likeness, seeds_for_failures, share_below
from ayneh.studies.seeds import equivalence_power, power, seeds_for_equivalence, seeds_needed


def tost(a, b, scale, paired):
    return likeness(a, b, margin=0.1, scale=scale, paired=paired).tost


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize(("n", "effect"), [(6, 0.0), (20, 0.02), (80, -0.04)])
def test_the_power_of_equivalence_is_that_of_simulated_tests(n, effect, paired):
    chance, draws, margin, deviation = np.random.default_rng(n), 3_000, 0.1, 0.1 if n < 50 else 0.2
    x = chance.normal(effect, deviation, (draws, n))
    if paired:
        both = [tost(row, np.zeros(n), "difference", True) < 0.05 for row in x]
    else:
        a, b = (chance.normal(mean, deviation / 2**0.5, (draws, n)) for mean in (effect, 0.0))
        both = [tost(*rows, "difference", False) < 0.05 for rows in zip(a, b, strict=True)]
    near = 0.05 if n < 10 else 0.03  # the power leaves out what Hall's correction costs few values
    assert equivalence_power(n, margin, deviation, effect, 0.05, paired) == pytest.approx(np.mean(both), abs=near)


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [0.05, 0.05 / 8])  # the second: Holm's strictest of eight comparisons
@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("size", [0.4, 0.7, 1.0])
def test_seeds_needed_are_within_a_twentieth_of_brute_force(size, paired, alpha):
    """The smallest n at which simulated rank tests have 80 % power, by bisection; size: of a difference's deviation."""

    def simulated(n, draws=8_000):
        chance = np.random.default_rng(1)
        if paired:
            p = stats.wilcoxon(chance.normal(size, 1, (draws, n)), axis=1, method="asymptotic", correction=False).pvalue
        else:
            a, b = (chance.normal(mean, 0.5**0.5, (draws, n)) for mean in (size, 0.0))
            p = stats.mannwhitneyu(a, b, axis=1, method="asymptotic", use_continuity=False).pvalue
        return (p < alpha).mean()

    low, high = 2, 200
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if simulated(middle) >= 0.8 else (middle, high)
    assert seeds_needed(size, 1.0, alpha, paired) == pytest.approx(high, rel=0.05, abs=1)


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
    shown = np.mean([tost(np.exp(chance.normal(0, 0.1, n)), np.ones(n), "ratio", True) < 0.05 for _ in range(1000)])
    assert 0.74 < shown < 0.9
    assert seeds_for_equivalence(0.1, 0.1, effect=0.1) is None
    assert seeds_for_equivalence(0.1, 0.1, effect=0.05) > seeds_for_equivalence(0.1, 0.1)


def test_runs_that_show_few_failures_are_those_of_the_binomial_law():
    assert seeds_for_failures(0.0, 0.05) == 59
    assert share_below(0, 59) < 0.05 < share_below(0, 58)
    assert share_below(0, 20) == pytest.approx(1 - 0.05 ** (1 / 20))
    assert share_below(3, 3) == 1
    assert share_below(2, 40) == pytest.approx(stats.binomtest(2, 40, alternative="less").proportion_ci(0.95).high)
    assert seeds_for_failures(0.0, 0.05, alpha=0.05 / 8) == 99
    assert seeds_for_failures(0.05, 0.05) is None
    n = seeds_for_failures(0.02, 0.1)
    bad = np.random.default_rng(5).binomial(n, 0.02, 4000)
    assert 0.78 < np.mean([share_below(int(k), n) < 0.1 for k in bad]) < 0.95
