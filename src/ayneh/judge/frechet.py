"""The Fréchet distance between two sets of features taken as Gaussians, at N and extrapolated to infinity."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ayneh.judge.scores import Score, checked, shuffled
from ayneh.judge.statistics import jackknife, normal_interval

GROUPS = 20  # of the jackknife: each leaves out 5 % of both sets


def distance(mean_a: Tensor, cov_a: Tensor, mean_b: Tensor, cov_b: Tensor) -> float:
    """|m_a - m_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)), means (F,), covariances (F, F) in float64.

    The square root goes through the symmetric C_a^(1/2) C_b C_a^(1/2), whose eigenvalues are those of C_a
    C_b: a singular covariance gives a real number, too.
    """
    values, vectors = torch.linalg.eigh(cov_a)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    cross = torch.linalg.eigvalsh(root @ cov_b @ root).clamp_min(0).sqrt().sum()
    squared = (mean_a - mean_b).square().sum() + cov_a.trace() + cov_b.trace() - 2 * cross
    return max(0.0, float(squared))  # rounding may leave -1e-14 between equal sets


def frechet(real: Tensor, fake: Tensor) -> Score:
    """The Fréchet distance (Heusel et al. 2017) of features (N, F), (M, F); biased upwards by about 1/N.

    The interval is for the value at this N: a jackknife over both sets.
    """
    found = measured(real, fake)
    if found.value is None or found.error is None:
        return Score(found.value, len(fake), warning=found.warning)
    low, high = normal_interval(found.value, found.error)
    return Score(found.value, len(fake), (max(0.0, low), high), warning=found.warning)


def frechet_infinite(real: Tensor, fake: Tensor) -> Score:
    """The Fréchet distance without its 1/N bias, by the jackknife (after FID-infinity, Chong & Forsyth 2020).

    Leaving out a twentieth of *both* sets shows the slope in 1/N of both biases; the line is followed to
    1/N = 0. Sets from one distribution score about zero, on either side of it.
    """
    found = measured(real, fake)
    if found.unbiased is None or found.error is None:
        return Score(None, len(fake), warning=found.warning)
    interval = normal_interval(found.unbiased, found.error)
    return Score(found.unbiased, len(fake), interval, warning=found.warning)


class Found(NamedTuple):
    """Value, value without bias, standard error; the warning has the reason why one is None."""

    value: float | None = None
    unbiased: float | None = None
    error: float | None = None
    warning: str | None = None


def measured(real: Tensor, fake: Tensor) -> Found:
    """The distance of features (N, F), (M, F), with and without its bias, and its standard error by a jackknife."""
    real, fake = checked(real, "real images"), checked(fake, "fakes")
    n, f = min(len(real), len(fake)), real.shape[1]
    if n < 2:
        return Found(warning=f"A covariance needs at least 2 images in each set; there are {n}.")
    warning = None
    if n <= f:
        warning = f"{n} images cannot fill {f} features: the covariance is singular and the distance far too high."
    elif bool((fake.var(0) == 0).all()):
        warning = "All fakes have the same features."
    real_parts, fake_parts = _Parts(shuffled(real, 0)), _Parts(shuffled(fake, 1))
    value = distance(*real_parts.gaussian(), *fake_parts.gaussian())
    if n < 2 * GROUPS:
        few = f"{n} images are too few for an interval, which needs {2 * GROUPS}."
        return Found(value, warning=warning or few)
    without = [distance(*real_parts.gaussian(i), *fake_parts.gaussian(i)) for i in range(GROUPS)]
    return Found(value, *jackknife(value, without), warning)


class _Parts:
    """Sums over GROUPS parts of a set, from which the Gaussian without any one part is a subtraction."""

    def __init__(self, features: Tensor) -> None:
        self.centre = features.mean(0)  # sums of squares about the mean do not cancel
        parts = (features - self.centre).tensor_split(GROUPS)
        self.counts = torch.tensor([len(part) for part in parts])
        self.sums = torch.stack([part.sum(0) for part in parts])  # (G, F)
        self.squares = torch.stack([part.T @ part for part in parts])  # (G, F, F)

    def gaussian(self, without: int | None = None) -> tuple[Tensor, Tensor]:
        """Mean (F,) and unbiased covariance (F, F) of all parts, or of all but one."""
        n, total, squares = self.counts.sum(), self.sums.sum(0), self.squares.sum(0)
        if without is not None:
            n, total, squares = (
                n - self.counts[without],
                total - self.sums[without],
                squares - self.squares[without],
            )
        mean = total / n
        return self.centre + mean, (squares - n * torch.outer(mean, mean)) / (n - 1)
