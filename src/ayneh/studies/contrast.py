"""One comparison decided: better, worse, equivalent, or "cannot tell with n = 5; 26 seeds would", with its figures."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ayneh.studies import compare, intervals
from ayneh.studies.equivalence import Likeness, likeness
from ayneh.studies.intervals import Interval
from ayneh.studies.seeds import seeds_needed
from ayneh.studies.sentences import words_of

ALPHA = 0.05
Verdict = Literal["better", "worse", "higher", "lower", "equivalent", "cannot tell", ""]


@dataclass(frozen=True)
class Contrast:
    """Arm a against its reference b on one outcome. ``p_holm``, ``verdict`` and ``words`` are set by `family`."""

    name_a: str
    name_b: str
    outcome: str
    better: Literal["lower", "higher"] | None
    scale: Literal["ratio", "difference"]
    margin: float  # of the reference's value
    failures: float  # the share of runs that may fail in arms that are equivalent
    paired: bool
    n: int  # pairs
    n_a: int  # values
    n_b: int
    centre_a: Interval  # medians
    centre_b: Interval
    effect: Interval  # a/b, or a - b
    delta: Interval
    p: float
    failed: tuple[frozenset[int], frozenset[int]]  # seeds
    runs_a: int  # those without a value too
    runs_b: int
    fisher: float
    values: tuple[tuple[float, ...], tuple[float, ...]]
    sound: tuple[tuple[float, ...], tuple[float, ...]]  # those of runs that did not fail; of pairs, of both
    alike: Likeness
    p_holm: float = 1.0
    alike_holm: float | None = None  # None: equivalence cannot be tested
    fisher_holm: float = 1.0
    seeds: int | None = None  # pairs that would show the difference that was seen
    seeds_equivalent: int | None = None  # pairs that would show equivalence, if what was seen is the truth
    verdict: Verdict = ""
    words: str = ""

    @property
    def failed_a(self) -> int:
        """Runs of a that failed."""
        return len(self.failed[0])

    @property
    def failed_b(self) -> int:
        """Runs of b that failed."""
        return len(self.failed[1])


def contrast(
    name_a: str,
    a: Mapping[int, float],
    name_b: str,
    b: Mapping[int, float],
    *,
    outcome: str,
    better: Literal["lower", "higher"] | None,
    scale: Literal["ratio", "difference"],
    failed_a: Collection[int] = (),
    failed_b: Collection[int] = (),
    paired: bool = False,
    margin: float = 0.10,
    failures: float = 0.05,
) -> Contrast:
    """a and b: {seed: value}, a run without a value as an infinity on the bad side, or left out where none is bad.

    ``failed_a``, ``failed_b``: the seeds of runs that failed. ``paired``: Wilcoxon and t-tests on the seeds that both
    sides have; else, or without such seeds, Mann-Whitney and Welch's t on all values. Raises ValueError for a side
    without values, and for a NaN.
    """
    for name, values in ((name_a, a), (name_b, b)):
        if not values or any(math.isnan(value) for value in values.values()):
            raise ValueError(f"{name} on {outcome}: each seed needs a value; that of a failed run is an infinity.")
    common = sorted(set(a) & set(b))
    paired = paired and bool(common)
    failed, both = (frozenset(failed_a), frozenset(failed_b)), frozenset(failed_a) | frozenset(failed_b)
    x, y = (([v[seed] for seed in common] if paired else list(v.values())) for v in (a, b))
    sound_a, sound_b = (
        tuple(v[seed] for seed in (common if paired else v) if seed not in (both if paired else bad))
        for v, bad in zip((a, b), failed, strict=True)
    )
    runs_a, runs_b = (len(set(v) | bad) for v, bad in zip((a, b), failed, strict=True))
    return Contrast(
        name_a=name_a,
        name_b=name_b,
        outcome=outcome,
        better=better,
        scale=scale,
        margin=margin,
        failures=failures,
        paired=paired,
        n=len(common),
        n_a=len(a),
        n_b=len(b),
        centre_a=intervals.centre(list(a.values())),
        centre_b=intervals.centre(list(b.values())),
        effect=_effect(x, y, scale, paired),
        delta=intervals.cliffs_delta(list(a.values()), list(b.values())),
        p=(compare.signed_rank if paired else compare.rank_sum)(x, y),
        failed=failed,
        runs_a=runs_a,
        runs_b=runs_b,
        fisher=compare.fisher(len(failed[0]), runs_a, len(failed[1]), runs_b),
        values=(tuple(x), tuple(y)),
        sound=(sound_a, sound_b),
        alike=_alike(sound_a, sound_b, margin, scale, paired, failed, (runs_a, runs_b), failures),
    )


def _effect(x: list[float], y: list[float], scale: Literal["ratio", "difference"], paired: bool) -> intervals.Interval:
    """The ratio or difference with its interval; NaN where the median run of both sides failed: neither has a size."""
    if not np.isfinite(np.median(x)) and not np.isfinite(np.median(y)):
        return intervals.Interval(math.nan, None, None)
    return (intervals.paired_centre if paired else intervals.unpaired_centre)(x, y, scale)


def _alike(
    a: tuple[float, ...], b: tuple[float, ...], margin: float, scale: Literal["ratio", "difference"], paired: bool,
    failed: tuple[frozenset[int], frozenset[int]], runs: tuple[int, int], allowed: float,
) -> Likeness:  # fmt: skip
    """The likeness of runs that did not fail. margin: of the reference's value."""
    room = margin if scale == "ratio" else margin * abs(float(np.mean(b or [math.nan])))
    counts = len(failed[0]), len(failed[1])
    return likeness(a, b, margin=room, scale=scale, paired=paired, failed=counts, runs=runs, allowed=allowed)


def family(contrasts: Sequence[Contrast], alpha: float = ALPHA, waiting: int = 0) -> list[Contrast]:
    """Holm's correction over these comparisons, over their equivalence tests, over their failures; then the verdicts.

    If a difference is shown, and also that it is smaller than the margin, the verdict is "equivalent". waiting: planned
    comparisons whose runs are missing: they are counted, so that no verdict rests on their absence.
    """
    planned = len(contrasts) + waiting
    ps = compare.holm([one.p for one in contrasts], waiting)
    alike = compare.holm([one.alike.p for one in contrasts], waiting)
    fishers = compare.holm([one.fisher for one in contrasts], waiting)
    decided = []
    for one, p, equal, fisher in zip(contrasts, ps, alike, fishers, strict=True):
        known = None if one.alike.tost is None else equal
        adjusted = replace(one, p_holm=p or 0.0, alike_holm=known, fisher_holm=fisher or 0.0)
        one_alpha = alpha / planned
        seeds = (_seeds(adjusted, one_alpha), adjusted.alike.seeds(one_alpha))
        adjusted = replace(adjusted, seeds=seeds[0], seeds_equivalent=seeds[1], verdict=_verdict(adjusted, alpha))
        decided.append(replace(adjusted, words=words_of(adjusted, alpha, planned)))
    return decided


def _verdict(one: Contrast, alpha: float) -> Verdict:
    if one.alike_holm is not None and one.alike_holm < alpha:
        return "equivalent"
    if one.p_holm >= alpha:
        return "cannot tell"
    higher = compare.leaning(*one.values, one.paired) > 0
    if one.better is None:
        return "higher" if higher else "lower"
    return "better" if higher == (one.better == "higher") else "worse"


def _seeds(one: Contrast, alpha: float) -> int | None:
    """Seeds for the difference that was seen, at this alpha; a ratio by its logarithm."""
    x, y = (np.asarray(v, dtype=np.float64) for v in one.values)
    if not (np.isfinite(x).all() and np.isfinite(y).all()) or min(len(x), len(y)) < 2:
        return None
    if one.scale == "ratio":
        if min(x.min(), y.min()) <= 0:
            return None
        x, y = np.log(x), np.log(y)
    effect = float(x.mean() - y.mean())
    deviation = float((x - y).std(ddof=1) if one.paired else math.sqrt(x.var(ddof=1) + y.var(ddof=1)))
    return seeds_needed(effect, deviation, alpha, paired=one.paired)
