"""A folder that holds no run, or none any more: what it holds instead."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from ayneh.errors import Stopped, UserError, typed_as
from ayneh.files.reading import json_in


def refuse_no_run(folder: Path, epochs: Callable[[], Sequence[int]]) -> None:
    """Raise UserError if the folder holds no run. epochs: those of its checkpoints, which it may have all the same."""
    about = None
    with suppress(UserError, OSError):  # what is wrong with it, its reader says
        about = json_in(folder / "config.json")
    if str((about or {}).get("format")).startswith("ayneh-export"):
        raise UserError(
            f"{folder} is an exported model and no run: name the folder of its run; of the model itself, "
            f"`ayneh explore {typed_as(folder)}` shows its images, and ayneh.load(folder) reads it in Python."
        )
    if (folder / "config.json").is_file():
        return
    but = ", although it has checkpoints: put config.json back" if epochs() else ""
    if (folder / "study.json").exists():
        but = "; it is a study (ayneh.open_study), with its runs in runs/"
    raise UserError(f"There is no run in {folder}: it has no config.json{but}.")


def refuse_gone(folder: Path, step: int | None = None) -> None:
    """Raise Stopped if the run's folder was moved or deleted since it was opened: to write there would make a new one.

    step: how far a training is that stops there.
    """
    if not (folder / "config.json").is_file():
        stopped = "" if step is None else f"Training stopped at step {step}. "
        raise Stopped(
            f"{folder} holds no run any more (it has no config.json): it was moved or deleted meanwhile. {stopped}"
            "If you moved it, name its new place; `ayneh resume` goes on there from its last checkpoint."
        )
