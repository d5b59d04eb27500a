"""D's first two convolutions as one: values, gradients and gradients of gradients are those of the two, in float64."""

import pytest
import torch

from ayneh.game import pairs
from ayneh.game.layers import Conv
from ayneh.game.nets import Spec, make_nets


def pair(channels=1, biased=False, **settings):
    chance = torch.Generator().manual_seed(1)
    layers = Conv(channels, 5, 4, 2, 1, True, **settings).double(), Conv(5, 6, 4, 2, 1, biased, **settings).double()
    for p in (p for layer in layers for p in layer.parameters()):
        p.data = torch.randn(p.shape, dtype=torch.float64, generator=chance)
    return layers


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("side", [8, 16, 32])
def test_values_and_gradients_are_those_of_the_two_convolutions(side, biased):
    first, second = pair(biased=biased)
    x = torch.randn(3, 1, side, side, dtype=torch.float64).requires_grad_()
    assert pairs.serves(first, second, x)
    inputs, found = [x, *first.parameters(), *second.parameters()], []
    weights = torch.randn(3, 6, side // 4, side // 4, dtype=torch.float64)
    for y in (pairs.convolve(first, second, x), second(first(x))):
        grads = torch.autograd.grad((y * weights).sum() + y.square().sum(), inputs, create_graph=True)
        again = torch.autograd.grad(sum(g.square().sum() for g in grads), inputs)
        found.append([y, *grads, *again])
    for ours, theirs in zip(*found, strict=True):
        assert (ours - theirs).abs().max() <= 1e-12 * theirs.abs().max()


def test_an_image_that_is_bright_at_its_edges_alone():
    """Where the two ways differ most: without the subtraction each value at an edge is wrong by as much as it is."""
    first, second = pair()
    x = torch.zeros(1, 1, 16, 16, dtype=torch.float64)
    x[..., [0, -1], :] = x[..., [0, -1]] = 1
    torch.testing.assert_close(pairs.convolve(first, second, x), second(first(x)), rtol=1e-12, atol=1e-12)


def test_only_such_a_pair_in_training_on_a_cpu_is_served():
    first, second = pair()
    x = torch.zeros(1, 1, 16, 16, dtype=torch.float64)
    assert pairs.serves(first, second, x)
    assert not pairs.serves(*pair(channels=3), torch.zeros(1, 3, 16, 16))
    assert not pairs.serves(*pair(spectral=True), x)
    assert not pairs.serves(first, torch.nn.LeakyReLU(), x)
    assert not pairs.serves(first, second, torch.zeros(1, 1, 20, 16))
    assert not pairs.serves(first, second, torch.zeros(1, 1, 18, 18))
    assert not pairs.serves(first, second, x.to("meta"))
    with torch.no_grad():  # sampling and export keep the two
        assert not pairs.serves(first, second, x)
    with torch.autocast("cpu", torch.bfloat16):
        assert not pairs.serves(first, second, x)


@pytest.mark.parametrize("size", [8, 16])
def test_the_mirror_d_in_training_is_the_mirror_d_at_rest(size):
    """With batch norm by the batch in both; a D for 8 pixels has no such pair."""
    _, dis = make_nets("mirror", Spec(z_dim=6, channels=1, size=size, width=4))
    x = torch.randn(7, 1, size, size, dtype=torch.float64)
    with torch.no_grad():
        plain = dis.double()(x)
    torch.testing.assert_close(dis(x).detach(), plain, rtol=1e-10, atol=1e-10)
