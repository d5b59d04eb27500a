"""Images of a trained generator: of its moving average, with standing batch statistics, from the run's prior."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from ayneh.config import Config
from ayneh.engine.match import Match, prior_of
from ayneh.engine.noise import FIXED, derive, generator
from ayneh.engine.players import net_of
from ayneh.engine.replicas import Memory, Net
from ayneh.errors import UserError
from ayneh.game.frame import levels
from ayneh.game.inside import Player
from ayneh.game.layers import standing_statistics
from ayneh.game.step import State

BATCH = 256  # images at a time
STANDING_LATENTS = 2048  # enough that the averaged mean of a unit is known to 2 % of its deviation


class Sampler:
    """One replica's generator as a plain module in eval mode, with the batch statistics of the replica's prior."""

    def __init__(self, net: Net, row: Tensor, config: Config, memory: Memory | None = None) -> None:
        """row: the weights, (P,); config: that of this replica; memory: what its net remembers (None: at the start)."""
        self.config, self.device, self.dtype = config, row.device, row.dtype
        self.prior = prior_of(config)
        z = self.latents("standing", STANDING_LATENTS)
        self.gen = standing_statistics(net.filled(row, memory), z.split(config.batch))

    def latents(self, purpose: str, n: int) -> Tensor:
        """n latents, (n, Z): always the same for this purpose and n."""
        chance = generator(self.config.seed, FIXED, purpose, self.device)
        return self.prior.sample(n, self.config.prior.dim, chance).to(self.dtype)

    @torch.no_grad()
    def images(self, purpose: str, n: int) -> Tensor:
        """The images of `latents`: float32 (n, C, S, S) in [-1, 1] on the CPU."""
        return torch.cat(
            [
                self._image(z, f"{purpose} {k}").float().cpu()
                for k, z in enumerate(self.latents(purpose, n).split(BATCH))
            ]
        )

    def _image(self, z: Tensor, purpose: str) -> Tensor:
        """G(z), with its own chance where there is some inside."""
        if isinstance(self.gen, Player) and self.gen.seed is not None:
            self.gen.seed = derive(self.config.seed, FIXED, f"inside {purpose}")
        image: Tensor = self.gen(z)
        return image

    def draw(self, purpose: str, n: int) -> Tensor:
        """The same as uint8 (n, C, S, S); a pixel that is not a number becomes middle grey."""
        return levels(self.images(purpose, n).nan_to_num())


def sampler_in(match: Match, state: State, row: int) -> Sampler:
    """The sampler of a row of a match in this state: of its averaged generator."""
    return Sampler(match.gen, state["ema"][row], match.replicas[row], match.gen.of(state, row))


def sampler_of(
    config: Config, image_shape: tuple[int, int, int], tensors: Mapping[str, Tensor], replica: int
) -> Sampler:
    """The sampler of one replica of a checkpoint, on the CPU, without data. UserError if there is no such replica."""
    if not 0 <= replica < config.seeds:
        raise UserError(f"--replica is {replica}; the run has {config.seeds}, counted from 0.")
    config = replace(config, precision="float32")  # the run may have been trained on a device with another
    gen = net_of("gen", config, image_shape, torch.device("cpu"))
    row = gen.pack(gen.weights_in(tensors, "ema", config.seeds))[replica]
    memory = gen.of(gen.restored(tensors, config.seeds, row), replica)
    return Sampler(gen, row, replace(config, seed=config.seed + replica, seeds=1), memory)
