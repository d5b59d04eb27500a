"""A study's folder: the study itself, and a run folder for each training. Any process may read it meanwhile."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from ayneh import __version__
from ayneh.config import differences
from ayneh.engine.hyper import structure
from ayneh.errors import UserError
from ayneh.files import locked, write_json
from ayneh.reading import formatted
from ayneh.record import Record
from ayneh.standing import Standing
from ayneh.studies.plan import Run, Study, from_dict

FORMAT = 1
STUDY = "study.json"


class Ledger:
    """One study's folder."""

    def __init__(self, folder: Path, study: Study) -> None:
        self.folder, self.study = folder, study
        self.runs = list(study.runs())

    @classmethod
    def create(cls, folder: Path, study: Study) -> Ledger:
        """A new folder, or that of this study or of a smaller one that it extends.

        Raises UserError if the folder holds another study or other files.
        """
        path = folder / STUDY
        if path.exists():
            cls.open(folder)._refuse_other(study)
        elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UserError(f"{folder} is not empty and not a study of ayneh: choose another --out.")
        write_json(path, {"format": FORMAT, "ayneh": __version__, "study": study.to_dict()}, indent=1)
        return cls(folder, study)

    @classmethod
    def open(cls, folder: Path) -> Ledger:
        """An existing one. Raises UserError if there is none, or it is not readable."""
        path = folder / STUDY
        if not path.is_file():
            raise UserError(f"There is no study in {folder}: it has no {STUDY}.")
        return cls(folder, from_dict(formatted(path, FORMAT, "a study")["study"], str(path)))

    def _refuse_other(self, study: Study) -> None:
        """Raise UserError unless ``study`` has the folder's study's name, looks and all runs begun there."""
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

    def locked(self) -> AbstractContextManager[None]:
        """Keep other processes from playing in this folder. Raises UserError if one does."""
        return locked(
            self.folder / "study.lock",
            f"Another process is playing {self.folder}: watch it with `ayneh study status {self.folder}`.",
        )

    def path(self, run: Run) -> Path:
        """The run's folder."""
        return self.folder / run.place

    def outcome(self, run: Run) -> dict[str, Any] | None:
        """The run's outcome, or None if it has not ended."""
        return Record(self.path(run)).outcome()

    def unfinished(self) -> list[Run]:
        """The runs that have not ended."""
        return [run for run in self.runs if self.outcome(run) is None]

    def standings(self) -> dict[str, Standing]:
        """How far each run is, by its place."""
        return {run.place: self._standing(run) for run in self.runs}

    def _standing(self, run: Run) -> Standing:
        record = Record(self.path(run))
        if not record.exists():
            return Standing("no step yet", 0, run.config.epochs, 0, 0.0)
        return record.standing(ended=record.outcome() is not None)


def group_name(group: list[Run], all_groups: list[list[Run]]) -> str:
    """The settings in which a group differs from the others, e.g. "net.name mlp, net.width 64"."""
    tables = [structure(g[0].config) for g in all_groups]
    apart = [name for name in tables[0] if len({repr(table[name]) for table in tables}) > 1]
    ours = structure(group[0].config)
    return ", ".join(f"{name} {ours[name]}" for name in apart) or "all runs"
