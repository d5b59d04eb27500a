"""What a finding is, and when one appears and clears: the mechanics behind `symptoms.SYMPTOMS`.

A symptom reads one number from each look at a run. The finding appears when that number has been beyond its threshold
at ``patience`` looks in a row, and clears when it has been well within it at as many. Between the two lines nothing
changes, so that a finding does not flicker (a Schmitt trigger with a counter).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

Severity = Literal["note", "warning", "severe"]
Facts = Mapping[str, Any]  # settings by their dotted names, and what else is known of a run
SEVERITIES: tuple[Severity, ...] = ("note", "warning", "severe")
SLACK = 0.8  # a finding clears once its number is a fifth within the threshold


@dataclass(frozen=True)
class Course:
    """One replica's record: ``steps`` (T,), ascending, and by name a number for each of them, NaN where there is none.

    A measure may look back from a look, never ahead: what is said live is what is said afterwards.
    """

    steps: np.ndarray
    series: Mapping[str, np.ndarray]
    facts: Facts

    def get(self, name: str) -> np.ndarray:
        """The series of this name, (T,); all NaN where the record has none."""
        found = self.series.get(name)
        return np.full(len(self.steps), np.nan) if found is None else found


@dataclass(frozen=True)
class Cure:
    """What to do: in words, and as changes of settings by their dotted names."""

    words: str
    changes: Mapping[str, Any]


@dataclass(frozen=True)
class Symptom:
    """One thing that can be wrong with a run.

    ``evidence`` is a sentence with places for ``value`` and the series, as they were when the finding appeared.
    ``applies`` says why the question makes no sense for these facts, or nothing.
    """

    title: str
    severity: Severity
    needs: tuple[str, ...]
    """Series or facts that the measure reads."""
    measure: Callable[[Course], np.ndarray]
    """(T,): the number that is held against the threshold; NaN where it cannot be told."""
    threshold: float
    evidence: str
    source: str
    """Where the threshold comes from."""
    cure: Callable[[Facts], Cure]
    below: bool = False
    """Ill at or below the threshold, not at or above it."""
    patience: int = 3
    applies: Callable[[Facts], str] = lambda facts: ""

    def ill(self, value: float) -> bool:
        """Whether this number is beyond the threshold."""
        return value <= self.threshold if self.below else value >= self.threshold

    def well(self, value: float) -> bool:
        """Whether it is well within."""
        return value > self.threshold / SLACK if self.below else value < self.threshold * SLACK

    def margin(self, values: np.ndarray) -> np.ndarray:
        """How far beyond the threshold, as a natural logarithm: above 0 is ill, and larger is worse, (T,) -> (T,)."""
        with np.errstate(divide="ignore"):
            logs = np.log(np.maximum(values, 1e-12) / self.threshold)
        return -logs if self.below else logs


@dataclass(frozen=True)
class Finding:
    """A symptom that a run showed."""

    name: str
    severity: Severity
    since_step: int
    """The first of the looks in a row that made it a finding."""
    told_step: int
    """The look at which it could be told."""
    until_step: int | None
    """The look at which it had cleared; None while it lasts."""
    value: float
    """The number at ``told_step``, held against ``threshold``."""
    threshold: float
    evidence: str
    source: str
    cure: Cure


class Watch:
    """One symptom over one run, fed look by look."""

    def __init__(self, name: str, symptom: Symptom) -> None:
        self.name, self.symptom = name, symptom
        self.findings: list[Finding] = []
        self.present = False
        self._streak, self._since = 0, 0

    @property
    def pending(self) -> bool:
        """Whether the last look could be the first of those that make a finding."""
        return not self.present and self._streak > 0

    def see(self, course: Course, t: int, value: float) -> bool:
        """Take in look t, with the measure's value at it; whether something changed."""
        if math.isnan(value):
            return False
        step = int(course.steps[t])
        wanted = self.symptom.well(value) if self.present else self.symptom.ill(value)
        self._streak = self._streak + 1 if wanted else 0
        if self._streak == 1:
            self._since = step
        if self._streak < self.symptom.patience:
            return False
        self._streak = 0
        if self.present:
            self.findings[-1] = _until(self.findings[-1], step)
        else:
            self.findings.append(self._found(course, t, value))
        self.present = not self.present
        return True

    def _found(self, course: Course, t: int, value: float) -> Finding:
        symptom = self.symptom
        seen = _Seen({name: float(column[t]) for name, column in course.series.items()}, value=value)
        words = symptom.evidence.format_map(seen).replace("%", " %")
        step = int(course.steps[t])
        return Finding(self.name, symptom.severity, self._since, step, None, value, symptom.threshold, words,
                       symptom.source, symptom.cure(course.facts))  # fmt: skip


class _Seen(dict[str, float]):
    """Numbers at one look; what was not measured is NaN."""

    def __missing__(self, name: str) -> float:
        return math.nan


def _until(finding: Finding, step: int) -> Finding:
    return replace(finding, until_step=step)


def untold(symptom: Symptom, course: Course, values: np.ndarray) -> str:
    """Why nothing can be said of this symptom in this run; nothing where something can."""
    if words := symptom.applies(course.facts):
        return words
    if np.isfinite(values).any():
        return ""
    missing = [name for name in symptom.needs if not np.isfinite(course.get(name)).any() and name not in course.facts]
    if missing:
        return f"the record has no {', '.join(missing)}"
    return "too few looks so far"


# -- what measures are made of -----------------------------------------------------------------------------------------


def recent(values: np.ndarray, looks: int) -> np.ndarray:
    """The median of the last ``looks`` numbers at each look, (T,) -> (T,); NaN wherever there are fewer.

    Looks without a number are passed over, and have none.
    """
    have = np.flatnonzero(np.isfinite(values))
    found = np.full(len(values), np.nan)
    if len(have) >= looks:
        windows = np.lib.stride_tricks.sliding_window_view(values[have], looks)
        found[have[looks - 1 :]] = np.median(windows, axis=1)
    return found


def best_before(values: np.ndarray, highest: bool) -> np.ndarray:
    """The highest (lowest) number of all looks before each, (T,) -> (T,); NaN where there is none."""
    start = -np.inf if highest else np.inf
    known = np.where(np.isfinite(values), values, start)
    so_far = (np.maximum if highest else np.minimum).accumulate(np.concatenate([[start], known[:-1]]))
    return np.where(np.isfinite(so_far), so_far, np.nan)
