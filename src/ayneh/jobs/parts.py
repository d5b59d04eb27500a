"""The verb `parts`: every part of each kind, where it comes from, and what it is."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

from ayneh.parts.origin import Source
from ayneh.parts.packages import load_packages
from ayneh.parts.registry import KINDS, builtin, every
from ayneh.terminal.screen import say


def parts() -> None:
    """List every part of each kind: its name, where it comes from, and what it is in a line."""
    load_packages()
    own = every()
    for kind in KINDS:
        rows = [(name, "built in", about(value)) for name, value in builtin(kind).items()]
        rows += [(part.name, place(part.source), about(part.value)) for part in own if part.kind == kind]
        if rows:
            say(f"{kind}:")
        for name, where, words in rows:
            say(f"  {name}  ({where})  {words}".rstrip())


def place(source: Source) -> str:
    """Where a part comes from: a package, a file, a module or a notebook."""
    if source.package:
        return f"package {source.package}"
    return str(source.file) if source.file else f"module {source.module}"


def about(value: Any) -> str:
    """The first line of a part's docstring, or the first thing in it that has a docstring."""
    for name in ("words", "title"):
        if isinstance(words := getattr(value, name, None), str):
            return words.partition("\n")[0]
    if isinstance(value, partial):
        return about(value.func)
    if isinstance(value, type) or inspect.isroutine(value):
        return (inspect.getdoc(value) or "").partition("\n")[0]
    inside = value if isinstance(value, tuple | list) else getattr(value, "__dict__", {}).values()
    found = [about(one) for one in inside if isinstance(one, type) or inspect.isroutine(one)]
    return next((words for words in found if words), "")
