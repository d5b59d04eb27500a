"""Batch norm without history, its standing statistics, and exact spectral norm."""

import pytest
import torch
from torch import nn

from ayneh.game.layers import (
    BatchNorm,
    BatchNorm1d,
    Conv,
    Deconv,
    Linear,
    Offset,
    UnitNorm,
    redraw_offsets,
    standing_statistics,
)
from ayneh.game.nets import Spec, make_nets


def test_in_the_game_batch_norm_leaves_no_trace():
    norm = BatchNorm(4)
    before = {k: v.clone() for k, v in norm.state_dict().items()}
    x = torch.randn(8, 4, 5, 5) * 3 + 1
    y = norm(x)
    torch.testing.assert_close(y.mean((0, 2, 3)), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(y.var((0, 2, 3), unbiased=False), torch.ones(4), atol=1e-4, rtol=0)
    assert all(torch.equal(before[k], v) for k, v in norm.state_dict().items())


@pytest.mark.parametrize("kind", [BatchNorm, BatchNorm1d])
def test_standing_statistics_are_the_average_over_batches(kind):
    shape = (16, 3, 2, 2) if kind is BatchNorm else (16, 3)
    batches = [torch.randn(shape) * (i + 1) + i for i in range(4)]
    norm = standing_statistics(kind(3), batches)
    dims = tuple(d for d in range(len(shape)) if d != 1)
    torch.testing.assert_close(norm.running_mean, torch.stack([b.mean(dims) for b in batches]).mean(0))
    torch.testing.assert_close(norm.running_var, torch.stack([b.var(dims) for b in batches]).mean(0))
    x = torch.randn(shape)
    alone = norm(x[:1])
    torch.testing.assert_close(norm(x)[:1], alone)  # an image no longer depends on its neighbours


def test_filling_statistics_twice_forgets_the_first_time():
    norm = BatchNorm1d(3)
    standing_statistics(norm, [torch.randn(16, 3) + 100])
    standing_statistics(norm, [torch.zeros(16, 3)])
    assert norm.running_mean.abs().max() == 0


def test_a_net_with_standing_statistics_makes_each_image_alone():
    gen, _ = make_nets("mirror", Spec(z_dim=16, channels=1, size=16))
    standing_statistics(gen, torch.randn(256, 16).split(64))
    z = torch.randn(32, 16)
    torch.testing.assert_close(gen(z)[3:4], gen(z[3:4]), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("layer", [Conv(3, 8, 4, 2, 1, bias=True, spectral=True), Linear(12, 7, spectral=True)])
def test_spectral_layers_have_norm_one(layer: nn.Module):
    layer = layer.double()
    with torch.no_grad():
        layer.weight.mul_(7)
    plain = type(layer).__mro__[1].forward
    x = torch.randn(5, *((3, 8, 8) if isinstance(layer, Conv) else (12,)), dtype=torch.float64)
    sigma = torch.linalg.svdvals(layer.weight.detach().flatten(1))[0]
    bias = layer.bias.detach().reshape(-1, *([1, 1] if isinstance(layer, Conv) else []))
    torch.testing.assert_close(layer(x) - bias, (plain(layer, x) - bias) / sigma)


def test_spectral_norm_agrees_with_pytorchs_power_iteration_after_many_rounds():
    torch.manual_seed(0)
    ours = Linear(20, 10, spectral=True).double()
    theirs = nn.utils.parametrizations.spectral_norm(nn.Linear(20, 10).double(), n_power_iterations=200)
    theirs.parametrizations.weight.original.data = ours.weight.data.clone()
    theirs.bias.data = ours.bias.data.clone()
    x = torch.randn(4, 20, dtype=torch.float64)
    theirs(x)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-6, atol=1e-6)


def test_the_gradient_goes_through_sigma():
    layer = Linear(4, 3, spectral=True).double()
    x = torch.randn(5, 4, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda w: torch.func.functional_call(layer, {"weight": w}, (x,)),
        (layer.weight.detach().requires_grad_(),),
    )


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_matrix_products_stand_for_convolutions_that_cover_the_image(memory):
    """The fast path of `Conv` and `Deconv` against PyTorch's own layers, in float64."""
    conv, deconv = Conv(6, 9, 4, 1, 0, bias=True).double(), Deconv(9, 6, 4).double()
    image = torch.randn(5, 6, 4, 4, dtype=torch.float64).to(memory_format=memory)
    point = torch.randn(5, 9, 1, 1, dtype=torch.float64)
    torch.testing.assert_close(conv(image), nn.Conv2d.forward(conv, image), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(deconv(point), nn.ConvTranspose2d.forward(deconv, point), rtol=1e-12, atol=1e-12)
    larger = torch.randn(5, 6, 5, 5, dtype=torch.float64)
    assert conv(larger).shape == (5, 9, 2, 2)
    assert deconv(larger[:, :, :2, :2].repeat(1, 2, 1, 1)[:, :9]).shape == (5, 6, 5, 5)


def test_unit_norm_standardises_each_unit_over_the_batch_where_channel_norm_leaves_positions_apart() -> None:
    x = torch.randn(200, 3, 4, 4) + 5 * torch.randn(3, 4, 4)  # a constant image drowns what differs
    unit, channel = UnitNorm(3, 4, 4)(x), BatchNorm(3)(x)
    assert unit.mean(0).abs().max() < 1e-4
    assert (unit.std(0) - 1).abs().max() < 0.01
    assert channel.mean(0).abs().max() > 0.5
    flat = torch.randn(50, 7) * 3 + 1
    assert UnitNorm(7)(flat).mean(0).abs().max() < 1e-5


def test_an_offset_is_the_same_constant_for_every_image_and_where_it_is_drawn_once_for_every_net() -> None:
    x = torch.randn(5, 8, 4, 4)
    added = Offset(0.5, 0.0, 8, 4, 4, once=True)(x) - x
    assert torch.allclose(added, added[:1].expand_as(added), atol=1e-6)
    assert 0.4 < added[0].std() < 0.6
    assert not list(Offset(0.5, 0.0, 8, 4, 4, once=True).parameters())
    moving = Offset(0.5, 64.0, 8, 4, 4, once=True)
    assert torch.allclose(moving(x) - x, added, atol=1e-6)  # the same constant at the start
    (b,) = moving.parameters()
    before, lr = moving(x).detach(), 1e-3
    with torch.no_grad():
        b += lr
    assert torch.allclose(moving(x) - before, torch.full_like(x, 64 * lr), atol=1e-5)


@pytest.mark.parametrize("gain", [0.0, 64.0])
def test_an_offset_of_a_seed_is_drawn_by_it_after_all_other_weights(gain: float) -> None:
    x = torch.zeros(1, 8, 4, 4)
    net = nn.Sequential(nn.Linear(3, 4), Offset(0.5, gain, 8, 4, 4))
    offset, (bias,) = net[1], [p for name, p in net.named_parameters() if name == "1.b"]
    found = []
    for seed in (1, 2, 1):
        torch.manual_seed(seed)
        redraw_offsets(net)
        found.append(offset(x).detach())
        assert 0.4 < found[-1].std() < 0.6
    assert torch.equal(found[0], found[2])
    assert not torch.allclose(found[0], found[1])
    offset(x).sum().backward() if gain else None
    assert (bias.grad is None) == (not gain)  # one without a gain is not trained
