"""Nets as ONNX graphs: y = act(W x + b), with batch and spectral norm folded into W and b.

PyTorch's two exporters were tried (2.13) on ayneh's nets. The old one is deprecated, writes a wrong graph for `movedim`
and has no spectral norm; the new one needs onnxscript, takes seconds a net and refuses the exact spectral norm. The ten
kinds of layers here are written in milliseconds, with operators that every runtime has: Gemm, Conv, ConvTranspose,
LeakyRelu, Tanh, Reshape. What depends on a class takes a row of a table, by Gather, and is added, multiplied or joined.
Nets of other layers are left to the new exporter. `difference` compares the result with PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ayneh.errors import extra
from ayneh.export.chance import without_chance
from ayneh.export.nodes import Affine, ByClass, Conditional, Joined, Outside, Pointwise, Shape, folded
from ayneh.export.operations import lower
from ayneh.export.traced import traced
from ayneh.loading.net import runtime

OPSET, IR_VERSION = 17, 8  # of 2022: older runtimes, and those of browsers, read them
CLASSES = "classes"  # a graph's second input, the number of each image's class


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
            if not isinstance(op, Pointwise) and held != op.takes:
                reshape(op.takes)
            if isinstance(op, Pointwise):
                steps.append((op.op, [], op.attributes))
            elif isinstance(op, Affine):
                pair = [("weight", op.weight), ("bias", op.bias)]
                inputs = [self._constant(f"{op.name}{part}", _numbers(x)) for part, x in pair]
                steps.append((op.op, inputs, op.attributes or {}))
                if op.by_class is not None:
                    steps.append(("Add", [self._row(f"{op.name}table", op.by_class)], {}))
                held = (len(op.bias),) if op.op == "Gemm" else op.gives
            else:
                steps += self._by_class(op)
                held = op.gives
        if held != wanted:
            reshape(wanted)
        for i, (kind, inputs, attributes) in enumerate(steps):
            out = result if i == len(steps) - 1 else f"{result}.{i}"
            self.nodes.append(helper.make_node(kind, [value, *inputs], [out], name=out, **attributes))
            value = out
        return wanted

    def _by_class(self, op: Conditional) -> list[tuple[str, list[str], Mapping[str, Any]]]:
        """What is done to the value, with rows of tables."""
        if isinstance(op, ByClass):
            rows = [self._row(f"{op.name}{part}", table) for part, table in (("scale", op.scale), ("shift", op.shift))]
            return [("Mul", rows[:1], {}), ("Add", rows[1:], {})]
        if isinstance(op, Joined):
            return [("Concat", [self._row(f"{op.name}table", op.table)], {"axis": 1})]
        axes = self._constant(f"{op.name}axes", np.array([1]))
        summed = ("ReduceSum", [axes], {"keepdims": 0})
        rows = [self._row(f"{op.name}{part}", table) for part, table in (("table", op.table), ("shift", op.shift))]
        return [("Mul", rows[:1], {}), summed, ("Add", rows[1:], {})]

    def _row(self, name: str, table: Tensor) -> str:
        """The rows (n, ...) of a table (K, ...) for the classes."""
        from onnx import helper

        constant, row = self._constant(name, _numbers(table)), f"{name}.row"
        self.nodes.append(helper.make_node("Gather", [constant, CLASSES], [row], name=row, axis=0))
        return row

    def _constant(self, name: str, values: np.ndarray) -> str:
        self.weights[name] = values
        return name


def _numbers(x: Tensor) -> np.ndarray:
    values: np.ndarray = x.float().contiguous().numpy()
    return values


def to_onnx(
    module: nn.Module,
    takes: Shape,
    names: tuple[str, str],
    further: Mapping[str, nn.Module] | None = None,
    classes: bool = False,
    hidden: bool = False,
    beside: bool = False,
) -> bytes:
    """A net in eval mode as an ONNX model, float32, with a batch axis "n" of any length.

    takes: the shape of one input, (Z,) or (C, S, S); names: of the input and the output, e.g. ("z", "image").
    further: more outputs, each by a module that takes the first output; beside: that takes the input in its place.
    classes: whether the net takes the class of each image, by a second input "classes", int64 (n,). hidden: the first
    output is not one of the model's. A net with a layer outside `LAYERS` is written by PyTorch's exporter (traced.py).
    Raises UserError where a package is missing, and for a net that the exporter refuses.
    """
    with extra("export", "Writing ONNX"):
        import onnx
        from onnx import TensorProto, helper, numpy_helper

    body, (given, first) = _Graph(), names
    try:
        shape = body.add(module, given, takes, first, "")
        shapes = {} if hidden else {first: shape}
        source, shape = (given, takes) if beside else (first, shape)
        for name, net in (further or {}).items():
            shapes[name] = body.add(net, source, shape, name, f"{name}.")
    except Outside:
        if beside:
            raise
        return traced(module, takes, names, further, classes, hidden)

    def described(name: str, shape: Shape, kind: int = TensorProto.FLOAT) -> Any:
        return helper.make_tensor_value_info(name, kind, ["n", *shape])

    inputs = [described(given, takes), *([described(CLASSES, (), TensorProto.INT64)] if classes else [])]
    outputs = [described(name, shape) for name, shape in shapes.items()]
    initializers = [numpy_helper.from_array(values, name) for name, values in body.weights.items()]
    graph = helper.make_graph(body.nodes, first, inputs, outputs, initializers)
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, producer_name="ayneh", opset_imports=opsets, ir_version=IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def described(model: bytes, metadata: Mapping[str, str]) -> bytes:
    """The model with this metadata."""
    import onnx

    read = onnx.load_from_string(model)
    onnx.helper.set_model_props(read, dict(metadata))
    return bytes(read.SerializeToString())


def difference(model: bytes, inputs: Tensor, expected: Mapping[str, Tensor], classes: Tensor | None = None) -> float:
    """The largest absolute difference between the outputs of the model in onnxruntime and those of PyTorch.

    inputs (N, ...) float32; classes (N,) for a net that takes them; expected: PyTorch's, by the name of the output,
    computed within `chance.Means` if the net draws random numbers, whose means the model gets, too. NaN counts as
    infinite. Raises UserError where onnxruntime is missing.
    """
    onnxruntime = runtime("Checking ONNX")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors: what is left of a draw without its chance may be of no use
    session = onnxruntime.InferenceSession(without_chance(model), options, providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0].name
    values = {given: inputs.float().contiguous().numpy()}
    if classes is not None:
        values[CLASSES] = classes.numpy()
    found = session.run(list(expected), values)
    apart = [
        (torch.from_numpy(y).double() - x.double()).abs().nan_to_num(math.inf).max().item()
        for y, x in zip(found, expected.values(), strict=True)
    ]
    return max(apart)
