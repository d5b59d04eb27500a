"""The verb `judge`: train the feature nets of a data set for which none are shipped."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import tyro

from ayneh.dataset import AsRead
from ayneh.errors import UserError, typed_as
from ayneh.evaluation import is_here, train_judge
from ayneh.record.record import Record
from ayneh.terminal.progress import Terminal
from ayneh.terminal.screen import say


def judge(
    action: tyro.conf.Positional[Literal["train"]],
    run: tyro.conf.Positional[Path | None] = None,
    data: str | None = None,
    read: Annotated[AsRead, tyro.conf.arg(name="")] = AsRead(),  # noqa: B008 - it is frozen
    epochs: int | None = None,
    quiet: bool = False,
) -> None:
    """Train the judge of a run's data, or of any data set, on its training split, and keep it in the cache.

    With labels: three classifiers from different seeds and a frozen random net. Without: an encoder
    (SimCLR) and a frozen random net.

    Args:
        action: train.
        run: a run folder: its data, read as the run reads them.
        data: instead of a run: fashion-mnist, kmnist, folder:PATH or file:PATH.
        read: how the data are read: as the runs have it in --data.resize and so on.
        epochs: passes over the data (default: enough for 600,000 images, at most 150).
        quiet: print the result only.
    """
    if (run is None) == (data is None):
        raise UserError("Name a run folder, or the data with --data: `ayneh judge train runs/NAME`.")
    if run is not None and read != AsRead():
        raise UserError(
            f"{run}/config.json sets how its images are read: leave out flags for that, or name data with --data."
        )
    source = read.of(str(data)) if run is None else Record.open(run).config().data
    if run is not None and not is_here(source):
        raise UserError(
            f"{run} was trained on images that were given from Python ({source.name}), and no file holds them: train "
            'their judge there by `images.train_judge()`, or save them by `images.save("images.npz")` and give the '
            "command --data file:images.npz instead of the run."
        )
    trained = train_judge(source, run, epochs, Terminal(quiet).say)
    for name, accuracy in trained.accuracy.items():
        say(f"{name}: {'no classes' if accuracy is None else f'accuracy_test {accuracy:.4f}'}")
    say(f"judge of {source.name}: {trained.folder}", whole=True)
    if run is not None:
        Terminal(quiet).say(f"Next: `ayneh evaluate {typed_as(run)}` scores the run with it.")
