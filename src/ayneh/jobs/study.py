"""The verb `study`: arms over seeds are planned, played, watched and reported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tyro

from ayneh.engine.cores import cores
from ayneh.files.home import at_home
from ayneh.record.owner import STUDY
from ayneh.studies.design import Study
from ayneh.studies.ledger import Ledger
from ayneh.studies.names import file_name
from ayneh.studies.plan import planned, read
from ayneh.studies.progress import table_of, tell
from ayneh.terminal.progress import Terminal
from ayneh.terminal.screen import Rows, say, show

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

    `run` goes on with the study of a folder, too.

    Built-in: prior, dropout, labels, width. The same command continues a study that was stopped or killed.

    Args:
        action: run, plan (the minutes it would take), status (from another terminal), or report.
        what: a TOML file or the name of a built-in study; for status and report the study's folder, and for run one
            that it goes on in.
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
        ledger = Ledger.open(at_home(what))
        _status(ledger) if action == "status" else _report(ledger)
        return
    from ayneh.studies.forecast import cost_of
    from ayneh.studies.play import play_in

    found, again = _found(what)
    asked, terminal = _asked(found, seeds, budget_minutes), Terminal(quiet)
    if action == "plan":
        _plan(asked, cost_of(asked, workers, device, terminal.say))
        return
    folder = out or again or Path("runs") / f"study-{file_name(asked.name)}"
    _report(play_in(folder, asked, terminal, workers=workers, engine=engine, address=address, device=device))


def _found(what: str) -> tuple[Study, Path | None]:
    """The study that is named, and the folder that holds it already (None: a file, or a built-in one)."""
    folder = at_home(what)
    if not (folder / STUDY).is_file():
        return read(what), None
    return planned(Ledger.open(folder).study.to_dict(), str(folder / STUDY)), folder


def _asked(found: Study, seeds: int | None, budget_minutes: float | None) -> Study:
    """The study with the changes of the command line."""
    if seeds is not None:
        arms = {arm: {k: v for k, v in changes.items() if k != "seeds"} for arm, changes in found.arms.items()}
        found = replace(found, seeds=seeds, arms=arms)
    return found if budget_minutes is None else replace(found, budget_minutes=budget_minutes)


def _plan(asked: Study, cost: Forecast) -> None:
    from ayneh.studies.forecast import COLUMNS, rows_of, words_of

    show(Rows(COLUMNS, rows_of(cost), asked.name, frozenset(["group"])))
    say(words_of(asked, cost))


def _status(ledger: Ledger) -> None:
    standings, played = ledger.standings().values(), ledger.being_played()
    done, playing = sum(s.ended for s in standings), played * sum(s.state == "running" for s in standings)
    show(table_of(ledger, max(1, min(playing, cores())), played))
    tell(ledger)
    say(f"{done} of {len(standings)} runs done; {playing} being played now")


def _report(ledger: Ledger) -> None:
    from ayneh.studies.report import write_report

    for words in write_report(ledger).lines:
        say(words, whole=True)
    tell(ledger)
