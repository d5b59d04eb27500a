"""Differentiable augmentation, Zhao et al. 2020: real and fake images are shifted and cut at random before D sees them.

They are never flipped, since a mirrored digit is not a digit. The random numbers u are arguments, and what happens to
an image depends on them alone. Amounts are fractions of a side, rounded to whole pixels; 0 changes no bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Augmentation(NamedTuple):
    """A change of one's own that every image goes through before D sees it, real and fake alike.

    It comes after shifts and cutout, and before noise. Example, brighter or darker by up to half the strength:

    >>> import ayneh
    >>> def brightness(x, u, strength):
    ...     return x + strength * (u[..., None, None] - 0.5)
    >>> ayneh.add("augmentation", "brightness", ayneh.Augmentation(brightness)).name
    'brightness'
    >>> changes = {"rules.augmentation": "brightness", "rules.augmentation_strength": 0.4}
    >>> config = ayneh.preset("fast").changed(changes)
    """

    fn: Callable[..., Tensor]
    """(x, u, strength) -> x, differentiable in x. x: (R, B, C, H, W) in [-1, 1]; u: U[0, 1) draws (R, B, draws);
    strength: (R, 1, 1, 1, 1), since replicas may differ in it."""
    draws: int = 1
    """Random numbers that each image needs."""


def augment(
    x: Tensor, u: Tensor, translation: Tensor | float, cutout: Tensor | float, background: float = -1.0
) -> Tensor:
    """Each image shifted, then cut: x (R, B, C, H, W), and u (R, B, 4) in [0, 1), two numbers for each part.

    translation, cutout: in [0, 1], one float or (R,). What no pixel of the image covers is ``background``.
    """
    for part, amount, chance in zip(AUGMENTS.values(), (translation, cutout), u.split(2, dim=2), strict=True):
        x = part(x, chance, amount, background)
    return x


def translate(x: Tensor, u: Tensor, translation: Tensor | float, background: float) -> Tensor:
    """Each image moved by whole pixels, any shift up to ``translation`` alike, on each axis; u (R, B, 2)."""
    (channels, height, width) = x.shape[2:]

    def source(u: Tensor, size: int) -> Tensor:  # (R, B, size): where each row or column comes from
        reach = _pixels(translation, size, u)
        shift = (u * (2 * reach + 1)).floor() - reach
        return (torch.arange(size, device=x.device) - shift[..., None]).long()

    rows, cols = source(u[..., 0], height)[..., :, None], source(u[..., 1], width)[..., None, :]
    inside = (rows >= 0) & (rows < height) & (cols >= 0) & (cols < width)  # (R, B, H, W)
    # the index goes round, so that each pixel is read once and its gradient is no sum
    index = (rows % height * width + cols % width).flatten(2)[:, :, None].expand(-1, -1, channels, -1)
    return torch.where(inside[:, :, None], x.flatten(3).gather(3, index).view_as(x), background)


def cut(x: Tensor, u: Tensor, cutout: Tensor | float, background: float) -> Tensor:
    """A hole of ``cutout`` times the sides in each image, centred anywhere alike on it; u (R, B, 2).

    It is filled with ``background``: the 0 of the paper's code would paint a grey square on [-1, 1].
    """

    def hole(u: Tensor, size: int) -> Tensor:  # (R, B, size): whether a row or column is cut
        side = _pixels(cutout, size, u)
        first = (u * (size + 1 - side % 2)).floor() - side // 2
        i = torch.arange(size, device=x.device)
        return (i >= first[..., None]) & (i < (first + side)[..., None])

    inside = hole(u[..., 0], x.shape[3])[..., :, None] & hole(u[..., 1], x.shape[4])[..., None, :]
    return torch.where(inside[:, :, None], background, x)


AUGMENTS = {"translation": translate, "cutout": cut}


def _pixels(amount: Tensor | float, size: int, u: Tensor) -> Tensor:
    """``amount`` of ``size`` in whole pixels, (R, 1) for u (R, B)."""
    return (torch.zeros_like(u[:, 0]) + amount).mul(size).add(0.5).floor()[:, None]
