"""One step of the game: D learns which images are real, then G learns to fool D (Goodfellow et al. 2014).

Every run of ayneh plays by this function. It is a pure function of tensors: random numbers are arguments, and it does
no I/O, depends on no device and never waits for one. All tensors have a leading axis of R replicas, which do not affect
one another. B images make a batch, a net has P parameters, a latent has Z coordinates. In a labelled game each image
has a class, y (R, B): real ones that of the data, fakes the one that G was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ayneh.game.augment import Augmentation, augment
from ayneh.game.conditional import class_loss, read_right
from ayneh.game.frame import put, scale
from ayneh.game.losses import Loss, misread
from ayneh.game.optimiser import OPTIMISERS, Optimiser, average
from ayneh.game.penalties import Penalty

Apply = Callable[..., Tensor]  # (theta (R, P), input (R, B, ...), classes (R, B) if any) -> output (R, B, ...)
# gen, dis, ema and what the optimiser remembers, *_m, *_v: (R, P); *_t: (R, 1); what a net remembers, *_buffers/NAME
State = dict[str, Tensor]
# (theta, input, the state, seeds of what is drawn, classes) -> output, and what the net remembers then, for the state
Inside = Callable[..., tuple[Tensor, State]]
Draws = dict[str, Any]  # random numbers of one update, by name; what has none is left out of the game
Hyper = dict[str, Tensor]  # (R, 1) each
SIDES = {"z": "fake", "fake": "fake", "real": "real", "penalty": "real"}  # the call of a net -> whose classes it gets


@dataclass(frozen=True)
class Game:
    """The players and the rules that all replicas share."""

    gen: Apply  # z (R, B, Z) -> images (R, B, C, H, W) in [-1, 1]
    dis: Apply  # images (R, B, C, H, W) -> logits (R, B)
    loss: Loss
    size: int  # pixels a side of the images that G draws; real ones are padded with black to it
    penalty: Penalty | None = None
    penalty_every: int = 1  # steps from one with the penalty to the next, where it weighs as many times as much
    augmentation: Augmentation | None = None  # of one's own
    averages: bool = True  # False: the moving average of G is G itself
    optimiser: Optimiser = OPTIMISERS["adam"]
    eps: float = 1e-8  # of the optimiser
    decays: bool = False  # whether a replica has a weight decay
    reads: int = 0  # coordinates of z that D reads back from a fake: with read=True, after the logit
    labelled: tuple[str, ...] = ()  # "gen", "dis": the nets that take the class
    parts: tuple[int, ...] = ()  # of the classes that D reads of an image, with classify=True, last (conditional.py)
    inside: Mapping[str, Inside] = field(default_factory=dict)  # "gen", "dis": nets that remember or draw, if they may

    @cached_property
    def remembered(self) -> tuple[str, ...]:
        """The names of what the optimiser remembers."""
        return tuple(self.optimiser.init(torch.zeros(1, 1)))


def step(
    game: Game, state: State, reals: list[Tensor], draws: dict[str, list[Draws]], hyper: Hyper
) -> tuple[State, State]:
    """One update of D for each batch in ``reals``, then one of G for each entry of ``draws["gen"]``.

    reals: uint8 (R, B, C, h, w). Returns the new state and the measures of the last updates, (R,) each. The fakes of
    D's last update are those of G's first one.
    """
    state = dict(state)
    measures: State = {}
    gen = state["gen"].detach().requires_grad_()
    for image, draw in zip(reals, draws["dis"], strict=True):
        real = scale(put(image, game.size), gen.dtype)  # (R, B, C, H, W) in [-1, 1]
        fake = output(game, state, "gen", gen, draw["z"], draw, "z")
        measures |= update_dis(game, state, real, fake.detach(), draw, hyper)
    last = {name: draw[name] for name in ("z", "y") if name in draw}  # latents and classes of the last fakes
    for draw in draws["gen"]:
        if "z" in draw:  # from its second update on, G draws new fakes
            gen = state["gen"].detach().requires_grad_()
            fake = output(game, state, "gen", gen, draw["z"], draw, "z")
        measures |= update_gen(game, state, gen, real, fake, last | draw, hyper)
    if game.penalty_every > 1:
        none = torch.zeros_like(measures["loss_d"])
        had = none + ("penalty" in measures)
        measures |= {"penalty": measures.pop("penalty", none), "penalised": had}  # the same names in every step
    return state, measures


def update_dis(game: Game, state: State, real: Tensor, fake: Tensor, draw: Draws, hyper: Hyper) -> State:
    """D descends its loss on a real and a fake batch + gamma * its penalty + mirror_weight * what it misreads of z.

    With a class head + label_weight * what that misreads of the classes of both.
    """
    dis = state["dis"].detach().requires_grad_()
    penalty = game.penalty if "penalty" in draw else None  # a lazy one is left out of most steps
    at = penalty.at if penalty else ()  # the batches at whose images the penalty takes D's slope
    real = distort(real, draw["real"], hyper, game.augmentation).detach().requires_grad_("real" in at)
    fake = distort(fake, draw["fake"], hyper, game.augmentation).detach().requires_grad_("fake" in at)
    real_logits, _, real_classes = judged(game, state, dis, real, draw, "real")  # (R, B)
    fake_logits, read_z, fake_classes = judged(game, state, dis, fake, draw, "fake")
    loss = game.loss.dis(real_logits, fake_logits, hyper["smooth"]).mean(1)  # (R,)
    measures = {
        "loss_d": loss,
        "p_real": real_logits.sigmoid().mean(1),
        "p_fake": fake_logits.sigmoid().mean(1),
    }
    if penalty:

        def logits(x: Tensor) -> Tensor:  # D runs once on each image, for the loss and for the slope
            if x is real or x is fake:
                return real_logits if x is real else fake_logits
            return judged(game, state, dis, x, draw, "penalty").logits

        measures["penalty"] = penalty.fn(logits, real, fake, draw["penalty"]).mean(1)
        loss = loss + game.penalty_every * hyper["gamma"][:, 0] * measures["penalty"]
    if read_z is not None:
        measures["misread"] = misread(read_z, draw["z"], hyper["z_mean"], hyper["z_std"]).mean(1)
        loss = loss + hyper["mirror_weight"][:, 0] * measures["misread"]
    if real_classes is not None and fake_classes is not None:
        both = [("real", real_classes), ("fake", fake_classes)]
        for side, read in both:
            measures[f"class_{side}"] = read_right(read, draw["y"][side], game.parts).to(loss.dtype).mean(1)
        unread = [class_loss(read, draw["y"][side], game.parts).mean(1) for side, read in both]
        measures["loss_class"] = unread[0] + unread[1]
        loss = loss + hyper["label_weight"][:, 0] * measures["loss_class"]
    measures["grad_d"] = descend(game, state, "dis", dis, loss, hyper)
    return {name: value.detach() for name, value in measures.items()}


def update_gen(game: Game, state: State, gen: Tensor, real: Tensor, fake: Tensor, draw: Draws, hyper: Hyper) -> State:
    """G descends its loss + mirror_weight_gen * what D misreads of z, with D fixed; then its moving average follows.

    With a class head + label_weight * what that misreads of the fakes' classes.
    """
    dis = state["dis"].detach()
    seen = distort(fake, draw["fake"], hyper, game.augmentation)
    fake_logits, read_z, fake_classes = judged(game, state, dis, seen, draw, "fake")
    real_logits = None  # (R, B)
    if game.loss.gen_needs_real:
        shown = distort(real, draw["real"], hyper, game.augmentation)
        real_logits = judged(game, state, dis, shown, draw, "real").logits
    loss = whole = game.loss.gen(real_logits, fake_logits).mean(1)  # (R,)
    if read_z is not None:
        misread_z = misread(read_z, draw["z"], hyper["z_mean"], hyper["z_std"]).mean(1)
        whole = whole + hyper["mirror_weight_gen"][:, 0] * misread_z
    if fake_classes is not None:
        whole = whole + hyper["label_weight"][:, 0] * class_loss(fake_classes, draw["y"]["fake"], game.parts).mean(1)
    grad = descend(game, state, "gen", gen, whole, hyper)
    gen = state["gen"]
    state["ema"] = average(state["ema"], gen, hyper["ema_decay"], state["gen_t"]) if game.averages else gen
    return {"loss_g": loss.detach(), "grad_g": grad}


class Judged(NamedTuple):
    """What D makes of a batch."""

    logits: Tensor  # (R, B)
    z: Tensor | None  # (R, B, Z), as it reads it from fakes; None where it does not
    classes: Tensor | None  # (R, B, sum of parts), logits of its class head; None where it has none


def judged(game: Game, state: State, dis: Tensor, x: Tensor, draw: Draws, call: str) -> Judged:
    """What D makes of x in the ``call`` "real", "fake" or "penalty"."""
    width = sum(game.parts) if call != "penalty" else 0
    reads = game.reads if call == "fake" else 0
    asked = {"read": True} if reads else {}
    asked |= {"classify": True} if width else {}
    out = output(game, state, "dis", dis, x, draw, call, **asked)
    if not asked:
        return Judged(out, None, None)
    logits, z, classes = out.split([1, reads, width], -1)
    return Judged(logits[..., 0], z if reads else None, classes if width else None)


def output(
    game: Game, state: State, who: str, theta: Tensor, x: Tensor, draw: Draws, call: str, **asked: Any
) -> Tensor:
    """The output of ``who`` ("gen" or "dis") for x. What a net remembers (running statistics) goes into ``state``.

    A net that takes classes gets those of x; asked: what D is to read.
    """
    if who in game.labelled:
        asked["y"] = draw["y"][SIDES[call]]
    if who not in game.inside:
        return (game.gen if who == "gen" else game.dis)(theta, x, **asked)
    out, remembered = game.inside[who](theta, x, state, draw.get("inside", {}).get(call), **asked)
    state.update(remembered)
    return out


def descend(game: Game, state: State, who: str, theta: Tensor, loss: Tensor, hyper: Hyper) -> Tensor:
    """One update of ``who`` ("gen" or "dis") in ``state``; returns the norm of each replica's gradient, (R,)."""
    (grad,) = torch.autograd.grad(loss.sum(), theta)  # a replica's loss depends on its own row of theta alone
    theta = theta.detach()
    t = state[f"{who}_t"] = state[f"{who}_t"] + 1
    memory = {name: state[f"{who}_{name}"] for name in game.remembered}
    numbers = {**hyper, "lr": hyper[f"lr_{who}"], "eps": game.eps, "decays": game.decays}
    state[who], memory = game.optimiser.update(theta, grad, memory, t, numbers)
    state.update({f"{who}_{name}": value for name, value in memory.items()})
    return grad.norm(dim=1)


def distort(x: Tensor, draw: dict[str, Tensor], hyper: Hyper, own: Augmentation | None = None) -> Tensor:
    """Images as D sees them: shifted and cut out, then with instance noise, then with dropped pixels (report R7).

    own: an augmentation of one's own, between the shifts and the noise.
    """
    if "augment" in draw:
        x = augment(x, draw["augment"], hyper["translation"][:, 0], hyper["cutout"][:, 0])
    if own:
        x = own.fn(x, draw["own"], hyper["augmentation_strength"][..., None, None, None])
    if "instance" in draw:
        x = x + hyper["instance_noise"][..., None, None, None] * draw["instance"]
    if "drop" in draw:
        p = hyper["dropout"][..., None, None, None]
        x = x * (draw["drop"] >= p) / (1 - p)
    return x
