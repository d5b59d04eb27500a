"""The layers of the nets as operations (nodes.py).

What depends on the class of an image is a table with a row for each class: an embedding of a class of several parts, a
sum of theirs, is added up before.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from ayneh.errors import UserError
from ayneh.export.nodes import Affine, ByClass, Joined, Op, Outside, Pointwise, Projected, Scale, Shape
from ayneh.game.conditional import ClassNorm, Embedding, Layers, Projection, code
from ayneh.game.conditional import Joined as JoinedLayer
from ayneh.game.layers import BatchNorm, BatchNorm1d, Conv, Deconv, Linear, Offset, UnitNorm
from ayneh.game.nets import Descent, Discriminator, MirrorGenerator


class Encoder(nn.Module):
    """D's features of images, and of their classes, as rows of numbers."""

    def __init__(self, features: nn.Module) -> None:
        super().__init__()
        self.features = features

    def forward(self, x: Tensor, y: Tensor) -> Tensor:  # (B, C, S, S), int64 (B,) -> (B, F)
        found: Tensor = self.features(x, y)
        return found.flatten(1)


@torch.no_grad()
def lower(module: nn.Module, shape: Shape, name: str = "") -> tuple[list[Op], Shape]:
    """A module on inputs of this shape as operations, and the shape of its output. Raises Outside for other layers."""
    for kind in type(module).__mro__:
        if kind in LAYERS and type(module).forward is getattr(kind, "forward", None):  # one of its own is another layer
            return LAYERS[kind](module, shape, name)
    raise Outside(f"There is no way yet to write the layer {type(module).__name__} as ONNX.")


def _chain(net: nn.Module, shape: Shape, name: str) -> tuple[list[Op], Shape]:
    ops: list[Op] = []
    for child, module in net.named_children():
        more, shape = lower(module, shape, f"{name}{child}.")
        ops += more
    return ops, shape


def _discriminator(net: Discriminator, shape: Shape, name: str) -> tuple[list[Op], Shape]:
    features, shape = lower(net.features, shape, f"{name}features.")
    head_ops, _ = lower(net.head, shape, f"{name}head.")
    if net.projection is None:
        return [*features, *head_ops], ()
    (head,) = head_ops
    assert isinstance(head, Affine)
    table = head.weight + _embedded(net.projection)  # <w, x> + b + <e(y), x> = <w + e(y), x> + b
    return [*features, Projected(table, head.bias.expand(len(table)), head.takes, f"{name}projection.")], ()


def _encoder(net: Encoder, shape: Shape, name: str) -> tuple[list[Op], Shape]:
    ops, shape = lower(net.features, shape, f"{name}features.")
    return ops, (math.prod(shape),)


def _embedded(net: Embedding) -> Tensor:  # (K, dim)
    weight = net.weight.double()
    if isinstance(net, Projection) and net.spectral:
        weight = weight / torch.linalg.matrix_norm(weight, ord=2)
    return code(torch.arange(math.prod(net.parts), device=weight.device), net.parts).double() @ weight


def _joined(net: JoinedLayer, shape: Shape, name: str) -> tuple[list[Op], Shape]:
    table = _embedded(net.embedding).unflatten(1, (-1, *net.sides))
    if math.prod(net.sides) == 1:
        table, shape = table.flatten(1), (math.prod(shape),)
    joined = Joined(table, shape, f"{name}embedding.")
    takes = joined.gives if isinstance(net.layer, Linear) or len(joined.gives) > 1 else (*joined.gives, 1, 1)
    weight = torch.cat([net.layer.weight, net.beside], net.axis)
    (affine,), gives = AFFINE[type(net.layer)](net.layer, takes, f"{name}layer.", weight)
    assert isinstance(affine, Affine)
    if affine.op != "Gemm":
        return [joined, affine], gives
    own, beside = affine.weight.tensor_split([math.prod(shape)], 1)  # W [x, e(y)] + b = W_1 x + W_2 e(y) + b
    if len(table) * len(beside) > table.numel() + beside.numel():  # thousands of classes: the embedding is smaller
        return [joined, affine], gives
    return [replace(affine, weight=own, takes=shape, by_class=table.flatten(1) @ beside.T)], gives


def _class_norm(net: ClassNorm, shape: Shape, name: str) -> tuple[list[Op], Shape]:
    (norm, *_), _ = lower(net.norm, shape, name)
    assert isinstance(norm, Scale)
    ones = (1,) * (len(shape) - 1)
    scale = 1 + _embedded(net.scale)  # (K, C)
    scale, shift = scale * norm.scale, scale * norm.shift + _embedded(net.shift)
    scale, shift = (table.unflatten(1, (-1, *ones)) for table in (scale, shift))
    return [ByClass(scale, shift, shape, name)], shape


def _conv(net: Conv, shape: Shape, name: str, weight: Tensor | None = None) -> tuple[list[Op], Shape]:
    weight, side = _weight(net, weight), shape[1]
    kernel, stride, pad = net.kernel_size[0], net.stride[0], int(net.padding[0])
    out = (side + 2 * pad - kernel) // stride + 1
    gives = (net.out_channels, out, out)
    if side == kernel and not pad:  # one matrix product
        return [_gemm(weight.flatten(1), _bias(net), shape, gives, name)], gives
    attributes = _attributes(kernel, stride, pad)
    return [Affine("Conv", weight, _bias(net), shape, gives, name, attributes)], gives


def _deconv(net: Deconv, shape: Shape, name: str, weight: Tensor | None = None) -> tuple[list[Op], Shape]:
    weight, side = (net.weight if weight is None else weight).double(), shape[1]
    kernel, stride, pad = net.kernel_size[0], net.stride[0], int(net.padding[0])
    out = (side - 1) * stride - 2 * pad + kernel
    gives = (net.out_channels, out, out)
    if side == 1 and not pad:  # one matrix product, whose units are the channels' positions
        bias = _bias(net).repeat_interleave(kernel * kernel)
        return [_gemm(weight.flatten(1).T, bias, shape, gives, name)], gives
    attributes = _attributes(kernel, stride, pad)
    return [Affine("ConvTranspose", weight, _bias(net), shape, gives, name, attributes)], gives


def _linear(net: Linear, shape: Shape, name: str, weight: Tensor | None = None) -> tuple[list[Op], Shape]:
    gives = (net.out_features,)
    return [_gemm(_weight(net, weight), _bias(net), shape, gives, name)], gives


def _batch_norm(net: nn.BatchNorm1d | nn.BatchNorm2d, shape: Shape, name: str) -> tuple[list[Op], Shape]:
    if net.training or net.running_mean is None or net.running_var is None:
        raise UserError("A net is exported in eval mode, with standing statistics in its batch norms.")
    scale = net.weight.double() / (net.running_var.double() + net.eps).sqrt()
    return [Scale(scale, net.bias.double() - scale * net.running_mean.double())], shape


def _offset(net: Offset, shape: Shape, name: str) -> tuple[list[Op], Shape]:
    constant = net(torch.zeros(shape, dtype=torch.float64)).double().flatten()
    return [Scale(torch.ones_like(constant), constant)], shape


AFFINE: dict[type, Callable[..., tuple[list[Op], Shape]]] = {Conv: _conv, Deconv: _deconv, Linear: _linear}
LAYERS: dict[type, Callable[[Any, Shape, str], tuple[list[Op], Shape]]] = {  # the first in a module's order of classes
    nn.Sequential: _chain,
    Layers: _chain,
    Descent: _chain,
    JoinedLayer: _joined,
    ClassNorm: _class_norm,
    Encoder: _encoder,
    MirrorGenerator: lambda net, shape, name: _chain(net, (*shape, 1, 1), name),
    Discriminator: _discriminator,
    **AFFINE,
    BatchNorm: _batch_norm,
    BatchNorm1d: _batch_norm,
    UnitNorm: _batch_norm,
    Offset: _offset,
    nn.LeakyReLU: lambda net, shape, name: ([Pointwise("LeakyRelu", {"alpha": float(net.negative_slope)})], shape),
    nn.Tanh: lambda net, shape, name: ([Pointwise("Tanh", {})], shape),
    nn.Flatten: lambda net, shape, name: ([], (math.prod(shape),) if net.start_dim else ()),  # 0: of one number each
    nn.Unflatten: lambda net, shape, name: ([], tuple(net.unflattened_size)),
}


def _gemm(weight: Tensor, bias: Tensor, shape: Shape, gives: Shape, name: str) -> Affine:
    return Affine("Gemm", weight, bias, (math.prod(shape),), gives, name, {"transB": 1})


def _weight(net: Conv | Linear, weight: Tensor | None) -> Tensor:
    """W, or another in its place, divided by its largest singular value under spectral norm."""
    weight = (net.weight if weight is None else weight).double()
    return weight / torch.linalg.matrix_norm(weight.flatten(1), ord=2) if net.spectral else weight


def _bias(net: Conv | Deconv | Linear) -> Tensor:
    if net.bias is not None:
        return net.bias.double()
    return net.weight.new_zeros(net.out_features if isinstance(net, Linear) else net.out_channels).double()


def _attributes(kernel: int, stride: int, pad: int) -> dict[str, Any]:
    return {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [pad] * 4}
