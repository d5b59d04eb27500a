"""What a rescue gives up is set aside in the run folder: nothing of it is deleted, and resuming ignores it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ayneh.errors import UserError
from ayneh.files.lines import read_lines, write_lines
from ayneh.files.reading import json_in
from ayneh.record.forms import Event, Line
from ayneh.record.names import epoch_name

if TYPE_CHECKING:
    from ayneh.record.record import Record

REPORTS = ("evaluation", "mirror", "probe")  # what verbs write about a checkpoint


@dataclass(frozen=True, kw_only=True)
class Given(Line):
    """A line of abandoned.jsonl, whose steps begin again with each rescue."""

    RISING: ClassVar[str | None] = "rescue"

    rescue: int


def abandon(record: Record, step: int, number: int) -> None:
    """Set aside what was written after ``step``, for the rescue of this number (from 1).

    Its checkpoints and what was reported on them move to abandoned/1/, its lines to abandoned.jsonl, its pictures to
    abandoned-1-epoch-0031.png. It can be done again after a kill.
    """
    attic = record.folder / "abandoned" / str(number)
    record.checkpoints.set_aside(step, attic)
    record.generators.set_aside(step, attic / record.generators.folder.name)
    for path in _reports(record.folder, step):
        attic.mkdir(parents=True, exist_ok=True)
        path.rename(attic / path.name)
    lost = [line for line in read_lines(record.metrics, Line) if line["step"] > step]  # as they were written
    if lost:  # else a kill came after these lines had been moved
        given = record.folder / "abandoned.jsonl"
        before = [line for line in read_lines(given, Given) if line["rescue"] != number]
        write_lines(given, [*before, *({"rescue": number} | line for line in lost)])
    if record.findings.exists():  # these lines stay, marked
        found = read_lines(record.findings, Event)
        write_lines(record.findings, [{"rescue": number} | one if one["step"] > step else one for one in found])
    for epoch in {line["epoch"] for line in lost}:
        for path in list(record.samples.glob(f"{epoch_name(epoch)}[.-]*png")):  # also those of replicas
            path.rename(path.with_name(f"abandoned-{number}-{path.name}"))
    record.rewind(step)


def _reports(folder: Path, step: int) -> list[Path]:
    """The reports on states after this step, with their pictures: other states will come to have the same steps."""
    found = []
    for path in sorted(path for name in REPORTS for path in folder.glob(f"{name}*.json")):
        try:
            values = json_in(path, constants=True) or {}
        except UserError:  # a damaged report stays: the verb that reads it names it
            continue
        each = [values, *(one for one in _list(values.get("epochs")) if isinstance(one, dict))]
        if any(isinstance(one.get("step"), int) and one["step"] > step for one in each):
            found += [path, *folder.glob(f"{path.stem}.png")]
    return found


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
