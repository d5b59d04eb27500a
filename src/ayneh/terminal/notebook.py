"""Where the output is saved in a notebook: in the kernel one piece that is replaced, in a `!` command few lines."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

REFRESH_S = 0.5  # between two replacements, at least
PAGE = 110  # columns of a notebook's page
LINES = 10  # of those that come after every epoch, at most about so many


def in_kernel() -> bool:
    """Whether this process is the kernel of a notebook."""
    if (ipython := sys.modules.get("IPython")) is None:
        return False
    return hasattr(getattr(ipython, "get_ipython", lambda: None)(), "kernel")


def in_cell() -> bool:
    """Whether a notebook's kernel started this process, as `!ayneh train` in a cell does: its output is saved."""
    if in_kernel():
        return False
    # ipykernel sets the second for every front end, the launcher of Jupyter the first.
    inline = "matplotlib_inline" in os.environ.get("MPLBACKEND", "") and os.environ.get("CLICOLOR_FORCE") == "1"
    return bool(os.environ.get("JPY_PARENT_PID")) or inline


def is_due(epoch: int, epochs: int, lines: int = 1) -> bool:
    """Whether the lines after this epoch (from 0), ``lines`` at a time, are among the few that a cell shows."""
    every = max(1, -(-epochs * lines // LINES))
    return (epoch + 1) % every == 0 or epoch in (0, epochs - 1)


class Rewritten:
    """One output of the running cell whose text is replaced; the saved notebook holds the last one alone."""

    def __init__(self, draw: Callable[[], str]) -> None:
        """draw: the text as it is now."""
        self._draw = draw
        self._handle: Any = None
        self._shown, self._next = "", 0.0

    def show(self, now: bool = False) -> None:
        """Replace the text, at most twice a second unless ``now``."""
        if not now and time.monotonic() < self._next:
            return
        self._next = time.monotonic() + REFRESH_S
        if (words := self._draw()) == self._shown:
            return
        from IPython.display import display

        self._shown, piece = words, {"text/plain": words}
        if self._handle is None:
            self._handle = display(piece, raw=True, display_id=True)
        else:
            self._handle.update(piece, raw=True)
