"""The first notebook: D's loss and G's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ayneh.game.losses import LOSSES
from ayneh.lab.answers import called, number, reached, unlike
from ayneh.lab.words import Checked, no, yes
from ayneh.pytorch import as_imported


@as_imported()
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
        ("loss_d", lambda: loss_d(dis, real.clone(), fake.clone()), game.dis(*of_game, 0.0).mean(), _wrong_d(r, f)),
        ("loss_g", lambda: loss_g(dis, fake.clone()), game.gen(None, f[None]).mean(), _wrong_g(f)),
    ):
        found = number(name, call, len(f))
        if isinstance(found, Checked):
            return found
        if isinstance(whole := called(name, partial(untouched, found, last.weight, fake)), Checked):
            return whole
        if not whole:
            return no("loss.backward", name=name)
        if (
            why := unlike(name, float(found.detach()), float(right), wrong | {float(right) * len(f): "loss.sum"})
        ) is not None:
            return why
        to_d, to_g = reached(found, last.weight), reached(found, fake)
        if name == "loss_d" and not to_d:
            return no("loss.cut_from_d")
        if name == "loss_d" and to_g:
            return no("loss.reaches_g")
        if name == "loss_g" and not to_g:
            return no("loss.cut_from_g")
    return yes("loss.right")


def untouched(loss: Tensor, *leaves: Tensor) -> bool:
    """Whether the gradients of a loss are still to be taken: its graph is there, and no leaf has one."""
    if any(leaf.grad is not None for leaf in leaves):
        return False
    try:
        return not loss.requires_grad or bool(torch.autograd.grad(loss, leaves, retain_graph=True, allow_unused=True))
    except RuntimeError as error:
        if "backward through the graph a second time" in str(error):
            return False
        raise


def _wrong_d(r: Tensor, f: Tensor) -> dict[float, str]:
    """Keys of sentences on the usual mistakes in D's loss, by the values that they give for these logits."""
    right, p, q = (softplus(-r) + softplus(f)).mean(), r.sigmoid(), f.sigmoid()
    return {
        float(-right): "loss.sign",
        float((softplus(r) + softplus(-f)).mean()): "loss.swapped",
        float((softplus(-p) + softplus(q)).mean()): "loss.sigmoid",
        float(right / 2): "loss.half",
        float(softplus(-r).mean()): "loss.real_alone",
        float(softplus(f).mean()): "loss.fakes_alone",
        float((softplus(-r) + softplus(-f)).mean()): "loss.both_one",
        float((1 - p + q).mean()): "loss.no_log",
        float((q - p).mean()): "loss.no_log",
    }


def _wrong_g(f: Tensor) -> dict[float, str]:
    """The same for G's loss."""
    q = f.sigmoid()
    return {
        float(-softplus(-f).mean()): "loss.sign",
        float(-softplus(f).mean()): "loss.saturates",
        float(softplus(f).mean()): "loss.recognised",
        float(softplus(-q).mean()): "loss.sigmoid",
        float((1 - q).mean()): "loss.no_log",
        float(-q.mean()): "loss.no_log",
    }
