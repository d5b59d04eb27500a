"""Parts of installed packages: the entry points of the group ``ayneh.parts``.

They are loaded when a name is looked up that nothing else has, and for `ayneh parts`.
"""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, entry_points

from ayneh.errors import brief
from ayneh.parts.origin import Source
from ayneh.parts.registry import from_source
from ayneh.pytorch import kept

GROUP = "ayneh.parts"
_tried: set[tuple[str, str]] = set()
_searched: list[str] = []  # sys.path, when the packages were searched last


def load_packages() -> None:
    """Load the entry points that have not been loaded yet; one that fails is a warning."""
    from ayneh.terminal.text import warn

    if _searched == sys.path:
        return
    _searched[:] = sys.path
    for point in entry_points(group=GROUP):
        if (point.name, point.value) not in _tried:
            _tried.add((point.name, point.value))
            try:
                _load(point)
            except (Exception, SystemExit) as error:
                warn(
                    f"The parts of the package {_package(point)} are left out, since they cannot be loaded "
                    f"({type(error).__name__}: {brief(error)})."
                )


def _load(point: EntryPoint) -> None:
    """Import the module of an entry point; a function that it names is called."""
    from ayneh.parts.loading import fill

    source = Source(point.module, None, "", named=True, package=_package(point))
    with from_source(source), kept():
        found = point.load()
        if point.attr:
            found()
    fill(source, sys.modules[point.module])


def _package(point: EntryPoint) -> str:
    """ "lab 1.2", the distribution that has this entry point."""
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.name
