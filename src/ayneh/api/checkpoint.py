"""A run after one of its epochs: its nets as plain modules, its whole state."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ayneh.arguments import checked

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ayneh.config import Config
    from ayneh.record.checkpoint import Checkpoint as Kept


class Checkpoint:
    """A run after ``step`` steps; ``run.at(epoch=4)`` gives it.

    >>> import ayneh
    >>> run = ayneh.open("runs/mine")
    >>> gen, dis = run.at(epoch=2).nets()
    >>> images = gen(run.prior.sample(5, seed=0))
    >>> tuple(images.shape), tuple(dis(images).shape)
    ((5, 1, 8, 8), (5,))
    """

    def __init__(self, kept: Kept, replica: int) -> None:
        """kept: the file, read; replica: which of the run's."""
        self._kept, self.replica = kept, replica

    @property
    def step(self) -> int:
        """Steps played before it."""
        return self._kept.step

    @property
    def config(self) -> Config:
        """The settings with which it was trained."""
        return self._kept.config

    @property
    def path(self) -> Path:
        """Its file."""
        return self._kept.path

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, S, S) of the generator's images."""
        return self._kept.image_shape

    @property
    def state(self) -> dict[str, Tensor]:
        """The whole state by name, a row for each replica: ``gen/0.weight`` (R, ...), ``gen_m/0.weight``, ..."""
        return self._kept.tensors

    @checked
    def nets(self) -> tuple[nn.Module, nn.Module]:
        """(G, D) as plain modules on the CPU, in eval mode, with standing batch statistics.

        G takes z (B, Z) from the run's prior and gives images (B, C, S, S) in [-1, 1]; where the run has a moving
        average of G, it is that. D takes such images and gives logits (B,): above 0 it holds an image for real. Of a
        labelled run G takes (z, y), y int64 (B,) the number of each image's class, and D takes (images, y); where
        ``rules.labels`` is auxiliary, D takes images, and ``dis(images, classify=True)`` gives (B, 1 + K), the logit
        and those of the classes. A class that is missing, or does not exist, raises UserError. Of a pair of one's own
        ``gen.net`` and ``dis.net`` are the modules themselves. They are new at each call.
        """
        from ayneh.api.nets import nets_of
        from ayneh.engine.critic import critic_of

        kept = self._kept
        critic = critic_of(kept.config, kept.image_shape, kept.tensors, self.replica, labels=kept.labels)
        return nets_of(critic)

    def __repr__(self) -> str:
        return f"Checkpoint({str(self.path)!r}, step {self.step:,})"
