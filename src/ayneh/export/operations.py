"""The layers of the nets as operations: y = W x + b, a scale and a shift of it, a function of each number."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from ayneh.errors import UserError
from ayneh.game.layers import BatchNorm, BatchNorm1d, Conv, Deconv, Linear, Offset, UnitNorm
from ayneh.game.nets import Discriminator, MirrorGenerator

Shape = tuple[int, ...]  # of one image or latent, without the batch


@dataclass(frozen=True)
class Affine:
    """y = W x + b as Gemm (W (out, in)), Conv (out, in, k, k) or ConvTranspose (in, out, k, k); float64."""

    op: str
    weight: Tensor
    bias: Tensor  # (out,)
    takes: Shape
    gives: Shape
    name: str = ""
    attributes: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Scale:
    """y = scale x + shift, a number for each channel or for each unit: folded into the `Affine` before it."""

    scale: Tensor
    shift: Tensor


@dataclass(frozen=True)
class Pointwise:
    """LeakyRelu or Tanh."""

    op: str
    attributes: Mapping[str, Any]


class Outside(UserError):
    """A net is not made of the layers that this table has: PyTorch's exporter writes it."""


Op = Affine | Scale | Pointwise  # `lower` returns the shape beside them, also where a layer changes the shape alone


@torch.no_grad()
def lower(module: nn.Module, shape: Shape, name: str = "") -> tuple[list[Op], Shape]:
    """A module on inputs of this shape as operations, and the shape of its output. Raises Outside for other layers."""
    for kind in type(module).__mro__:
        if kind in LAYERS and type(module).forward is getattr(kind, "forward", None):  # one of its own is another layer
            return LAYERS[kind](module, shape, name)
    raise Outside(f"There is no way yet to write the layer {type(module).__name__} as ONNX.")


def folded(ops: list[Op]) -> list[Affine | Pointwise]:
    """The same without `Scale`, by s (W x + b) + t = (s W) x + (s b + t)."""
    done: list[Affine | Pointwise] = []
    for op in ops:
        if isinstance(op, Scale):
            last = done[-1] if done else None
            if not isinstance(last, Affine) or len(last.bias) % len(op.scale):
                raise Outside("There is no way yet to write a normalisation as ONNX that follows no linear layer.")
            each = len(last.bias) // len(op.scale)  # units a channel, where a channel's units lie side by side
            scale, shift = op.scale.repeat_interleave(each), op.shift.repeat_interleave(each)
            axis = last.op == "ConvTranspose"  # out is W's second axis there
            shaped = scale.view(*[1] * axis, -1, *[1] * (last.weight.ndim - 1 - axis))
            done[-1] = replace(last, weight=last.weight * shaped, bias=last.bias * scale + shift)
        else:
            done.append(op)
    return done


def _chain(net: nn.Module, shape: Shape, name: str) -> tuple[list[Op], Shape]:
    ops: list[Op] = []
    for child, module in net.named_children():
        more, shape = lower(module, shape, f"{name}{child}.")
        ops += more
    return ops, shape


def _discriminator(net: Discriminator, shape: Shape, name: str) -> tuple[list[Op], Shape]:
    features, shape = lower(net.features, shape, f"{name}features.")
    head, _ = lower(net.head, shape, f"{name}head.")
    return [*features, *head], ()


def _conv(net: Conv, shape: Shape, name: str) -> tuple[list[Op], Shape]:
    weight, side = _weight(net), shape[1]
    kernel, stride, pad = net.kernel_size[0], net.stride[0], int(net.padding[0])
    out = (side + 2 * pad - kernel) // stride + 1
    gives = (net.out_channels, out, out)
    if side == kernel and not pad:  # one matrix product
        return [_gemm(weight.flatten(1), _bias(net), shape, gives, name)], gives
    attributes = _attributes(kernel, stride, pad)
    return [Affine("Conv", weight, _bias(net), shape, gives, name, attributes)], gives


def _deconv(net: Deconv, shape: Shape, name: str) -> tuple[list[Op], Shape]:
    weight, side = net.weight.double(), shape[1]
    kernel, stride, pad = net.kernel_size[0], net.stride[0], int(net.padding[0])
    out = (side - 1) * stride - 2 * pad + kernel
    gives = (net.out_channels, out, out)
    if side == 1 and not pad:  # one matrix product, whose units are the channels' positions
        bias = _bias(net).repeat_interleave(kernel * kernel)
        return [_gemm(weight.flatten(1).T, bias, shape, gives, name)], gives
    attributes = _attributes(kernel, stride, pad)
    return [Affine("ConvTranspose", weight, _bias(net), shape, gives, name, attributes)], gives


def _linear(net: Linear, shape: Shape, name: str) -> tuple[list[Op], Shape]:
    gives = (net.out_features,)
    return [_gemm(_weight(net), _bias(net), shape, gives, name)], gives


def _batch_norm(net: nn.BatchNorm1d | nn.BatchNorm2d, shape: Shape, name: str) -> tuple[list[Op], Shape]:
    if net.training or net.running_mean is None or net.running_var is None:
        raise UserError("A net is exported in eval mode, with standing statistics in its batch norms.")
    scale = net.weight.double() / (net.running_var.double() + net.eps).sqrt()
    return [Scale(scale, net.bias.double() - scale * net.running_mean.double())], shape


def _offset(net: Offset, shape: Shape, name: str) -> tuple[list[Op], Shape]:
    constant = net(torch.zeros(shape, dtype=torch.float64)).double().flatten()
    return [Scale(torch.ones_like(constant), constant)], shape


LAYERS: dict[type, Callable[[Any, Shape, str], tuple[list[Op], Shape]]] = {  # the first in a module's order of classes
    nn.Sequential: _chain,
    MirrorGenerator: lambda net, shape, name: _chain(net, (*shape, 1, 1), name),
    Discriminator: _discriminator,
    Conv: _conv,
    Deconv: _deconv,
    Linear: _linear,
    BatchNorm: _batch_norm,
    BatchNorm1d: _batch_norm,
    UnitNorm: _batch_norm,
    Offset: _offset,
    nn.LeakyReLU: lambda net, shape, name: ([Pointwise("LeakyRelu", {"alpha": float(net.negative_slope)})], shape),
    nn.Tanh: lambda net, shape, name: ([Pointwise("Tanh", {})], shape),
    nn.Flatten: lambda net, shape, name: ([], (math.prod(shape),)),
    nn.Unflatten: lambda net, shape, name: ([], tuple(net.unflattened_size)),
}


def _gemm(weight: Tensor, bias: Tensor, shape: Shape, gives: Shape, name: str) -> Affine:
    return Affine("Gemm", weight, bias, (math.prod(shape),), gives, name, {"transB": 1})


def _weight(net: Conv | Linear) -> Tensor:
    """W, divided by its largest singular value under spectral norm."""
    weight = net.weight.double()
    return weight / torch.linalg.matrix_norm(weight.flatten(1), ord=2) if net.spectral else weight


def _bias(net: Conv | Deconv | Linear) -> Tensor:
    if net.bias is not None:
        return net.bias.double()
    return net.weight.new_zeros(net.out_features if isinstance(net, Linear) else net.out_channels).double()


def _attributes(kernel: int, stride: int, pad: int) -> dict[str, Any]:
    return {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [pad] * 4}
