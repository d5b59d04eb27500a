"""Two arms compared over seeds: tests of a difference, and Holm's correction.

Plain numbers in, plain numbers out. A run without a value is given as an infinity, which has the worst rank (Lachin
1999); it is never dropped.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

import numpy as np
from scipy import stats

from ayneh.studies.intervals import change_of, cliffs_delta

MOST_DEALS = 20_000  # up to so many ways to divide the values between two sides, all are counted


def signed_rank(a: Sequence[float], b: Sequence[float]) -> float:
    """Two-sided p of the paired Wilcoxon test, zeros by Pratt's rule; two failed runs are a tie."""
    change = change_of(a, b, "difference")
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
    if 1 in (len(a), len(b)):  # SciPy counts no deals with ties of a single value; its rank is any with one probability
        alone = both[0] if len(a) == 1 else both[-1]
        return min(1.0, 2 * float(min((both <= alone).mean(), (both >= alone).mean())))
    tied, deals = len(np.unique(both)) < len(both), math.comb(len(both), len(a))
    # With ties SciPy takes the normal law, which can give 0.021 for 4 and 4 values, where the smallest p is 0.029.
    method = stats.PermutationMethod(n_resamples=deals) if tied and deals <= MOST_DEALS else "auto"
    found = stats.mannwhitneyu(both[: len(a)], both[len(a) :], alternative="two-sided", method=method)
    return min(1.0, float(found.pvalue))


def leaning(a: Sequence[float], b: Sequence[float], paired: bool) -> float:
    """Above 0 if the test favours a > b: Wilcoxon's sum of signed ranks, or Mann-Whitney's U less its mean."""
    if paired:
        change = change_of(a, b, "difference")
        return float((np.sign(change) * stats.rankdata(np.abs(change))).sum())
    return cliffs_delta(a, b).value


def smallest_p(n: int, m: int, paired: bool) -> float:
    """The smallest two-sided p that n and m values can reach: 2 / 2^n in n pairs, else 2 / C(n + m, n); at most 1."""
    return min(1.0, 2 / (2**n if paired else math.comb(n + m, n)))


def fisher(failed_a: int, n_a: int, failed_b: int, n_b: int) -> float:
    """Two-sided p of Fisher's exact test that two failure rates are the same."""
    return float(stats.fisher_exact([[failed_a, n_a - failed_a], [failed_b, n_b - failed_b]]).pvalue)


def holm(ps: Sequence[float | None], waiting: int = 0) -> list[float | None]:
    """Holm's (1979) adjusted p: the largest (m - rank) p up to here, at most 1; None stays None and is not counted.

    waiting: tests of the family that cannot be made yet; they count as if their p were 1.
    """
    known = sorted((p, i) for i, p in enumerate(ps) if p is not None)
    adjusted: list[float | None] = [None] * len(ps)
    highest = 0.0
    for rank, (p, i) in enumerate(known):
        highest = max(highest, min(1.0, (len(known) + waiting - rank) * p))
        adjusted[i] = highest
    return adjusted
