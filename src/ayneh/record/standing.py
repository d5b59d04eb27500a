"""How far a run is, from its folder."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ayneh.errors import UserError
from ayneh.record.checkpoint import Checkpoint, Damaged, read_head
from ayneh.record.names import INITIAL, INTERRUPTED

if TYPE_CHECKING:
    from ayneh.record.record import Record

State = Literal["no step yet", "running", "interrupted", "broken down", "finished", "stopped"]


@dataclass(frozen=True)
class Standing:
    """How far a run is."""

    state: State
    epochs: int  # begun
    wanted: int  # epochs
    steps: int
    wall_s: float  # of training

    @property
    def ended(self) -> bool:
        """Whether the run has finished or broken down."""
        return self.state in ("finished", "broken down")


def standing_of(record: Record, ended: bool | None = None) -> Standing:
    """How far the run is. ended: whether it has ended, if the caller gives it (None: by its files)."""
    config, lines, outcome = record.config(), record.lines(), record.outcome() or {}
    broken = [e for e in record.events() if e["name"] == "not finite" and e["appeared"] and "rescue" not in e]
    last = max([*lines[-1:], *broken], key=lambda line: line["step"], default={"epoch": -1, "step": 0})
    if ended is None:  # of deleted checkpoints there are still pictures
        complete = config.epochs - 1 in (record.checkpoints.epochs() or record.pictures(0, config.seeds))
        ended = bool(outcome or broken or complete)
    state: State = "stopped"
    if ended:
        state = "broken down" if broken or outcome.get("diverged") else "finished"
    elif record.lively():
        state = "running"
    elif not last["step"]:
        state = "no step yet"
    elif record.checkpoints.has(INTERRUPTED):
        state = "interrupted"
    wall_s = outcome.get("wall_s", lines[-1].get("wall_s", 0.0) if lines else 0.0)
    return Standing(state, last["epoch"] + 1, config.epochs, last["step"], wall_s)


def furthest(record: Record) -> int:
    """Steps played so far, as far as they are written down or saved."""
    found = [record.standing().steps]
    for path in record.checkpoints.folder.glob("*.safetensors"):
        with suppress(Damaged):
            found.append(read_head(path).step)
    return max(found)


def lost(record: Record, checkpoint: Checkpoint | None) -> str | None:
    """What was lost of the metrics before this checkpoint, in a sentence; None if nothing was.

    Raises UserError where there is no checkpoint any more of a run that had one: to begin anew would delete the rest.
    """
    lines, keep = record.lines(), record.config().keep
    if checkpoint and checkpoint.path.stem == INITIAL:
        checkpoint = None
    if checkpoint is None and lines and lines[-1]["epoch"] >= keep.checkpoint_epochs:
        raise UserError(
            f"{record.folder} was trained for {lines[-1]['epoch'] + 1} epochs, and none of its checkpoints is left: "
            "put one back, or begin anew with another --out (`ayneh train` with --overwrite replaces what is left)."
        )
    first = checkpoint and checkpoint.line and not checkpoint.line["epoch"]  # the checkpoint holds the only line
    if checkpoint and checkpoint.path.stem != INTERRUPTED and not lines and not first:  # an epoch's end has a line
        return f"The metrics of {record.folder} up to step {checkpoint.step} are missing; it goes on without them."
    return None
