"""Nets as ONNX graphs: y = act(W x + b), with batch and spectral norm folded into W and b.

PyTorch's two exporters were tried (2.13). The old one is deprecated, writes a wrong graph for `movedim` and has no
spectral norm; the new one needs onnxscript, takes 6 to 26 s a net and refuses spectral norm too. The ten kinds of
layers here are written in milliseconds, with operators that every runtime has: Gemm, Conv, ConvTranspose, LeakyRelu,
Tanh, Reshape. `difference` compares the result with PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ayneh.errors import extra
from ayneh.export.operations import Affine, Pointwise, Shape, folded, lower

OPSET, IR_VERSION = 17, 8  # of 2022: older runtimes, and those of browsers, read them


class _Graph:
    """The nodes and constants of a graph, net by net."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: dict[str, np.ndarray] = {}

    def add(self, net: nn.Module, value: str, shape: Shape, result: str, prefix: str) -> Shape:
        """The nodes of ``net`` from ``value`` to ``result``; returns the shape of the result."""
        from onnx import helper

        ops, wanted = lower(net, shape, prefix)
        held = shape  # of the value in the graph: it is reshaped only where the next operator needs it
        steps: list[tuple[str, list[str], Mapping[str, Any]]] = []

        def reshape(to: Shape) -> None:
            sizes = torch.tensor([-1, *to]).numpy()
            steps.append(("Reshape", [self._constant(f"{prefix}shape.{len(self.weights)}", sizes)], {}))

        for op in folded(ops):
            if isinstance(op, Pointwise):
                steps.append((op.op, [], op.attributes))
            elif isinstance(op, Affine):
                if held != op.takes:
                    reshape(op.takes)
                pair = [("weight", op.weight), ("bias", op.bias)]
                inputs = [self._constant(f"{op.name}{part}", x.float().contiguous().numpy()) for part, x in pair]
                steps.append((op.op, inputs, op.attributes or {}))
                held = (len(op.bias),) if op.op == "Gemm" else op.gives
        if held != wanted:
            reshape(wanted)
        for i, (kind, inputs, attributes) in enumerate(steps):
            out = result if i == len(steps) - 1 else f"{result}.{i}"
            self.nodes.append(helper.make_node(kind, [value, *inputs], [out], name=out, **attributes))
            value = out
        return wanted

    def _constant(self, name: str, values: np.ndarray) -> str:
        self.weights[name] = values
        return name


def to_onnx(
    module: nn.Module,
    takes: Shape,
    names: tuple[str, str],
    further: Mapping[str, nn.Module] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """A net in eval mode as an ONNX model, float32, with a batch axis "n" of any length.

    takes: the shape of one input, (Z,) or (C, S, S); names: of the input and the output, e.g. ("z", "image").
    further: more outputs, each by a module that takes the first output. metadata: written into the model.
    Raises UserError where the package onnx is missing, or for a layer outside `LAYERS`.
    """
    with extra("export", "Writing ONNX"):
        import onnx
        from onnx import TensorProto, helper, numpy_helper

    def described(name: str, shape: Shape) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *shape])

    body, (given, first) = _Graph(), names
    gives = body.add(module, given, takes, first, "")
    outputs = [described(first, gives)]
    for name, net in (further or {}).items():
        outputs.append(described(name, body.add(net, first, gives, name, f"{name}.")))
    initializers = [numpy_helper.from_array(values, name) for name, values in body.weights.items()]
    graph = helper.make_graph(body.nodes, first, [described(given, takes)], outputs, initializers)
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, producer_name="ayneh", opset_imports=opsets, ir_version=IR_VERSION)
    helper.set_model_props(model, dict(metadata or {}))
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def difference(model: bytes, inputs: Tensor, expected: Mapping[str, Tensor]) -> float:
    """The largest absolute difference between the outputs of the model in onnxruntime and those of PyTorch.

    inputs (N, ...) float32; expected: PyTorch's, by the name of the output. NaN counts as infinite. Raises UserError
    where onnxruntime is missing.
    """
    with extra("export", "Checking ONNX"):
        import onnxruntime
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    found = session.run(list(expected), {given.name: inputs.float().contiguous().numpy()})
    apart = [
        (torch.from_numpy(y).double() - x.double()).abs().nan_to_num(math.inf).max().item()
        for y, x in zip(found, expected.values(), strict=True)
    ]
    return max(apart)
