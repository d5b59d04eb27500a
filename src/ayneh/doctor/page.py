"""A diagnosis as a page: findings with evidence, the run's courses, pictures, and how to read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ayneh.config import Config, flatten
from ayneh.doctor import figures, words
from ayneh.doctor.courses import Course
from ayneh.doctor.cures import argv, shown
from ayneh.doctor.diagnosis import Diagnosis
from ayneh.doctor.findings import Finding
from ayneh.doctor.moments import moments
from ayneh.doctor.symptoms import symptoms
from ayneh.errors import extra, typed_as
from ayneh.files.whole import atomically, not_kept
from ayneh.pages.sheet import environment_of, name_of
from ayneh.record.record import Record
from ayneh.record.visited import Visited
from ayneh.terminal.text import warn

NAME = "diagnosis"
MARKS = {"severe": "▼", "warning": "!", "note": "·"}


@dataclass(frozen=True)
class Section:
    """A part of the page that the caller provides: paragraphs, then figures."""

    anchor: str
    title: str
    words: Sequence[str]
    figures: Sequence[tuple[str, str]] = ()  # (title, SVG)


@dataclass(frozen=True)
class Card:
    """A finding as the page shows it."""

    finding: Finding
    mark: str
    span: str
    rule: str
    command: str
    svg: str | None


def refuse_unwritten(record: Record, replica: int) -> None:
    """Raise what `write` would: for work that comes before it."""
    with extra("study", "The page"):
        import jinja2  # noqa: F401
        import matplotlib  # noqa: F401
    not_kept(_path(record, replica))  # a folder in the place of the page is refused


def write(record: Visited, diagnosis: Diagnosis, sections: Sequence[Section] = ()) -> tuple[str, Path | None]:
    """Write the page into the run folder; the page and its path, None where nothing can be written there.

    Raises UserError where the libraries for figures are missing.
    """
    with extra("study", "The page"):
        page = render(record, diagnosis, sections)
    path = _path(record, diagnosis.replica)
    if lost := not_kept(path):
        warn(lost)
        return page, None
    with atomically(path) as file:
        file.write(page.encode())
    return page, path


def _path(record: Record, replica: int) -> Path:
    return record.report_path(NAME, replica=replica, suffix=".html")


def render(record: Visited, diagnosis: Diagnosis, sections: Sequence[Section] = ()) -> str:
    """The page's HTML; ``sections`` come after the run's own courses."""
    diagnosis = _public(diagnosis, record.folder)
    config, course, findings = diagnosis.config, diagnosis.course, diagnosis.findings
    usual, table = flatten(Config()), symptoms()
    drawn = list(figures.courses(course, findings)) if len(course.steps) else []
    return (
        environment_of("doctor")
        .get_template("diagnosis.html.j2")
        .render(
            folder=name_of(record.folder),
            diagnosis=diagnosis,
            config=config,
            seed=config.seed + diagnosis.replica,
            cards=[_card(finding, diagnosis) for finding in findings],
            courses=drawn,
            classes=_classes(course),
            measures=_measures(diagnosis),
            pictures=moments(record, diagnosis.replica, config.seeds, course, findings),
            untold=[(table[name].title if name in table else name, why) for name, why in diagnosis.untold.items()],
            sections=sections,
            settings={name: value for name, value in flatten(config).items() if value != usual[name]},
            command=shown(argv(config, {}, diagnosis.parts)),
        )
    )


def _public(diagnosis: Diagnosis, folder: Path) -> Diagnosis:
    """The same without the folders above the run and its data: a page is handed to others."""
    standing = diagnosis.standing.replace(f"resume {typed_as(folder)}`", f"resume {typed_as(name_of(folder))}`")
    return replace(diagnosis, config=diagnosis.config.without_folders(), standing=standing)


@dataclass(frozen=True)
class Class:
    """A class of a labelled run at the last look at it, in words."""

    name: str
    share: str
    spread: str
    read: str
    ill: bool
    """Whether its variety is that of a collapsed class."""


def _classes(course: Course) -> list[Class]:
    """The classes of which the record has numbers each; none of an unlabelled run."""
    found = []
    names, shares = (course.facts.get(fact, ()) for fact in ("class_names", "class_shares"))
    for k, (name, share) in enumerate(zip(names, shares, strict=True)):
        spread, read = (course.last(f"class_{one}_{k}") for one in ("spread", "read"))
        if spread is not None:
            ill = spread <= symptoms()["one class collapsed"].threshold
            found.append(Class(name, f"{share:.1%}", f"{spread:.2f}", "" if read is None else f"{read:.0%}", ill))
    return found


def _measures(diagnosis: Diagnosis) -> list[tuple[str, str, str]]:
    """(title, source, SVG) of the symptoms that were judged and not found."""
    found = {finding.name for finding in diagnosis.findings}
    drawn = []
    for name, symptom in symptoms().items():
        if name in found or name in diagnosis.untold or symptom.patience == 1:
            continue
        svg = figures.measure(name, diagnosis.course, [])
        if svg is not None:
            drawn.append((symptom.title, symptom.source, svg))
    return drawn


def _card(finding: Finding, diagnosis: Diagnosis) -> Card:
    course = diagnosis.course
    svg = figures.measure(finding.name, course, [finding]) if symptoms()[finding.name].patience > 1 else None
    lasts = ", and it lasts" if finding.until_step is None else ""
    return Card(
        finding=finding,
        mark=MARKS[finding.severity],
        span=words.span(finding, course.epochs()) + lasts,
        rule=words.rule(finding),
        command=shown(diagnosis.command(finding)),
        svg=svg,
    )
