"""Parts of the studies figures-mirror and figures-mlp (docs/findings/studies): dropout elsewhere in D, nn.BCELoss.

`nn.Dropout` draws from PyTorch's generator, so that a stack of such nets runs row by row and is not recorded on a GPU.
`Dropout` here takes its chance from the activations themselves: the digits far behind their decimal points.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import ayneh
from ayneh.game.layers import BatchNorm

Z = 128


class Dropout(nn.Module):
    """Each activation is 0 with probability p, else divided by 1 - p; which are 0 follows from x, image and place.

    Activations are rounded first, so that the last bits of a sum, which differ between kernels, do not matter.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:  # (B, ...) -> (B, ...)
        if not self.training:
            return x
        flat = x.detach().flatten(1).float()  # (B, N)
        place = torch.arange(flat.shape[1], device=x.device) * 2.3999632
        image = (flat.square().mean(1, keepdim=True) * 1000).round()  # maps have constant regions: images differ there
        hashed = ((flat * 64).round() * 12.9898 + place + image * 7.317).sin() * 43758.5453
        return x * (hashed - hashed.floor() >= self.p).view_as(x) / (1 - self.p)


class MirrorGen(nn.Sequential):
    """The generator of `mirror`, of PyTorch's own layers and with their initial weights."""

    def __init__(self) -> None:
        layers: list[nn.Module] = [nn.Unflatten(1, (Z, 1, 1)), nn.ConvTranspose2d(Z, 64, 4)]
        for c_in, c_out in ((64, 32), (32, 16)):
            layers += [nn.ConvTranspose2d(c_in, c_out, 4, 2, 1, bias=False), BatchNorm(c_out), nn.LeakyReLU(0.2)]
        super().__init__(*layers, nn.ConvTranspose2d(16, 1, 4, 2, 1), nn.Tanh())


class MirrorDis(nn.Sequential):
    """The discriminator of `mirror` with dropout after its first convolution and after each block."""

    def __init__(self, p: float) -> None:
        layers: list[nn.Module] = [nn.Conv2d(1, 16, 4, 2, 1), Dropout(p)]
        for c_in, c_out, stride, padding in ((16, 32, 2, 1), (32, 64, 2, 1), (64, 128, 1, 0)):
            layers += [nn.Conv2d(c_in, c_out, 4, stride, padding, bias=False), BatchNorm(c_out)]
            layers += [nn.LeakyReLU(0.2), Dropout(p)]
        super().__init__(*layers, nn.Conv2d(128, 1, 1), nn.Flatten(0))


class MlpGen(nn.Sequential):
    """z -> 256 -> 512 -> pixels, leaky ReLU 0.1 between, tanh at the end."""

    def __init__(self) -> None:
        layers: list[nn.Module] = []
        for n_in, n_out in ((Z, 256), (256, 512)):
            layers += [nn.Linear(n_in, n_out), nn.LeakyReLU(0.1)]
        super().__init__(*layers, nn.Linear(512, 28 * 28), nn.Tanh(), nn.Unflatten(1, (1, 28, 28)))


class MlpDis(nn.Sequential):
    """Pixels -> 512 -> 256 -> logit, leaky ReLU 0.1 and dropout between."""

    def __init__(self, p: float) -> None:
        layers: list[nn.Module] = [nn.Flatten()]
        for n_in, n_out in ((28 * 28, 512), (512, 256)):
            layers += [nn.Linear(n_in, n_out), nn.LeakyReLU(0.1), Dropout(p)]
        super().__init__(*layers, nn.Linear(256, 1), nn.Flatten(0))


def bce(logits: Tensor, label: float) -> Tensor:
    """nn.BCELoss on the sigmoid of logits, for each image: it cuts the logarithm off at -100."""
    p = logits.sigmoid()
    return F.binary_cross_entropy(p, torch.full_like(p, label), reduction="none")


def bce_dis(real: Tensor, fake: Tensor) -> Tensor:
    """D's loss: its real term plus its fake term, as in ayneh's own."""
    return bce(real, 1.0) + bce(fake, 0.0)


ayneh.add("loss", "bce", ayneh.Loss(bce_dis, gen=lambda fake: bce(fake, 1.0)))
ayneh.add("net", "mirror-after-blocks", (MirrorGen, MirrorDis), dis_args={"p": 0.3})
ayneh.add("net", "mlp-between-layers", (MlpGen, MlpDis), dis_args={"p": 0.5})
