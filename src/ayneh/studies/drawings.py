"""The drawings of a study's report: forest plots and curves by the factors' levels, strips of pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from ayneh.studies.comparisons import MARKS, Compared, verdict
from ayneh.studies.figures import Bar, Curve, curves, forest
from ayneh.studies.ledger import Ledger
from ayneh.studies.numbers import number
from ayneh.studies.panels import IN_A_PANEL, left_over, panels, sections, short
from ayneh.studies.plan import Study
from ayneh.studies.results import Result, outcome_named
from ayneh.studies.strips import Strip, chosen_looks, strip

SIDES = {"lower": ("better", "worse"), "higher": ("worse", "better"), None: ("lower", "higher")}
EQUILIBRIUM = {"non-saturating", "saturating"}  # losses whose D loses 2 ln 2 where it cannot tell real from fake


@dataclass(frozen=True)
class Drawn:
    """A figure and what it shows."""

    title: str
    svg: Markup


@dataclass(frozen=True)
class Panel:
    """Curves of a few arms."""

    title: str
    questions: list[str]
    svgs: list[Markup]


@dataclass(frozen=True)
class Strips:
    """Pictures of a section's arms after the same epochs."""

    title: str
    epochs: list[int]
    strips: list[tuple[str, Strip]]  # with the arm's name within the section


def forests(compared: Mapping[str, Sequence[Compared]]) -> dict[str, list[Drawn]]:
    """{outcome: a forest plot for each section}."""
    found: dict[str, list[Drawn]] = {}
    for outcome, group in compared.items():
        kind = outcome_named(outcome)
        by_section: dict[str, list[Compared]] = {}
        for one in group:
            by_section.setdefault(one.section, []).append(one)
        for section, rows in by_section.items():
            if not any(one.contrast for one in rows):
                continue
            svg = forest(
                f"forest {outcome} {section}",
                list(_bars(rows)),
                ratio=kind.scale == "ratio",
                label=f"{outcome}: {'times' if kind.scale == 'ratio' else 'difference from'} the reference's",
                sides=SIDES[kind.better],
            )
            found.setdefault(outcome, []).append(Drawn(section, Markup(svg)))
    return found


def _bars(rows: Sequence[Compared]) -> Iterator[Bar]:
    question = ""
    for one in rows:
        if one.contrast is None:
            continue
        if one.ask.question != question:
            question = one.ask.question
            yield Bar(question)
        label = f"{one.arm} : {one.reference}"
        size = one.contrast.effect
        said = verdict(one)
        words = f"{MARKS[said]} {said}  {number(size.value)}"
        room = one.contrast.margin * (1.0 if one.contrast.scale == "ratio" else abs(one.contrast.centre_b.value))
        yield Bar(label, size.value, size.low, size.high, room, said, words)


def panels_of(study: Study, by_arm: Mapping[str, Sequence[Result]]) -> list[Panel]:
    """Curves over the images seen: the distance, and both losses."""
    found = []
    mark = (2 * math.log(2), "2 ln 2: D cannot tell") if study.config().rules.loss in EQUILIBRIUM else None
    for section, asks in sections(study).items():
        for asked, arms in panels(asks):
            found.append(_panel(section, asked, arms, by_arm, mark))
    rest = left_over(study)
    for start in range(0, len(rest), IN_A_PANEL):
        found.append(_panel("", ["arms that no comparison names"], rest[start : start + IN_A_PANEL], by_arm, mark))
    return [panel for panel in found if panel.svgs]


def _panel(
    section: str,
    asked: Sequence[str],
    arms: Sequence[str],
    by_arm: Mapping[str, Sequence[Result]],
    mark: tuple[float, str] | None,
) -> Panel:
    have = {short(arm, section): by_arm[arm] for arm in arms if arm in by_arm}
    if len(have) < 2 <= len(arms):  # a reference whose arms are still to be played
        return Panel(section, [], [])
    name = f"{section} {' '.join(arms)}"
    distance = [look_curve(arm, found, "fd") for arm, found in have.items()]
    drawn = []
    if any(np.isfinite(curve.values).any() for curve in distance):
        drawn.append(Markup(curves(f"fd {name}", {"Fréchet distance": distance}, log=True)))
    losses = {
        f"loss of {who}": [line_curve(arm, found, f"mean_loss_{who.lower()}") for arm, found in have.items()]
        for who in "DG"
    }
    if have:
        drawn.append(Markup(curves(f"loss {name}", losses, log=True, mark=mark)))
    return Panel(section, [q for q in asked if q], drawn)


def look_curve(arm: str, found: Sequence[Result], score: str) -> Curve:
    """A score over the looks; infinite once a run broke down."""
    x = sorted({look["images"] for result in found for look in result.looks})
    rows = []
    for result in found:
        have = {look["images"]: look.get(score, math.inf) for look in result.looks}
        rows.append([have.get(images, math.inf) for images in x])
    return Curve(arm, x, np.array(rows, dtype=float).reshape(len(found), len(x)))


def line_curve(arm: str, found: Sequence[Result], measure: str) -> Curve:
    """A measure over the ticks; NaN once a run broke down."""
    x = sorted({line["images"] for result in found for line in result.lines})
    rows = []
    for result in found:
        have = {line["images"]: line[measure][0] for line in result.lines if measure in line}
        rows.append([have.get(images, math.nan) for images in x])
    return Curve(arm, x, np.array(rows, dtype=float).reshape(len(found), len(x)))


def strips_of(ledger: Ledger, by_arm: Mapping[str, Sequence[Result]]) -> list[Strips]:
    """Pictures of every arm with a finished run, by section."""
    study = ledger.study
    epochs = chosen_looks(study.look_epochs())
    arms = {section: list(dict.fromkeys(a for ask in asks for a in (ask.reference, ask.arm))) for section, asks in
            sections(study).items()}  # fmt: skip
    if rest := left_over(study):
        arms["other arms"] = rest
    order = list(study.cells())
    found = []
    for section, names in arms.items():
        have = [arm for arm in sorted(names, key=order.index) if arm in by_arm]
        strips = [(short(arm, section), strip(ledger, by_arm[arm], study.outcomes[0], epochs)) for arm in have]
        if strips:
            found.append(Strips(section, epochs, strips))
    return found
