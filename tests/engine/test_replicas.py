"""Rows of numbers as nets: packing, playing, initialising."""

import pytest
import torch
from torch import nn

from ayneh.engine.replicas import Net, init_rows
from ayneh.game import narrow, pairs
from ayneh.game.nets import INITS, Spec, make_nets


@pytest.fixture
def net():
    return Net(make_nets("mirror", Spec(z_dim=8, channels=1, size=16, width=4))[0])


def test_unpack_and_pack_are_inverse_with_any_leading_axes(net):
    theta = torch.randn(3, sum(net.sizes))
    named = net.unpack(theta)
    assert {name: p.shape[1:] for name, p in named.items()} == net.shapes
    assert torch.equal(net.pack(named), theta)
    assert torch.equal(net.pack(net.unpack(theta[0])), theta[0])


def test_a_filled_module_plays_as_its_row(net):
    theta = torch.randn(2, sum(net.sizes)) * 0.1
    z = torch.randn(2, 6, 8)
    out = net(theta, z)
    for r in range(2):
        torch.testing.assert_close(net.filled(theta[r]).train()(z[r]), out[r])


@pytest.mark.parametrize("align", [4, 64])
def test_weights_at_aligned_places_play_the_same_net(net, align):
    apart = Net(net.module, align=align)
    theta, z = torch.randn(2, sum(net.sizes)) * 0.1, torch.randn(2, 6, 8)
    spread = apart.pack(net.unpack(theta))
    assert spread.shape[1] % align == 0
    offsets = [value.storage_offset() for value in apart.unpack(spread[1]).values()]
    assert all(offset % align == 0 for offset in offsets)
    assert torch.equal(apart(spread, z), net(theta, z))
    assert torch.equal(net.pack(apart.unpack(spread)), theta)


def test_a_weight_without_axes_has_its_place():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(2.0))

        def forward(self, x):
            return self.scale * x

    one = Net(Scaled())
    theta = init_rows(one, [0, 1], lambda module: None)
    assert theta.tolist() == [[2.0], [2.0]]
    assert torch.equal(one(theta, torch.ones(2, 3, 1)), torch.full((2, 3, 1), 2.0))


def test_the_vmapped_stack_is_the_loop(net, monkeypatch):
    """The path of accelerators, held to the plain one in float64, gradients included."""
    for module in (narrow, pairs):  # what only CPUs play, which never vmap
        monkeypatch.setattr(module, "serves", lambda *_: False)
    theta = (torch.randn(3, sum(net.sizes), dtype=torch.float64) * 0.1).requires_grad_()
    z = torch.randn(3, 6, 8, dtype=torch.float64)
    loop = net(theta, z)
    stacked = torch.func.vmap(net.forward)(theta, z)
    torch.testing.assert_close(stacked, loop, rtol=1e-12, atol=1e-12)
    (one,) = torch.autograd.grad(loop.square().sum(), theta)
    (other,) = torch.autograd.grad(stacked.square().sum(), theta)
    torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def test_initial_rows_depend_on_their_seed_alone_and_leave_chance_alone(net):
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    rows = init_rows(net, [5, 6, 5], INITS["torch"])
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(rows[0], rows[2])
    assert not torch.equal(rows[0], rows[1])
    named = net.unpack(rows[1])
    assert all(named[k].eq(1).all() for k, m in _norms(net.module))


def _norms(module: nn.Module):
    return [(f"{name}.weight", m) for name, m in module.named_modules() if isinstance(m, nn.BatchNorm2d)]


def test_bfloat16_is_autocast_and_comes_back_in_the_type_of_the_weights():
    gen, _ = make_nets("mirror", Spec(z_dim=8, channels=1, size=16, width=4))
    plain, half = Net(gen), Net(gen, torch.bfloat16)
    theta, z = init_rows(plain, [0], INITS["torch"]), torch.randn(1, 6, 8)
    assert half(theta, z).dtype == torch.float32
    difference = (half(theta, z) - plain(theta, z)).abs().max()
    assert 0 < difference < 0.05
