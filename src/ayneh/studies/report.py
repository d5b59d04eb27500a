"""A study's report: one page, tables, and its verdicts as lines for the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from ayneh.errors import extra
from ayneh.files.whole import atomically, not_kept, refuse_unwritable
from ayneh.pages.sheet import environment_of, name_of
from ayneh.record.owner import playing
from ayneh.studies import drawings, settings
from ayneh.studies import results as outcomes
from ayneh.studies.comparisons import (
    MARKS,
    Compared,
    all_fell,
    arms_of,
    compare,
    compared_on,
    pairs_needed,
    planned_pairs,
    planned_seeds,
    tally,
    values,
)
from ayneh.studies.contrast import ALPHA
from ayneh.studies.design import Study, grouped
from ayneh.studies.intervals import LEAST_OF_TWO, Interval, centre
from ayneh.studies.ledger import Ledger
from ayneh.studies.numbers import interval, number, p_words
from ayneh.studies.results import TABLES, Result, missing, need_some, outcome_of, results, write_tables
from ayneh.studies.sentences import plain_words
from ayneh.terminal.text import counted

PAGE = "report.html"
PACKAGES = ("jinja2", "matplotlib", "tomli_w")  # which the page needs beside ayneh's own


def refuse_unwritten(folder: Path) -> None:
    """Raise UserError where a file of the report cannot be written in a study's folder; before its runs are played."""
    refuse_unwritable(*(folder / name for name in (*TABLES, PAGE)))


def refuse_without_packages(what: str) -> None:
    """Raise UserError where a package is missing that the page needs; before its runs are played."""
    with extra("study", what):
        for name in PACKAGES:
            import_module(name)


@dataclass(frozen=True)
class Written:
    """A report: its page as HTML, where that is written (None: nothing can be), and the lines to print."""

    page: str
    path: Path | None
    lines: list[str]


def write_report(ledger: Ledger) -> Written:
    """Write the tables and `PAGE` into the study's folder, if it can be written into.

    Raises UserError if no run is finished, and, once the tables are written, if the extra ``study`` is missing.
    """
    found = results(ledger)
    need_some(ledger, found)
    compared, path = compare(ledger.study, found), ledger.folder / PAGE
    verdicts, lost = lines(ledger, found, compared), not_kept(path)
    if not lost:
        refuse_unwritten(ledger.folder)
    tables = [] if lost else write_tables(ledger, found)
    written = f"The tables are written ({', '.join(tables)} in {ledger.folder}), but the page" if tables else "The page"
    with extra("study", written):
        page = render(ledger, found, compared, tables)
    if lost:
        return Written(page, None, [*verdicts, lost])
    with atomically(path) as file:
        file.write(page.encode())
    files = [f"{path}: open it in a browser", f"{', '.join(tables)} in {ledger.folder}: for statistics of your own"]
    return Written(page, path, [*verdicts, *files])


def lines(ledger: Ledger, found: Sequence[Result], compared: Mapping[str, Sequence[Compared]]) -> list[str]:
    """The verdicts on the main outcome in sentences, by question; on the others, the number of each verdict."""
    said = [missing_words(ledger, found)] if missing(ledger, found) else []
    said += ledger.changes
    said += [fallen_words(found)] if all_fell(found) else []
    for place, (outcome, group) in enumerate(compared.items()):
        if place == 0:
            for question, asked in grouped(
                [one for one in group if one.contrast], lambda one: one.ask.question
            ).items():
                said += [f"{question}:"] * bool(question)
                said += [f"  {MARKS[one.verdict]} {one.words}" for one in asked]
            said += [one.words for one in group if one.lacking]
            if waiting := sum(not one.verdict for one in group):
                said.append(f"Comparisons that wait for their runs: {waiting}.")
        else:
            counts = [f"{n} {name or 'not yet to compare'}" for name, n in tally(group).items()]
            said.append(f"{outcome}: {', '.join(counts)} (each with its figures in {PAGE})")
    return said


def fallen_words(found: Sequence[Result]) -> str:
    """A sentence on finished runs of which every one broke down."""
    return (
        f"All {counted(len(found), 'finished run')} diverged (their numbers stopped being finite), so that arms differ "
        "in their failures alone, if at all: try smaller learning rates."
    )


def missing_words(ledger: Ledger, found: Sequence[Result]) -> str:
    """A sentence on the runs that are not finished."""
    return (
        f"Not complete: {len(found)} of {len(ledger.runs)} runs are finished. What follows is from these and may "
        f"change. To go on: {playing(ledger.folder, ledger.own.parts)}"
    )


# -- the page ----------------------------------------------------------------------------------------------------------


def render(
    ledger: Ledger, found: Sequence[Result], compared: Mapping[str, Sequence[Compared]], tables: Sequence[str]
) -> str:
    """The page's HTML. Everything that a study names is escaped."""
    study = ledger.study
    environment = environment_of("studies")
    environment.filters |= {"number": number, "interval": interval, "p": p_words}
    by_arm = arms_of(found)
    shown = compared_on(study, found)
    return environment.get_template("report.html.j2").render(
        study=study,
        marks=MARKS,
        answer=" ".join([fallen_words(found)] * all_fell(found) + [answer(compared)]).strip(),
        outcomes={name: outcome_of(found, name) for name in shown},
        absent=[name for name in study.outcomes if name not in shown],
        verdicts=verdict_rows(compared),
        waiting=[one for one in next(iter(compared.values()), []) if not one.verdict],
        tallies={name: tally(group) for name, group in compared.items()},
        rule=rule(study),
        forests=drawings.forests(compared),
        arms=arm_rows(study, by_arm, shown),
        panels=drawings.panels_of(study, by_arm),
        strips=drawings.strips_of(ledger, by_arm),
        failures=failure_rows(by_arm),
        fishers=fisher_rows(compared),
        swaps=swap_rows(study, by_arm),
        amended=ledger.changes,
        missing=missing(ledger, found),
        done=len(found),
        planned=len(ledger.runs),
        protocols=sorted({name for result in found for name in result.protocols.values()}),
        thresholds=outcomes,
        base=settings.base_settings(study),
        changes=settings.arm_settings(study),
        toml=settings.as_toml(study),
        command=settings.command(study, name_of(ledger.folder), ledger.own.parts),
        versions=settings.machine(),
        hours=sum(r.end["wall_s"] for r in found) / 3600,
        tables=tables,
        alpha=ALPHA,
        least=LEAST_OF_TWO,
    )


def answer(compared: Mapping[str, Sequence[Compared]]) -> str:
    """The answer on the main outcome: the clearest comparison in full, then how many there are of each verdict."""
    group = next(iter(compared.values()), [])
    decided = [one for one in group if one.contrast]
    if not decided:
        return ""
    words = decided[0].kind.words
    first = min(decided, key=_clearness)
    where = f"In {first.section}: " if first.section else ""
    assert first.contrast is not None
    sentence = where + plain_words(first.contrast, words)
    if len(group) == 1:
        return sentence
    counts = ", ".join(f"{n} {name or 'not yet to compare'}" for name, n in tally(group).items())
    return f"{sentence} This is the clearest of {len(group)} comparisons of the {words}: {counts}."


def _clearness(one: Compared) -> tuple[bool, float, float]:
    """Decided ones first, then small p, then large effects."""
    assert one.contrast is not None
    size = one.contrast.effect.value
    far = 0.0 if math.isnan(size) else abs(math.log(size)) if one.contrast.scale == "ratio" and size > 0 else abs(size)
    return one.verdict == "cannot tell", one.contrast.p_holm, -far


def effect_words(one: Compared) -> str:
    """The size of a difference in a cell: "2.31 × (1.90 to 2.80)"; empty without one."""
    if one.contrast is None or not math.isfinite(one.contrast.effect.value):
        return ""
    size = one.contrast.effect
    if one.contrast.scale == "ratio":
        return f"{number(size.value)} ×" + interval(size).removeprefix(number(size.value))
    return ("+" if size.value > 0 else "") + interval(size)


def verdict_rows(compared: Mapping[str, Sequence[Compared]]) -> dict[str, list[dict[str, Any]]]:
    """{question: [{"pair", "section", "on": {outcome: (mark, verdict, words, effect)}}]}: a row for each comparison."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for same in zip(*compared.values(), strict=True):
        first = same[0]
        if not any(one.contrast for one in same):
            continue
        on = {
            one.outcome: (MARKS[one.verdict], one.verdict or "runs missing", one.words, effect_words(one))
            for one in same
        }
        row = {"arm": first.arm, "reference": first.reference, "section": first.section, "on": on}
        rows.setdefault(first.ask.question, []).append(row)
    return rows


def rule(study: Study) -> dict[str, Any]:
    """How each test was chosen in advance: by the plan's word on pairs, and the planned numbers."""
    asks = study.comparisons()
    pairs = [planned_pairs(study, ask) for ask in asks]
    least = pairs_needed(len(asks))
    enough = sum(n >= least for n in pairs) if study.pairs else 0
    return {"m": len(asks), "least": least, "paired": enough, "others": len(asks) - enough}


def arm_rows(study: Study, by_arm: Mapping[str, Sequence[Result]], shown: Sequence[str]) -> list[dict[str, Any]]:
    """A row for each arm: how many runs, the centre of each outcome with its interval, failures."""
    rows = []
    for arm in study.cells():
        found = by_arm.get(arm, [])
        failed = sum(r.failure() is not None for r in found)
        centres = {name: median(found, name) for name in shown}
        rows.append(
            {"arm": arm, "n": len(found), "planned": planned_seeds(study, arm), "centres": centres, "failed": failed}
        )
    return rows


def median(found: Sequence[Result], outcome: str) -> Interval | None:
    """The runs' median with its interval; None if there are no values."""
    have = list(values(found, outcome).values())
    return centre(have) if have else None


def failure_rows(by_arm: Mapping[str, Sequence[Result]]) -> list[dict[str, Any]]:
    """Arms with failures: how many runs of which kind, and their seeds."""
    rows = []
    for arm, found in by_arm.items():
        kinds: dict[str, list[int]] = {"diverged": [], "jumped": [], "collapsed": [], "poor": []}
        for result in found:
            if (kind := result.failure()) is not None:
                kinds[kind].append(result.run.seed)
        if any(kinds.values()):
            rows.append({"arm": arm, "n": len(found), "kinds": kinds})
    return rows


def fisher_rows(compared: Mapping[str, Sequence[Compared]]) -> list[Compared]:
    """The comparisons in which the numbers of failed runs differ."""
    group = next((group for group in compared.values() if group and group[0].kind.better), [])
    return [one for one in group if one.contrast and one.contrast.failed_a != one.contrast.failed_b]


def swap_rows(study: Study, by_arm: Mapping[str, Sequence[Result]]) -> dict[str, dict[str, Interval | None]]:
    """{arm: {"own": ..., swap: ...}}: the distance of the last images from the arm's prior and from others."""
    if not study.swaps:
        return {}
    names = {"own": "fd"} | {name: f"fd_swap_{name}" for name in study.swaps}
    return {arm: {name: median(found, outcome) for name, outcome in names.items()} for arm, found in by_arm.items()}
