"""What a study's report shows as figures: forest plots and curves by the factors' levels, strips of pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ayneh.doctor.symptoms import CROSS_ENTROPY
from ayneh.evenly import evenly
from ayneh.studies.comparisons import MARKS, Compared
from ayneh.studies.design import Study, grouped
from ayneh.studies.figures import WORDS, Bar, Curve, Words, curves, forest
from ayneh.studies.ledger import Ledger
from ayneh.studies.numbers import number
from ayneh.studies.panels import IN_A_PANEL, left_over, panels, sections, short
from ayneh.studies.results import Result
from ayneh.studies.strips import LOOKS, Strip, strip

SIDES = {"lower": ("better", "worse"), "higher": ("worse", "better"), None: ("lower", "higher")}


@dataclass(frozen=True)
class Panel:
    """A group of arms and their curves."""

    title: str
    questions: list[str]
    svgs: list[str]


@dataclass(frozen=True)
class Strips:
    """Pictures of a section's arms after the same epochs."""

    title: str
    epochs: list[int]
    strips: list[tuple[str, Strip]]  # with the arm's name within the section


def forests(compared: Mapping[str, Sequence[Compared]]) -> dict[str, list[tuple[str, str]]]:
    """{outcome: (section, forest plot as SVG) for each section}."""
    found: dict[str, list[tuple[str, str]]] = {}
    for outcome, group in compared.items():
        kind = group[0].kind
        for section, rows in grouped(group, lambda one: one.section).items():
            if not any(one.contrast for one in rows):
                continue
            svg = forest(
                f"forest {outcome} {section}",
                list(_bars(rows)),
                ratio=kind.scale == "ratio",
                label=f"{outcome}: {'times' if kind.scale == 'ratio' else 'difference from'} the reference's",
                sides=SIDES[kind.better],
            )
            found.setdefault(outcome, []).append((section, svg))
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
        words = f"{MARKS[one.verdict]} {one.verdict}  {number(size.value)}"
        room = one.contrast.margin * (1.0 if one.contrast.scale == "ratio" else abs(one.contrast.centre_b.value))
        yield Bar(label, size.value, size.low, size.high, room, one.verdict, words)


def panels_of(study: Study, by_arm: Mapping[str, Sequence[Result]], words: Words = WORDS) -> list[Panel]:
    """Curves over the images seen: the distance, and both losses."""
    found = []
    mark = (2 * math.log(2), words.guesses) if study.config().rules.loss in CROSS_ENTROPY else None
    for section, asks in sections(study).items():
        for asked, arms in panels(asks):
            found.append(_panel(section, asked, arms, by_arm, mark, words))
    rest = left_over(study)
    for start in range(0, len(rest), IN_A_PANEL):
        arms = rest[start : start + IN_A_PANEL]
        found.append(_panel("", ["arms that no comparison names"], arms, by_arm, mark, words))
    return [panel for panel in found if panel.svgs]


def _panel(
    section: str,
    asked: Sequence[str],
    arms: Sequence[str],
    by_arm: Mapping[str, Sequence[Result]],
    mark: tuple[float, str] | None,
    words: Words,
) -> Panel:
    have = {words.arms.get(arm, short(arm, section)): by_arm[arm] for arm in arms if arm in by_arm}
    if len(have) < 2 <= len(arms):  # fewer than two arms have a finished run
        return Panel(section, [], [])
    name = f"{section} {' '.join(arms)}"
    distance = [
        _curve(arm, [{look["images"]: look.get("fd", math.inf) for look in run.looks} for run in found], math.inf)
        for arm, found in have.items()
    ]
    drawn = []
    if any(np.isfinite(curve.values).any() for curve in distance):
        drawn.append(curves(f"fd {name}", {words.distance: distance}, words=words))
    losses = {
        label: [_curve(arm, [_at_images(run.lines, name) for run in found], math.nan) for arm, found in have.items()]
        for label, name in ((words.loss_d, "mean_loss_d"), (words.loss_g, "mean_loss_g"))
    }
    if have:
        drawn.append(curves(f"loss {name}", losses, mark, words))
    return Panel(section, [q for q in asked if q], drawn)


def _at_images(lines: Sequence[Mapping[str, Any]], name: str) -> dict[float, float]:
    """The first replica's number by images, in the lines that have it: a damaged one may not."""
    return {line["images"]: line[name][0] for line in lines if line.get(name)}


def _curve(arm: str, runs: Sequence[Mapping[float, float]], gone: float) -> Curve:
    """An arm's runs, each {images seen: value}; ``gone``: the value after a breakdown."""
    x = sorted({images for run in runs for images in run})
    rows = [[run.get(images, gone) for images in x] for run in runs]
    return Curve(arm, x, np.array(rows, dtype=float).reshape(len(runs), len(x)))


def strips_of(ledger: Ledger, by_arm: Mapping[str, Sequence[Result]]) -> list[Strips]:
    """Pictures of every arm with a finished run, by section."""
    study = ledger.study
    epochs = evenly(study.look_epochs(), LOOKS)
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
