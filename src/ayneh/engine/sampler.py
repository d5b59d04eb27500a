"""Images of a trained generator: of its moving average, with standing batch statistics, from the run's prior."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor, nn

from ayneh.config import Config
from ayneh.engine.classes import drawn
from ayneh.engine.match import Match, prior_of
from ayneh.engine.noise import FIXED, derive, generator
from ayneh.engine.players import net_of
from ayneh.engine.replicas import Memory, Net
from ayneh.errors import UserError, need_replica
from ayneh.game.frame import levels
from ayneh.game.inside import Player
from ayneh.game.layers import standing_statistics
from ayneh.game.step import State
from ayneh.labels import Labels

BATCH = 256  # images at a time
Seen = TypeVar("Seen", Tensor, tuple[Tensor, ...])
STANDING_LATENTS = 2048  # enough that the averaged mean of a unit is known to 2 % of its deviation


def standing_images(batch: int) -> int:
    """The images behind standing statistics: whole batches, for each batch has the same weight in their average."""
    return max(STANDING_LATENTS, batch) // batch * batch


class Sampler:
    """One replica's generator as a plain module in eval mode, with the batch statistics of the replica's prior."""

    def __init__(
        self, net: Net, row: Tensor, config: Config, memory: Memory | None = None, labels: Labels | None = None
    ) -> None:
        """row: the weights, (P,); config: that of this replica; memory: what its net remembers (None: at the start).

        labels: the classes of a labelled run, whose G, ``gen(z, y)``, takes them.
        """
        self.config, self.device, self.dtype, self.labels = config, row.device, row.dtype, labels
        self.prior, self.standing = prior_of(config), standing_images(config.batch)
        batches: list[tuple[Tensor, ...]] = list(zip(self.latents("standing", self.standing).split(config.batch)))
        if labels:
            classes = self.classes("standing", self.standing).to(self.device).split(config.batch)
            batches = [(*z, y) for z, y in zip(batches, classes, strict=True)]
        self.gen = net.filled(row, memory)
        self.trained = [p for p in self.gen.parameters() if p.requires_grad]  # own nets may freeze some
        standing_statistics(self.gen, self.by_chance(self.gen, "standing", batches))

    def latents(self, purpose: str, n: int) -> Tensor:
        """n latents, (n, Z): always the same for this purpose and n."""
        chance = generator(self.config.seed, FIXED, purpose, self.device)
        return self.prior.sample(n, self.config.prior.dim, chance).to(self.dtype)

    def classes(self, purpose: str, n: int) -> Tensor:
        """n classes of a labelled run, int64 (n,) on the CPU, by its shares: always the same for this purpose and n.

        Raises UserError in a run without labels.
        """
        if self.labels is None:
            raise UserError("This run has no labels: its images have no classes.")
        return drawn(self.labels, self.config.rules.classes, n, self.config.seed, f"{purpose} classes")

    @torch.no_grad()
    def images(self, purpose: str, n: int, classes: Tensor | None = None) -> Tensor:
        """The images of `latents`: float32 (n, C, S, S) in [-1, 1] on the CPU.

        classes: of the images of a labelled run, int64 (n,) (None: those of `classes`). Raises UserError for classes
        of a run without labels, and for one that is not there.
        """
        y = self._asked(purpose, n, classes)
        z = self.latents(purpose, n).split(BATCH)
        each = zip(z, [None] * len(z) if y is None else y.split(BATCH), strict=True)
        return torch.cat([self._image(z, y, f"{purpose} {k}").float().cpu() for k, (z, y) in enumerate(each)])

    def _asked(self, purpose: str, n: int, classes: Tensor | None) -> Tensor | None:
        """The classes of n images on the device; None in a run without labels."""
        if classes is None:
            return self.classes(purpose, n).to(self.device) if self.labels else None
        if self.labels is None:
            raise UserError("This run has no labels: images of a class cannot be drawn, leave the classes out.")
        if tuple(classes.shape) != (n,) or (
            n and not 0 <= int(classes.min()) <= int(classes.max()) < self.labels.count
        ):
            raise UserError(
                f"The classes of {n} images must be so many numbers from 0 to {self.labels.count - 1}, one each."
            )
        return classes.to(self.device, torch.int64)

    def _image(self, z: Tensor, y: Tensor | None, purpose: str) -> Tensor:
        """G(z), or G(z, y), with its own chance where there is some inside."""
        self._told(self.gen, purpose)
        image: Tensor = self.gen(z) if y is None else self.gen(z, y)
        return image

    def by_chance(self, net: nn.Module, purpose: str, batches: Iterable[Seen]) -> Iterator[Seen]:
        """The batches, each of which finds other chance inside the net, where there is some."""
        for k, batch in enumerate(batches):
            self._told(net, f"{purpose} {k}")
            yield batch

    def _told(self, net: nn.Module, purpose: str) -> None:
        if isinstance(net, Player) and net.seed is not None:
            net.seed = derive(self.config.seed, FIXED, f"inside {purpose}")

    def draw(self, purpose: str, n: int, classes: Tensor | None = None) -> Tensor:
        """The same as uint8 (n, C, S, S); a pixel that is not a number becomes middle grey."""
        return levels(self.images(purpose, n, classes).nan_to_num())


def sampler_in(match: Match, state: State, row: int) -> Sampler:
    """The sampler of a row of a match in this state: of its averaged generator."""
    return Sampler(match.gen, state["ema"][row], match.replicas[row], match.gen.of(state, row), match.classes)


def sampler_of(
    config: Config,
    image_shape: tuple[int, int, int],
    tensors: Mapping[str, Tensor],
    replica: int,
    labels: Labels | None = None,
) -> Sampler:
    """The sampler of one replica of a checkpoint, on the CPU, without data. UserError if there is no such replica.

    labels: those of the checkpoint.
    """
    need_replica(replica, config.seeds)
    config = replace(config, precision="float32")  # the run may have been trained on a device with another
    gen = net_of("gen", config, image_shape, torch.device("cpu"), labels)
    row = gen.pack(gen.weights_in(tensors, "ema", config.seeds))[replica].float()
    memory = gen.of(gen.restored(tensors, config.seeds, row), replica)
    return Sampler(gen, row, replace(config, seed=config.seed + replica, seeds=1), memory, labels)
