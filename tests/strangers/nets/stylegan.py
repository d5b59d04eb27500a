"""A generator like StyleGAN's, with noise injected at each layer, and a residual D with minibatch standard deviation.

Sources: Karras, Laine & Aila 2019, "A Style-Based Generator Architecture for Generative Adversarial Networks", figure 1
(mapping net, learned constant, noise with a learned weight for each channel, AdaIN); Karras et al. 2020, "Analyzing and
Improving the Image Quality of StyleGAN" (residual D); Karras et al. 2018 (minibatch standard deviation, equalised
learning rate). Simplified: two layers of mapping (8 there), no blur, no style mixing, no truncation, one map of the
standard deviation over the whole batch (groups of 4 there), tanh at the end, side and ``width`` are arguments.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn


class Equal(nn.Module):
    """A linear layer or a convolution whose weights are N(0, 1) and scaled by sqrt(2 / fan_in) when it runs."""

    def __init__(self, n_in: int, n_out: int, kernel: int = 0, bias: float = 0.0, gain: float = 2.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out, n_in, *[kernel] * (2 if kernel else 0)))
        self.bias = nn.Parameter(torch.full((n_out,), bias))
        self.scale = math.sqrt(gain / (n_in * max(kernel, 1) ** 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = self.weight * self.scale
        if weight.ndim == 2:
            return F.linear(x, weight, self.bias)
        return F.conv2d(x, weight, self.bias, padding=weight.shape[-1] // 2)


class Styled(nn.Module):
    """Noise, leaky ReLU, then AdaIN: each channel of each image gets its scale and its shift from w."""

    def __init__(self, width: int, w_dim: int) -> None:
        super().__init__()
        self.noise_weight = nn.Parameter(torch.full((1, width, 1, 1), 0.1))
        self.style = Equal(w_dim, 2 * width, gain=1.0)

    def forward(self, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        noise = torch.randn(x.shape[0], 1, x.shape[2], x.shape[3], device=x.device, dtype=x.dtype)
        x = F.leaky_relu(x + self.noise_weight * noise, 0.2)
        scale, shift = self.style(w)[:, :, None, None].chunk(2, 1)
        return F.instance_norm(x) * (1 + scale) + shift


class Generator(nn.Module):
    """(B, z_dim) -> (B, channels, side, side) in (-1, 1); two images of one z differ by their noise."""

    def __init__(self, z_dim: int = 512, width: int = 512, channels: int = 3, side: int = 32) -> None:
        super().__init__()
        self.mapping = nn.Sequential(Equal(z_dim, z_dim), nn.LeakyReLU(0.2), Equal(z_dim, z_dim), nn.LeakyReLU(0.2))
        self.constant = nn.Parameter(torch.ones(1, width, 4, 4))
        doublings = side.bit_length() - 3  # 4 -> 8 -> 16 -> 32: three
        self.convs = nn.ModuleList([Equal(width, width, 3) for _ in range(doublings + 1)])
        self.styles = nn.ModuleList([Styled(width, z_dim) for _ in range(doublings + 1)])
        self.to_image = Equal(width, channels, 1, gain=1.0)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        w = self.mapping(z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt())
        x = self.constant.expand(z.shape[0], -1, -1, -1)
        for k, (conv, style) in enumerate(zip(self.convs, self.styles, strict=True)):
            if k:
                x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = style(conv(x), w)
        return torch.tanh(self.to_image(x))


class Halving(nn.Module):
    """(B, width, H, W) -> (B, width, H / 2, W / 2): a residual block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = Equal(width, width, 3), Equal(width, width, 3)
        self.shortcut = Equal(width, width, 1, gain=1.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.leaky_relu(self.conv2(F.leaky_relu(self.conv1(x), 0.2)), 0.2)
        return (F.avg_pool2d(y, 2) + F.avg_pool2d(self.shortcut(x), 2)) / math.sqrt(2)


class Discriminator(nn.Module):
    """(B, channels, side, side) -> (B, 1): the logit, which depends on the spread of the batch that it comes in."""

    def __init__(self, width: int = 512, channels: int = 3, side: int = 32) -> None:
        super().__init__()
        self.from_image = Equal(channels, width, 1)
        self.blocks = nn.Sequential(*[Halving(width) for _ in range(side.bit_length() - 3)])  # to 4x4
        self.conv = Equal(width + 1, width, 3)
        self.hidden, self.last = Equal(width * 4 * 4, width), Equal(width, 1, gain=1.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.blocks(F.leaky_relu(self.from_image(x), 0.2))
        spread = (x.var(0, unbiased=False) + 1e-8).sqrt().mean()  # of each unit over the batch, on average
        x = torch.cat([x, spread.expand(x.shape[0], 1, x.shape[2], x.shape[3])], 1)
        x = F.leaky_relu(self.conv(x), 0.2)
        return self.last(F.leaky_relu(self.hidden(x.flatten(1)), 0.2))
