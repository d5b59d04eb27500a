"""Convolutions from or to a few channels on a CPU, where the library's way up to them takes several times too long.

conv(x, w) and its adjoint, the transposed convolution, are each other's gradient. Down is PyTorch's own; up is one
matrix product and one fold (the patches added where they belong). The same numbers but for the order of sums; a test
holds them to PyTorch's in float64, double backward included.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

NARROW = 4  # channels, at most


def serves(x: Tensor, channels: int) -> bool:
    """Whether these are for a convolution of x with so few channels on its image side: on a CPU, while learning."""
    return channels <= NARROW and x.device.type == "cpu" and torch.is_grad_enabled()


def down(x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """`F.conv2d`: x (B, c, H, W), weight (C, c, k, k) -> (B, C, H', W')."""
    return _Down.apply(x, weight, stride, padding)


def up(x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """`F.conv_transpose2d`: x (B, C, H', W'), weight (C, c, k, k) -> (B, c, H, W)."""
    return _Up.apply(x, weight, stride, padding)


class _Narrow(torch.autograd.Function):
    generate_vmap_rule = True  # both are made of operators that vmap knows

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        x, weight, *shape = inputs
        ctx.save_for_backward(x, weight)
        ctx.shape = shape


class _Down(_Narrow):
    @staticmethod
    def forward(x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        return F.conv2d(x, weight, None, stride, padding)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        (x, weight), shape = ctx.saved_tensors, ctx.shape
        to_x = up(grad, weight, *shape) if ctx.needs_input_grad[0] else None
        to_weight = _to_weight(grad, x, weight, *shape) if ctx.needs_input_grad[1] else None
        return to_x, to_weight, None, None


class _Up(_Narrow):
    @staticmethod
    def forward(x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        (height, width), kernel = x.shape[2:], weight.shape[-1]
        patches = x.movedim(1, -1).flatten(1, 2) @ weight.flatten(1)  # (B, H'W', c * k * k)
        size = tuple((side - 1) * stride - 2 * padding + kernel for side in (height, width))
        return F.fold(patches.transpose(1, 2), size, kernel, padding=padding, stride=stride)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        (x, weight), shape = ctx.saved_tensors, ctx.shape
        to_x = down(grad, weight, *shape) if ctx.needs_input_grad[0] else None
        to_weight = _to_weight(x, grad, weight, *shape) if ctx.needs_input_grad[1] else None
        return to_x, to_weight, None, None


def _to_weight(wide: Tensor, narrow: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """The gradient of sum(wide * conv(narrow, weight)) in weight; differentiable."""
    strides, pads, ones, none = [stride] * 2, [padding] * 2, [1, 1], [0, 0]
    mask = [False, True, False]
    return torch.ops.aten.convolution_backward(
        wide, narrow, weight, None, strides, pads, ones, False, none, 1, mask
    )[1]  # fmt: skip
