"""Inversion finds the latent where it is known, prefers the better start, and never returns worse than it was given."""

import pytest
import torch

from ayneh.inverse.descent import invert


def linear(z):
    """G(z) = A z as a 4x4 image, A of full rank."""
    a = torch.randn(16, 3, generator=torch.Generator().manual_seed(1), dtype=z.dtype)
    return (z @ a.T).view(-1, 1, 4, 4)


def latents(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_latent_of_a_generated_image_is_found():
    z = latents(5, 3)
    found, error = invert(linear, linear(z), latents(2, 5, 3, seed=9), steps=400)
    torch.testing.assert_close(found, z, atol=1e-3, rtol=0)
    assert error.max() < 1e-6


@pytest.mark.slow
def test_with_noise_it_is_the_mode_of_the_posterior():
    """(A'A + s I) z = A'x + s c in closed form, for a normal prior around c."""
    x = linear(latents(1, 3)) + 0.3 * latents(1, 1, 4, 4, seed=4)
    a = linear(torch.eye(3, dtype=torch.float64)).flatten(1).T  # (16, 3)
    centre, scale, noise = 0.7, 1.5, 2.0
    s = noise / scale**2
    eye = torch.eye(3, dtype=torch.float64)
    mode = torch.linalg.solve(a.T @ a + s * eye, a.T @ x.flatten() + s * centre)
    starts = latents(2, 1, 3, seed=6)
    found, error = invert(linear, x, starts, steps=2000, lr=0.02, scale=scale, centre=centre, noise=noise)
    torch.testing.assert_close(found[0], mode, atol=1e-3, rtol=0)
    assert error[0].item() == pytest.approx((linear(found) - x).square().mean().item())
    free, _ = invert(linear, x, mode[None, None], steps=2000, lr=0.02)
    assert (free[0] - mode).norm() > 0.05


def test_each_image_takes_its_own_best_start():
    """Two valleys, of which 2 is the deeper and -2 is not 0: the start decides which is reached."""

    def gen(z):
        return torch.where(z > 0, (z - 2).square(), (z + 2).square() + 1)[:, :, None, None]

    x = torch.zeros(2, 1, 1, 1, dtype=torch.float64)
    starts = torch.tensor([[[1.5], [-1.5]], [[-1.5], [1.5]]], dtype=torch.float64)
    found, error = invert(gen, x, starts)
    torch.testing.assert_close(found, torch.full((2, 1), 2.0, dtype=torch.float64), atol=0.1, rtol=0)
    assert error.max() < 1e-3
    alone, worse = invert(gen, x, starts[:1])
    assert alone[1, 0] < 0
    assert worse[1] > 0.5


@pytest.mark.parametrize("steps", [0, 1, 7])
def test_it_is_never_worse_than_a_start(steps):
    x, starts = linear(latents(4, 3)), latents(3, 4, 3, seed=2)
    _, error = invert(linear, x, starts, steps=steps, lr=50.0)
    given = torch.stack([(linear(z) - x).square().flatten(1).mean(1) for z in starts]).amin(0)
    assert (error <= given + 1e-12).all()
    if steps == 0:
        torch.testing.assert_close(error, given)
