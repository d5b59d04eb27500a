"""One step of the game: D learns to tell real from fake, then G learns to fool it (Goodfellow et al. 2014).

This is the only place where the game is played. It is a pure function of tensors: no I/O, no device names, no
random draws, no synchronisation. Every tensor has a leading replica axis R, and every hyper-parameter is an
(R, 1) tensor; replicas never touch. B images a batch, P parameters a net.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ayneh.game.augment import augment
from ayneh.game.frame import put, scale
from ayneh.game.losses import Loss
from ayneh.game.misread import misread
from ayneh.game.optimiser import adam, average
from ayneh.game.penalties import Penalty

Apply = Callable[[Tensor, Tensor], Tensor]  # (theta (R, P), input (R, B, ...)) -> output (R, B, ...)
State = dict[str, Tensor]  # gen, dis and ema: (R, P); Adam's *_m, *_v: (R, P) and *_t: (R, 1)
Draws = dict[str, Any]  # what chance decided for one update; a missing entry means: not played
Hyper = dict[str, Tensor]  # (R, 1) each


@dataclass(frozen=True)
class Game:
    """The rules: who plays, for which loss, under which penalty; real images stand in a frame of ``size`` pixels."""

    gen: Apply  # z (R, B, Z) -> images (R, B, C, H, W) in [-1, 1]
    dis: Apply  # images (R, B, C, H, W) -> logits (R, B)
    loss: Loss
    size: int  # pixels a side of what both players see
    penalty: Penalty | None = None
    averages: bool = True  # False: the moving average of G is G itself
    adam_eps: float = 1e-8
    read: Apply | None = None  # images -> (R, B, 1 + Z): the logit and z as D reads it (None: D does not learn to)


def step(
    game: Game, state: State, reals: list[Tensor], draws: dict[str, list[Draws]], hyper: Hyper
) -> tuple[State, State]:
    """One update of D for each batch in ``reals``, then one of G for each of ``draws["gen"]``.

    reals: uint8 (R, B, C, h, w). Returns the new state and the measures, (R,) each. G's first update is on
    the fakes that D saw last: they are not drawn again.
    """
    state = dict(state)
    measures: State = {}
    gen = state["gen"].detach().requires_grad_()
    for image, draw in zip(reals, draws["dis"], strict=True):
        real = scale(put(image, game.size), gen.dtype)  # (R, B, C, H, W) in [-1, 1]
        z = draw["z"]
        fake = game.gen(gen, z)
        measures |= update_dis(game, state, real, fake.detach(), draw, hyper)
    for draw in draws["gen"]:
        if "z" in draw:  # a further update of G
            gen = state["gen"].detach().requires_grad_()
            z = draw["z"]
            fake = game.gen(gen, z)
        measures |= update_gen(game, state, gen, real, fake, z, draw, hyper)
    return state, measures


def update_dis(game: Game, state: State, real: Tensor, fake: Tensor, draw: Draws, hyper: Hyper) -> State:
    """D descends its loss on a real and a fake batch, plus gamma times the penalty, plus what it misreads of z."""
    dis = state["dis"].detach().requires_grad_()
    sloped = game.penalty.at if game.penalty else ()  # where the penalty reads D's slope
    real = seen(real, draw["real"], hyper).detach().requires_grad_("real" in sloped)
    fake = seen(fake, draw["fake"], hyper).detach().requires_grad_("fake" in sloped)
    real_logits = game.dis(dis, real)  # (R, B)
    fake_logits, misread_z = logits_and_misread(game, dis, fake, draw["z"], hyper)  # (R, B), (R,)
    loss = game.loss.dis(real_logits, fake_logits, hyper["smooth"]).mean(1)  # (R,)
    measures = {
        "loss_d": loss,
        "p_real": real_logits.sigmoid().mean(1),
        "p_fake": fake_logits.sigmoid().mean(1),
    }
    if game.penalty:

        def logits(x: Tensor) -> Tensor:  # D runs on each image once, for its loss and for its slope
            return real_logits if x is real else fake_logits if x is fake else game.dis(dis, x)

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
    """G descends its loss through a D that stands still, plus what D misreads of z; the moving average of G follows."""
    dis = state["dis"].detach()
    fake_logits, misread_z = logits_and_misread(game, dis, seen(fake, draw["fake"], hyper), z, hyper)  # (R, B), (R,)
    real_logits = game.dis(dis, seen(real, draw["real"], hyper)) if game.loss.gen_needs_real else None
    loss = game.loss.gen(real_logits, fake_logits).mean(1)  # (R,)
    whole = loss if misread_z is None else loss + hyper["mirror_weight_gen"][:, 0] * misread_z
    grad = descend(game, state, "gen", gen, whole, hyper)
    gen = state["gen"]
    state["ema"] = average(state["ema"], gen, hyper["ema_decay"], state["gen_t"]) if game.averages else gen
    return {"loss_g": loss.detach(), "grad_g": grad}


def logits_and_misread(game: Game, dis: Tensor, fake: Tensor, z: Tensor, hyper: Hyper) -> tuple[Tensor, Tensor | None]:
    """D's logits of G(z), (R, B), and the share of z that it misreads in them, (R,); None where it does not read."""
    if game.read is None:
        return game.dis(dis, fake), None
    both = game.read(dis, fake)
    return both[..., 0], misread(both[..., 1:], z, hyper["z_mean"], hyper["z_std"]).mean(1)


def descend(game: Game, state: State, who: str, theta: Tensor, loss: Tensor, hyper: Hyper) -> Tensor:
    """One Adam update of ``who`` in ``state``; returns the norm of each replica's gradient, (R,)."""
    (grad,) = torch.autograd.grad(loss.sum(), theta)  # the sum over R: no replica moves another
    t = state[f"{who}_t"] = state[f"{who}_t"] + 1
    state[who], state[f"{who}_m"], state[f"{who}_v"] = adam(
        theta.detach(), grad, state[f"{who}_m"], state[f"{who}_v"], t,
        hyper[f"lr_{who}"], hyper["beta1"], hyper["beta2"], game.adam_eps,
    )  # fmt: skip
    return grad.norm(dim=1)


def seen(x: Tensor, draw: dict[str, Tensor], hyper: Hyper) -> Tensor:
    """What D sees of an image: shifted and cut out, then with instance noise, then with pixels dropped (report R7)."""
    if "augment" in draw:
        x = augment(x, draw["augment"], hyper["translation"][:, 0], hyper["cutout"][:, 0])
    if "instance" in draw:
        x = x + hyper["instance_noise"][..., None, None, None] * draw["instance"]
    if "drop" in draw:
        p = hyper["dropout"][..., None, None, None]
        x = x * (draw["drop"] >= p) / (1 - p)
    return x
