"""A study's folder: the study itself, and a run folder for each training. Any process may read it meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ayneh.config import Config, differences
from ayneh.engine.hyper import structure
from ayneh.errors import UserError, typed_as
from ayneh.files.reading import formatted, json_in, typed
from ayneh.files.whole import held, is_temporary, locked, write_json, written_s
from ayneh.record.owner import STUDY
from ayneh.record.record import OUTCOME, Record
from ayneh.record.standing import Standing
from ayneh.studies.amended import amendments
from ayneh.studies.design import Changes, Run, Study
from ayneh.studies.names import folders_of, older_slug
from ayneh.studies.own_parts import notes_of, read_notes
from ayneh.studies.plan import from_dict
from ayneh.studies.unplayed import as_played
from ayneh.version import __version__

FORMAT = 1
LOCK, SHARES = "study.lock", "shares.json"


@dataclass(frozen=True)
class Shares:
    """What shares.json holds: the runs that are played as one stack, by their places, for each kind of device."""

    format: int
    shares: dict[str, list[list[str]]]


@dataclass(frozen=True)
class Planned:
    """What study.json holds beside the study and its parts."""

    changes: list[str] = field(default_factory=list)


class Ledger:
    """One study's folder."""

    def __init__(self, folder: Path, study: Study) -> None:
        """``notes``: a sentence for each run whose files are damaged, by its place; they grow while files are read."""
        older = _older_folders(folder, study)
        self.folder = folder
        self.study = _as_begun(folder, replace(study, older_folders=older) if older else study)
        self.runs = list(self.study.runs())
        self.own = notes_of(self.study)
        self.notes: dict[str, str] = {}
        self.changes: list[str] = []  # sentences on what was changed in the plan once runs had ended
        self._ended: dict[str, tuple[float, Standing]] = {}  # by place: when the outcome was written, and how it ended

    @classmethod
    @contextmanager
    def playing(cls, folder: Path, study: Study) -> Iterator[Ledger]:
        """`create`, while other processes are kept from playing in this folder: one that is refused writes nothing.

        Raises UserError if another process plays there, or where `create` does.
        """
        _refuse_foreign(folder)
        folder.mkdir(parents=True, exist_ok=True)
        busy = f"Another process is playing {folder}: watch it with `ayneh study status {typed_as(folder)}`."
        with locked(folder / LOCK, busy):
            yield cls.create(folder, study)

    @classmethod
    def create(cls, folder: Path, study: Study) -> Ledger:
        """A new folder, or that of this study or of a smaller one that it extends.

        A damaged study.json is kept as study.json.damaged and written anew. Raises UserError if the folder holds
        another study or other files.
        """
        _refuse_foreign(folder)
        path, ledger = folder / STUDY, cls(folder, study)
        if path.exists():
            try:
                json_in(path)
            except UserError as error:
                ledger._refuse_changed()
                os.replace(path, path.with_name(f"{STUDY}.damaged"))
                ledger.notes[STUDY] = f"{error} It is kept as {STUDY}.damaged and written anew."
            else:
                before = cls.open(folder)
                before._refuse_other(ledger.study)
                ended = len(before.runs) - len(before.unfinished())
                ledger.changes = [*before.changes, *amendments(before.study, ledger.study, ended)]
        head: dict[str, Any] = {"format": FORMAT, "ayneh": __version__}
        head |= {"changes": ledger.changes} if ledger.changes else {}
        write_json(path, head | {"study": study.to_dict()} | ledger.own.as_dict(), indent=1)
        return ledger

    @classmethod
    def open(cls, folder: Path) -> Ledger:
        """An existing one. Raises UserError if there is none, or it is not readable."""
        path = folder / STUDY
        if not path.is_file():
            raise UserError(f"There is no study in {folder}: it has no {STUDY}.")
        values = formatted(path, FORMAT, "a study")
        ledger = cls(folder, from_dict(values.get("study"), str(path)))
        ledger.own = read_notes(values, ledger.study, str(path))
        ledger.changes = typed(values, Planned, str(path)).changes
        return ledger

    def _refuse_other(self, study: Study) -> None:
        """Raise UserError unless ``study`` has the folder's study's name, looks and all runs begun there."""
        ours, advice = self.study, "choose another --out."
        if ours.name != study.name:
            raise UserError(f"{self.folder} holds the study {ours.name!r}, not {study.name!r}: {advice}")
        for name in ("images", "swaps"):
            if (old := getattr(ours, name)) != (new := getattr(study, name)):
                raise UserError(f"{self.folder} was played with {name} {old}, not {new}: {advice}")
        new_runs = {run.place: run for run in study.runs()}
        for run in self.runs:
            if not Record(self.folder / run.place).exists():
                continue
            if run.place not in new_runs:
                raise UserError(
                    f"{self.folder} has runs of {run.arm!r}, seed {run.seed}, which this study lacks: {advice}"
                )
            if changes := apart(run.config, new_runs[run.place].config):
                raise UserError(f"{self.folder} has another {run.arm!r} ({changes}): {advice}")
            epochs = run.config.epochs
            if (old := ours.looks_of(epochs)) != (new := study.looks_of(epochs)):
                raise UserError(
                    f"{self.folder} was played with looks {old} of {run.arm!r}, not {new}: set looks = {old} in the "
                    f"file (longer arms may have more), or {advice}"
                )
            record = Record(self.folder / run.place)
            try:
                record.config()
            except UserError:  # damaged: it is reported, and made again
                continue
            record.parts.need()
            record.parts.refuse_changed(advice.removesuffix("."))

    def _refuse_changed(self) -> None:
        """Raise UserError if a run that is there was trained with other settings than this study's."""
        for run in self.runs:
            record = Record(self.path(run))
            if record.exists() and (changes := apart(record.config(), run.config)):
                raise UserError(f"{self.folder} has another {run.arm!r} ({changes}): choose another --out.")

    def being_played(self) -> bool:
        """Whether a process plays in this folder now."""
        return held(self.folder / LOCK)

    def shares(self, kind: str) -> list[list[str]]:
        """The places of the runs that share a stack on this kind of device, as they were cut; damage is noted."""
        return self._all_shares().get(kind, [])

    def write_shares(self, kind: str, shares: list[list[str]]) -> None:
        """Write the shares for this kind of device; those for others stay."""
        write_json(self.folder / SHARES, {"format": FORMAT, "shares": self._all_shares() | {kind: shares}})

    def _all_shares(self) -> dict[str, list[list[str]]]:
        path = self.folder / SHARES
        if not path.exists():
            return {}
        try:
            return typed(formatted(path, FORMAT, "the shares of a study"), Shares, str(path)).shares
        except UserError as error:
            self.notes[SHARES] = f"{error} The shares are cut anew."
            return {}

    def parts_of(self, kind: str, name: str) -> list[str]:
        """What gives this part of one's own with --parts, as a run of this folder notes it; empty if none does."""
        for run in self.runs:
            with suppress(UserError):
                for one in Record(self.path(run)).parts.noted() if Record(self.path(run)).exists() else ():
                    if (one.kind, one.name) == (kind, name) and one.flag:
                        return [one.flag]
        return []

    def path(self, run: Run) -> Path:
        """The run's folder."""
        return self.folder / run.place

    def outcome(self, run: Run) -> dict[str, Any] | None:
        """The run's outcome, or None if it has not ended; a damaged one is noted, and the run counts as not ended."""
        try:
            return Record(self.path(run)).outcome()
        except UserError as error:
            self.notes[run.place] = f"{error} The run counts as not ended."
            return None

    def unfinished(self) -> list[Run]:
        """The runs that have not ended."""
        return [run for run in self.runs if self.outcome(run) is None]

    def standings(self) -> dict[str, Standing]:
        """How far each run is, by its place."""
        return {run.place: self._standing(run) for run in self.runs}

    def _standing(self, run: Run) -> Standing:
        """Of a run that has ended it is read once: a terminal shows all of them every two seconds."""
        record, written = Record(self.path(run)), written_s(self.path(run) / OUTCOME)
        known = self._ended.get(run.place)
        if known and known[0] == written:
            return known[1]
        if record.exists():
            try:
                ended = self.outcome(run) is not None
                standing = record.standing(ended)
                self._ended |= {run.place: (written, standing)} if ended else {}
                return standing
            except UserError as error:
                self.notes.setdefault(run.place, str(error))
        return Standing("no step yet", 0, run.config.epochs, 0, 0.0)


def apart(ours: Config, theirs: Config) -> str:
    """`differences` in what a study's runs play by: an earlier version took settings that changed nothing."""
    return differences(as_played(ours), as_played(theirs))


def _refuse_foreign(folder: Path) -> None:
    """Raise UserError if the folder is neither a study's nor empty, but for shares and what a killed process left."""
    if not folder.exists():
        return
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else {"a file"}
    if STUDY not in there and not all(name in (LOCK, SHARES) or is_temporary(name) for name in there):
        raise UserError(f"{folder} is not empty and not a study of ayneh: choose another --out.")


def _as_begun(folder: Path, study: Study) -> Study:
    """The study with what earlier versions did otherwise in its first runs: test images, and the draw of a constant."""
    first = next(_begun(folder, study.runs()), None)
    if first and "data.split" not in study.set:
        ours, theirs = (config.data for config in first)
        if theirs.path() is not None and theirs.split != ours.split:
            study = replace(study, set={**study.set, "data.split": theirs.split})
    constant = next(_begun(folder, (run for run in study.runs() if run.config.net.gen_offset)), None)
    if constant and constant[0].net.gen_offset_draw != constant[1].net.gen_offset_draw:
        study = _offsets_drawn(study, constant[1].net.gen_offset_draw)
    return study


def _begun(folder: Path, runs: Iterable[Run]) -> Iterator[tuple[Config, Config]]:
    """The settings of runs that have begun: the study's, and those that they have."""
    for run in runs:
        record = Record(folder / run.place)
        if record.exists():
            with suppress(UserError):  # a damaged one is noted where it is played or reported
                yield run.config, record.config()


def _offsets_drawn(study: Study, draw: str) -> Study:
    """The study with every constant drawn in this way."""

    def drawn(changes: Changes) -> Changes:
        return {"net.gen_offset_draw": draw, **changes} if "net.gen_offset" in changes else changes

    arms = {name: drawn(changes) for name, changes in study.arms.items()}
    factors = {name: {label: drawn(one) for label, one in levels.items()} for name, levels in study.factors.items()}
    return replace(study, set=drawn(study.set), arms=arms, factors=factors)


def _older_folders(folder: Path, study: Study) -> dict[str, str]:
    """The folders of arms that an earlier version began under another name: of Latin letters alone."""
    ours, found = folders_of(study.cells()), {}
    for arm, name in ours.items():
        old = older_slug(arm)
        other = old != name and old not in ours.values() and not (folder / "runs" / name).exists()
        if other and any((folder / "runs" / old).glob("seed-*")):
            found[arm] = old or "."  # an arm without Latin letters had none
    return found


def group_names(groups: list[list[Run]]) -> list[str]:
    """Of each group the settings in which it differs from the others, e.g. "net.name mlp, net.width 64"."""
    tables = [structure(group[0].config) for group in groups]
    apart = [name for name in tables[0] if len({repr(table[name]) for table in tables}) > 1]
    return [", ".join(f"{name} {table[name]}" for name in apart) or "all runs" for table in tables]
