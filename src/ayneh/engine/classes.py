"""The classes of a labelled game: whether images and settings fit it, and the shares from which fakes' are drawn."""

from __future__ import annotations

import torch
from torch import Tensor

from ayneh.config import Config, is_own_net
from ayneh.engine.noise import FIXED, generator
from ayneh.errors import UserError
from ayneh.game.step import Game
from ayneh.labels import Labels
from ayneh.rules import Rules
from ayneh.terminal.text import warn_once

Labelled = tuple[Tensor, Labels]  # the classes of the images, int64 (N,), and what they are


def ends_of(labels: Labels, classes: str) -> Tensor:
    """Sums of the shares of the classes 0..k, float64 (K,), for `Chance.classes`. classes: "data" or "even"."""
    ends = torch.tensor(labels.weights(classes), dtype=torch.float64).cumsum(0)
    return ends / ends[-1].clone()


def drawn(labels: Labels, classes: str, n: int, seed: int, purpose: str) -> Tensor:
    """n classes, int64 (n,) on the CPU, that a run draws once for a purpose. classes: as for `ends_of`."""
    u, ends = torch.rand(n, generator=generator(seed, FIXED, purpose)), ends_of(labels, classes)
    return torch.searchsorted(ends.to(u), u, right=True).clamp(max=len(ends) - 1)


def checked(one: Config, pixels: Tensor, labelled: Labelled | None) -> Labelled | tuple[None, None]:
    """The labels that the game plays with. Raises UserError where they are asked for, and are none or of one class."""
    rules = one.rules
    if not rules.labelled:
        return None, None
    if labelled is None:
        raise UserError(
            f"--rules.labels is {rules.labels}, and the images of {one.data.name} have no labels: give images with "
            "labels (docs/your-data.md), or set it to none."
        )
    labels, classes = labelled
    if classes.count < 2:
        raise UserError(
            f"--rules.labels is {rules.labels}, and all images of {one.data.name} are of one class, "
            f"{classes.names[0]!r}: give images of two classes or more, or set it to none."
        )
    if labels.shape != pixels.shape[:1] or not 0 <= int(labels.min()) <= int(labels.max()) < classes.count:
        raise UserError(
            f"{one.data.name} has {len(pixels):,} images and {len(labels):,} labels from {int(labels.min())} to "
            f"{int(labels.max())}; there must be a label for each image, from 0 to {classes.count - 1}."
        )
    return labels, classes


def warn_of_idle(config: Config) -> None:
    """Name the settings on labels that change nothing here, a line each: a preset may have them."""
    rules, net = config.rules, config.net
    given = {
        "rules.classes": rules.classes if rules.classes != Rules.classes else None,
        "rules.label-weight": rules.label_weight if rules.label_weight != Rules.label_weight else None,
        "net.gen-labels": net.gen_labels,
        "net.label-dim": net.label_dim,
    }
    where = {}
    if not rules.labelled:
        where = dict.fromkeys(given, "in a game without labels (--rules.labels none)")
    elif rules.labels != "auxiliary":
        where["rules.label-weight"] = f"where D reads no class (--rules.labels {rules.labels})"
    if rules.labelled and net.gen_labels == "norm":
        where["net.label-dim"] = "where no embedding is joined to z (--net.gen-labels norm)"
    if rules.labelled and is_own_net(net.name):
        where |= dict.fromkeys(("net.gen-labels", "net.label-dim"), "where nets of one's own take the class")
    for flag, why in where.items():
        if given[flag] is not None:
            warn_once(f"--{flag} is {given[flag]}, which changes nothing {why}.")


def pairing(game: Game, one: Config) -> str:
    """What pairs each fake with a real image, which are then of one class; empty if nothing does.

    Raises UserError where the classes of fakes are to be drawn evenly nevertheless.
    """
    penalty, found = game.penalty, ""
    if game.loss.gen_needs_real:
        found = f"the {one.rules.loss} loss"
    elif penalty and ("mix" in penalty.draws or not (penalty.at or penalty.draws)):
        found = f"the penalty {one.rules.penalty}"
    if found and one.rules.labelled and one.rules.classes == "even":
        raise UserError(
            f"--rules.classes is even, but {found} pairs each fake with a real image, whose class it gets: leave it "
            "out."
        )
    return found
