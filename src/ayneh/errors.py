"""Errors that are messages for the user: one sentence with the value and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class UserError(ValueError):
    """Bad input: what happened, the value, what to change. The command line prints it and exits with 2."""


def unknown(what: str, name: str, allowed: Iterable[str]) -> UserError:
    """The error for an unknown name, with the nearest allowed one and all of them."""
    names = sorted(allowed)
    near = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return UserError(f"There is no {what} called {name!r}.{hint} Choose one of: {', '.join(names)}.")


def pick(table: Mapping[str, T], name: str, what: str) -> T:
    """``table[name]``, or a UserError that names the nearest ``what`` (e.g. "prior")."""
    if name not in table:
        raise unknown(what, name, table)
    return table[name]


@contextmanager
def extra(name: str, what: str) -> Iterator[None]:
    """Around the imports of ``what``: if one fails, a UserError says how to install the extra of this name."""
    try:
        yield
    except ImportError as error:
        raise UserError(f"{what} needs a package that is missing ({error}): pip install 'ayneh[{name}]'.") from error


class Stopped(RuntimeError):
    """The work ended early for a reason that is not bad input; what was saved stays. Exit status 1."""
