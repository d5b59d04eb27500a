"""IDLE: settings that change nothing in a run, since another one leaves out what they are of."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ayneh.config import Config, flatten, is_own_net
from ayneh.parts.registry import builtin, own
from ayneh.presets import nearest
from ayneh.terminal.text import warn_once

USUAL = flatten(Config())
FALLING = ("linear", "cosine")  # schedules that go to an end


class Idle(NamedTuple):
    """Settings by their dotted names; whether they change nothing in a config; where that is, in words."""

    names: tuple[str, ...]
    idle: Callable[[Config], bool]
    where: str  # {} is the value of ``by``
    by: str = ""


IDLE = (
    Idle(("rules.classes", "rules.label_weight", "net.gen_labels", "net.label_dim"), lambda c: not c.rules.labelled,
         "in a game without labels (--rules.labels none)"),
    Idle(("rules.label_weight",), lambda c: c.rules.labels != "auxiliary",
         "where D reads no class (--rules.labels {})", "rules.labels"),
    Idle(("net.label_dim",), lambda c: c.net.gen_labels == "norm",
         "where no embedding is joined to z (--net.gen-labels norm)"),
    Idle(("net.gen_labels", "net.label_dim"), lambda c: is_own_net(c.net.name),
         "where nets of one's own take the class"),
    Idle(("rules.gamma", "rules.gamma_schedule", "rules.gamma_images", "rules.gamma_end", "rules.gamma_warmup_images",
          "rules.penalty_every"),
         lambda c: c.rules.penalty == "none", "without a penalty (--rules.penalty none)"),
    Idle(("rules.gamma_end",), lambda c: c.rules.gamma_schedule in FALLING and not c.rules.gamma_images,
         "while gamma stays (--rules.gamma-images 0)"),
    Idle(("rules.gamma_end", "rules.gamma_images"), lambda c: c.rules.gamma_schedule == "constant",
         "while gamma stays (--rules.gamma-schedule constant)"),
    Idle(("rules.instance_noise_schedule", "rules.instance_noise_images", "rules.instance_noise_warmup_images"),
         lambda c: not c.rules.instance_noise and not c.rules.instance_noise_end,
         "without instance noise (--rules.instance-noise 0)"),
    Idle(("rules.instance_noise_end",),
         lambda c: c.rules.instance_noise_schedule in FALLING and not c.rules.instance_noise_images,
         "while the noise stays (--rules.instance-noise-images 0)"),
    Idle(("rules.instance_noise_end", "rules.instance_noise_images"),
         lambda c: c.rules.instance_noise_schedule == "constant",
         "while the noise stays (--rules.instance-noise-schedule constant)"),
    Idle(("rules.augmentation_strength",), lambda c: c.rules.augmentation == "none",
         "without an augmentation of your own (--rules.augmentation none)"),
    Idle(("rules.mirror_reader",), lambda c: not c.rules.mirror_weight and not c.rules.mirror_weight_gen,
         "where D does not read z (--rules.mirror-weight 0)"),
    Idle(("rules.numbers",), lambda c: all(_built_in(kind, name) for kind, name in (
        ("loss", c.rules.loss), ("penalty", c.rules.penalty), ("augmentation", c.rules.augmentation))),
         "where loss, penalty and augmentation are built in"),
    Idle(("optimizer.beta1",), lambda c: c.optimizer.name in ("sgd", "rmsprop"), "in {}", "optimizer.name"),
    Idle(("optimizer.beta2", "optimizer.eps"), lambda c: c.optimizer.name == "sgd", "in {}", "optimizer.name"),
    Idle(("optimizer.momentum",), lambda c: c.optimizer.name in ("adam", "adamw"), "in {}", "optimizer.name"),
    Idle(("optimizer.end_factor",), lambda c: c.optimizer.schedule in FALLING and not c.optimizer.decay_images,
         "while the rates stay (--optimizer.decay-images 0)"),
    Idle(("optimizer.end_factor", "optimizer.decay_images"), lambda c: c.optimizer.schedule in ("constant", "steps"),
         "where no rate falls to an end (--optimizer.schedule {})", "optimizer.schedule"),
    Idle(("optimizer.milestones_images", "optimizer.step_factor"),
         lambda c: c.optimizer.schedule in ("constant", *FALLING),
         "where the rates do not fall in steps (--optimizer.schedule {})", "optimizer.schedule"),
    Idle(("net.gen_offset_gain", "net.gen_offset_draw"), lambda c: not c.net.gen_offset,
         "without a constant in G (--net.gen-offset 0)"),
    Idle(("data.background", "data.skip_broken"), lambda c: _comes_with_ayneh(c.data.name),
         "where the images are no files (--data.name {})", "data.name"),
    Idle(("keep.score_images",), lambda c: not c.keep.score_epochs, "in a run without scores (--keep.score-epochs 0)"),
    Idle(("rescue_slows",), lambda c: not c.rescue, "in a run without rescues (--rescue 0)"),
)  # fmt: skip


def _comes_with_ayneh(data: str) -> bool:
    """Whether a data set has files of its own, which are read in one way."""
    return ":" not in data and own("data", data) is None


def _built_in(kind: str, name: str) -> bool:
    """Whether a part is no one's own, and not one whose file has not been loaded either."""
    return name == "none" or name in builtin(kind)


def idle(config: Config) -> dict[str, str]:
    """{"rules.gamma": "which changes nothing without a penalty (--rules.penalty none)"}: unusual values alone."""
    values, found = flatten(config), dict[str, str]()
    for one in IDLE:
        names = [name for name in one.names if values[name] != USUAL[name]]
        for name in names if names and one.idle(config) else ():
            found.setdefault(name, f"which changes nothing {one.where.format(values.get(one.by))}")
    return found


def warn_of_idle(config: Config) -> None:
    """Name the settings that a person has set and that change nothing, a line each; a preset's own are left out."""
    _, changes = nearest(flatten(config))
    for name, why in idle(config).items():
        if name in changes:
            warn_once(f"--{name.replace('_', '-')} is {_shown(changes[name])}, {why}.")


def _shown(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
