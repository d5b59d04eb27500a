"""A trained discriminator as a plain module: what it makes of an image, whatever the images beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

import torch
from torch import Tensor

from ayneh.config import Config
from ayneh.engine.match import init_of, nets_of
from ayneh.engine.noise import FIXED, derive
from ayneh.engine.replicas import init_rows
from ayneh.engine.sampler import STANDING_LATENTS, Sampler, sampler_of
from ayneh.errors import UserError
from ayneh.game.layers import standing_statistics
from ayneh.game.nets import Discriminator


class Critic:
    """One replica's discriminator in eval mode, with standing batch statistics: features, logits.

    In the game D's batch norm sees a batch of real or of generated images and nothing else. Afterwards it keeps the
    average statistics of 2,048 images of its own generator, undropped and unshifted: they can be had from the run
    folder alone, and are the statistics under which it learnt to read generated images.

    To judge single images, statistics over batches of ``reals`` as well serve D better (docs/export.md).
    """

    def __init__(self, dis: Discriminator, sampler: Sampler, reals: Tensor | None = None) -> None:
        """dis: a module with this replica's weights; sampler: of the generator that it played against.

        reals: images (N, C, S, S) in [-1, 1], a batch of them or more, whose whole batches count as well, beside as
        many generated ones.
        """
        batch = sampler.config.batch
        n = STANDING_LATENTS if reals is None else min(len(reals), max(STANDING_LATENTS, batch)) // batch * batch
        images = sampler.images("critic", n).to(sampler.device, sampler.dtype)
        sides = [images] if reals is None else [images, reals[:n].to(images)]
        standing_statistics(dis, [part for side in sides for part in side.split(batch)])
        self.dis, self.sampler = dis, sampler

    def features(self, x: Tensor) -> Tensor:  # (N, C, S, S) in [-1, 1] -> (N, F) on the CPU
        """What D makes of each image before it judges: F is prior.dim for the mirror nets (128 in the report)."""
        return self._through(lambda part: self.dis.features(part).flatten(1), x)

    def latents(self, x: Tensor) -> Tensor:  # (N, C, S, S) in [-1, 1] -> (N, Z) on the CPU
        """The z that D reads in each image, in the prior's own units. Raises UserError if D never learnt to read it."""
        if (reader := self.dis.reader) is None:
            raise UserError("This run's D has no reader of z: it was trained without --rules.mirror-weight.")
        mean, variance = self.sampler.prior.moments(self.sampler.config.prior.dim)
        read = self._through(lambda part: reader(self.dis.features(part).flatten(1)), x)
        return mean + variance**0.5 * read

    def logits(self, x: Tensor) -> Tensor:  # (N, C, S, S) in [-1, 1] -> (N,) on the CPU
        """D's opinion of each image, positive where it looks real to D."""
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
) -> Critic:
    """The critic of one replica of a checkpoint, on the CPU, without data; `sampler_of` for the generator's side.

    ``critic.dis`` is the plain module (image -> logit, with ``dis.features`` and ``dis.head``), ``critic.sampler`` the
    generator's. Not ``trained``: D with the weights that this replica started from, a control, with the statistics of
    the same images. ``reals``: see `Critic`. Raises UserError if there is no such replica.
    """
    sampler = sampler_of(config, image_shape, tensors, replica)
    _, net = nets_of(sampler.config, image_shape, torch.device("cpu"))
    if trained:
        row = net.pack({name: tensors[f"dis/{name}"][replica] for name in net.shapes})
    else:
        (row,) = init_rows(net, [derive(sampler.config.seed, FIXED, "init dis")], init_of(sampler.config))
    return Critic(cast(Discriminator, net.filled(row)), sampler, reals)
