"""Draws in NumPy, of classes and of the priors: the laws of game/priors.py in torch; tests compare the two."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np

Array = np.ndarray
Numbers = dict[str, float]
Draw = Callable[[np.random.Generator, int, int, Numbers], Array]

STREAM = 1  # beside the seed, so that classes and latents of one seed have nothing to do with each other

_inverse_cdf = np.vectorize(NormalDist().inv_cdf, otypes=[float])  # scipy's ndtri differs in the last digit


def sample(name: str, numbers: Numbers, n: int, dim: int, seed: int) -> Array:
    """n draws, float32 (n, dim), the same for the same seed (NumPy's PCG64: not those of torch).

    ``numbers`` are all the fields of the prior's dataclass.
    """
    return DRAWS[name](np.random.default_rng(seed), n, dim, numbers).astype(np.float32)


def drawn(weights: tuple[float, ...], n: int, seed: int) -> Array:
    """n classes, int64 (n,), class k with a probability in proportion to weights[k]: the same for the same seed."""
    p = np.asarray(weights, np.float64)
    return np.random.default_rng([seed, STREAM]).choice(len(p), n, p=p / p.sum()).astype(np.int64)


def _sphere(rng: np.random.Generator, n: int, dim: int, k: Numbers) -> Array:
    g = rng.standard_normal((n, dim))
    return k["radius"] * g / np.linalg.norm(g, axis=-1, keepdims=True)


def _truncated(rng: np.random.Generator, n: int, dim: int, k: Numbers) -> Array:
    cut = math.erfc(k["bound"] / math.sqrt(2)) / 2
    u = np.clip(cut + (1 - 2 * cut) * rng.random((n, dim)), 1e-300, 1 - 2**-53)
    return k["mean"] + k["std"] * np.clip(_inverse_cdf(u), -k["bound"], k["bound"])


def _mixture(rng: np.random.Generator, n: int, dim: int, k: Numbers) -> Array:
    centres = np.linspace(k["low"], k["high"], int(k["components"]))
    return centres[rng.integers(len(centres), size=(n, dim))] + k["std"] * rng.standard_normal((n, dim))


DRAWS: dict[str, Draw] = {
    "normal": lambda rng, n, dim, k: rng.normal(k["mean"], k["std"], (n, dim)),
    "uniform": lambda rng, n, dim, k: rng.uniform(k["low"], k["high"], (n, dim)),
    "sphere": _sphere,
    "truncated-normal": _truncated,
    "laplace": lambda rng, n, dim, k: rng.laplace(k["mean"], k["scale"], (n, dim)),
    "student-t": lambda rng, n, dim, k: k["scale"] * rng.standard_t(k["df"], (n, dim)),
    "bernoulli": lambda rng, n, dim, k: np.where(rng.random((n, dim)) < k["p"], k["high"], k["low"]),
    "mixture": _mixture,
}
