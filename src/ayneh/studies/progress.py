"""How far a study is: a row for each group, as numbers and as a table that a terminal keeps up to date."""

from __future__ import annotations

from dataclasses import dataclass

from rich.live import Live

from ayneh.record.standing import Standing
from ayneh.studies.ledger import Ledger, group_names
from ayneh.terminal import notebook
from ayneh.terminal.progress import Terminal, drawn, page
from ayneh.terminal.screen import Rows
from ayneh.terminal.text import warn


@dataclass(frozen=True)
class Progress:
    """How far one group is."""

    name: str
    runs: int
    done: int
    broke_down: int
    playing: int
    share: float  # of the group's epochs
    minutes_left: float | None  # None before the first epoch


def progress(ledger: Ledger, workers: int, played: bool = True) -> list[Progress]:
    """Each group of the study, from the files in the folder. played: whether a process plays in it now."""
    groups, standings = ledger.study.groups(), ledger.standings()
    rows = []
    for name, group in zip(group_names(groups), groups, strict=True):
        found = [standings[run.place] for run in group]
        done, states = sum(s.ended for s in found), [s.state for s in found]
        share = sum(map(_played, found)) / sum(s.wanted for s in found)
        counts = len(found), done, states.count("broken down"), played * states.count("running")
        rows.append(Progress(name, *counts, share, minutes_left(found, workers)))
    return rows


def minutes_left(found: list[Standing], workers: int) -> float | None:
    """Minutes left, from the seconds of the group's epochs so far; None before the first."""
    whole = [s for s in found if s.state != "broken down"]
    epochs, spent = sum(map(_played, whole)), sum(s.wall_s for s in whole)
    if not epochs:
        return None
    return sum(s.wanted - _played(s) for s in whole) * spent / epochs / workers / 60


def _played(standing: Standing) -> int:
    """Epochs that are done; the last one begun counts once the run has ended."""
    return standing.wanted if standing.ended else max(0, standing.epochs - 1)


def table_of(ledger: Ledger, workers: int, played: bool = True) -> Rows:
    """The rows of `progress` for a terminal."""
    rows = []
    for row in progress(ledger, workers, played):
        counts = map(str, (row.runs, row.done, row.broke_down, row.playing))
        left = "" if row.minutes_left is None else f"{row.minutes_left:.0f}"
        rows.append((row.name, *counts, f"{row.share:.0%}", left))
    columns = ("group", "runs", "done", "broke down", "playing", "epochs", "minutes left")
    return Rows(columns, rows, ledger.study.name, frozenset(["group"]))


def tell(ledger: Ledger) -> None:
    """Print what was found damaged, on stderr, each once."""
    for words in ledger.notes.values():
        warn(words)
    ledger.notes.clear()


class LiveTable:
    """The table, kept up to date in a terminal or a notebook; elsewhere a line for every tenth of the runs."""

    def __init__(self, ledger: Ledger, workers: int, terminal: Terminal) -> None:
        self.ledger, self.workers, self.terminal, self.tenths = ledger, workers, terminal, 0
        self.live = Live(console=terminal.console, auto_refresh=False, transient=True) if terminal.rewrites else None
        kernel = notebook.in_kernel() and not terminal.quiet
        self.rewritten = notebook.Rewritten(self._drawn) if kernel else None
        self.over = False

    def __enter__(self) -> LiveTable:
        if self.live:
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over = True
        if self.live:
            self.live.stop()
        if self.rewritten:
            self.rewritten.show(now=True)

    def show(self) -> None:
        """Read the folder, and print how far the study is."""
        if self.live:
            self.live.update(table_of(self.ledger, self.workers), refresh=True)
        elif self.rewritten:
            self.rewritten.show()
        elif (tenths := self._done() * 10 // len(self.ledger.runs)) > self.tenths:
            self.tenths = tenths
            self.terminal.say(self._words())

    def _done(self) -> int:
        return len(self.ledger.runs) - len(self.ledger.unfinished())

    def _words(self) -> str:
        return f"{self._done()} of {len(self.ledger.runs)} runs done"

    def _drawn(self) -> str:
        """The table as text; at the end one line, which the notebook keeps."""
        if self.over:
            return self._words()
        return drawn(table_of(self.ledger, self.workers), page())
