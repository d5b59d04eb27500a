"""The kernel distance: a squared maximum mean discrepancy without bias, in bounded memory."""

from __future__ import annotations

import torch
from torch import Tensor

from ayneh.judge.scores import Score, cannot_tell, checked
from ayneh.judge.statistics import normal_interval

BLOCK = 250  # rows of a kernel matrix held at a time


def kid(real: Tensor, fake: Tensor) -> Score:
    """KID = E k(x,x') + E k(y,y') - 2 E k(x,y), k(a,b) = (a.b/F + 1)^3, unbiased (Binkowski et al. 2018).

    Over all pairs of real (N, F) and fake (M, F), not over subsets; about zero, on either side, for equal
    distributions. The interval is the normal one from the variance of the U-statistic's projections.
    """
    real, fake = checked(real, "real images"), checked(fake, "fakes")
    n, m = len(real), len(fake)
    if min(n, m) < 2:
        return cannot_tell(m, f"A kernel distance needs at least 2 images in each set; there are {min(n, m)}.")
    within_real = (_kernel_sums(real, real)[0] - _kernel_diagonal(real)) / (n - 1)  # (N,) mean over the other x
    within_fake = (_kernel_sums(fake, fake)[0] - _kernel_diagonal(fake)) / (m - 1)
    rows, columns = _kernel_sums(real, fake)
    real_to_fake, fake_to_real = rows / m, columns / n
    value = float(within_real.mean() + within_fake.mean() - 2 * real_to_fake.mean())
    variance = 4 * ((within_real - real_to_fake).var() / n + (within_fake - fake_to_real).var() / m)
    return Score(value, m, normal_interval(value, float(variance) ** 0.5))


def _kernel_sums(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Sums of k(a_i, b_j) over j (N,) and over i (M,), for a (N, F), b (M, F)."""
    rows, columns = [], torch.zeros(len(b), dtype=a.dtype)
    for block in a.split(BLOCK):
        base = (block @ b.T).div_(a.shape[1]).add_(1)
        cubed = (base * base).mul_(base)
        rows.append(cubed.sum(1))
        columns += cubed.sum(0)
    return torch.cat(rows), columns


def _kernel_diagonal(a: Tensor) -> Tensor:
    return (a.square().sum(1) / a.shape[1] + 1) ** 3
