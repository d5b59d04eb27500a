"""The names of the files of an epoch: checkpoints and pictures."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from ayneh.errors import UserError
from ayneh.terminal.text import warn_once

INTERRUPTED, BEST, HEALTHY, INITIAL = "interrupted", "best", "healthy", "initial"  # checkpoints that are of no epoch
NUMBER = r"(?:\d{4}|[1-9]\d{4,})"  # of an epoch, in names
NAMES = rf"(?:epoch-{NUMBER}|{HEALTHY}-{NUMBER}|{INTERRUPTED}|{BEST}|{INITIAL})\.safetensors"
OURS = rf"{NAMES}|epoch-{NUMBER}(?:-replica-\d+)?\.png"  # checkpoints and pictures


def epoch_name(epoch: int) -> str:
    """The beginning of the names of an epoch's files; epochs count from 0, as in the report."""
    return f"epoch-{epoch:04d}"


def asked(epoch: int | None, best: bool) -> int | Literal["best"] | None:
    """The checkpoint that a verb's --epoch and --best ask for, as `Checkpoints.at_epoch` takes it."""
    if best and epoch is not None:
        raise UserError(f"--best and --epoch {epoch} are two checkpoints: leave one of them out.")
    return "best" if best else epoch


def number_in(path: Path) -> int | None:
    """The epoch of epoch-0031.safetensors, healthy-0031.safetensors or epoch-0031-replica-1.png, else None."""
    found = re.match(rf"(?:epoch|{HEALTHY})-({NUMBER})[.-]", path.name)
    return int(found[1]) if found else None


def numbered(folder: Path, kind: str, end: str) -> dict[int, Path]:
    """The files KIND-0031 with this end (a regular expression) by their numbers, in order."""
    found = [(number_in(path), path) for path in named(folder, rf"{kind}-{NUMBER}{end}", f"{kind}-*")]
    return {number: path for number, path in sorted(found) if number is not None}


def named(folder: Path, names: str, alike: str) -> list[Path]:
    """The files of a folder with such names (a regular expression), with a warning on others that look alike (a glob).

    A copy made by hand, ``epoch-0011 (copy).safetensors``, is not taken for the run's.
    """
    found = []
    for path in folder.glob(alike):
        if re.fullmatch(names, path.name):
            found.append(path)
        elif not re.fullmatch(OURS, path.name):
            warn_once(f"{path} is ignored: ayneh does not write files of this name.")
    return found
