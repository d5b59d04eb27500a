"""The second notebook: a noise with something wrong, what is measured of it, and what mends it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ayneh.game.priors import Prior, make_prior
from ayneh.lab.answers import Checked, called, form, near, no, number, unlike

DIM = 64  # numbers in z


def noise(n: int, dim: int = DIM, seed: int = 0) -> Tensor:
    """n draws of the noise of the second notebook, float64 (n, dim): the same for the same seed.

    >>> from ayneh import lab
    >>> lab.noise(3, dim=2).shape
    torch.Size([3, 2])
    """
    return _law().sample(n, dim, torch.Generator().manual_seed(seed)).double()


def _law() -> Prior:
    return make_prior("uniform", low=0.0, high=1.0)


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
    sums = {z.sum(): "it is the sum: divide by how many numbers there are"}
    squares = {z.var(): "it is the variance: the deviation is its root"}
    angles = {
        (between + n) / n**2: "each draw is compared with itself, too, which gives 1: leave these pairs out",
        ((z @ z.T).sum() - (z * z).sum()) / pairs: "these are products: divide each draw by its length first",
        ((centred @ centred.T).sum() - n) / pairs: "the mean was taken off first, but G gets the draws as they are",
    }
    for name, of, right, wrong in (
        ("mean_of", mean, z.mean(), sums),
        ("deviation_of", deviation, z.std(), squares),
        ("cosine_of", cosine, between / pairs, angles),
    ):
        found = number(name, partial(of, z), n)
        if isinstance(found, Checked):
            return found
        if name == "deviation_of" and near(found, z.std(correction=0)):  # dividing by N is as good as by N - 1
            continue
        why = unlike(name, float(found), float(right), {float(value): words for value, words in wrong.items()})
        if why is not None:
            return why
    return Checked(True, "Right: all three numbers are those of the draws.")


def _unit(z: Tensor) -> Tensor:
    return z / z.norm(dim=1, keepdim=True)


def check_mended(mended: Callable[[Tensor], Any]) -> Checked:
    """Compares mended(z) with the map that gives this noise mean 0 and deviation 1, by the law that it follows.

    >>> from ayneh import lab
    >>> lab.check_mended(lambda z: z)
    mended changes nothing yet: take off the mean, then divide.
    """
    z, (m, variance) = noise(50, 8), _law().moments(8)
    s = variance**0.5
    out = called("mended", lambda: mended(z))
    if isinstance(out, Checked):
        return out
    if getattr(out, "shape", None) != z.shape:
        return no(f"mended gives {form(out)}; it must give a z for each z, {tuple(z.shape)}.")
    alone = called("mended", lambda: mended(z[:1]))
    if isinstance(alone, Checked):
        return alone
    if not near(alone, out[:1]):
        return no("mended moves a draw by what the other draws are: a single z must come out the same; use the law.")
    for words, wrong in {
        "changes nothing yet: take off the mean, then divide": z,
        "takes off the mean, and the deviation is still 0.29: divide by it": z - m,
        "divides by the deviation, and the mean is not 0: take it off first": z / s,
        "divides by the variance: the deviation is its root": (z - m) / variance,
        "divides first and takes off the mean of before: take it off first": z / s - m,
        "gives U(-1, 1), whose mean is 0, as it must be, and whose deviation is 0.58: stretch it to 1": 2 * z - 1,
    }.items():
        if near(out, wrong):
            return no(f"mended {words}.")
    if near(out.mean(1), 0 * out.mean(1)):
        return no("mended takes off each draw's own mean, and with it a part of z: take off the mean of the law.")
    if near(out, (z - m) / s):
        return Checked(True, "Right: mean 0 and deviation 1, and each draw is moved by the law alone.")
    if near(out, (z - m) / s, 0.1):
        return no(
            "mended is nearly right: its two numbers were measured; take those of the law, 1/2 and the root of 1/12."
        )
    mean, deviation = float(out.mean()), float(out.std())
    return no(f"mended gives mean {mean:.3f} and deviation {deviation:.3f}; 0 and 1 are wanted.")
