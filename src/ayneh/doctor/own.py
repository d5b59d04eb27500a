"""Symptoms of one's own: a function of what training measured that gives a number, as an entry of SYMPTOMS."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ayneh.config import Config, changed
from ayneh.doctor.courses import Course
from ayneh.doctor.findings import SEVERITIES, Cure, Severity
from ayneh.doctor.findings import Symptom as Entry
from ayneh.errors import UserError
from ayneh.files.reading import shown
from ayneh.parts.calling import parameters_of, settings_kept, what_happened
from ayneh.terminal.text import warn_once


@dataclass(frozen=True)
class Symptom:
    """A symptom of your own, for ``ayneh.add("finding", "too bright", ayneh.Symptom(...))``.

    The doctor looks for it in training, in `ayneh diagnose`, on its page and in the explorer.

    Args:
        measure: the name of a series, whose newest number is compared; or a function whose parameters are names of
            series: it gets for each the numbers of all looks so far, a float64 array (T,), NaN where a look has none,
            the newest last, and returns the number at the newest look (NaN where it is not known).
        threshold: from this number on a look is ill; above 0.
        below: numbers at or below the threshold are ill instead.
        patience: looks in a row that have to be ill before it is a finding, and well (within the threshold by a fifth)
            before it clears.
        severity: "note", "warning" or "severe"; a severe one with ``changes`` is a reason for a rescue.
        title: what is wrong, in a few words (default: its name).
        evidence: a sentence with places for the number and for series: "Pixels are {value:.2f} too bright."
        advice: what to do, in words.
        changes: the same as settings: {"optimizer.lr": 1e-4}.
        needs: the series that a function takes, in order (default: the names of its parameters).
        source: where the threshold comes from.

    Series are what a line of metrics.jsonl has for a replica: ``step``, ``epoch``, ``mean_loss_d``, ``mean_grad_g``,
    ...; the vital signs ``spread``, ``alike``, ``coverage``, ``high``, ``low``, ``data_high``, ...; of a labelled run
    ``class_read``, ``class_spread``, ``class_spread_7``, ... (docs/doctor.md); the scores ``fd``, ``class_kl``,
    ``modes``; any other score as ``score_sharpness``. Raises UserError for what it does not take. A
    function that fails costs its own symptom alone: a sentence gives the reason.

    >>> import ayneh
    >>> bright = ayneh.Symptom(lambda high, data_high: high[-1] - data_high[-1], threshold=0.3, patience=2)
    >>> bright.needs
    ('high', 'data_high')
    """

    measure: str | Callable[..., Any]
    threshold: float
    below: bool = False
    patience: int = 3
    severity: Severity = "warning"
    title: str = ""
    evidence: str = "The number is {value:.3g}."
    advice: str = "Look at the pictures."
    changes: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] | None = None
    source: str = "set by the user"

    def __post_init__(self) -> None:
        if not isinstance(self.measure, str) and not callable(self.measure):
            raise UserError(f"measure of a symptom is {shown(self.measure)}; it must be a series' name or a function.")
        number = isinstance(self.threshold, int | float) and not isinstance(self.threshold, bool)
        if not number or not 0 < self.threshold < math.inf:
            raise UserError(f"threshold of a symptom is {shown(self.threshold)}; it must be a number above 0.")
        if type(self.patience) is not int or self.patience < 1:
            raise UserError(f"patience of a symptom is {shown(self.patience)}; it must be a whole number from 1 on.")
        if self.severity not in SEVERITIES:
            raise UserError(f"severity of a symptom is {self.severity!r}; it must be one of: {', '.join(SEVERITIES)}.")
        changed(Config(), self.changes, "changes of a symptom")
        measure, needs = self.measure, self.needs
        if needs is None:
            needs = (measure,) if isinstance(measure, str) else tuple(one.name for one in parameters_of(measure))
        if not needs:
            raise UserError("The function of a symptom names no parameters: give the series that it takes as needs.")
        object.__setattr__(self, "needs", (needs,) if isinstance(needs, str) else tuple(needs))
        try:
            self.evidence.format_map(defaultdict(lambda: math.nan))
        except (ValueError, LookupError, AttributeError, TypeError) as error:
            raise UserError(
                f"evidence of a symptom is {self.evidence!r}, which cannot be filled in ({error}): write "
                "places such as {value:.2f} or {mean_loss_d:.3g}."
            ) from error


def check(name: str, value: Any, arguments: Mapping[str, Any]) -> None:
    """Raise UserError for what is no symptom, as `ayneh.add` does."""
    if arguments or not isinstance(value, Symptom):
        given = f"the argument {next(iter(arguments))!r}" if arguments else shown(value)
        raise UserError(
            f"ayneh.add gives the finding {name!r} {given}; it takes an ayneh.Symptom(measure, threshold, ...) alone."
        )


def entry_of(name: str, own: Symptom) -> Entry:
    """A symptom of one's own as an entry of SYMPTOMS."""
    found = _Measure(name, own)
    return Entry(
        title=own.title or name,
        severity=own.severity,
        needs=found.needs,
        measure=found.course,
        latest=found.at_last,
        threshold=float(own.threshold),
        evidence=own.evidence,
        source=own.source,
        cure=lambda facts: Cure(own.advice, own.changes),
        below=own.below,
        patience=own.patience,
        applies=lambda facts: found.problem,
    )


class _Measure:
    """The measure of a symptom of one's own; its function fails once at most."""

    def __init__(self, name: str, own: Symptom) -> None:
        assert own.needs is not None
        self.name, self.needs, self.problem = name, own.needs, ""
        self.function = (lambda series: series[-1]) if isinstance(own.measure, str) else own.measure

    def course(self, course: Course) -> np.ndarray:
        """The number at each look, (T,), each from that look and earlier ones."""
        series = [course.get(name) for name in self.needs]
        return np.array([self._at([one[: t + 1] for one in series]) for t in range(len(course.steps))])

    def at_last(self, course: Course) -> float:
        """The number at the newest look."""
        return self._at([course.get(name) for name in self.needs])

    def _at(self, series: list[np.ndarray]) -> float:
        if self.problem:
            return math.nan
        try:
            with settings_kept(), np.errstate(all="ignore"):
                found = self.function(*(one.copy() for one in series))
            if found is None or isinstance(found, bool | str | bytes):
                raise TypeError(f"it returned {shown(found)} instead of a number")
            return float(found)
        except Exception as error:
            self.problem = f"its function failed ({what_happened(error)})"
            warn_once(f"The finding {self.name!r} is not looked for: {self.problem}.")
            return math.nan
