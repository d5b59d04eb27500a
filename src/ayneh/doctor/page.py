"""A diagnosis as a page: what was found, the evidence, the courses, pictures, and how to read it all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ayneh import probe
from ayneh.config import Config, flatten
from ayneh.doctor import figures, rescue
from ayneh.doctor.doctor import Doctor, command
from ayneh.doctor.findings import SEVERITIES, Course, Finding
from ayneh.doctor.moments import moments
from ayneh.doctor.symptoms import SYMPTOMS
from ayneh.pages.sheet import environment_of
from ayneh.record import RESCUES, Record

PAGE = "diagnosis"
MARKS = {"severe": "▼", "warning": "!", "note": "·"}


@dataclass(frozen=True)
class Section:
    """A part of the page that another room wrote: paragraphs, then figures with their titles."""

    anchor: str
    title: str
    words: Sequence[str]
    figures: Sequence[tuple[str, str]]  # (title, SVG)


def sections(record: Record, replica: int) -> list[Section]:
    """The parts beside the doctor's own: whatever other verbs have found out about this run."""
    found = []
    if rescues := rescue.from_dict(record.report(RESCUES)):
        found.append(Section("rescues", "Rescues", [rescue.sentence() for rescue in rescues], []))
    if values := record.report("probe", replica=replica):
        try:
            found.append(Section("probe", "The support probe", probe.words(values), probe.figures(values)))
        except KeyError as error:
            old = f"probe.json lacks {error}; another version wrote it: probe once more."
            found.append(Section("probe", "The support probe", [old], []))
    return found


def standing(record: Record, config: Config, doctor: Doctor) -> str:
    """How far the run is, and whether it goes on, in a sentence."""
    found = record.standing()
    if not found.steps:
        return "No step has been written down yet."
    where = f"{found.epochs} of {found.wanted} epochs, {found.steps:,} steps"
    broken = [str(r) for r in range(config.seeds) if any(f.name == "not finite" for f in doctor.findings(r))]
    who = f" of replica {', '.join(broken)}" if broken and config.seeds > 1 else ""
    return {
        "broken down": f"Broke down{who} after {where}: numbers stopped being finite.",
        "finished": f"Finished: {where}.",
        "running": f"Not finished: {where}. It is running.",
        "interrupted": f"Interrupted: {where}. `ayneh resume {record.folder}` goes on.",
    }.get(found.state, f"Not finished: {where}. It was stopped; `ayneh resume {record.folder}` goes on.")


def verdict(findings: Sequence[Finding], course: Course, silent: dict[str, str]) -> str:
    """The whole in a sentence."""
    looks, told = len(course.steps), len(SYMPTOMS) - len(silent)
    if not looks:
        return "There is nothing to look at yet."
    if not findings:
        return f"Nothing was found: {told} of {len(SYMPTOMS)} symptoms could be looked for, in {looks} looks."
    lasting = [finding for finding in findings if finding.until_step is None]
    first = ranked(lasting or findings)[0]
    kinds = {"severe": "ill", "warning": "with warnings", "note": "with notes"}
    tense = "is" if lasting else "was"
    until = "" if first.until_step is None else f" until step {first.until_step:,}"
    cleared = len(findings) - len(lasting)
    count = f"{len(findings)} finding{'s' if len(findings) > 1 else ''} in {looks} looks"
    return (
        f"The run {tense} {kinds[first.severity]}: {SYMPTOMS[first.name].title}, since step {first.since_step:,}"
        f"{until}. {count}{f', of which {cleared} cleared' if cleared else ''}."
    )


def ranked(findings: Sequence[Finding]) -> list[Finding]:
    """The severest first, then in the order of the steps."""
    return sorted(findings, key=lambda f: (-SEVERITIES.index(f.severity), f.since_step, f.name))


def render(record: Record, config: Config, doctor: Doctor, replica: int) -> str:
    """The page's HTML."""
    course, findings = doctor.course(replica), ranked(doctor.findings(replica))
    silent = doctor.untold(replica)
    usual = flatten(Config())
    return (
        environment_of("doctor")
        .get_template("diagnosis.html.j2")
        .render(
            folder=record.folder.name,
            config=config,
            replica=replica,
            seed=config.seed + replica,
            standing=standing(record, config, doctor),
            verdict=verdict(findings, course, silent),
            cards=[card(finding, course, config) for finding in findings],
            courses=_drawn(course, findings),
            measures=_measures(course, findings, silent),
            pictures=moments(record, replica, config.seeds, course, findings),
            silent=[(SYMPTOMS[name].title, why) for name, why in silent.items()],
            sections=[(one, [(t, Markup(svg)) for t, svg in one.figures]) for one in sections(record, replica)],
            settings={name: value for name, value in flatten(config).items() if value != usual[name]},
            command=command(config, {}),
            marks=MARKS,
        )
    )


def _drawn(course: Course, findings: Sequence[Finding]) -> list[tuple[str, Markup]]:
    return [(title, Markup(svg)) for title, svg in figures.courses(course, findings)] if len(course.steps) else []


def _measures(course: Course, findings: Sequence[Finding], silent: dict[str, str]) -> list[tuple[str, str, Markup]]:
    """(title, source, SVG) of what was looked for and not found."""
    found = {finding.name for finding in findings}
    drawn = []
    for name, symptom in SYMPTOMS.items():
        if name in found or name in silent:
            continue
        svg = figures.measure(name, course, [])
        if svg is not None and symptom.patience > 1:
            drawn.append((symptom.title, symptom.source, Markup(svg)))
    return drawn


def card(finding: Finding, course: Course, config: Config) -> dict[str, Any]:
    """A finding as the page and the terminal show it."""
    symptom = SYMPTOMS[finding.name]
    svg = figures.measure(finding.name, course, [finding]) if symptom.patience > 1 else None
    at = {int(step): int(epoch) for step, epoch in zip(course.steps, course.get("epoch"), strict=True)}
    return {
        "finding": finding,
        "title": symptom.title,
        "mark": MARKS[finding.severity],
        "when": when(finding, at),
        "rule": f"{'at most' if symptom.below else 'at least'} {finding.threshold:.3g} at {symptom.patience} "
        f"look{'s' if symptom.patience > 1 else ''} in a row",
        "command": command(config, finding.cure.changes) if finding.cure.changes else "",
        "svg": None if svg is None else Markup(svg),
    }


def when(finding: Finding, epochs: dict[int, int]) -> str:
    """Since which step, until which."""
    since = f"since step {finding.since_step:,} (epoch {epochs[finding.since_step]})"
    if finding.until_step is None:
        return f"{since}, and it lasts"
    return f"{since}, until step {finding.until_step:,} (epoch {epochs[finding.until_step]})"
