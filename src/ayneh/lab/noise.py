"""The second notebook: a noise with something wrong, what is measured of it, and what mends it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ayneh.game.priors import Prior, make_prior
from ayneh.lab.answers import moved, near, number, unlike
from ayneh.lab.words import Checked, no, yes
from ayneh.pytorch import as_imported

DIM = 64  # numbers in z


@as_imported()
def noise(n: int, dim: int = DIM, seed: int = 0) -> Tensor:
    """n draws of the noise of the second notebook, float64 (n, dim): the same for the same seed.

    >>> from ayneh import lab
    >>> lab.noise(3, dim=2).shape
    torch.Size([3, 2])
    """
    return _law().sample(n, dim, torch.Generator().manual_seed(seed)).double()


def _law() -> Prior:
    return make_prior("uniform", low=0.0, high=1.0)


@as_imported()
def check_measures(
    mean: Callable[[Tensor], Any], deviation: Callable[[Tensor], Any], cosine: Callable[[Tensor], Any]
) -> Checked:
    """Compares three functions of draws z (N, Z): mean and deviation of all numbers, mean cosine between two draws.

    >>> from ayneh import lab
    >>> lab.check_measures(lambda z: z.mean(), lambda z: z.std(), lambda z: None)
    cosine_of gives nothing yet: write it, and play this cell again.
    """
    z = noise(50, 8)
    n, pairs, unit, centred = len(z), len(z) * (len(z) - 1), _unit(z), _unit(z - z.mean())
    between = (unit @ unit.T).sum() - n
    sums = {z.sum(): "measure.sum"}
    squares = {z.var(): "measure.variance"}
    angles = {
        (between + n) / n**2: "measure.itself",
        ((z @ z.T).sum() - (z * z).sum()) / pairs: "measure.products",
        ((centred @ centred.T).sum() - n) / pairs: "measure.centred",
    }
    for name, of, right, wrong in (
        ("mean_of", mean, z.mean(), sums),
        ("deviation_of", deviation, z.std(), squares),
        ("cosine_of", cosine, between / pairs, angles),
    ):
        found = number(name, partial(of, z.clone()), n)  # it may change them in place
        if isinstance(found, Checked):
            return found
        if name == "deviation_of" and near(found.detach(), z.std(correction=0)):  # dividing by N is as good as by N - 1
            continue
        why = unlike(name, float(found.detach()), float(right), {float(value): key for value, key in wrong.items()})
        if why is not None:
            return why
    return yes("measure.right")


def _unit(z: Tensor) -> Tensor:
    return z / z.norm(dim=1, keepdim=True)


@as_imported()
def check_mended(mended: Callable[[Tensor], Any]) -> Checked:
    """Compares mended(z) with the map that gives this noise mean 0 and deviation 1, by the law that it follows.

    >>> from ayneh import lab
    >>> lab.check_mended(lambda z: z)
    mended changes nothing yet: take off the mean, then divide.
    """
    z, (m, variance) = noise(50, 8), _law().moments(8)
    s = variance**0.5
    out, alone = moved(mended, z), moved(mended, z[:1])
    if isinstance(out, Checked):
        return out
    if isinstance(alone, Checked):
        return alone
    if not near(alone, out[:1]):
        return no("mended.together")
    for key, wrong in {
        "mended.unchanged": z,
        "mended.not_divided": z - m,
        "mended.not_centred": z / s,
        "mended.variance": (z - m) / variance,
        "mended.order": z / s - m,
        "mended.width": 2 * z - 1,
    }.items():
        if near(out, wrong):
            return no(key)
    if near(out.mean(1), 0 * out.mean(1)) and not near(out, 0 * out):
        return no("mended.own")
    if near(out, (z - m) / s):
        return yes("mended.right")
    if near(out, (z - m) / s, 0.1):
        return no("mended.measured")
    return no("mended.other", mean=float(out.mean()), deviation=float(out.std()))
