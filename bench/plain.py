"""The plain loops for comparison: the mirror nets in a training loop in the style of PyTorch's DCGAN tutorial.

Three calls of D and one of G a step, `.backward()`, `torch.optim.Adam`, fakes made once, D's gradients computed
(and not used) in G's step too. The tuned loop plays the same game as a careful user would write it: channels last in
memory, fused Adam, and no gradients of D's weights in G's step. Nothing of ayneh's engine is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn


def generator() -> nn.Module:
    """Report R8, written out."""
    return nn.Sequential(
        nn.ConvTranspose2d(128, 64, 4),
        nn.ConvTranspose2d(64, 32, 4, 2, 1, bias=False), nn.BatchNorm2d(32), nn.LeakyReLU(0.2),
        nn.ConvTranspose2d(32, 16, 4, 2, 1, bias=False), nn.BatchNorm2d(16), nn.LeakyReLU(0.2),
        nn.ConvTranspose2d(16, 1, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip


def discriminator() -> nn.Module:
    """Report R7, written out, with the sigmoid in the net as the tutorial has it."""
    return nn.Sequential(
        nn.Dropout(0.3),
        nn.Conv2d(1, 16, 4, 2, 1),
        nn.Conv2d(16, 32, 4, 2, 1, bias=False), nn.BatchNorm2d(32), nn.LeakyReLU(0.2),
        nn.Conv2d(32, 64, 4, 2, 1, bias=False), nn.BatchNorm2d(64), nn.LeakyReLU(0.2),
        nn.Conv2d(64, 128, 4, bias=False), nn.BatchNorm2d(128), nn.LeakyReLU(0.2),
        nn.Conv2d(128, 1, 1), nn.Sigmoid(), nn.Flatten(0),
    )  # fmt: skip


def plain_loop(batches: Iterator[Tensor], device: str = "cpu") -> Callable[[], None]:
    """A function that plays one step on the next batch of real images, float (B, 1, 32, 32) in [-1, 1]."""
    gen, dis = generator().to(device), discriminator().to(device)
    opt_g = torch.optim.Adam(gen.parameters(), lr=2e-4, betas=(0.5, 0.999))
    opt_d = torch.optim.Adam(dis.parameters(), lr=2e-4, betas=(0.5, 0.999))
    criterion = nn.BCELoss()

    def one_step() -> None:
        real = next(batches).to(device)
        ones, zeros = torch.ones(len(real), device=device), torch.zeros(len(real), device=device)
        dis.zero_grad()
        criterion(dis(real), ones).backward()
        fake = gen(torch.randn(len(real), 128, 1, 1, device=device))
        criterion(dis(fake.detach()), zeros).backward()
        opt_d.step()
        gen.zero_grad()
        criterion(dis(fake), ones).backward()
        opt_g.step()

    return one_step


def tuned_loop(batches: Iterator[Tensor], device: str = "cpu", compiled: bool = False) -> Callable[[], None]:
    """As `plain_loop`, tuned; compiled: both nets under `torch.compile`, whose first step takes up to a minute."""
    gen, dis = (net.to(device, memory_format=torch.channels_last) for net in (generator(), discriminator()))
    opt_g = torch.optim.Adam(gen.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=True)
    opt_d = torch.optim.Adam(dis.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=True)
    criterion = nn.BCELoss()
    # dynamic=False: told apart by strides, PyTorch 2.13 would compile D a third time for any stride, and fail.
    draw, judge = (torch.compile(net, dynamic=False) if compiled else net for net in (gen, dis))

    def one_step() -> None:
        real = next(batches).to(device, memory_format=torch.channels_last)
        ones, zeros = torch.ones(len(real), device=device), torch.zeros(len(real), device=device)
        dis.requires_grad_(True)
        opt_d.zero_grad(set_to_none=True)
        loss = criterion(judge(real), ones)
        fake = draw(torch.randn(len(real), 128, 1, 1, device=device))
        (loss + criterion(judge(fake.detach()), zeros)).backward()
        opt_d.step()
        dis.requires_grad_(False)
        opt_g.zero_grad(set_to_none=True)
        criterion(judge(fake), ones).backward()
        opt_g.step()

    return one_step


def in_memory(pixels: Tensor, batch: int) -> Iterator[Tensor]:
    """Shuffled batches of a float tensor (N, 1, 32, 32) that is already padded and scaled."""
    while True:
        for rows in torch.randperm(len(pixels)).split(batch):
            if len(rows) == batch:
                yield pixels[rows]


class PilImages(torch.utils.data.Dataset[Tensor]):
    """As torchvision's MNIST: each item goes through a PIL image, is padded, made a float tensor and scaled."""

    def __init__(self, pixels: Tensor) -> None:
        self.pixels = pixels  # uint8 (N, 1, 28, 28)

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, i: int) -> Tensor:
        import numpy as np
        from PIL import Image, ImageOps

        image = ImageOps.expand(Image.fromarray(self.pixels[i, 0].numpy()), border=2)
        return torch.from_numpy(np.array(image)).float().div(255).sub(0.5).div(0.5)[None]


def through_pil(pixels: Tensor, batch: int) -> Iterator[Tensor]:
    """Shuffled batches by a data loader without workers."""
    loader = torch.utils.data.DataLoader(PilImages(pixels), batch, shuffle=True, drop_last=True)
    while True:
        yield from loader
