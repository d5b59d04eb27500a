"""The doctor: lines of metrics and a config become courses, and what `judge.symptoms` finds in them becomes words.

The same code looks at a run while it is trained, line by line, and afterwards: what was said live is what is said then.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ayneh.config import Config, flatten
from ayneh.doctor.findings import Course, Cure, Finding, Watch
from ayneh.doctor.symptoms import SYMPTOMS, examine, measured
from ayneh.presets import PRESETS

JUDGED = ("fd", "class_kl", "modes")  # the scores that symptoms read, by the beginning of their names
Line = Mapping[str, Any]


@dataclass(frozen=True)
class Event:
    """A finding appeared or cleared."""

    words: str
    finding: Finding
    appeared: bool
    step: int
    epoch: int
    replica: int

    def as_dict(self) -> dict[str, Any]:
        """One line of findings.jsonl."""
        told = {"step": self.step, "epoch": self.epoch, "replica": self.replica, "name": self.finding.name}
        told |= {"severity": self.finding.severity, "appeared": self.appeared, "words": self.words}
        if self.appeared:
            told |= {"since_step": self.finding.since_step, "evidence": self.finding.evidence}
            told |= {"threshold": self.finding.threshold, "source": self.finding.source}
            told |= {"cure": asdict(self.finding.cure)}
        return told


class Doctor:
    """Looks at a run line by line. ``lines``: those that went before; nothing is said of them again."""

    def __init__(self, config: Config, lines: Iterable[Line] = ()) -> None:
        self.config = config
        facts = facts_of(config)
        self.patients = [Patient(r, facts) for r in range(config.seeds)]
        self._images = float(config.data.limit or math.nan)  # for training, as far as the record tells
        self._before: Line = {"epoch": 0, "images": math.nan}
        for line in lines:
            self.look(line)

    def look(self, line: Line) -> list[Event]:
        """What appeared and what cleared with this line of metrics."""
        if line["epoch"] > self._before["epoch"] == 0:  # an epoch is over: it showed D each image once
            shown = self._before["images"] - self._before.get("images_given_up", 0)
            self._images = min(self._images, shown) if self.config.data.limit else shown
        self._before = line
        found = []
        for patient in self.patients:
            patient.columns.add(_row(line, patient.replica, self._images))
            for finding, appeared in patient.look():
                found.append(self._event(finding, appeared, line["step"], line["epoch"], patient.replica))
        return found

    def fell(self, step: int, epoch: int, replica: int) -> list[Event]:
        """What is to be said of a replica whose numbers stopped being finite at this step: no line tells of it."""
        patient = self.patients[replica]
        patient.columns.add({"step": step, "epoch": epoch, "broken": 1.0})
        return [self._event(finding, appeared, step, epoch, replica) for finding, appeared in patient.look()]

    def findings(self, replica: int = 0) -> list[Finding]:
        """All findings of a replica so far, in the order in which they were told."""
        found = [finding for watch in self.patients[replica].watches.values() for finding in watch.findings]
        return sorted(found, key=lambda finding: (finding.told_step, finding.name))

    def severe(self, replica: int | None = None) -> list[Finding]:
        """The severe findings that last, of one replica or of all."""
        chosen = range(self.config.seeds) if replica is None else (replica,)
        return [f for r in chosen for f in self.findings(r) if f.severity == "severe" and f.until_step is None]

    def treatable(self) -> list[Finding]:
        """The severe findings that last and that another way of playing might mend (not: images stored too dark)."""
        return [finding for finding in self.severe() if finding.cure.changes]

    def content(self) -> bool:
        """Whether the newest look speaks of health: what is severe and can be told is well within.

        Something must be told, nothing be on its way to a finding; what no way of playing could mend does not count.
        """
        for patient in self.patients:
            course = patient.columns.course(patient.facts)
            wells = []
            for name, symptom in SYMPTOMS.items():
                if (
                    symptom.severity != "severe"
                    or symptom.needs == ("broken",)
                    or not symptom.cure(patient.facts).changes
                ):
                    continue
                if patient.watches[name].pending:
                    return False
                value = float(measured(symptom, course)[-1])
                wells += [symptom.well(value)] if math.isfinite(value) else []
            if not wells or not all(wells):
                return False
        return not self.treatable()

    def untold(self, replica: int = 0) -> dict[str, str]:
        """What cannot be told of a replica, and why."""
        return examine(self.course(replica))[1]

    def course(self, replica: int = 0) -> Course:
        """The replica's record so far."""
        patient = self.patients[replica]
        return patient.columns.course(patient.facts)

    def _event(self, finding: Finding, appeared: bool, step: int, epoch: int, replica: int) -> Event:
        who = f"seed {self.config.seed + replica}: " if self.config.seeds > 1 else ""
        return Event(who + words(finding, appeared, self.config), finding, appeared, step, epoch, replica)


class Patient:
    """One replica: its columns, and a watch over each symptom."""

    def __init__(self, replica: int, facts: Mapping[str, Any]) -> None:
        self.replica, self.facts, self.columns = replica, facts, Columns()
        self.watches = {name: Watch(name, symptom) for name, symptom in SYMPTOMS.items()}

    def look(self) -> list[tuple[Finding, bool]]:
        """The findings that the newest row made appear (True) or clear (False)."""
        course, changed = self.columns.course(self.facts), []
        last = len(course.steps) - 1
        for watch in self.watches.values():
            value = float(measured(watch.symptom, course)[last])
            if watch.see(course, last, value):
                changed.append((watch.findings[-1], watch.present))
        return changed


class Columns:
    """Rows of numbers by name as arrays that grow."""

    def __init__(self) -> None:
        self.n = 0
        self.room = np.full((0, 64), np.nan)
        self.names: dict[str, int] = {}

    def add(self, row: Mapping[str, float]) -> None:
        """One more row; a name that it lacks is NaN."""
        for name in row.keys() - self.names.keys():
            self.names[name] = len(self.names)
            self.room = np.concatenate([self.room, np.full((1, self.room.shape[1]), np.nan)])
        if self.n == self.room.shape[1]:
            self.room = np.concatenate([self.room, np.full_like(self.room, np.nan)], axis=1)
        for name, value in row.items():
            self.room[self.names[name], self.n] = value
        self.n += 1

    def course(self, facts: Mapping[str, Any]) -> Course:
        """As a course; no number is copied."""
        series = {name: self.room[k, : self.n] for name, k in self.names.items()}
        return Course(series.get("step", np.zeros(0)), series, facts)


# -- a line of metrics, a config -> numbers and facts ------------------------------------------------------------------


def _row(line: Line, replica: int, images: float) -> dict[str, float]:
    """What a line says of one replica, by name; NaN for what it has and could not measure."""
    row: dict[str, float] = {"step": line["step"], "epoch": line["epoch"]}
    row |= {name: _number(values[replica]) for name, values in line.items() if name.startswith("mean_")}
    row["broken"] = float(not all(math.isfinite(value) for value in row.values()))
    if "vitals" in line:
        row |= {name: _number(value) for name, value in line["vitals"][replica].items()}
    if "scores" in line and line["scores"][replica]:
        for name, value in line["scores"][replica].items():
            short = next((short for short in JUDGED if name.startswith(f"{short}_") and "swap" not in name), None)
            if short and short not in row:
                row[short] = _number(value)
    row["data_images"] = images
    return row


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def facts_of(config: Config) -> dict[str, Any]:
    """The settings by their dotted names, with what they leave open filled in, and the cosine of two draws of z."""
    from ayneh.engine.match import prior_of
    from ayneh.game.nets import NETS

    facts = flatten(config)
    players = NETS[config.net.name]
    facts["net.gen_norm"] = config.net.gen_norm or players.gen_norm
    facts["net.dis_norm"] = config.net.dis_norm or players.dis_norm
    mean, variance = prior_of(config).moments(config.prior.dim)
    square = mean**2 + variance  # |z|^2 / dim; that of the mean alone is what two draws share
    facts["parallel"] = mean**2 / square if math.isfinite(square) and square > 0 else 0.0
    return facts


# -- words and commands ------------------------------------------------------------------------------------------------


def words(finding: Finding, appeared: bool, config: Config) -> str:
    """A finding in a sentence or two, as a terminal shows it."""
    title = SYMPTOMS[finding.name].title
    if not appeared:
        return f"step {finding.until_step}: no longer: {title}"
    advice = f" {advice_words(finding.cure, config)}"
    return f"step {finding.told_step}, {finding.severity}: {title}. {finding.evidence}{advice}"


def advice_words(cure: Cure, config: Config) -> str:
    """What to do, with the command."""
    return f"{cure.words} Try: {command(config, cure.changes)}" if cure.changes else cure.words


def command(config: Config, changes: Mapping[str, Any]) -> str:
    """What trains this config with these changes: the preset that is nearest, and what differs from it."""
    wanted = flatten(config) | dict(changes)
    gaps = {name: _gap(flatten(preset.config), wanted) for name, preset in PRESETS.items()}
    preset = min(gaps, key=lambda name: len(gaps[name]))
    return " ".join(["ayneh train", preset, *(_flag(name, value) for name, value in gaps[preset].items())])


def _gap(preset: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in wanted.items() if preset[name] != value}


def _flag(name: str, value: Any) -> str:
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        room, _, leaf = flag.rpartition(".")
        return f"--{flag}" if value else f"--{room}{'.' if room else ''}no-{leaf}"
    return f"--{flag} {shlex.quote(str(value))}"
