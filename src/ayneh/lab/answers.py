"""What a student's code gives, looked at without trust: nothing yet, an error, the wrong form, the wrong number."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

NEAR = 1e-6  # two numbers are the same: float64 keeps 16 digits, and a float32 in between 7


class Checked(NamedTuple):
    """Whether an answer is right, and one sentence about it, which a notebook shows."""

    right: bool
    words: str

    def __str__(self) -> str:
        return self.words

    def __repr__(self) -> str:
        return self.words

    def __bool__(self) -> bool:
        return self.right


def no(words: str) -> Checked:
    """An answer that is not right, and why."""
    return Checked(False, words)


def called(name: str, call: Callable[[], Any]) -> Any:
    """What a student's code gives, or what is wrong with it: nothing yet, or an error."""
    try:
        with warnings.catch_warnings():  # what follows from a mistake is in the sentence
            warnings.simplefilter("ignore")
            found = call()
    except Exception as error:  # whatever a student's code may raise
        words = " ".join(str(error).split()).rstrip(".")
        if "between 0 and 1" in words:
            return no(f"{name} gives logits to a loss of probabilities: take the one with logits, BCEWithLogitsLoss.")
        return no(f"{name} stops with an error, {type(error).__name__}: {words[:200]}.")
    if found is None or found is ...:
        return no(f"{name} gives nothing yet: write it, and play this cell again.")
    return found


def number(name: str, call: Callable[[], Any], n: int) -> Any:
    """The single number, as a tensor, that a student's code gives for n images or draws; or what is wrong with it."""
    found = called(name, call)
    if isinstance(found, Checked):
        return found
    try:
        value = torch.as_tensor(found, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError):
        return no(f"{name} gives {form(found)}; it must give one number.")
    if value.numel() != 1:
        return no(f"{name} gives {form(value)}; it must give one number for all {n}: take the mean.")
    if not value.isfinite().all():
        return no(
            f"{name} gives {float(value.detach())}: is there the logarithm of a number that is not a probability?"
        )
    return value.reshape(())


def unlike(name: str, value: float, right: float, wrong: Mapping[float, str]) -> Checked | None:
    """Nothing where the value is right; else which of the usual mistakes it is."""
    if abs(value - right) < NEAR:
        return None
    for other, words in wrong.items():
        if abs(value - other) < NEAR:
            return no(f"{name} gives {value:.4f} where {right:.4f} is right: {words}.")
    return no(f"{name} gives {value:.4f} where {right:.4f} is right, and this is none of the usual mistakes.")


def near(a: Any, b: Any, by: float = NEAR) -> bool:
    """Whether no two of these numbers differ by more."""
    return bool((a - b).abs().max() < by)


def reached(value: Tensor, of: Tensor) -> bool:
    """Whether a gradient of the value reaches this tensor."""
    if not value.requires_grad:
        return False
    slope = torch.autograd.grad(value, of, retain_graph=True, allow_unused=True)[0]
    return slope is not None and bool((slope != 0).any())


def form(found: Any) -> str:
    """What kind of thing this is, in words."""
    shape = getattr(found, "shape", None)
    return f"a {type(found).__name__}" if shape is None else f"numbers of the shape {tuple(shape)}"
