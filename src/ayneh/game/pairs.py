"""Two 4x4 convolutions of stride 2 with nothing between them, from one channel, as one 10x10 convolution of stride 4.

The mirror D begins with such a pair (report R7). The one needs a third of their multiplications, and the map between
them, the largest of D, is never made. They differ at the edges: there the second convolution reads zeros outside that
map, and the 10x10 one what the first would have computed there. That depends on the outermost pixels alone, and is
subtracted. In other words y = x * (w1 * w2) - edges. Every part is differentiable twice, as penalties need it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ayneh.game import narrow
from ayneh.game.layers import Conv

KERNEL, STRIDE, PADDING = 10, 4, 3  # of the one convolution
# Outside by the first row of the second kernel, the first one reads the image by its last row, and the other way round.
OUTSIDE = ((0, 3), (3, 0))  # (row of the second kernel, row of the first)


def serves(first: Any, second: Any, x: Tensor) -> bool:
    """Whether these layers are such a pair and x has sides that it takes, on a CPU, in training, at full precision."""
    alike = all(
        type(layer) is Conv
        and (layer.kernel_size, layer.stride, layer.padding) == ((4, 4), (2, 2), (1, 1))
        and not layer.spectral
        for layer in (first, second)
    )
    sides = all(side >= 8 and side % STRIDE == 0 for side in x.shape[2:]) and x.shape[2] == x.shape[3]
    training = x.device.type == "cpu" and torch.is_grad_enabled() and not torch.is_autocast_enabled("cpu")
    return alike and first.in_channels == x.shape[1] == 1 and first.bias is not None and sides and training


def convolve(first: Any, second: Any, x: Tensor) -> Tensor:
    """second(first(x)): (B, 1, S, S) -> (B, C, S / 4, S / 4)."""
    channels, between = second.weight.shape[:2]
    ends = torch.cat([first.weight.flatten(1), first.bias[:, None]], 1)  # (m, 17)
    products = second.weight.movedim(1, -1).reshape(-1, between) @ ends  # of each tap with each tap and with the bias
    sums = products.view(channels, -1) @ _sums().to(products.dtype)  # (C, 153)
    kernel, bias, side, side_bias, corner, corner_bias = sums.split([KERNEL**2, 1, 4 * KERNEL, 4, 4, 4], 1)
    bias = bias[:, 0] if second.bias is None else bias[:, 0] + second.bias
    wide = x.reshape(len(x), *x.shape[2:], 1).permute(0, 3, 1, 2)  # with channels last, and so y, too
    y = narrow.down(wide, kernel.reshape(-1, 1, KERNEL, KERNEL), bias, STRIDE, PADDING)
    end = x.shape[-1] - 1
    lines = torch.cat([x[:, 0, ::end], x[:, 0, :, ::end].transpose(1, 2)], 1)  # (B, 4, S): top, bottom, left, right
    patches = F.pad(lines, (PADDING, PADDING)).unfold(2, KERNEL, STRIDE)  # (B, 4, S / 4, 10)
    patches = patches.transpose(0, 1).reshape(4, -1, KERNEL)
    sides = torch.baddbmm(side_bias.t()[:, None], patches, side.unflatten(1, (4, KERNEL)).permute(1, 2, 0))
    at_corners = (values.t().reshape(2, 2, -1) for values in (corner_bias, corner))
    corners = torch.addcmul(next(at_corners), x[:, 0, ::end, ::end, None], next(at_corners))
    trimmed: Tensor = _Trimmed.apply(y, sides.unflatten(1, (len(x), -1)), corners)
    return trimmed


@cache
def _sums() -> Tensor:
    """Which products of taps (u, v of the second kernel; a, b of the first, or its bias) each number adds up, 0 or 1.

    (16 * 17, 153): the 10x10 kernel, its bias; for each side the ten taps along it, then each one's bias; each corner's
    coefficient, then each one's bias.
    """
    sums = torch.zeros(4, 4, 17, 153)
    for u in range(4):
        for v in range(4):
            outside = [(i, along, at) for i, (along, at) in enumerate(((v, u), (u, v)))]
            sums[u, v, 16, 100] = 1
            for i, _, at in outside:
                for k, (tap, _) in enumerate(OUTSIDE):
                    sums[u, v, 16, 141 + 2 * i + k] = at == tap
            for a in range(4):
                for b in range(4):
                    sums[u, v, 4 * a + b, 10 * (2 * u + a) + 2 * v + b] = 1
                    for i, (place, pair) in enumerate(((2 * v + b, (u, a)), (2 * u + a, (v, b)))):
                        if pair in OUTSIDE:
                            sums[u, v, 4 * a + b, 101 + 10 * (2 * i + OUTSIDE.index(pair)) + place] = 1
                    if (u, a) in OUTSIDE and (v, b) in OUTSIDE:
                        corner = 2 * OUTSIDE.index((u, a)) + OUTSIDE.index((v, b))
                        sums[u, v, 4 * a + b, 145 + corner] = sums[u, v, 16, 149 + corner] = 1
    return sums.flatten(0, 2)


class _Trimmed(torch.autograd.Function):
    """y (B, C, n, n) less its sides (4, B, n, C), which both have the corners (B, 2, 2, C); overwrites y."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, sides: Tensor, corners: Tensor) -> Tensor:
        ctx.mark_dirty(y)
        pixels, end = y.permute(0, 2, 3, 1), y.shape[-1] - 1
        pixels[:, ::end].sub_(sides[:2].transpose(0, 1))
        pixels[:, :, ::end].sub_(sides[2:].permute(1, 2, 0, 3))
        pixels[:, ::end, ::end].add_(corners)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        pixels, end = grad.permute(0, 2, 3, 1), grad.shape[-1] - 1
        sides = torch.cat([pixels[:, ::end].transpose(0, 1), pixels[:, :, ::end].permute(2, 0, 1, 3)])
        return grad, -sides, pixels[:, ::end, ::end]
