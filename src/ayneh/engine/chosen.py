"""The rules that a config chooses by name, built in or of one's own: a part of one's own is tried before it plays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import torch

from ayneh.config import Config
from ayneh.errors import UserError, pick
from ayneh.game import tried
from ayneh.game.augment import Augmentation
from ayneh.game.losses import LOSSES, Loss
from ayneh.game.optimiser import OPTIMISERS, Optimiser
from ayneh.game.penalties import PENALTIES, Penalty
from ayneh.parts.registry import table

T = TypeVar("T")
NONE = "none"


def rules_of(config: Config, image_shape: tuple[int, int, int]) -> dict[str, Any]:
    """The fields of `game.step.Game` that follow from the names in a config.

    Raises UserError for an unknown name, and for a part of one's own that fails on its trial.
    """
    return {
        "loss": loss_of(config),
        "penalty": penalty_of(config, image_shape),
        "penalty_every": config.rules.penalty_every if config.rules.penalty != NONE else 1,
        "augmentation": augmentation_of(config, image_shape),
        "optimiser": optimiser_of(config),
    }


def loss_of(config: Config) -> Loss:
    """This config's loss."""
    name, numbers = config.rules.loss, config.rules.numbers_of("loss")
    found = pick(table("loss", LOSSES), name, "loss")
    return found if _built_in("loss", name, LOSSES, numbers) else tried.loss(name, found, config.batch, numbers)


def penalty_of(config: Config, image_shape: tuple[int, int, int]) -> Penalty | None:
    """This config's penalty on D's gradient; None if it has none."""
    name, numbers = config.rules.penalty, config.rules.numbers_of("penalty")
    if name == NONE:
        return None
    found = pick(table("penalty", PENALTIES), name, "penalty")
    built_in = _built_in("penalty", name, PENALTIES, numbers)
    return found if built_in else tried.penalty(name, found, image_shape, numbers)


def augmentation_of(config: Config, image_shape: tuple[int, int, int]) -> Augmentation | None:
    """This config's augmentation of one's own; None if it has none."""
    name = config.rules.augmentation
    if name == NONE:
        return None
    found: Augmentation = pick(table("augmentation", {}), name, "augmentation")
    return tried.augmentation(name, found, image_shape, config.rules.numbers_of("augmentation"))


def optimiser_of(config: Config) -> Optimiser:
    """This config's optimiser."""
    name = config.optimizer.name
    found = pick(table("optimiser", OPTIMISERS), name, "optimiser")
    kind = torch.float64 if config.precision == "float64" else torch.float32
    return found if name in OPTIMISERS else tried.optimiser(name, found, kind)


def _built_in(kind: str, name: str, builtin: Mapping[str, Any], numbers: Mapping[str, float]) -> bool:
    if name in builtin and numbers:
        raise UserError(
            f"--rules.numbers sets {', '.join(numbers)} of the {kind} {name!r}, which is built in and takes none: "
            "leave it out."
        )
    return name in builtin
