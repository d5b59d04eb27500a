"""Every net as an ONNX graph, against PyTorch, in onnxruntime."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from ayneh.errors import UserError
from ayneh.export.onnx import described, difference, to_onnx
from ayneh.game.layers import standing_statistics
from ayneh.game.nets import First, Spec, make_nets

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

SMALL = Spec(z_dim=8, channels=1, size=16, width=4, reads=True)
BATCH_NORM = replace(SMALL, gen_norm="batch", dis_norm="batch")
NETS = {
    "the report's": ("mirror", Spec(z_dim=128, channels=1, size=32, reads=True)),
    "spectral, no norm in G": ("mirror", replace(SMALL, z_dim=16, spectral=True, gen_norm="none")),
    "no norm at all, colour": ("mirror", replace(SMALL, channels=3, size=8, gen_norm="none", dis_norm="none")),
    "a constant and unit norm first": ("mirror", replace(SMALL, first=First("unit", 0.5))),
    "a trained constant first": ("mlp", replace(SMALL, size=8, first=First("none", 0.5, gain=2.0))),
    "channel norm first": ("mirror", replace(SMALL, first=First("channel"))),
    "perceptrons": ("mlp", Spec(z_dim=128, channels=1, size=28, reads=True)),
    "perceptrons with everything": (
        "mlp",
        replace(BATCH_NORM, channels=3, size=10, spectral=True, first=First("unit", 0.5)),
    ),
    "other length of features": ("mirror", replace(SMALL, features=5)),
}


def nets(case):
    """G and D in eval mode with weights, biases and statistics that are all different from their start."""
    name, spec = NETS[case]
    torch.manual_seed(1)
    gen, dis = make_nets(name, spec)
    with torch.no_grad():
        for p in (*gen.parameters(), *dis.parameters()):
            p += 0.1 * torch.randn_like(p)
    image = (spec.channels, spec.size, spec.size)
    standing_statistics(gen, [2 * torch.randn(64, spec.z_dim) + 1])
    standing_statistics(dis, [torch.rand(64, *image)])
    return gen, dis, spec.z_dim, image


@pytest.mark.parametrize("case", NETS)
def test_g_d_and_the_encoder_are_what_pytorch_computes(case):
    gen, dis, z, image = nets(case)
    latents, images = 3 * torch.randn(7, z), 2 * torch.rand(7, *image) - 1
    with torch.no_grad():
        features = dis.features(images).flatten(1)
        expected = {"image": gen(latents), "logit": dis(images), "features": features, "z": dis.reader(features)}
    encoder = nn.Sequential(dis.features, nn.Flatten())
    models = [
        (to_onnx(gen, (z,), ("z", "image")), latents, ["image"]),
        (to_onnx(dis, image, ("image", "logit")), images, ["logit"]),
        (to_onnx(encoder, image, ("image", "features"), further={"z": dis.reader}), images, ["features", "z"]),
    ]
    for model, inputs, names in models:
        wanted = {name: expected[name] for name in names}
        size = max(1.0, *(x.abs().max().item() for x in wanted.values()))
        assert difference(model, inputs, wanted) < 1e-5 * size, names
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        assert [o.name for o in session.get_outputs()] == names
        for out in session.get_outputs():  # a batch of any length, whatever the example
            assert out.shape == ["n", *wanted[out.name].shape[1:]]
            one = session.run([out.name], {session.get_inputs()[0].name: inputs[:1].numpy()})[0]
            np.testing.assert_allclose(one, wanted[out.name][:1], rtol=1e-4, atol=1e-5 * size)


@pytest.mark.parametrize("case", NETS)
def test_the_graph_holds_only_plain_operators(case):
    gen, dis, z, image = nets(case)
    for model in (to_onnx(gen, (z,), ("z", "image")), to_onnx(dis, image, ("image", "logit"))):
        read = onnx.load_from_string(model)
        kinds = {node.op_type for node in read.graph.node}
        assert kinds <= {"Gemm", "Conv", "ConvTranspose", "LeakyRelu", "Tanh", "Reshape"}
        numbers = {tensor.data_type for tensor in read.graph.initializer if not tensor.name.startswith("shape.")}
        assert numbers == {onnx.TensorProto.FLOAT}


def test_the_report_s_generator_has_a_node_a_layer_and_its_metadata():
    gen, _, _, _ = nets("the report's")
    read = onnx.load_from_string(described(to_onnx(gen, (128,), ("z", "image")), {"a": "b"}))
    kinds = [node.op_type for node in read.graph.node]
    assert kinds == [
        "Gemm", "Reshape", "ConvTranspose", "LeakyRelu", "ConvTranspose", "LeakyRelu", "ConvTranspose", "Tanh",
    ]  # fmt: skip
    assert {p.key: p.value for p in read.metadata_props} == {"a": "b"}


def test_a_changed_weight_is_noticed():
    gen, _, _, _ = nets("the report's")
    z = torch.randn(4, 128)
    with torch.no_grad():
        image = gen(z)
        gen[-2].bias += 0.01
    apart = difference(to_onnx(gen, (128,), ("z", "image")), z, {"image": image})
    assert 1e-4 < apart <= 0.011
    assert difference(to_onnx(gen, (128,), ("z", "image")), z, {"image": image * float("nan")}) == float("inf")


def test_what_cannot_be_written_is_refused():
    gen, _, _, _ = nets("the report's")
    with pytest.raises(UserError, match="in eval mode"):
        to_onnx(gen.train(), (128,), ("z", "image"))
