"""What the doctor finds in a run, for Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ayneh.doctor import words
from ayneh.doctor.diagnosis import Diagnosis


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a run: ``print(finding)`` gives the sentence, with what to do."""

    name: str
    severity: str
    """severe, warning or note."""
    words: str
    """What is wrong, and the evidence."""
    since_step: int
    since_epoch: int | None
    until_step: int | None
    """None while it lasts."""
    value: float
    """What was measured; at ``threshold`` or beyond, it is a finding."""
    threshold: float
    to_do: str
    """The advice, and the command that tries it."""
    changes: Mapping[str, Any]
    """The advice as settings: ``config.changed(finding.changes)``; empty where it changes none."""

    def __str__(self) -> str:
        until = "" if self.until_step is None else f" until step {self.until_step:,}"
        return f"{self.severity}, since step {self.since_step:,}{until}: {self.words} {self.to_do}"


def findings_of(diagnosis: Diagnosis) -> list[Finding]:
    """A replica's findings, the most severe first."""
    epochs = diagnosis.course.epochs()
    return [
        Finding(
            name=found.name,
            severity=found.severity,
            words=words.statement(found),
            since_step=found.since_step,
            since_epoch=epochs.get(found.since_step),
            until_step=found.until_step,
            value=found.value,
            threshold=found.threshold,
            to_do=words.to_do(found.cure.words, diagnosis.command(found)),
            changes=dict(found.cure.changes),
        )
        for found in diagnosis.findings
    ]
