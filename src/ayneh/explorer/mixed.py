"""ONNX nets that take a class by its number, made to take a mix: a number for each class, also the shares of two.

A net that uses the class as the row of a table, table[y], takes the mix m as m @ table: the row itself where m is 1 at
one class and 0 elsewhere, and a mixture of rows in between. So one input serves the choice of a class and the way from
one class to another. A net that uses the number in another way gets the class with the largest share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

MIX = "mix"


def mixed(model: bytes, taken: str, count: int) -> tuple[bytes, bool]:
    """The model with an input `MIX`, float32 (n, count), in the place of ``taken``, int64 (n,); whether it mixes.

    It mixes if every use of the class is a row of a table of numbers. A model without the input is returned as it is,
    and mixes: whatever the code is, it is not used.
    """
    import onnx
    from onnx import TensorProto, helper

    read = onnx.load_from_string(model)
    graph = read.graph
    given = [one for one in graph.input if one.name == taken]
    if not given:
        return model, True
    uses = [node for node in graph.node if taken in node.input]
    tables = {one.name: list(one.dims) for one in graph.initializer if list(one.dims[:1]) == [count]}
    mixes = all(_takes_a_row(node, taken, tables) for node in uses) and not _uses_inside(graph, taken)
    if mixes:
        each = [_mixture(node, tables[node.input[0]]) if node in uses else [node] for node in graph.node]
        nodes = [node for some in each for node in some]
    else:
        nodes = [helper.make_node("ArgMax", [MIX], [taken], name=f"{MIX}.class", axis=1, keepdims=0), *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    length = given[0].type.tensor_type.shape.dim[0].dim_param or "n"
    graph.input.remove(given[0])
    graph.input.append(helper.make_tensor_value_info(MIX, TensorProto.FLOAT, [length, count]))
    onnx.checker.check_model(read, full_check=True)
    return bytes(read.SerializeToString()), mixes


def _mixture(node: Any, dims: Sequence[int]) -> list[Any]:
    """The nodes for m @ table in the place of table[y]; a table with other than two axes is one of rows meanwhile."""
    from onnx import helper, numpy_helper

    (table, _), (row,), made = node.input, node.output, []

    def reshaped(value: str, sizes: Sequence[int], result: str) -> None:
        constant = numpy_helper.from_array(np.array(sizes, np.int64))
        made.append(helper.make_node("Constant", [], [f"{result}.sizes"], value=constant))
        made.append(helper.make_node("Reshape", [value, f"{result}.sizes"], [result], name=result))

    if len(dims) == 2:
        return [helper.make_node("MatMul", [MIX, table], [row], name=node.name)]
    reshaped(table, [dims[0], -1], f"{row}.table")
    made.append(helper.make_node("MatMul", [MIX, f"{row}.table"], [f"{row}.mixed"], name=f"{row}.mixed"))
    reshaped(f"{row}.mixed", [-1, *dims[1:]], row)
    return made


def _takes_a_row(node: Any, taken: str, tables: Mapping[str, Any]) -> bool:
    """Whether a node is table[y] of a constant table."""
    axes = [attribute.i for attribute in node.attribute if attribute.name == "axis"]
    return node.op_type == "Gather" and list(node.input[1:]) == [taken] and node.input[0] in tables and not any(axes)


def _uses_inside(graph: Any, taken: str) -> bool:
    """Whether a graph within a node uses the value."""
    for node in graph.node:
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                if any(taken in one.input for one in inner.node) or _uses_inside(inner, taken):
                    return True
    return False
