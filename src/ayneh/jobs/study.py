"""The verb `study`: arms over seeds, played, watched and told with their statistics."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tyro
from rich.console import Console
from rich.live import Live
from rich.table import Table

from ayneh.errors import Stopped, UserError
from ayneh.record import Standing
from ayneh.studies.ledger import Ledger, group_name
from ayneh.studies.plan import Study, read
from ayneh.terminal import Interrupt, Watch

if TYPE_CHECKING:  # torch takes seconds to import: only once a verb really works
    from ayneh.studies.schedule import Measured


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

    Built-in: prior, dropout, width. A study that was stopped or killed goes on by the same command.

    Args:
        action: run, plan (what it would take), status (from another terminal), or report.
        what: a TOML file or the name of a built-in study; for status and report the study's folder.
        out: the study's folder (default: runs/study- and its name).
        seeds: seeds of every arm, instead of those in the file.
        engine: local, or ray (needs ayneh[ray]).
        address: of a Ray cluster, as for `ray.init` (default: a local one).
        workers: processes (default: one for each core; with ray: what the cluster has).
        device: cpu, or cuda, cuda:N or mps, where stacks of replicas fill it.
        budget_minutes: refuse to start what would take longer (default: the file's budget_minutes).
        quiet: say nothing but the result.
    """
    if action in ("status", "report"):
        ledger = Ledger.open(Path(what))
        _status(ledger) if action == "status" else _report(ledger)
        return
    asked = _asked(read(what), seeds, budget_minutes)
    if action == "plan":
        _plan(asked, _workers(workers, device), device)
        return
    watch = Watch(quiet)
    ledger = Ledger.create(out or Path("runs") / f"study-{asked.name}", asked)
    with ledger.locked():
        _run(ledger, _workers(workers, device), device, engine, address, watch)
    _report(ledger)


def _asked(found: Study, seeds: int | None, budget_minutes: float | None) -> Study:
    """The study with what the command line changes in it."""
    if seeds is not None:
        arms = {arm: {k: v for k, v in changes.items() if k != "seeds"} for arm, changes in found.arms.items()}
        found = replace(found, seeds=seeds, arms=arms)
    return found if budget_minutes is None else replace(found, budget_minutes=budget_minutes)


def _workers(workers: int | None, device: str) -> int:
    from ayneh.studies.local import cores

    if workers is not None and workers < 1:
        raise UserError(f"--workers is {workers}; it must be at least 1.")
    return (workers or cores()) if device == "cpu" else 1


def _measured(asked: Study, device: str) -> list[tuple[list, Measured]]:
    """Each group with its cost here."""
    import torch

    from ayneh.studies.results import check_outcomes
    from ayneh.studies.schedule import measure

    check_outcomes(asked.outcomes, list(asked.swaps))
    if device == "cpu":
        torch.set_num_threads(1)  # as the workers play
    return [(group, measure(asked, group, device)) for group in asked.groups()]


def _plan(asked: Study, workers: int, device: str) -> None:
    from ayneh.studies.schedule import seconds

    groups, looks = _measured(asked, device), len(asked.look_epochs())
    table = Table("group", "runs", "in a stack", "ms a step", "images a run", "minutes", title=asked.name)
    for group, cost in groups:
        minutes = seconds([(group, cost)], looks, workers) / 60
        name = group_name(group, [g for g, _ in groups])
        table.add_row(
            name, str(len(group)), str(cost.stack), f"{cost.step_s * 1e3:.1f}", f"{cost.images:,}", f"{minutes:.1f}"
        )
    console = Console(highlight=False)
    console.print(table)
    runs, images = sum(len(g) for g, _ in groups), sum(len(g) * c.images for g, c in groups)
    minutes = seconds(groups, looks, workers) / 60
    console.print(
        f"{len(asked.cells())} arms, {runs} runs in {len(groups)} groups, {images:,} images: about {minutes:.0f} "
        f"minutes with {workers} {'processes' if device == 'cpu' else 'process'} on {device}",
        soft_wrap=True,
    )


def _run(ledger: Ledger, workers: int, device: str, engine: str, address: str | None, watch: Watch) -> None:
    from ayneh.studies.local import run_here, run_in_processes
    from ayneh.studies.schedule import cut, seconds
    from ayneh.studies.stack import Looks

    asked = ledger.study
    watch.say(f"{ledger.folder}: measuring {len(asked.groups())} groups of {len(ledger.runs)} runs")
    left = {run.place for run in ledger.unfinished()}
    groups = [([run for run in group if run.place in left], cost) for group, cost in _measured(asked, device)]
    minutes = seconds(groups, len(asked.look_epochs()), workers) / 60
    if asked.budget_minutes is not None and minutes > asked.budget_minutes:
        raise UserError(
            f"{asked.name} would take about {minutes:.0f} minutes on {workers} processes, and its budget is "
            f"{asked.budget_minutes:g}: fewer --seeds, epochs or arms, more --workers, --engine ray, or a larger "
            "--budget-minutes."
        )
    watch.say(f"{len(left)} of {len(ledger.runs)} runs to play, about {minutes:.1f} minutes")
    shares, looks = cut([(runs, cost) for runs, cost in groups if runs], workers), Looks.of(asked)
    with Interrupt() as interrupt, _Board(ledger, workers, watch) as board:
        if engine == "ray":
            from ayneh.studies.on_ray import run_on_ray

            run_on_ray(shares, ledger.folder, looks, address, device, interrupt.heard, board.tell)
        elif device == "cpu":
            run_in_processes(shares, ledger.folder, looks, workers, interrupt.heard, board.tell)
        else:
            run_here(shares, ledger.folder, looks, device, interrupt.heard, board.tell)
    if to_go := len(ledger.unfinished()):
        raise Stopped(f"Stopped with {to_go} of {len(ledger.runs)} runs to go; the same command goes on.")


class _Board:
    """The live table of groups, in a terminal; elsewhere a line for every tenth of the runs."""

    def __init__(self, ledger: Ledger, workers: int, watch: Watch) -> None:
        self.ledger, self.workers, self.watch, self.told = ledger, workers, watch, 0
        live = watch.console.is_terminal and not watch.quiet
        self.live = Live(console=watch.console, auto_refresh=False, transient=True) if live else None

    def __enter__(self) -> _Board:
        if self.live:
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.live:
            self.live.stop()

    def tell(self) -> None:
        """Look at the folder, and show it."""
        if self.live:
            self.live.update(table_of(self.ledger, self.workers), refresh=True)
            return
        done = len(self.ledger.runs) - len(self.ledger.unfinished())
        if done * 10 // len(self.ledger.runs) > self.told:
            self.told = done * 10 // len(self.ledger.runs)
            self.watch.say(f"{done} of {len(self.ledger.runs)} runs done")


def table_of(ledger: Ledger, workers: int) -> Table:
    """A row for each group: its runs, how many are done, failed and being played, and the time left."""
    table = Table("group", "runs", "done", "broke down", "playing", "epochs", "minutes left", title=ledger.study.name)
    groups, standings = ledger.study.groups(), ledger.standings()
    for group in groups:
        found = [standings[run.place] for run in group]
        epochs, planned = sum(map(_played, found)), sum(s.wanted for s in found)
        left = minutes_left(found, workers)
        table.add_row(
            group_name(group, groups),
            str(len(found)),
            str(sum(s.ended for s in found)),
            str(sum(s.state == "broken down" for s in found)),
            str(sum(s.state == "running" for s in found)),
            f"{epochs / planned:.0%}",
            "" if left is None else f"{left:.0f}",
        )
    return table


def minutes_left(found: list[Standing], workers: int) -> float | None:
    """From the seconds that the group's epochs took so far; None before the first."""
    whole = [s for s in found if s.state != "broken down"]
    epochs, spent = sum(map(_played, whole)), sum(s.wall_s for s in whole)
    if not epochs:
        return None
    return sum(s.wanted - _played(s) for s in whole) * spent / epochs / workers / 60


def _played(standing: Standing) -> int:
    """Epochs that need not be played any more; of those begun, the last counts once the run has ended."""
    return standing.wanted if standing.ended else max(0, standing.epochs - 1)


def _status(ledger: Ledger) -> None:
    from ayneh.studies.local import cores

    standings = ledger.standings().values()
    playing = sum(s.state == "running" for s in standings)
    console = Console(highlight=False)
    console.print(table_of(ledger, max(1, min(playing, cores()))))
    done = sum(s.ended for s in standings)
    console.print(f"{done} of {len(standings)} runs done; {playing} being played now", soft_wrap=True)


def _report(ledger: Ledger) -> None:
    from ayneh.studies.report import write_report

    say: Callable[[str], None] = lambda words: print(words, file=sys.stdout)  # noqa: E731
    for words in write_report(ledger):
        say(words)
