"""A trained discriminator as a plain module, whose outputs for an image do not depend on the images beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

import torch
from torch import Tensor, nn

from ayneh.config import Config
from ayneh.engine.noise import FIXED, derive
from ayneh.engine.players import init_of, net_of, started
from ayneh.engine.sampler import STANDING_LATENTS, Sampler, sampler_of
from ayneh.errors import UserError
from ayneh.game.layers import standing_statistics
from ayneh.game.nets import Discriminator


class Critic:
    """One replica's D in eval mode: features, latents and logits of single images.

    In the game the batch norm of a `Discriminator` uses the current batch of real or of generated images. A critic's
    batch norm has standing statistics: averages over 2,048 images of the run's generator, without dropout or shifts.
    They need the run folder alone, and D was trained to read generated images under such statistics. For logits,
    statistics over batches of ``reals`` as well are better (docs/export.md).
    """

    def __init__(self, dis: nn.Module, sampler: Sampler, reals: Tensor | None = None) -> None:
        """dis: a module with this replica's weights; sampler: of this replica's generator.

        reals: images (N, C, S, S) in [-1, 1], one batch or more: their whole batches and as many generated ones are
        averaged over.
        """
        batch = sampler.config.batch
        n = STANDING_LATENTS if reals is None else min(len(reals), max(STANDING_LATENTS, batch)) // batch * batch
        images = sampler.images("critic", n).to(sampler.device, sampler.dtype)
        sides = [images] if reals is None else [images, reals[:n].to(images)]
        standing_statistics(dis, [part for side in sides for part in side.split(batch)])
        self.dis, self.sampler = cast(Discriminator, dis), sampler

    def features(self, x: Tensor) -> Tensor:  # (N, C, S, S) in [-1, 1] -> (N, F) on the CPU
        """The numbers from which D computes its logit: F is prior.dim for the mirror nets (128 in the report)."""
        return self._through(lambda part: self.dis.features(part).flatten(1), x)

    def latents(self, x: Tensor) -> Tensor:  # (N, C, S, S) in [-1, 1] -> (N, Z) on the CPU
        """The z that D reads in each image, in the prior's own units. Raises UserError if D was not trained to."""
        if (reader := self.dis.reader) is None:
            raise UserError("This run's D has no reader of z: it was trained without --rules.mirror-weight.")
        mean, variance = self.sampler.prior.moments(self.sampler.config.prior.dim)
        read = self._through(lambda part: reader(self.dis.features(part).flatten(1)), x)
        return mean + variance**0.5 * read

    def logits(self, x: Tensor) -> Tensor:  # (N, C, S, S) in [-1, 1] -> (N,) on the CPU
        """D's logit of each image, positive where the image looks real to D."""
        return self._through(self.dis, x)

    @torch.no_grad()
    def _through(self, part_of: Callable[[Tensor], Tensor], x: Tensor, batch: int = 256) -> Tensor:
        place = self.sampler
        return torch.cat([part_of(part.to(place.device, place.dtype)).float().cpu() for part in x.split(batch)])


def critic_of(
    config: Config,
    image_shape: tuple[int, int, int],
    tensors: Mapping[str, Tensor],
    replica: int,
    trained: bool = True,
    reals: Tensor | None = None,
    sampler: Sampler | None = None,
) -> Critic:
    """The critic of one replica of a checkpoint, on the CPU, without data.

    ``critic.dis`` is the plain module (image -> logit, with ``dis.features`` and ``dis.head``). Not ``trained``: a
    control, D with the weights that this replica started from and statistics of the same images. ``reals``: see
    `Critic`. ``sampler``: this replica's (None: that of `sampler_of`). Raises UserError if there is no such replica.
    """
    sampler = sampler or sampler_of(config, image_shape, tensors, replica)
    net = net_of("dis", sampler.config, image_shape, torch.device("cpu"))
    if trained:
        row = net.pack(net.weights_in(tensors, "dis", config.seeds))[replica]
        memory = net.of(net.restored(tensors, config.seeds, row), replica)
    else:
        seeds = [derive(sampler.config.seed, FIXED, "init dis")]
        (row,), start = started(net, seeds, init_of(sampler.config), sampler.device, sampler.dtype)
        memory = net.of(start, 0)
    return Critic(net.filled(row, memory), sampler, reals)
