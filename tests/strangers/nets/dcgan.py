"""The nets of PyTorch's DCGAN tutorial, for images of 64x64 pixels, written down anew from their description.

Source: "DCGAN Tutorial" (pytorch.org/tutorials/beginner/dcgan_faces_tutorial.html) after Radford, Metz & Chintala 2016.
G takes z as (B, 100, 1, 1); D ends in a sigmoid and gives (B, 1, 1, 1). As there: four strided convolutions each, batch
norm but in G's last and D's first layer, ReLU in G, leaky ReLU 0.2 in D, no biases, weights ~ N(0, 0.02^2).
Simplified: ``width`` is an argument (64 there), and so is the number of channels (3 there).
"""

import torch
from torch import nn


def dcgan_weights(module: nn.Module) -> None:
    """Weights of convolutions ~ N(0, 0.02^2), those of batch norm ~ N(1, 0.02^2), its biases 0."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


class Generator(nn.Module):
    """(B, z_dim, 1, 1) -> (B, channels, 64, 64) in (-1, 1)."""

    def __init__(self, z_dim: int = 100, width: int = 64, channels: int = 3) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        n_in = z_dim
        for k, n_out in enumerate((8 * width, 4 * width, 2 * width, width)):  # 4, 8, 16, 32 pixels a side
            stride, padding = (2, 1) if k else (1, 0)
            layers += [nn.ConvTranspose2d(n_in, n_out, 4, stride, padding, bias=False)]
            layers += [nn.BatchNorm2d(n_out), nn.ReLU(True)]
            n_in = n_out
        layers += [nn.ConvTranspose2d(width, channels, 4, 2, 1, bias=False), nn.Tanh()]
        self.main = nn.Sequential(*layers)
        self.apply(dcgan_weights)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.main(z)


class Discriminator(nn.Module):
    """(B, channels, 64, 64) -> (B, 1, 1, 1): the probability that an image is real."""

    def __init__(self, width: int = 64, channels: int = 3) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True)]
        for n_in in (width, 2 * width, 4 * width):  # 16, 8, 4 pixels a side
            layers += [nn.Conv2d(n_in, 2 * n_in, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * n_in)]
            layers += [nn.LeakyReLU(0.2, inplace=True)]
        layers += [nn.Conv2d(8 * width, 1, 4, 1, 0, bias=False), nn.Sigmoid()]
        self.main = nn.Sequential(*layers)
        self.apply(dcgan_weights)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.main(x)
