"""The verb `study`: arms over seeds are planned, played, watched and reported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tyro

from ayneh.studies.design import Study
from ayneh.studies.ledger import Ledger
from ayneh.studies.names import file_name
from ayneh.studies.plan import read
from ayneh.studies.progress import LiveTable, cores, table_of
from ayneh.terminal.progress import Interrupt, Terminal
from ayneh.terminal.screen import Rows, say, show
from ayneh.terminal.text import warn

if TYPE_CHECKING:  # torch takes seconds to import: functions import it when they need it
    from ayneh.studies.forecast import Forecast


def study(
    action: tyro.conf.Positional[Literal["run", "plan", "status", "report"]],
    what: tyro.conf.Positional[str],
    out: Path | None = None,
    seeds: int | None = None,
    engine: Literal["local", "ray"] = "local",
    address: str | None = None,
    workers: int | None = None,
    device: str = "cpu",
    budget_minutes: float | None = None,
    quiet: bool = False,
) -> None:
    """Compare arms over seeds: `run` and `plan` take a study file or a built-in study, `status` and `report` a folder.

    Built-in: prior, dropout, width. The same command continues a study that was stopped or killed.

    Args:
        action: run, plan (the minutes it would take), status (from another terminal), or report.
        what: a TOML file or the name of a built-in study; for status and report the study's folder.
        out: the study's folder (default: runs/study- and its name).
        seeds: seeds of every arm, instead of those in the file.
        engine: local, or ray (needs ayneh[ray]).
        address: of a Ray cluster, as for `ray.init` (default: a local one).
        workers: processes (default: one for each core; with ray: as many as the cluster has).
        device: cpu, or cuda, cuda:N or mps, where stacks of replicas fill it.
        budget_minutes: refuse to start a study that takes longer (default: the file's budget_minutes).
        quiet: print the result only.
    """
    if action in ("status", "report"):
        ledger = Ledger.open(Path(what))
        _status(ledger) if action == "status" else _report(ledger)
        return
    asked = _asked(read(what), seeds, budget_minutes)
    from ayneh.studies.forecast import forecast, refuse_over_budget, refuse_unplayable, workers_for
    from ayneh.studies.play import play_study

    refuse_unplayable(asked)
    workers = workers_for(device, workers)
    terminal = Terminal(quiet)
    if action == "plan":
        _plan(asked, forecast(asked, workers, device, say=terminal.say))
        return
    with Ledger.playing(out or Path("runs") / f"study-{file_name(asked.name)}", asked) as ledger:
        _tell(ledger)
        terminal.say(f"{ledger.folder}: measuring {len(asked.groups())} groups of {len(ledger.runs)} runs")
        cost = forecast(ledger.study, workers, device, ledger.unfinished(), terminal.say)
        _tell(ledger)
        refuse_over_budget(asked, cost)
        terminal.say(f"{cost.runs} of {len(ledger.runs)} runs to play, about {cost.minutes:.1f} minutes")
        with Interrupt() as interrupt, LiveTable(ledger, workers, terminal) as table:
            play_study(ledger, cost, engine, address, interrupt.caught, table.show)
        ledger.notes.clear()  # of outcomes that were damaged until now
    _report(ledger)


def _asked(found: Study, seeds: int | None, budget_minutes: float | None) -> Study:
    """The study with the changes of the command line."""
    if seeds is not None:
        arms = {arm: {k: v for k, v in changes.items() if k != "seeds"} for arm, changes in found.arms.items()}
        found = replace(found, seeds=seeds, arms=arms)
    return found if budget_minutes is None else replace(found, budget_minutes=budget_minutes)


def _plan(asked: Study, cost: Forecast) -> None:
    rows = []
    for part in cost.parts:
        stack, step_ms, images = part.cost.stack, part.cost.step_s * 1e3, part.cost.images
        numbers = (str(len(part.runs)), str(stack), f"{step_ms:.1f}", f"{images:,}", f"{part.minutes:.1f}")
        rows.append((part.name, *numbers))
    columns = ("group", "runs", "in a stack", "ms a step", "images a run", "minutes")
    show(Rows(columns, rows, asked.name, frozenset(["group"])))
    processes = "processes" if cost.device == "cpu" else "process"
    say(
        f"{len(asked.cells())} arms, {cost.runs} runs in {len(cost.parts)} groups, {cost.images:,} images: about "
        f"{cost.minutes:.0f} minutes with {cost.workers} {processes} on {cost.device}"
    )


def _status(ledger: Ledger) -> None:
    standings, played = ledger.standings().values(), ledger.being_played()
    done, playing = sum(s.ended for s in standings), played * sum(s.state == "running" for s in standings)
    show(table_of(ledger, max(1, min(playing, cores())), played))
    _tell(ledger)
    say(f"{done} of {len(standings)} runs done; {playing} being played now")


def _report(ledger: Ledger) -> None:
    from ayneh.studies.report import write_report

    for words in write_report(ledger):
        say(words, whole=True)
    _tell(ledger)


def _tell(ledger: Ledger) -> None:
    """Print what was found damaged, on stderr, each once."""
    for words in ledger.notes.values():
        warn(words)
    ledger.notes.clear()
