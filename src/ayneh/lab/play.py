"""The game of docs/plain.md with perceptrons, played with losses, a D or a noise of one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ayneh.api.drawn import grid_of
from ayneh.api.images import images
from ayneh.api.pictures import Picture
from ayneh.arguments import checked
from ayneh.errors import UserError
from ayneh.game.frame import levels, scale
from ayneh.game.inits import glorot_init
from ayneh.game.nets import Spec, make_nets
from ayneh.generators import seeded
from ayneh.lab.answers import called, moved
from ayneh.lab.losses import check_losses
from ayneh.lab.noise import DIM, noise
from ayneh.lab.words import Checked

SIDE = 16  # pixels
Draw = Callable[[int], Tensor]


def nets() -> tuple[nn.Module, nn.Module]:
    """The perceptrons of the game, G and D, with new weights."""
    gen, dis = make_nets("mlp", Spec(z_dim=DIM, channels=1, size=SIDE))
    glorot_init(gen)
    glorot_init(dis)
    return gen, dis


@checked
def play(
    loss_d: Callable[..., Any] | None = None,
    loss_g: Callable[..., Any] | None = None,
    dis: Any = None,
    mended: Callable[[Tensor], Any] | None = None,
    epochs: int = 30,
    seed: int = 0,
) -> Picture | Checked:
    """The game of docs/plain.md with perceptrons on the embedded digits: 64 images of G, or why there are none.

    loss_d, loss_g: as `check_losses` takes them; dis: a module; each None: the game's. mended: what is done to the
    draws of `noise` before G gets them; None: G gets normal draws. Raises UserError for less than one epoch.

    >>> from ayneh import lab
    >>> lab.play(epochs=1)
    Picture(after epoch 0, 584x584)
    """
    if epochs < 1:
        raise UserError(f"epochs is {epochs}; the game takes at least 1.")
    if (loss_d or loss_g) and not (losses := check_losses(loss_d or _loss_d, loss_g or _loss_g)):
        return losses
    if mended and isinstance(found := moved(mended, noise(1)), Checked):
        return found
    with seeded(seed):  # what the student draws next stays as it is
        gen, usual = nets()
        played = called(
            "",
            lambda: _played(
                gen, usual if dis is None else dis, loss_d or _loss_d, loss_g or _loss_g, _draws(mended), epochs
            ),
            of="game",
        )
    if isinstance(played, Checked):
        return played
    return grid_of(levels(played), f"after epoch {epochs - 1}")


def _loss_d(dis: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    return softplus(-dis(real)).mean() + softplus(dis(fake.detach())).mean()


def _loss_g(dis: nn.Module, fake: Tensor) -> Tensor:
    return softplus(-dis(fake)).mean()


def _draws(mended: Callable[[Tensor], Any] | None) -> Draw:
    """How z is drawn: n -> float32 (n, DIM)."""
    if mended is None:
        return lambda n: torch.randn(n, DIM)

    def draw(n: int) -> Tensor:
        out = moved(mended, noise(n, seed=int(torch.randint(2**31, ()))))
        if isinstance(out, Checked):
            raise ValueError(out.words)
        drawn: Tensor = out.float()
        return drawn

    return draw


def _played(gen: nn.Module, dis: nn.Module, loss_d: Any, loss_g: Any, draw: Draw, epochs: int) -> Tensor:
    """G's images (64, 1, 16, 16) in [-1, 1] after so many epochs."""
    data = scale(torch.from_numpy(images("digits", resize=SIDE).train))
    adam_d, adam_g = (torch.optim.Adam(net.parameters(), lr=1e-3, betas=(0.5, 0.999)) for net in (dis, gen))
    shown = draw(64)
    for _ in range(epochs):
        for rows in torch.randperm(len(data)).split(64):
            fake = gen(draw(len(rows)))
            adam_d.zero_grad()
            loss_d(dis, data[rows], fake).backward()
            adam_d.step()
            adam_g.zero_grad()
            loss_g(dis, fake).backward()
            adam_g.step()
    made: Tensor = gen(shown).detach()
    return made
