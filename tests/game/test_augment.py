"""Augmentation against a plain loop over images, its chance, and what must stay untouched."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ayneh.game.augment import AUGMENTS, augment, cut, translate

R, B, C, H, W = 2, 6, 3, 8, 10


def images(dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """(x, u): any images and their chance."""
    g = torch.Generator().manual_seed(0)
    x = 2 * torch.rand(R, B, C, H, W, generator=g, dtype=dtype) - 1
    return x, torch.rand(R, B, 4, generator=g, dtype=dtype)


def plain(image: Tensor, u: list[float], translation: float, cutout: float, background: float) -> Tensor:
    """One image (C, H, W), pixel by pixel."""
    channels, height, width = image.shape
    reach = [math.floor(translation * size + 0.5) for size in (height, width)]
    down, right = (math.floor(p * (2 * m + 1)) - m for p, m in zip(u[:2], reach, strict=True))
    side = [math.floor(cutout * size + 0.5) for size in (height, width)]
    places = [size + 1 if k % 2 == 0 else size for size, k in zip((height, width), side, strict=True)]
    top, left = (math.floor(p * n) - k // 2 for p, n, k in zip(u[2:], places, side, strict=True))
    out = torch.full_like(image, background)
    for c in range(channels):
        for i in range(height):
            for j in range(width):
                in_hole = top <= i < top + side[0] and left <= j < left + side[1]
                if not in_hole and 0 <= i - down < height and 0 <= j - right < width:
                    out[c, i, j] = image[c, i - down, j - right]
    return out


@pytest.mark.parametrize(
    ("translation", "cutout"),
    [(0.125, 0.5), (0.5, 0.25), (1.0, 0.1), (0.3, 1.0), (0.0, 0.3), (0.2, 0.0), ((0.25, 0.0), (0.0, 0.4))],
)
def test_against_a_plain_loop(translation: float | tuple[float, ...], cutout: float | tuple[float, ...]) -> None:
    x, u = images()
    each = [a if isinstance(a, tuple) else (a,) * R for a in (translation, cutout)]
    given = [torch.tensor(a) if isinstance(a, tuple) else a for a in (translation, cutout)]
    for background in (-1.0, 0.5):
        rows = [
            torch.stack([plain(x[r, b], u[r, b].tolist(), each[0][r], each[1][r], background) for b in range(B)])
            for r in range(R)
        ]
        assert torch.equal(augment(x, u, *given, background), torch.stack(rows))


def test_nothing_asked_nothing_changed() -> None:
    x, u = images()
    x[0, 0, 0, 0, :4] = torch.tensor([0.0, -0.0, math.nan, math.inf])
    for zero in (0.0, torch.zeros(R)):
        y = augment(x, u, zero, zero)
        assert torch.equal(y.view(torch.int32), x.view(torch.int32))  # to the bit


def test_every_shift_is_equally_likely() -> None:
    reach, each = 2, 10
    n = (2 * reach + 1) * each
    u = torch.stack([(torch.arange(n) + 0.5) / n, torch.full((n,), 0.5)], dim=1)[None]  # even, then the middle
    dot = torch.full((1, n, 1, 9, 9), -1.0)
    dot[..., 4, 4] = 1
    for axis in (0, 1):
        moved = translate(dot, u if axis == 0 else u.flip(2), reach / 9, -1.0)
        total = (moved[0, :, 0] + 1).sum(0) / 2  # how often the dot came to each place
        row = total[:, 4] if axis == 0 else total[4]
        assert row.tolist() == [0, 0, *[each] * (2 * reach + 1), 0, 0]
        assert total.sum() == n


@pytest.mark.parametrize("side", [3, 4])
def test_the_hole_is_centred_everywhere_alike(side: int) -> None:
    size = 9
    places = size + 1 - side % 2
    u = torch.stack([(torch.arange(places) + 0.5) / places, torch.full((places,), 0.5)], dim=1)[None]
    holes = cut(torch.ones(1, places, 1, size, size), u, side / size, -1.0)[0, :, 0] < 0
    nearest_edge = [min(i, size - 1 - i) for i in range(size)]  # beyond it there are no centres
    assert holes.any(2).sum(0).tolist() == [min(side, i + side // 2 + 1) for i in nearest_edge]
    assert holes[places // 2].sum() == side**2


def test_gradient_against_finite_differences() -> None:
    x, u = images(torch.float64)
    x, u = x[:, :2, :2, :5, :5].clone().requires_grad_(), u[:, :2]
    assert torch.autograd.gradcheck(lambda x: augment(x, u, 0.3, 0.4), x)


def test_gradient_reaches_the_pixels_that_are_seen() -> None:
    x, u = images()
    (slope,) = torch.autograd.grad(augment(x.requires_grad_(), u, 0.25, 0.5).sum(), x)
    seen = augment(torch.ones_like(x), u, 0.25, 0.5, background=0.0).sum((2, 3, 4))
    assert torch.equal(slope.sum((2, 3, 4)), seen)
    assert set(slope.unique().tolist()) == {0.0, 1.0}


def test_real_and_fake_are_distorted_alike() -> None:
    """Which pixels go where depends on u alone, neither on content nor on neighbours."""
    x, u = images()
    fake = x.flip(1) * 0.3
    real_seen, fake_seen = augment(x, u, 0.25, 0.4), augment(fake, u, 0.25, 0.4)
    mixed = torch.cat([x[:, :3], fake[:, 3:]], dim=1)
    expected = torch.cat([real_seen[:, :3], fake_seen[:, 3:]], dim=1)
    assert torch.equal(augment(mixed, u, 0.25, 0.4), expected)
    hidden = real_seen == -1
    assert hidden.any()
    assert torch.equal(hidden, fake_seen == -1)


def test_pure_and_typed() -> None:
    x, u = images(torch.float64)
    before, chance = x.clone(), u.clone()
    y = augment(x, u, 0.25, 0.5)
    assert y.dtype == x.dtype
    assert y.shape == x.shape
    assert torch.equal(x, before)
    assert torch.equal(u, chance)


@pytest.mark.parametrize("name", AUGMENTS)
def test_each_part_alone_is_augment_with_the_other_at_zero(name: str) -> None:
    x, u = images()
    amounts = {part: 0.4 if part == name else 0.0 for part in AUGMENTS}
    first = 2 * list(AUGMENTS).index(name)
    alone = AUGMENTS[name](x, u[..., first : first + 2], 0.4, -1.0)
    assert torch.equal(augment(x, u, **amounts), alone)
    assert not torch.equal(alone, x)
