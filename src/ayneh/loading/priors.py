"""The priors in numpy: draws, and z(t) = F^-1(Phi(s(t))), the paths that keep the law.

The twin of game/priors.py and game/paths.py, where the reasons stand; tests compare the two. A law is given by all
the numbers of its dataclass there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from ayneh.errors import UserError

GOLDEN = (math.sqrt(5) - 1) / 2
TAIL = 1e-12  # the least probability in a path
Array = np.ndarray
Numbers = dict[str, float]
Tail = Callable[[Array], Array]

_erfc = np.vectorize(math.erfc, otypes=[float])
_inverse_cdf = np.vectorize(NormalDist().inv_cdf, otypes=[float])


@dataclass(frozen=True)
class Law:
    """A prior's draws, (rng, n, dim, its numbers) -> (n, dim), and paths, (a, b, t, its numbers) -> (T, ..., dim)."""

    draw: Callable[[np.random.Generator, int, int, Numbers], Array]
    between: Callable[[Array, Array, Array, Numbers], Array]


def sample(name: str, numbers: Numbers, n: int, dim: int, seed: int) -> Array:
    """n draws, float32 (n, dim), the same for the same seed (numpy's PCG64: not those of torch)."""
    return LAWS[name].draw(np.random.default_rng(seed), n, dim, numbers).astype(np.float32)


def path(name: str, numbers: Numbers, a: Array, b: Array, t: Array) -> Array:
    """a, b (..., dim) and t (T,) in [0, 1] -> (T, ..., dim) of a's type: a at t = 0, b at t = 1, to the bit."""
    steps = np.asarray(t, float).reshape(-1, *[1] * a.ndim)
    points = LAWS[name].between(a.astype(float), b.astype(float), steps, numbers).astype(a.dtype)
    return np.where(steps == 0, a, np.where(steps == 1, b, points))


# -- laws ----------------------------------------------------------------------------------------------------------


def _draw_sphere(rng: np.random.Generator, n: int, dim: int, k: Numbers) -> Array:
    g = rng.standard_normal((n, dim))
    return k["radius"] * g / np.linalg.norm(g, axis=-1, keepdims=True)


def _draw_truncated(rng: np.random.Generator, n: int, dim: int, k: Numbers) -> Array:
    cut = math.erfc(k["bound"] / math.sqrt(2)) / 2
    u = np.clip(cut + (1 - 2 * cut) * rng.random((n, dim)), 1e-300, 1 - 2**-53)
    return k["mean"] + k["std"] * np.clip(_inverse_cdf(u), -k["bound"], k["bound"])


def _draw_mixture(rng: np.random.Generator, n: int, dim: int, k: Numbers) -> Array:
    centres = _centres(k)
    return centres[rng.integers(len(centres), size=(n, dim))] + k["std"] * rng.standard_normal((n, dim))


def _path_normal(a: Array, b: Array, t: Array, k: Numbers) -> Array:
    return k["mean"] + _blend(a - k["mean"], b - k["mean"], t)


def _path_uniform(a: Array, b: Array, t: Array, k: Numbers) -> Array:
    centre, half = (k["low"] + k["high"]) / 2, (k["high"] - k["low"]) / 2
    return _through_scores(a, b, t, centre, lambda d: (1 - d / half) / 2, lambda p: half * (1 - 2 * p))


def _path_truncated(a: Array, b: Array, t: Array, k: Numbers) -> Array:
    kept, cut = math.erf(k["bound"] / math.sqrt(2)), math.erfc(k["bound"] / math.sqrt(2)) / 2

    def tail(d: Array) -> Array:
        return (_upper(d / k["std"]) - cut) / kept

    return _through_scores(a, b, t, k["mean"], tail, lambda p: -k["std"] * _inverse_cdf(cut + kept * p))


def _path_laplace(a: Array, b: Array, t: Array, k: Numbers) -> Array:
    scale = k["scale"]
    return _through_scores(a, b, t, k["mean"], lambda d: np.exp(-d / scale) / 2, lambda p: -scale * np.log(2 * p))


def _path_student(a: Array, b: Array, t: Array, k: Numbers) -> Array:
    def tail(d: Array) -> Array:
        return student_tail(k["df"], d)

    scale = k["scale"]
    return scale * _through_scores(a / scale, b / scale, t, 0.0, tail, lambda p: _bisect(tail, p))


def _path_mixture(a: Array, b: Array, t: Array, k: Numbers) -> Array:
    middle = (k["low"] + k["high"]) / 2
    offsets = _centres(k) - middle

    def tail(d: Array) -> Array:
        return np.mean([_upper((d - offset) / k["std"]) for offset in offsets], axis=0)

    return _through_scores(a, b, t, middle, tail, lambda p: _bisect(tail, p))


def _great_circle(a: Array, b: Array, t: Array, k: Numbers) -> Array:
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
    return k["radius"] * (np.cos(angle) * start + np.sin(angle) * normal)


def _jumps(a: Array, b: Array, t: Array, k: Numbers) -> Array:
    return np.where(t > np.arange(1, a.shape[-1] + 1) * GOLDEN % 1, b, a)


LAWS: dict[str, Law] = {
    "normal": Law(lambda rng, n, dim, k: rng.normal(k["mean"], k["std"], (n, dim)), _path_normal),
    "uniform": Law(lambda rng, n, dim, k: rng.uniform(k["low"], k["high"], (n, dim)), _path_uniform),
    "sphere": Law(_draw_sphere, _great_circle),
    "truncated-normal": Law(_draw_truncated, _path_truncated),
    "laplace": Law(lambda rng, n, dim, k: rng.laplace(k["mean"], k["scale"], (n, dim)), _path_laplace),
    "student-t": Law(lambda rng, n, dim, k: k["scale"] * rng.standard_t(k["df"], (n, dim)), _path_student),
    "bernoulli": Law(lambda rng, n, dim, k: np.where(rng.random((n, dim)) < k["p"], k["high"], k["low"]), _jumps),
    "mixture": Law(_draw_mixture, _path_mixture),
}


# -- paths ---------------------------------------------------------------------------------------------------------


def _blend(a: Array, b: Array, t: Array) -> Array:
    return ((1 - t) * a + t * b) / np.sqrt((1 - t) ** 2 + t**2)


def _through_scores(a: Array, b: Array, t: Array, centre: float, tail: Tail, untail: Tail) -> Array:
    """The blend of the coordinates' normal scores, back in the law: tail(d) = P(x > centre + d) for d >= 0."""

    def score(x: Array) -> Array:
        d = x - centre
        return -np.sign(d) * _inverse_cdf(np.clip(tail(np.abs(d)), TAIL, 0.5))

    s = _blend(score(a), score(b), t)
    return centre + np.sign(s) * untail(np.maximum(_upper(np.abs(s)), TAIL))


def _upper(x: Array) -> Array:
    """P(N(0, 1) > x)."""
    return _erfc(x / math.sqrt(2)) / 2


def _bisect(tail: Tail, p: Array) -> Array:
    """d >= 0 with tail(d) = p, for a falling tail: on log d, since heavy tails reach from 1e-17 to 1e25."""
    low, high = np.full_like(p, -40.0), np.full_like(p, 60.0)
    for _ in range(60):
        middle = (low + high) / 2
        beyond = tail(np.exp(middle)) > p
        low, high = np.where(beyond, middle, low), np.where(beyond, high, middle)
    return np.exp((low + high) / 2)


def student_tail(df: float, d: Array) -> Array:
    """P(t > d) = I_x(df / 2, 1 / 2) / 2 with x = df / (df + d^2), for d >= 0.

    I is the regularised incomplete beta function, by Lentz's continued fraction (Press et al., Numerical Recipes, 6.4),
    on the side where that converges fast.
    """
    a, b = df / 2, 0.5
    ratio = (np.asarray(d, float) / math.sqrt(df)) ** 2
    x, rest = 1 / (1 + ratio), ratio / (1 + ratio)
    near = x < (a + 1) / (a + b + 2)
    p, q = np.where(near, a, b), np.where(near, b, a)
    v, w = np.where(near, x, rest), np.where(near, rest, x)
    with np.errstate(divide="ignore"):  # log 0 where d is 0 or beyond all bounds: the front is 0 then
        front = np.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + p * np.log(v) + q * np.log(w)) / p
    beta = front * _beta_fraction(p, q, v)
    return np.where(near, beta, 1 - beta) / 2


def _beta_fraction(p: Array, q: Array, x: Array) -> Array:
    c, d = np.ones_like(x), 1 / (1 - (p + q) * x / (p + 1))
    h = d.copy()
    for m in range(1, 10_000):
        for factor in (
            m * (q - m) * x / ((p + 2 * m - 1) * (p + 2 * m)),
            -(p + m) * (p + q + m) * x / ((p + 2 * m) * (p + 2 * m + 1)),
        ):
            d, c = 1 / (1 + factor * d), 1 + factor / c
            h = h * d * c
        if np.all(np.abs(d * c - 1) < 1e-14):
            break
    return h


def _centres(k: Numbers) -> Array:
    return np.linspace(k["low"], k["high"], int(k["components"]))


def _unit(x: Array) -> Array:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)
