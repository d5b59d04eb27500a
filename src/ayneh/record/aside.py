"""A run that another replaces (--overwrite): set aside until the new one has a checkpoint, else put back.

Which folder there is shows how far a command came that was killed:

- ``replacing.run/``: files of the former run on their way into it, or back; there is no new run: all of them go back
- ``replaced.run/``: the whole former run; the new one is begun: it stays if it has a checkpoint, else it is removed
- ``discarded.run/``: on its way to being deleted

Only files that training, or a verb that looks at a run, names so are touched.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from ayneh.files.whole import is_temporary
from ayneh.record.checkpoint import NAMES
from ayneh.record.own import COPIES, COPY

MOVING, ASIDE, GONE = "replacing.run", "replaced.run", "discarded.run"
CONFIG = "config.json"  # moved last and removed first: until then this is a run
_EPOCH, _REPLICA = r"epoch-\d{4,}", r"(-replica-\d+)?"
OWN = {  # folder in the run's -> the names of its own files there
    "": rf"(config|rescues|callbacks|outcome)\.json|(metrics|findings)\.jsonl(\.damaged(-\d+)?)?|abandoned\.jsonl"
    rf"|(evaluation|mirror|probe)(-{_EPOCH})?{_REPLICA}\.json|mirror(-{_EPOCH})?{_REPLICA}\.png"
    rf"|diagnosis{_REPLICA}\.html",
    "samples": rf"(abandoned-\d+-)?{_EPOCH}{_REPLICA}\.png|animation{_REPLICA}\.gif|swap-.+\.png",
    "checkpoints": NAMES,
    "generators": NAMES,
    "events": r"events\.out\.tfevents\..+",
    r"abandoned/\d+(/generators)?": NAMES,
    COPIES: COPY,
}
EXPORT = r"export-(onnx|safetensors)"


def own_files(folder: Path) -> list[Path]:
    """The run's own files, relative to its folder; config.json is the last."""
    found = []
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        names = next((names for room, names in OWN.items() if re.fullmatch(room, _room(place))), None)
        if names and re.fullmatch(names, path.name) and (path.is_file() or path.is_symlink()):
            found.append(place)
    return sorted(found, key=lambda place: str(place) == CONFIG)


def is_leftover(folder: Path) -> bool:
    """Whether a folder holds nothing but what a command leaves that was killed before config.json was written."""
    return all(
        path.name in ("samples", "checkpoints", "generators", "events", COPIES)
        if path.is_dir()
        else path.name == "run.lock" or is_temporary(path.name)
        for path in folder.rglob("*")
    )


def set_aside(folder: Path) -> None:
    """Move the run in this folder into it."""
    _move(folder, folder / MOVING, own_files(folder))
    (folder / MOVING).rename(folder / ASIDE)


def unsettled(folder: Path) -> bool:
    """Whether a replaced run, or a part of one, is here."""
    return any((folder / name).is_dir() for name in (MOVING, ASIDE, GONE))


def settle(folder: Path) -> list[str]:
    """End what was begun, in sentences. Only for the process that has the run's lock, while it is not training."""
    said = []
    if (folder / ASIDE).is_dir() and not _has_checkpoint(folder):
        for place in reversed(own_files(folder)):
            (folder / place).unlink()
        (folder / ASIDE).rename(folder / MOVING)
    if (folder / MOVING).is_dir():
        former = [path.relative_to(folder / MOVING) for path in (folder / MOVING).rglob("*") if not path.is_dir()]
        _move(folder / MOVING, folder, sorted(former, key=lambda place: str(place) == CONFIG))
        shutil.rmtree(folder / MOVING)
        said = [
            f"{folder}: the run that was to be replaced is back, since the new one ended before its first checkpoint."
        ]
    return said + discard(folder)


def discard(folder: Path) -> list[str]:
    """Delete the replaced run, if there is one, and rename exports of it; what was renamed, in sentences."""
    said = []
    if (folder / ASIDE).is_dir():
        for export in sorted(path for path in folder.iterdir() if re.fullmatch(EXPORT, path.name)):
            stale = _free(folder / f"{export.name}-of-replaced-run")
            export.rename(stale)
            said.append(f"{export}, an export of the replaced run, is renamed {stale.name}.")
        shutil.rmtree(folder / GONE, ignore_errors=True)
        (folder / ASIDE).rename(folder / GONE)
    shutil.rmtree(folder / GONE, ignore_errors=True)
    return said


def _has_checkpoint(folder: Path) -> bool:
    return any(place.parent.name == "checkpoints" for place in own_files(folder))


def _room(place: Path) -> str:
    return "" if place.parent == Path() else place.parent.as_posix()


def _move(start: Path, goal: Path, places: list[Path]) -> None:
    """Move files with their folders; folders that are empty then are removed."""
    goal.mkdir(exist_ok=True)
    for place in places:
        (goal / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(start / place, goal / place)
    for room in {parent for place in places for parent in place.parents if parent != Path()}:
        for folder in sorted([start / room, *(start / room).rglob("*")], reverse=True):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def _free(path: Path) -> Path:
    """This path, or with -2, -3, ... the first that is free."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free
