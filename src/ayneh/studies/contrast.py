"""One comparison decided: better, worse, equivalent, or "cannot tell with n = 5; 26 seeds would", with its figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ayneh.studies import compare
from ayneh.studies.compare import Interval

Verdict = Literal["better", "worse", "higher", "lower", "equivalent", "cannot tell", ""]


@dataclass(frozen=True)
class Contrast:
    """Arm a against its reference b on one outcome. ``p_holm``, ``verdict`` and ``words`` are set by `family`."""

    name_a: str
    name_b: str
    outcome: str
    better: Literal["lower", "higher"] | None
    scale: Literal["ratio", "difference"]
    margin: float  # of the reference's median
    paired: bool
    n: int  # pairs
    n_a: int
    n_b: int
    centre_a: Interval  # medians
    centre_b: Interval
    effect: Interval  # a/b, or a - b
    delta: Interval
    p: float
    tost: float | None
    failed_a: int
    failed_b: int
    fisher: float
    values: tuple[tuple[float, ...], tuple[float, ...]]
    p_holm: float = 1.0
    tost_holm: float | None = None
    fisher_holm: float = 1.0
    seeds: int | None = None  # pairs that would show the difference that was seen
    seeds_equivalent: int | None = None  # pairs that would show equivalence, if the difference seen is the true one
    verdict: Verdict = ""
    words: str = ""


def contrast(
    name_a: str,
    a: Mapping[int, float],
    name_b: str,
    b: Mapping[int, float],
    *,
    outcome: str,
    better: Literal["lower", "higher"] | None,
    scale: Literal["ratio", "difference"],
    failed_a: int,
    failed_b: int,
    paired: bool,
    margin: float = 0.10,
) -> Contrast:
    """a and b: {seed: value}, a run without a value as an infinity on the bad side.

    ``paired``: Wilcoxon and t-tests on the seeds that both sides have; else, or without such seeds, Mann-Whitney and
    Welch's t on all values. Raises ValueError for a side without values, and for a NaN.
    """
    for name, values in ((name_a, a), (name_b, b)):
        if not values or any(math.isnan(value) for value in values.values()):
            raise ValueError(f"{name} on {outcome}: each seed needs a value; that of a failed run is an infinity.")
    common = sorted(set(a) & set(b))
    paired = paired and bool(common)
    x, y = (([v[seed] for seed in common] if paired else list(v.values())) for v in (a, b))
    centre_b = compare.centre(list(b.values()))
    room = margin if scale == "ratio" else margin * abs(centre_b.value)
    return Contrast(
        name_a=name_a,
        name_b=name_b,
        outcome=outcome,
        better=better,
        scale=scale,
        margin=margin,
        paired=paired,
        n=len(common),
        n_a=len(a),
        n_b=len(b),
        centre_a=compare.centre(list(a.values())),
        centre_b=centre_b,
        effect=(compare.paired_centre if paired else compare.unpaired_centre)(x, y, scale),
        delta=compare.cliffs_delta(list(a.values()), list(b.values())),
        p=(compare.signed_rank if paired else compare.rank_sum)(x, y),
        tost=compare.tost(x, y, room, scale, paired) if room and math.isfinite(room) else None,
        failed_a=failed_a,
        failed_b=failed_b,
        fisher=compare.fisher(failed_a, len(a), failed_b, len(b)),
        values=(tuple(x), tuple(y)),
    )


def family(contrasts: Sequence[Contrast], alpha: float = 0.05) -> list[Contrast]:
    """Holm's correction over these comparisons, over their equivalence tests, over their failures; then the verdicts.

    If a difference is shown, and also that it is smaller than the margin, the verdict is "equivalent".
    """
    ps = compare.holm([one.p for one in contrasts])
    tosts = compare.holm([one.tost for one in contrasts])
    fishers = compare.holm([one.fisher for one in contrasts])
    decided = []
    for one, p, tost, fisher in zip(contrasts, ps, tosts, fishers, strict=True):
        adjusted = replace(one, p_holm=p or 0.0, tost_holm=tost, fisher_holm=fisher or 0.0)
        seeds, for_equivalence = _seeds(adjusted, alpha / len(contrasts))
        adjusted = replace(adjusted, seeds=seeds, seeds_equivalent=for_equivalence, verdict=_verdict(adjusted, alpha))
        decided.append(replace(adjusted, words=_words(adjusted, alpha, len(contrasts))))
    return decided


def _verdict(one: Contrast, alpha: float) -> Verdict:
    if one.tost_holm is not None and one.tost_holm < alpha:
        return "equivalent"
    if one.p_holm >= alpha:
        return "cannot tell"
    higher = compare.leaning(*one.values, one.paired) > 0
    if one.better is None:
        return "higher" if higher else "lower"
    return "better" if higher == (one.better == "higher") else "worse"


def _seeds(one: Contrast, alpha: float) -> tuple[int | None, int | None]:
    """Seeds for the difference that was seen, and for equivalence, at this alpha; a ratio by its logarithm."""
    x, y = (np.asarray(v, dtype=np.float64) for v in one.values)
    if not (np.isfinite(x).all() and np.isfinite(y).all()) or min(len(x), len(y)) < 2:
        return None, None
    margin = one.margin * abs(one.centre_b.value)
    if one.scale == "ratio":
        if min(x.min(), y.min()) <= 0:
            return None, None
        x, y, margin = np.log(x), np.log(y), math.log1p(one.margin)
    effect = float(x.mean() - y.mean())
    deviation = float((x - y).std(ddof=1) if one.paired else math.sqrt(x.var(ddof=1) + y.var(ddof=1)))
    return (
        compare.seeds_needed(effect, deviation, alpha, paired=one.paired),
        compare.seeds_for_equivalence(margin, deviation, effect, alpha, paired=one.paired),
    )


def _words(one: Contrast, alpha: float, m: int) -> str:
    """The verdict as a sentence with its figures."""
    figures = f"{_figures(one)}; {_tests(one)}"
    failures = ""
    if one.failed_a or one.failed_b:
        p = f"Fisher's exact test, Holm-adjusted p = {_p(one.fisher_holm)}"
        failures = f"; failures {one.failed_a} of {one.n_a} against {one.failed_b} of {one.n_b} ({p})"
    rest, share = f"{figures}{failures}.", f"{one.margin * 100:g} %"
    if one.verdict == "equivalent":
        there = ", though a difference is there" if one.p_holm < alpha else ""
        return (
            f"{one.name_a} and {one.name_b} are equivalent within {share} on {one.outcome}{there}: {figures}{failures}."
        )
    if one.verdict == "cannot tell":
        n = f"n = {one.n}" if one.paired else f"n = {one.n_a} and {one.n_b}"
        advice = _advice(one, alpha, m)
        return f"{one.name_a} against {one.name_b} on {one.outcome}: cannot tell with {n}{advice}: {rest}"
    if one.verdict in ("higher", "lower"):
        return f"{one.name_a} has a {one.verdict} {one.outcome} than {one.name_b}: {rest}"
    return f"{one.name_a} is {one.verdict} than {one.name_b} on {one.outcome}: {rest}"


def _advice(one: Contrast, alpha: float, m: int) -> str:
    """What to do about "cannot tell": seeds for the difference seen, and for equivalence where that takes fewer."""
    advice, played = "", one.n if one.paired else min(one.n_a, one.n_b)
    # Values far from normal can give fewer seeds than were played: then no number is named.
    seeds, alike = (n if n and n > played else None for n in (one.seeds, one.seeds_equivalent))
    if seeds:
        advice = f"; {seeds:,} seeds would, if the difference is as large as it looks"
    if alike and (not seeds or alike < seeds):
        advice += f"; {alike:,} seeds would show that they are equivalent within {one.margin * 100:g} %"
    least = compare.smallest_p(*((one.n, one.n) if one.paired else (one.n_a, one.n_b)), one.paired)
    n = _count(one.n, "paired seed") if one.paired else f"{one.n_a} and {_count(one.n_b, 'seed')}"
    if least >= alpha:
        advice += f" ({n} can never reach {alpha:g}: the smallest p of an exact test is {least:.3g})"
    elif least * m >= alpha:
        advice += (
            f" (the smallest p of an exact test of {n} is {least:.3g},"
            f" which Holm's correction over {m} comparisons can raise to {_p(min(1.0, least * m))})"
        )
    return advice


def _figures(one: Contrast) -> str:
    medians = f"median {_number(one.centre_a.value)} against {_number(one.centre_b.value)}"
    if not math.isfinite(one.effect.value):
        return medians
    size = f"{_number(one.effect.value)} times" if one.scale == "ratio" else f"difference {_number(one.effect.value)}"
    return f"{medians} ({size}{_range(one.effect)})"


def _tests(one: Contrast) -> str:
    n = f"{one.n_a} and {_count(one.n_b, 'seed')}"
    if one.paired:
        n = _count(one.n, "paired seed") + (f" of {n}" if max(one.n_a, one.n_b) > one.n else "")
    test = "Wilcoxon" if one.paired else "Mann-Whitney"
    found = f"{n}; {test}, Holm-adjusted p = {_p(one.p_holm)}; Cliff's delta {one.delta.value:.2f}{_range(one.delta)}"
    return found + (f"; equivalence, Holm-adjusted p = {_p(one.tost_holm)}" if one.tost_holm is not None else "")


def _count(n: int, what: str) -> str:
    return f"{n} {what}" + ("" if n == 1 else "s")


def _range(interval: Interval) -> str:
    if interval.low is None or interval.high is None:
        return ""
    return f", 95 % {_number(interval.low)} to {_number(interval.high)}"


def _number(value: float) -> str:
    """Three figures, without powers of ten if that is readable."""
    if not math.isfinite(value):
        return "infinite" if value > 0 else "minus infinite"
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"


def _p(value: float) -> str:
    return f"{value:.2g}" if value >= 1e-4 or value == 0 else f"{value:.1e}"
