"""Vital signs: a few cheap numbers about both nets during training, which the doctor's symptoms read (symptoms.py).

Each look draws images with the current G from 128 latents, the same at every look, and runs D on these images and on
128 real ones, without dropout or shifts, with these batches' statistics. It costs about as much as a training step.
In a labelled game it also draws a few latents under every class (classes.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ayneh.doctor.classes import Classes
from ayneh.engine.match import Match
from ayneh.engine.noise import FIXED, generator
from ayneh.engine.replicas import Memory
from ayneh.game.frame import levels, put, scale
from ayneh.game.step import State

SEEN = "vitals/seen"
LOOKED_AT = 128  # images, real and generated each
REMEMBERED = 2000  # training images that samples are compared with to find copies
NEIGHBOUR = 5  # a real image is covered if a fake lies nearer than its 5th nearest real (Naeem et al. 2020)


class Vitals:
    """Looks at every replica of a match; keeps the images of the last look, uint8 (R, 128, C, S, S)."""

    def __init__(self, match: Match, tensors: Mapping[str, Tensor]) -> None:
        """tensors: those of a checkpoint; empty at the start of a run."""
        self.match, self.seen = match, tensors.get(SEEN)
        classes = Classes.of(match)
        self.sides = [Side(match, r, classes) for r in range(len(match.replicas))]

    def due(self, before: int, now: int) -> bool:
        """Whether a look is due at the tick after ``now`` steps; the tick before it was after ``before`` steps.

        It depends on the steps only, so that a resumed run looks at the same steps as an uninterrupted one.
        """
        every = self.match.replicas[0].keep.vitals_steps
        return every > 0 and now // every > before // every

    def tensors(self) -> dict[str, Tensor]:
        """The tensors for a checkpoint, so that a resumed run measures the same drift."""
        return {} if self.seen is None else {SEEN: self.seen}

    def look(self, state: State) -> dict[str, list[float | None]]:
        """By name (docs/doctor.md) a number for each replica; None for what is not finite or not known."""
        signs: dict[str, list[float | None]] = {}
        images = []
        for r, side in enumerate(self.sides):
            before = None if self.seen is None else self.seen[r]
            memories = self.match.gen.of(state, r), self.match.dis.of(state, r)
            sign, image = side.look(state["gen"][r], state["dis"][r], before, memories)
            for name, value in sign.items():
                signs.setdefault(name, []).append(_plain(value))
            images.append(image)
        self.seen = torch.stack(images)
        return signs


class Side:
    """The fixed part of one replica's looks: latents, real images, and distances among these."""

    @torch.no_grad()
    def __init__(self, match: Match, r: int, classes: Classes | None = None) -> None:
        """classes: those of the training images, in a labelled game that can be looked at."""
        chance, seed = match.chance, match.replicas[r].seed
        self.gen, self.dis, self.game = match.gen, match.dis, match.game
        draw = generator(seed, FIXED, "vitals z", match.device)
        self.z = chance.priors[r].sample(LOOKED_AT, chance.z_dim, draw).to(match.dtype)  # (N, Z)
        order = torch.randperm(len(match.pixels), generator=generator(seed, FIXED, "vitals reals"))
        kept = match.pixels[order[:REMEMBERED].to(match.device)]
        self.y = match.classes_of(seed, "vitals classes", LOOKED_AT)  # of the images that are drawn, (N,), or None
        self.real_y = None if match.labels is None else match.labels[order[:LOOKED_AT].to(match.device)]
        self.classes = classes
        if classes:
            draw = generator(seed, FIXED, "vitals class z", match.device)
            few = chance.priors[r].sample(classes.latents, chance.z_dim, draw).to(match.dtype)
            self.grid = few.repeat_interleave(len(classes.numbers), 0), classes.asked().to(match.device)
        self.train = scale(put(kept, match.size), match.dtype)  # (M, C, S, S)
        self.real = self.train[:LOOKED_AT]  # (N, C, S, S)
        among = torch.cdist(self.real.flatten(1), self.real.flatten(1))  # (N, N)
        self.radii = among.kthvalue(min(NEIGHBOUR + 1, len(among)), dim=1).values  # the first is the image itself
        self.usual_alike = nearest_other(among)
        self.usual_memory = nearest_other(torch.cdist(self.real.flatten(1), self.train.flatten(1)))
        self.real_variance = total_variance(self.real)
        unit = nn.functional.normalize(self.z.double(), dim=1)
        cosines, n = unit @ unit.T, len(unit)
        self.parallel = (cosines.sum() - cosines.trace()) / (n * (n - 1))

    @torch.no_grad()
    def look(
        self, gen: Tensor, dis: Tensor, before: Tensor | None, memories: tuple[Memory, Memory] = ({}, {})
    ) -> tuple[dict[str, Tensor], Tensor]:
        """gen, dis: weights (P,); before: uint8 (N, C, S, S); memories: what both nets remember, which stays as it is.

        Returns the signs, () each, and the images as uint8.
        """
        with Outputs() as outputs:
            fake = self.gen.forward(gen, self.z, self.y, memory=dict(memories[0])).to(self.real.dtype)  # (N, C, S, S)
            dead_gen = dead_share([[out] for out in outputs.hidden(fake)])
            logits, inside = [], []
            for x, y in ((self.real, self.real_y), (fake, self.y)):
                y = y if "dis" in self.game.labelled else None
                logits.append(self.dis.forward(dis, x, y, memory=dict(memories[1])).flatten())  # (N,)
                inside.append(outputs.hidden(logits[-1]))
        dead_dis = dead_share(list(zip(*inside, strict=True)))
        flat = fake.flatten(1)
        spread = total_variance(fake)
        now = levels(fake.float().nan_to_num(-1.0))
        signs = {
            "spread": spread / self.real_variance,
            "alike": nearest_other(torch.cdist(flat, flat)) / self.usual_alike,
            "coverage": (torch.cdist(self.real.flatten(1), flat).amin(1) <= self.radii).double().mean(),
            "memory": torch.cdist(flat, self.train.flatten(1)).amin(1).mean() / self.usual_memory,
            "drift": fake.new_tensor(math.nan) if before is None else moved(before, now) / spread,
            "dead_gen": dead_gen,
            "dead_dis": dead_dis,
            "low": flat.amin(1).mean(),
            "high": flat.amax(1).mean(),
            "mean": fake.mean(),
            "data_low": self.real.flatten(1).amin(1).mean(),
            "data_high": self.real.flatten(1).amax(1).mean(),
            "data_mean": self.real.mean(),
            "separation": separation(*logits),
            "parallel": self.parallel,
        }
        if self.classes:
            z, y = self.grid
            found = self.classes.signs(self.gen.forward(gen, z, y, memory=dict(memories[0])))
            signs |= {name: torch.tensor(value) for name, value in found.items()}
        return signs, now


def total_variance(x: Tensor) -> Tensor:
    """The sum over pixels of their variance over (N, ...) images, in units of [-1, 1] squared."""
    return x.flatten(1).var(0).sum()


def nearest_other(distances: Tensor) -> Tensor:
    """Mean distance to the nearest other image; (N, M), whose first N columns are the rows' own images."""
    own = torch.eye(*distances.shape, dtype=torch.bool, device=distances.device)
    return distances.masked_fill(own, math.inf).amin(1).mean()


def separation(real: Tensor, fake: Tensor) -> Tensor:
    """The share of pairs in which the real logit is above the fake one, ties half: area under the ROC curve, ()."""
    gap = real[:, None] - fake[None]  # (N, M)
    return (gap > 0).double().mean() + (gap == 0).double().mean() / 2


def moved(before: Tensor, now: Tensor) -> Tensor:
    """Mean squared change of the images, summed over their pixels, in units of [-1, 1] squared; uint8 (N, C, S, S)."""
    return ((now.float() - before.to(now.device).float()) / 127.5).flatten(1).square().sum(1).mean()


def dead_share(layers: Sequence[Sequence[Tensor]]) -> Tensor:
    """The share of units (channels) whose output is constant over all given batches, (N, C, ...) each.

    A unit is dead where its standard deviation is less than 1e-4 of its root mean square. NaN without layers.
    """
    dead = []
    for batches in layers:
        x = torch.cat([b.movedim(1, -1).reshape(-1, b.shape[1]) for b in batches]).double()  # (N * positions, C)
        dead.append(x.std(0) <= 1e-4 * x.square().mean(0).sqrt())
    return torch.cat(dead).double().mean() if dead else torch.tensor(math.nan)


LAST = ("tanh", "sigmoid", "hardtanh", "softsign")  # activations that may end a net
ACTIVATIONS = frozenset([
    *("relu", "relu6", "leaky_relu", "rrelu", "prelu", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus"),
    *("hardswish", *LAST),
])  # fmt: skip


class Outputs(TorchFunctionMode):
    """Collects what PyTorch's activation functions give within this context, in order, whether a module or a line of a
    net's own ``forward`` calls them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, Tensor]] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        y = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "").rstrip("_")  # relu_ is relu in place
        if name in ACTIVATIONS:
            self.found.append((name, y.detach().clone()))  # the net may go on to change it in place
        return y

    def hidden(self, result: Tensor) -> list[Tensor]:
        """The outputs found so far but for one that ends the net, whose result is given; forgets them."""
        found, self.found = self.found, []
        if found and found[-1][0] in LAST and found[-1][1].numel() == result.numel():
            found.pop()
        return [y for _, y in found if y.ndim > 1]


def _plain(value: Tensor) -> float | None:
    number = float(value)  # a sync with the device
    return float(f"{number:.5g}") if math.isfinite(number) else None
