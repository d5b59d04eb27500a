"""A study's unfinished runs, played to their ends on this machine or on a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ayneh.errors import Interrupted, UserError
from ayneh.studies.design import Run, Study
from ayneh.studies.forecast import Forecast, chosen, forecast, refuse_over_budget, refuse_unplayable, workers_for
from ayneh.studies.ledger import Ledger
from ayneh.studies.local import run_here, run_in_processes
from ayneh.studies.progress import LiveTable, tell
from ayneh.studies.report import refuse_unwritten, refuse_without_packages
from ayneh.studies.schedule import cut
from ayneh.studies.stack import refuse_other_images
from ayneh.terminal.progress import Interrupt, Terminal
from ayneh.terminal.text import counted


def play_in(
    folder: Path,
    asked: Study,
    terminal: Terminal,
    *,
    workers: int | None = None,
    engine: str = "local",
    address: str | None = None,
    device: str = "cpu",
    prepare: Callable[[], object] = lambda: None,
) -> Ledger:
    """Play a study in its folder, or go on with it there, with messages and progress in the terminal; its ledger.

    prepare: is called once no other process plays there. Raises UserError for a folder of other contents, and for a
    study that cannot be played or takes longer than its budget; Stopped if runs are left.
    """
    refuse_unplayable(asked)
    device = device if engine == "ray" else chosen(device)  # a cluster's workers choose for themselves
    workers = workers_for(device, workers)
    with Ledger.playing(folder, asked) as ledger:
        refuse_unwritten(folder)
        try:
            refuse_without_packages("The study's page")
        except UserError as error:
            terminal.say(f"{error} Its runs and tables need no more.")
        tell(ledger)
        prepare()
        groups, runs = counted(len(asked.groups()), "group"), counted(len(ledger.runs), "run")
        terminal.say(f"{ledger.folder}: measuring {groups} of {runs}")
        cost = forecast(ledger.study, workers, device, ledger.unfinished(), terminal.say)
        tell(ledger)
        refuse_other_images(ledger)
        refuse_over_budget(asked, cost)
        terminal.say(f"{cost.runs} of {len(ledger.runs)} runs to play, about {cost.minutes:.1f} minutes")
        with Interrupt() as interrupt, LiveTable(ledger, workers, terminal) as table:
            play_study(ledger, cost, engine, address, interrupt.caught, table.show)
        ledger.notes.clear()  # of outcomes that were damaged until now
    return ledger


def play_study(
    ledger: Ledger, cost: Forecast, engine: str, address: str | None, stop: Callable[[], bool], show: Callable[[], None]
) -> None:
    """Play the runs of this forecast. stop: is called between steps; show: every two seconds.

    engine: local or ray; address: of a Ray cluster. Raises Stopped if runs are left at the end.
    """
    shares = shares_of(ledger, cost)
    if engine == "ray":
        from ayneh.studies.on_ray import run_on_ray

        run_on_ray(shares, ledger.folder, ledger.study, address, cost.device, stop, show)
    elif cost.device == "cpu" or cost.workers > 1:
        run_in_processes(shares, ledger.folder, ledger.study, cost.workers, stop, show, cost.device)
    else:
        run_here(shares, ledger.folder, ledger.study, cost.device, stop, show, cost.threads)
    if left := len(ledger.unfinished()):
        raise Interrupted(f"Stopped with {left} of {len(ledger.runs)} runs to go", "the same command goes on.")


def shares_of(ledger: Ledger, cost: Forecast) -> list[list[Run]]:
    """The runs of this forecast in shares, those that were cut before as they are.

    How many runs share a stack follows from a timing and from how many are left, and with some batches it changes the
    last bits of a run: so the shares are written into the study's folder, for each kind of device, when they are cut.
    """
    kind = cost.device.partition(":")[0]
    group_of = {run.place: number for number, part in enumerate(cost.parts) for run in part.runs}
    runs = {run.place: run for part in cost.parts for run in part.runs}
    before, kept, taken = ledger.shares(kind), [], set()
    for share in before:
        left = [place for place in share if place in runs and place not in taken]
        if left and len({group_of[place] for place in left}) == 1:  # else the study was changed since
            taken |= {*left}
            kept.append([runs[place] for place in left])
    fresh = [([run for run in part.runs if run.place not in taken], part.cost) for part in cost.parts]
    new = cut([(rest, measured) for rest, measured in fresh if rest], cost.workers, kind)
    again = {run.place for share in new for run in share}
    before = [rest for share in before if (rest := [place for place in share if place not in again])]
    ledger.write_shares(kind, [*before, *([run.place for run in share] for share in new)])
    return [*kept, *new]
