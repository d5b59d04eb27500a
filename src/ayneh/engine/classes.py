"""The classes of a labelled game: how those of fakes are drawn, and which settings do not fit."""

from __future__ import annotations

import torch
from torch import Tensor

from ayneh.config import Config
from ayneh.engine.noise import FIXED, generator
from ayneh.errors import UserError
from ayneh.game.step import Game
from ayneh.labels import Labels

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
