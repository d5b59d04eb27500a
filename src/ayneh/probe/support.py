"""The support probe: the generator is frozen, and a fresh discriminator learns to tell its images from the data.

After Arjovsky & Bottou 2017: if supports hardly overlap, D's error falls to zero, and with it G's gradient under
log(1 - D). Further arms test what they left open: does D err on images outside its training set, does it tell real
images from other real ones, does it use grey levels, or the statistics of a batch? All arms have the same images, noise
and first D, and are played side by side as replicas.

Where real and fake images come in separate batches, as in the game, a D with batch norm can classify a batch by its
statistics. In all arms but "played" a batch therefore holds both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ayneh.config import Config, Rules
from ayneh.engine.match import Match
from ayneh.engine.noise import FIXED, derive, generator
from ayneh.engine.own_net import OwnNet
from ayneh.engine.replicas import Memory
from ayneh.engine.sampler import Sampler
from ayneh.errors import UserError, pick
from ayneh.game.frame import levels, put, scale
from ayneh.game.layers import standing_statistics
from ayneh.game.losses import LOSSES
from ayneh.game.step import State, descend, distort

GREY = 2 / 255  # one grey level of 8 bits in [-1, 1]
LEAST = 8  # real images that a side needs
GAMES = {"log(1-D)": "saturating", "-log D": "non-saturating"}  # G's losses whose gradients are compared
Logits = tuple[Tensor, Tensor]  # of real (N,) and of fake images (N,)


@dataclass(frozen=True)
class Arm:
    """An arm: what is done to both sides before D sees them."""

    shows: str
    treat: Callable[[Tensor, Tensor], Tensor] = lambda x, u: x  # images, U[0, 1) of their shape -> images
    null: bool = False  # real images in place of the fakes
    noised: bool = False
    together: bool = True  # both sides in one batch


def rounded(x: Tensor) -> Tensor:
    """The nearest of 256 grey levels in [-1, 1], as in an 8-bit file; its gradient is that of x."""
    nearest = scale(levels(x), x.dtype)
    return nearest.detach() + (x - x.detach())  # in this order the value is the level itself, to the bit


def dequantised(x: Tensor, u: Tensor) -> Tensor:
    """x + (u - 1/2) of a grey level, u in [0, 1): the gaps between grey levels are filled (Uria et al. 2013)."""
    return x + (u - 0.5) * GREY


ARMS = {
    "played": Arm("real images against G's, in batches apart as in the game", together=False),
    "plain": Arm("real images against G's"),
    "null": Arm("real images against other real images", null=True),
    "rounded": Arm("both sides rounded to 8 bits", lambda x, u: rounded(x)),
    "dequantised": Arm("uniform noise of one grey level on both sides", dequantised),
    "noised": Arm("Gaussian noise on both sides", noised=True),
}


@dataclass(frozen=True)
class Plan:
    """The settings of a probe."""

    steps: int = 500
    arms: tuple[str, ...] = tuple(ARMS)
    noise: float = 0.5  # standard deviation in the arm "noised", of pixels in [-1, 1]
    dropout: float = 0.0  # of D's training images; looks are taken without it
    images: int = 1000  # of each kind in a look, at most
    batches: int = 2  # for the norm of G's gradient

    def looks(self) -> list[int]:
        """0, 1, 2, 5, 10, 20, 50, ... and the last step."""
        marks = [m * 10**e for e in range(len(str(self.steps))) for m in (1, 2, 5)]
        return sorted({0, self.steps, *(mark for mark in marks if mark < self.steps)})


@dataclass(frozen=True)
class Look:
    """One arm after ``step`` updates of D. ``gradients``: norms of G's gradient by `GAMES`, empty for the null."""

    step: int
    train: Logits  # with the statistics of the batch that an image came in, as D learns
    held_out: Logits  # the same, of images that D did not learn from
    single: Logits  # of the held-out ones with standing statistics of both sides: a function of one image alone
    gradients: dict[str, float]


class Probe:
    """One replica's generator with standing statistics, against fresh discriminators with its run's architecture."""

    def __init__(self, sampler: Sampler, train: Tensor, test: Tensor, plan: Plan | None = None) -> None:
        """train, test: the data's splits, uint8 (N, C, h, w). Half of each is real, half stands for fakes in the null.

        Raises UserError for an unknown arm and where there are too few images.
        """
        self.sampler, self.plan = sampler, plan or Plan()
        arms = {name: pick(ARMS, name, "arm of the probe") for name in self.plan.arms}
        with torch.no_grad():
            side = sampler.gen(sampler.latents("probe shape", 2)).shape[-1]
        seed = derive(sampler.config.seed, FIXED, "probe")  # another D than the run's
        real, other = _halves(train, seed, "training")
        self.twin = Match([self._config(seed, side, len(real), ARMS["plain"])], other, sampler.device)
        dis = self.twin.dis
        self.reads_batches = any(isinstance(layer, _BatchNorm) for layer in dis.module.modules())
        self.reads_batches |= isinstance(dis, OwnNet) and dis.tried.together
        self.arms = {name: arm for name, arm in arms.items() if arm.together or self.reads_batches}
        configs = [self._config(seed, side, len(real), arm) for arm in self.arms.values()]
        self.match = Match(configs, real, sampler.device)
        self.held_real, self.held_other = (side[: self.plan.images] for side in _halves(test, seed, "test"))
        self.batch = configs[0].batch
        for parameter in sampler.gen.parameters():
            parameter.requires_grad_(False)

    def _config(self, seed: int, side: int, reals: int, arm: Arm) -> Config:
        """The run's D and optimiser in the plain game of cross-entropy: no penalty, nothing distorted or fading."""
        config = self.sampler.config
        noise = self.plan.noise if arm.noised else 0.0
        return replace(
            config,
            seed=seed,
            batch=min(config.batch, reals),
            data=replace(config.data, pad_to=side),
            rules=Rules(dropout=self.plan.dropout, instance_noise=noise),
            optimizer=replace(config.optimizer, decay_images=0, schedule="constant", warmup_images=0),
        )

    @property
    def n(self) -> dict[str, int]:
        """Numbers of images by use."""
        return {
            "train_real": len(self.match.pixels),
            "held_out_a_side": _whole(len(self.held_real), self.batch),
            "looked_at_train_a_side": _whole(min(len(self.match.pixels), self.plan.images), self.batch),
            "batch": self.batch,
        }

    def play(self) -> Iterator[dict[str, Look]]:
        """A look at every arm after each of the plan's numbers of steps."""
        state, sets = self.match.start(), self._sets()
        for step, until in zip([0, *self.plan.looks()], self.plan.looks(), strict=False):
            for i in range(step, until):
                self._update(state, i)
            yield self._look(state, until, sets)

    def _update(self, state: State, i: int) -> None:
        """Update number i (from 0) of every arm's D."""
        match = self.match
        draw, hyper = match.draws(i)["dis"][0], match.hyper(i)
        with torch.no_grad():
            real = self._scaled(match.reals(i)[0][0])  # (B, C, S, S), the same for all arms
            other = self._scaled(self.twin.reals(i)[0][0])
            fake = self.sampler.gen(draw["z"][0])
            real = distort(self._treated(i, "real", real), draw["real"], hyper)  # (R, B, C, S, S)
            fake = distort(self._treated(i, "fake", fake, other), draw["fake"], hyper)
        dis = state["dis"].detach().requires_grad_()
        seeds, memories = draw.get("inside", {}), [match.dis.of(state, r) for r in range(len(dis))]
        logits = [
            self._logits(r, row, real[r], fake[r], memories[r], *(seeds[side][r] for side in ("real", "fake") if seeds))
            for r, row in enumerate(dis)
        ]
        state.update(match.dis.kept(memories))
        real_logits, fake_logits = (torch.stack(side) for side in zip(*logits, strict=True))  # (R, B)
        loss = match.game.loss.dis(real_logits, fake_logits, hyper["smooth"]).mean(1)
        descend(match.game, state, "dis", dis, loss, hyper)

    def _scaled(self, pixels: Tensor) -> Tensor:  # uint8 (N, C, h, w) -> (N, C, S, S) in [-1, 1]
        return scale(put(pixels, self.match.size), self.match.dtype)

    def _logits(self, r: int, row: Tensor, real: Tensor, fake: Tensor, memory: Memory, *seeds: int) -> Logits:
        """Arm r's D (P,) on a batch of each side (B, C, S, S), in one batch or in two: (B,) each.

        memory: what D remembers, which is changed; seeds: of what it draws on each side (none: the same every time).
        """
        logits, (first, second) = self.match.dis.forward, seeds or (None, None)
        if list(self.arms.values())[r].together:
            both = logits(row, torch.cat([real, fake]), memory, first)
            return both[: len(real)], both[len(real) :]
        return logits(row, real, memory, first), logits(row, fake, memory, second)

    def _treated(self, i: int, side: str, x: Tensor, other: Tensor | None = None) -> Tensor:
        """A batch (B, C, S, S) as each arm changes it, in the null ``other``: (R, B, C, S, S)."""
        u = self.twin.chance.uniform(i, f"probe {side}", *x.shape)[0]
        return torch.stack([arm.treat(other if arm.null and other is not None else x, u) for arm in self.arms.values()])

    # -- looks -----------------------------------------------------------------------------------------------------

    def _sets(self) -> dict[str, Tensor]:
        """The images of every look as each arm's D sees them, (R, N, C, S, S): train and held, real and fake."""
        counts = self.n
        train, held = counts["looked_at_train_a_side"], counts["held_out_a_side"]
        uint8 = {
            "train": (self.match.pixels[:train], self.twin.pixels[:train]),
            "held": (self.held_real[:held], self.held_other[:held]),
        }
        sets = {}
        for name, (real, other) in uint8.items():
            fake = self.sampler.images(f"probe {name}", len(real)).to(self.match.dtype)
            sets[f"{name} real"] = self._seen(f"{name} real", self._scaled(real))
            sets[f"{name} fake"] = self._seen(f"{name} fake", fake, self._scaled(other))
        return sets

    def _seen(self, side: str, x: Tensor, other: Tensor | None = None) -> Tensor:
        """`_treated`, with the noise of the arm that has it."""
        treated = self._treated(FIXED, side, x, other)
        noise = self.match.chance.normal(FIXED, f"probe noise {side}", *x.shape)
        return distort(treated, {"instance": noise}, self.match.hyper(0))

    def _look(self, state: State, step: int, sets: dict[str, Tensor]) -> dict[str, Look]:
        gradients = self._gradients(state, sets["train real"])
        looks = {}
        for r, (name, row) in enumerate(zip(self.arms, state["dis"], strict=True)):
            own = {key: x[r] for key, x in sets.items()}
            memory = self.match.dis.of(state, r)
            train, held = (
                self._batches(r, row, own[f"{kind} real"], own[f"{kind} fake"], memory) for kind in ("train", "held")
            )
            looks[name] = Look(step, train, held, self._alone(row, own, memory), gradients[name])
        return looks

    @torch.no_grad()
    def _batches(self, r: int, row: Tensor, real: Tensor, fake: Tensor, memory: Memory) -> Logits:
        """Logits of many images, batch by batch."""
        pairs = zip(real.split(self.batch), fake.split(self.batch), strict=True)
        parts = [self._logits(r, row, *pair, dict(memory)) for pair in pairs]
        return torch.cat([real for real, _ in parts]), torch.cat([fake for _, fake in parts])

    @torch.no_grad()
    def _alone(self, row: Tensor, sets: dict[str, Tensor], memory: Memory) -> Logits:
        """Held-out logits with the average statistics of training batches of both sides together."""
        pairs = zip(sets["train real"].split(self.batch), sets["train fake"].split(self.batch), strict=True)
        dis = standing_statistics(self.match.dis.filled(row, memory), map(torch.cat, pairs))
        real, fake = (torch.cat([dis(part) for part in sets[f"held {side}"].split(256)]) for side in ("real", "fake"))
        return real, fake

    def _gradients(self, state: State, reals: Tensor) -> dict[str, dict[str, float]]:
        """Mean norm over a few batches of G's gradient in its parameters, under each loss, for each arm but the null.

        That of a step of G: through D's logits of a batch, with G's standing statistics. reals: (R, N, C, S, S).
        """
        norms = {name: {} if arm.null else dict.fromkeys(GAMES, 0.0) for name, arm in self.arms.items()}
        weights = [p.requires_grad_() for p in self.sampler.gen.parameters()]
        zs = self.sampler.latents("probe gradient", self.batch * self.plan.batches).split(self.batch)
        for k, z in enumerate(zs):
            fakes = self._seen(f"gradient {k}", self.sampler.gen(z))
            for r, (name, arm) in enumerate(self.arms.items()):
                if not arm.null:
                    place = state["dis"][r].detach(), reals[r, : self.batch], fakes[r]
                    _, logits = self._logits(r, *place, self.match.dis.of(state, r))
                    for words, game in GAMES.items():
                        norms[name][words] += gradient_norm(game, logits, weights) / len(zs)
        for p in weights:
            p.requires_grad_(False)
        return norms


def gradient_norm(game: str, logits: Tensor, weights: list[nn.Parameter] | list[Tensor]) -> float:
    """|d mean loss / d weights| of G's loss called ``game`` of logits (..., B) of its images; the graph is kept."""
    loss = LOSSES[game].gen(None, logits).mean()
    grads = torch.autograd.grad(loss, weights, retain_graph=True)
    return math.sqrt(sum(float(grad.double().square().sum()) for grad in grads))


def _halves(pixels: Tensor, seed: int, what: str) -> tuple[Tensor, Tensor]:
    """Two disjoint halves of a split, at random. Raises UserError where they would be too small."""
    half = len(pixels) // 2
    if half < LEAST:
        raise UserError(
            f"The probe halves the {what} images and needs {LEAST} in each half; there are {len(pixels)}: take more."
        )
    order = torch.randperm(len(pixels), generator=generator(seed, FIXED, f"probe halves {what}"))
    return pixels[order[:half]], pixels[order[half : 2 * half]]


def _whole(n: int, batch: int) -> int:
    """n cut to whole batches, where there is one: a smaller last batch would have other statistics."""
    return n // batch * batch or n
