"""The folder of a run, its settings, and how far it is."""

from __future__ import annotations

import os
from pathlib import Path

from ayneh.config import Config
from ayneh.files.home import Place
from ayneh.labels import Labels
from ayneh.record.standing import furthest
from ayneh.record.visited import Visited


class RunFolder:
    """What a `Run` is before anything is computed."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """Raises UserError where there is no run."""
        self._place = Place(folder, Visited.open)

    @property
    def folder(self) -> Path:
        """Its folder, as it was given as long as that leads there."""
        return self._place.folder

    @property
    def _record(self) -> Visited:
        return self._place.opened

    @property
    def config(self) -> Config:
        """Its settings."""
        return self._record.config()

    @property
    def labels(self) -> Labels | None:
        """The classes of a labelled run: ``run.labels.names``, ``.shares``; None before its first checkpoint."""
        return self._record.labels()

    @property
    def state(self) -> str:
        """finished, running, interrupted, stopped, broken down, or no step yet."""
        return self._record.standing().state

    @property
    def finished(self) -> bool:
        """Whether its last epoch is done."""
        return self.state == "finished"

    @property
    def step(self) -> int:
        """Steps played so far, as far as they are saved or written down."""
        return furthest(self._record)

    @property
    def epoch(self) -> int | None:
        """The last epoch that was begun, from 0; None before the first line of metrics."""
        begun = self._record.standing().epochs
        return begun - 1 if begun else None
