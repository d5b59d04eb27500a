"""The third notebook: a discriminator from which no generator can learn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ayneh.lab.answers import Checked, called, form, near, no, reached
from ayneh.lab.play import SIDE, nets

STEEP, BLIND = 20.0, 0.05  # D's slope over that of the game's D, and the share of pixels that D may ignore


def check_discriminator(make: Callable[[], Any]) -> Checked:
    """Looks for what keeps G from learning of the D that make() gives: images (B, 1, 16, 16) -> logits (B,).

    >>> from ayneh import lab
    >>> lab.check_discriminator(lambda: None)
    Dis gives nothing yet: write it, and play this cell again.
    """
    with torch.random.fork_rng():  # what the student draws next stays as it is
        torch.manual_seed(0)
        dis = called("Dis", make)
        if isinstance(dis, Checked):
            return dis
        x = (torch.rand(8, 1, SIDE, SIDE, dtype=torch.float64) * 2 - 1).requires_grad_()
        y = called("Dis", lambda: dis.double().eval()(x))
        if isinstance(y, Checked):
            return y
        if getattr(y, "shape", None) != (8,):
            return no(f"D gives {form(y)} for 8 images; it must give one number for each, (8,).")
        if not reached(y.sum(), x):
            return no(
                "No gradient reaches the image, so that G cannot learn from this D: a detach or a step cuts it off."
            )
        for ill, words in _ills(dis, x.detach(), torch.autograd.grad(y.sum(), x)[0]):
            if ill:
                return no(f"{words}.")
    return Checked(
        True, "Right: D's logits are free, it sees each pixel and bends, and its slope is of the usual size."
    )


@torch.no_grad()
def _ills(dis: nn.Module, x: Tensor, slope: Tensor) -> list[tuple[bool, str]]:
    """What can be wrong with this D, each with whether it is; slope: dD/dx (B, 1, S, S)."""
    wide = torch.rand(256, *x.shape[1:], dtype=x.dtype) * 2e6 - 1e6  # where a bounded output is at its bounds
    far, zero = dis(wide), dis(x * 0)
    least, most, once, twice = float(far.min()), float(far.max()), dis(x) - zero, dis(2 * x) - zero
    linear = near(twice / 2, once, 1e-6 * float(once.abs().max()))
    blind = float((slope == 0).all(0).double().mean())
    steep = float(slope.flatten(1).norm(dim=1).mean()) / _usual_slope()
    return [
        (
            least >= 0 and most <= 1,
            "D ends in a sigmoid, and the loss has one: it takes logits; leave the last one out",
        ),
        (least >= -1 and most <= 1, "D ends in a tanh, so that it is never certain: leave its last number free"),
        (least == 0, "D's last number is never below 0, where a fake belongs: leave out the ReLU after the last layer"),
        (steep < 1 / STEEP, f"D's slope is 1/{1 / steep:,.0f} of that of the game's D: hardly a gradient reaches G"),
        (linear, "D is linear: with nothing between them its layers are a single one; put an activation there"),
        (blind > BLIND, f"D does not see {blind:.0%} of the pixels, and there G may draw anything"),
        (steep > STEEP, f"D's slope is {steep:,.0f} times that of the game's D: the pixels are in [-1, 1] already"),
    ]


@torch.enable_grad()
def _usual_slope() -> float:
    """The mean length of dD/dx of the game's own perceptron, at its start."""
    _, dis = nets()
    x = (torch.rand(8, 1, SIDE, SIDE) * 2 - 1).requires_grad_()
    return float(torch.autograd.grad(dis(x).sum(), x)[0].flatten(1).norm(dim=1).mean())
