"""A diagnosis: what the doctor finds in a whole run, for `ayneh diagnose`, its page and a Python interface."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ayneh.config import Config
from ayneh.doctor import rescue, words
from ayneh.doctor.courses import Course
from ayneh.doctor.cures import command
from ayneh.doctor.doctor import Doctor
from ayneh.doctor.findings import SEVERITIES, Finding, Severity
from ayneh.doctor.symptoms import symptoms
from ayneh.errors import need_replica
from ayneh.record.own import Noted
from ayneh.record.record import Record

ABSENT = "training found it by a symptom of one's own, which is not here: name its file with --parts"


@dataclass(frozen=True)
class Summary:
    """One replica's findings in short."""

    replica: int
    worst: Severity
    names: tuple[str, ...]


@dataclass(frozen=True)
class Diagnosis:
    """What the doctor finds in a run: one replica in full, and the others in short where anything was found."""

    config: Config
    """The run's settings as they were asked for, without what rescues changed."""
    replica: int
    course: Course
    standing: str
    """How far the run is, in a sentence."""
    verdict: str
    """The findings in a sentence."""
    findings: tuple[Finding, ...]
    """The most severe first."""
    untold: Mapping[str, str]
    """The symptoms that cannot be judged, with the reason."""
    others: tuple[Summary, ...]
    parts: tuple[Noted, ...] = ()
    """Those of one's own, as the run notes them."""

    def command(self, finding: Finding) -> list[str]:
        """The command that tries the finding's cure; empty if the cure changes no setting."""
        return command(self.config, finding.cure, self.parts)


def diagnose(record: Record, replica: int = 0) -> Diagnosis:
    """Read a run's whole record. Raises UserError for a replica that it does not have."""
    config = record.config()
    record.parts.need("prior")
    need_replica(replica, config.seeds)
    doctor = examined(record, config)
    findings, untold = words.ranked(doctor.findings(replica)), doctor.untold(replica)
    absent = {event["name"]: ABSENT for event in record.events() if event["name"] not in symptoms()}
    course = doctor.course(replica)
    broken = [r for r in range(config.seeds) if any(f.name == "not finite" for f in doctor.findings(r))]
    return Diagnosis(
        config=config,
        replica=replica,
        course=course,
        standing=words.standing(record.standing(), broken if config.seeds > 1 else [], record.folder),
        verdict=words.verdict(findings, course, untold),
        findings=tuple(findings),
        untold=untold | absent,
        others=tuple(_summaries(doctor, replica)),
        parts=tuple(record.parts.noted()),
    )


def examined(record: Record, config: Config) -> Doctor:
    """A doctor that has read every line of the record, and from findings.jsonl the breakdowns, which have no line."""
    doctor = Doctor(rescue.treated(config, rescue.of(record)), record.lines(), record.labels())
    for event in record.events():
        if event["name"] == "not finite" and event["appeared"] and "rescue" not in event:
            doctor.fell(event["step"], event["epoch"], event["replica"])
    return doctor


def _summaries(doctor: Doctor, but: int) -> list[Summary]:
    found = {r: doctor.findings(r) for r in range(doctor.config.seeds) if r != but}
    return [
        Summary(r, max((f.severity for f in some), key=SEVERITIES.index), tuple(sorted({f.name for f in some})))
        for r, some in found.items()
        if some
    ]
