"""Training, from Python."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ayneh.api.images import Images
from ayneh.api.images import images as understood
from ayneh.api.opening import preset
from ayneh.api.own import Parts, load_parts, with_nets
from ayneh.api.run import Run
from ayneh.arguments import checked
from ayneh.config import Config, differences
from ayneh.errors import Interrupted
from ayneh.record.record import Record
from ayneh.terminal.progress import Terminal
from ayneh.training.init_from import InitFrom


@checked
def train(
    config: Config | str,
    images: Any = None,
    *,
    nets: Any = None,
    parts: Parts = (),
    callbacks: Sequence[Any] = (),
    out: str | os.PathLike[str] | None = None,
    init_from: InitFrom | Run | str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    threads: int | str | None = None,
    quiet: bool = False,
) -> Run:
    """Train G and D to the last epoch of these settings; what `ayneh train` does, with the same numbers.

    Args:
        config: the settings, or the name of a preset.
        images: what to learn from, as `ayneh.images` takes them; they replace the settings' own ``data``, but for
            its ``limit`` and ``pad_to`` where they have none.
        nets: a pair of one's own, ``(Gen, Dis)`` or ``((Gen, {"width": 32}), (Dis, {}))``: z (B, Z) -> (B, C, S, S) in
            [-1, 1]; images -> (B,) or (B, 1).
        parts: files or modules that call `ayneh.add`, loaded before; what was added in Python already is there.
        callbacks: what sees each line of metrics: functions of a line, objects with ``on_tick(line)``, ``on_epoch(line,
            run)`` or ``on_end(run)``, or names: "tensorboard", "mlflow", "wandb" or your own.
        out: the run folder (default: runs/ and the time).
        init_from: another run, with whose weights this one begins; an `ayneh.InitFrom` names the run and the epoch.
        overwrite: replace the run that is there already.
        threads: of the processor, 1 to 1024 (None: measured before the first step, and fewer while other programs hold
            the cores), or those of another run, "2,1@350", for the same bits (docs/threads.md).
        quiet: show no progress.

    An interrupted kernel (or Ctrl-C) stops after the present step: the run is saved and returned, not finished, and
    ``run.resume()`` goes on. Raises UserError for bad input, and Stopped where the training broke down; what was saved
    stays.

    >>> import ayneh, tempfile
    >>> config = ayneh.preset("digits").changed({"epochs": 1, "data.limit": 128, "net.width": 8})
    >>> run = ayneh.train(config, out=tempfile.mkdtemp() + "/run", quiet=True)
    >>> run.finished, run.epoch
    (True, 0)
    """
    from ayneh.training.begin import begin, calling, folder_for

    config, given = laid_out(config, images, nets, parts)
    terminal = Terminal(quiet)
    names, objects = divided(callbacks)
    config = calling(config, (*config.keep.callbacks, *names))
    with folder_for(None if out is None else Path(out)) as folder:
        try:
            begin(config, folder, overwrite, terminal, objects, _init(init_from), threads)
        except Interrupted as stopped:
            if not Record(folder).exists() or differences(Record(folder).config(), config):  # no step of it is saved
                raise
            say_stopped(stopped)
    return Run(folder, given, nets, callbacks)


def _init(init: InitFrom | Run | str | os.PathLike[str] | None) -> InitFrom | None:
    if init is None or isinstance(init, InitFrom):
        return init
    return InitFrom(init.folder if isinstance(init, Run) else Path(init))


def laid_out(config: Config | str, images: Any, nets: Any, parts: Parts) -> tuple[Config, Images | None]:
    """The config with these images and nets, and what has to be held while it is used."""
    load_parts(parts)
    return with_images(with_nets(preset(config) if isinstance(config, str) else config, nets), images)


def divided(callbacks: Sequence[Any]) -> tuple[list[str], dict[str, Any]]:
    """Callbacks by name, which the settings note, and those given as objects."""
    from ayneh.training.callbacks import named

    names = [one for one in callbacks if isinstance(one, str)]
    return names, named([one for one in callbacks if not isinstance(one, str)])


def with_images(config: Config, images: Any) -> tuple[Config, Images | None]:
    """The config on these images (None: on its own), and what has to be held while it is used."""
    if images is None:
        return config, None
    given = understood(images)
    kept = {name: getattr(config.data, name) for name in ("limit", "pad_to") if getattr(given.data, name) is None}
    return replace(config, data=replace(given.data, **kept)), given


def resumed(
    record: Record,
    epochs: int | None,
    images: Any,
    held: Images | None,
    device: str | None,
    callbacks: Sequence[Any],
    anew: bool,
    terminal: Terminal,
    threads: int | None = None,
) -> Images | None:
    """Go on with a run, as `Run.resume` describes; what has to be held while it is used.

    images: those to go on with (None: ``held``, or those of its settings); anew: whether the settings note these
    callbacks from now on.
    """
    from ayneh.training.begin import go_on

    given = held

    def elsewhere(config: Config) -> Config:
        nonlocal given
        config, given = with_images(config, images) if images is not None else (config, given)
        return config

    names, objects = divided(callbacks)
    try:
        go_on(record, epochs, elsewhere, device, terminal, names if anew else None, objects, threads=threads)
    except Interrupted as stopped:
        say_stopped(stopped)
    return given


def say_stopped(stopped: Interrupted) -> None:
    """How far an interrupted run is."""
    print(f"{stopped.where}: run.resume() goes on.", file=sys.stderr)
