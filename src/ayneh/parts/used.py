"""Which parts of one's own some settings use, and the objects of a file that they are."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from ayneh.parts.loading import PREFIX, Loaded, loaded
from ayneh.parts.origin import UNNAMED
from ayneh.parts.registry import Part, add, every, from_source

NAMED = {  # field of a config, by its dotted name -> the kind of part that it names
    "net.name": "net",
    "net.init": "init",
    "rules.loss": "loss",
    "rules.penalty": "penalty",
    "prior.name": "prior",
    "data.name": "data",
    "keep.callbacks": "callback",
    "rules.augmentation": "augmentation",
    "rules.gamma_schedule": "schedule",
    "rules.instance_noise_schedule": "schedule",
    "optimizer.schedule": "schedule",
    "optimizer.name": "optimiser",
}
ALWAYS = ("metric", "finding")  # of these all that were added are in use


def used(settings: Mapping[str, Any]) -> list[Part]:
    """The parts of one's own that these settings name ({"rules.loss": "mine", ...}), and those that all runs use."""
    named = {(kind, name) for field, kind in NAMED.items() for name in _names(settings.get(field))}
    return [part for part in every() if part.kind in ALWAYS or (part.kind, part.name) in named]


def _names(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, tuple | list) else [value]


def objects_of(part: Part) -> list[str]:
    """The names that a part's objects have in their module, with which `adopt` finds them again; empty: they have none.

    Of a net these are classes alone; of others, values of the module.
    """
    if part.kind == "net":
        classes = [one for one in part.value if isinstance(one, type)] if isinstance(part.value, tuple) else []
        named = [one.__name__ for one in classes if getattr(sys.modules.get(one.__module__), one.__name__, None) is one]
        return named if len(named) == 2 and _plain(part.arguments) else []
    module = sys.modules.get(part.source.module)
    names = [name for name, value in vars(module).items() if value is part.value] if module else []
    return names[:1] if not part.arguments else []


def adopt(kind: str, name: str, file: str, objects: list[str], arguments: Mapping[str, Any]) -> Part | None:
    """Add the part that these objects of a file are, if the user has loaded a file of this name which has them.

    The names and the arguments are those of a run folder, which may be a stranger's: only classes of nets that the
    file defines are called with them, and of other kinds only a value made by ayneh's own classes is taken.
    """
    for one in list(loaded.values()):
        if one.source.file is None or one.source.file.name != file:
            continue
        found = [getattr(one.module, word, None) for word in objects if not word.startswith("_")]
        if kind == "net" and len(found) == 2 and all(_is_net(value, one) for value in found):
            with from_source(one.source):
                return add(kind, name, tuple(found), **arguments)
        if kind != "net" and len(found) == 1 and _is_ours(found[0]):
            with from_source(one.source):
                return add(kind, name, found[0])
    return None


def _is_net(value: Any, file: Loaded) -> bool:
    """Whether it is a class of nets that this file, or one beside it, defines."""
    ours = {file.module.__name__, *file.source.neighbours}
    bases = value.__mro__ if isinstance(value, type) else ()
    return any(base.__module__.startswith("torch.nn.") for base in bases) and value.__module__ in ours


def _is_ours(value: Any) -> bool:
    """Whether it is an object of a class of ayneh, or a class derived from one."""
    bases = value.__mro__ if isinstance(value, type) else type(value).__mro__
    return any(base.__module__.partition(".")[0] == "ayneh" for base in bases)


def _plain(arguments: Mapping[str, Any]) -> bool:
    """Whether they are the same after they were written as JSON."""
    try:
        return bool(json.loads(json.dumps(arguments)) == arguments)
    except (TypeError, ValueError):
        return False


def flag_of(part: Part) -> str:
    """What is given with --parts for it: a file, a module; empty for what has neither."""
    source = part.source
    if source.package or source.module in UNNAMED or not source.file:
        return ""
    return source.file.name if source.module.startswith(PREFIX) or not source.named else source.module
