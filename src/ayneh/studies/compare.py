"""Two arms compared over seeds: effects with intervals, tests, equivalence, and the number of seeds needed.

Plain numbers in, plain numbers out. A run without a value is given as an infinity, which has the worst rank (Lachin
1999); it is never dropped.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from ayneh.judge.statistics import Z95

RESAMPLES = 9999
POWER = 0.8  # of the tests for which seeds are counted
MOST_SEEDS = 100_000
MOST_DEALS = 20_000  # up to so many ways to divide the values between two sides, all are counted


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval; None if there are too few values for one."""

    value: float
    low: float | None
    high: float | None


def centre(values: Sequence[float] | np.ndarray) -> Interval:
    """The median of independent values with a bootstrap interval (BCa, Efron 1987; 9,999 resamples).

    Constant values have an interval of width 0; with infinite ones (failed runs) it is the percentile interval, whose
    ends may be infinite. Below two values there is no interval.
    """
    x = np.asarray(values, dtype=np.float64)
    value = float(_median(x))
    if len(x) < 2:
        return Interval(value, None, None)
    if np.isfinite(x).all():
        if np.ptp(x) == 0:
            return Interval(value, value, value)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # SciPy warns if BCa is degenerate; that case is handled below
            found = stats.bootstrap(
                (x,), _median, n_resamples=RESAMPLES, method="BCa", rng=np.random.default_rng(0), vectorized=True
            ).confidence_interval
        if math.isfinite(found.low) and math.isfinite(found.high):
            return Interval(value, float(found.low), float(found.high))
    rows = x[np.random.default_rng(0).integers(0, len(x), (RESAMPLES, len(x)))]
    low, high = _quantiles(_median(rows, axis=1))
    return Interval(value, low, high)


def paired_centre(ours: Sequence[float], theirs: Sequence[float], scale: str) -> Interval:
    """The median ratio a/b (or difference a - b) of pairs, with its bootstrap interval over the pairs.

    Of an even number of ratios the middle is the geometric mean of the middle two, so that b/a is 1 over a/b.
    """
    change = _change(ours, theirs, scale)
    if scale == "difference" or change.min() < 0:
        return centre(change)
    with np.errstate(divide="ignore"):
        found = centre(np.log(change))
    ends = (None if end is None else float(np.exp(end)) for end in (found.low, found.high))
    return Interval(float(np.exp(found.value)), *ends)


def unpaired_centre(ours: Sequence[float], theirs: Sequence[float], scale: str) -> Interval:
    """The ratio of medians (or their difference), with a bootstrap interval that resamples both sides."""
    chance = np.random.default_rng(0)
    a, b = (np.asarray(x, dtype=np.float64) for x in (ours, theirs))
    value = float(_change([float(np.median(a))], [float(np.median(b))], scale)[0])
    if len(a) < 2 or len(b) < 2:
        return Interval(value, None, None)
    draws = [np.median(x[chance.integers(0, len(x), (RESAMPLES, len(x)))], axis=1) for x in (a, b)]
    low, high = _quantiles(_change(draws[0], draws[1], scale))
    return Interval(value, low, high)


def cliffs_delta(a: Sequence[float], b: Sequence[float]) -> Interval:
    """P(a > b) - P(a < b) (Cliff 1993), with Feng & Cliff's (2004) asymmetric interval.

    The variance is Cliff's consistent estimate, at least (1 - delta^2) / (n m - 1). If the sides do not overlap it is
    0, and the interval would have no width: its inner end is then (k - z^2) / (k + z^2), k the smaller of n and m.
    """
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    n, m = len(x), len(y)
    dominance = (x[:, None] > y[None, :]).astype(np.float64) - (x[:, None] < y[None, :])
    delta = float(dominance.mean())
    if n < 2 or m < 2:
        return Interval(delta, None, None)
    if abs(delta) == 1:
        inner = (min(n, m) - Z95**2) / (min(n, m) + Z95**2)
        return Interval(delta, inner, delta) if delta > 0 else Interval(delta, delta, -inner)
    rows, columns = dominance.mean(1) - delta, dominance.mean(0) - delta
    spread = float(((dominance - delta) ** 2).sum())
    variance = m**2 * float((rows**2).sum()) + n**2 * float((columns**2).sum()) - spread
    variance = max(variance / (n * m * (n - 1) * (m - 1)), (1 - delta**2) / (n * m - 1))
    t = float(stats.t.ppf(0.975, n + m - 2))
    root = t * math.sqrt(variance) * math.sqrt((1 - delta**2) ** 2 + t**2 * variance)
    below = 1 - delta**2 + t**2 * variance
    return Interval(delta, max(-1.0, (delta - delta**3 - root) / below), min(1.0, (delta - delta**3 + root) / below))


def signed_rank(a: Sequence[float], b: Sequence[float]) -> float:
    """Two-sided p of the paired Wilcoxon test, zeros by Pratt's rule; two failed runs are a tie."""
    change = _change(a, b, "difference")
    if not change.any():
        return 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciPy warns of small samples with ties
        ranked = np.sign(change) * stats.rankdata(np.abs(change))  # infinities as their ranks
        return min(1.0, float(stats.wilcoxon(ranked, zero_method="pratt").pvalue))


def rank_sum(a: Sequence[float], b: Sequence[float]) -> float:
    """Two-sided p of the Mann-Whitney test; of few values exact also with ties, such as failed runs."""
    both = stats.rankdata([*a, *b])  # infinities as their ranks
    if np.ptp(both) == 0:
        return 1.0
    tied, deals = len(np.unique(both)) < len(both), math.comb(len(both), len(a))
    # With ties SciPy takes the normal law, which can give 0.021 for 4 and 4 values, where the smallest p is 0.029.
    method = stats.PermutationMethod(n_resamples=deals) if tied and deals <= MOST_DEALS else "auto"
    found = stats.mannwhitneyu(both[: len(a)], both[len(a) :], alternative="two-sided", method=method)
    return min(1.0, float(found.pvalue))


def leaning(a: Sequence[float], b: Sequence[float], paired: bool) -> float:
    """Above 0 if the test favours a > b: Wilcoxon's sum of signed ranks, or Mann-Whitney's U less its mean."""
    if paired:
        change = _change(a, b, "difference")
        return float((np.sign(change) * stats.rankdata(np.abs(change))).sum())
    return cliffs_delta(a, b).value


def smallest_p(n: int, m: int, paired: bool) -> float:
    """The smallest two-sided p that n and m values can reach: 2 / 2^n in n pairs, else 2 / C(n + m, n); at most 1."""
    return min(1.0, 2 / (2**n if paired else math.comb(n + m, n)))


def fisher(failed_a: int, n_a: int, failed_b: int, n_b: int) -> float:
    """Two-sided p of Fisher's exact test that two failure rates are the same."""
    return float(stats.fisher_exact([[failed_a, n_a - failed_a], [failed_b, n_b - failed_b]]).pvalue)


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """Holm's (1979) adjusted p: the largest (m - rank) p up to here, at most 1; None stays None and is not counted."""
    known = sorted((p, i) for i, p in enumerate(ps) if p is not None)
    adjusted: list[float | None] = [None] * len(ps)
    highest = 0.0
    for rank, (p, i) in enumerate(known):
        highest = max(highest, min(1.0, (len(known) - rank) * p))
        adjusted[i] = highest
    return adjusted


def tost(a: Sequence[float], b: Sequence[float], margin: float, scale: str, paired: bool) -> float | None:
    """p of two one-sided t-tests (Schuirmann 1987) of the hypothesis that the means differ by the margin or more.

    "ratio": on logarithms, against log(1 + margin) on both sides; "difference": against the margin. Paired, or
    Welch's. None if a value is infinite or not positive (ratio), or there are fewer than two.
    """
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if min(len(x), len(y)) < 2 or not (np.isfinite(x).all() and np.isfinite(y).all()):
        return None
    if scale == "ratio":
        if min(x.min(), y.min()) <= 0:
            return None
        x, y, margin = np.log(x), np.log(y), math.log1p(margin)
    if paired:
        change = x - y
        value, error, freedom = change.mean(), change.std(ddof=1) / math.sqrt(len(change)), len(change) - 1.0
    else:
        u, v = x.var(ddof=1) / len(x), y.var(ddof=1) / len(y)
        value, error = x.mean() - y.mean(), math.sqrt(u + v)
        freedom = (u + v) ** 2 / (u**2 / (len(x) - 1) + v**2 / (len(y) - 1)) if u + v else 1.0
    if error == 0:
        return 0.0 if abs(value) < margin else 1.0
    above, below = stats.t.sf((value + margin) / error, freedom), stats.t.cdf((value - margin) / error, freedom)
    return float(max(above, below))


def seeds_needed(effect: float, deviation: float, alpha: float = 0.05, paired: bool = True) -> int | None:
    """Pairs at which a two-sided rank test finds a mean difference of ``effect`` with `POWER`.

    The t-test's n (`power`), over the rank test's efficiency of 3/pi for normal values; at least as many as an exact
    test needs to reach alpha. None without an effect, or above 100,000. Not paired: seeds of each side; the deviation
    is that of the difference between one value of each side.
    """
    if effect == 0 or not math.isfinite(effect) or not math.isfinite(deviation):
        return None
    size = abs(effect) / deviation if deviation else math.inf
    n = _smallest(lambda n: power(n, size, alpha, paired) >= POWER)
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


def _scales(n: int, alpha: float, paired: bool) -> tuple[np.ndarray, np.ndarray, float]:
    """Nodes of the ratio of a standard deviation found to the true one, their weights, and t's critical value."""
    freedom = n - 1 if paired else 2 * n - 2
    nodes, weights = np.polynomial.legendre.leggauss(200)
    return np.sqrt(stats.chi2.ppf((nodes + 1) / 2, freedom) / freedom), weights / 2, stats.t.ppf(1 - alpha, freedom)


def seeds_for_equivalence(
    margin: float, deviation: float, effect: float = 0.0, alpha: float = 0.05, paired: bool = True
) -> int | None:
    """Pairs at which two one-sided t-tests show equivalence with `POWER`, if the true difference is ``effect``.

    By the joint power of both tests for normal differences; at least two. None if the effect is as large as the
    margin. Not paired: as for `seeds_needed`.
    """
    if margin <= abs(effect) or not math.isfinite(deviation):
        return None
    return _smallest(lambda n: equivalence_power(n, margin, deviation, effect, alpha, paired) >= POWER)


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


def _smallest(enough: Callable[[int], bool]) -> int | None:
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


def _change(a: Sequence[float] | np.ndarray, b: Sequence[float] | np.ndarray, scale: str) -> np.ndarray:
    """a/b or a - b; of two failed runs 1 or 0. A failed run's -infinity (higher is better) is 0 in a ratio."""
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if scale == "ratio":
        x, y = (np.where(np.isneginf(v), 0.0, v) for v in (x, y))
    with np.errstate(invalid="ignore", divide="ignore"):
        change = x / y if scale == "ratio" else x - y
    return np.nan_to_num(change, nan=1.0 if scale == "ratio" else 0.0, posinf=np.inf, neginf=-np.inf)


def _median(x: np.ndarray, axis: int = -1) -> np.ndarray:
    """np.median; 0, no change, for the middle of minus infinity and infinity."""
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(np.median(x, axis=axis), nan=0.0, posinf=np.inf, neginf=-np.inf)


def _quantiles(draws: np.ndarray) -> tuple[float, float]:
    """The 2.5 % and 97.5 % quantiles, each one of the draws, since infinities cannot be interpolated."""
    low, high = np.quantile(draws, [0.025, 0.975], method="inverted_cdf")
    return float(low), float(high)
