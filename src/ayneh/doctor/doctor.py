"""The doctor: reads a run's lines of metrics one by one, during training or afterwards, and reports events.

At an event a finding has appeared or cleared. Both ways of reading give the same events.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from ayneh.config import Config
from ayneh.doctor import words
from ayneh.doctor.courses import Columns, Course, Facts, Line, facts_of, row_of
from ayneh.doctor.cures import command
from ayneh.doctor.findings import Finding, Watch
from ayneh.doctor.symptoms import examine, newest, symptoms
from ayneh.labels import Labels


@dataclass(frozen=True)
class Event:
    """A finding appeared or cleared."""

    step: int
    epoch: int
    replica: int
    appeared: bool
    finding: Finding
    argv: list[str]
    """The command that tries the finding's cure; empty if the cure changes no setting."""
    seed: int | None = None
    """The replica's seed, where the run has several replicas."""

    def as_dict(self) -> dict[str, Any]:
        """One line of findings.jsonl."""
        finding = self.finding
        return {
            "step": self.step,
            "epoch": self.epoch,
            "replica": self.replica,
            "name": finding.name,
            "title": finding.title,
            "severity": finding.severity,
            "appeared": self.appeared,
            "since_step": finding.since_step,
            "until_step": finding.until_step,
            "value": finding.value if math.isfinite(finding.value) else None,
            "threshold": finding.threshold,
            "evidence": finding.evidence,
            "source": finding.source,
            "advice": asdict(finding.cure) | {"argv": self.argv},
        }

    @property
    def words(self) -> str:
        """The event as a line for the terminal."""
        return words.sentence(self.as_dict(), self.seed)


class Doctor:
    """Reads a run line by line."""

    def __init__(self, config: Config, lines: Iterable[Line] = (), labels: Labels | None = None) -> None:
        """lines: earlier ones, whose events are not reported again; labels: the classes of a labelled run."""
        self.config = config
        facts = facts_of(config, labels)
        self.patients = [Patient(r, facts) for r in range(config.seeds)]
        self._images = float(config.data.limit or math.nan)  # training images: the limit, or as many as an epoch shows
        self._before: Line = {"epoch": 0, "images": math.nan}
        for line in lines:
            self.look(line)

    def look(self, line: Line) -> list[Event]:
        """Read one more line of metrics; the findings that appear and clear with it."""
        if line["epoch"] > self._before["epoch"] == 0:  # the first epoch showed each image once
            shown = self._before["images"] - self._before.get("images_given_up", 0)
            self._images = min(self._images, shown) if self.config.data.limit else shown
        self._before = line
        events = []
        for patient in self.patients:
            patient.columns.add(row_of(line, patient.replica, self._images))
            events += self._events(patient, line["step"], line["epoch"])
        return events

    def fell(self, step: int, epoch: int, replica: int) -> list[Event]:
        """Note that a replica's numbers stopped being finite at this step, for which there is no line of metrics."""
        patient = self.patients[replica]
        patient.columns.add({"step": step, "epoch": epoch, "broken": 1.0})
        return self._events(patient, step, epoch)

    def _events(self, patient: Patient, step: int, epoch: int) -> list[Event]:
        seed = self.config.seed + patient.replica if self.config.seeds > 1 else None
        return [
            Event(step, epoch, patient.replica, appeared, finding, command(self.config, finding.cure), seed)
            for finding, appeared in patient.look()
        ]

    def findings(self, replica: int = 0) -> list[Finding]:
        """All findings of a replica so far, in the order in which they appeared."""
        found = [finding for watch in self.patients[replica].watches.values() for finding in watch.findings]
        return sorted(found, key=lambda finding: (finding.found_step, finding.name))

    def treatable(self) -> list[Finding]:
        """The severe findings that last and for which a change of settings is known (none is for images too dark)."""
        found = [finding for replica in range(self.config.seeds) for finding in self.findings(replica)]
        return [f for f in found if f.severity == "severe" and f.until_step is None and f.cure.changes]

    def content(self) -> bool:
        """Whether nothing treatable lasts and every replica is `Patient.well`."""
        return all(patient.well() for patient in self.patients) and not self.treatable()

    def untold(self, replica: int = 0) -> dict[str, str]:
        """The symptoms that cannot be judged in a replica, with the reason."""
        return examine(self.course(replica))[1]

    def course(self, replica: int = 0) -> Course:
        """The replica's record so far."""
        patient = self.patients[replica]
        return patient.columns.course(patient.facts)


class Patient:
    """One replica: its columns, and a watch over each symptom."""

    def __init__(self, replica: int, facts: Facts) -> None:
        self.replica, self.facts, self.columns = replica, facts, Columns()
        self.watches = {name: Watch(name, symptom) for name, symptom in symptoms(facts).items()}

    def look(self) -> list[tuple[Finding, bool]]:
        """The findings that appear (True) or clear (False) with the newest row."""
        course, changed = self.columns.course(self.facts), []
        last = len(course.steps) - 1
        for watch in self.watches.values():
            value = newest(watch.symptom, course)
            if watch.see(course, last, value):
                changed.append((watch.findings[-1], watch.present))
        return changed

    def well(self) -> bool:
        """Whether every severe, treatable symptom is well within its threshold at the newest look.

        At least one of them must have a number, and none may have begun a row of ill looks.
        """
        course, wells = self.columns.course(self.facts), []
        for name, watch in self.watches.items():
            symptom = watch.symptom
            if symptom.severity != "severe" or name == "not finite" or not symptom.cure(self.facts).changes:
                continue
            if watch.pending:
                return False
            value = newest(symptom, course)
            wells += [symptom.well(value)] if math.isfinite(value) else []
        return bool(wells) and all(wells)
