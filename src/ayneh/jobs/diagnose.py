"""The verb `diagnose`: what is wrong with a run, with evidence and advice, in the terminal and as a page."""

from __future__ import annotations

from pathlib import Path

import tyro
from rich.text import Text

from ayneh import doctor
from ayneh.api.diagnosis import written
from ayneh.doctor import page, words
from ayneh.doctor.diagnosis import Diagnosis
from ayneh.record.record import Record
from ayneh.record.visited import Visited
from ayneh.terminal.progress import Terminal
from ayneh.terminal.screen import Rows, say, show

COLOURS = {"severe": "red", "warning": "yellow", "note": "dim"}


def diagnose(
    run: tyro.conf.Positional[Path],
    replica: int = 0,
    probe: bool = False,
    probe_steps: int = 500,
    probe_epochs: tuple[int, ...] | None = None,
) -> None:
    """List what is wrong with a run: since when, on what evidence, and what to do; write it as a page with figures.

    Args:
        run: the run folder; the run may be in training, interrupted or broken down.
        replica: which of its replicas, counted from 0.
        probe: train fresh discriminators against G at a few checkpoints, to see whether G's gradient vanishes because
            the supports are disjoint.
        probe_steps: steps of each of them.
        probe_epochs: after which epochs, counted from 0 (default: the first, middle and last that are kept).
    """
    record = Visited.open(run)
    if probe:
        page.refuse_unwritten(record, replica)
    diagnosis = doctor.diagnose(record, replica)
    say(diagnosis.standing, whole=True)
    say(diagnosis.verdict)
    if diagnosis.findings:
        show(_table(diagnosis))
    for finding in diagnosis.findings:
        say(words.statement(finding))
    for advice in dict.fromkeys(words.to_do(f.cure.words, diagnosis.command(f)) for f in diagnosis.findings):
        say(f"What to do: {advice}", whole=True)
    if diagnosis.untold:
        say(f"cannot be judged: {', '.join(diagnosis.untold)} (why: on the page)")
    for other in diagnosis.others:
        say(f"replica {other.replica}, {other.worst}: {', '.join(other.names)} (--replica {other.replica})")
    if probe:
        for paragraph in _probe(record, replica, probe_steps, probe_epochs):
            say(paragraph)
    if path := written(record, diagnosis)[1]:
        say(f"page: {path}", whole=True)


def _table(diagnosis: Diagnosis) -> Rows:
    rows = []
    for f in diagnosis.findings:
        until = "lasts" if f.until_step is None else f"{f.until_step:,}"
        severity = Text(f.severity, style=COLOURS[f.severity])
        rows.append((severity, f.name, f"{f.since_step:,}", until, f"{f.value:.3g}", words.limit(f)))
    return Rows(("", "finding", "since step", "until step", "measured", "threshold"), rows)


def _probe(record: Record, replica: int, steps: int, epochs: tuple[int, ...] | None) -> list[str]:
    """Probe the run and write probe.json; what it shows, in words."""
    from ayneh import probe
    from ayneh.probe.arms import Plan

    return probe.words(probe.probe(record, epochs, replica, Plan(steps=steps), Terminal().say))
