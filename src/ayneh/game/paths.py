"""Paths between two latents that keep the prior: path(t) follows it at each t in [0, 1].

For independent a and b from a prior, points on the straight line do not follow it: halfway the variance is halved, so
that a normal's norm is smaller by sqrt 2, a uniform becomes triangular and a Bernoulli takes values between its two. G
was not trained on such latents (White 2016; Agustsson et al. 2019).

Everywhere a, b are (..., dim), t is (T,) and the path is (T, ..., dim): a at t = 0, b at t = 1, to the bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import one_hot
from torch.special import ndtr, ndtri

from ayneh.errors import UserError

GOLDEN = (math.sqrt(5) - 1) / 2
TAIL = 1e-12  # the least probability in a path: float32 draws are never rarer


def blend(a: Tensor, b: Tensor, t: Tensor, centre: float) -> Tensor:
    """c + ((1-t)(a-c) + t(b-c)) / sqrt((1-t)^2 + t^2): the line with a normal's variance restored."""
    return _path(a, b, t, lambda a, b, t: centre + _blend(a - centre, b - centre, t))


def through_scores(
    a: Tensor,
    b: Tensor,
    t: Tensor,
    centre: float,
    tail: Callable[[Tensor], Tensor],
    untail: Callable[[Tensor], Tensor],
) -> Tensor:
    """F^-1(Phi(s)), s the `blend` of Phi^-1(F(a)) and Phi^-1(F(b)), coordinate by coordinate.

    The law, with cdf F, is symmetric about ``centre`` and given by tail(d) = P(x > centre + d) for d >= 0,
    which stays exact where F rounds to 1, and its inverse ``untail``. Both take and return float64.
    """

    def score(x: Tensor) -> Tensor:  # N(0, 1) if x follows the law
        d = x - centre
        return -d.sign() * ndtri(tail(d.abs()).clamp(TAIL, 0.5))

    def between(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        s = _blend(score(a), score(b), t)
        return centre + s.sign() * untail(ndtr(-s.abs()).clamp_min(TAIL))

    return _path(a, b, t, between)


def great_circle(a: Tensor, b: Tensor, t: Tensor, radius: float) -> Tensor:
    """radius (cos(t w) a' + sin(t w) n), w the angle from a to b and n the direction of b as seen from a'.

    a' is a / |a|. Between opposite points it takes one of the many circles. Raises UserError for dim < 2.
    """
    dim = a.shape[-1]
    if dim < 2:
        raise UserError("A sphere in 1 dimension is two points with no path between: take 2 or more.")

    def between(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        start, end = _unit(a), _unit(b)
        cosine = (start * end).sum(-1, keepdim=True)
        towards = end - cosine * start
        sine = towards.norm(dim=-1, keepdim=True)
        axis = one_hot(start.abs().argmin(-1), dim).double()  # never along start
        other = axis - (axis * start).sum(-1, keepdim=True) * start
        normal = _unit(torch.where(sine > 1e-7, towards, other))
        angle = t * torch.atan2(sine, cosine)
        return radius * (angle.cos() * start + angle.sin() * normal)

    return _path(a, b, t, between)


def jumps(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Coordinate i is a_i until t = frac(i * golden ratio) and b_i after: evenly in time, in mixed order."""
    change = torch.arange(1, a.shape[-1] + 1, dtype=torch.float64) * GOLDEN % 1
    return _path(a, b, t, lambda a, b, t: torch.where(t > change, b, a))


def bisect(tail: Callable[[Tensor], Tensor], p: Tensor, far: float) -> Tensor:
    """d in [0, far] with tail(d) = p for a falling tail, to within far / 2^32: float32 holds no more."""
    low, high = torch.zeros_like(p), torch.full_like(p, far)
    for _ in range(32):
        middle = (low + high) / 2
        beyond = tail(middle) > p
        low, high = torch.where(beyond, middle, low), torch.where(beyond, high, middle)
    return (low + high) / 2


def _path(a: Tensor, b: Tensor, t: Tensor, between: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Tensor:
    """``between(a, b, t)``, t (T, 1, ..., 1), in float64 on the CPU; then exact ends, a's type and device."""
    t = t.detach().cpu().double().view(-1, *[1] * a.dim())
    start, end = a.detach().cpu(), b.detach().cpu()
    path = between(start.double(), end.double(), t).to(a.dtype)
    return torch.where(t == 0, start, torch.where(t == 1, end, path)).to(a.device)


def _blend(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """N(0, 1) at each t for independent a, b ~ N(0, 1)."""
    return ((1 - t) * a + t * b) / ((1 - t) ** 2 + t**2).sqrt()


def _unit(x: Tensor) -> Tensor:
    return x / x.norm(dim=-1, keepdim=True)
