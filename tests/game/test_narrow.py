"""The fast narrow convolutions are PyTorch's: values, gradients, gradients of gradients."""

import pytest
import torch
import torch.nn.functional as F

from ayneh.game import narrow


@pytest.mark.parametrize(
    ("channels", "side", "kernel", "stride", "padding"),
    [(1, 4, 4, 2, 1), (3, 4, 4, 2, 1), (1, 3, 4, 2, 1), (1, 3, 10, 4, 3)],
)
def test_values_and_gradients_are_the_plain_ones_in_float64(channels, side, kernel, stride, padding):
    chance, steps = torch.Generator().manual_seed(0), (stride, padding)
    x = torch.randn(5, channels, stride * side, stride * side, dtype=torch.float64, generator=chance).requires_grad_()
    y = torch.randn(5, 6, side, side, dtype=torch.float64, generator=chance).to(memory_format=torch.channels_last)
    y = y.requires_grad_()
    w = torch.randn(6, channels, kernel, kernel, dtype=torch.float64, generator=chance).requires_grad_()
    wide, thin = (torch.randn(n, dtype=torch.float64, generator=chance).requires_grad_() for n in (6, channels))
    pairs = (
        (narrow.down(x, w, wide, *steps), F.conv2d(x, w, wide, *steps), (x, w, wide)),
        (narrow.up(y, w, thin, *steps), F.conv_transpose2d(y, w, thin, *steps), (y, w, thin)),
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
    assert torch.autograd.gradgradcheck(lambda x, w: narrow.down(x, w, None), (x, w))
    assert torch.autograd.gradgradcheck(lambda y, w: narrow.up(y, w, None), (y, w))


def test_they_serve_only_while_learning_on_a_cpu_with_few_channels():
    x = torch.zeros(1, 1, 4, 4)
    halves = (4, 4), (2, 2), (1, 1)
    assert narrow.serves(x, 3, *halves)
    assert not narrow.serves(x, 16, *halves)
    assert not narrow.serves(x, 3, (4, 4), (1, 1), (0, 0))
    assert not narrow.serves(x.to("meta"), 1, *halves)
    with torch.no_grad():  # sampling and export keep the plain operators
        assert not narrow.serves(x, 1, *halves)


def test_they_compute_in_the_type_of_autocast():
    """bfloat16 has 8 bits: within two percent of float32, gradients too."""
    chance = torch.Generator().manual_seed(0)
    w = torch.randn(6, 1, 4, 4, generator=chance).requires_grad_()
    for play, x in (
        (narrow.down, torch.randn(2, 1, 8, 8, generator=chance)),
        (narrow.up, torch.randn(2, 6, 4, 4, generator=chance)),
    ):
        (exact,) = torch.autograd.grad(play(x, w, None).sum(), w)
        with torch.autocast("cpu", torch.bfloat16):
            y = play(x, w, None)
        (rough,) = torch.autograd.grad(y.float().sum(), w)
        assert y.dtype == torch.bfloat16
        assert (rough - exact).norm() < 0.02 * exact.norm()
