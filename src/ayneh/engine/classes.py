"""The classes of a labelled game: how those of fakes are drawn, and which settings do not fit."""

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
    """Sums of the shares of the classes 0..k, float64 (K,), the last 1, for `picked`. classes: "data" or "even"."""
    ends = torch.tensor(labels.weights(classes), dtype=torch.float64).cumsum(0)
    return ends / ends[-1].clone()


def drawn(labels: Labels, classes: str, n: int, seed: int, purpose: str) -> Tensor:
    """n classes, int64 (n,) on the CPU, that a run draws once for a purpose. classes: as for `ends_of`."""
    return picked(torch.rand(n, generator=generator(seed, FIXED, purpose)), ends_of(labels, classes))


def picked(u: Tensor, ends: Tensor) -> Tensor:
    """The class of each number u of U[0, 1), int64 of its shape."""
    return torch.searchsorted(ends.to(u), u.contiguous(), right=True).clamp(max=len(ends) - 1)


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
