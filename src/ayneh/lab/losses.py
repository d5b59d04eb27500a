"""The first notebook: D's loss and G's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ayneh.game.losses import LOSSES
from ayneh.lab.answers import Checked, no, number, reached, unlike

_SUM = "it is the sum over the batch: take the mean, or a larger batch has a larger step"
_SIGMOID = "probabilities go into a loss of logits, so that the sigmoid is taken twice: leave it out"
_SIGN = "its sign is turned, so that descending it makes things worse"
_SATURATES = "it is log(1 - D(G(z))), whose gradient vanishes where D is certain: take -log D(G(z))"
_NO_LOG = "it has D's probabilities without their logarithm, which is not a cross-entropy"


def check_losses(loss_d: Callable[..., Any], loss_g: Callable[..., Any]) -> Checked:
    """Compares loss_d(dis, real, fake) and loss_g(dis, fake), with the game's: cross-entropies of logits.

    G's is the one that does not saturate. The first mistake that is found is the sentence.

    >>> from ayneh import lab
    >>> lab.check_losses(lambda dis, real, fake: None, lambda dis, fake: None)
    loss_d gives nothing yet: write it, and play this cell again.
    """
    draws = torch.randn(13, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    last = nn.Linear(5, 1, dtype=torch.float64)
    with torch.no_grad():
        last.weight.copy_(draws[:1])
        last.bias.fill_(0.3)
    dis, real, fake = nn.Sequential(last, nn.Flatten(0)), draws[1:7], draws[7:].requires_grad_()  # (B, pixels)
    r, f = dis(real).detach(), dis(fake).detach()
    game, of_game = LOSSES["non-saturating"], (r[None], f[None])
    for name, call, right, wrong in (
        ("loss_d", lambda: loss_d(dis, real, fake), game.dis(*of_game, 0.0).mean(), _wrong_d(r, f)),
        ("loss_g", lambda: loss_g(dis, fake), game.gen(None, f[None]).mean(), _wrong_g(f)),
    ):
        found = number(name, call, len(f))
        if isinstance(found, Checked):
            return found
        if (
            why := unlike(name, float(found.detach()), float(right), wrong | {float(right) * len(f): _SUM})
        ) is not None:
            return why
        to_d, to_g = reached(found, last.weight), reached(found, fake)
        if name == "loss_d" and not to_d:
            return no("loss_d has the right value, and no gradient reaches D: a detach or a plain number cuts it off.")
        if name == "loss_d" and to_g:
            return no("loss_d is right in value, but its gradient reaches G, too: give D fake.detach().")
        if name == "loss_g" and not to_g:
            return no("loss_g has the right value, and no gradient reaches G: here the fakes must not be detached.")
    return Checked(True, "Right: both losses are those of the game, and each gradient reaches the net that it is for.")


def _wrong_d(r: Tensor, f: Tensor) -> dict[float, str]:
    """The usual mistakes in D's loss, by the values that they give for these logits."""
    right, p, q = (softplus(-r) + softplus(f)).mean(), r.sigmoid(), f.sigmoid()
    return {
        float(-right): _SIGN,
        float((softplus(r) + softplus(-f)).mean()): "real and fake have changed places: the target of real images is 1",
        float((softplus(-p) + softplus(q)).mean()): _SIGMOID,
        float(right / 2): "it is half of the game's: the terms of real and fake images are added, not averaged",
        float(softplus(-r).mean()): "it has the term of the real images alone: add that of the fakes",
        float(softplus(f).mean()): "it has the term of the fakes alone: add that of the real images",
        float((softplus(-r) + softplus(-f)).mean()): "the target of the fakes is 1 as well: for D it is 0",
        float((1 - p + q).mean()): _NO_LOG,
        float((q - p).mean()): _NO_LOG,
    }


def _wrong_g(f: Tensor) -> dict[float, str]:
    """The usual mistakes in G's loss."""
    q = f.sigmoid()
    return {
        float(-softplus(-f).mean()): _SIGN,
        float(-softplus(f).mean()): _SATURATES,
        float(softplus(f).mean()): "the target is 0, so that G learns to be recognised: for G it is 1",
        float(softplus(-q).mean()): _SIGMOID,
        float((1 - q).mean()): _NO_LOG,
        float(-q.mean()): _NO_LOG,
    }
