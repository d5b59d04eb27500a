"""The verbs `show` and `presets`: a run folder, and the package's presets, as tables in the terminal."""

from __future__ import annotations

from pathlib import Path

import tyro

from ayneh.api.show import show as show_run
from ayneh.presets import PRESETS
from ayneh.record.visited import Visited
from ayneh.terminal.screen import Rows
from ayneh.terminal.screen import show as show_rows


def show(run: tyro.conf.Positional[Path]) -> None:
    """Show a run: how far it is, its last losses and speed, and where its pictures and checkpoints are.

    Args:
        run: the run folder.
    """
    show_run(Visited.open(run))


def presets() -> None:
    """List the presets: what each shows, the minutes it takes on a CPU, and where it comes from."""
    found = []
    for name, preset in PRESETS.items():
        time = preset.time() + (f" ({preset.timed})" if preset.timed else "")
        found.append((name, preset.shows, time, preset.source))
    columns, wrapped = ("preset", "shows", "time", "source"), frozenset(("shows", "time", "source"))
    show_rows(Rows(columns, found, wrapped=wrapped, lines=True))
