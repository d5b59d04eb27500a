"""The support probe: the generator is frozen, and a fresh discriminator learns to distinguish its images from the data.

After Arjovsky & Bottou 2017: if supports hardly overlap, D's error falls to zero, and with it G's gradient under
log(1 - D). Further arms test what they left open: does D err on images outside its training set, does it separate real
images from other real ones, does it use grey levels, or the statistics of a batch? All arms have the same images, noise
and first D, and are played side by side as replicas.

Where real and fake images come in separate batches, as in the game, a D with batch norm can classify a batch by its
statistics. In all arms but "played" a batch therefore holds both.

Of a labelled run the fresh D takes the class of an image as the run's D does: real ones their label, fakes the class
that G was asked for. What it learns is whether pairs of an image and a class are real.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

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
from ayneh.game.frame import put, scale
from ayneh.game.layers import standing_statistics
from ayneh.game.losses import LOSSES
from ayneh.game.step import State, descend, distort
from ayneh.probe.arms import ARMS, Arm, Logits, Look, Plan

LEAST = 8  # real images that a side needs
GAMES = {"log(1-D)": "saturating", "-log D": "non-saturating"}  # G's losses whose gradients are compared
Seen = tuple[Tensor, ...]  # images (N, C, S, S), and their classes (N,) where D takes them
# real and fake images as each arm's D sees them, (R, N, C, S, S), and where it takes them the classes (N,) of the real
# ones, of the fakes, and of the other real ones that are the fakes of the null
Looked = tuple[Tensor, Tensor, tuple[Tensor, ...]]


class Probe:
    """One replica's generator with standing statistics, against fresh discriminators with its run's architecture."""

    def __init__(
        self,
        sampler: Sampler,
        train: Tensor,
        test: Tensor,
        plan: Plan | None = None,
        labels: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        """train, test: the data's splits, uint8 (N, C, h, w). Half of each is real, half stands for fakes in the null.

        labels: theirs, int64 (N,), of a labelled run. Raises UserError for an unknown arm and where there are too few
        images.
        """
        self.sampler, self.plan = sampler, plan or Plan()
        arms = {name: pick(ARMS, name, "arm of the probe") for name in self.plan.arms}
        with torch.no_grad():
            side = sampler.gen(*self._drawn("probe shape", 2)).shape[-1]
        seed = derive(sampler.config.seed, FIXED, "probe")  # another D than the run's
        halves = [_halves(len(split), seed, what) for split, what in ((train, "training"), (test, "test"))]
        (real, other), (held_real, held_other) = halves
        self.twin = self._match([self._config(seed, side, len(real), ARMS["plain"])], train, labels, other)
        dis = self.twin.dis
        self.reads_batches = any(isinstance(layer, _BatchNorm) for layer in dis.module.modules())
        self.reads_batches |= isinstance(dis, OwnNet) and dis.tried.together
        self.arms = {name: arm for name, arm in arms.items() if arm.together or self.reads_batches}
        configs = [self._config(seed, side, len(real), arm) for arm in self.arms.values()]
        self.match = self._match(configs, train, labels, real)
        self.takes_class = "dis" in self.match.game.labelled
        rows = [side[: self.plan.images] for side in (held_real, held_other)]
        self.held_real, self.held_other = (test[side] for side in rows)
        self.held_classes = [None if labels is None else labels[1][side].to(sampler.device) for side in rows]
        self.batch = configs[0].batch
        for parameter in sampler.trained:
            parameter.requires_grad_(False)

    def _match(
        self, configs: list[Config], pixels: Tensor, labels: tuple[Tensor, Tensor] | None, rows: Tensor
    ) -> Match:
        """The game of these training images; ``labels`` of both splits."""
        classes = self.sampler.labels
        labelled = None if labels is None or classes is None else (labels[0][rows], classes)
        return Match(configs, pixels[rows], self.sampler.device, labelled=labelled)

    def _config(self, seed: int, side: int, reals: int, arm: Arm) -> Config:
        """The run's D and optimiser in the plain game of cross-entropy: no penalty, nothing distorted or fading."""
        config, mine = self.sampler.config, self.sampler.config.rules
        noise = self.plan.noise if arm.noised else 0.0
        return replace(
            config,
            seed=seed,
            batch=min(config.batch, reals),
            data=replace(config.data, pad_to=side),
            rules=Rules(dropout=self.plan.dropout, instance_noise=noise, labels=mine.labels, classes=mine.classes),
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
        y = draw.get("y")  # the same for all arms
        classes = (y["real"][0], y["fake"][0], self.twin.draws(i)["dis"][0]["y"]["real"][0]) if y else ()
        with torch.no_grad():
            real = self._scaled(match.reals(i)[0][0])  # (B, C, S, S), the same for all arms
            other = self._scaled(self.twin.reals(i)[0][0])
            asked = (draw["z"][0], *((y["fake"][0],) if y else ()))
            (asked,) = self.sampler.by_chance(self.sampler.gen, f"probe {i}", [asked])
            fake = self.sampler.gen(*asked)
            real = distort(self._treated(i, "real", real), draw["real"], hyper)  # (R, B, C, S, S)
            fake = distort(self._treated(i, "fake", fake, other), draw["fake"], hyper)
        dis = state["dis"].detach().requires_grad_()
        seeds, memories = draw.get("inside", {}), [match.dis.of(state, r) for r in range(len(dis))]
        logits = []
        for r, row in enumerate(dis):
            sides = self._sides(r, real[r], fake[r], *classes)
            inside = (seeds[side][r] for side in ("real", "fake") if side in seeds)  # "z" is G's
            logits.append(self._logits(r, row, *sides, memories[r], *inside))
        state.update(match.dis.kept(memories))
        real_logits, fake_logits = (torch.stack(side) for side in zip(*logits, strict=True))  # (R, B)
        loss = match.game.loss.dis(real_logits, fake_logits, hyper["smooth"]).mean(1)
        descend(match.game, state, "dis", dis, loss, hyper)

    def _sides(self, r: int, real: Tensor, fake: Tensor, *classes: Tensor) -> tuple[Seen, Seen]:
        """Arm r's real and fake images and, where D takes them, their classes, which are as in `Looked`."""
        if not self.takes_class:
            return (real,), (fake,)
        return (real, classes[0]), (fake, classes[2 if list(self.arms.values())[r].null else 1])

    def _scaled(self, pixels: Tensor) -> Tensor:  # uint8 (N, C, h, w) -> (N, C, S, S) in [-1, 1]
        return scale(put(pixels, self.match.size), self.match.dtype)

    def _logits(self, r: int, row: Tensor, real: Seen, fake: Seen, memory: Memory, *seeds: int) -> Logits:
        """Arm r's D (P,) on a batch of each side (B, C, S, S), in one batch or in two: (B,) each.

        memory: what D remembers, which is changed; seeds: of what it draws on each side (none: the same every time).
        """
        first, second = seeds or (None, None)

        def logits(seen: Seen, seed: int | None) -> Tensor:
            return self.match.dis.forward(row, *seen, memory=memory, seed=seed)

        if list(self.arms.values())[r].together:
            both = logits(joined(real, fake), first)
            return both[: len(real[0])], both[len(real[0]) :]
        return logits(real, first), logits(fake, second)

    def _treated(self, i: int, side: str, x: Tensor, other: Tensor | None = None) -> Tensor:
        """A batch (B, C, S, S) as each arm changes it, in the null ``other``: (R, B, C, S, S)."""
        u = self.twin.chance.uniform(i, f"probe {side}", *x.shape)[0]
        return torch.stack([arm.treat(other if arm.null and other is not None else x, u) for arm in self.arms.values()])

    # -- looks -----------------------------------------------------------------------------------------------------

    def _sets(self) -> dict[str, Looked]:
        """The images of every look, "train" and "held"."""
        counts, match, twin = self.n, self.match, self.twin
        train, held = counts["looked_at_train_a_side"], counts["held_out_a_side"]
        pixels = {
            "train": (match.pixels[:train], twin.pixels[:train]),
            "held": (self.held_real[:held], self.held_other[:held]),
        }
        sets: dict[str, Looked] = {}
        for name, (real, other) in pixels.items():
            n = len(real)
            classes: tuple[Tensor, ...] = ()
            if self.takes_class:
                known = (match.labels, twin.labels) if name == "train" else self.held_classes
                of_real, of_other = (y[:n] for y in known if y is not None)
                classes = (of_real, self.sampler.classes(f"probe {name}", n).to(self.sampler.device), of_other)
            fake = self.sampler.images(f"probe {name}", n).to(match.dtype)
            sets[name] = (
                self._seen(f"{name} real", self._scaled(real)),
                self._seen(f"{name} fake", fake, self._scaled(other)),
                classes,
            )
        return sets

    def _pair(self, r: int, looked: Looked) -> tuple[Seen, Seen]:
        """Arm r's real and fake images, and their classes."""
        real, fake, classes = looked
        return self._sides(r, real[r], fake[r], *classes)

    def _seen(self, side: str, x: Tensor, other: Tensor | None = None) -> Tensor:
        """`_treated`, with the noise of the arm that has it."""
        treated = self._treated(FIXED, side, x, other)
        noise = self.match.chance.normal(FIXED, f"probe noise {side}", *x.shape)
        return distort(treated, {"instance": noise}, self.match.hyper(0))

    def _look(self, state: State, step: int, sets: dict[str, Looked]) -> dict[str, Look]:
        gradients = self._gradients(state, sets["train"])
        looks = {}
        for r, (name, row) in enumerate(zip(self.arms, state["dis"], strict=True)):
            train, held = (self._pair(r, sets[kind]) for kind in ("train", "held"))
            memory = self.match.dis.of(state, r)
            learnt, fresh = (self._batches(r, row, *pair, memory) for pair in (train, held))
            looks[name] = Look(step, learnt, fresh, self._alone(row, train, held, memory), gradients[name])
        return looks

    @torch.no_grad()
    def _batches(self, r: int, row: Tensor, real: Seen, fake: Seen, memory: Memory) -> Logits:
        """Logits of many images, batch by batch."""
        pairs = zip(parts(real, self.batch), parts(fake, self.batch), strict=True)
        found = [self._logits(r, row, *pair, dict(memory)) for pair in pairs]
        return torch.cat([real for real, _ in found]), torch.cat([fake for _, fake in found])

    @torch.no_grad()
    def _alone(self, row: Tensor, train: tuple[Seen, Seen], held: tuple[Seen, Seen], memory: Memory) -> Logits:
        """Held-out logits with the average statistics of training batches of both sides together."""
        pairs = zip(*(parts(side, self.batch) for side in train), strict=True)
        dis = standing_statistics(self.match.dis.filled(row, memory), (joined(*pair) for pair in pairs))
        real, fake = (torch.cat([dis(*part) for part in parts(side, 256)]) for side in held)
        return real, fake

    def _gradients(self, state: State, looked: Looked) -> dict[str, dict[str, float]]:
        """Mean norm over a few batches of G's gradient in its parameters, under each loss, for each arm but the null.

        That of a step of G: through D's logits of a batch, with G's standing statistics.
        """
        norms = {name: {} if arm.null else dict.fromkeys(GAMES, 0.0) for name, arm in self.arms.items()}
        weights = [p.requires_grad_() for p in self.sampler.trained]
        zs = parts(self._drawn("probe gradient", self.batch * self.plan.batches), self.batch)
        for k, drawn in enumerate(self.sampler.by_chance(self.sampler.gen, "probe gradient", zs)):
            fakes, asked = self._seen(f"gradient {k}", self.sampler.gen(*drawn)), drawn[1:]
            reals, classes = looked[0][:, : self.batch], (*(y[: self.batch] for y in looked[2][:1]), *asked)
            for r, (name, arm) in enumerate(self.arms.items()):
                if not arm.null:
                    sides = self._sides(r, reals[r], fakes[r], *classes)
                    _, logits = self._logits(r, state["dis"][r].detach(), *sides, self.match.dis.of(state, r))
                    for words, game in GAMES.items():
                        norms[name][words] += gradient_norm(game, logits, weights) / len(zs)
        for p in weights:
            p.requires_grad_(False)
        return norms

    def _drawn(self, purpose: str, n: int) -> Seen:
        """n latents, and their classes where G takes them."""
        z = self.sampler.latents(purpose, n)
        return (z, self.sampler.classes(purpose, n).to(z.device)) if self.sampler.labels else (z,)


def joined(one: Seen, other: Seen) -> Seen:
    """Both, one after the other, images and classes."""
    return tuple(torch.cat(both) for both in zip(one, other, strict=True))


def parts(seen: Seen, size: int) -> list[Seen]:
    """Batches of this size, images and classes."""
    return list(zip(*(side.split(size) for side in seen), strict=True))


def gradient_norm(game: str, logits: Tensor, weights: list[nn.Parameter] | list[Tensor]) -> float:
    """|d mean loss / d weights| of G's loss called ``game`` of logits (..., B) of its images; the graph is kept."""
    loss = LOSSES[game].gen(None, logits).mean()
    grads = torch.autograd.grad(loss, weights, retain_graph=True, allow_unused=True)
    return math.sqrt(sum(float(grad.double().square().sum()) for grad in grads if grad is not None))


def _halves(n: int, seed: int, what: str) -> tuple[Tensor, Tensor]:
    """The places of two disjoint halves of n images, at random. Raises UserError where they would be too small."""
    half = n // 2
    if half < LEAST:
        raise UserError(f"The probe halves the {what} images and needs {LEAST} in each half; there are {n}: take more.")
    order = torch.randperm(n, generator=generator(seed, FIXED, f"probe halves {what}"))
    return order[:half], order[half : 2 * half]


def _whole(n: int, batch: int) -> int:
    """n cut to whole batches, where there is one: a smaller last batch would have other statistics."""
    return n // batch * batch or n
