"""Nets as ONNX graphs: y = act(W x + b) and little else, with batch and spectral norm folded into W and b.

PyTorch's two exporters were tried (2.13). The old one is deprecated, writes a wrong graph for `movedim` and does not
know spectral norm; the new one needs onnxscript, takes 6 to 26 s a net and refuses spectral norm too. The nets here
are made of ten kinds of layers, so that they are written down in milliseconds, in operators that every runtime has:
Gemm, Conv, ConvTranspose, LeakyRelu, Tanh, Reshape. What is written is compared with PyTorch by `difference`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ayneh.errors import UserError
from ayneh.game.layers import BatchNorm, BatchNorm1d, Conv, Deconv, Linear, Offset, UnitNorm
from ayneh.game.nets import Discriminator, MirrorGenerator

if TYPE_CHECKING:
    import numpy as np

OPSET, IR_VERSION = 17, 8  # of 2022: older runtimes, and those of browsers, read them
MISSING = "Exporting to ONNX needs the packages {what}: install them by `pip install 'ayneh[export]'`."
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


@dataclass(frozen=True)
class View:
    """The same numbers in another shape."""

    gives: Shape


Op = Affine | Scale | Pointwise | View


def to_onnx(
    module: nn.Module,
    takes: Shape,
    names: tuple[str, str],
    further: Mapping[str, nn.Module] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """A net in eval mode as an ONNX model, float32, with a batch axis of any length called "n".

    takes: the shape of one input, (Z,) or (C, S, S); names: of the input and the output, e.g. ("z", "image").
    further: more outputs, each by a module that takes the first output. metadata: written into the model.
    Raises UserError where the package onnx is missing, or for a layer that it does not know.
    """
    try:
        import onnx
        from onnx import TensorProto, helper, numpy_helper
    except ImportError as error:
        raise UserError(MISSING.format(what="onnx and onnxruntime")) from error

    nodes: list[Any] = []
    weights: dict[str, np.ndarray] = {}
    outputs = []

    def constant(name: str, values: np.ndarray) -> str:
        weights[name] = values
        return name

    def write(net: nn.Module, value: str, shape: Shape, result: str, prefix: str) -> Shape:
        """The nodes of ``net`` from ``value`` to ``result``; returns the shape of the result."""
        ops, wanted = lower(net, shape, prefix)
        held = shape  # how the numbers lie in the graph: only as many reshapes as they need
        steps: list[tuple[str, list[str], Mapping[str, Any]]] = []

        def reshape(to: Shape) -> None:
            sizes = torch.tensor([-1, *to]).numpy()
            steps.append(("Reshape", [constant(f"{prefix}shape.{len(weights)}", sizes)], {}))

        for op in folded(ops):
            if isinstance(op, Pointwise):
                steps.append((op.op, [], op.attributes))
            elif isinstance(op, Affine):
                if held != op.takes:
                    reshape(op.takes)
                pair = [("weight", op.weight), ("bias", op.bias)]
                inputs = [constant(f"{op.name}{part}", x.float().contiguous().numpy()) for part, x in pair]
                steps.append((op.op, inputs, op.attributes or {}))
                held = (len(op.bias),) if op.op == "Gemm" else op.gives
        if held != wanted:
            reshape(wanted)
        for i, (kind, inputs, attributes) in enumerate(steps):
            out = result if i == len(steps) - 1 else f"{result}.{i}"
            nodes.append(helper.make_node(kind, [value, *inputs], [out], name=out, **attributes))
            value = out
        return wanted

    given, first = names
    gives = write(module, given, takes, first, "")
    outputs.append(helper.make_tensor_value_info(first, TensorProto.FLOAT, ["n", *gives]))
    for name, net in (further or {}).items():
        last = write(net, first, gives, name, f"{name}.")
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *last]))
    inputs = [helper.make_tensor_value_info(given, TensorProto.FLOAT, ["n", *takes])]
    initializers = [numpy_helper.from_array(values, name) for name, values in weights.items()]
    graph = helper.make_graph(nodes, first, inputs, outputs, initializers)
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, producer_name="ayneh", opset_imports=opsets, ir_version=IR_VERSION)
    helper.set_model_props(model, dict(metadata or {}))
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def difference(model: bytes, inputs: Tensor, expected: Mapping[str, Tensor]) -> float:
    """The largest absolute difference between the model in onnxruntime and what PyTorch made of the same inputs.

    inputs (N, ...) float32; expected: by the name of the output. NaN counts as infinitely far. Raises UserError where
    onnxruntime is missing.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError(MISSING.format(what="onnx and onnxruntime")) from error

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    found = session.run(list(expected), {given.name: inputs.float().contiguous().numpy()})
    apart = [
        (torch.from_numpy(y).double() - x.double()).abs().nan_to_num(math.inf).max().item()
        for y, x in zip(found, expected.values(), strict=True)
    ]
    return max(apart)


# -- layers as operations ------------------------------------------------------------------------------------------


@torch.no_grad()
def lower(module: nn.Module, shape: Shape, name: str = "") -> tuple[list[Op], Shape]:
    """What a module does to inputs of this shape, as operations, and the shape it gives. UserError if not known."""
    for kind in type(module).__mro__:
        if kind in LAYERS:
            return LAYERS[kind](module, shape, name)
    raise UserError(f"There is no way yet to write the layer {type(module).__name__} as ONNX.")


def folded(ops: list[Op]) -> list[Affine | Pointwise]:
    """The same without `Scale` and `View`: (s (W x + b) + t) is (s W) x + (s b + t), and shapes are in the rest."""
    done: list[Affine | Pointwise] = []
    for op in ops:
        if isinstance(op, Scale):
            last = done[-1] if done else None
            if not isinstance(last, Affine) or len(last.bias) % len(op.scale):
                raise UserError("There is no way yet to write a normalisation as ONNX that follows no linear layer.")
            each = len(last.bias) // len(op.scale)  # units a channel, where a channel's units lie side by side
            scale, shift = op.scale.repeat_interleave(each), op.shift.repeat_interleave(each)
            axis = last.op == "ConvTranspose"  # out is W's second axis there
            shaped = scale.view(*[1] * axis, -1, *[1] * (last.weight.ndim - 1 - axis))
            done[-1] = replace(last, weight=last.weight * shaped, bias=last.bias * scale + shift)
        elif not isinstance(op, View):
            done.append(op)
    return done


def _chain(net: nn.Module, shape: Shape, name: str) -> tuple[list[Op], Shape]:
    ops: list[Op] = []
    for child, module in net.named_children():
        more, shape = lower(module, shape, f"{name}{child}.")
        ops += more
    return ops, shape


def _mirror_generator(net: nn.Module, shape: Shape, name: str) -> tuple[list[Op], Shape]:
    ops, gives = _chain(net, (*shape, 1, 1), name)
    return [View((*shape, 1, 1)), *ops], gives


def _discriminator(net: Discriminator, shape: Shape, name: str) -> tuple[list[Op], Shape]:
    features, shape = lower(net.features, shape, f"{name}features.")
    head, _ = lower(net.head, shape, f"{name}head.")
    return [*features, *head, View(())], ()


def _conv(net: Conv, shape: Shape, name: str) -> tuple[list[Op], Shape]:
    weight, side = _weight(net), shape[1]
    kernel, stride, pad = net.kernel_size[0], net.stride[0], _number(net.padding)
    out = (side + 2 * pad - kernel) // stride + 1
    gives = (net.out_channels, out, out)
    if side == kernel and not pad:  # one matrix product
        return [_gemm(weight.flatten(1), _bias(net), shape, gives, name)], gives
    attributes = _attributes(kernel, stride, pad)
    return [Affine("Conv", weight, _bias(net), shape, gives, name, attributes)], gives


def _deconv(net: Deconv, shape: Shape, name: str) -> tuple[list[Op], Shape]:
    weight, side = net.weight.double(), shape[1]
    kernel, stride, pad = net.kernel_size[0], net.stride[0], _number(net.padding)
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


def _leaky_relu(net: nn.LeakyReLU, shape: Shape, name: str) -> tuple[list[Op], Shape]:
    return [Pointwise("LeakyRelu", {"alpha": float(net.negative_slope)})], shape


def _tanh(net: nn.Module, shape: Shape, name: str) -> tuple[list[Op], Shape]:
    return [Pointwise("Tanh", {})], shape


def _flatten(net: nn.Flatten, shape: Shape, name: str) -> tuple[list[Op], Shape]:
    gives = (math.prod(shape),)
    return [View(gives)], gives


def _unflatten(net: nn.Unflatten, shape: Shape, name: str) -> tuple[list[Op], Shape]:
    gives = tuple(net.unflattened_size)
    return [View(gives)], gives


LAYERS: dict[type, Callable[[Any, Shape, str], tuple[list[Op], Shape]]] = {  # the nearest class of a module counts
    nn.Sequential: _chain,
    MirrorGenerator: _mirror_generator,
    Discriminator: _discriminator,
    Conv: _conv,
    Deconv: _deconv,
    Linear: _linear,
    BatchNorm: _batch_norm,
    BatchNorm1d: _batch_norm,
    UnitNorm: _batch_norm,
    Offset: _offset,
    nn.LeakyReLU: _leaky_relu,
    nn.Tanh: _tanh,
    nn.Flatten: _flatten,
    nn.Unflatten: _unflatten,
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


def _number(padding: Any) -> int:
    return int(padding[0])


def _attributes(kernel: int, stride: int, pad: int) -> dict[str, Any]:
    return {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [pad] * 4}
