"""Convolutions from or to a few channels on a CPU, several times faster upwards than the library's.

conv(x, w) and its adjoint, the transposed convolution, are each other's gradient. Down is PyTorch's own. Up is a
convolution without gaps: a pixel becomes channels, one for each pixel of the block of the image that it stands for,
which are then put in their places. Only the order of sums differs; a test compares both with PyTorch's in float64,
double backward included.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

NARROW = 4  # channels, at most


def serves(x: Tensor, channels: int, kernel: tuple[int, ...], stride: tuple[int, ...], padding: Any) -> bool:
    """Whether this is a 4x4 convolution of stride 2 with at most NARROW channels on its image side, in training."""
    plain = (kernel, stride, padding) == ((4, 4), (2, 2), (1, 1))
    return plain and channels <= NARROW and x.device.type == "cpu" and torch.is_grad_enabled()


def down(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int = 2, padding: int = 1) -> Tensor:
    """`F.conv2d`: x (B, c, s h, s w), weight (C, c, k, k), bias (C,) -> (B, C, h, w) for the stride s."""
    return _Down.apply(*_alike(x, weight, bias), stride, padding)


def up(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int = 2, padding: int = 1) -> Tensor:
    """`F.conv_transpose2d`: x (B, C, h, w), weight (C, c, k, k), bias (c,) -> (B, c, s h, s w) for the stride s."""
    return _Up.apply(*_alike(x, weight, bias), stride, padding)


def _alike(x: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """In one type, as autocast would cast them: it does not reach into an `autograd.Function`."""
    if torch.is_autocast_enabled("cpu"):
        dtype = torch.get_autocast_dtype("cpu")
        return x.to(dtype), weight.to(dtype), None if bias is None else bias.to(dtype)
    return x, weight, bias


class _Down(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.steps = stride, padding
        return F.conv2d(x, weight, bias, stride, padding)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (x, weight), (for_x, for_weight, for_bias, *_) = ctx.saved_tensors, ctx.needs_input_grad
        to_x = up(grad, weight, None, *ctx.steps) if for_x else None
        to_weight = _to_weight(grad, x, weight, *ctx.steps) if for_weight else None
        return to_x, to_weight, _to_bias(grad) if for_bias else None, None, None


class _Up(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.steps = stride, padding
        narrow, kernel = weight.shape[1], weight.shape[-1]
        # Of one channel, blocks of 4x4 pixels fill the 16 channels that the library computes at once.
        side = 4 if narrow == 1 and x.shape[2] * stride % 4 == x.shape[3] * stride % 4 == 0 else stride
        # Pixel p of block i depends on x[(side / stride) i + n] through row p + padding - stride n of the kernel.
        least, most = -((kernel - 1 - padding) // stride), (side - 1 + padding) // stride
        taps = [[p + padding - stride * n for n in range(least, most + 1)] for p in range(side)]
        at = torch.tensor([[tap if 0 <= tap < kernel else kernel for tap in row] for row in taps])  # the last one: 0
        block = F.pad(weight, (0, 1, 0, 1))[:, :, at][..., at]  # (C, c, p, n, q, m)
        block = block.permute(1, 2, 4, 0, 3, 5).flatten(0, 2)
        bias = None if bias is None else bias.repeat_interleave(side * side)
        y = F.conv2d(x, block, bias, side // stride, -least)  # (B, c p q, h', w')
        y = y.unflatten(1, (narrow, side, side)).permute(0, 1, 4, 2, 5, 3)
        return y.reshape(len(x), narrow, y.shape[2] * side, y.shape[4] * side)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (x, weight), (for_x, for_weight, for_bias, *_) = ctx.saved_tensors, ctx.needs_input_grad
        to_x = down(grad, weight, None, *ctx.steps) if for_x else None
        to_weight = _to_weight(x, grad, weight, *ctx.steps) if for_weight else None
        return to_x, to_weight, _to_bias(grad) if for_bias else None, None, None


def _to_weight(wide: Tensor, narrow: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """The gradient of sum(wide * conv(narrow, weight)) in weight; differentiable."""
    mask = [False, True, False]
    return torch.ops.aten.convolution_backward(
        wide, narrow, weight, None, [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], 1, mask
    )[1]


def _to_bias(grad: Tensor) -> Tensor:
    return grad.sum((0, 2, 3))
