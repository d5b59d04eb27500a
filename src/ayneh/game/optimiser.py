"""Optimisers on one long vector per replica, as pure functions, and the moving average.

An optimiser is a formula for theta (R, P) and its gradient (R, P); what it remembers from update to update are more
tensors (R, P), which a run keeps in its state and its checkpoints under names such as "gen_m".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

Memory = dict[str, Tensor]
Numbers = Mapping[str, Any]
Update = Callable[[Tensor, Tensor, Memory, Tensor, Numbers], tuple[Tensor, Memory]]


class Optimiser(NamedTuple):
    """How a player's weights move along its gradient: a rule of two pure functions.

    Neither changes a tensor that it is given, draws random numbers or reads a number from a tensor (`.item()`).
    Example, plain gradient descent:

    >>> import ayneh
    >>> def update(theta, grad, memory, t, hyper):
    ...     return theta - hyper["lr"] * grad, memory
    >>> ayneh.add("optimiser", "plain", ayneh.Optimiser(lambda theta: {}, update)).name
    'plain'
    """

    init: Callable[[Tensor], Memory]
    """theta (R, P) -> what is remembered at the start: tensors (R, P) by name. A name is of small letters and digits,
    and neither "t" nor "buffers"."""
    update: Update
    """(theta, grad, memory, t, hyper) -> (theta, memory). theta, grad and each tensor of the memory: (R, P); t (R, 1):
    the number of this update, from 1; hyper: "lr", "beta1", "beta2", "momentum", "weight_decay", (R, 1) each, since
    replicas may differ in them, and "eps", a float."""


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


def _adam(theta: Tensor, grad: Tensor, memory: Memory, t: Tensor, hyper: Numbers) -> tuple[Tensor, Memory]:
    """Adam; weight decay as a part of the gradient, as torch.optim.Adam has it."""
    betas = hyper["beta1"], hyper["beta2"]
    theta, m, v = adam(
        theta, _decayed(theta, grad, hyper), memory["m"], memory["v"], t, hyper["lr"], *betas, hyper["eps"]
    )
    return theta, {"m": m, "v": v}


def _adamw(theta: Tensor, grad: Tensor, memory: Memory, t: Tensor, hyper: Numbers) -> tuple[Tensor, Memory]:
    """Adam after theta (1 - lr weight_decay), Loshchilov & Hutter 2019."""
    if hyper["decays"]:
        theta = theta * (1 - hyper["lr"] * hyper["weight_decay"])
    return _adam(theta, grad, memory, t, {**hyper, "decays": False})


def _sgd(theta: Tensor, grad: Tensor, memory: Memory, t: Tensor, hyper: Numbers) -> tuple[Tensor, Memory]:
    """theta - lr b with b = momentum b + g, as torch.optim.SGD has it."""
    moved = hyper["momentum"] * memory["momentum"] + _decayed(theta, grad, hyper)
    return theta - hyper["lr"] * moved, {"momentum": moved}


def _rmsprop(theta: Tensor, grad: Tensor, memory: Memory, t: Tensor, hyper: Numbers) -> tuple[Tensor, Memory]:
    """theta - lr b with b = momentum b + g / (sqrt(v) + eps), as torch.optim.RMSprop; its alpha is beta2."""
    grad = _decayed(theta, grad, hyper)
    v = torch.lerp(grad * grad, memory["v"], hyper["beta2"])
    moved = hyper["momentum"] * memory["momentum"] + grad / (v.sqrt() + hyper["eps"])
    return theta - hyper["lr"] * moved, {"v": v, "momentum": moved}


def _decayed(theta: Tensor, grad: Tensor, hyper: Numbers) -> Tensor:
    """The gradient of the loss + weight_decay |theta|^2 / 2."""
    return grad + hyper["weight_decay"] * theta if hyper["decays"] else grad


def _zeros(*names: str) -> Callable[[Tensor], Memory]:
    return lambda theta: {name: torch.zeros_like(theta) for name in names}


# The built-in rules also read "decays": False where no replica has a weight decay, so that nothing is added.
OPTIMISERS = {
    "adam": Optimiser(_zeros("m", "v"), _adam),
    "adamw": Optimiser(_zeros("m", "v"), _adamw),
    "sgd": Optimiser(_zeros("momentum"), _sgd),
    "rmsprop": Optimiser(_zeros("v", "momentum"), _rmsprop),
}


def average(ema: Tensor, theta: Tensor, decay: Tensor, t: Tensor) -> Tensor:
    """decay' ema + (1 - decay') theta with decay' = min(decay, t / (t + 9)), so that it warms up.

    ema, theta: (R, P); decay in [0, 1) and t, the number of updates so far: (R, 1). decay = 0 is theta.
    """
    return torch.lerp(theta, ema, torch.minimum(decay, t / (t + 9)))
