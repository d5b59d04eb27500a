"""A study's comparisons: values by seed in, verdicts out, one family of tests for each outcome."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from ayneh.studies.compare import smallest_p
from ayneh.studies.contrast import ALPHA, Contrast, contrast, family
from ayneh.studies.design import Ask, Study, grouped
from ayneh.studies.panels import sections, short
from ayneh.studies.results import Outcome, Result, measured, outcome_of

NO_LABELS = "no labels"  # of a side, where the outcome needs them
NO_VALUES = "no values"  # of a side whose runs are finished, where the outcome has no worst value for broken ones
MARKS = {
    "better": "▲", "worse": "▼", "equivalent": "≈", "cannot tell": "?", "higher": "↑", "lower": "↓", NO_LABELS: "–",
    NO_VALUES: "–", "": "…",
}  # fmt: skip


@dataclass(frozen=True)
class Compared:
    """One comparison on one outcome; without a contrast while a side has no runs, and if one never has this outcome."""

    ask: Ask
    section: str  # the factors' levels that both sides share
    outcome: str
    kind: Outcome
    contrast: Contrast | None
    lacking: str = ""  # the side that can have no value
    reason: str = ""  # `NO_LABELS` or `NO_VALUES`, of the side that is lacking

    @property
    def arm(self) -> str:
        """Its name within the section."""
        return short(self.ask.arm, self.section)

    @property
    def reference(self) -> str:
        """Its name within the section."""
        return short(self.ask.reference, self.section)

    @property
    def verdict(self) -> str:
        """better, worse, equivalent, cannot tell, higher, lower, no labels, no values; "" while a side has no runs."""
        if self.lacking:
            return self.reason
        return self.contrast.verdict if self.contrast else ""

    @property
    def words(self) -> str:
        """The verdict in a sentence."""
        where = f"{self.section}: " if self.section else ""
        if self.lacking:
            pair, lacking = f"{self.arm} and {self.reference}", short(self.lacking, self.section)
            none = f"which {lacking} does not have without labels"
            if self.reason == NO_VALUES:
                none = f"since none of the finished runs of {lacking} has a value"
            return f"{where}{pair} are not compared on {self.outcome}, {none}."
        if self.contrast is None:
            return f"{where}{self.arm} and {self.reference} cannot be compared yet: runs are missing."
        return where + self.contrast.words


def compare(study: Study, found: Sequence[Result]) -> dict[str, list[Compared]]:
    """{outcome: every comparison of the study on it}, the verdicts corrected over the comparisons of that outcome."""
    by_arm, by_section, m = arms_of(found), sections(study), len(study.comparisons())
    plain = {run.arm for run in study.runs() if not run.config.rules.labelled}
    compared: dict[str, list[Compared]] = {}
    for outcome in compared_on(study, found):
        todo, kind = [], outcome_of(found, outcome)
        for section, asks in by_section.items():
            for ask in asks:
                lacking, reason = _lacking(study, ask, outcome, kind, by_arm, plain)
                one = None if lacking else _contrast(study, ask, section, outcome, by_arm, m)
                todo.append(Compared(ask, section, outcome, kind, one, lacking, reason))
        waiting = sum(one.contrast is None and not one.lacking for one in todo)
        decided = iter(family([one.contrast for one in todo if one.contrast is not None], ALPHA, waiting))
        compared[outcome] = [one if one.contrast is None else replace(one, contrast=next(decided)) for one in todo]
    return compared


def compared_on(study: Study, found: Sequence[Result]) -> list[str]:
    """The study's outcomes that its finished runs have; where all of them broke down, those on which that is worst.

    Then no run has a number, and the comparison is one of failures; data without classes have no modes at all.
    """
    if all_fell(found):
        return [name for name in study.outcomes if outcome_of(found, name).better or measured(found, name)]
    return [name for name in study.outcomes if measured(found, name)]


def all_fell(found: Sequence[Result]) -> bool:
    """Whether there are finished runs, and the numbers of every one stopped being finite."""
    return bool(found) and all(result.failure() == "diverged" for result in found)


def tally(group: Sequence[Compared]) -> dict[str, int]:
    """The number of comparisons with each verdict, in the order of `MARKS`."""
    all_ = [one.verdict for one in group]
    return {name: all_.count(name) for name in MARKS if name in all_}


def arms_of(found: Sequence[Result]) -> dict[str, list[Result]]:
    """Finished runs by arm."""
    return grouped(found, lambda result: result.run.arm)


def values(found: Sequence[Result], outcome: str) -> dict[int, float]:
    """{seed: value}. A run that broke down has the worst rank (Lachin 1999), or is left out if no value is worse.

    So is a run without labels of an outcome that needs them.
    """
    if not found:
        return {}
    kind = outcome_of(found, outcome)
    if kind.asked:
        found = [result for result in found if result.run.config.rules.labelled]
    worst = {"lower": math.inf, "higher": -math.inf, None: None}[kind.better]
    listed = {result.run.seed: result.value(outcome) for result in found}
    filled = {seed: worst if value is None else value for seed, value in listed.items()}
    return {seed: value for seed, value in filled.items() if value is not None}


def paired(n: int, m: int) -> bool:
    """Whether a paired Wilcoxon test of n pairs can reach alpha after Holm's correction: 2 / 2^n < alpha / m."""
    return smallest_p(n, n, paired=True) < ALPHA / m


def pairs_needed(m: int) -> int:
    """The smallest number of pairs for which `paired` is true."""
    return next(n for n in range(1, 100) if paired(n, m))


def planned_seeds(study: Study, arm: str) -> int:
    """The number of seeds planned for an arm; all arms have the same first seed."""
    return int(study.cells()[arm].get("seeds", study.seeds))


def planned_pairs(study: Study, ask: Ask) -> int:
    """The number of seeds planned for both sides of a comparison."""
    return min(planned_seeds(study, ask.arm), planned_seeds(study, ask.reference))


def _lacking(
    study: Study, ask: Ask, outcome: str, kind: Outcome, by_arm: Mapping[str, list[Result]], plain: Collection[str]
) -> tuple[str, str]:
    """The side of a comparison that can have no value, with the reason; plain: the arms without labels."""
    for arm in (ask.arm, ask.reference):
        if kind.asked and arm in plain:
            return arm, NO_LABELS
        runs = by_arm.get(arm, [])
        if len(runs) >= planned_seeds(study, arm) and not values(runs, outcome):
            return arm, NO_VALUES
    return "", ""


def _contrast(
    study: Study, ask: Ask, section: str, outcome: str, by_arm: dict[str, list[Result]], m: int
) -> Contrast | None:
    arm, reference = by_arm.get(ask.arm, []), by_arm.get(ask.reference, [])
    ours, theirs = values(arm, outcome), values(reference, outcome)
    if not ours or not theirs:
        return None
    kind = outcome_of([*arm, *reference], outcome)
    # If no value is worse, runs that broke down have no rank and are left out; they count among the failures.
    failed = [[r.run.seed for r in side if r.failure() is not None] for side in (arm, reference)]
    return contrast(
        short(ask.arm, section),
        ours,
        short(ask.reference, section),
        theirs,
        outcome=outcome,
        better=kind.better,
        margin=study.margin,
        failures=study.failures,
        scale=kind.scale,
        failed_a=failed[0],
        failed_b=failed[1],
        paired=bool(study.pairs) and paired(planned_pairs(study, ask), m),
    )
