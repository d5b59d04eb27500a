"""What a symptom and a finding are, and when a finding appears and clears. The table is `symptoms.SYMPTOMS`.

A symptom computes one number at each look at a run. A finding appears when that number has been at or beyond its
threshold for ``patience`` looks in a row; it clears when the number has been within the threshold by a fifth for as
many looks. Between the two limits nothing changes, so a finding does not flicker (a Schmitt trigger with a counter).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from ayneh.doctor.courses import Course, Facts

Severity = Literal["note", "warning", "severe"]
SEVERITIES: tuple[Severity, ...] = ("note", "warning", "severe")
OF_CLASSES = ("class_spread_of", "class_swap_from", "class_swap_to")  # series whose numbers are those of classes
SLACK = 0.8  # a finding clears once its number is a fifth within the threshold
LITTLE = {"spread": 0.05, "alike": 0.3}  # at most: all samples are alike; each is like some other


@dataclass(frozen=True)
class Cure:
    """What to do: in words, and as changes of settings by their dotted names."""

    words: str
    changes: Mapping[str, Any]


@dataclass(frozen=True)
class Symptom:
    """One thing that can be wrong with a run.

    ``evidence`` is a sentence with places for ``value``, the series, ``variety`` (the sentence of `variety`) and
    ``because``, filled in at the look at which a finding appears. ``applies`` returns why the symptom cannot be judged
    under these facts; an empty string if it can.
    """

    title: str
    severity: Severity
    needs: tuple[str, ...]
    """Series or facts that the measure reads."""
    measure: Callable[[Course], np.ndarray]
    """(T,): the number that is compared with the threshold; NaN where it is not known."""
    threshold: float
    evidence: str
    source: str
    """Where the threshold comes from."""
    cure: Callable[[Facts], Cure]
    below: bool = False
    """Numbers at or below the threshold are ill; by default those at or above it are."""
    patience: int = 3
    applies: Callable[[Facts], str] = lambda facts: ""
    concerns: Callable[[Facts], bool] = lambda facts: True
    """Whether it is a matter of such a run at all: one of labelled games is left out of the others."""
    because: Callable[[Course, int], str] = lambda course, t: ""
    """A sentence on look t for the evidence."""
    latest: Callable[[Course], float] | None = None
    """The last number of ``measure``, where that is cheaper to compute alone."""

    def ill(self, value: float) -> bool:
        """Whether this number is at or beyond the threshold."""
        return value <= self.threshold if self.below else value >= self.threshold

    def well(self, value: float) -> bool:
        """Whether this number is within the threshold by a fifth."""
        return value > self.threshold / SLACK if self.below else value < self.threshold * SLACK

    def margin(self, values: np.ndarray) -> np.ndarray:
        """The log ratio of number and threshold, signed so that above 0 is ill, (T,) -> (T,)."""
        with np.errstate(divide="ignore"):
            logs = np.log(np.maximum(values, 1e-12) / self.threshold)
        return -logs if self.below else logs


@dataclass(frozen=True)
class Finding:
    """A symptom that a run showed."""

    name: str
    title: str
    severity: Severity
    since_step: int
    """The first of the looks in a row that made it a finding."""
    found_step: int
    """The last of these looks, at which the finding appeared."""
    until_step: int | None
    """The look at which it had cleared; None while it lasts."""
    value: float
    """The number at ``found_step``, compared with ``threshold``."""
    threshold: float
    evidence: str
    source: str
    cure: Cure


class Watch:
    """One symptom of one replica, look by look."""

    def __init__(self, name: str, symptom: Symptom) -> None:
        self.name, self.symptom = name, symptom
        self.findings: list[Finding] = []
        self.present = False
        self._streak, self._since = 0, 0

    @property
    def pending(self) -> bool:
        """Whether the last look was ill and no finding has appeared yet."""
        return not self.present and self._streak > 0

    def see(self, course: Course, t: int, value: float) -> bool:
        """Take look t, at which the measure is ``value``; True if a finding appeared or cleared with it."""
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
            self.findings[-1] = replace(self.findings[-1], until_step=step)
        else:
            self.findings.append(self._found(course, t, value))
        self.present = not self.present
        return True

    def _found(self, course: Course, t: int, value: float) -> Finding:
        symptom = self.symptom
        numbers = {name: float(column[t]) for name, column in course.series.items()}
        numbers |= {name: Named(number, course.facts) for name, number in numbers.items() if name in OF_CLASSES}
        words = {"variety": variety(course, t), "because": symptom.because(course, t)}
        seen: dict[str, Any] = defaultdict(lambda: math.nan, words | numbers, value=value)
        evidence = symptom.evidence.format_map(seen).replace("%", " %").rstrip()  # what was not measured is NaN
        return Finding(self.name, symptom.title, symptom.severity, self._since, int(course.steps[t]), None, value,
                       symptom.threshold, evidence, symptom.source, symptom.cure(course.facts))  # fmt: skip


def variety(course: Course, t: int) -> str:
    """Whether the samples at look t are nearly all alike or vary, in a sentence; "" where that is not known.

    Of few classes, and of real images without a sample near them, there are two kinds: a collapse has little variety;
    varied samples lack a part of the data or are unlike it, as noise is, to which a classifier gives a class, too.
    """
    spread, alike = (course.last(name, t + 1) for name in LITTLE)
    if spread is None or alike is None:
        return ""
    numbers = (
        f"their variance is {spread:.2g} times the data's, the distance to the nearest other sample {alike:.2g} times"
    )
    if spread <= LITTLE["spread"]:
        return f"The samples are nearly all alike, a mode collapse: {numbers}."
    if alike <= LITTLE["alike"]:
        return f"The samples repeat a few images: {numbers}."
    return f"The samples are not all alike ({numbers}): they lack a part of the data, or are unlike it, as noise is."


class Named(float):
    """The number of a class, which an evidence without a format shows by its name: {class_swap_to}."""

    names: Sequence[str]

    def __new__(cls, number: float, facts: Facts) -> Named:
        found = super().__new__(cls, number)
        found.names = facts.get("class_names") or ()
        return found

    def __format__(self, form: str) -> str:
        if form or math.isnan(self):
            return super().__format__(form)
        return self.names[int(self)] if int(self) < len(self.names) else f"{int(self)}"


def untold(symptom: Symptom, course: Course, values: np.ndarray) -> str:
    """Why this symptom cannot be judged in this run; an empty string if it can. values: its measure, (T,)."""
    if why := symptom.applies(course.facts):
        return why
    if np.isfinite(values).any():
        return ""
    missing = [
        name for name in symptom.needs if not np.isfinite(course.get(name)).any() and course.facts.get(name) is None
    ]
    return f"the record has no {', '.join(missing)}" if missing else "too few looks so far"
