"""SNGAN's ResNets for images of 32x32 pixels, with PyTorch's own spectral norm on all layers of D.

Source: Miyato, Kataoka, Koyama & Yoshida 2018, "Spectral Normalization for Generative Adversarial Networks", table 4
(CIFAR-10) and figure 8. G: a linear layer to 4x4, three residual blocks that double the side, batch norm, ReLU, a
convolution, tanh. D: two residual blocks that halve the side and two that keep it, ReLU, the sum over positions, a
linear layer. Trained with the hinge loss. Simplified: ``width`` is an argument (256 in G and 128 in D there).
"""

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm


class Up(nn.Module):
    """(B, width, H, W) -> (B, width, 2H, 2W): a residual block with batch norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(width), nn.Conv2d(width, width, 3, padding=1)
        self.norm2, self.conv2 = nn.BatchNorm2d(width), nn.Conv2d(width, width, 3, padding=1)
        self.shortcut = nn.Conv2d(width, width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv1(F.interpolate(F.relu(self.norm1(x)), scale_factor=2))
        return self.conv2(F.relu(self.norm2(y))) + self.shortcut(F.interpolate(x, scale_factor=2))


class Generator(nn.Module):
    """(B, z_dim) -> (B, channels, 32, 32) in (-1, 1)."""

    def __init__(self, z_dim: int = 128, width: int = 256, channels: int = 3) -> None:
        super().__init__()
        self.first = nn.Linear(z_dim, 4 * 4 * width)
        self.blocks = nn.Sequential(Up(width), Up(width), Up(width))
        self.norm, self.last = nn.BatchNorm2d(width), nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        x = self.blocks(self.first(z).unflatten(1, (-1, 4, 4)))
        return torch.tanh(self.last(F.relu(self.norm(x))))


class Down(nn.Module):
    """A residual block with spectral norm, which halves the side if ``halve``; without ``relu`` it takes images."""

    def __init__(self, n_in: int, n_out: int, halve: bool, relu: bool = True) -> None:
        super().__init__()
        self.halve, self.relu = halve, relu
        self.conv1 = spectral_norm(nn.Conv2d(n_in, n_out, 3, padding=1))
        self.conv2 = spectral_norm(nn.Conv2d(n_out, n_out, 3, padding=1))
        self.shortcut = spectral_norm(nn.Conv2d(n_in, n_out, 1)) if halve or n_in != n_out else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv2(F.relu(self.conv1(F.relu(x) if self.relu else x)))
        z = self.shortcut(x)
        return F.avg_pool2d(y, 2) + F.avg_pool2d(z, 2) if self.halve else y + z


class Discriminator(nn.Module):
    """(B, channels, 32, 32) -> (B, 1): the logit."""

    def __init__(self, width: int = 128, channels: int = 3) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            Down(channels, width, halve=True, relu=False),
            Down(width, width, halve=True),
            Down(width, width, halve=False),
            Down(width, width, halve=False),
        )
        self.last = spectral_norm(nn.Linear(width, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(F.relu(self.blocks(x)).sum((2, 3)))
