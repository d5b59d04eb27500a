"""The fast narrow convolutions are PyTorch's: values, gradients, gradients of gradients."""

import pytest
import torch
import torch.nn.functional as F

from ayneh.game import narrow


@pytest.mark.parametrize("channels", [1, 3])
def test_values_and_gradients_are_the_plain_ones_in_float64(channels):
    chance = torch.Generator().manual_seed(0)
    x = torch.randn(5, channels, 8, 8, dtype=torch.float64, generator=chance).requires_grad_()
    y = torch.randn(5, 6, 4, 4, dtype=torch.float64, generator=chance).to(memory_format=torch.channels_last)
    y = y.requires_grad_()
    w = torch.randn(6, channels, 4, 4, dtype=torch.float64, generator=chance).requires_grad_()
    pairs = (
        (narrow.down(x, w, 2, 1), F.conv2d(x, w, None, 2, 1), (x, w)),
        (narrow.up(y, w, 2, 1), F.conv_transpose2d(y, w, None, 2, 1), (y, w)),
    )
    for fast, plain, inputs in pairs:
        assert torch.allclose(fast, plain, atol=1e-12)
        weights = torch.randn(plain.shape, dtype=torch.float64, generator=chance)
        ours, theirs = (
            torch.autograd.grad((out.sin() * weights).sum(), inputs, create_graph=True) for out in (fast, plain)
        )
        for one, other in zip(ours, theirs, strict=True):
            assert torch.allclose(one, other, atol=1e-12)
        again = [torch.autograd.grad(sum(g.square().sum() for g in grads), inputs) for grads in (ours, theirs)]
        for one, other in zip(*again, strict=True):
            assert torch.allclose(one, other, atol=1e-10)


def test_gradients_of_gradients_are_right_by_finite_differences():
    x = torch.randn(2, 1, 4, 4, dtype=torch.float64).requires_grad_()
    y = torch.randn(2, 3, 2, 2, dtype=torch.float64).requires_grad_()
    w = torch.randn(3, 1, 4, 4, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradgradcheck(lambda x, w: narrow.down(x, w, 2, 1), (x, w))
    assert torch.autograd.gradgradcheck(lambda y, w: narrow.up(y, w, 2, 1), (y, w))


def test_they_serve_only_while_learning_on_a_cpu_with_few_channels():
    x = torch.zeros(1, 1, 4, 4)
    assert narrow.serves(x, 3)
    assert not narrow.serves(x, 16)
    assert not narrow.serves(x.to("meta"), 1)
    with torch.no_grad():  # sampling and export keep the plain operators
        assert not narrow.serves(x, 1)
