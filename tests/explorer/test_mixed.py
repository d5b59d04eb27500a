"""A class as a mix: the row of a table, a mixture of two rows, and nets that use the number in another way."""

import numpy as np
import pytest

from ayneh.explorer.mixed import mixed

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

TABLE = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)


def net(nodes, takes_class=True, opset=17):
    """z (n, 4) and y (n,) -> out (n, 4)."""
    from onnx import TensorProto, helper, numpy_helper

    given = [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["n", 4])]
    if takes_class:
        given.append(helper.make_tensor_value_info("y", TensorProto.INT64, ["n"]))
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 4])
    graph = helper.make_graph(nodes, "net", given, [out], [numpy_helper.from_array(TABLE, "table")])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made.SerializeToString()


def node(kind, takes, gives, **attributes):
    from onnx import helper

    return helper.make_node(kind, takes, [gives], name=gives, **attributes)


def run(model, **inputs):
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(["out"], inputs)[0]


z = np.random.default_rng(1).normal(size=(3, 4)).astype(np.float32)
ROW = [node("Gather", ["table", "y"], "e"), node("Mul", ["z", "e"], "out")]


def test_a_class_as_a_mix_is_the_same_as_its_number():
    model = net(ROW)
    mix_net, mixes = mixed(model, "y", 3)
    assert mixes
    y = np.array([2, 0, 1])
    assert run(mix_net, z=z, mix=np.eye(3, dtype=np.float32)[y]) == pytest.approx(run(model, z=z, y=y), abs=1e-6)


def test_a_mixture_is_a_mixture_of_the_rows_in_every_place_that_takes_the_class():
    nodes = [
        node("Gather", ["table", "y"], "gain"), node("Gather", ["table", "y"], "bias", axis=0),
        node("Mul", ["z", "gain"], "scaled"), node("Add", ["scaled", "bias"], "out"),
    ]  # fmt: skip
    mix_net, mixes = mixed(net(nodes), "y", 3)
    assert mixes
    mix = np.tile(np.float32([0.3, 0.0, 0.7]), (3, 1))
    row = 0.3 * TABLE[0] + 0.7 * TABLE[2]
    assert run(mix_net, z=z, mix=mix) == pytest.approx(z * row + row, abs=1e-6)


@pytest.mark.parametrize(
    "nodes",
    [
        [node("Gather", ["table", "y"], "e", axis=0), node("Cast", ["y"], "f", to=1),
         node("Unsqueeze", ["f", "one"], "column"), node("Mul", ["e", "column"], "g"), node("Add", ["g", "z"], "out")],
        [node("Gather", ["z", "y"], "out", axis=0)],  # rows of the batch: no table of the classes
    ],
    ids=["the number itself", "no table"],
)  # fmt: skip
def test_a_net_that_uses_the_number_in_another_way_gets_the_class_with_the_largest_share(nodes):
    from onnx import helper

    one = helper.make_node("Constant", [], ["one"], value=helper.make_tensor("one", 7, [1], [1]))
    model = net([one, *nodes] if "one" in [name for each in nodes for name in each.input] else nodes)
    mix_net, mixes = mixed(model, "y", 3)
    assert not mixes
    mix = np.float32([[0.2, 0.2, 0.6], [0.9, 0.1, 0.0], [0.3, 0.4, 0.3]])
    assert np.array_equal(run(mix_net, z=z, mix=mix), run(model, z=z, y=np.array([2, 0, 1])))


def test_a_net_without_a_class_stays_as_it_is():
    model = net([node("Mul", ["z", "z"], "out")], takes_class=False)
    assert mixed(model, "y", 3) == (model, True)
