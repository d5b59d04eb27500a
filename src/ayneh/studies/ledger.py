"""A study's folder: what was asked, and a run folder for each training. Any terminal may read it while it grows."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ayneh import __version__
from ayneh.config import differences
from ayneh.engine.hyper import structure
from ayneh.errors import UserError
from ayneh.files import atomically
from ayneh.record import Record
from ayneh.studies.plan import Run, Study, from_dict

FORMAT = 1
STUDY, OUTCOME = "study.json", "outcome.json"
LIVELY_S = 120.0  # a run whose metrics were written within this is being played


@dataclass(frozen=True)
class Standing:
    """How far one run is."""

    run: Run
    epochs: int  # finished
    done: bool
    diverged: bool
    lively: bool
    wall_s: float


class Ledger:
    """One study's folder."""

    def __init__(self, folder: Path, study: Study) -> None:
        self.folder, self.study = folder, study
        self.runs = list(study.runs())

    @classmethod
    def create(cls, folder: Path, study: Study) -> Ledger:
        """A new folder, or the one where this study, or a smaller one that it extends, was played before.

        Raises UserError where the folder holds another study, or something else.
        """
        path = folder / STUDY
        if path.exists():
            cls.open(folder)._refuse_other(study)
        elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UserError(f"{folder} is not empty and not a study of ayneh: choose another --out.")
        values = {"format": FORMAT, "ayneh": __version__, "study": study.to_dict()}
        with atomically(path) as file:
            file.write(json.dumps(values, indent=1).encode() + b"\n")
        return cls(folder, study)

    @classmethod
    def open(cls, folder: Path) -> Ledger:
        """An existing one. Raises UserError if there is none, or it is not readable."""
        path = folder / STUDY
        if not path.is_file():
            raise UserError(f"There is no study in {folder}: it has no {STUDY}.")
        try:
            values = json.loads(path.read_text())
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise UserError(f"{path} is not readable JSON ({error}): run the study again with this --out.") from error
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise UserError(f"{path} is not a study in format {FORMAT}; was it written by another version?")
        return cls(folder, from_dict(values["study"], str(path)))

    def _refuse_other(self, study: Study) -> None:
        """A study may grow by arms and seeds; what was played already must be part of it, looked at alike."""
        ours, advice = self.study, "choose another --out."
        if ours.name != study.name:
            raise UserError(f"{self.folder} holds the study {ours.name!r}, not {study.name!r}: {advice}")
        for name in ("looks", "images", "swaps"):
            if (old := getattr(ours, name)) != (new := getattr(study, name)):
                raise UserError(f"{self.folder} was played with {name} {old}, not {new}: {advice}")
        new_runs = {run.place: run for run in study.runs()}
        for run in self.runs:
            if not (self.folder / run.place).exists():
                continue
            if run.place not in new_runs:
                raise UserError(
                    f"{self.folder} has runs of {run.arm!r}, seed {run.seed}, which this study lacks: {advice}"
                )
            if changes := differences(run.config, new_runs[run.place].config):
                raise UserError(f"{self.folder} has another {run.arm!r} ({changes}): {advice}")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else plays in this folder meanwhile."""
        lock = FileLock(self.folder / "study.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise UserError(
                f"Another process is playing {self.folder}: watch it by `ayneh study status {self.folder}`."
            ) from None
        try:
            yield
        finally:
            lock.release()

    def path(self, run: Run) -> Path:
        """The run's folder."""
        return self.folder / run.place

    def outcome(self, run: Run) -> dict[str, Any] | None:
        """What the run left at its end, or None where it is not done."""
        try:
            outcome: dict[str, Any] = json.loads((self.path(run) / OUTCOME).read_text())
        except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
            return None
        return outcome

    def unfinished(self) -> list[Run]:
        """The runs still to be played, or to be played on."""
        return [run for run in self.runs if self.outcome(run) is None]

    def standings(self) -> list[Standing]:
        """How far each run is."""
        return [self._standing(run) for run in self.runs]

    def _standing(self, run: Run) -> Standing:
        if (outcome := self.outcome(run)) is not None:
            return Standing(run, run.config.epochs, True, bool(outcome["diverged"]), False, outcome["wall_s"])
        record = Record(self.path(run))
        lines = record.lines()
        if not lines:
            return Standing(run, 0, False, False, False, 0.0)
        lively = time.time() - record.metrics.stat().st_mtime < LIVELY_S
        return Standing(run, int(lines[-1]["epoch"]), False, False, lively, lines[-1]["wall_s"])


def group_name(group: list[Run], all_groups: list[list[Run]]) -> str:
    """What sets a group apart from the others, e.g. "net.name mlp, net.width 64"."""
    tables = [structure(g[0].config) for g in all_groups]
    apart = [name for name in tables[0] if len({repr(table[name]) for table in tables}) > 1]
    ours = structure(group[0].config)
    return ", ".join(f"{name} {ours[name]}" for name in apart) or "all runs"
