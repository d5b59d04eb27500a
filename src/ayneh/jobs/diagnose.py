"""The verb `diagnose`: what a run suffered from, with evidence and advice, in the terminal and as a page."""

from __future__ import annotations

from pathlib import Path

import tyro
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ayneh.doctor import page, rescue
from ayneh.doctor.doctor import Doctor, advice_words
from ayneh.doctor.findings import SEVERITIES
from ayneh.doctor.symptoms import SYMPTOMS
from ayneh.errors import UserError
from ayneh.files import atomically
from ayneh.record import RESCUES, Record
from ayneh.terminal import Watch

COLOURS = {"severe": "red", "warning": "yellow", "note": "dim"}


def diagnose(
    run: tyro.conf.Positional[Path],
    replica: int = 0,
    probe: bool = False,
    probe_steps: int = 500,
    probe_epochs: tuple[int, ...] | None = None,
) -> None:
    """Say what a run suffers from, since when, why, and what to do; and write it as a page with figures.

    Args:
        run: the run folder, also of a run that goes on, was interrupted or broke down.
        replica: which of its replicas, counted from 0.
        probe: train fresh discriminators against G as it stood at a few checkpoints: do disjoint supports starve it?
        probe_steps: steps of each of them.
        probe_epochs: after which epochs, counted from 0 (default: the first, middle and last that are kept).
    """
    record = Record.open(run)
    config = record.config()
    if not 0 <= replica < config.seeds:
        raise UserError(f"--replica is {replica}; the run has {config.seeds}, counted from 0.")
    doctor = examined(record)
    console = Console(highlight=False)
    console.print(page.standing(record, config, doctor), soft_wrap=True, markup=False)
    findings, silent = page.ranked(doctor.findings(replica)), doctor.untold(replica)
    console.print(page.verdict(findings, doctor.course(replica), silent), soft_wrap=True, markup=False)
    if findings:
        console.print(_table(doctor, replica))
    for finding in findings:
        title = SYMPTOMS[finding.name].title
        console.print(f"{title}: {finding.evidence}", soft_wrap=True, markup=False)
    for advice in dict.fromkeys(advice_words(finding.cure, config) for finding in findings):
        console.print(f"What to do: {advice}", soft_wrap=True, markup=False)
    if silent:
        console.print(f"cannot tell: {', '.join(silent)} (why: on the page)", soft_wrap=True, markup=False)
    for other in range(config.seeds):
        if other != replica and (found := doctor.findings(other)):
            worst = max((f.severity for f in found), key=SEVERITIES.index)
            names = ", ".join(sorted({f.name for f in found}))
            console.print(f"replica {other}, {worst}: {names} (--replica {other})", soft_wrap=True, markup=False)
    if probe:
        _probe(record, replica, probe_steps, probe_epochs, console)
    console.print(f"page: {write_page(record, doctor, replica)}", soft_wrap=True, markup=False)


def _probe(record: Record, replica: int, steps: int, epochs: tuple[int, ...] | None, console: Console) -> None:
    """Probe, write probe.json, and say what it shows; the page then has it too."""
    from ayneh import probe
    from ayneh.probe.support import Plan

    values = probe.probe(record, epochs, replica, Plan(steps=steps), Watch().say)
    for words in probe.words(values):
        console.print(words, soft_wrap=True, markup=False)


def examined(record: Record) -> Doctor:
    """A doctor who has seen every line of the record, and what live training wrote of a breakdown."""
    treated = rescue.treated(record.config(), rescue.from_dict(record.report(RESCUES)))
    doctor = Doctor(treated, record.lines())
    for event in record.events():
        if event["name"] == "not finite" and event["appeared"] and "rescue" not in event:
            doctor.fell(event["step"], event["epoch"], event["replica"])
    return doctor


def write_page(record: Record, doctor: Doctor, replica: int) -> Path:
    """Write the page; where it is. Raises UserError where the libraries for figures are missing."""
    try:
        import jinja2  # noqa: F401
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise UserError(f"The page needs {error.name}: pip install 'ayneh[study]', then again.") from error
    path = record.report_path(page.PAGE, replica=replica, suffix=".html")
    with atomically(path) as file:
        file.write(page.render(record, record.config(), doctor, replica).encode())
    return path


def _table(doctor: Doctor, replica: int) -> Table:
    table = Table("", "finding", "since step", "until step", "measured", "threshold")
    for f in page.ranked(doctor.findings(replica)):
        until = "lasts" if f.until_step is None else f"{f.until_step:,}"
        sign = "≤" if SYMPTOMS[f.name].below else "≥"
        table.add_row(
            Text(f.severity, style=COLOURS[f.severity]), f.name, f"{f.since_step:,}", until, f"{f.value:.3g}",
            f"{sign} {f.threshold:.3g}",
        )  # fmt: skip
    return table
