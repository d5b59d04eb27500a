"""The prior of a run, for Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ayneh.arguments import checked
from ayneh.config import Config
from ayneh.errors import UserError
from ayneh.labels import Labels

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from torch import Tensor


class Prior:
    """The distribution from which a run draws z, and the classes of fakes where it has labels.

    ``run.prior`` is that of its first replica.

    >>> import ayneh
    >>> prior = ayneh.open("runs/mine").prior
    >>> prior
    Prior(N(0, 1) in 8 dimensions)
    >>> a, b = prior.sample(2, seed=0)
    >>> tuple(prior.path(a, b, n=9).shape)
    (9, 8)
    """

    def __init__(self, config: Config, labels: Labels | None = None) -> None:
        """config: the run's; labels: its classes."""
        self._config, self._labels = config, labels

    @property
    def dim(self) -> int:
        """The length of z."""
        return self._config.prior.dim

    @checked
    def sample(self, n: int, seed: int = 0) -> Tensor:
        """n draws, float32 (n, Z): those behind ``run.sample(n, seed)``. UserError for less than one."""
        from ayneh.engine.match import prior_of
        from ayneh.engine.noise import FIXED, generator

        _check(n, seed)
        return prior_of(self._config).sample(n, self.dim, generator(self._config.seed, FIXED, f"draw {seed}"))

    @checked
    def classes(self, n: int, seed: int = 0) -> Tensor:
        """n classes of a labelled run, int64 (n,): those behind ``run.sample(n, seed)``. ``gen(z, y)`` takes them as y.

        They are drawn by the run's chance, in the shares of its training images, or evenly (`rules.classes`). Raises
        UserError for less than one, and in a run without labels or without a checkpoint.
        """
        from ayneh.engine.classes import drawn

        _check(n, seed)
        if self._labels is None:
            raise UserError("This run has no classes: it was trained without labels, or has no checkpoint yet.")
        return drawn(self._labels, self._config.rules.classes, n, self._config.seed, f"draw {seed} classes")

    @checked
    def path(self, a: ArrayLike | Tensor, b: ArrayLike | Tensor, n: int = 9) -> Tensor:
        """n latents from a to b, both (Z,), float32 (n, Z), at equal steps on a path that keeps the prior's law.

        The first is a and the last b, to the bit. Raises UserError for other lengths, and for n below 2.
        """
        import torch

        from ayneh.engine.match import prior_of

        try:
            ends = [torch.as_tensor(end, dtype=torch.float32) for end in (a, b)]
        except (TypeError, ValueError, RuntimeError) as error:
            raise UserError(
                f"The ends of a path are latents, ({self.dim},) numbers each; they are no arrays."
            ) from error
        if n < 2 or any(end.shape != (self.dim,) for end in ends):
            shapes = " and ".join(str(tuple(end.shape)) for end in ends)
            raise UserError(
                f"A path has 2 points or more between two latents ({self.dim},); n is {n}, they are {shapes}."
            )
        return prior_of(self._config).interpolate(ends[0], ends[1], torch.linspace(0, 1, n))

    def describe(self) -> str:
        """The law in short: "N(0, 1)"."""
        from ayneh.engine.match import prior_of

        return prior_of(self._config).describe()

    def __repr__(self) -> str:
        return f"Prior({self.describe()} in {self.dim} dimensions)"


def _check(n: int, seed: int) -> None:
    if n < 1 or seed < 0:
        raise UserError(f"n is {n} and seed {seed}: n is at least 1, seed at least 0.")
