"""Paths between two latents that keep the prior: path(t) follows it at each t in [0, 1].

For independent a and b from a prior, points on the straight line do not follow it: halfway the variance is halved, so
that a normal's norm is smaller by sqrt 2, a uniform becomes triangular and a Bernoulli takes values between its two. G
was not trained on such latents (White 2016; Agustsson et al. 2019).

In NumPy and float64, so that an exported model has the same paths without torch (`ayneh.loading`): nothing here may
import torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy.special import betainc, ndtr, ndtri, stdtrit

from ayneh.errors import UserError

GOLDEN = (math.sqrt(5) - 1) / 2
TAIL = 1e-12  # the least probability in a path: float32 draws are never rarer
Array = np.ndarray
Tail = Callable[[Array], Array]


def path(prior: str, numbers: Mapping[str, Any], a: Array, b: Array, t: Array) -> Array:
    """a, b (..., dim) and t (T,) in [0, 1] -> (T, ..., dim) of a's type: a at t = 0, b at t = 1, to the bit.

    ``numbers`` are all the fields of the prior's dataclass. Raises UserError for a sphere in 1 dimension.
    """
    steps = np.asarray(t, float).reshape(-1, *[1] * a.ndim)
    points = PATHS[prior](a.astype(float), b.astype(float), steps, **numbers).astype(a.dtype)
    return np.where(steps == 0, a, np.where(steps == 1, b, points))


# -- each prior's path: a, b (..., dim) and t (T, 1, ..., 1) in float64 -> (T, ..., dim) -----------------------------


def _normal(a: Array, b: Array, t: Array, mean: float, std: float) -> Array:
    return blend(a, b, t, mean)


def _uniform(a: Array, b: Array, t: Array, low: float, high: float) -> Array:
    centre, half = (low + high) / 2, (high - low) / 2
    return through_scores(a, b, t, centre, lambda d: (1 - d / half) / 2, lambda p: half * (1 - 2 * p))


def _sphere(a: Array, b: Array, t: Array, radius: float | None) -> Array:
    """radius (cos(t w) a' + sin(t w) n), w the angle from a to b and n the direction of b as seen from a' = a / |a|.

    Between opposite points it takes one of the many circles.
    """
    dim = a.shape[-1]
    if dim < 2:
        raise UserError("A sphere in 1 dimension is two points with no path between: take 2 or more.")
    start, end = _unit(a), _unit(b)
    cosine = (start * end).sum(-1, keepdims=True)
    towards = end - cosine * start
    sine = np.linalg.norm(towards, axis=-1, keepdims=True)
    axis = np.eye(dim)[np.abs(start).argmin(-1)]  # never along start
    other = axis - (axis * start).sum(-1, keepdims=True) * start
    normal = _unit(np.where(sine > 1e-7, towards, other))
    angle = t * np.arctan2(sine, cosine)
    return (radius or math.sqrt(dim)) * (np.cos(angle) * start + np.sin(angle) * normal)


def _truncated(a: Array, b: Array, t: Array, mean: float, std: float, bound: float) -> Array:
    kept, cut = math.erf(bound / math.sqrt(2)), math.erfc(bound / math.sqrt(2)) / 2

    def tail(d: Array) -> Array:
        return (ndtr(-d / std) - cut) / kept

    return through_scores(a, b, t, mean, tail, lambda p: -std * ndtri(cut + kept * p))


def _laplace(a: Array, b: Array, t: Array, mean: float, scale: float) -> Array:
    return through_scores(a, b, t, mean, lambda d: np.exp(-d / scale) / 2, lambda p: -scale * np.log(2 * p))


def _student(a: Array, b: Array, t: Array, df: float, scale: float) -> Array:
    def tail(d: Array) -> Array:
        return student_tail(df, d / scale)

    return through_scores(a, b, t, 0.0, tail, lambda p: -scale * stdtrit(df, p))


def _bernoulli(a: Array, b: Array, t: Array, **_: float) -> Array:
    """Coordinate i is a_i until t = frac(i * golden ratio) and b_i after: evenly in time, in mixed order."""
    return np.where(t > np.arange(1, a.shape[-1] + 1) * GOLDEN % 1, b, a)


def _mixture(a: Array, b: Array, t: Array, components: float, low: float, high: float, std: float) -> Array:
    centre, half = (low + high) / 2, (high - low) / 2
    offsets = np.linspace(-half, half, int(components))

    def tail(d: Array) -> Array:
        return np.mean([ndtr((offset - d) / std) for offset in offsets], axis=0)

    return through_scores(a, b, t, centre, tail, lambda p: bisect(tail, p, half + 8 * std))


PATHS: dict[str, Callable[..., Array]] = {
    "normal": _normal,
    "uniform": _uniform,
    "sphere": _sphere,
    "truncated-normal": _truncated,
    "laplace": _laplace,
    "student-t": _student,
    "bernoulli": _bernoulli,
    "mixture": _mixture,
}


# -- what they share -----------------------------------------------------------------------------------------------


def blend(a: Array, b: Array, t: Array, centre: float) -> Array:
    """c + ((1-t)(a-c) + t(b-c)) / sqrt((1-t)^2 + t^2): the line with a normal's variance restored."""
    return centre + ((1 - t) * (a - centre) + t * (b - centre)) / np.sqrt((1 - t) ** 2 + t**2)


def through_scores(a: Array, b: Array, t: Array, centre: float, tail: Tail, untail: Tail) -> Array:
    """F^-1(Phi(s)), s the `blend` of Phi^-1(F(a)) and Phi^-1(F(b)), coordinate by coordinate.

    The law, with cdf F, is symmetric about ``centre`` and given by tail(d) = P(x > centre + d) for d >= 0,
    which stays exact where F rounds to 1, and its inverse ``untail``.
    """

    def score(x: Array) -> Array:  # N(0, 1) if x follows the law
        d = x - centre
        return -np.sign(d) * ndtri(np.clip(tail(np.abs(d)), TAIL, 0.5))

    s = blend(score(a), score(b), t, 0.0)
    return centre + np.sign(s) * untail(np.maximum(ndtr(-np.abs(s)), TAIL))


def bisect(tail: Tail, p: Array, far: float) -> Array:
    """d in [0, far] with tail(d) = p for a falling tail, to within far / 2^52: float64 holds no more."""
    low, high = np.zeros_like(p), np.full_like(p, far)
    for _ in range(52):
        middle = (low + high) / 2
        beyond = tail(middle) > p
        low, high = np.where(beyond, middle, low), np.where(beyond, high, middle)
    return (low + high) / 2


def student_tail(df: float, d: Array) -> Array:
    """P(t > d) = I_x(df / 2, 1 / 2) / 2 with x = df / (df + d^2), for d >= 0; near 0 from 1 - x, since x rounds to 1.

    scipy's stdtr has the same rounding: for df = 1 it is wrong by d / pi where d is below 1e-8.
    """
    x, rest = df / (df + d**2), d**2 / (df + d**2)
    return np.where(d < 1, 1 - betainc(0.5, df / 2, rest), betainc(df / 2, 0.5, x)) / 2


def _unit(x: Array) -> Array:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)
