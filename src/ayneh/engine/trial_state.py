"""What a net of one's own changes when it runs in its trial: the numbers in its buffers, and nothing else that counts.

A run keeps parameters and buffers alone: of each replica, in each checkpoint. What a net remembers elsewhere would be
lost when the run is resumed or sampled, and shared by all replicas.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from ayneh.errors import UserError

INTERNAL = frozenset(vars(nn.Module()))  # attributes of every module, parameters, buffers and layers among them
Tensors = dict[str, Tensor]
Kind = tuple[int, tuple[int, ...], str]
Kinds = dict[str, Kind | None]


def tensors_of(net: nn.Module) -> Tensors:
    """Its parameters and buffers, by name; those themselves, no copies."""
    return {**dict(net.named_parameters()), **dict(net.named_buffers())}


def copies_of(net: nn.Module) -> Tensors:
    """Copies of its parameters and buffers, by name; a parameter that is trained requires a gradient there, too."""
    return {name: p.detach().clone().requires_grad_(p.requires_grad) for name, p in tensors_of(net).items()}


def kinds_of(net: nn.Module) -> Kinds:
    """Of each parameter and buffer which parameter it is (0: none), its shape and type; None where its size is open."""

    def kind(p: Tensor) -> Kind:
        return id(p) if isinstance(p, nn.Parameter) else 0, tuple(p.shape), str(p.dtype).removeprefix("torch.")

    return {name: None if is_lazy(p) else kind(p) for name, p in tensors_of(net).items()}


def refuse_made(who: str, before: Kinds, net: nn.Module) -> None:
    """Raise UserError unless a net has the parameters and buffers that it had before its run, as `kinds_of` has them.

    who: "G" or "D".
    """
    after = kinds_of(net)
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name), after.get(name)
        if old == new or (old is None and name in before):
            continue
        layer, _, own = name.rpartition(".")
        if old is None and own in net.get_submodule(layer)._non_persistent_buffers_set:
            continue  # a cache, as of positions: `refuse_memory` decides whether it counts
        if new is None:
            raise UserError(f"{who} removes {name} in its forward, and a run keeps it: leave it where it is.")
        if new[0] and (old is None or old[0] != new[0]):
            raise UserError(
                f"{who} makes {name} in its forward, where it is neither trained nor kept: make it in the constructor; "
                "nn.LazyLinear and other lazy layers take their size from the first input."
            )
        if old is None:
            raise UserError(
                f"{who} makes its buffer {name} in its forward, so that it is in no checkpoint: register it in the "
                f"constructor in its shape, {new[1]}, as register_buffer(..., torch.zeros(...))."
            )
        was, now = (old[1], new[1]) if old[1] != new[1] else (old[2], new[2])
        raise UserError(
            f"{who} changes its buffer {name} from {was} to {now} in its forward, and a run keeps each buffer in one "
            "shape and type: register it in the constructor as it is to be."
        )


def hidden_in(net: nn.Module) -> list[str]:
    """The plain attributes, a list of layers say, with weights that are to be trained and are no parameters of it."""
    known = {id(p) for p in net.parameters()}
    return [
        f"{place}.{name}".lstrip(".")
        for place, layer in net.named_modules()
        for name, value in vars(layer).items()
        if name not in INTERNAL and any(id(p) not in known for p in _weights(value))
    ]


def _weights(value: Any) -> Iterator[Tensor]:
    if isinstance(value, nn.Module):
        yield from (p for p in value.parameters() if p.requires_grad)
    elif isinstance(value, Tensor):
        yield from [value] * (value.is_leaf and value.requires_grad)
    elif isinstance(value, list | tuple | dict):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _weights(one)


def refuse_memory(who: str, unused: nn.Module, fresh: nn.Module, used: nn.Module) -> None:
    """Raise UserError for a net that gave another output than a fresh copy for the same tensors: it remembers.

    fresh, used: both after that call; unused: a copy that has not run.
    """
    now, ran, began = (_plain(net) for net in (used, fresh, unused))
    changed = [name for former in (ran, began) for name, value in now.items() if value != former.get(name)]
    what = f"{changed[0]}, which its former calls change" if changed else "its former calls"
    raise UserError(
        f"{who}'s output depends on {what}, and not on its parameters and buffers alone: that is in no checkpoint, and "
        "replicas would share it. Keep what it remembers in buffers (register_buffer), and draw random numbers with "
        "torch.randn, torch.rand or nn.Dropout, without a generator."
    )


def _plain(net: nn.Module) -> dict[str, Any]:
    """What can be compared of the other attributes of its layers, by their dotted names."""
    return {
        f"{place}.{name}".lstrip("."): _told(value)
        for place, layer in net.named_modules()
        for name, value in vars(layer).items()
        if name not in INTERNAL
    }


def _told(value: Any) -> Any:
    if isinstance(value, Tensor):
        return tuple(value.shape), value.detach().flatten().tolist()
    if isinstance(value, list | tuple):
        return [_told(one) for one in value]
    if isinstance(value, dict):
        return {key: _told(one) for key, one in value.items()}
    with suppress(Exception):  # a generator of NumPy's is compared by its state
        return pickle.dumps(value)
    return None
