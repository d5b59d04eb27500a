"""The parts of one's own: `add` puts one beside the built-in ones of its kind, `table` gives both.

A part is known by its kind and its name, as a config writes it: ``rules.loss = "mine"``. Where its code comes from is
kept with it (origin.py), since a run folder notes that.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar, cast

from ayneh.arguments import checked
from ayneh.errors import UserError, unknown
from ayneh.parts.origin import Source, source_of

T = TypeVar("T")
MISSING = " The file with {} of your own is named with --parts (in Python: parts=)."
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+:-]{0,99}")


class Kind(NamedTuple):
    """One kind of part. What is named here is imported when a part is added: it is above this room."""

    words: str
    table: str = ""
    """ "module:TABLE" of the built-in ones; empty: there are none."""
    check: str = ""
    """ "module:function", (name, value, arguments) -> None: raises UserError for what is no part of this kind."""


KINDS: dict[str, Kind] = {
    "net": Kind("net", "ayneh.game.nets:NETS", "ayneh.game.own:check"),
    "loss": Kind("loss", "ayneh.game.losses:LOSSES", "ayneh.game.tried:check_loss"),
    "penalty": Kind("penalty", "ayneh.game.penalties:PENALTIES", "ayneh.game.tried:check_penalty"),
    "prior": Kind("prior", "ayneh.game.priors:PRIORS", "ayneh.game.own_prior:check"),
    "augmentation": Kind("augmentation", "", "ayneh.game.tried:check_augmentation"),
    "optimiser": Kind("optimiser", "ayneh.game.optimiser:OPTIMISERS", "ayneh.game.tried:check_optimiser"),
    "schedule": Kind("schedule", "ayneh.game.schedules:SHAPES", "ayneh.game.schedules:check"),
    "init": Kind("initialisation", "ayneh.game.inits:INITS", "ayneh.game.inits:check"),
    "metric": Kind("metric", "ayneh.judge.metrics:METRICS", "ayneh.judge.own:check"),
    "finding": Kind("finding", "ayneh.doctor.symptoms:SYMPTOMS", "ayneh.doctor.own:check"),
    "data": Kind("data set", "ayneh.data.sources:SOURCES", "ayneh.data.own:check"),
    "callback": Kind("callback", "ayneh.training.callbacks:CALLBACKS", "ayneh.training.callbacks:check"),
}


@dataclass(frozen=True, eq=False)
class Part:
    """One part of one's own, equal to itself alone: one that is added again is another."""

    kind: str
    name: str
    value: Any
    arguments: Mapping[str, Any]
    source: Source


_own: dict[str, dict[str, Part]] = {kind: {} for kind in KINDS}  # kind -> name -> part
_loading: list[Source] = []  # the file that is being loaded, if one is


@checked
def add(kind: str, name: str, value: Any, **arguments: Any) -> Part:
    """Add a part of your own, which settings can name then; a part of the same name is replaced.

    Args:
        kind: net, loss, penalty, prior, augmentation, optimiser, schedule, init, metric, finding, data or callback.
        name: what settings call it: letters, digits and - _ + : (at most 100), of a finding also spaces, of a data set
            no colon. A built-in part's name is refused.
        value: the part: for a net the pair (Gen, Dis), for a loss an `ayneh.Loss`, and so on.
        arguments: for a net ``gen_args`` and ``dis_args``, with which Gen and Dis are called.

    Raises UserError for an unknown kind, a name that is not allowed or taken, or a value of another type.

        >>> import ayneh
        >>> ayneh.add("init", "small", lambda net: [p.data.mul_(0.1) for p in net.parameters()]).name
        'small'
    """
    if kind not in KINDS:
        raise unknown("kind of part", kind, KINDS)
    if name in builtin(kind) or (name == "none" and kind in ("penalty", "augmentation")):
        raise UserError(f"There is a built-in {KINDS[kind].words} called {name!r}: choose another name.")
    words = name.replace(" ", "_") if kind == "finding" and isinstance(name, str) else name  # as the built-in ones
    if not isinstance(words, str) or not NAME.fullmatch(words):
        raise UserError(
            f"The name of a {KINDS[kind].words} is {name!r}: it must be letters, digits and - _ + : (at most 100), and "
            "begin with a letter or a digit."
        )
    if kind == "data" and ":" in name:
        raise UserError(f"The name of a data set is {name!r}: it must have no colon, which is for folder:PATH.")
    if check := KINDS[kind].check:
        found_in(check)(name, value, arguments)
    part = Part(kind, name, value, arguments, _loading[-1] if _loading else source_of(value))
    before = _own[kind].get(name)
    if _loading and before and before.source.module != part.source.module:  # in a notebook a cell is run again
        files = f"{before.source.file or before.source.module} and {part.source.file or part.source.module}"
        raise UserError(f"{files} both add {article(kind)} called {name!r}: rename one of them.")
    _own[kind][name] = part
    return part


class Table(Mapping[str, T]):
    """The built-in parts of a kind and those of one's own. A name that neither has is looked for in packages."""

    def __init__(self, kind: str, builtin: Mapping[str, T], made: Callable[[Part], T] | None) -> None:
        self.kind, self.builtin, self.made = kind, builtin, made
        self.missing = MISSING.format(article(kind))

    def __contains__(self, name: object) -> bool:
        return name in self.builtin or (isinstance(name, str) and own(self.kind, name) is not None)

    def __getitem__(self, name: str) -> T:
        if name in self.builtin:
            return self.builtin[name]
        if part := own(self.kind, name):
            return self.made(part) if self.made else cast(T, part.value)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter([*self.builtin, *_own[self.kind]])

    def __len__(self) -> int:
        return len(self.builtin) + len(_own[self.kind])


def table(kind: str, builtin: Mapping[str, T], made: Callable[[Part], T] | None = None) -> Table[T]:
    """The built-in parts of a kind and those of one's own, by name.

    made: what the table holds for a part of one's own (default: its value as it was given).
    """
    return Table(kind, builtin, made)


def own(kind: str, name: str) -> Part | None:
    """The part of one's own with this name, which may be an installed package's; None if there is none."""
    if name not in _own[kind] and not _loading:
        from ayneh.parts.packages import load_packages

        load_packages()
    return _own[kind].get(name)


def every() -> list[Part]:
    """All parts of one's own, by kind and name."""
    return [parts[name] for parts in _own.values() for name in sorted(parts)]


def builtin(kind: str) -> Mapping[str, Any]:
    """The table of the built-in parts of a kind."""
    place = KINDS[kind].table
    return found_in(place) if place else {}


def article(kind: str) -> str:
    """ "a loss", "an optimiser"."""
    words = KINDS[kind].words
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def refuse_arguments(kind: str, name: str, arguments: Mapping[str, Any]) -> None:
    """Raise UserError where a part of this kind, which takes none, is added with arguments."""
    if arguments:
        what, them = article(kind), "it" if len(arguments) == 1 else "them"
        raise UserError(
            f"{what.capitalize()} takes no arguments, and {name!r} is given {', '.join(arguments)}: leave {them} out."
        )


def found_in(place: str) -> Any:
    """What "module:name" names, imported."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


@contextmanager
def from_source(source: Source) -> Iterator[None]:
    """Within it, parts come from this source."""
    _loading.append(source)
    try:
        yield
    finally:
        _loading.pop()


def forget(parts: Iterable[Part]) -> None:
    """Take parts out again."""
    for part in parts:
        if _own[part.kind].get(part.name) is part:
            del _own[part.kind][part.name]
