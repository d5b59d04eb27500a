"""Nets that take or read a class as ONNX graphs, against PyTorch, in onnxruntime."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from ayneh.errors import UserError
from ayneh.explorer.mixed import mixed
from ayneh.export.graphs import graph
from ayneh.export.nodes import folded
from ayneh.export.onnx import CLASSES, difference, to_onnx
from ayneh.export.operations import lower
from ayneh.export.players import Players
from ayneh.game import conditional
from ayneh.game.conditional import ClassNorm, Joined
from ayneh.game.layers import Conv, Deconv, Linear, standing_statistics
from ayneh.game.nets import First, Spec, make_nets
from ayneh.labels import Labels

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

SMALL = Spec(z_dim=6, channels=1, size=16, width=4, reads=True, parts=(5,), gen_norm="batch", dis_norm="batch")
NETS = {
    "mirror": ("mirror", SMALL),
    "the report's size": ("mirror", Spec(z_dim=128, channels=1, size=32, parts=(10,))),
    "mirror, spectral, colour, no norm in D": ("mirror", replace(SMALL, channels=3, spectral=True, dis_norm="none")),
    "mirror with a constant and a norm first": ("mirror", replace(SMALL, first=First("channel", 0.5))),
    "perceptrons": ("mlp", replace(SMALL, size=7)),
    "perceptrons, spectral, unit norm first": ("mlp", replace(SMALL, size=7, spectral=True, first=First("unit", 0.5))),
    "a class of three parts": ("mirror", replace(SMALL, channels=3, parts=(2, 3, 2), label_dim=3)),
}
WAYS = ("concat", "projection", "auxiliary")


def players(case, way, gen_labels="concat"):
    """The nets of a labelled game in eval mode, with weights and statistics that are all different from their start."""
    name, spec = NETS[case]
    count = int(np.prod(spec.parts))
    torch.manual_seed(1)
    gen, dis = make_nets(name, replace(spec, labels=way, gen_labels=gen_labels))
    for net in (gen, dis):
        conditional.start(net)
        with torch.no_grad():
            for p in net.parameters():
                p += 0.1 * torch.randn_like(p)
    image, classes = (spec.channels, spec.size, spec.size), torch.arange(64) % count
    standing_statistics(gen, [(2 * torch.randn(64, spec.z_dim) + 1, classes)])
    asks = way != "auxiliary"
    standing_statistics(dis, [(torch.rand(64, *image), classes) if asks else torch.rand(64, *image)])
    asking = {"concat": ("discriminator", "encoder"), "projection": ("discriminator",), "auxiliary": ()}[way]
    labels = Labels(tuple(f"c{k}" for k in range(count)), (1 / count,) * count, spec.parts)
    reads = 0 if asks else sum(spec.parts)
    return Players(
        gen, dis, dis, (0.5, 4.0), "", spec.z_dim, image, labels, ("generator", *asking), reads
    )  # fmt: skip


def values(found, n=9):
    """Latents, images and classes, all of them among the latter."""
    torch.manual_seed(2)
    classes = torch.arange(n) % found.labels.count
    return {"z": 3 * torch.randn(n, found.latents), "image": 2 * torch.rand(n, *found.image_shape) - 1}, classes


def agree(found, name):
    """The graph of a net computes what PyTorch does, for a batch of any length."""
    inputs, classes = values(found)
    x = inputs["z" if name == "generator" else "image"]
    model, wanted = graph(found, name), found.outputs(name, x, classes)
    size = max(1.0, *(y.abs().max().item() for y in wanted.values()))
    asked = classes if found.asks(name) else None
    assert difference(model, x, wanted, asked) < 1e-5 * size
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    assert [o.name for o in session.get_outputs()] == list(wanted)
    assert [i.name for i in session.get_inputs()][1:] == ["classes"] * found.asks(name)
    given = {session.get_inputs()[0].name: x[:1].numpy()} | (
        {"classes": classes[:1].numpy()} if found.asks(name) else {}
    )
    for out, one in zip(session.get_outputs(), session.run(None, given), strict=True):
        assert out.shape == ["n", *wanted[out.name].shape[1:]]
        np.testing.assert_allclose(one, wanted[out.name][:1], rtol=1e-4, atol=1e-5 * size)
    return onnx.load_from_string(model)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", NETS)
def test_d_and_the_encoder_are_what_pytorch_computes(case, way):
    found = players(case, way)
    for name in ("discriminator", "encoder"):
        read = agree(found, name)
        kinds = {node.op_type for node in read.graph.node}
        assert kinds <= {
            "Gemm", "Conv", "LeakyRelu", "Reshape", "Gather", "Concat", "Mul", "Add", "ReduceSum",
        }  # fmt: skip
        assert ("Gather" in kinds) == found.asks(name)


@pytest.mark.parametrize("how", ["concat", "norm"])
@pytest.mark.parametrize("case", NETS)
def test_g_is_what_pytorch_computes(case, how):
    found = players(case, "projection", how)
    read = agree(found, "generator")
    kinds = [node.op_type for node in read.graph.node]
    norms = sum(isinstance(layer, ClassNorm) for layer in found.gen.modules())
    assert kinds.count("Gather") == (1 if how == "concat" else 2 * norms)
    joined = how == "concat" and case == "a class of three parts"  # elsewhere one table of what a class adds is smaller
    assert kinds.count("Concat") == joined
    assert "Sqrt" not in kinds  # the statistics are part of the tables
    inputs, classes = values(found)
    other = found.outputs("generator", inputs["z"], classes.roll(1))["image"]
    assert (other - found.outputs("generator", inputs["z"], classes)["image"]).abs().max() > 1e-3


def played(ops, x, classes):
    """What operations make of x, in float64, by the formulas in their docstrings."""
    for op in ops:
        kind = type(op).__name__
        if kind == "Affine":
            x = x.reshape(-1, *op.takes)
            if op.op == "Gemm":
                x = x @ op.weight.T + op.bias + (0 if op.by_class is None else op.by_class[classes])
            elif op.op == "Conv":
                x = nn.functional.conv2d(x, op.weight, op.bias, op.attributes["strides"], op.attributes["pads"][:2])
            else:
                x = nn.functional.conv_transpose2d(
                    x, op.weight, op.bias, op.attributes["strides"], op.attributes["pads"][:2]
                )
        elif kind == "Pointwise":
            x = x.tanh() if op.op == "Tanh" else nn.functional.leaky_relu(x, op.attributes["alpha"])
        elif kind == "ByClass":
            x = op.scale[classes] * x.reshape(-1, *op.takes) + op.shift[classes]
        elif kind == "Joined":
            x = torch.cat([x.reshape(-1, *op.takes), op.table[classes]], 1)
        else:
            x = (x.reshape(-1, *op.takes) * op.table[classes]).sum(1) + op.shift[classes]
    return x


@pytest.mark.parametrize("case", NETS)
@pytest.mark.parametrize(("way", "how"), [("concat", "concat"), ("projection", "norm")])
def test_folded_operations_are_the_nets_to_the_last_digits_of_float64(case, way, how):
    found = players(case, way, how)
    inputs, classes = values(found)
    z, x = inputs["z"].double(), inputs["image"].double()
    gen, dis = found.gen.double(), found.dis.double()
    with torch.no_grad():
        pairs = [(gen, z, gen(z, classes)), (dis, x, dis(x, classes))]
        for net, given, wanted in pairs:
            ops, _ = lower(net, tuple(given.shape[1:]))
            found_y = played(folded(ops), given, classes).reshape(wanted.shape)
            torch.testing.assert_close(found_y, wanted, rtol=1e-10, atol=1e-10)


def test_a_mix_of_classes_draws_each_class_at_its_corner_and_moves_between_them():
    found = players("a class of three parts", "projection", "norm")
    inputs, _ = values(found)
    z, k = inputs["z"], found.labels.count
    model, mixes = mixed(graph(found, "generator"), CLASSES, k)
    assert mixes
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    assert [(i.name, i.shape) for i in session.get_inputs()] == [("z", ["n", 6]), ("mix", ["n", k])]
    classes = torch.full((len(z),), 7)
    mix = np.zeros((len(z), k), np.float32)
    mix[:, 7] = 1
    (image,) = session.run(None, {"z": z.numpy(), "mix": mix})
    np.testing.assert_allclose(image, found.outputs("generator", z, classes)["image"], atol=1e-5)
    mix[:, [7, 2]] = 0.5
    (between,) = session.run(None, {"z": z.numpy(), "mix": mix})
    assert np.abs(between - image).max() > 1e-3


def test_a_class_joins_any_layer_with_weights():
    """Joined to a Linear layer, to maps and to a vector, with spectral norm over all the weights together."""
    torch.manual_seed(0)
    y = torch.tensor([2, 0, 1, 2])
    cases = [
        (Linear(5, 3, spectral=True), (), 4, (5,)),
        (Conv(2, 3, 4, 2, 1, bias=True, spectral=True), (8, 8), 128, (2, 8, 8)),
        (Deconv(5, 3, 4, 1), (1, 1), 4, (5, 1, 1)),
    ]
    for layer, sides, dim, shape in cases:
        net = Joined(layer, conditional.Embedding((3,), dim), sides)
        conditional.start(net)
        x = torch.randn(4, *shape)
        with torch.no_grad():
            y_hat = net(x, y)
        model = to_onnx(net.eval(), shape, ("x", "y"), classes=True)
        assert difference(model, x, {"y": y_hat}, y) < 1e-5


def test_what_cannot_be_written_is_refused():
    found = players("mirror", "projection", "norm")
    found.gen.train()
    with pytest.raises(UserError, match="in eval mode"):
        graph(found, "generator")
