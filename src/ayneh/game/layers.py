"""Layers without hidden state: batch norm with the statistics of its batch, exact spectral norm."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ayneh.game import narrow


class BatchNorm(nn.BatchNorm2d):
    """y = (x - mean) / sqrt(var + 1e-5) * weight + bias, with the statistics of this batch.

    In the game it keeps no running averages, so that a step is a pure function of its inputs. For sampling,
    `standing_statistics` computes mean and var once, and `eval()` uses those.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, momentum=None)  # None: a plain average over batches
        self.track_running_stats = False


class BatchNorm1d(nn.BatchNorm1d):
    """`BatchNorm` for (B, C) features."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, momentum=None)
        self.track_running_stats = False


class UnitNorm(BatchNorm1d):
    """Each unit standardised over the batch alone, each position of a map by itself: (B, C, H, W) or (B, C).

    Batch norm over channels averages over the positions too, and keeps the differences between them.
    """

    def __init__(self, *shape: int) -> None:
        super().__init__(math.prod(shape))

    def forward(self, x: Tensor) -> Tensor:  # (B, *shape) -> (B, *shape)
        return super().forward(x.flatten(1)).unflatten(1, x.shape[1:]) if x.ndim > 2 else super().forward(x)


class Offset(nn.Module):
    """y = x + c: a constant for each unit, drawn from N(0, std^2): by each run's seed (`redraw`), or once for all runs.

    Without a gain it is not trained; weight decay shrinks one that is drawn by the seed nevertheless. With one,
    c = gain * b and b is trained: under Adam c moves by gain times the learning rate in a step, as W m does for latents
    whose coordinates' means add up to the gain.
    """

    def __init__(self, std: float, gain: float, *shape: int, once: bool = False) -> None:
        super().__init__()
        self.constant, self.gain = std * torch.randn(shape, generator=torch.Generator().manual_seed(0)), gain
        self.std, self.once = std, once
        self.b = nn.Parameter(self.constant / (gain or 1.0)) if gain or not once else None

    @torch.no_grad()
    def redraw(self) -> None:
        """Draw the constant by PyTorch's generator, if it is not one for all runs."""
        if self.b is not None and not self.once:
            self.b.copy_(self.std * torch.randn(self.b.shape) / (self.gain or 1.0))

    def forward(self, x: Tensor) -> Tensor:  # (B, *shape) -> (B, *shape)
        if self.b is None:
            return x + self.constant.to(x)
        return x + (self.gain * self.b if self.gain else self.b.detach())


def redraw_offsets(net: nn.Module) -> None:
    """Draw the constants of a net that each run has of its own."""
    for module in net.modules():
        if isinstance(module, Offset):
            module.redraw()


@torch.no_grad()
def standing_statistics(net: nn.Module, batches: Iterable[Tensor | tuple[Tensor, ...]]) -> nn.Module:
    """Average each batch norm's mean and variance over ``batches`` and leave ``net`` in eval mode.

    A batch is what the net takes: a tensor, or several, such as latents and their classes.

    "Standing statistics" of Brock et al. 2019 (BigGAN, appendix): afterwards an image depends on its own z alone, not
    on the others of its batch. A net without batch norm is only put in eval mode.
    """
    norms = [m for m in net.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    net.eval()  # no dropout, no power iteration
    for norm in norms:
        if norm.running_mean is None:
            mean = norm.weight.new_zeros(norm.num_features) if norm.affine else torch.zeros(norm.num_features)
            norm.running_mean, norm.running_var = mean, torch.ones_like(mean)
            norm.num_batches_tracked = torch.tensor(0)
        norm.track_running_stats, norm.momentum = True, None
        norm.reset_running_stats()
        norm.train()
    for batch in batches if norms else ():
        net(*batch) if isinstance(batch, tuple) else net(batch)
    return net.eval()


class Conv(nn.Conv2d):
    """A convolution; with ``spectral``, by W / sigma(W) (Miyato et al. 2018).

    sigma is the largest singular value of W as a (C_out, C_in * k * k) matrix, computed exactly and differentiated
    through: these matrices are small, and no vector of a power iteration is kept between steps. Where the kernel covers
    the whole image, it is computed as one matrix product, twice as fast as by the library's convolution.
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel: int,
        stride: int,
        padding: int,
        bias: bool,
        spectral: bool = False,
    ) -> None:
        super().__init__(c_in, c_out, kernel, stride, padding, bias=bias)
        self.spectral = spectral

    def forward(self, x: Tensor, weight: Tensor | None = None) -> Tensor:  # (B, C_in, H, W) -> (B, C_out, H', W')
        """weight: another than the layer's own, which may take more channels."""
        weight = self.weight if weight is None else weight
        if self.spectral:
            weight = weight / torch.linalg.matrix_norm(weight.flatten(1), ord=2)
        if x.shape[2:] == self.kernel_size and self.padding == (0, 0):
            return F.linear(_rows(x), _rows(weight), self.bias)[:, :, None, None]
        if narrow.serves(x, x.shape[1], self.kernel_size, self.stride, self.padding):
            return narrow.down(x, weight, self.bias)
        return F.conv2d(x, weight, self.bias, self.stride, self.padding)


class Deconv(nn.ConvTranspose2d):
    """A transposed convolution; of 1x1 images without padding it is one matrix product."""

    def forward(self, x: Tensor, weight: Tensor | None = None) -> Tensor:  # type: ignore[override]
        """(B, C_in, H, W) -> (B, C_out, H', W'); weight as in `Conv`."""
        weight = self.weight if weight is None else weight
        if x.shape[2:] == (1, 1) and self.padding == (0, 0):
            y = x.flatten(1) @ _rows(weight)  # (B, k * k * C_out)
            y = y.unflatten(1, (*self.kernel_size, -1)).movedim(-1, 1)
            return y if self.bias is None else y + self.bias[:, None, None]
        if narrow.serves(x, self.out_channels, self.kernel_size, self.stride, self.padding):
            return narrow.up(x, weight, self.bias)
        return F.conv_transpose2d(x, weight, self.bias, self.stride, self.padding)  # type: ignore[arg-type]


def _rows(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, H * W * C): no copy where channels are last in memory."""
    return x.movedim(1, -1).flatten(1)


class Linear(nn.Linear):
    """An affine map; with ``spectral``, by W / sigma(W), as in `Conv`."""

    def __init__(self, n_in: int, n_out: int, spectral: bool = False) -> None:
        super().__init__(n_in, n_out)
        self.spectral = spectral

    def forward(self, x: Tensor, weight: Tensor | None = None) -> Tensor:  # (B, n_in) -> (B, n_out)
        """weight: as in `Conv`."""
        weight = self.weight if weight is None else weight
        if self.spectral:
            weight = weight / torch.linalg.matrix_norm(weight, ord=2)
        return F.linear(x, weight, self.bias)
