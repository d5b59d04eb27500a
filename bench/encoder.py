"""An encoder that only watches a finished run: can z be read from G's images? ``python bench/encoder.py``; it resumes.

`fast` is trained on MNIST with z of 16. Then three encoders learn z from fresh fakes of its averaged G by squared
error, all from the same fakes: one from the image, by layers of D's shape, one from D's frozen features, one from both.
Nothing of them reaches G or D. docs/findings/preregistered.md has what was predicted; the CSV gets a row for each seed
and encoder, and one for a ridge regression on D's features. With --device cuda the seeds' runs are the replicas of one
run, and a step of the encoders is one CUDA graph; the judge computes on the CPU.
"""

from __future__ import annotations

import copy
import math
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
import tyro
from torch import Tensor, nn

from ayneh.__main__ import in_sentences
from ayneh.engine.critic import Critic, critic_of
from ayneh.engine.device import choose_device, choose_precision
from ayneh.engine.noise import FIXED, derive
from ayneh.errors import UserError
from ayneh.files.whole import atomically, refuse_unwritable
from ayneh.game.inits import he_init
from ayneh.game.layers import BatchNorm1d, Linear, standing_statistics
from ayneh.game.nets import Spec, make_nets
from ayneh.inverse.readback import read_by_ridge
from each import each
from readings import HELD_OUT, Mnist, Row, distance, has, replica_of, rows_in, through, write
from recorded import adam, recorded, set_rate

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
    """A finished run, its G and D frozen, on a device."""

    critic: Critic  # on the CPU, where z is drawn in any case
    gen: nn.Module
    dis: Any
    device: torch.device

    @classmethod
    def on(cls, device: torch.device, critic: Critic) -> Watched:
        gen, dis = critic.sampler.gen, critic.dis
        if device.type != "cpu":
            gen, dis = (copy.deepcopy(net).to(device) for net in (gen, dis))  # type: ignore[assignment]
        return cls(critic, gen, dis, device)

    def latents(self, *purposes: str, n: int) -> Tensor:
        """z of each purpose, (purposes, n, Z): always the same for this purpose and n."""
        return torch.stack([self.critic.sampler.latents(purpose, n) for purpose in purposes]).to(self.device)

    def fakes(self, purpose: str, n: int) -> tuple[Tensor, Tensor, Tensor]:
        """z, G(z), and D's features of it."""
        (z,) = self.latents(purpose, n=n)
        return z, *self.seen(z)

    @torch.no_grad()
    def seen(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """G(z), and D's features of it."""
        x = through(self.gen, z)
        return x, self.given(x)

    @torch.no_grad()
    def given(self, x: Tensor) -> Tensor:
        """D's features, (B, F)."""
        features: Tensor = self.dis.features(x)
        return features.flatten(1)


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
        encoders[name].to(watched.device)
    adams = {name: adam(net.parameters(), RATE) for name, net in encoders.items()}
    first, before = 0, 0.0
    if state.exists():
        kept = torch.load(state, weights_only=True, map_location=watched.device)
        if kept["steps"] != steps:
            raise UserError(f"{state} is of encoders for {kept['steps']} steps: choose another --out.")
        first, before = kept["step"], kept["seconds"]
        for name, net in encoders.items():
            net.load_state_dict(kept["nets"][name])
            adams[name].load_state_dict(kept["adams"][name])
    began, z = time.process_time(), torch.zeros(BATCH, sampler.config.prior.dim, device=watched.device)

    def play() -> None:
        x, features = watched.seen(z)
        for name, net in encoders.items():
            loss = (net(x, features) - z).square().mean()
            adams[name].zero_grad()
            loss.backward()
            adams[name].step()

    z.copy_(watched.latents("encoder size", n=BATCH)[0])  # the recording is checked on them
    step = recorded(play, list(encoders.values()), list(adams.values()), watched.device)
    while first < steps:
        last = min((first // SAVED + 1) * SAVED, steps)
        drawn = watched.latents(*(f"encoder step {i}" for i in range(first, last)), n=BATCH)
        for i in range(first, last):
            for one in adams.values():
                set_rate(one, RATE * (1 + math.cos(math.pi * i / steps)) / 2)
            z.copy_(drawn[i - first])
            step()
        first, seconds = last, before + time.process_time() - began
        parts = {"nets": encoders, "adams": adams}
        kept = {key: {name: one.state_dict() for name, one in part.items()} for key, part in parts.items()}  # type: ignore[attr-defined]
        with atomically(state) as file:
            torch.save({"step": first, "steps": steps, "seconds": seconds, **kept}, file)
        print(f"seed {sampler.config.seed}: step {first} of {steps}", file=sys.stderr, flush=True)
    seconds = before + time.process_time() - began
    _, x, features = watched.fakes("encoder statistics", 2048)
    for net in encoders.values():
        standing_statistics(net, list(zip(x.split(BATCH), features.split(BATCH), strict=True)))
    return encoders, seconds


def rows_of(watched: Watched, encoders: dict[str, Encoder], mnist: Mnist, about: Row) -> list[Row]:
    """What each encoder reads, and a ridge on D's features."""
    z, _, features = watched.fakes("encoder held out", HELD_OUT)
    gen, given = watched.gen, watched.given
    rows = []
    for name, net in encoders.items():
        row = about | {"variant": name}
        row |= mnist.read_back(lambda x, net=net: net(x, given(x)), gen, z)
        row["nearest_features"] = mnist.nearest(lambda x, net=net: net.features(x, given(x)))
        row["nearest_numbers"] = mnist.nearest(lambda x, net=net: net(x, given(x)))
        rows.append(row)
    many_z, _, many = watched.fakes("encoder ridge", 4 * HELD_OUT)
    ridge = read_by_ridge(torch.cat([many, features]).cpu(), torch.cat([many_z, z]).cpu(), len(many))

    def read(x: Tensor) -> Tensor:
        return ridge.read(given(x).cpu()).to(x.device)

    row = about | {"variant": "ridge"} | mnist.read_back(read, gen, z)
    row["nearest_features"] = mnist.nearest(given)
    row["nearest_numbers"] = mnist.nearest(read)
    return [*rows, row]


def measured(
    out: Path, seeds: tuple[int, ...], steps: int, epochs: int | None, limit: int | None, device: str, seed: int
) -> list[Row]:
    """The rows of this seed, whose run and encoders are trained if they are not at their end."""
    torch.set_num_threads(1)
    kept, replica, _ = replica_of(out, "fast-z16", seed, seeds, device, epochs=epochs, limit=limit)
    place, end = choose_device(device), "" if device == "cpu" else f"-{device}"
    choose_precision("float32", place)  # the run may have been trained in tf32
    watched = Watched.on(place, critic_of(kept.config, kept.image_shape, kept.tensors, replica))
    encoders, seconds = taught(watched, out / f"encoder-{seed}{end}.pt", steps)
    fd = distance(watched.critic.sampler.draw("evaluate 0", HELD_OUT))
    about = {"seed": seed, "steps": steps, "processor_s": round(seconds), "fd_10k_mnist_test": fd, "device": device}
    return rows_of(watched, encoders, Mnist.read(limit, device), about)


def main(
    out: Path = Path("runs/reader"),
    result: Path = Path("docs/findings/studies/encoder.csv"),
    seeds: tuple[int, ...] = (0, 1, 2),
    steps: int = 20_000,
    epochs: int | None = None,
    limit: int | None = None,
    device: Literal["cpu", "cuda"] = "cpu",
    workers: int = 1,
) -> None:
    """Train the runs and the encoders that are missing, measure them, and write the CSV.

    Args:
        out: where the runs and the encoders go; `bench/reader.py` takes the same runs.
        result: the CSV.
        seeds: of the runs.
        steps: of each encoder.
        epochs: of each run (default: those of `fast`).
        limit: images of MNIST (default: all).
        device: of the runs and the encoders.
        workers: seeds at a time, each in a process of its own.
    """
    torch.set_num_threads(1)
    refuse_unwritable(result)
    rows: list[Any] = rows_in(result)
    missing = [seed for seed in seeds if not has(rows, seed=seed, steps=steps)]
    if device == "cuda" and missing:
        replica_of(out, "fast-z16", missing[0], seeds, device, epochs=epochs, limit=limit)  # one run, for all processes
    for _, found in each(partial(measured, out, seeds, steps, epochs, limit, device), missing, workers):
        rows += found
        write(result, rows)
    print(result.read_text(encoding="utf-8"))


if __name__ == "__main__":
    in_sentences(partial(tyro.cli, main))
