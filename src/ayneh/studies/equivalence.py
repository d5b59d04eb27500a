"""Equivalence of two arms: the runs that did not fail are alike on average, and few runs of either arm fail.

"Equivalent" is a claim about all runs of an arm, and a few runs cannot show that none is different in kind: 28 % of all
samples of 25 runs have no failure where 5 % of the runs fail. So three hypotheses must be refuted, and the p of
equivalence is the largest of theirs (an intersection-union test: Berger 1982): that a's mean is larger by the margin or
more, that it is smaller by the margin or more, and that more than a given share of the runs of an arm fails.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from ayneh.studies.intervals import Interval
from ayneh.studies.seeds import POWER, seeds_for_equivalence, smallest


@dataclass(frozen=True)
class Difference:
    """A difference of means with its standard error, degrees of freedom and skewness; the deviation is of one pair."""

    value: float
    error: float
    freedom: float
    skew: float
    deviation: float

    @classmethod
    def of(cls, x: np.ndarray, y: np.ndarray, paired: bool) -> Difference:
        """Of pairs, or of two sides by Welch's formula."""
        sides = [x - y] if paired else [x, -y]
        parts = [float(side.var(ddof=1)) / len(side) for side in sides]
        error = math.sqrt(sum(parts))
        freedom = error**4 / sum(part**2 / (len(side) - 1) for part, side in zip(parts, sides, strict=True))
        third = sum(float(((side - side.mean()) ** 3).mean()) / len(side) ** 2 for side in sides)
        deviation = math.sqrt(sum(float(side.var(ddof=1)) for side in sides))
        return cls(float(sum(side.mean() for side in sides)), error, freedom, third / error**3, deviation)

    def p_apart(self, margin: float) -> float:
        """p of the hypothesis that the true difference is the margin or more, on either side."""
        above = stats.t.cdf(self._straight((self.value - margin) / self.error), self.freedom)
        below = stats.t.sf(self._straight((self.value + margin) / self.error), self.freedom)
        return float(max(above, below))

    def end(self, level: float) -> float:
        """The true difference at which the t that was found has this quantile."""
        t = float(stats.t.ppf(level, self.freedom))
        if abs(self.skew) > 1e-9:
            t = 3 / self.skew * (float(np.cbrt(1 + self.skew * (t - self.skew / 6))) - 1)
        return self.value - t * self.error

    def _straight(self, t: float) -> float:
        """t without its skewness, by Hall's monotone cubic."""
        return t + self.skew * t**2 / 3 + self.skew**2 * t**3 / 27 + self.skew / 6


@dataclass(frozen=True)
class Likeness:
    """How alike two arms are.

    ``effect``: a/b of the geometric means, or a - b of the means, of runs that did not fail, with a 90 % interval: it
    lies within the margin where ``tost`` < 0.05. ``tost``: p that they differ by the margin or more, None where ``why``
    has the reason that they cannot be tested. ``failing``: p that more than ``allowed`` of the runs of an arm fails.
    """

    effect: Interval
    tost: float | None
    failing: float
    failed: tuple[int, int]
    runs: tuple[int, int]
    allowed: float
    margin: float  # of ``difference``
    paired: bool
    difference: Difference | None = None
    why: str = ""

    @property
    def p(self) -> float:
        """Of equivalence; 1 where it cannot be tested."""
        return 1.0 if self.tost is None else max(self.tost, self.failing)

    @property
    def bounds(self) -> tuple[float, float]:
        """Upper 95 % bounds of both arms' shares of failures."""
        a, b = (share_below(bad, n) for bad, n in zip(self.failed, self.runs, strict=True))
        return a, b

    def seeds(self, alpha: float) -> int | None:
        """Seeds at which the tests of means and of failures reach alpha with `POWER` each, if what was seen is true.

        None if none would, or where the values cannot be tested.
        """
        if self.difference is None:
            return None
        one = self.difference
        means = seeds_for_equivalence(self.margin, one.deviation, one.value, alpha, self.paired)
        shares = [bad / n for bad, n in zip(self.failed, self.runs, strict=True)]
        wanted = [means, *(seeds_for_failures(share, self.allowed, alpha) for share in shares)]
        return None if None in wanted else max(n for n in wanted if n is not None)


def likeness(
    ours: Sequence[float],
    theirs: Sequence[float],
    *,
    margin: float,
    scale: str,
    paired: bool,
    failed: tuple[int, int] = (0, 0),
    runs: tuple[int, int] | None = None,
    allowed: float = 0.05,
) -> Likeness:
    """Two arms' values of runs that did not fail; ``failed`` of ``runs`` of each arm did (None: as many as values).

    margin: in "ratio" a/b lies between 1 / (1 + margin) and 1 + margin, in "difference" |a - b| is less than this.
    allowed: the share of runs that may fail. Means, in "ratio" of logarithms, are compared by two one-sided t-tests
    (Schuirmann 1987), of pairs or Welch's, whose t is freed of its skewness (Hall 1992): runs that are rarely far from
    the others otherwise make it reject up to 14 % of true hypotheses at 5 %.
    """
    x, y = (np.asarray(v, dtype=np.float64) for v in (ours, theirs))
    runs = runs or (len(x), len(y))
    failing = max(float(stats.binom.cdf(bad, n, allowed)) for bad, n in zip(failed, runs, strict=True))
    if why := _untestable(x, y, margin, scale, paired):
        return Likeness(Interval(math.nan, None, None), None, failing, failed, runs, allowed, margin, paired, why=why)
    if scale == "ratio":
        x, y, margin = np.log(x), np.log(y), math.log1p(margin)
    one = Difference.of(x, y, paired)
    ends = (one.value, one.end(0.95), one.end(0.05))
    effect = Interval(*(math.exp(end) if scale == "ratio" else end for end in ends))
    return Likeness(effect, one.p_apart(margin), failing, failed, runs, allowed, margin, paired, one)


def share_below(failed: int, n: int) -> float:
    """The upper 95 % bound of a share of which ``failed`` in ``n`` were seen (Clopper & Pearson 1934, one-sided)."""
    return 1.0 if failed >= n else float(stats.beta.ppf(0.95, failed + 1, n - failed))


def seeds_for_failures(share: float, allowed: float, alpha: float = 0.05) -> int | None:
    """Runs that show with `POWER`, at this share of failures, that less than ``allowed`` fail: 59 for 0 and 5 %.

    None if the share is as large as the one that is allowed.
    """
    if share >= allowed:
        return None
    if share == 0:
        return math.ceil(math.log(alpha) / math.log1p(-allowed))

    def shown(n: int) -> bool:
        most = int(stats.binom.ppf(alpha, n, allowed)) - 1  # the most failures with a p below alpha
        return most >= 0 and bool(stats.binom.cdf(most, n, share) >= POWER)

    return smallest(shown)


def _untestable(x: np.ndarray, y: np.ndarray, margin: float, scale: str, paired: bool) -> str:
    """Why two sides cannot be tested for equivalence; "" if they can."""
    if min(len(x), len(y)) < 2:
        return "fewer than two runs of a side did not fail"
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return "a run that did not fail has no value"
    if scale == "ratio" and min(x.min(), y.min()) <= 0:
        return "a ratio needs values above 0"
    if not (margin > 0 and math.isfinite(margin)):
        return "the margin is a share of the reference's mean, which is 0"
    varying = [x / y if scale == "ratio" else x - y] if paired else [x, y]
    if any(np.ptp(values) == 0 for values in varying):
        what = "differences" if paired else "values of a side"
        return f"all {what} are the same, which does not show how far they vary"
    return ""
