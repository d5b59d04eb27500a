"""A study's unfinished runs, played to their ends on this machine or on a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable

from ayneh.errors import Stopped
from ayneh.studies.forecast import Forecast
from ayneh.studies.ledger import Ledger
from ayneh.studies.local import run_here, run_in_processes
from ayneh.studies.schedule import cut


def play_study(
    ledger: Ledger, cost: Forecast, engine: str, address: str | None, stop: Callable[[], bool], show: Callable[[], None]
) -> None:
    """Play the runs of this forecast. stop: is called between steps; show: every two seconds.

    engine: local or ray; address: of a Ray cluster. Raises Stopped if runs are left at the end.
    """
    shares = cut([(part.runs, part.cost) for part in cost.parts if part.runs], cost.workers)
    if engine == "ray":
        from ayneh.studies.on_ray import run_on_ray

        run_on_ray(shares, ledger.folder, ledger.study, address, cost.device, stop, show)
    elif cost.device == "cpu":
        run_in_processes(shares, ledger.folder, ledger.study, cost.workers, stop, show)
    else:
        run_here(shares, ledger.folder, ledger.study, cost.device, stop, show)
    if left := len(ledger.unfinished()):
        raise Stopped(f"Stopped with {left} of {len(ledger.runs)} runs to go; the same command goes on.")
