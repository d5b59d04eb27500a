"""The rules of the game and how its players learn, as settings: a config's ``rules`` and ``optimizer``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from ayneh.bounds import HUGE, SPAN, Range
from ayneh.errors import UserError, pick

UNLABELLED = "none"
LABELS = ("none", "concat", "projection", "auxiliary")
CLASSES = ("data", "even")
READERS = ("features", "own")
GAMMA = {"wgan-gp": 10.0, "dragan": 10.0, "dragan-mixed": 10.0}  # as in their papers; of the other penalties 1
NUMBERED = ("loss", "penalty", "augmentation")  # kinds of parts that have numbers of their own


@dataclass(frozen=True)
class Rules:
    """The rules of the game."""

    loss: str = "non-saturating"
    """non-saturating, saturating, least-squares, hinge, wasserstein or relativistic."""
    penalty: str = "none"
    """Penalty on D's gradient: none, r1, r2, r1+r2, wgan-gp, dragan or dragan-mixed (as in its authors' code)."""
    gamma: Annotated[float | None, Range(0, HUGE)] = None
    """Weight of the penalty (default: 10 for wgan-gp and dragan, else 1). r1 and r2 are gamma/2 |gradient|^2."""
    gamma_schedule: str = "linear"
    """How gamma goes to gamma_end: linear, cosine, constant (it stays), or a schedule of your own."""
    gamma_images: Annotated[int, Range(0, SPAN)] = 0
    """Images seen until gamma is gamma_end (0: it stays)."""
    gamma_end: Annotated[float, Range(0, HUGE)] = 0.0
    """Weight of the penalty after gamma_images."""
    gamma_warmup_images: Annotated[int, Range(0, SPAN)] = 0
    """Images seen while gamma rises linearly from 0, at first."""
    penalty_every: Annotated[int, Range(1, 1000)] = 1
    """Lazy penalty (StyleGAN2): it is part of every k-th step alone, with k times its weight (1: of each)."""
    dropout: Annotated[float, Range(0, 0.99)] = 0.3
    """Probability that a pixel is dropped before D sees it (report R7: 0.3)."""
    label_smoothing: Annotated[float, Range(0, 1)] = 0.0
    """One-sided label smoothing: the label of real images is 1 minus this."""
    instance_noise: Annotated[float, Range(0, HUGE)] = 0.0
    """Initial standard deviation of Gaussian noise that is added to every image before D sees it."""
    instance_noise_images: Annotated[int, Range(0, SPAN)] = 0
    """Images seen until instance noise has fallen to its end, which is zero if nothing else is set (0: it stays)."""
    instance_noise_schedule: str = "linear"
    """How instance noise falls: linear, cosine, constant (it stays), or a schedule of your own."""
    instance_noise_end: Annotated[float, Range(0, HUGE)] = 0.0
    """Standard deviation of instance noise after instance_noise_images."""
    instance_noise_warmup_images: Annotated[int, Range(0, SPAN)] = 0
    """Images seen while instance noise rises linearly from 0, at first."""
    translation: Annotated[float, Range(0, 0.5)] = 0.0
    """Shift every image at random by up to this fraction of its side before D sees it."""
    cutout: Annotated[float, Range(0, 1)] = 0.0
    """Black out a square at random, this fraction of the side wide, in every image before D sees it."""
    augmentation: str = "none"
    """An augmentation of your own, which every image goes through before D sees it, or none."""
    augmentation_strength: Annotated[float, Range(0, HUGE)] = 1.0
    """Strength of that augmentation."""
    numbers: str = ""
    """Numbers of parts of your own, such as loss.margin=2,penalty.k=1 (default: those that the part has)."""
    dis_steps: Annotated[int, Range(1, 1000)] = 1
    """Updates of D in each step, each on another batch."""
    gen_steps: Annotated[int, Range(1, 1000)] = 1
    """Updates of G in each step."""
    ema_halflife_images: Annotated[float, Range(0, SPAN)] = 0.0
    """Half-life, in images, of the moving average of G; samples are drawn from that average (0: from G itself)."""
    mirror_weight: Annotated[float, Range(0, HUGE)] = 0.0
    """Weight in both losses of 1 - R^2, the share of z's variance that D does not read back from G(z) (0: not read)."""
    mirror_weight_gen: Annotated[float | None, Range(0, HUGE)] = None
    """The same weight in G's loss alone (default: mirror_weight)."""
    mirror_reader: str = "features"
    """What D reads z by: features (a linear map from those of its logit) or own (layers of its own, on the image)."""
    labels: str = "none"
    """D's way of having labels: none, concat (in its input), projection (in its logit), auxiliary (a class head)."""
    classes: str = "data"
    """The classes of fakes: drawn from the shares of the data, or even."""
    label_weight: Annotated[float, Range(0, HUGE)] = 1.0
    """auxiliary: weight in both losses of what D's class head misreads."""

    @property
    def labelled(self) -> bool:
        """Whether the game has labels."""
        return self.labels != UNLABELLED

    @property
    def weight(self) -> float:
        """Gamma, or the penalty's own default."""
        return GAMMA.get(self.penalty, 1.0) if self.gamma is None else self.gamma

    def numbers_of(self, kind: str) -> dict[str, float]:
        """Those of `numbers` that are of this kind of part. Raises UserError for what is no number."""
        found: dict[str, float] = {}
        for entry in filter(None, self.numbers.split(",")):
            name, _, value = entry.partition("=")
            of, _, leaf = name.strip().partition(".")
            try:
                number = float(value)
            except ValueError:
                number = math.inf
            if of not in NUMBERED or not leaf.isidentifier() or not math.isfinite(number):
                raise UserError(
                    f"--rules.numbers has the entry {entry!r}: it must be KIND.NAME=NUMBER with the kind "
                    f"{', '.join(NUMBERED)}, such as loss.margin=2."
                )
            if of == kind:
                found[leaf] = number
        return found


@dataclass(frozen=True)
class Optimizer:
    """How both players' weights move."""

    name: str = "adam"
    """adam, adamw (weight decay apart from the gradient), sgd or rmsprop."""
    lr: Annotated[float, Range(0, HUGE)] = 2e-4
    """Learning rate of both players."""
    lr_dis: Annotated[float | None, Range(0, HUGE)] = None
    """Learning rate of D (default: lr)."""
    beta1: Annotated[float, Range(0, 0.999999)] = 0.5
    """adam, adamw: decay of the mean gradient."""
    beta2: Annotated[float, Range(0, 0.999999)] = 0.999
    """adam, adamw, rmsprop (its alpha): decay of the mean squared gradient."""
    eps: Annotated[float, Range(0, HUGE)] = 1e-8
    """adam, adamw, rmsprop: added to the root of the mean squared gradient."""
    momentum: Annotated[float, Range(0, 0.999999)] = 0.0
    """sgd, rmsprop: share of the last update that is added to the next one."""
    weight_decay: Annotated[float, Range(0, HUGE)] = 0.0
    """Weight decay: times the weights it is a part of the gradient; adamw: times lr it is taken off the weights."""
    decay_images: Annotated[int, Range(0, SPAN)] = 0
    """Images seen until both learning rates have fallen to their end, zero if nothing else is set (0: they stay)."""
    schedule: str = "linear"
    """How both rates fall: linear, cosine, steps (at milestones_images), constant, or a schedule of your own."""
    warmup_images: Annotated[int, Range(0, SPAN)] = 0
    """Images seen while both learning rates rise linearly from 0, at first."""
    end_factor: Annotated[float, Range(0, HUGE)] = 0.0
    """linear, cosine: share of the learning rates that is left after decay_images."""
    milestones_images: Annotated[tuple[int, ...], Range(1, SPAN)] = ()
    """steps: images seen at each of which both rates are multiplied by step_factor."""
    step_factor: Annotated[float, Range(0, HUGE)] = 0.1
    """steps: what the rates are multiplied by."""


def refuse(rules: Rules, optimizer: Optimizer) -> None:
    """Raise UserError for a schedule without its images, or with its end in the warm-up, and for unknown names."""
    rules.numbers_of("")
    pick(dict.fromkeys(LABELS), rules.labels, "way of having labels (--rules.labels)")
    pick(dict.fromkeys(CLASSES), rules.classes, "way of drawing classes (--rules.classes)")
    pick(dict.fromkeys(READERS), rules.mirror_reader, "reader of z (--rules.mirror-reader)")
    for flag, shape, images, warmup in (
        ("optimizer.decay-images", optimizer.schedule, optimizer.decay_images, optimizer.warmup_images),
        ("rules.gamma-images", rules.gamma_schedule, rules.gamma_images, rules.gamma_warmup_images),
        ("rules.instance-noise-images", rules.instance_noise_schedule, rules.instance_noise_images,
         rules.instance_noise_warmup_images),
    ):  # fmt: skip
        if shape == "cosine" and not images:
            raise UserError(f"A cosine schedule needs its length in images: set --{flag}.")
        if shape in ("linear", "cosine") and 0 < images <= warmup:
            raise UserError(
                f"--{flag} is {images:,}, and the warm-up lasts until {warmup:,}: choose an end after the warm-up."
            )
    if optimizer.schedule == "steps" and not optimizer.milestones_images:
        raise UserError("--optimizer.schedule is steps: say after how many images, with --optimizer.milestones-images.")
