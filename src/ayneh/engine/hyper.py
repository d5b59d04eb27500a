"""HYPER: the numbers of the game, and the fields of a config that give them.

Replicas of one stack may differ in these fields and in the seed, and agree on all others, the `structure`.
`engine.match` reads the hyper-parameters of `game.step` from this table, and a study splits its runs into stacks by
their structure. torch is imported only for a prior's moments, so that a study can be planned without it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from ayneh.config import Config, Prior, flatten
from ayneh.errors import UserError
from ayneh.game.schedules import Course, Spans, course, try_out


@dataclass(frozen=True)
class Schedule:
    """The fields of a config that define how a number changes, by their dotted names."""

    shape: str
    warmup: str
    images: str
    end: str
    relative: bool = False
    """Whether the end is a share of the number; else it is what the number is there."""
    milestones: str = ""
    step_factor: str = ""

    @property
    def fields(self) -> set[str]:
        """All of them."""
        return {value for value in dataclasses.astuple(self) if isinstance(value, str) and value}

    def shape_in(self, config: Config) -> str:
        """The name of its shape."""
        return str(attrgetter(self.shape)(config))

    def spans(self, config: Config) -> Spans:
        """Its numbers, in images."""
        steps = [attrgetter(name)(config) for name in (self.milestones, self.step_factor) if name]
        return Spans(attrgetter(self.warmup)(config), attrgetter(self.images)(config), *steps)

    def course(self, config: Config, value: float) -> Course | None:
        """As `Number.course`. Raises UserError for an unknown shape, and for one that its number does not take."""
        shape, spans = self.shape_in(config), self.spans(config)
        flag = f"--{self.shape.replace('_', '-')}"
        if shape == "steps" and not self.milestones:
            raise UserError(f"{flag} is steps, which learning rates take alone: choose linear, cosine or constant.")
        of_images = course(shape, spans)
        if not spans.warmup and (shape == "constant" or (shape == "linear" and not spans.images)):
            return None
        end = attrgetter(self.end)(config) * (value if self.relative else 1)

        def at(seen: float) -> tuple[float, float]:
            start, rest = of_images(seen)
            return start, rest * end

        return at


@dataclass(frozen=True)
class Number:
    """One number of the game, as a config gives it."""

    fields: tuple[str, ...]
    """The fields it follows from, by their dotted names: its value is the first of them that is not None."""
    compute: Callable[[Config], float] | None = None
    """Its value, where that is not simply a field's."""
    schedule: Schedule | None = None
    """How it changes with the images seen (None: it stays)."""
    structural: bool = False
    """Whether the replicas of a stack agree on its fields nevertheless."""

    def value(self, config: Config) -> float:
        """At the start of the run."""
        if self.compute:
            return self.compute(config)
        return next(value for name in self.fields if (value := attrgetter(name)(config)) is not None)

    def course(self, config: Config) -> Course | None:
        """Images seen -> (a, b) for the number a * value + b then; None: it stays."""
        return self.schedule.course(config, self.value(config)) if self.schedule else None


def _ema_decay(c: Config) -> float:
    """The decay per update of G, of which a step has ``gen_steps``."""
    halflife, rules = c.rules.ema_halflife_images, c.rules
    return 0.5 ** (c.batch * rules.dis_steps / (halflife * rules.gen_steps)) if halflife else 0.0


def _z_moments(c: Config) -> tuple[float, float]:
    """Mean and variance of a coordinate of z."""
    from ayneh.game.priors import make_prior

    return make_prior(c.prior.name, **c.prior.numbers()).moments(c.prior.dim)


_LAW = tuple(f"prior.{field.name}" for field in dataclasses.fields(Prior) if field.name != "dim")
RATES = Schedule(
    "optimizer.schedule",
    "optimizer.warmup_images",
    "optimizer.decay_images",
    "optimizer.end_factor",
    True,
    "optimizer.milestones_images",
    "optimizer.step_factor",
)

HYPER = {
    "lr_gen": Number(("optimizer.lr",), schedule=RATES),
    "lr_dis": Number(("optimizer.lr_dis", "optimizer.lr"), schedule=RATES),
    "beta1": Number(("optimizer.beta1",)),
    "beta2": Number(("optimizer.beta2",)),
    "momentum": Number(("optimizer.momentum",)),
    "weight_decay": Number(("optimizer.weight_decay",)),
    "gamma": Number(
        ("rules.gamma",),
        compute=lambda c: c.rules.weight,
        schedule=Schedule("rules.gamma_schedule", "rules.gamma_warmup_images", "rules.gamma_images", "rules.gamma_end"),
    ),
    "dropout": Number(("rules.dropout",)),
    "smooth": Number(("rules.label_smoothing",)),
    "instance_noise": Number(
        ("rules.instance_noise",),
        schedule=Schedule(
            "rules.instance_noise_schedule",
            "rules.instance_noise_warmup_images",
            "rules.instance_noise_images",
            "rules.instance_noise_end",
        ),
    ),
    "translation": Number(("rules.translation",)),
    "cutout": Number(("rules.cutout",)),
    "augmentation_strength": Number(("rules.augmentation_strength",)),
    "ema_decay": Number(("rules.ema_halflife_images",), compute=_ema_decay),
    # Where these are above 0, D has a reader of z, which is more weights in its checkpoints.
    "mirror_weight": Number(("rules.mirror_weight",), structural=True),
    "mirror_weight_gen": Number(("rules.mirror_weight_gen", "rules.mirror_weight"), structural=True),
    "label_weight": Number(("rules.label_weight",)),
    "z_mean": Number(_LAW, compute=lambda c: _z_moments(c)[0]),
    "z_std": Number(_LAW, compute=lambda c: _z_moments(c)[1] ** 0.5),
}

SHARED = {"seed"}.union(
    *(
        {*number.fields, *(number.schedule.fields if number.schedule else ())}
        for number in HYPER.values()
        if not number.structural
    )
)  # fields of a config in which the replicas of a stack may differ


def courses_of(replicas: Sequence[Config], images: float) -> dict[str, list[Course | None]]:
    """For each number that changes in any replica, its course in each of them (None: it stays).

    images: seen in the whole run, over which schedules of one's own are tried. Raises UserError for a schedule that is
    unknown, or gives what is no factor.
    """
    moving = {}
    for name, number in HYPER.items():
        courses = [number.course(config) for config in replicas]
        if any(courses):
            moving[name] = courses
            for shape in {number.schedule.shape_in(config) for config in replicas if number.schedule}:
                try_out(shape, images)
    return moving


def structure(config: Config) -> dict[str, Any]:
    """The fields on which the replicas of a stack agree, by their dotted names."""
    return {name: value for name, value in flatten(config).items() if name not in SHARED}
