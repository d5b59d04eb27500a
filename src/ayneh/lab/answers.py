"""What a student's code gives, looked at without trust: nothing yet, an error, the wrong form, the wrong number."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ayneh.lab.words import Checked, no

NEAR = 1e-6  # two numbers are the same: float64 keeps 16 digits, and a float32 in between 7


def called(name: str, call: Callable[[], Any], of: str = "answer") -> Any:
    """What a student's code gives, or what is wrong with it: nothing yet, or an error.

    name: as it stands in the code; of: the sentences on errors, "answer" or "game".
    """
    try:
        with warnings.catch_warnings():  # what follows from a mistake is in the sentence
            warnings.simplefilter("ignore")
            found = call()
    except Exception as error:  # whatever a student's code may raise
        words = " ".join(str(error).split()).rstrip(".")
        if "between 0 and 1" in words:
            return no(f"{of}.probabilities", name=name)
        return no(f"{of}.error", name=name, kind=type(error).__name__, words=words[:200])
    if found is None or found is ...:
        return no("answer.nothing", name=name)
    return found


def tensor_of(found: Any) -> Tensor | None:
    """Numbers of any kind (a tensor, NumPy's, Python's, lists of them) as float64; None for what is none."""
    try:
        tensor = torch.as_tensor(found)
    except Exception:  # whatever a student's object may raise
        return None
    return None if tensor.is_complex() else tensor.double()


def number(name: str, call: Callable[[], Any], n: int) -> Any:
    """The single number, as a tensor, that a student's code gives for n images or draws; or what is wrong with it."""
    found = called(name, call)
    if isinstance(found, Checked):
        return found
    if (value := tensor_of(found)) is None:
        return misformed("number", found, name=name)
    if value.numel() != 1:
        return no("number.many", name=name, found=tuple(value.shape), n=n)
    if not value.isfinite().all():
        return no("number.not_finite", name=name, value=str(float(value.detach())))
    return value.reshape(())


def moved(mended: Callable[[Tensor], Any], z: Tensor) -> Any:
    """What a student's code makes of draws z (N, Z), float64 (N, Z); or what is wrong with it. z stays as it is."""
    found = called("mended", lambda: mended(z.clone()))
    if isinstance(found, Checked):
        return found
    if (out := tensor_of(found)) is None or out.shape != z.shape:
        return misformed("mended", found if out is None else out, shape=tuple(z.shape))
    return out.detach()


def unlike(name: str, value: float, right: float, wrong: Mapping[float, str]) -> Checked | None:
    """Nothing where the value is right; else which of the usual mistakes it is, by its value and its sentence's key."""
    if abs(value - right) < NEAR:
        return None
    why = next((key for other, key in wrong.items() if abs(value - other) < NEAR), "number.other")
    return no(why, name=name, value=value, right=right)


def near(a: Any, b: Any, by: float = NEAR) -> bool:
    """Whether no two of these numbers differ by more."""
    return bool((a - b).abs().max() < by)


def reached(value: Tensor, of: Tensor) -> bool:
    """Whether a gradient of the value reaches this tensor."""
    if not value.requires_grad:
        return False
    slope = torch.autograd.grad(value, of, retain_graph=True, allow_unused=True)[0]
    return slope is not None and bool((slope != 0).any())


def misformed(of: str, found: Any, **values: Any) -> Checked:
    """A thing, or numbers of a shape, that is not what was asked for."""
    shape = getattr(found, "shape", None)
    if shape is None:
        return no(f"{of}.thing", kind=type(found).__name__, **values)
    return no(f"{of}.shape", found=tuple(shape), **values)
