"""argmin_z ||G(z) - x||^2: the latent behind an image, by descent from several starts (Creswell & Bharath 2016)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ayneh.game.optimiser import adam


def invert(
    gen: Callable[[Tensor], Tensor],
    x: Tensor,
    starts: Tensor,
    *,
    steps: int = 200,
    lr: float = 0.05,
    scale: float = 1.0,
    centre: float = 0.0,
    noise: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """The best z of each image, (N, Z), and its mean squared error per pixel (G(z) - x)^2, (N,).

    x: (N, C, S, S) in [-1, 1]; starts: (K, N, Z); all N x K descend side by side. lr: of Adam, in deviations; it falls
    to zero in a straight line. scale, centre: deviation and mean of a coordinate under the prior. noise: the variance
    assumed for a pixel's noise, for a normal prior; 0: no prior term. The objective is
    mean (G(z) - x)^2 + noise * ||(z - centre) / scale||^2 / pixels: its minimum is the posterior's mode under a normal
    prior, if each pixel has Gaussian noise of this variance. The best is the lowest of all starts and steps, so it is
    never worse than a start. ``gen`` must treat its images independently, as in eval mode.
    """
    k, n, _ = starts.shape
    target = x.repeat(k, *[1] * (x.ndim - 1))  # (K N, C, S, S)
    number = lambda value: torch.tensor([[value]], dtype=starts.dtype, device=starts.device)  # noqa: E731
    z = starts.detach().flatten(0, 1).clone()
    m, v = torch.zeros_like(z), torch.zeros_like(z)
    best_z, best_error = z.clone(), torch.zeros(k * n, dtype=z.dtype, device=z.device)
    lowest = torch.full_like(best_error, torch.inf)
    for t in range(steps + 1):
        z.requires_grad_()
        error = (gen(z) - target).square().flatten(1).mean(1)
        away = ((z - centre) / scale).square().sum(1)
        height = error + noise / x[0].numel() * away
        (grad,) = torch.autograd.grad(height.sum(), z)
        z, error, height = z.detach(), error.detach(), height.detach()
        better = height < lowest
        best_z[better], best_error[better], lowest[better] = z[better], error[better], height[better]
        rate = lr * scale * (1 - t / steps) if steps else 0.0
        z, m, v = adam(z, grad, m, v, number(t + 1.0), number(rate), number(0.9), number(0.999), 1e-8)
    chosen, rows = lowest.view(k, n).argmin(0), torch.arange(n, device=z.device)
    return best_z.view(k, n, -1)[chosen, rows], best_error.view(k, n)[chosen, rows]
