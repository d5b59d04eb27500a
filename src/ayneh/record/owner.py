"""Whose run a run folder is: a person's own, or one of a study's, which plays and scores its runs in its own way."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ayneh.errors import UserError, typed_as
from ayneh.files.reading import json_in

STUDY = "study.json"  # a study's folder has it, and its runs in runs/ARM/seed-000
PLACE = re.compile(r"seed-\d{3,}")


def study_of(run: Path) -> Path | None:
    """The study's folder, if the run lies in one."""
    run = run.absolute()
    if len(run.parents) < 3 or run.parents[1].name != "runs" or not PLACE.fullmatch(run.name):
        return None
    folder = run.parents[2]
    return folder if isinstance(_values(folder).get("study"), dict) else None


def going_on(run: Path) -> str:
    """The command that goes on with this run, or with the study that it belongs to."""
    study = study_of(run)
    if study is None:
        return f"ayneh resume {typed_as(run)}"
    parts = _values(study).get("parts")
    return playing(study, [part for part in parts if isinstance(part, str)] if isinstance(parts, list) else [])


def playing(folder: str | Path, parts: Sequence[str] = ()) -> str:
    """The command that goes on with the study in this folder, or plays it from its first run; parts: of its own."""
    return f"ayneh study run {typed_as(folder)}" + "".join(f" --parts {typed_as(part)}" for part in parts)


def _values(folder: Path) -> dict[str, Any]:
    """What the folder's study.json holds; nothing if it is not there, or is damaged or of another program."""
    try:
        return json_in(folder / STUDY) or {}
    except UserError:
        return {}
