"""Intervals and tests of the scores, on plain numbers.

SciPy's special functions are the distributions: its module of statistics takes half a second to import, which every
training that scores would spend.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import special

Z95 = float(special.ndtri(0.975))


def normal_interval(value: float, standard_error: float) -> tuple[float, float]:
    """value +- 1.96 standard errors: a 95 % interval."""
    return value - Z95 * standard_error, value + Z95 * standard_error


def mean_interval(values: np.ndarray) -> tuple[float, float] | None:
    """A 95 % interval for the mean of independent values (N,); None below two of them."""
    if len(values) < 2:
        return None
    return normal_interval(float(values.mean()), float(values.std(ddof=1)) / math.sqrt(len(values)))


def wilson(hits: int, n: int) -> tuple[float, float] | None:
    """Wilson's 95 % interval for a share of ``hits`` in ``n`` (it stays in [0, 1]); None when n is 0.

    Wilson 1927: the p of (p - hits/n)^2 <= z^2 p (1 - p) / n, with z = 1.96.
    """
    if n == 0:
        return None
    z2 = Z95**2
    centre = (2 * hits + z2) / (2 * (n + z2))
    half = Z95 * math.sqrt(4 * hits * (n - hits) / n + z2) / (2 * (n + z2))
    return (centre - half if hits else 0.0), (centre + half if hits < n else 1.0)


def poisson_interval(count: int) -> tuple[float, float]:
    """Garwood's exact 95 % interval for the mean of a Poisson count; the low end of 0 is 0."""
    low = float(special.gammaincinv(count, 0.025)) if count else 0.0  # a quantile of the gamma distribution
    return low, float(special.gammaincinv(count + 1, 0.975))


def jackknife(whole: float, without: Sequence[float]) -> tuple[float, float]:
    """(estimate without its 1/n bias, its standard error) from the estimates without each of g equal groups.

    Quenouille 1956: g theta - (g-1) mean(theta_-i); Tukey 1958: se^2 = (g-1)/g sum (theta_-i - mean)^2.
    """
    left = np.asarray(without, dtype=np.float64)
    g = len(left)
    corrected = g * whole - (g - 1) * float(left.mean())
    return corrected, math.sqrt((g - 1) / g * float(((left - left.mean()) ** 2).sum()))


def smaller(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """(P(a < b) + P(a = b)/2, one-sided Mann-Whitney p of "a is not smaller than b"); a (N,), b (M,)."""
    if np.ptp(np.concatenate([a, b])) == 0:
        return 0.5, 1.0  # all tied: SciPy divides by zero
    from scipy import stats

    test = stats.mannwhitneyu(a, b, alternative="less", method="asymptotic")
    return 1 - float(test.statistic) / (len(a) * len(b)), float(test.pvalue)
