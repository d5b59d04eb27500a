"""Whose run a run folder is: a person's own, or one of a study's, which plays and scores its runs in its own way."""

from __future__ import annotations

from pathlib import Path

from ayneh.errors import typed_as

STUDY = "study.json"  # a study's folder has it, and its runs in runs/ARM/seed-000


def study_of(run: Path) -> Path | None:
    """The study's folder, if the run lies in one."""
    run = run.absolute()
    if len(run.parents) < 3 or not run.name.startswith("seed-"):
        return None
    folder = run.parents[2]
    return folder if run.parents[1].name == "runs" and (folder / STUDY).is_file() else None


def going_on(run: Path) -> str:
    """The command that goes on with this run, or with the study that it belongs to."""
    study = study_of(run)
    return f"ayneh study run {typed_as(study)}" if study else f"ayneh resume {typed_as(run)}"
