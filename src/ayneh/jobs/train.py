"""The verbs `train` and `resume`: play a config from its first step, or from its last checkpoint, to its last epoch."""

from __future__ import annotations

import shlex
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from ayneh.beginning import begun, refuse_taken
from ayneh.checkpoint import Checkpoint
from ayneh.config import Config, differences
from ayneh.errors import UserError
from ayneh.evaluation import Say, silent
from ayneh.record import Record
from ayneh.standing import lost
from ayneh.terminal import Terminal

if TYPE_CHECKING:  # torch takes seconds to import: functions import it when they need it
    from ayneh.engine.match import Match


def train(
    config: Annotated[Config, tyro.conf.arg(name="")],
    out: Path | None = None,
    overwrite: bool = False,
    quiet: bool = False,
) -> None:
    """Train a preset, with any of its settings changed.

    Args:
        config: the settings, from the preset.
        out: the run folder (default: runs/ and the time).
        overwrite: replace the run that is there already.
        quiet: say nothing but the result.
    """
    import torch

    from ayneh.engine.device import describe
    from ayneh.engine.stacks import choose_workers
    from ayneh.training.fit import fit

    terminal = Terminal(quiet)
    folder = out or Path("runs") / time.strftime("%Y%m%d-%H%M%S")
    refuse_taken(folder, config, overwrite)  # before the images are read; and again once the lock is held
    match = lay_out(config, config.device, say=terminal.say)
    workers = choose_workers(match, config.epochs * match.steps_per_epoch)
    how = f"{workers} processes" if workers else "one process"
    terminal.say(f"{folder}: {config.seeds} x {config.net.name} on {config.data.name}, {describe(match.device)}, {how}")
    engine = {"device": str(match.device), "threads": torch.get_num_threads(), "workers": workers}
    with begun(folder, config, engine, overwrite) as record:
        fit(record, record.config(), match, None, terminal)
    run = shlex.quote(str(folder))
    terminal.say(f"Next: `ayneh evaluate {run}` scores it, `ayneh explore {run}` opens it in a browser.")


def resume(run: tyro.conf.Positional[Path], epochs: int | None = None, quiet: bool = False) -> None:
    """Go on with a run from its last whole checkpoint.

    Args:
        run: the run folder.
        epochs: go on to this many epochs in all (default: those the run was started with).
        quiet: say nothing but the result.
    """
    from ayneh.training.fit import fit

    terminal = Terminal(quiet)
    record = Record.open(run)
    with record.locked():
        config = record.config()
        checkpoint, damaged = record.checkpoints.newest()
        for problem in damaged:
            terminal.say(f"{problem} Going on from the one before it.")
        if words := lost(record, checkpoint):
            terminal.say(words)
        if checkpoint and (changed := differences(replace(checkpoint.config, epochs=config.epochs), config)):
            raise UserError(
                f"{run}/config.json is not what this run was trained with ({changed}): undo the change, or start a new "
                "run with `ayneh train`."
            )
        if epochs is not None and epochs < config.epochs:
            raise UserError(f"--epochs is {epochs}, but this run is to have {config.epochs} already; it can only grow.")
        config = replace(config, epochs=epochs or config.epochs)
        engine = record.engine()
        match = lay_out(config, engine["device"], engine["threads"], run, terminal.say)
        if checkpoint:
            _refuse_other_images(record, checkpoint, match)
        if epochs is not None:
            record.set_config(config)
        terminal.say(f"{run}: {_from_where(checkpoint.step if checkpoint else 0, match, config)}")
        fit(record, config, match, checkpoint, terminal)


def lay_out(
    config: Config, device: str, threads: int | None = None, run: Path | None = None, say: Say = silent
) -> Match:
    """The config's match on its data, on this device. run: the folder, for an error message; say: what was read.

    Raises UserError where the data are missing, or do not fit the nets, the batch or the device.
    """
    import torch

    from ayneh.engine.device import choose_device
    from ayneh.engine.match import Match, replicas_of
    from ayneh.evaluation import read_images

    chosen = choose_device(device)
    if threads:
        torch.set_num_threads(threads)  # a sum of floats depends on how it is split among threads
    images = read_images(config.data, run=run)
    match = Match(replicas_of(config), images.pixels, chosen)
    say(images.understood)  # not before: a refusal is one line
    return match


def _refuse_other_images(record: Record, checkpoint: Checkpoint, match: Match) -> None:
    """Raise UserError if the images have another shape or make epochs of another length than those trained on."""
    last = next((line for line in reversed(record.lines()) if line["step"] <= checkpoint.step), None)
    same_length = last is None or (last["step"] - 1) // match.steps_per_epoch == last["epoch"]
    if checkpoint.image_shape != match.image_shape or not same_length:
        raise UserError(
            f"{record.folder} was trained on other images than {checkpoint.config.data.name} has now: they are "
            f"{len(match.pixels):,} of {tuple(match.pixels.shape[1:])}. Put the former ones back, or start a new run."
        )


def _from_where(step: int, match: Match, config: Config) -> str:
    if step < config.epochs * match.steps_per_epoch:
        return f"going on from step {step}"
    return f"finished already, after {config.epochs} epochs; a larger number for --epochs plays on"
