"""Chance inside a net, as noise that a generator adds: left out on both sides where a graph is compared with PyTorch.

Two runs of such a net differ, and so do a graph's and PyTorch's. Each draw is replaced by its mean in both; what is
left must agree. Draws without a mean, as a permutation, cannot be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ayneh.errors import UserError

CONSTANTS = ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike")
SAME = ("Bernoulli", "Dropout")  # whose mean is what they take


MEANS: dict[str, Callable[[Mapping[str, Any]], Any]] = {  # function of ATen -> the mean of its draws, by its arguments
    "randn": lambda given: 0.0,
    "randn_like": lambda given: 0.0,
    "rand": lambda given: 0.5,
    "rand_like": lambda given: 0.5,
    "uniform_": lambda given: (given["from"] + given["to"]) / 2,
    "normal": lambda given: given["mean"],
    "normal_": lambda given: given["mean"],
    "bernoulli": lambda given: given.get("p", given["self"]),
    "bernoulli_": lambda given: given["p"],
}


class Means(TorchDispatchMode):
    """Within this context each draw gives its mean; ``draws`` counts them."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """No: PyTorch would load its compiler, which takes two seconds, so as not to compile what is called here."""
        return False

    def __init__(self) -> None:
        super().__init__()
        self.draws = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        y = func(*args, **(kwargs or {}))
        if torch.Tag.nondeterministic_seeded not in func.tags:
            return y
        takes = func._schema.arguments
        given = {one.name: one.default_value for one in takes if one.has_default_value()}
        given |= dict(zip((one.name for one in takes), args, strict=False)) | dict(kwargs or {})
        if given.get("training") is False or given.get("dropout_p") == 0:  # rrelu in eval mode, attention
            return y
        self.draws += 1
        if (mean := MEANS.get(func.overloadpacket.__name__)) is None:
            raise UserError(
                f"A net that draws by {func.overloadpacket.__name__} cannot be compared with its graph, since these "
                "draws have no mean: export it --to safetensors."
            )
        return y.copy_(torch.as_tensor(mean(given), dtype=y.dtype))


def without_chance(model: bytes) -> bytes:
    """An ONNX model in which each random draw is replaced by its mean."""
    import onnx
    from onnx import helper, numpy_helper

    read = onnx.load_from_string(model)
    nodes: list[Any] = []
    for node in read.graph.node:
        given = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        if node.op_type in SAME:
            nodes.append(helper.make_node("Identity", node.input[:1], node.output[:1]))
        elif node.op_type in CONSTANTS:
            normal = node.op_type.startswith("RandomNormal")
            mean = given.get("mean", 0.0) if normal else (given.get("low", 0.0) + given.get("high", 1.0)) / 2
            kind = helper.tensor_dtype_to_np_dtype(given.get("dtype", onnx.TensorProto.FLOAT))
            value, shape = numpy_helper.from_array(np.array([mean], kind)), f"{node.output[0]}.shape"
            if "shape" in given:
                sizes = numpy_helper.from_array(np.array(given["shape"], np.int64))
                nodes.append(helper.make_node("Constant", [], [shape], value=sizes))
            else:
                nodes.append(helper.make_node("Shape", node.input[:1], [shape]))
            nodes.append(helper.make_node("ConstantOfShape", [shape], node.output, value=value))
        else:
            nodes.append(node)
    del read.graph.node[:]
    read.graph.node.extend(nodes)
    return bytes(read.SerializeToString())
