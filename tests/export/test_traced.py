"""Nets outside the table of layers: written by PyTorch's exporter, compared in onnxruntime, chance inside left out."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ayneh.errors import UserError
from ayneh.export.chance import Means
from ayneh.export.nodes import Outside, folded
from ayneh.export.onnx import described, difference, to_onnx
from ayneh.export.operations import lower
from ayneh.game.layers import BatchNorm, standing_statistics

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


class Line(nn.Module):
    """A linear layer and a line of Python."""

    def __init__(self, line):
        super().__init__()
        self.linear, self.line = nn.Linear(4, 4), line

    def forward(self, x):
        return self.line(self.linear(x))


class Doubled(nn.Sequential):
    """A Sequential that does more than its layers."""

    def forward(self, x):
        return 2 * super().forward(x)


NORM = standing_statistics(nn.Sequential(BatchNorm(3)), [torch.randn(8, 3, 2, 2)])
NETS = {  # -> a net, the shape of an input, how many draws it makes
    "a layer outside the table": (nn.Sequential(nn.Linear(4, 3), nn.GELU()), (4,), 0),
    "a norm that follows no linear layer": (NORM, (3, 2, 2), 0),
    "a forward of its own": (Doubled(nn.LeakyReLU(0.2), nn.Tanh()), (4,), 0),
    "the spread of a batch": (Line(lambda x: torch.cat([x, x.std(0).mean().expand(x.shape[0], 1)], 1)), (4,), 0),
    "dropout in eval mode": (nn.Sequential(nn.Conv2d(1, 2, 3), nn.Dropout(0.5), nn.Flatten()), (1, 4, 4), 0),
    "added noise": (Line(lambda x: x + torch.randn(x.shape[0], 4)), (4,), 1),
    "noise times numbers, and uniform": (Line(lambda x: x * torch.randn_like(x) + torch.rand_like(x)), (4,), 2),
    "noise with a mean": (Line(lambda x: x * x.new_empty(x.shape).normal_(3.0, 2.0)), (4,), 1),
    "noise around a tensor": (Line(lambda x: torch.normal(x, 2.0)), (4,), 1),
    "dropout that stays on": (Line(lambda x: F.dropout(x, 0.3, training=True)), (4,), 1),
    "a coin": (Line(lambda x: x * torch.bernoulli(torch.full_like(x, 0.3))), (4,), 1),
}


QUICK = "added noise"


@pytest.mark.parametrize(
    "case", [case if case == QUICK else pytest.param(case, marks=pytest.mark.slow) for case in NETS]
)
def test_a_net_outside_the_table_is_what_pytorch_computes(case, capfd):
    net, takes, draws = NETS[case]
    net.eval()
    with pytest.raises(Outside):
        folded(lower(net, takes)[0])
    model = described(to_onnx(net, takes, ("x", "y")), {"a": "b"})
    for n in (1, 4, 7):  # a batch of any length
        x = torch.randn(n, *takes)
        if n == 1 and case == "the spread of a batch":
            continue
        with torch.no_grad(), Means() as means:
            y = net(x)
        assert difference(model, x, {"y": y}) < 1e-5
        assert means.draws == draws
    read = onnx.load_from_string(model)
    assert {p.key: p.value for p in read.metadata_props} == {"a": "b"}
    assert b"site-packages" not in model
    assert b"test_traced" not in model
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    first, second = (session.run(None, {"x": x.numpy()})[0] for _ in range(2))
    assert (first == second).all() == (not draws)
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "why"),
    [
        (lambda x: x + torch.rand(len(x), 4), "for batches of 4 alone.*takes their length as a plain number"),
        (lambda x: x if x.mean() > 0 else -x, "cannot write the net Line as ONNX.*data-dependent.*--to safetensors"),
        (lambda x: torch.linalg.svdvals(x), "cannot write the net Line as ONNX.*svd.*--to safetensors"),
        (lambda x: x.who(), "cannot write the net Line as ONNX.*who.*--to safetensors"),
    ],
)
def test_what_the_exporter_refuses_is_one_sentence(line, why, capfd):
    with pytest.raises(UserError, match=why) as error:
        to_onnx(Line(line).eval(), (4,), ("x", "y"))
    assert "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")


def test_draws_without_a_mean_cannot_be_compared():
    net = Line(lambda x: x[torch.randperm(x.shape[0])])
    with pytest.raises(UserError, match="draws by randperm"), torch.no_grad(), Means():
        net(torch.randn(3, 4))


def test_a_net_s_draws_are_counted_and_give_their_means():
    net = Line(lambda x: x + torch.randn_like(x) + torch.rand(1))
    with torch.no_grad(), Means() as means:
        assert torch.equal(net(torch.zeros(2, 4)), net.linear(torch.zeros(2, 4)) + 0.5)
    assert means.draws == 2


@pytest.mark.parametrize(
    "line",
    [lambda x: F.scaled_dot_product_attention(x, x, x), F.rrelu, lambda x: F.dropout(x, 0.5, training=False)],
    ids=["attention", "rrelu", "dropout"],
)
def test_what_does_not_draw_in_eval_mode_is_no_draw(line):
    net, x = Line(line).eval(), torch.randn(1, 3, 4)
    with torch.no_grad(), Means() as means:
        y = net(x)
    assert means.draws == 0
    assert torch.equal(y, net(x))
