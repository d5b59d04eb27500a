"""Adam on one long vector per replica."""

from __future__ import annotations

import torch
from torch import Tensor


def adam(
    theta: Tensor,
    grad: Tensor,
    m: Tensor,
    v: Tensor,
    t: Tensor,
    lr: Tensor,
    beta1: Tensor,
    beta2: Tensor,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """theta - lr * m^ / (sqrt(v^) + eps), Kingma & Ba 2015, Algorithm 1: the new (theta, m, v).

    theta, grad, m, v: (R, P); t, the number of this update counted from 1, and lr, beta1, beta2: (R, 1).
    """
    m = torch.lerp(grad, m, beta1)  # beta1 m + (1 - beta1) g
    v = (grad * grad).lerp_(v, beta2)
    # In place on fresh tensors: on vectors of millions of numbers allocation costs more than arithmetic.
    scale = (v / (1 - beta2**t)).sqrt_().add_(eps)
    update = (m * (lr / (1 - beta1**t))).div_(scale)
    return torch.sub(theta, update, out=update), m, v


def average(ema: Tensor, theta: Tensor, decay: Tensor, t: Tensor) -> Tensor:
    """decay' ema + (1 - decay') theta with decay' = min(decay, t / (t + 9)), so that it warms up.

    ema, theta: (R, P); decay in [0, 1) and t, the number of updates so far: (R, 1). decay = 0 is theta.
    """
    return torch.lerp(theta, ema, torch.minimum(decay, t / (t + 9)))
