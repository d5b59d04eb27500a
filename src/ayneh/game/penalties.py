"""Penalties on the slope of D: critic, real and fake images (R, B, C, H, W) -> a penalty per image (R, B).

The slope is the gradient of an image's logit with respect to its pixels. It is read off the gradient of the
sum of all logits, which holds as long as a logit depends on its own image alone; with batch norm in D it also
carries what the image does to its neighbours' logits. The caller multiplies by gamma.

Images that carry a gradient already have been judged: a critic that remembers its logits of them is not played again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

Critic = Callable[[Tensor], Tensor]  # images (R, B, C, H, W) -> logits (R, B)
Draws = Mapping[str, Tensor]


class Penalty(NamedTuple):
    """One penalty, and what chance has to bring for it."""

    fn: Callable[[Critic, Tensor, Tensor, Draws], Tensor]
    """(critic, real, fake, draws) -> (R, B), differentiable with respect to the critic's weights."""
    draws: tuple[str, ...] = ()
    """Names of U[0, 1) draws: "mix" is (R, B), "perturb" is (R, B, C, H, W)."""
    at: tuple[str, ...] = ()
    """The images at which it takes the slope as they are: "real", "fake"."""


def r1(critic: Critic, real: Tensor, fake: Tensor, draws: Draws) -> Tensor:
    """|grad D(x)|^2 / 2 on real images, Mescheder et al. 2018."""
    return _slope(critic, real).square().sum(2) / 2


def r2(critic: Critic, real: Tensor, fake: Tensor, draws: Draws) -> Tensor:
    """|grad D(x)|^2 / 2 on fakes, Mescheder et al. 2018."""
    return _slope(critic, fake).square().sum(2) / 2


def r1_r2(critic: Critic, real: Tensor, fake: Tensor, draws: Draws) -> Tensor:
    """R1 + R2, as in R3GAN (Huang et al. 2024)."""
    return r1(critic, real, fake, draws) + r2(critic, real, fake, draws)


def wgan_gp(critic: Critic, real: Tensor, fake: Tensor, draws: Draws) -> Tensor:
    """(|grad D(x)| - 1)^2 at a random point between a real and a fake image, Gulrajani et al. 2017."""
    mix = draws["mix"][..., None, None, None]
    return _from_one(_slope(critic, mix * real + (1 - mix) * fake))


def dragan(critic: Critic, real: Tensor, fake: Tensor, draws: Draws) -> Tensor:
    """(|grad D(x)| - 1)^2 at x = real + std(real) u / 2, Kodali et al. 2017.

    u ~ U[0, 1) per pixel, as in its authors' code (the paper writes a Gaussian); std over a replica's batch.
    """
    std = real.std((1, 2, 3, 4), correction=0, keepdim=True)  # (R, 1, 1, 1, 1)
    return _from_one(_slope(critic, real + std * draws["perturb"] / 2))


def _slope(critic: Critic, x: Tensor) -> Tensor:
    """d D(x) / dx for each image, (R, B, C * H * W), kept in the graph so that D can learn from it."""
    x = x if x.requires_grad else x.detach().requires_grad_()
    (slope,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
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
}
