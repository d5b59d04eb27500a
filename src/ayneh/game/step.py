"""One step of the game: D learns to tell real images from fake ones, then G learns to fool D (Goodfellow et al. 2014).

Every run of ayneh plays by this function. It is a pure function of tensors: random numbers are arguments, and it does
no I/O, depends on no device and never waits for one. All tensors have a leading axis of R replicas, which do not affect
one another. B images make a batch, a net has P parameters, a latent has Z coordinates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ayneh.game.augment import Augmentation, augment
from ayneh.game.frame import put, scale
from ayneh.game.losses import Loss
from ayneh.game.misread import misread
from ayneh.game.optimiser import OPTIMISERS, Optimiser, average
from ayneh.game.penalties import Penalty

Apply = Callable[[Tensor, Tensor], Tensor]  # (theta (R, P), input (R, B, ...)) -> output (R, B, ...)
# gen, dis, ema and what the optimiser remembers, *_m, *_v: (R, P); *_t: (R, 1); what a net remembers, *_buffers/NAME
State = dict[str, Tensor]
# (theta, input, the state, seeds of what is drawn) -> output, and what the net remembers then, for the state
Inside = Callable[[Tensor, Tensor, State, Sequence[int] | None], tuple[Tensor, State]]
Draws = dict[str, Any]  # random numbers of one update, by name; what has none is left out of the game
Hyper = dict[str, Tensor]  # (R, 1) each


@dataclass(frozen=True)
class Game:
    """The players and the rules that all replicas share."""

    gen: Apply  # z (R, B, Z) -> images (R, B, C, H, W) in [-1, 1]
    dis: Apply  # images (R, B, C, H, W) -> logits (R, B)
    loss: Loss
    size: int  # pixels a side of the images that G draws; real ones are padded with black to it
    penalty: Penalty | None = None
    augmentation: Augmentation | None = None  # of one's own
    averages: bool = True  # False: the moving average of G is G itself
    optimiser: Optimiser = OPTIMISERS["adam"]
    eps: float = 1e-8  # of the optimiser
    decays: bool = False  # whether a replica has a weight decay
    read: Apply | None = None  # images -> (R, B, 1 + Z): the logit, then z as D reads it (None: D does not read z)
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
        z = draw["z"]
        fake = output(game, state, "gen", gen, z, draw, "z")
        measures |= update_dis(game, state, real, fake.detach(), draw, hyper)
    for draw in draws["gen"]:
        if "z" in draw:  # from its second update on, G draws new fakes
            gen = state["gen"].detach().requires_grad_()
            z = draw["z"]
            fake = output(game, state, "gen", gen, z, draw, "z")
        measures |= update_gen(game, state, gen, real, fake, z, draw, hyper)
    return state, measures


def update_dis(game: Game, state: State, real: Tensor, fake: Tensor, draw: Draws, hyper: Hyper) -> State:
    """D descends its loss on a real and a fake batch + gamma * its penalty + mirror_weight * what it misreads of z."""
    dis = state["dis"].detach().requires_grad_()
    at = game.penalty.at if game.penalty else ()  # the batches at whose images the penalty takes D's slope
    real = distort(real, draw["real"], hyper, game.augmentation).detach().requires_grad_("real" in at)
    fake = distort(fake, draw["fake"], hyper, game.augmentation).detach().requires_grad_("fake" in at)
    real_logits = output(game, state, "dis", dis, real, draw, "real")  # (R, B)
    fake_logits, misread_z = logits_and_misread(game, state, dis, fake, draw["z"], draw, hyper)  # (R, B), (R,)
    loss = game.loss.dis(real_logits, fake_logits, hyper["smooth"]).mean(1)  # (R,)
    measures = {
        "loss_d": loss,
        "p_real": real_logits.sigmoid().mean(1),
        "p_fake": fake_logits.sigmoid().mean(1),
    }
    if game.penalty:

        def logits(x: Tensor) -> Tensor:  # D runs once on each image, for the loss and for the slope
            if x is real or x is fake:
                return real_logits if x is real else fake_logits
            return output(game, state, "dis", dis, x, draw, "penalty")

        penalty = game.penalty.fn(logits, real, fake, draw["penalty"]).mean(1)
        measures["penalty"] = penalty
        loss = loss + hyper["gamma"][:, 0] * penalty
    if misread_z is not None:
        measures["misread"] = misread_z
        loss = loss + hyper["mirror_weight"][:, 0] * misread_z
    measures["grad_d"] = descend(game, state, "dis", dis, loss, hyper)
    return {name: value.detach() for name, value in measures.items()}


def update_gen(
    game: Game, state: State, gen: Tensor, real: Tensor, fake: Tensor, z: Tensor, draw: Draws, hyper: Hyper
) -> State:
    """G descends its loss + mirror_weight_gen * what D misreads of z, with D fixed; then its moving average follows."""
    dis = state["dis"].detach()
    seen = distort(fake, draw["fake"], hyper, game.augmentation)
    fake_logits, misread_z = logits_and_misread(game, state, dis, seen, z, draw, hyper)
    real_logits = None  # (R, B)
    if game.loss.gen_needs_real:
        shown = distort(real, draw["real"], hyper, game.augmentation)
        real_logits = output(game, state, "dis", dis, shown, draw, "real")
    loss = game.loss.gen(real_logits, fake_logits).mean(1)  # (R,)
    whole = loss if misread_z is None else loss + hyper["mirror_weight_gen"][:, 0] * misread_z
    grad = descend(game, state, "gen", gen, whole, hyper)
    gen = state["gen"]
    state["ema"] = average(state["ema"], gen, hyper["ema_decay"], state["gen_t"]) if game.averages else gen
    return {"loss_g": loss.detach(), "grad_g": grad}


def output(game: Game, state: State, who: str, theta: Tensor, x: Tensor, draw: Draws, call: str) -> Tensor:
    """The output of ``who`` ("gen" or "dis") for x. What a net remembers (running statistics) goes into ``state``."""
    if who not in game.inside:
        return (game.gen if who == "gen" else game.dis)(theta, x)
    y, remembered = game.inside[who](theta, x, state, draw.get("inside", {}).get(call))
    state.update(remembered)
    return y


def logits_and_misread(
    game: Game, state: State, dis: Tensor, fake: Tensor, z: Tensor, draw: Draws, hyper: Hyper
) -> tuple[Tensor, Tensor | None]:
    """D's logits of G(z), (R, B), and the share of z that it misreads, (R,), or None where it does not read z."""
    if game.read is None:
        return output(game, state, "dis", dis, fake, draw, "fake"), None
    both = game.read(dis, fake)  # (R, B, 1 + Z)
    return both[..., 0], misread(both[..., 1:], z, hyper["z_mean"], hyper["z_std"]).mean(1)


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
