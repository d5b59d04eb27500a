"""The beginning of a run in a folder that is free, or whose run is to be replaced."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ayneh.config import Config, differences
from ayneh.errors import UserError, typed_as
from ayneh.record import aside
from ayneh.record.record import Record
from ayneh.terminal.text import warn


@contextmanager
def begun(
    folder: Path,
    config: Config,
    engine: dict[str, Any],
    overwrite: bool,
    images: dict[str, Any] | None = None,
    init_from: dict[str, Any] | None = None,
) -> Iterator[Record]:
    """A new record whose lock is held, and is taken before anything is written. Paths to data become absolute.

    overwrite: a run that is there is set aside until the new one has a checkpoint; it comes back if that ends
    before. images: what config.json notes of images that no file holds; init_from: of where the first weights are
    from. Raises UserError if the folder is taken, or another process trains in it.
    """
    with Record(folder).locked("wait for it or choose another --out"):
        refuse_taken(folder, config, overwrite)
        try:
            if Record(folder).exists():
                aside.set_aside(folder)
            yield Record.create(folder, config, engine, images, init_from)
        finally:
            for words in aside.settle(folder):
                warn(words)


def refuse_taken(folder: Path, config: Config, overwrite: bool = False) -> None:
    """Raise UserError if ``folder`` holds another run, which may not be overwritten, or files that are no run.

    What a command leaves that was killed before it wrote config.json is no reason.
    """
    if Record(folder).exists():
        other = differences(Record(folder).config(), config)  # raises UserError if it is not a run
        if not overwrite:
            raise UserError(
                f"{folder} holds another run ({other or 'with the same settings'}): choose another --out, go on "
                f"with it by `ayneh resume {typed_as(folder)}`, or replace it with --overwrite."
            )
    elif folder.exists() and not (folder.is_dir() and (aside.is_leftover(folder) or aside.unsettled(folder))):
        raise UserError(f"{folder} is not empty and not a run of ayneh: choose another --out.")
