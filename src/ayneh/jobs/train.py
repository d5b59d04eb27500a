"""The verbs `train` and `resume`: play a config from its first step, or from its last checkpoint, to its last epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from ayneh.config import Config, flatten
from ayneh.errors import typed_as
from ayneh.parts.used import flag_of, used
from ayneh.record.head import Origin
from ayneh.record.record import Record
from ayneh.terminal.progress import Terminal
from ayneh.terminal.screen import say


def train(
    config: Annotated[Config, tyro.conf.arg(name="")],
    nets: tuple[str, str] | None = None,
    out: Path | None = None,
    overwrite: bool = False,
    callbacks: tuple[str, ...] = (),
    init_from: Path | None = None,
    init_players: Literal["all", "gen", "dis"] = "all",
    init_optimizer: bool = False,
    init_epoch: int | None = None,
    init_replica: int | None = None,
    threads: str | None = None,
    quiet: bool = False,
) -> None:
    """Train a preset, with any of its settings changed.

    Args:
        config: the settings, from the preset.
        nets: a generator and a discriminator of your own, "my_nets.py:Gen" "my_nets.py:Dis(width=32)", instead of
            --net.name (docs/parts.md).
        out: the run folder (default: runs/ and the time).
        overwrite: replace the run that is there already.
        callbacks: what sees each line of metrics as it is written: tensorboard, mlflow, wandb or callbacks of your own
            (docs/parts.md); beside those of --keep.callbacks.
        init_from: another run, with whose weights this one begins.
        init_players: whose weights are taken: all, gen or dis.
        init_optimizer: take the optimiser's memory, too (else it begins anew).
        init_epoch: the other run's epoch, from 0 (default: its newest checkpoint).
        init_replica: the other run's replica, from 0 (default: each takes its own, or all the only one).
        threads: of the processor, 1 to 1024 (default: measured before the first step, and fewer while other programs
            hold the cores); or those that another run had, such as 2,1@350, for the same bits (docs/threads.md).
        quiet: print the result only.
    """
    from ayneh.training.begin import begin, calling, folder_for

    terminal = Terminal(quiet)
    if nets:
        from ayneh.parts.loading import add_nets

        config = replace(config, net=replace(config.net, name=add_nets(*nets).name))
    init = None
    if init_from is not None:
        from ayneh.training.init_from import InitFrom

        init = InitFrom(init_from, init_players, init_optimizer, init_epoch, replica=init_replica)
    config = calling(config, (*config.keep.callbacks, *callbacks))
    with folder_for(out) as folder:
        origin, ended = begin(config, folder, overwrite, terminal, init=init, threads=threads)
    _print(ended)
    if not quiet:
        terminal.say(_next(folder, Record(folder).config(), origin))


def _print(ended: Sequence[str]) -> None:
    """Sentences on a run's end; a path is kept whole."""
    for words in ended:
        say(words, whole=words.startswith("pictures: "))


def _next(run: Path, config: Config, origin: Origin) -> str:
    """The commands that a finished run leads to."""
    from ayneh.evaluation import has_judge, why_no_judge

    flags = dict.fromkeys(flag for part in used(flatten(config)) if (flag := flag_of(part)))
    place = typed_as(run) + "".join(f" --parts {typed_as(Path(flag))}" for flag in flags)
    explore = f"`ayneh explore {place}` opens it in a browser."
    if has_judge(config.data, run, origin.fingerprint):
        return f"Next: `ayneh evaluate {place}` scores it, {explore}"
    if why := why_no_judge(config.data, run, origin.images):
        return f"Next: {explore} No judge can be trained for {config.data.name}: {why}"
    return f"Next: `ayneh judge train {place}` trains the nets that score it, {explore}"


def resume(
    run: tyro.conf.Positional[Path],
    epochs: int | None = None,
    data: Path | None = None,
    device: str | None = None,
    callbacks: tuple[str, ...] | None = None,
    changed_parts: bool = False,
    threads: int | None = None,
    quiet: bool = False,
) -> None:
    """Go on with a run from its last whole checkpoint.

    Args:
        run: the run folder.
        epochs: go on to this many epochs in all (default: those the run was started with).
        data: where the images are now, if the folder or file was moved; they must be the same images.
        device: auto, cpu, cuda, cuda:N or mps (default: the one that the run was started on).
        callbacks: these instead of those that the run was started with; none after the flag: none.
        changed_parts: go on although a part of your own (--parts) has another source now; config.json notes it.
        threads: of the processor from here on (default: as the run had them, then fewer while other programs hold the
            cores).
        quiet: print the result only.
    """
    from ayneh.training.begin import go_on

    def moved(config: Config) -> Config:
        return replace(config, data=config.data.at(data)) if data else config

    terminal = Terminal(quiet)
    _print(go_on(Record.open(run), epochs, moved, device, terminal, callbacks, None, changed_parts, threads))
