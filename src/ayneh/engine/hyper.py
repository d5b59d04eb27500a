"""HYPER: the numbers of the game, and the fields of a config that give them.

Replicas of one stack may differ in these fields and in the seed, and agree on all others, the `structure`.
`engine.match` reads the hyper-parameters of `game.step` from this table, and a study splits its runs into stacks by
their structure. torch is imported only for a prior's moments, so that a study can be planned without it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from ayneh.config import Config, Prior, flatten


@dataclass(frozen=True)
class Number:
    """One number of the game, as a config gives it."""

    fields: tuple[str, ...]
    """The fields it follows from, by their dotted names: its value is the first of them that is not None."""
    compute: Callable[[Config], float] | None = None
    """Its value, where that is not simply a field's."""
    fades: str = ""
    """The field with the images seen until it has fallen linearly to zero (none, or 0 there: it stays)."""
    structural: bool = False
    """Whether the replicas of a stack agree on its fields nevertheless."""

    def value(self, config: Config) -> float:
        """At the start of the run."""
        if self.compute:
            return self.compute(config)
        return next(value for name in self.fields if (value := attrgetter(name)(config)) is not None)

    def images_to_zero(self, config: Config) -> int:
        """0: it does not fade."""
        return attrgetter(self.fades)(config) if self.fades else 0


def _ema_decay(c: Config) -> float:
    """The decay per step."""
    halflife = c.rules.ema_halflife_images
    return 0.5 ** (c.batch * c.rules.dis_steps / halflife) if halflife else 0.0


def _z_moments(c: Config) -> tuple[float, float]:
    """Mean and variance of a coordinate of z."""
    from ayneh.game.priors import make_prior

    return make_prior(c.prior.name, **c.prior.numbers()).moments(c.prior.dim)


_LAW = tuple(f"prior.{field.name}" for field in dataclasses.fields(Prior) if field.name != "dim")

HYPER = {
    "lr_gen": Number(("optimizer.lr",), fades="optimizer.decay_images"),
    "lr_dis": Number(("optimizer.lr_dis", "optimizer.lr"), fades="optimizer.decay_images"),
    "beta1": Number(("optimizer.beta1",)),
    "beta2": Number(("optimizer.beta2",)),
    "momentum": Number(("optimizer.momentum",)),
    "weight_decay": Number(("optimizer.weight_decay",)),
    "gamma": Number(("rules.gamma",)),
    "dropout": Number(("rules.dropout",)),
    "smooth": Number(("rules.label_smoothing",)),
    "instance_noise": Number(("rules.instance_noise",), fades="rules.instance_noise_images"),
    "translation": Number(("rules.translation",)),
    "cutout": Number(("rules.cutout",)),
    "ema_decay": Number(("rules.ema_halflife_images",), compute=_ema_decay),
    # Where these are above 0, D has a reader of z, which is more weights in its checkpoints.
    "mirror_weight": Number(("rules.mirror_weight",), structural=True),
    "mirror_weight_gen": Number(("rules.mirror_weight_gen", "rules.mirror_weight"), structural=True),
    "z_mean": Number(_LAW, compute=lambda c: _z_moments(c)[0]),
    "z_std": Number(_LAW, compute=lambda c: _z_moments(c)[1] ** 0.5),
}

SHARED = {"seed"}.union(
    *({*number.fields, number.fades} - {""} for number in HYPER.values() if not number.structural)
)  # fields of a config in which the replicas of a stack may differ


def structure(config: Config) -> dict[str, Any]:
    """The fields on which the replicas of a stack agree, by their dotted names."""
    return {name: value for name, value in flatten(config).items() if name not in SHARED}
