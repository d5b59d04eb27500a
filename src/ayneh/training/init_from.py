"""Training that begins with the weights of another run: `ayneh train --init-from RUN`.

The state before the first step is written into the run's own folder as a checkpoint of step 0, which `resume` and a
rescue begin from: the other run is needed once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ayneh.arguments import check_fields
from ayneh.errors import UserError
from ayneh.files.home import at_home
from ayneh.labels import Labels
from ayneh.record.checkpoint import Checkpoint
from ayneh.record.names import INITIAL, asked
from ayneh.record.record import Record
from ayneh.terminal.text import warn_once

if TYPE_CHECKING:  # torch takes seconds to import: functions import it when they need it
    from torch import Tensor

    from ayneh.engine.match import Match
    from ayneh.record.head import Origin

PLAYERS = {"all": ("gen", "dis"), "gen": ("gen",), "dis": ("dis",)}
READER = "reader."  # D's reader of z, which a run has where it weighs the mirror


@dataclass(frozen=True)
class InitFrom:
    """The weights of another run, with which a run begins.

    >>> import ayneh
    >>> ayneh.InitFrom("runs/faces", players="gen", epoch=9).players
    'gen'
    """

    run: str | Path
    """The other run's folder; it is read and stays as it is."""
    players: str = "all"
    """all, gen or dis: whose weights are taken. What is not taken begins as usual, by the seed."""
    optimizer: bool = False
    """Take the optimiser's memory and its count of updates, too (else it begins anew)."""
    epoch: int | None = None
    """The epoch of the checkpoint, from 0 (None: the newest)."""
    best: bool = False
    """Take the checkpoint with the best score."""
    replica: int | None = None
    """The replica whose weights all replicas get (None: each gets its own, or all those of the only one)."""

    def __post_init__(self) -> None:
        check_fields(self)


def read(init: InitFrom, match: Match) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The state before the first step by name, and what config.json notes of where it is from.

    Raises UserError where there is no such run, checkpoint or replica, and for the first weight that does not fit.
    """
    if init.players not in PLAYERS:
        raise UserError(f"--init-players is {init.players!r}: choose all, gen or dis.")
    record = Record.open(at_home(init.run))
    kept = record.checkpoints.at_epoch(asked(init.epoch, init.best))
    state = match.named(match.start())
    if init.optimizer and (ours := match.replicas[0].optimizer.name) != (theirs := kept.config.optimizer.name):
        raise UserError(
            f"{init.run} was trained with {theirs}, and this run's optimizer is {ours}: leave --init-optimizer out, or "
            f"choose --optimizer.name {theirs}."
        )
    rows = _rows(init, kept, len(match.replicas))
    if kept.labels and match.classes:
        _warn_of_other_names(init, kept.labels, match.classes)
    for name in _taken(init, match, kept, state):
        theirs_, ours_ = kept.tensors[name], state[name]
        if theirs_.shape[1:] != ours_.shape[1:]:
            raise UserError(
                f"The weights of {init.run} do not fit: {name} is {tuple(theirs_.shape[1:])} there and "
                f"{tuple(ours_.shape[1:])} here{_labels_apart(kept, match)}; choose the same nets and --prior.dim, or "
                "other --init-players."
            )
        state[name] = theirs_[rows].to(ours_)
    noted = {
        "run": str(record.folder.resolve()),
        "checkpoint": kept.path.name,
        "step": kept.step,
        "sha256": hashlib.sha256(kept.path.read_bytes()).hexdigest(),
        "players": init.players,
        "optimizer": init.optimizer,
        "replica": init.replica,
    }
    return state, noted


def write(record: Record, match: Match, state: dict[str, Tensor], origin: Origin) -> Checkpoint:
    """Write that state into the run's folder as its first checkpoint, and read it."""
    record.checkpoints.write(INITIAL, 0, record.config(), match.image_shape, state, 0, origin, labels=match.classes)
    found = record.checkpoints.initial()
    assert found
    return found


def _warn_of_other_names(init: InitFrom, theirs: Labels, ours: Labels) -> None:
    """Print which class is taken for which, where the classes are as many and have other names."""
    for k, (before, now) in enumerate(zip(theirs.names, ours.names, strict=False)):
        if before != now and theirs.count == ours.count:
            warn_once(
                f"The classes of {init.run} have other names than those of these images: what its nets have learnt of "
                f"class {k}, {before!r}, is taken for {now!r}."
            )
            return


def _labels_apart(kept: Checkpoint, match: Match) -> str:
    """Words on what differs in the labels of the two runs, which makes nets of other weights; empty if nothing does."""
    ours = match.classes
    before, now = kept.config.rules.labels, match.replicas[0].rules.labels
    if before != now:
        return f" (--rules.labels was {before} there and is {now} here)"
    if kept.labels and ours and kept.labels.count != ours.count:
        return f" ({kept.labels.count:,} classes there and {ours.count:,} here)"
    return ""


def _rows(init: InitFrom, kept: Checkpoint, replicas: int) -> list[int]:
    """The other run's replica for each of ours."""
    there = kept.config.seeds
    if init.replica is not None:
        if not 0 <= init.replica < there:
            raise UserError(f"--init-replica is {init.replica}, and {init.run} has {there}, counted from 0.")
        return [init.replica] * replicas
    if there not in (1, replicas):
        raise UserError(
            f"{init.run} has {there} replicas, and this run {replicas}: choose one of them with --init-replica."
        )
    return list(range(replicas)) if there == replicas else [0] * replicas


def _taken(init: InitFrom, match: Match, kept: Checkpoint, state: dict[str, Tensor]) -> Iterator[str]:
    """The tensors that are taken, by their names in both runs. Raises UserError for one that only one of them has."""
    memory = [key for key in match.state_keys if key not in ("gen", "dis", "ema")] if init.optimizer else []
    keys = {f"{who}{end}" for who in PLAYERS[init.players] for end in ("", "_buffers", *(m[3:] for m in memory))} | (
        {"ema"} if "gen" in PLAYERS[init.players] else set()
    )
    ours, theirs = ({name for name in names if name.partition("/")[0] in keys} for names in (state, kept.tensors))
    for name in sorted(ours ^ theirs):
        if not name.partition("/")[2].startswith(READER):  # a fresh one, or one that is not used
            where = f"in {init.run} alone" if name in theirs else f"not in {init.run}"
            raise UserError(
                f"The weights of {init.run} do not fit: {name} is {where}{_labels_apart(kept, match)}; choose the same "
                "nets and --rules.labels, or other --init-players."
            )
    return iter(sorted(ours & theirs))
