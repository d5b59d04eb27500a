"""Every penalty against critics whose slope is known on paper, and against finite differences."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ayneh.game.penalties import PENALTIES

R, B, C, H, W = 2, 3, 2, 4, 4
SHAPES = {"mix": (R, B), "perturb": (R, B, C, H, W)}


def images(seed: int) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    return tuple(2 * torch.rand(R, B, C, H, W, generator=g, dtype=torch.float64) - 1 for _ in range(2))


def draws(name: str, seed: int = 9) -> dict[str, Tensor]:
    g = torch.Generator().manual_seed(seed)
    wanted = PENALTIES[name].draws
    return {draw: torch.rand(SHAPES[draw], generator=g, dtype=torch.float64) for draw in wanted}


def points(name: str, real: Tensor, fake: Tensor, drawn: dict[str, Tensor]) -> list[Tensor]:
    """Where each penalty looks, image by image."""
    if name == "wgan-gp":
        u = drawn["mix"]
        mixed = [[real[r, b] * u[r, b] + fake[r, b] * (1 - u[r, b]) for b in range(B)] for r in range(R)]
        return [torch.stack([torch.stack(row) for row in mixed])]
    if name == "dragan":
        moved = [x + 0.5 * x.numpy().std() * u for x, u in zip(real, drawn["perturb"], strict=True)]
        return [torch.stack(moved)]
    if name == "dragan-mixed":
        each = zip(real, drawn["perturb"], drawn["mix"], strict=True)
        return [torch.stack([x + m[:, None, None, None] * 0.5 * x.numpy().std() * u for x, u, m in each])]
    return {"r1": [real], "r2": [fake], "r1+r2": [real, fake]}[name]


def from_norm(name: str, norm: Tensor) -> Tensor:
    return (norm - 1) ** 2 if name in ("wgan-gp", "dragan", "dragan-mixed") else norm**2 / 2


def small_critic(weights: Tensor) -> Callable[[Tensor], Tensor]:
    """tanh units and a quadratic read-out of each image; weights (R, C * H * W)."""
    return lambda x: (torch.tanh(x.flatten(2) * weights[:, None]).cumsum(2) ** 2).mean(2)


@pytest.mark.parametrize("name", PENALTIES)
def test_linear_critic_has_the_same_slope_everywhere(name: str) -> None:
    real, fake = images(0)
    weights = torch.tensor([0.2, 3.0], dtype=torch.float64)[:, None, None, None, None] * torch.ones(1, 1, C, H, W)
    norm = torch.tensor([0.2, 3.0], dtype=torch.float64) * (C * H * W) ** 0.5
    penalty = PENALTIES[name].fn(lambda x: (weights * x).sum((2, 3, 4)), real, fake, draws(name))
    times = 2 if name == "r1+r2" else 1
    torch.testing.assert_close(penalty, times * from_norm(name, norm)[:, None].expand(R, B))


@pytest.mark.parametrize("name", PENALTIES)
def test_quadratic_critic_tells_where_the_penalty_looks(name: str) -> None:
    real, fake = images(1)
    drawn = draws(name)
    penalty = PENALTIES[name].fn(lambda x: (x**2).sum((2, 3, 4)) / 2, real, fake, drawn)  # slope at x: x itself
    expected = sum(from_norm(name, x.flatten(2).norm(dim=2)) for x in points(name, real, fake, drawn))
    torch.testing.assert_close(penalty, expected)


@pytest.mark.parametrize("name", PENALTIES)
def test_derivative_by_the_weights_against_finite_differences(name: str) -> None:
    real, fake = images(2)
    drawn = draws(name)
    g = torch.Generator().manual_seed(3)
    weights = torch.randn(R, C * H * W, generator=g, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda w: PENALTIES[name].fn(small_critic(w), real, fake, drawn), weights, fast_mode=True
    )


@pytest.mark.parametrize("name", PENALTIES)
def test_replicas_do_not_touch(name: str) -> None:
    real, fake = images(4)
    drawn = draws(name)
    g = torch.Generator().manual_seed(5)
    weights = torch.randn(R, C * H * W, generator=g, dtype=torch.float64, requires_grad=True)
    together = PENALTIES[name].fn(small_critic(weights), real, fake, drawn)
    for r in range(R):
        (slope,) = torch.autograd.grad(together[r].sum(), weights, retain_graph=True)
        assert slope[r].abs().max() > 0
        assert slope[1 - r].abs().max() == 0
        one = slice(r, r + 1)
        alone = PENALTIES[name].fn(
            small_critic(weights[one]), real[one], fake[one], {k: v[one] for k, v in drawn.items()}
        )
        torch.testing.assert_close(alone, together[one], rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", PENALTIES)
def test_a_flat_critic_gives_no_nan(name: str) -> None:
    real, fake = images(6)
    weights = torch.zeros(R, C * H * W, dtype=torch.float64, requires_grad=True)
    penalty = PENALTIES[name].fn(lambda x: (x.flatten(2) * weights[:, None]).sum(2), real, fake, draws(name))
    (slope,) = torch.autograd.grad(penalty.sum(), weights)
    torch.testing.assert_close(penalty, torch.full_like(penalty, from_norm(name, torch.zeros(())).item()))
    assert slope.isfinite().all()


@pytest.mark.parametrize("name", PENALTIES)
def test_images_are_left_alone(name: str) -> None:
    real, fake = images(7)
    weights = torch.ones(R, C * H * W, dtype=torch.float64, requires_grad=True)
    PENALTIES[name].fn(small_critic(weights), real, fake, draws(name)).sum().backward()
    for x in (real, fake):
        assert not x.requires_grad
        assert x.grad is None


@pytest.mark.parametrize("name", PENALTIES)
def test_the_critic_meets_the_very_images_that_the_penalty_names_and_no_others(name: str) -> None:
    """So that whoever has judged them already can answer from memory."""
    real, fake = (x.requires_grad_() for x in images(7))
    weights = torch.ones(R, C * H * W, dtype=torch.float64, requires_grad=True)
    critic, met = small_critic(weights), []
    PENALTIES[name].fn(lambda x: met.append(x) or critic(x), real, fake, draws(name))
    named = [{"real": real, "fake": fake}[which] for which in PENALTIES[name].at]
    assert [id(x) for x in met if x is real or x is fake] == [id(x) for x in named]
    assert len(met) == max(1, len(named))
