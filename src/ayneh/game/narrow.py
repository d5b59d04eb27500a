"""The 4x4, stride-2 convolution from or to a few channels on a CPU, several times faster upwards than the library's.

conv(x, w) and its adjoint, the transposed convolution, are each other's gradient. Down is PyTorch's own. Up is a 2x2
convolution to four times the channels, one for each corner of the 2x2 pixels that a pixel becomes, and a pixel shuffle,
which the library computes quickly. Only the order of sums differs; a test compares both with PyTorch's in float64,
double backward included.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

NARROW = 4  # channels, at most
# Pixel 2i + a of the wide side depends on x[i - 1 + a] and x[i + a], through these rows of the kernel.
TAPS = ((3, 1), (2, 0))


def serves(x: Tensor, channels: int, kernel: tuple[int, ...], stride: tuple[int, ...], padding: Any) -> bool:
    """Whether this is such a convolution with at most NARROW channels on its image side, on a CPU, in training."""
    plain = (kernel, stride, padding) == ((4, 4), (2, 2), (1, 1))
    return plain and channels <= NARROW and x.device.type == "cpu" and torch.is_grad_enabled()


def down(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`F.conv2d`: x (B, c, 2h, 2w), weight (C, c, 4, 4), bias (C,) -> (B, C, h, w)."""
    return _Down.apply(*_alike(x, weight, bias))


def up(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`F.conv_transpose2d`: x (B, C, h, w), weight (C, c, 4, 4), bias (c,) -> (B, c, 2h, 2w)."""
    return _Up.apply(*_alike(x, weight, bias))


def _alike(x: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """In one type, as autocast would cast them: it does not reach into an `autograd.Function`."""
    if torch.is_autocast_enabled("cpu"):
        dtype = torch.get_autocast_dtype("cpu")
        return x.to(dtype), weight.to(dtype), None if bias is None else bias.to(dtype)
    return x, weight, bias


class _Down(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return F.conv2d(x, weight, bias, 2, 1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        (x, weight), (for_x, for_weight, for_bias) = ctx.saved_tensors, ctx.needs_input_grad
        to_x = up(grad, weight, None) if for_x else None
        return to_x, _to_weight(grad, x, weight) if for_weight else None, _to_bias(grad) if for_bias else None


class _Up(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        (height, width), taps = x.shape[2:], torch.tensor(TAPS)
        corners = weight[:, :, taps][..., taps]  # (C, c, a, 2, b, 2)
        corners = corners.permute(1, 2, 4, 0, 3, 5).flatten(0, 2)  # (c * 4, C, 2, 2), as `pixel_shuffle` takes them
        y = F.conv2d(x, corners, None if bias is None else bias.repeat_interleave(4), padding=1)
        corner = [y[:, 2 * a + b :: 4, a : a + height, b : b + width] for a in (0, 1) for b in (0, 1)]
        return F.pixel_shuffle(torch.stack(corner, 2).flatten(1, 2), 2)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        (x, weight), (for_x, for_weight, for_bias) = ctx.saved_tensors, ctx.needs_input_grad
        to_x = down(grad, weight, None) if for_x else None
        return to_x, _to_weight(x, grad, weight) if for_weight else None, _to_bias(grad) if for_bias else None


def _to_weight(wide: Tensor, narrow: Tensor, weight: Tensor) -> Tensor:
    """The gradient of sum(wide * conv(narrow, weight)) in weight; differentiable."""
    mask = [False, True, False]
    return torch.ops.aten.convolution_backward(
        wide, narrow, weight, None, [2, 2], [1, 1], [1, 1], False, [0, 0], 1, mask
    )[1]  # fmt: skip


def _to_bias(grad: Tensor) -> Tensor:
    return grad.sum((0, 2, 3))
