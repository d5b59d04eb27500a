"""dG/dz: how many directions of z change an image, and how strongly."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor, nn


def singular_values(gen: nn.Module, z: Tensor, classes: Tensor | None = None) -> np.ndarray:
    """Singular values of dG/dz at each z (K, Z), descending: (K, min(Z, C S S)) in float64; ``gen`` in eval mode.

    The change of an image's pixels, all together, for a unit of z in that direction. classes: int64 (K,), of a G that
    takes them: at each z its class stays.
    """
    net = copy.deepcopy(gen).to("cpu", torch.float64).eval().requires_grad_(False)
    places = [z.detach().to("cpu", torch.float64), *([] if classes is None else [classes.cpu()])]
    return torch.stack([torch.linalg.svdvals(_slope(net, *place)) for place in zip(*places, strict=True)]).numpy()


def _slope(net: nn.Module, z: Tensor, *y: Tensor) -> Tensor:
    """dG/dz at z (Z,): (C S S, Z). A copy of z for each pixel: copy i gives the slope of pixel i."""
    pixels = net(z[None], *(one[None] for one in y)).numel()
    copies = z.repeat(pixels, 1).requires_grad_()
    images = net(copies, *(one.repeat(pixels) for one in y))
    (slope,) = torch.autograd.grad(images.flatten(1).diagonal().sum(), copies)
    return slope


def effective_rank(values: np.ndarray) -> float:
    """exp(H(p)), p = s / sum s over singular values s (n,): n for equal ones, 1 for one alone (Roy & Vetterli 2007)."""
    total = float(values.sum())
    if total == 0:
        return 0.0
    p = values[values > 0] / total
    return float(np.exp(-(p * np.log(p)).sum()))


def directions(values: np.ndarray, share: float = 0.9) -> int:
    """How many of the descending singular values (n,) hold this share of the sum of their squares; 0 of none."""
    squares = np.cumsum(values**2)
    return int(np.searchsorted(squares, share * squares[-1]) + 1) if squares[-1] > 0 else 0


def condition(values: np.ndarray) -> float | None:
    """s_max / s_min of descending values (n,); None where the smallest is 0 to float64's precision."""
    floor = values[0] * len(values) * np.finfo(np.float64).eps
    return float(values[0] / values[-1]) if values[-1] > floor else None
