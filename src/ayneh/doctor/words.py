"""All sentences about findings and events, for the terminal, the page and the model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ayneh.doctor.courses import Course
from ayneh.doctor.cures import shown
from ayneh.doctor.findings import SEVERITIES, Finding, Severity
from ayneh.doctor.symptoms import symptoms
from ayneh.record.owner import going_on
from ayneh.record.standing import Standing

STATES: Mapping[Severity, tuple[str, str]] = {  # while the finding lasts, and once it has cleared
    "severe": ("is ill", "was ill"),
    "warning": ("has warnings", "had warnings"),
    "note": ("has notes", "had notes"),
}


def sentence(event: Mapping[str, Any], seed: int | None = None) -> str:
    """An event of findings.jsonl as a line for the terminal. seed: the replica's, where the run has several."""
    who = "" if seed is None else f"seed {seed}: "
    if not event["appeared"]:
        return f"{who}step {event['step']}, cleared: {event['title']}."
    advice = event["advice"]
    return (
        f"{who}step {event['step']}, {event['severity']}: {event['title']}. {event['evidence']} "
        f"{to_do(advice['words'], advice['argv'])}"
    )


def to_do(words: str, argv: Sequence[str]) -> str:
    """A cure's words, and the command that tries it, if there is one, quoted for a shell."""
    if not argv:
        return words
    return f"{words} {'Try' if len(argv) > 1 else 'Try in Python'}: {shown(argv)}"


def standing(run: Standing, broken: Sequence[int], folder: Path) -> str:
    """How far a run is and whether it goes on. broken: the replicas that broke down, where the run has several."""
    where = f"{run.epochs} of {run.wanted} epochs, {run.steps:,} steps"
    who = f" of replica {', '.join(map(str, broken))}" if broken else ""
    if not run.steps and run.state != "broken down":
        return "No step has been written down yet."
    return {
        "running": f"In training: {where}.",
        "finished": f"Finished: {where}.",
        "interrupted": f"Interrupted: {where}. `{going_on(folder)}` continues it.",
        "stopped": f"Stopped: {where}. `{going_on(folder)}` continues it.",
        "broken down": f"Broke down{who} after {where}: numbers stopped being finite.",
    }[run.state]


def statement(finding: Finding) -> str:
    """A finding's title and evidence."""
    return f"{finding.title[:1].upper()}{finding.title[1:]}. {finding.evidence}"


def entry(finding: Finding) -> str:
    """A finding in the list of the model card: no command, since commands may name folders."""
    return f"{finding.severity}, {span(finding)}: {finding.name}. {finding.evidence}"


def span(finding: Finding, epochs: Mapping[int, int] | None = None) -> str:
    """Since which step, or from which to which. epochs: of each step; given, they are named as well."""
    first = f"step {finding.since_step:,}{_epoch(finding.since_step, epochs)}"
    if finding.until_step is None:
        return f"since {first}"
    return f"from {first} until step {finding.until_step:,}{_epoch(finding.until_step, epochs)}"


def _epoch(step: int, epochs: Mapping[int, int] | None) -> str:
    return f" (epoch {epochs[step]})" if epochs else ""


def limit(finding: Finding) -> str:
    """The threshold with its sign, as in the table of docs/doctor.md: ≤ 0.05."""
    return f"{'≤' if symptoms()[finding.name].below else '≥'} {finding.threshold:.3g}"


def rule(finding: Finding) -> str:
    """When the finding's number is ill."""
    symptom = symptoms()[finding.name]
    looks = f"{symptom.patience} look{'s' if symptom.patience > 1 else ''} in a row"
    return f"{'at most' if symptom.below else 'at least'} {finding.threshold:.3g} at {looks}"


def ranked(findings: Sequence[Finding]) -> list[Finding]:
    """The most severe first, then by the first step."""
    return sorted(findings, key=lambda f: (-SEVERITIES.index(f.severity), f.since_step, f.name))


def verdict(findings: Sequence[Finding], course: Course, untold: Mapping[str, str]) -> str:
    """All findings of a replica in one sentence. untold: the symptoms that cannot be judged."""
    looks = len(course.steps)
    if not looks:
        return "There is nothing to look at yet."
    if not findings:
        every = len(symptoms(course.facts))
        judged = every - len(untold)
        return f"Nothing was found: {judged} of {every} symptoms could be judged, in {looks} looks."
    lasting = [finding for finding in findings if finding.until_step is None]
    first = ranked(lasting or findings)[0]
    cleared = len(findings) - len(lasting)
    count = f"{len(findings)} finding{'s' if len(findings) > 1 else ''} in {looks} looks"
    return (
        f"The run {STATES[first.severity][not lasting]}: {first.title}, {span(first)}. "
        f"{count}{f', of which {cleared} cleared' if cleared else ''}."
    )
