"""dG/dz: how many directions of z change an image, and how strongly."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ayneh.errors import brief
from ayneh.game.inside import Player
from ayneh.game.own import copied
from ayneh.pytorch import kept
from ayneh.terminal.text import warn_once


def singular_values(gen: nn.Module, z: Tensor, classes: Tensor | None = None) -> np.ndarray:
    """Singular values of dG/dz at each z (K, Z), descending: (K, min(Z, C S S)) in float64; ``gen`` in eval mode.

    The change of an image's pixels, all together, for a unit of z in that direction. classes: int64 (K,), of a G that
    takes them: at each z its class stays. What a G of one's own draws stays at each z, too. One that fails in float64
    is taken in float32, and what that does not tell from 0 is 0; a line states it.
    """
    try:
        return _singular_values(gen, z, classes, torch.float64)
    except Exception as error:
        if not isinstance(gen, Player):
            raise
        warn_once(
            f"The slope of G is taken in float32, since G fails in float64 ({type(error).__name__}: {brief(error)}): "
            "make what it draws in the type of its input, as torch.randn_like does."
        )
    found = _singular_values(gen, z, classes, torch.float32)
    return np.where(found > found[:, :1] * found.shape[1] * np.finfo(np.float32).eps, found, 0.0)


def _singular_values(gen: nn.Module, z: Tensor, classes: Tensor | None, kind: torch.dtype) -> np.ndarray:
    net = copied(gen).to("cpu", kind).eval().requires_grad_(False)
    places = [z.detach().to("cpu", kind), *([] if classes is None else [classes.cpu()])]
    slope = _slope_of_one if isinstance(net, Player) and net.seed is not None else _slope
    with kept():  # what a net of one's own makes without a type is of the default one
        if isinstance(net, Player):
            torch.set_default_dtype(kind)
        found = [torch.linalg.svdvals(slope(net, *place).double()) for place in zip(*places, strict=True)]
    return torch.stack(found).numpy()


def _slope(net: nn.Module, z: Tensor, *y: Tensor) -> Tensor:
    """dG/dz at z (Z,): (C S S, Z). A copy of z for each pixel: copy i gives the slope of pixel i."""
    pixels = net(z[None], *(one[None] for one in y)).numel()
    copies = z.repeat(pixels, 1).requires_grad_()
    images = net(copies, *(one.repeat(pixels) for one in y))
    (slope,) = torch.autograd.grad(images.flatten(1).diagonal().sum(), copies)
    return slope


def _slope_of_one(net: nn.Module, z: Tensor, *y: Tensor) -> Tensor:
    """The same of a net that draws, which would draw something else for each copy: of one image, pixel by pixel."""
    one = z[None].requires_grad_()
    image = net(one, *(of[None] for of in y)).flatten()
    slopes = [torch.autograd.grad(pixel, one, retain_graph=True, materialize_grads=True)[0] for pixel in image]
    return torch.cat(slopes)


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
