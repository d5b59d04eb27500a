"""Chance inside a net, as noise that a generator adds: left out on both sides where a graph is compared with PyTorch.

Two runs of such a net differ, and so do a graph's and PyTorch's. Each draw is replaced by its mean in both; what is
left must agree. Draws without a mean, as a permutation, cannot be compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from ayneh.errors import UserError

CONSTANTS = ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike")
SAME = ("Bernoulli", "Dropout")  # whose mean is what they take


class Means(TorchDispatchMode):
    """Within this context each draw gives its mean; ``draws`` counts them."""

    def __init__(self) -> None:
        super().__init__()
        self.draws = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        if torch.Tag.nondeterministic_seeded not in func.tags or not _draws(func, args, given):
            return func(*args, **given)
        self.draws += 1
        name = func.overloadpacket.__name__
        if name in ("native_dropout", "dropout"):
            return (args[0].clone(), torch.ones_like(args[0], dtype=torch.bool))[: 2 if name != "dropout" else None]
        y = func(*args, **given)
        if (mean := _mean(name, list(args[1:] if name.endswith("_") else args), given)) is not None:
            return y.copy_(mean) if isinstance(mean, Tensor) else y.fill_(mean)
        raise UserError(
            f"A net that draws by {name} cannot be compared with its graph, since these draws have no mean: export it "
            "--to safetensors."
        )


def _draws(func: Any, args: Sequence[Any], given: Mapping[str, Any]) -> bool:
    """Whether a call that may draw does: dropout in eval mode does not."""
    if func.overloadpacket.__name__ in ("native_dropout", "dropout"):
        train = args[2] if len(args) > 2 else given.get("train", True)
        return bool(train)
    return True


def _mean(name: str, given: list[Any], named: Mapping[str, Any]) -> Any:
    """The mean of a draw by this function of ATen, a number or a tensor; None if it has none that is known here."""

    def argument(key: str, place: int, usual: float) -> Any:
        return named.get(key, given[place] if len(given) > place else usual)

    if name in ("randn", "randn_like"):
        return 0.0
    if name in ("rand", "rand_like"):
        return 0.5
    if name == "uniform_":
        return (argument("from", 0, 0.0) + argument("to", 1, 1.0)) / 2
    if name in ("normal_", "normal"):
        return argument("mean", 0, 0.0)
    if name == "bernoulli_":
        return argument("p", 0, 0.5)
    if name == "bernoulli":
        return argument("p", 1, 0.0) if "p" in named or len(given) > 1 else given[0]
    return None


@torch.no_grad()
def draws_in(module: nn.Module, x: Tensor) -> int:
    """How many random draws a module makes for these inputs; its buffers and PyTorch's own chance stay as they are."""
    with torch.random.fork_rng(devices=[]), Means() as means:
        module(x)
    return means.draws


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
