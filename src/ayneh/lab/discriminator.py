"""The third notebook: a discriminator from which no generator can learn."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ayneh.generators import seeded
from ayneh.lab.answers import called, misformed, near, reached, tensor_of
from ayneh.lab.play import SIDE, nets
from ayneh.lab.words import Checked, no, yes
from ayneh.pytorch import as_imported

STEEP, BLIND = 20.0, 0.05  # D's slope over that of the game's D, and the share of pixels that D may ignore


@as_imported()
def check_discriminator(make: Callable[[], Any]) -> Checked:
    """Looks for what keeps G from learning of the D that make() gives: images (B, 1, 16, 16) -> logits (B,).

    >>> from ayneh import lab
    >>> lab.check_discriminator(lambda: None)
    Dis gives nothing yet: write it, and play this cell again.
    """
    with seeded(0):  # what the student draws next stays as it is
        dis = called("Dis", make)
        if isinstance(dis, Checked):
            return dis
        with _own_to_change(dis) as mine:
            mine = called("Dis", lambda: mine.double().eval())
            return mine if isinstance(mine, Checked) else _answer(mine)


def _answer(dis: nn.Module) -> Checked:
    """What is wrong with this D, of float64, or that nothing is."""
    x = (torch.rand(8, 1, SIDE, SIDE, dtype=torch.float64) * 2 - 1).requires_grad_()
    found = called("Dis", lambda: dis(x.clone()))
    if isinstance(found, Checked):
        return found
    if (y := tensor_of(found)) is None or y.shape != (8,):
        return misformed("dis", found if y is None else y)
    if not reached(y.sum(), x):
        return no("dis.cut")
    return _looked_through(dis, x.detach(), torch.autograd.grad(y.sum(), x)[0])


@contextmanager
def _own_to_change(dis: Any) -> Iterator[Any]:
    """A copy of the student's D; or where PyTorch copies none, D itself, which is afterwards as it was before.

    It copies no weight that is computed of others, as those of torch.nn.utils.weight_norm and spectral_norm are.
    """
    try:
        mine = copy.deepcopy(dis)
    except Exception:  # whatever a student's module may raise
        mine = dis
    if mine is not dis or not isinstance(dis, nn.Module):
        yield mine
        return
    modules = [(one, one.training, dict(vars(one)), dict(one._buffers)) for one in dis.modules()]
    weights = [(one, one.data) for one in dis.parameters()]
    slopes = [(one, one.grad, one.grad.data) for one in dis.parameters() if one.grad is not None]
    numbers = [(one, one.clone()) for one in (*(data for _, data in weights), *dis.buffers())]
    try:
        yield dis
    finally:
        for one, training, fields, buffers in modules:
            vars(one).update(fields)
            one._buffers.update(buffers)
            one.training = training
        for weight, data in weights:
            weight.grad = None
            weight.data = data
        for weight, grad, slope in slopes:
            grad.data = slope
            weight.grad = grad
        for number, before in numbers:
            number.copy_(before)


@torch.no_grad()
def _looked_through(dis: nn.Module, x: Tensor, slope: Tensor) -> Checked:
    """The first thing that is wrong with this D, or that nothing is; slope: dD/dx (B, 1, S, S)."""
    wide = torch.rand(256, *x.shape[1:], dtype=x.dtype) * 2e6 - 1e6  # where a bounded output is at its bounds
    far, zero = dis(wide), dis(x * 0)
    least, most, once, twice = float(far.min()), float(far.max()), dis(x) - zero, dis(2 * x) - zero
    linear = near(twice / 2, once, 1e-6 * float(once.abs().max()))
    blind = float((slope == 0).all(0).double().mean())
    steep = float(slope.flatten(1).norm(dim=1).mean()) / _usual_slope()
    ills: list[tuple[bool, str, dict[str, float]]] = [
        (least >= 0 and most <= 1, "sigmoid", {}),
        (least >= -1 and most <= 1, "tanh", {}),
        (least == 0, "relu", {}),
        (steep < 1 / STEEP, "flat", {"times": 1 / steep}),
        (linear, "linear", {}),
        (blind > BLIND, "blind", {"percent": 100 * blind}),
        (steep > STEEP, "steep", {"times": steep}),
    ]
    return next((no(f"dis.{key}", **values) for ill, key, values in ills if ill), yes("dis.right"))


@torch.enable_grad()
def _usual_slope() -> float:
    """The mean length of dD/dx of the game's own perceptron, at its start."""
    _, dis = nets()
    x = (torch.rand(8, 1, SIDE, SIDE) * 2 - 1).requires_grad_()
    return float(torch.autograd.grad(dis(x).sum(), x)[0].flatten(1).norm(dim=1).mean())
