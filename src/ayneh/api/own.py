"""Nets and parts of one's own, given from Python."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ayneh.config import Config, Net
from ayneh.errors import UserError

PAIR = "nets is (Gen, Dis) or ((Gen, {'width': 32}), (Dis, {})): classes, functions that return a module, or modules"

Parts = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def with_nets(config: Config, nets: Any) -> Config:
    """The config with these nets, which are added under their names: "Gen+Dis". None: with its own.

    The config's values for ayneh's own nets (their width, their norms) are left out: these nets have no use for it.
    Raises UserError where they are no pair.
    """
    if nets is None:
        return config
    from ayneh.parts.registry import add

    if not isinstance(nets, tuple | list) or len(nets) != 2:
        raise UserError(f"{PAIR}; it is {_said(nets)}.")
    (gen, gen_args), (dis, dis_args) = (_one(net) for net in nets)
    name = f"{_name(gen)}+{_name(dis)}"
    add("net", name, (gen, dis), gen_args=gen_args, dis_args=dis_args)
    return replace(config, net=Net(name, init=config.net.init, dis_output=config.net.dis_output))


def load_parts(parts: Parts) -> None:
    """Load files or modules that add parts; see `ayneh.add`. Raises UserError where one is missing or fails."""
    from ayneh.parts.loading import load

    for spec in (parts,) if isinstance(parts, str | os.PathLike) else parts:
        load(os.fspath(spec))


def _one(net: Any) -> tuple[Any, dict[str, Any]]:
    """A net and the arguments with which it is called."""
    arguments: Any = {}
    if isinstance(net, tuple | list):
        if len(net) != 2:
            raise UserError(f"{PAIR}; one of them is {_said(net)}.")
        net, arguments = net
    if not isinstance(arguments, dict) or not all(isinstance(word, str) for word in arguments):
        raise UserError(f"{PAIR}; the arguments of one are {_said(arguments)}.")
    if not callable(net):
        raise UserError(f"{PAIR}; one of them is {_said(net)}.")
    return net, arguments


def _name(net: Any) -> str:
    found = getattr(net, "__name__", None) or type(net).__name__
    word: str = re.sub(r"[^A-Za-z0-9_-]+", "", found).lstrip("_-")
    return word[:48] or "net"


def _said(value: Any) -> str:
    return f"{value!r:.60} ({type(value).__name__})"
