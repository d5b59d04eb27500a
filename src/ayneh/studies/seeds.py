"""How many seeds a test needs: the power of tests of a difference and of equivalence, and the n with `POWER`."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
from scipy import stats

from ayneh.studies.compare import smallest_p

POWER = 0.8  # of the tests for which seeds are counted
MOST_SEEDS = 100_000
QUANTILES = 200  # at which a distribution of deviations is integrated


def seeds_needed(effect: float, deviation: float, alpha: float = 0.05, paired: bool = True) -> int | None:
    """Pairs at which a two-sided rank test finds a mean difference of ``effect`` with `POWER`.

    The t-test's n (`power`), over the rank test's efficiency of 3/pi for normal values; at least as many as an exact
    test needs to reach alpha. None without an effect, or above 100,000. Not paired: seeds of each side; the deviation
    is that of the difference between one value of each side.
    """
    if effect == 0 or not math.isfinite(effect) or not math.isfinite(deviation):
        return None
    size = abs(effect) / deviation if deviation else math.inf
    n = smallest(lambda n: power(n, size, alpha, paired) >= POWER)
    if n is None:
        return None
    least = next(few for few in range(1, MOST_SEEDS) if smallest_p(few, few, paired) < alpha)
    return max(math.ceil(n / (3 / math.pi)), least)


def power(n: int, size: float, alpha: float, paired: bool = True) -> float:
    """The probability that a two-sided t-test of n pairs (or n values a side) shows a difference.

    size: the mean difference in standard deviations of one pair's. It is E[P(|z + size sqrt(n)| > c s)] with z normal,
    c the critical value and s^2 chi-square over its degrees of freedom, n - 1 or 2n - 2: the noncentral t distribution,
    integrated over s by quantiles, since SciPy's is NaN in a twelfth of the cases that studies meet.
    """
    s, weights, critical = _scales(n, alpha / 2, paired)
    shift = size * math.sqrt(n)
    return float((weights * (stats.norm.sf(critical * s - shift) + stats.norm.cdf(-critical * s - shift))).sum())


@cache
def _quadrature() -> tuple[np.ndarray, np.ndarray]:
    """Gauss and Legendre's nodes and weights on (0, 1); NumPy finds them in 7 ms, and a search for n asks 15 times."""
    nodes, weights = np.polynomial.legendre.leggauss(QUANTILES)
    return (nodes + 1) / 2, weights / 2


def _scales(n: int, alpha: float, paired: bool) -> tuple[np.ndarray, np.ndarray, float]:
    """Nodes of the ratio of a standard deviation found to the true one, their weights, and t's critical value."""
    freedom = n - 1 if paired else 2 * n - 2
    quantiles, weights = _quadrature()
    return np.sqrt(stats.chi2.ppf(quantiles, freedom) / freedom), weights, stats.t.ppf(1 - alpha, freedom)


def seeds_for_equivalence(
    margin: float, deviation: float, effect: float = 0.0, alpha: float = 0.05, paired: bool = True
) -> int | None:
    """Pairs at which two one-sided t-tests show equivalence with `POWER`, if the true difference is ``effect``.

    By the joint power of both tests for normal differences; at least two. None if the effect is as large as the
    margin. Not paired: as for `seeds_needed`.
    """
    if margin <= abs(effect) or not math.isfinite(deviation):
        return None
    return smallest(lambda n: equivalence_power(n, margin, deviation, effect, alpha, paired) >= POWER)


def equivalence_power(
    n: int, margin: float, deviation: float, effect: float, alpha: float, paired: bool = True
) -> float:
    """The probability that both one-sided t-tests of n pairs (or n values a side) reject: the mean is inside.

    E[max(0, P(-margin + c e s < mean < margin - c e s))], e the mean's standard error, c and s as for `power`.
    """
    if deviation == 0:
        return 1.0
    s, weights, critical = _scales(n, alpha, paired)
    upper, lower = ((margin + sign * effect) * math.sqrt(n) / deviation - critical * s for sign in (-1, 1))
    return float((weights * np.maximum(0.0, stats.norm.cdf(upper) - stats.norm.cdf(-lower))).sum())


def smallest(enough: Callable[[int], bool]) -> int | None:
    """The smallest n from 2 to MOST_SEEDS with enough(n), which stays true from there on; None: there is none."""
    high = 2
    while not enough(high):
        if high == MOST_SEEDS:
            return None
        high = min(2 * high, MOST_SEEDS)
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if middle >= 2 and enough(middle) else (middle, high)
    return high
