"""A trained discriminator as a plain module, whose outputs for an image do not depend on the images beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from ayneh.config import Config
from ayneh.engine.noise import FIXED, derive
from ayneh.engine.players import features_take_class, init_of, net_of, parts_read, started, takes_class
from ayneh.engine.sampler import Sampler, sampler_of
from ayneh.errors import UserError
from ayneh.game.conditional import code, log_shares
from ayneh.game.layers import standing_statistics
from ayneh.game.nets import Discriminator, Reader
from ayneh.labels import Labels


class Critic:
    """One replica's D in eval mode: features, latents and logits of single images.

    In the game the batch norm of a `Discriminator` uses the current batch of real or of generated images. A critic's
    batch norm has standing statistics: averages over whole batches of the run's generator, up to 2,048 images (or one
    batch), without dropout or shifts.
    They need the run folder alone, and D was trained to read generated images under such statistics. For logits,
    statistics over batches of ``reals`` as well are better (docs/export.md).
    """

    def __init__(
        self,
        dis: nn.Module,
        sampler: Sampler,
        reals: Tensor | None = None,
        real_classes: Tensor | None = None,
    ) -> None:
        """dis: a module with this replica's weights; sampler: of this replica's generator.

        reals: images (N, C, S, S) in [-1, 1], one batch or more: their whole batches and as many generated ones are
        averaged over. real_classes: theirs, int64 (N,), needed where D takes classes.
        """
        batch = sampler.config.batch
        self.dis, self.sampler = cast(Discriminator, dis), sampler
        n = sampler.standing if reals is None else min(len(reals), sampler.standing) // batch * batch
        images = sampler.images("critic", n).to(sampler.device, sampler.dtype)
        sides = [images] if reals is None else [images, reals[:n].to(images)]
        batches: list[Any] = [part for side in sides for part in side.split(batch)]
        if self.takes_class:
            classes = [sampler.classes("critic", n)]
            classes += [] if reals is None else [self._needed(real_classes)[:n]]
            parts = [part.to(sampler.device) for side in classes for part in side.split(batch)]
            batches = list(zip(batches, parts, strict=True))
        standing_statistics(dis, sampler.by_chance(dis, "critic", batches))
        if self.reads_images:  # z is read from generated images alone
            standing_statistics(cast(Reader, self.dis.reader), images.split(batch))

    @property
    def takes_class(self) -> bool:
        """Whether D is D(x, y)."""
        return takes_class(self.sampler.config, "dis")

    def features(self, x: Tensor, y: Tensor | None = None) -> Tensor:  # (N, C, S, S) in [-1, 1] -> (N, F) on the CPU
        """The numbers from which D computes its logit: F is prior.dim for the mirror nets (128 in the report).

        y: int64 (N,), where the features take the class (--rules.labels concat); `needs_class` is then True.
        """
        return self._through(self._features, x, self._needed(y) if self.needs_class else None)

    @property
    def needs_class(self) -> bool:
        """Whether D's features depend on the class that D is given."""
        return features_take_class(self.sampler.config)

    def _features(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        features: Tensor = self.dis.features(x, y)
        return features.flatten(1)

    @property
    def reads_images(self) -> bool:
        """Whether D reads z by layers of their own in the image, and not in its features."""
        return isinstance(self.dis.reader, Reader)

    def latents(self, x: Tensor, y: Tensor | None = None) -> Tensor:  # (N, C, S, S) in [-1, 1] -> (N, Z) on the CPU
        """The z that D reads in each image, in the prior's own units; y as for `features`, where it reads it in these.

        Raises UserError if D was not trained to.
        """
        if (reader := self.dis.reader) is None:
            raise UserError("This run's D has no reader of z: it was trained without --rules.mirror-weight.")
        mean, variance = self.sampler.prior.moments(self.sampler.config.prior.dim)
        if self.reads_images:
            read = self._through(reader, x)
        else:
            y = self._needed(y) if self.needs_class else None
            read = self._through(lambda *part: reader(self._features(*part)), x, y)
        return mean + variance**0.5 * read

    def logits(self, x: Tensor, y: Tensor | None = None) -> Tensor:  # (N, C, S, S) in [-1, 1], int64 (N,) -> (N,)
        """D's logit of each image on the CPU, positive where the image looks real to D (as one of the class y).

        Raises UserError without y where D takes the class.
        """
        return self._through(self.dis, x, self._needed(y) if self.takes_class else None)

    def read_class(self, x: Tensor) -> Tensor:  # (N, C, S, S) in [-1, 1] -> (N, K) on the CPU
        """Log-probabilities of the classes that D reads in each image.

        Of an auxiliary game they are those of its class head. Where D takes the class (concat, projection) they are the
        log-softmax over y of the logits D(x, y): which class D prefers for the image, and no calibrated posterior.
        Raises UserError in a run without labels.
        """
        if (labels := self.sampler.labels) is None:
            raise UserError("This run has no labels: its D reads no classes.")
        if self.takes_class:
            each = [self.logits(x, torch.full((len(x),), k)) for k in range(labels.count)]
            return torch.stack(each, 1).log_softmax(1)
        read = self._through(lambda part: self.dis(part, classify=True)[:, 1:], x)
        parts = parts_read(self.sampler.config, labels)
        every = code(torch.arange(labels.count), parts).to(read)  # (K, sum of parts)
        return log_shares(read, parts) @ every.T

    def _needed(self, y: Tensor | None) -> Tensor:
        """The classes. Raises UserError where they are not given."""
        if y is None:
            raise UserError("This run's D takes the class of each image (--rules.labels): give the classes, too.")
        return y

    @torch.no_grad()
    def _through(self, part_of: Callable[..., Tensor], x: Tensor, y: Tensor | None = None, batch: int = 256) -> Tensor:
        place, parts = self.sampler, [x.split(batch)]
        parts += [] if y is None else [y.split(batch)]
        found = []
        for part, *classes in zip(*parts, strict=True):
            given = [one.to(place.device, torch.int64) for one in classes]
            found.append(part_of(part.to(place.device, place.dtype), *given).float().cpu())
        return torch.cat(found)


def critic_of(
    config: Config,
    image_shape: tuple[int, int, int],
    tensors: Mapping[str, Tensor],
    replica: int,
    trained: bool = True,
    reals: Tensor | None = None,
    sampler: Sampler | None = None,
    labels: Labels | None = None,
    real_classes: Tensor | None = None,
) -> Critic:
    """The critic of one replica of a checkpoint, on the CPU, without data.

    ``critic.dis`` is the plain module (image -> logit, with ``dis.features`` and ``dis.head``). Not ``trained``: a
    control, D with the weights that this replica started from and statistics of the same images. ``reals``: see
    `Critic`, with ``real_classes``. ``sampler``: this replica's (None: that of `sampler_of`, for which ``labels`` are
    those of the checkpoint). Raises UserError if there is no such replica.
    """
    sampler = sampler or sampler_of(config, image_shape, tensors, replica, labels)
    net = net_of("dis", sampler.config, image_shape, torch.device("cpu"), sampler.labels)
    if trained:
        row = net.pack(net.weights_in(tensors, "dis", config.seeds))[replica].float()
        memory = net.of(net.restored(tensors, config.seeds, row), replica)
    else:
        seeds = [derive(sampler.config.seed, FIXED, "init dis")]
        (row,), start = started(net, seeds, init_of(sampler.config), sampler.device, sampler.dtype)
        memory = net.of(start, 0)
    return Critic(net.filled(row, memory), sampler, reals, real_classes)
