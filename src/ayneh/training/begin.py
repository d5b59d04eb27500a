"""A run begun in a folder, and a run gone on with: what `train` and `resume` do, on the command line and in Python."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ayneh.config import Config, differences
from ayneh.errors import UserError
from ayneh.evaluation import about, origin_of
from ayneh.files.whole import refuse_unwritable
from ayneh.idle import warn_of_idle
from ayneh.labels import Labels
from ayneh.parts.calling import threads_kept
from ayneh.record.beginning import begun, refuse_taken
from ayneh.record.checkpoint import Checkpoint
from ayneh.record.head import Origin
from ayneh.record.names import epoch_name
from ayneh.record.owner import going_on, study_of
from ayneh.record.record import Record
from ayneh.record.standing import lost
from ayneh.terminal.progress import Terminal
from ayneh.terminal.text import Say, counted, silent, warn_once

if TYPE_CHECKING:  # torch takes seconds to import: functions import it when they need it
    from ayneh.engine.match import Match
    from ayneh.training.init_from import InitFrom


@contextmanager
def folder_for(out: Path | None) -> Iterator[Path]:
    """The folder of a run: ``out``, or if none was given a new one, runs/ and the time, which goes if no run begins.

    It is made at once: another training that begins in the same second gets one of its own, which ends in -2.
    """
    if out is not None:
        yield out
        return
    first = Path("runs") / time.strftime("%Y%m%d-%H%M%S")
    new = not first.parent.exists()
    first.parent.mkdir(exist_ok=True)
    for number in itertools.count(1):
        folder = first if number == 1 else first.with_name(f"{first.name}-{number}")
        try:
            folder.mkdir()
            break
        except FileExistsError:
            continue
    try:
        yield folder
    finally:
        with suppress(OSError):  # it holds a run
            folder.rmdir()
            if new:
                folder.parent.rmdir()


def calling(config: Config, callbacks: Iterable[str]) -> Config:
    """The config with the callbacks of these names. Raises UserError for an unknown one."""
    from ayneh.training.callbacks import chosen

    config = replace(config, keep=replace(config.keep, callbacks=tuple(dict.fromkeys(callbacks))))
    chosen(config)
    return config


def begin(
    config: Config,
    folder: Path,
    overwrite: bool,
    terminal: Terminal,
    callbacks: Mapping[str, Any] | None = None,
    init: InitFrom | None = None,
    threads: int | str | None = None,
) -> tuple[Origin, list[str]]:
    """Train a config from its first step to its last epoch in this folder; its images, and sentences on the end.

    callbacks: by name, beside those that the config names; init: the run whose weights it begins with; threads: as
    `engine.threads.asked_for` takes them (None: by a short measurement, and changed while others hold the cores).
    Raises UserError for bad input, Interrupted where the run was interrupted, and Stopped where it was cut short.
    """
    import torch

    from ayneh.engine.device import describe
    from ayneh.engine.stacks import choose_workers, kept_here
    from ayneh.engine.threads import asked_for, choose, in_one_process, kept
    from ayneh.training.fit import Fit
    from ayneh.training.init_from import read, write

    refuse_taken(folder, config, overwrite)  # before the images are read; and again once the lock is held
    refuse_unwritable(Record(folder).metrics)
    asked = None if threads is None else asked_for(threads)
    with threads_kept():
        match, origin, given = lay_out(config, config.device, asked.threads if asked else None, say=terminal.say)
        steps = config.epochs * match.steps_per_epoch
        choice = asked or choose(match, steps)
        torch.set_num_threads(choice.threads)
        workers = 0 if asked and in_one_process(asked, config.batch) else choose_workers(match, steps)
        how = f"{workers} processes" if workers else "one process"
        if not workers and (why := kept_here(match)):
            how = f"{how}. {why}"
        what = f"{config.seeds} x {config.net.name} on {config.data.name}"
        terminal.say(f"{folder}: {what}, {describe(match.device)}, {how}")
        if workers:
            choice = kept(choice.threads)
        elif choice.held_back:
            terminal.say(
                "Other programs hold processor cores: training begins with one thread, and takes more when they are "
                f"free (config.json notes it; --threads {choice.most} keeps {choice.most}, and the bits)."
            )
        engine = {"device": str(match.device), "workers": workers, **choice.noted()}
        if match.classes:
            terminal.say(f"labels: {match.classes.line(config.rules.labels, config.rules.classes)}")
        state, noted = read(init, match) if init else ({}, None)
        with begun(folder, config, engine, overwrite, given, noted) as record:
            first = write(record, match, state, origin) if init else None
            fit = Fit(record, record.config(), match, first, terminal, origin, callbacks, choice)
            return origin, fit.to_its_end()


def go_on(
    record: Record,
    epochs: int | None,
    elsewhere: Callable[[Config], Config],
    device: str | None,
    terminal: Terminal,
    names: Sequence[str] | None = None,
    callbacks: Mapping[str, Any] | None = None,
    changed_parts: bool = False,
    threads: int | None = None,
) -> list[str]:
    """Go on with a run from its last whole checkpoint; sentences on its end.

    epochs: in all (None: those that it was started with); elsewhere: the config with its images where they are now;
    device: None for the one that it was started on; names: of the callbacks that the config names from now on (None:
    as it does); callbacks: others, by name; changed_parts: also where a part of one's own has another source now;
    threads: from here on (None: those of its record, then by its pace). Raises as `begin`.
    """
    from ayneh.doctor import rescue
    from ayneh.engine.threads import asked_for, gone_on, timed
    from ayneh.training.fit import Fit

    run = record.folder
    if (study := study_of(run)) and (epochs is not None or record.outcome() is None):
        raise UserError(
            f"{run} belongs to the study {study}, which scores and saves its runs in its own way: `{going_on(run)}` "
            "goes on with all of them; to go on with this run alone, copy its folder to another place."
        )
    asked = None if threads is None else asked_for(threads)
    with record.locked(), threads_kept():
        record.parts.ready(record.config(), changed_parts, names is None)
        rescue.finish(record)
        config = record.config()
        config = calling(config, config.keep.callbacks if names is None else names)
        checkpoint = _newest(record)
        if checkpoint and (changed := differences(_as_now(checkpoint.config, config), config)):
            raise UserError(
                f"{run}/config.json is not what this run was trained with ({changed}): undo the change, or start a new "
                "run with `ayneh train`."
            )
        if epochs is not None and epochs < config.epochs:
            raise UserError(f"--epochs is {epochs}, but this run has {config.epochs} already: give a larger number.")
        config = elsewhere(replace(config, epochs=epochs or config.epochs))
        engine = _engine(record, config, device, terminal)
        step, given_up = checkpoint.step if checkpoint else 0, rescue.steps_given_up(rescue.of(record))
        choice, engine, words = gone_on(engine, asked, step + given_up)
        known = given_up + max((line["step"] for line in record.lines()), default=0)  # as its lost part had them
        classes = checkpoint.labels if checkpoint else None
        match, origin, noted = lay_out(config, engine["device"], choice.at(step + given_up), run, terminal.say, classes)
        if checkpoint:
            _refuse_other_images(record, checkpoint, match, origin)
        if config != record.config():
            record.set_config(config, noted)
        if engine != record.engine():
            record.set_engine(engine)
        for sentence in filter(None, (words, _from_where(record, checkpoint, match, config))):
            terminal.say(f"{run}: {sentence}")
        choice = timed(choice, match, config.epochs * match.steps_per_epoch - step)
        return Fit(record, config, match, checkpoint, terminal, origin, callbacks, choice, known).to_its_end()


def _as_now(config: Config, now: Config) -> Config:
    """A checkpoint's config with what may differ in config.json: how long, and who sees it."""
    return replace(config, epochs=now.epochs, keep=replace(config.keep, callbacks=now.keep.callbacks))


def _newest(record: Record) -> Checkpoint | None:
    """The newest whole checkpoint; what is left out is printed, also by a quiet verb."""
    checkpoint, damaged = record.checkpoints.newest()
    for problem in damaged:
        warn_once(f"{problem} Going on from the one before it.")
    if words := lost(record, checkpoint):
        warn_once(words)
    return checkpoint


def _engine(record: Record, config: Config, device: str | None, terminal: Terminal) -> dict[str, Any]:
    """How this machine is to run it: as it was started, or on another device."""
    import torch

    from ayneh.engine.device import choose_device

    engine = record.engine()
    chosen = str(choose_device(device or engine["device"]))
    if device is None or chosen == engine["device"]:
        return engine
    if config.precision == "tf32" and not chosen.startswith("cuda"):
        raise UserError(
            f"{record.folder} is trained with --precision tf32, which only CUDA devices have: resume it where there is "
            f"one, not on {chosen}."
        )
    terminal.say(
        f"{record.folder}: on {chosen} instead of {engine['device']}; from here on the last bits of its numbers "
        "may differ from those on that device."
    )
    workers = engine["workers"] if chosen == "cpu" else 0
    return {"device": chosen, "threads": torch.get_num_threads(), "workers": workers, "up_to": 0, "changes": []}


def lay_out(
    config: Config,
    device: str,
    threads: int | None = None,
    run: Path | None = None,
    say: Say = silent,
    classes: Labels | None = None,
) -> tuple[Match, Origin, dict[str, str] | None]:
    """The config's match on its data, on this device, what its data are, and what config.json notes of them.

    run: the folder, for an error message; say: gets what was read; classes: those that the run was trained on before.

    Raises UserError where the data are missing, or do not fit the nets, the batch or the device.
    """
    import torch

    from ayneh.engine.device import choose_device
    from ayneh.engine.match import Match, replicas_of
    from ayneh.engine.players import refuse_before_reading
    from ayneh.evaluation import labelled, read_images, refuse_other_classes

    chosen = choose_device(device)
    if threads:
        torch.set_num_threads(threads)  # a sum of floats depends on how it is split among threads
    refuse_before_reading(config, chosen)
    if run is None:  # who goes on with a run sets nothing
        warn_of_idle(config)
    images = read_images(config.data, run=run)
    if run:
        refuse_other_classes(run, classes, images)
    match = Match(replicas_of(config), images.pixels, chosen, labelled=labelled(config, images))
    say(images.understood)  # not before: a refusal is one line
    if config.rules.labelled and (rare := images.rare(config.batch)):
        say(rare)
    return match, origin_of(config, images), about(config.data, images)


def _refuse_other_images(record: Record, checkpoint: Checkpoint, match: Match, origin: Origin) -> None:
    """Raise UserError unless the images are those that the run was trained on.

    Of a checkpoint of an earlier version only their shape and the length of an epoch can be compared.
    """
    if checkpoint.data:
        checkpoint.data.refuse_others(origin, record.folder)
    last = next((line for line in reversed(record.lines()) if line["step"] <= checkpoint.step), None)
    same_length = last is None or (last["step"] - 1) // match.steps_per_epoch == last["epoch"]
    if checkpoint.image_shape != match.image_shape or not same_length:
        raise UserError(
            f"{checkpoint.config.data.name} has {len(match.pixels):,} images of {tuple(match.pixels.shape[1:])} now, "
            f"and {record.folder} was trained on others: put the former ones back, or start a new run."
        )


def _from_where(record: Record, checkpoint: Checkpoint | None, match: Match, config: Config) -> str:
    step, last = checkpoint.step if checkpoint else 0, config.epochs - 1
    if step < config.epochs * match.steps_per_epoch:
        return f"going on from step {step}"
    if record.checkpoints.whole(epoch_name(last), step):
        return f"finished already, after {counted(config.epochs, 'epoch')}; a larger --epochs trains it further"
    return f"writing what is missing of its last epoch, {last}"
