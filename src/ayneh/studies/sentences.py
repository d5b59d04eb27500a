"""A comparison's verdict as a sentence with its figures, and what to do about "cannot tell"."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ayneh.studies.compare import smallest_p
from ayneh.studies.intervals import Interval
from ayneh.terminal.text import counted

if TYPE_CHECKING:
    from ayneh.studies.contrast import Contrast


def words_of(one: Contrast, alpha: float, m: int) -> str:
    """The verdict as a sentence with its figures; ``m``: comparisons in the family."""
    figures = f"{_figures(one)}; {_tests(one)}"
    failures = ""
    if one.failed_a or one.failed_b:
        p = f"Fisher's exact test, Holm-adjusted p = {_p(one.fisher_holm)}"
        failures = f"; failures {one.failed_a} of {one.runs_a} against {one.failed_b} of {one.runs_b} ({p})"
    rest = f"{figures}{failures}."
    if one.verdict in ("equivalent", "cannot tell"):
        rest += _likeness(one)
    if one.verdict == "equivalent":
        there = ", though a difference is there" if one.p_holm < alpha else ""
        share = f"{one.margin * 100:g} %"
        return f"{one.name_a} and {one.name_b} are equivalent within {share} on {one.outcome}{there}: {rest}"
    if one.verdict == "cannot tell":
        n = f"n = {one.n}" if one.paired else f"n = {one.n_a} and {one.n_b}"
        advice = _advice(one, alpha, m)
        return f"{one.name_a} against {one.name_b} on {one.outcome}: cannot tell with {n}{advice}: {rest}"
    if one.verdict in ("higher", "lower"):
        return f"{one.name_a} has a {one.verdict} {one.outcome} than {one.name_b}: {rest}"
    return f"{one.name_a} is {one.verdict} than {one.name_b} on {one.outcome}: {rest}"


def plain_words(one: Contrast, words: str) -> str:
    """The verdict for a reader who knows no statistics: one sentence with the effect and its interval.

    words: the outcome, "Fréchet distance".
    """
    a, b = one.name_a, one.name_b
    runs = f"{one.n_a} against {one.n_b} runs"
    if not math.isfinite(one.effect.value):
        size = f"runs broke down, so that the {words} of {a} and of {b} have no finite ratio"
    elif one.scale == "ratio":
        size = f"{a} has {_size(one.effect.value, one.scale)} the {words} of {b}"
    else:
        size = _difference(one, words)
    ranged = _range(one.effect, 95).lstrip(", ")
    behind = f"({f'95 % interval{ranged[4:]}, ' if ranged else ''}{runs})"
    lead = {
        "better": f"{a} is better than {b}",
        "worse": f"{a} is worse than {b}",
        "higher": f"{a} has a higher {words} than {b}",
        "lower": f"{a} has a lower {words} than {b}",
        "equivalent": f"{a} and {b} are equivalent within {one.margin * 100:g} %",
        "cannot tell": f"these runs cannot tell whether {a} differs from {b}",
    }[one.verdict]
    return f"{lead[0].upper()}{lead[1:]}: {size} {behind}."


def _difference(one: Contrast, words: str) -> str:
    more = "more" if one.effect.value >= 0 else "less"
    return f"the {words} of {one.name_a} is {_number(abs(one.effect.value))} {more} than that of {one.name_b}"


def _advice(one: Contrast, alpha: float, m: int) -> str:
    """What to do about "cannot tell": seeds for the difference seen, and for equivalence where that takes fewer."""
    advice, played = "", one.n if one.paired else min(one.n_a, one.n_b)
    # Values far from normal can give fewer seeds than were played: then no number is named.
    seeds, alike = (n if n and n > played else None for n in (one.seeds, one.seeds_equivalent))
    if seeds:
        advice = f"; {seeds:,} seeds would, if the difference is as large as it looks"
    if alike and (not seeds or alike < seeds):
        none = " and none fails" if not (one.failed_a or one.failed_b) else ""
        advice += (
            f"; {alike:,} seeds would show that they are equivalent within {one.margin * 100:g} %, if they are{none}"
        )
    least = smallest_p(*((one.n, one.n) if one.paired else (one.n_a, one.n_b)), one.paired)
    n = counted(one.n, "paired seed") if one.paired else f"{one.n_a} and {counted(one.n_b, 'seed')}"
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
    return f"{medians} ({_size(one.effect.value, one.scale)}{_range(one.effect, 95)})"


def _tests(one: Contrast) -> str:
    n = f"{one.n_a} and {counted(one.n_b, 'seed')}"
    if one.paired:
        n = counted(one.n, "paired seed") + (f" of {n}" if max(one.n_a, one.n_b) > one.n else "")
    test = "Wilcoxon" if one.paired else "Mann-Whitney"
    return (
        f"{n}; {test}, Holm-adjusted p = {_p(one.p_holm)}; Cliff's delta {one.delta.value:.2f}{_range(one.delta, 95)}"
    )


def _likeness(one: Contrast) -> str:
    """The figures behind equivalence, in a sentence of their own."""
    alike = one.alike
    if alike.tost is None or one.alike_holm is None:
        return f" Equivalence cannot be tested: {alike.why}."
    who = " of the runs that did not fail" if one.failed_a or one.failed_b else ""
    means = f"{'geometric means' if one.scale == 'ratio' else 'means'}{who}"
    size = _size(alike.effect.value, one.scale) + _range(alike.effect, 90)
    a, b = (f"{100 * bound:.2g} %" for bound in alike.bounds)
    most = a if a == b else f"{a} and {b}"
    return (
        f" Equivalence: {means} {size} (within {one.margin * 100:g} %: p = {_p(alike.tost)}); failures at most {most},"
        f" 95 % (within {one.failures * 100:g} %: p = {_p(alike.failing)});"
        f" both, Holm-adjusted p = {_p(one.alike_holm)}."
    )


def _size(value: float, scale: str) -> str:
    return f"{_number(value)} times" if scale == "ratio" else f"difference {_number(value)}"


def _range(interval: Interval, percent: int) -> str:
    if interval.low is None or interval.high is None:
        return ""
    return f", {percent} % {_number(interval.low)} to {_number(interval.high)}"


def _number(value: float) -> str:
    """Three figures, without powers of ten if that is readable."""
    if not math.isfinite(value):
        return "infinite" if value > 0 else "minus infinite"
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"


def _p(value: float) -> str:
    return f"{value:.2g}" if value >= 1e-4 or value == 0 else f"{value:.1e}"
