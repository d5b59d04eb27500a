"""How a function of one's own is tried: called twice on the same tensors, and what is wrong is one sentence."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ayneh.errors import UserError
from ayneh.generators import seeded
from ayneh.parts.calling import parameters_of, what_happened

Numbers = Mapping[str, float]
SEEDS = (0, 1)  # of the process's generators in the two calls of a trial


def trial(what: str, fn: Callable[..., Any], given: Mapping[str, Any], hint: str = "", grads: str = "") -> Any:
    """What it gives for these arguments, by their names: tensors, or dicts of them.

    hint: what else to say where it fails; grads: where it calls requires_grad_(), what to do instead. Raises UserError
    if it fails or changes a tensor that it is given, and unless it gives the same under other seeds: the game calls it
    again and again, and a run that is resumed has called it less often.
    """
    before = [(name, x, x.detach().clone(), x.requires_grad) for name, x in _tensors(given)]
    found = []
    for seed in SEEDS:
        failed = None
        with seeded(seed):
            try:  # a dict of its own for each call, since a function may put new tensors into it
                found.append(fn(*(dict(arg) if isinstance(arg, dict) else arg for arg in given.values())))
            except UserError:
                raise
            except Exception as error:  # whatever a part of one's own raises
                failed = error
        for name, x, value, requires_grad in before:
            if x.requires_grad != requires_grad:
                raise UserError(f"{what} calls requires_grad_() on {name}, which it is given{grads}.") from failed
            if not alike(x.detach(), value):
                raise UserError(f"{what} changes {name}, which it is given: it must give a new tensor.") from failed
        if failed:
            raise UserError(f"{what} failed on its trial call ({what_happened(failed)}){hint}.") from failed
    if not alike(*found):
        raise UserError(
            f"{what} draws random numbers or remembers former calls, so that no run could be repeated: what it gives "
            "must follow from its arguments alone."
        )
    return found[0]


def alike(one: Any, other: Any) -> bool:
    """Whether all tensors in both are the same numbers; what holds no tensors is not looked at."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        if one.shape != other.shape or one.dtype != other.dtype:
            return False
        return bool(((one == other) | ((one != one) & (other != other))).all())
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(alike(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    return True


def need_shape(what: str, found: Any, shape: tuple[int, ...], wanted: str, kind: torch.dtype | None = None) -> None:
    """Raise UserError unless it is a tensor of this shape, finite, and where ``kind`` is given of this type."""
    if not isinstance(found, Tensor):
        raise UserError(f"{what} gave {short(found)}: it must give {wanted}, a tensor of {tuple(shape)} here.")
    if found.shape != shape:
        raise UserError(f"{what} gave {tuple(found.shape)}: it must give {wanted}, {tuple(shape)} here.")
    if kind not in (None, found.dtype):
        got, due = (str(one).removeprefix("torch.") for one in (found.dtype, kind))
        raise UserError(f"{what} gave numbers of {got}: it must give {wanted}, of {due} here.")
    if not found.isfinite().all():
        bad = float(found.detach()[~found.isfinite()].flatten()[0])
        raise UserError(f"{what} gave a number that is not finite ({bad}) on its trial call.")


def given(what: str, functions: tuple[Callable[..., Any], ...], numbers: Numbers) -> list[Callable[..., Any]]:
    """The functions, each with those numbers that it takes by name. Raises UserError for one that none takes."""
    takes = [{p.name for p in parameters_of(fn) if p.kind is p.KEYWORD_ONLY} for fn in functions]
    for key in numbers:
        if not any(key in names for names in takes):
            there = ", ".join(sorted(set().union(*takes))) or "none (write them after a * in its function)"
            raise UserError(f"{what} has no number {key!r}; it has {there}.")
    chosen = [{key: value for key, value in numbers.items() if key in names} for names in takes]
    return [partial(fn, **of) if of else fn for fn, of in zip(functions, chosen, strict=True)]


def places(fn: Callable[..., Any], needed: bool = False) -> int:
    """The arguments that a function takes by their place. needed: without those that have a default."""
    parameters = parameters_of(fn)
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return 99
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in kinds and not (needed and p.default is not p.empty) for p in parameters)


def short(value: Any) -> str:
    """Its repr, cut."""
    words = repr(value)
    return words if len(words) <= 80 else f"{words[:80]}..."


def _tensors(given: Mapping[str, Any]) -> Iterator[tuple[str, Tensor]]:
    """The tensors among these arguments, by their names, and in dicts of them by theirs."""
    for name, value in given.items():
        if isinstance(value, Tensor):
            yield name, value
        elif isinstance(value, Mapping):
            yield from _tensors(value)
