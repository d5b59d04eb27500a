"""Penalties on the slope of D: its function, real and fake images (R, B, C, H, W) -> a penalty per image (R, B).

The slope is the gradient of an image's logit with respect to its pixels, computed as the gradient of the sum of all
logits. The two are equal where a logit depends on its own image alone; with batch norm in D, the second includes what
the image does to the other logits of its batch. The caller multiplies by gamma.

D has run already on images that require a gradient: ``logits`` may return what it gave for them then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

Logits = Callable[[Tensor], Tensor]  # images (R, B, C, H, W) -> logits (R, B)
Draws = Mapping[str, Tensor]


class Penalty(NamedTuple):
    """A penalty on D, a number for each image, which gamma weighs in D's loss.

    Numbers of a penalty of one's own are keywords after a *, which ``rules.numbers`` sets ("penalty.k=2").
    Example, the slope at real images bounded from above alone:

    >>> import ayneh, torch
    >>> def one_sided(logits, real, fake, draws, *, k=1.0):
    ...     (slope,) = torch.autograd.grad(logits(real).sum(), real, create_graph=True)
    ...     return (slope.flatten(2).norm(dim=2) - k).relu() ** 2
    >>> ayneh.add("penalty", "one-sided", ayneh.Penalty(one_sided, at=("real",))).name
    'one-sided'
    """

    fn: Callable[..., Tensor]
    """(logits, real, fake, draws) -> (R, B), differentiable with respect to D's weights. logits: images (R, B, C, H, W)
    -> (R, B)."""
    draws: tuple[str, ...] = ()
    """Names of U[0, 1) draws: "mix" is (R, B), "perturb" is (R, B, C, H, W)."""
    at: tuple[str, ...] = ()
    """The batches at whose own images it takes the slope, which then require a gradient: "real", "fake"."""


def r1(logits: Logits, real: Tensor, fake: Tensor, draws: Draws) -> Tensor:
    """|grad D(x)|^2 / 2 on real images, Mescheder et al. 2018."""
    return _slope(logits, real).square().sum(2) / 2


def r2(logits: Logits, real: Tensor, fake: Tensor, draws: Draws) -> Tensor:
    """|grad D(x)|^2 / 2 on fakes, Mescheder et al. 2018."""
    return _slope(logits, fake).square().sum(2) / 2


def r1_r2(logits: Logits, real: Tensor, fake: Tensor, draws: Draws) -> Tensor:
    """R1 + R2, as in R3GAN (Huang et al. 2024)."""
    return r1(logits, real, fake, draws) + r2(logits, real, fake, draws)


def wgan_gp(logits: Logits, real: Tensor, fake: Tensor, draws: Draws) -> Tensor:
    """(|grad D(x)| - 1)^2 at a random point between a real and a fake image, Gulrajani et al. 2017."""
    mix = draws["mix"][..., None, None, None]
    return _from_one(_slope(logits, mix * real + (1 - mix) * fake))


def dragan(logits: Logits, real: Tensor, fake: Tensor, draws: Draws) -> Tensor:
    """(|grad D(x)| - 1)^2 at x = real + std(real) u / 2, after Kodali et al. 2017.

    u ~ U[0, 1) per pixel; std over a replica's batch. Theirs is `dragan_mixed`; the paper writes a Gaussian for u.
    """
    return _from_one(_slope(logits, real + _perturbation(real, draws)))


def dragan_mixed(logits: Logits, real: Tensor, fake: Tensor, draws: Draws) -> Tensor:
    """The same at a random point between the real image and the perturbed one, as in the code of Kodali et al. 2017."""
    return _from_one(_slope(logits, real + draws["mix"][..., None, None, None] * _perturbation(real, draws)))


def _perturbation(real: Tensor, draws: Draws) -> Tensor:
    std = real.std((1, 2, 3, 4), correction=0, keepdim=True)  # (R, 1, 1, 1, 1)
    return std * draws["perturb"] / 2


def _slope(logits: Logits, x: Tensor) -> Tensor:
    """d D(x) / dx for each image, (R, B, C * H * W), kept in the graph so that D can learn from it."""
    x = x if x.requires_grad else x.detach().requires_grad_()
    (slope,) = torch.autograd.grad(logits(x).sum(), x, create_graph=True)
    return slope.flatten(2)


def _from_one(slope: Tensor) -> Tensor:
    """(|slope| - 1)^2; vector_norm's derivative is 0, not NaN, where D is flat."""
    return (torch.linalg.vector_norm(slope, dim=2) - 1) ** 2


PENALTIES = {
    "r1": Penalty(r1, at=("real",)),
    "r2": Penalty(r2, at=("fake",)),
    "r1+r2": Penalty(r1_r2, at=("real", "fake")),
    "wgan-gp": Penalty(wgan_gp, ("mix",)),
    "dragan": Penalty(dragan, ("perturb",)),
    "dragan-mixed": Penalty(dragan_mixed, ("mix", "perturb")),
}
