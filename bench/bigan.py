"""ALI / BiGAN (Dumoulin et al. 2017; Donahue et al. 2017) on MNIST: ``python bench/bigan.py``; it resumes.

D judges pairs: (x, E(x)) of a real image and (G(z), z) of a generated one; G and E descend together against it. If D
cannot tell the pairs apart, E is an inverse of G. The nets are the report's in plain PyTorch, E is of D's shape, and z
joins D's features before two linear layers. All else is as in the preset `fast`: batch, rates, R1 (here on both parts
of a pair), noise that fades, averaged weights. docs/findings/preregistered.md has what was predicted; the CSV gets a
row for each seed.
"""

from __future__ import annotations

import copy
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
import tyro
from torch import Tensor, nn
from torch.nn.functional import softplus

from ayneh.files.whole import atomically
from ayneh.game.frame import levels, put, scale
from readings import HELD_OUT, Mnist, distance, has, rows_in, through, write

Z, BATCH, RATE = 16, 64, 2e-3
GAMMA = 0.5  # of R1: gamma/2 |slope|^2
NOISE, NOISE_IMAGES = 0.5, 60_000  # standard deviation of what is added to D's images, and the images until it is 0
HALFLIFE_IMAGES = 20_000  # of the averages of G and E


def generator() -> nn.Module:
    """z (B, 16) -> image (B, 1, 32, 32) in [-1, 1]."""
    return nn.Sequential(
        nn.Unflatten(1, (Z, 1, 1)), nn.ConvTranspose2d(Z, 64, 4),
        nn.ConvTranspose2d(64, 32, 4, 2, 1, bias=False), nn.BatchNorm2d(32), nn.LeakyReLU(0.2),
        nn.ConvTranspose2d(32, 16, 4, 2, 1, bias=False), nn.BatchNorm2d(16), nn.LeakyReLU(0.2),
        nn.ConvTranspose2d(16, 1, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip


def features() -> nn.Module:
    """Image -> (B, 128)."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 4, 2, 1),
        nn.Conv2d(16, 32, 4, 2, 1, bias=False), nn.BatchNorm2d(32), nn.LeakyReLU(0.2),
        nn.Conv2d(32, 64, 4, 2, 1, bias=False), nn.BatchNorm2d(64), nn.LeakyReLU(0.2),
        nn.Conv2d(64, 128, 4, bias=False), nn.BatchNorm2d(128), nn.LeakyReLU(0.2), nn.Flatten(),
    )  # fmt: skip


def encoder() -> nn.Module:
    """Image -> z."""
    return nn.Sequential(features(), nn.Linear(128, Z))


class Judge(nn.Module):
    """(image, z) -> logit (B,), above 0 where the pair looks like (x, E(x))."""

    def __init__(self) -> None:
        super().__init__()
        self.features = features()
        self.joined = nn.Sequential(nn.Linear(128 + Z, 128), nn.LeakyReLU(0.2), nn.Linear(128, 1))

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        logits: Tensor = self.joined(torch.cat([self.features(x), z], 1))
        return logits.flatten()


def initial_weights(module: nn.Module) -> None:
    """Those of DCGAN (Radford et al. 2016)."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
    if isinstance(bias := getattr(module, "bias", None), Tensor):
        nn.init.zeros_(bias)


class Players:
    """G, E and D, the averages of G and E, and an Adam for each side."""

    def __init__(self, seed: int) -> None:
        torch.manual_seed(seed)
        self.gen, self.enc, self.dis = (net.apply(initial_weights) for net in (generator(), encoder(), Judge()))
        self.gen_mean, self.enc_mean = copy.deepcopy(self.gen), copy.deepcopy(self.enc)
        both = [*self.gen.parameters(), *self.enc.parameters()]
        self.adam_gen = torch.optim.Adam(both, lr=RATE, betas=(0.5, 0.999))
        self.adam_dis = torch.optim.Adam(self.dis.parameters(), lr=RATE, betas=(0.5, 0.999))
        self.steps, self.epochs, self.seconds = 0, 0, 0.0

    def step(self, real: Tensor, draw: torch.Generator) -> None:
        """One update of D, then one of G and E together."""
        z = torch.randn(len(real), Z, generator=draw)
        fake, read = self.gen(z), self.enc(real)
        sigma = NOISE * max(0.0, 1 - self.steps * BATCH / NOISE_IMAGES)

        def seen(x: Tensor) -> Tensor:
            return x + sigma * torch.randn(x.shape, generator=draw)

        pair = seen(real).requires_grad_(), read.detach().requires_grad_()
        real_logits, fake_logits = self.dis(*pair), self.dis(seen(fake.detach()), z)
        slopes = torch.autograd.grad(real_logits.sum(), pair, create_graph=True)
        r1 = torch.stack([slope.flatten(1).square().sum(1) for slope in slopes]).sum(0)
        loss = (softplus(-real_logits) + softplus(fake_logits) + GAMMA / 2 * r1).mean()
        self.adam_dis.zero_grad()
        loss.backward()
        self.adam_dis.step()

        loss = (softplus(self.dis(seen(real), read)) + softplus(-self.dis(seen(fake), z))).mean()
        self.adam_gen.zero_grad()
        loss.backward()
        self.adam_gen.step()
        self.steps += 1
        keep = min(0.5 ** (BATCH / HALFLIFE_IMAGES), self.steps / (self.steps + 9))
        with torch.no_grad():
            for mean, net in ((self.gen_mean, self.gen), (self.enc_mean, self.enc)):
                for slow, now in zip(mean.parameters(), net.parameters(), strict=True):
                    slow.mul_(keep).add_(now, alpha=1 - keep)

    def state(self) -> dict[str, Any]:
        """All that a checkpoint needs."""
        return {name: x.state_dict() if hasattr(x, "state_dict") else x for name, x in vars(self).items()}

    def load(self, state: dict[str, Any]) -> None:
        """Take over the state of a checkpoint."""
        for name, value in state.items():
            if hasattr(part := getattr(self, name), "load_state_dict"):
                part.load_state_dict(value)
            else:
                setattr(self, name, value)


@torch.no_grad()
def standing(net: nn.Module, batches: Iterable[Tensor]) -> nn.Module:
    """A copy in eval mode whose batch norms have the mean statistics of these batches."""
    net = copy.deepcopy(net).train()
    for norm in (module for module in net.modules() if isinstance(module, nn.BatchNorm2d)):
        norm.momentum = None  # a plain mean over the batches that follow
        norm.reset_running_stats()
    for batch in batches:
        net(batch)
    return net.eval()


def played(seed: int, pixels: Tensor, epochs: int, folder: Path) -> Players:
    """The players after so many epochs; goes on from the checkpoint of the last one."""
    players, path = Players(seed), folder / f"bigan-{seed}.pt"
    if path.exists():
        players.load(torch.load(path, weights_only=True))
    while players.epochs < epochs:
        began, draw = time.process_time(), torch.Generator().manual_seed(1000 * seed + players.epochs)
        order = torch.randperm(len(pixels), generator=draw)
        for rows in order.split(BATCH)[: len(pixels) // BATCH]:  # whole batches
            players.step(scale(pixels[rows]), draw)
        players.epochs += 1
        players.seconds += time.process_time() - began
        with atomically(path) as file:
            torch.save(players.state(), file)
        print(f"seed {seed}: epoch {players.epochs} of {epochs}", file=sys.stderr, flush=True)
    return players


def main(
    out: Path = Path("runs/bigan"),
    result: Path = Path("docs/findings/studies/bigan.csv"),
    seeds: tuple[int, ...] = (0, 1, 2),
    epochs: int = 10,
    limit: int | None = None,
) -> None:
    """Play the seeds that are missing, measure them, and write the CSV.

    Args:
        out: where the checkpoints go, one for each seed, after each epoch.
        result: the CSV.
        seeds: of the games.
        epochs: of each game.
        limit: images of MNIST (default: all).
    """
    torch.set_num_threads(1)
    rows: list[Any] = rows_in(result)
    mnist = Mnist.read(limit)
    pixels = put(mnist.train, 32)
    for seed in seeds:
        if has(rows, seed=seed):
            continue
        players = played(seed, pixels, epochs, out)
        draw = torch.Generator().manual_seed(1000 * seed + 999)
        gen = standing(players.gen_mean, torch.randn(2048, Z, generator=draw).split(BATCH))
        reals = scale(pixels[torch.randperm(len(pixels), generator=draw)[:2048]]).split(BATCH)
        enc = standing(players.enc_mean, reals)
        fakes = through(gen, torch.randn(2048, Z, generator=draw)).split(BATCH)
        seen = standing(players.dis.features, [*reals, *fakes])  # type: ignore[arg-type]
        z = torch.randn(HELD_OUT, Z, generator=draw)
        row = {"seed": seed, "epochs": epochs, "processor_s": round(players.seconds)}
        row["fd_10k_mnist_test"] = distance(levels(through(gen, z)))
        row |= mnist.read_back(enc, gen, z)
        row |= {"nearest_features": mnist.nearest(seen), "nearest_numbers": mnist.nearest(enc)}
        rows.append(row)
        write(result, rows)
    print(result.read_text(encoding="utf-8"))


if __name__ == "__main__":
    tyro.cli(main)
