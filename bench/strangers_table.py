"""What detectors of strangers come to: areas, shares and leads, with intervals of resampled kinds, and their table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import binomtest

import detector

if TYPE_CHECKING:  # strangers.py imports this file
    from strangers import Stranger

LEAD = 500  # steps
GAIN = 0.03  # a model is shipped whose area is above the doctor's by more than this
WORDS = {"shipped": "as it is", "thresholds": "thresholds anew", "logistic": "logistic", "boosting": "boosting"}


@dataclass(frozen=True)
class Detector:
    """Of each run a number, above 0 for an alarm, and the step of its first alarm (None: no steps are known)."""

    values: list[float]
    first: list[int | None] | None

    def rang(self, k: int) -> bool:
        return self.values[k] > 0 if self.first is None else self.first[k] is not None


Measure = Callable[[Detector, Sequence["Stranger"], Sequence[int]], float | None]


def area(one: Detector, runs: Sequence[Stranger], some: Sequence[int]) -> float | None:
    """Of the curve, ill against healthy, of some of the runs."""
    sides = [[one.values[k] for k in some if runs[k].case.label == label] for label in ("ill", "healthy")]
    return detector.auc(*sides)


def told(one: Detector, runs: Sequence[Stranger], some: Sequence[int], label: str = "ill") -> float | None:
    """The share of these with an alarm."""
    those = [k for k in some if runs[k].case.label == label]
    return float(np.mean([one.rang(k) for k in those])) if those else None


def falsely(one: Detector, runs: Sequence[Stranger], some: Sequence[int]) -> float | None:
    return told(one, runs, some, "healthy")


def leads(one: Detector, runs: Sequence[Stranger], some: Sequence[int]) -> list[float]:
    """Steps from the first alarm to the damage of each ill run that has both."""
    found = []
    for k in some:
        onset, step = runs[k].case.onset, one.first[k] if one.first else None
        if runs[k].ill and onset is not None and step is not None:
            found.append(float(onset - step))
    return found


def ahead(one: Detector, runs: Sequence[Stranger], some: Sequence[int]) -> float | None:
    """The share of ill runs with an alarm `LEAD` steps before the damage; of runs with visible damage."""
    damaged = sum(runs[k].ill and runs[k].case.onset is not None for k in some)
    return sum(lead >= LEAD for lead in leads(one, runs, some)) / damaged if damaged else None


def lead(one: Detector, runs: Sequence[Stranger], some: Sequence[int]) -> float | None:
    found = leads(one, runs, some)
    return float(np.median(found)) if found else None


def interval(measure: Callable[[Sequence[int]], float | None], runs: Sequence[Stranger]) -> tuple[float, float] | None:
    """95 %: kinds are resampled, each with all of its runs."""
    kinds: dict[str, list[int]] = {}
    for k, run in enumerate(runs):
        kinds.setdefault(run.kind, []).append(k)
    every, chance = list(kinds.values()), np.random.default_rng(0)
    found = []
    for _ in range(1000):
        value = measure([k for one in chance.integers(len(every), size=len(every)) for k in every[one]])
        found += [] if value is None else [value]
    if len(found) < 500:
        return None
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def worth(one: Detector, shipped: Detector, runs: Sequence[Stranger]) -> bool:
    """Whether its area is above the doctor's by more than `GAIN`, with an interval of the difference above 0."""
    gain = partial(_gain, one, shipped, runs)
    value, ends = gain(range(len(runs))), interval(gain, runs)
    return value is not None and ends is not None and value > GAIN and ends[0] > 0


def _gain(one: Detector, shipped: Detector, runs: Sequence[Stranger], some: Sequence[int]) -> float | None:
    areas = area(one, runs, some), area(shipped, runs, some)
    return None if areas[0] is None or areas[1] is None else areas[0] - areas[1]


def table(found: Mapping[str, Detector], runs: Sequence[Stranger]) -> list[str]:
    """The table of the docs in Markdown, every number with its interval."""
    count = {label: sum(run.case.label == label for run in runs) for label in ("healthy", "ill", "between")}
    kinds = len({run.kind for run in runs})
    ends = Counter(run.ended() or "none of these" for run in runs if run.ill)
    damaged = sum(run.ill and run.case.onset is not None for run in runs)
    said = ", ".join(f"{n} {how}" for how, n in ends.most_common())
    lines = [
        f"{len(runs)} runs of {kinds} kinds: {', '.join(f'{n} {label}' for label, n in count.items())}. "
        f"Of the ill ones, {said or 'none'}.",
        "",
        "| 95 %: kinds resampled; of shares, the wider of that and Clopper and Pearson's | "
        + " | ".join(WORDS[name] for name in found) + " |",
        "|---" * (1 + len(found)) + "|",
    ]  # fmt: skip
    rows: list[tuple[str, Measure, int | None, str]] = [
        ("area under the curve", area, None, ".3f"),
        (f"ill runs told, of {count['ill']}", told, count["ill"], ".0%"),
        (f"healthy runs told falsely, of {count['healthy']}", falsely, count["healthy"], ".1%"),
        (f"told {LEAD} steps before the damage, of {damaged} ill runs that show it", ahead, damaged, ".0%"),
        ("steps from the first alarm to the damage, median", lead, None, ".0f"),
    ]
    for words, measure, n, form in rows:
        cells = []
        for one in found.values():
            timed = one.first is not None or measure not in (ahead, lead)
            cells.append(_cell(partial(measure, one, runs), runs, n, form) if timed else "")
        lines.append(f"| {words} | {' | '.join(cells)} |")
    gains = [_cell(partial(_gain, one, found["shipped"], runs), runs, None, "+.3f") if name != "shipped" else ""
             for name, one in found.items()]  # fmt: skip
    return [*lines, f"| area above the doctor's by | {' | '.join(gains)} |"]


def _cell(measure: Callable[[Sequence[int]], float | None], runs: Sequence[Stranger], n: int | None, form: str) -> str:
    value, ends = measure(range(len(runs))), interval(measure, runs)
    if value is None:
        return "-"
    if n:
        exact = binomtest(round(value * n), n).proportion_ci(0.95, "exact")
        ends = (min(exact.low, ends[0]), max(exact.high, ends[1])) if ends else (exact.low, exact.high)
    return f"{value:{form}} ({ends[0]:{form}} to {ends[1]:{form}})" if ends else f"{value:{form}} (too few kinds)"
