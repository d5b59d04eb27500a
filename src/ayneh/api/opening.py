"""Run folders, opened from Python."""

from __future__ import annotations

import os
from typing import Any

from ayneh.api.own import Parts, load_parts
from ayneh.api.run import Run
from ayneh.arguments import checked


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
