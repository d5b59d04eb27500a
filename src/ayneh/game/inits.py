"""INITS: initial weights of nets, drawn with PyTorch's generator; weights for the class come after (conditional.py)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ayneh.game.own import weight_of


def torch_init(net: nn.Module) -> None:
    """PyTorch's own: weights and biases ~ U(-1/sqrt(fan_in), 1/sqrt(fan_in)); batch norm starts as identity."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear | _BatchNorm):
            module.reset_parameters()


@torch.no_grad()
def dcgan_init(net: nn.Module) -> None:
    """Weights ~ N(0, 0.02^2), batch-norm scales ~ N(1, 0.02^2), biases 0 (Radford et al. 2016)."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(weight_of(module), 0.0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, _BatchNorm) and module.affine:
            nn.init.normal_(module.weight, 1.0, 0.02)
            nn.init.zeros_(module.bias)


@torch.no_grad()
def glorot_init(net: nn.Module) -> None:
    """Weights ~ U(-a, a) with a^2 = 6 / (fan_in + fan_out), biases 0 (Glorot & Bengio 2010; Keras's default)."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.xavier_uniform_(weight_of(module))
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, _BatchNorm):
            module.reset_parameters()


@torch.no_grad()
def he_init(net: nn.Module) -> None:
    """Weights ~ N(0, 2 / (1 + 0.2^2) / fan_in), biases 0 (He et al. 2015): leaky ReLU layers keep a signal's size.

    With PyTorch's own, each layer of a perceptron shrinks the signal: without batch norm little of z reaches the image.
    """
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.kaiming_normal_(weight_of(module), a=0.2)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, _BatchNorm):
            module.reset_parameters()


INITS: dict[str, Callable[[nn.Module], None]] = {
    "torch": torch_init,
    "dcgan": dcgan_init,
    "glorot": glorot_init,
    "he": he_init,
}
