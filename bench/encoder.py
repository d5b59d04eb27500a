"""An encoder that only watches a finished run: can z be read from G's images? ``python bench/encoder.py``; it resumes.

`fast` is trained on MNIST with z of 16. Then three encoders learn z from fresh fakes of its averaged G by squared
error, all from the same fakes: one from the image, by layers of D's shape, one from D's frozen features, one from both.
Nothing of them reaches G or D. docs/findings/preregistered.md has what was predicted; the CSV gets a row for each seed
and encoder, and one for a ridge regression on D's features.
"""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import tyro
from torch import Tensor, nn

from ayneh.engine.critic import Critic, critic_of
from ayneh.engine.noise import FIXED, derive
from ayneh.files.whole import atomically
from ayneh.game.inits import he_init
from ayneh.game.layers import BatchNorm1d, Linear, standing_statistics
from ayneh.game.nets import Spec, make_nets
from ayneh.inverse.readback import read_by_ridge
from readings import HELD_OUT, Mnist, Row, base, distance, finished, has, rows_in, through, write

VARIANTS = ("image", "features", "both")
FEATURES, UNITS, BATCH, RATE = 128, 256, 128, 1e-3
SAVED = 1000  # steps between two saved states


class Encoder(nn.Module):
    """z from an image (B, 1, 32, 32), from D's features of it (B, F), or from both, by 128 features of its own."""

    def __init__(self, variant: str, latents: int, given: int) -> None:
        super().__init__()
        self.body = self.joined = None
        if variant != "features":
            _, dis = make_nets("mirror", Spec(z_dim=latents, channels=1, size=32, features=FEATURES))
            self.body = nn.Sequential(dis.features, nn.Flatten())
        if variant != "image":
            n = given + (FEATURES if self.body else 0)
            layers = [BatchNorm1d(n), Linear(n, UNITS), BatchNorm1d(UNITS), nn.LeakyReLU(0.2)]
            layers += [Linear(UNITS, FEATURES), BatchNorm1d(FEATURES), nn.LeakyReLU(0.2)]
            self.joined = nn.Sequential(*layers)
        self.head = Linear(FEATURES, latents)

    def features(self, x: Tensor, given: Tensor) -> Tensor:  # -> (B, 128)
        if self.body is None:
            found: Tensor = self.joined(given)  # type: ignore[misc]
            return found
        own: Tensor = self.body(x)
        return own if self.joined is None else self.joined(torch.cat([own, given], 1))

    def forward(self, x: Tensor, given: Tensor) -> Tensor:
        read: Tensor = self.head(self.features(x, given))
        return read


@dataclass(frozen=True)
class Watched:
    """A finished run, its G and D frozen."""

    critic: Critic

    @torch.no_grad()
    def fakes(self, purpose: str, n: int) -> tuple[Tensor, Tensor, Tensor]:
        """z, G(z), and D's features of it: always the same for this purpose and n."""
        z = self.critic.sampler.latents(purpose, n)
        x = through(self.critic.sampler.gen, z)
        return z, x, self.given(x)

    @torch.no_grad()
    def given(self, x: Tensor) -> Tensor:
        """D's features, (B, F)."""
        return self.critic.dis.features(x).flatten(1)


def taught(watched: Watched, state: Path, steps: int) -> tuple[dict[str, Encoder], float]:
    """The three encoders after so many steps, in eval mode, and the seconds that they took; goes on from ``state``."""
    sampler = watched.critic.sampler
    given = watched.fakes("encoder size", 2)[2].shape[1]
    encoders = {}
    for name in VARIANTS:
        encoders[name] = Encoder(name, sampler.config.prior.dim, given).train()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(sampler.config.seed, FIXED, f"encoder {name}"))
            he_init(encoders[name])
    adams = {name: torch.optim.Adam(net.parameters(), lr=RATE) for name, net in encoders.items()}
    first, before = 0, 0.0
    if state.exists():
        kept = torch.load(state, weights_only=True)
        if kept["steps"] != steps:
            raise SystemExit(f"{state} is of encoders for {kept['steps']} steps: choose another --out.")
        first, before = kept["step"], kept["seconds"]
        for name, net in encoders.items():
            net.load_state_dict(kept["nets"][name])
            adams[name].load_state_dict(kept["adams"][name])
    began = time.process_time()
    for i in range(first, steps):
        z, x, features = watched.fakes(f"encoder step {i}", BATCH)
        for name, net in encoders.items():
            adams[name].param_groups[0]["lr"] = RATE * (1 + math.cos(math.pi * i / steps)) / 2
            loss = (net(x, features) - z).square().mean()
            adams[name].zero_grad()
            loss.backward()
            adams[name].step()
        if (i + 1) % SAVED == 0 or i + 1 == steps:
            seconds = before + time.process_time() - began
            parts = {"nets": encoders, "adams": adams}
            kept = {key: {name: one.state_dict() for name, one in part.items()} for key, part in parts.items()}  # type: ignore[attr-defined]
            with atomically(state) as file:
                torch.save({"step": i + 1, "steps": steps, "seconds": seconds, **kept}, file)
            print(f"seed {sampler.config.seed}: step {i + 1} of {steps}", file=sys.stderr, flush=True)
    seconds = before + time.process_time() - began
    _, x, features = watched.fakes("encoder statistics", 2048)
    for net in encoders.values():
        standing_statistics(net, list(zip(x.split(BATCH), features.split(BATCH), strict=True)))
    return encoders, seconds


def rows_of(watched: Watched, encoders: dict[str, Encoder], mnist: Mnist, about: Row) -> list[Row]:
    """What each encoder reads, and a ridge on D's features."""
    z, _, features = watched.fakes("encoder held out", HELD_OUT)
    gen, given = watched.critic.sampler.gen, watched.given
    rows = []
    for name, net in encoders.items():
        row = about | {"variant": name}
        row |= mnist.read_back(lambda x, net=net: net(x, given(x)), gen, z)
        row["nearest_features"] = mnist.nearest(lambda x, net=net: net.features(x, given(x)))
        row["nearest_numbers"] = mnist.nearest(lambda x, net=net: net(x, given(x)))
        rows.append(row)
    many_z, _, many = watched.fakes("encoder ridge", 4 * HELD_OUT)
    ridge = read_by_ridge(torch.cat([many, features]), torch.cat([many_z, z]), len(many))
    row = about | {"variant": "ridge"} | mnist.read_back(lambda x: ridge.read(given(x)), gen, z)
    row["nearest_features"] = mnist.nearest(given)
    row["nearest_numbers"] = mnist.nearest(lambda x: ridge.read(given(x)))
    return [*rows, row]


def main(
    out: Path = Path("runs/reader"),
    result: Path = Path("docs/findings/studies/encoder.csv"),
    seeds: tuple[int, ...] = (0, 1, 2),
    steps: int = 20_000,
    epochs: int | None = None,
    limit: int | None = None,
) -> None:
    """Train the runs and the encoders that are missing, measure them, and write the CSV.

    Args:
        out: where the runs and the encoders go; `bench/reader.py` takes the same runs.
        result: the CSV.
        seeds: of the runs.
        steps: of each encoder.
        epochs: of each run (default: those of `fast`).
        limit: images of MNIST (default: all).
    """
    torch.set_num_threads(1)
    rows: list[Any] = rows_in(result)
    mnist = Mnist.read(limit)
    for seed in seeds:
        if has(rows, seed=seed):
            continue
        kept = finished(out / f"fast-z16-{seed}", base(seed, epochs, limit))
        watched = Watched(critic_of(kept.config, kept.image_shape, kept.tensors, 0))
        encoders, seconds = taught(watched, out / f"encoder-{seed}.pt", steps)
        fd = distance(watched.critic.sampler.draw("evaluate 0", HELD_OUT))
        about = {"seed": seed, "steps": steps, "processor_s": round(seconds), "fd_10k_mnist_test": fd}
        rows += rows_of(watched, encoders, mnist, about)
        write(result, rows)
    print(result.read_text(encoding="utf-8"))


if __name__ == "__main__":
    tyro.cli(main)
