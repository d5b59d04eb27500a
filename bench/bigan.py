"""ALI / BiGAN (Dumoulin et al. 2017; Donahue et al. 2017) on MNIST: ``python bench/bigan.py``; it resumes.

D judges pairs: (x, E(x)) of a real image and (G(z), z) of a generated one; G and E descend together against it. If D
cannot tell the pairs apart, E is an inverse of G. The nets are the report's in plain PyTorch, E is of D's shape, and z
joins D's features before two linear layers. All else is as in the preset `fast`: batch, rates, R1 (here on both parts
of a pair), noise that fades, averaged weights. docs/findings/preregistered.md has what was predicted; the CSV gets a
row for each seed. With --device cuda a step is one CUDA graph, and chance comes from the device's own generator.
"""

from __future__ import annotations

import copy
import sys
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
import tyro
from torch import Tensor, nn
from torch.nn.functional import softplus

from ayneh.__main__ import in_sentences
from ayneh.engine.device import choose_device, choose_precision
from ayneh.errors import UserError
from ayneh.files.whole import atomically, refuse_unwritable
from ayneh.game.frame import levels, put, scale
from each import each
from readings import HELD_OUT, Mnist, Row, distance, has, rows_in, through, write
from recorded import adam, recorded

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

    def __init__(self, seed: int, device: torch.device) -> None:
        torch.manual_seed(seed)
        nets = [net.apply(initial_weights).to(device) for net in (generator(), encoder(), Judge())]
        self.gen, self.enc, self.dis = nets
        self.gen_mean, self.enc_mean = copy.deepcopy(self.gen), copy.deepcopy(self.enc)
        both = [*self.gen.parameters(), *self.enc.parameters()]
        self.adam_gen = adam(both, RATE, betas=(0.5, 0.999))
        self.adam_dis = adam(self.dis.parameters(), RATE, betas=(0.5, 0.999))
        self.steps, self.epochs, self.seconds = 0, 0, 0.0

    def update(self, real: Tensor, z: Tensor, noise: Tensor) -> None:
        """One update of D, then one of G and E together; noise: (4, *real.shape), of what D sees."""
        fake, read, added = self.gen(z), self.enc(real), iter(noise)

        def seen(x: Tensor) -> Tensor:
            return x + next(added)

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

    @property
    def sigma(self) -> float:
        """Of the noise in the next step."""
        return NOISE * max(0.0, 1 - self.steps * BATCH / NOISE_IMAGES)

    @torch.no_grad()
    def average(self) -> None:
        """Count a step, and move the averages."""
        self.steps += 1
        keep = min(0.5 ** (BATCH / HALFLIFE_IMAGES), self.steps / (self.steps + 9))
        slow, now = (
            [p for net in nets for p in net.parameters()]
            for nets in ((self.gen_mean, self.enc_mean), (self.gen, self.enc))
        )
        torch._foreach_mul_(slow, keep)
        torch._foreach_add_(slow, now, alpha=1 - keep)

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


def played(seed: int, pixels: Tensor, epochs: int, path: Path) -> Players:
    """The players after so many epochs, where the pixels are; goes on from the checkpoint of the last one."""
    device = pixels.device
    players = Players(seed, device)
    if path.exists():
        players.load(torch.load(path, weights_only=True, map_location=device))
        if players.epochs > epochs:
            raise UserError(f"{path} is of {players.epochs} epochs, and --epochs is {epochs}: choose another --out.")
    real, z = scale(pixels[:BATCH]), torch.zeros(BATCH, Z, device=device)  # where a recorded step reads
    noise = torch.zeros(4, *real.shape, device=device)
    z.normal_(generator=torch.Generator(device).manual_seed(seed))  # the recording is checked on them
    nets, adams = [players.gen, players.enc, players.dis], [players.adam_gen, players.adam_dis]
    update = recorded(lambda: players.update(real, z, noise), nets, adams, device)
    while players.epochs < epochs:
        began, draw = time.process_time(), torch.Generator(device).manual_seed(1000 * seed + players.epochs)
        order = torch.randperm(len(pixels), generator=draw, device=device)
        for rows in order.split(BATCH)[: len(pixels) // BATCH]:  # whole batches
            real.copy_(scale(pixels[rows]))
            for x in (z, *noise):
                x.normal_(generator=draw)
            noise.mul_(players.sigma)
            update()
            players.average()
        players.epochs += 1
        players.seconds += time.process_time() - began
        with atomically(path) as file:
            torch.save(players.state(), file)
        print(f"seed {seed}: epoch {players.epochs} of {epochs}", file=sys.stderr, flush=True)
    return players


def measured(out: Path, epochs: int, limit: int | None, device: str, seed: int) -> Row:
    """The row of this seed, whose game is played if it is not at its end."""
    torch.set_num_threads(1)
    place, end = choose_device(device), "" if device == "cpu" else f"-{device}"
    choose_precision("float32", place)
    mnist = Mnist.read(limit, device)
    pixels = put(mnist.train, 32)
    players = played(seed, pixels, epochs, out / f"bigan-{seed}{end}.pt")
    draw = torch.Generator(place).manual_seed(1000 * seed + 999)
    normal = partial(torch.randn, generator=draw, device=place)
    gen = standing(players.gen_mean, normal(2048, Z).split(BATCH))
    reals = scale(pixels[torch.randperm(len(pixels), generator=draw, device=place)[:2048]]).split(BATCH)
    enc = standing(players.enc_mean, reals)
    fakes = through(gen, normal(2048, Z)).split(BATCH)
    seen = standing(players.dis.features, [*reals, *fakes])
    z = normal(HELD_OUT, Z)
    row: Row = {"seed": seed, "epochs": epochs, "processor_s": round(players.seconds)}
    row["fd_10k_mnist_test"] = distance(levels(through(gen, z)).cpu())
    row |= mnist.read_back(enc, gen, z)
    row |= {"nearest_features": mnist.nearest(seen), "nearest_numbers": mnist.nearest(enc), "device": device}
    return row


def main(
    out: Path = Path("runs/bigan"),
    result: Path = Path("docs/findings/studies/bigan.csv"),
    seeds: tuple[int, ...] = (0, 1, 2),
    epochs: int = 10,
    limit: int | None = None,
    device: Literal["cpu", "cuda"] = "cpu",
    workers: int = 1,
) -> None:
    """Play the seeds that are missing, measure them, and write the CSV.

    Args:
        out: where the checkpoints go, one for each seed, after each epoch.
        result: the CSV.
        seeds: of the games.
        epochs: of each game.
        limit: images of MNIST (default: all).
        device: of the games.
        workers: seeds at a time, each in a process of its own.
    """
    refuse_unwritable(result)
    rows: list[Any] = rows_in(result)
    missing = [seed for seed in seeds if not has(rows, seed=seed, epochs=epochs)]
    for _, row in each(partial(measured, out, epochs, limit, device), missing, workers):
        rows.append(row)
        write(result, rows)
    print(result.read_text(encoding="utf-8"))


if __name__ == "__main__":
    in_sentences(partial(tyro.cli, main))
