"""Presets by their names and run folders, for Python."""

from __future__ import annotations

import os
from typing import Any

from ayneh.api.own import Parts, load_parts
from ayneh.api.run import Run
from ayneh.arguments import checked
from ayneh.config import Config


@checked
def preset(name: str) -> Config:
    """The settings of the preset of this name; `ayneh presets` in a terminal lists them with what each shows.

    Raises UserError for an unknown name, with the nearest one.

    >>> import ayneh
    >>> ayneh.preset("fast").changed({"epochs": 5}).epochs
    5
    """
    from ayneh.presets import preset as found

    return found(name).config


@checked
def open(folder: str | os.PathLike[str], *, parts: Parts = (), nets: Any = None) -> Run:
    """The run in this folder, of Python or of the command line; it may be in training.

    parts: files or modules with the parts of one's own that it uses; nets: its own pair, as `ayneh.train` takes it.
    Neither is needed where they were given in this Python already. Raises UserError if there is no run.

    >>> import ayneh
    >>> ayneh.open("runs/of-nobody")
    Traceback (most recent call last):
    ayneh.errors.UserError: There is no run in runs/of-nobody: it has no config.json.
    """
    load_parts(parts)
    return Run(folder, nets=nets)
