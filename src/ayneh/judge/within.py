"""Scores within each class that was asked for: a class can collapse while the whole looks well.

A Fréchet distance is biased by about 1/n, so that of every class is taken of the same number of images, fakes and real
ones alike: the largest round number that every class has. A spread has no such bias and is taken of all images.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ayneh.judge.frechet import Found, measured
from ayneh.judge.scores import Score, shuffled
from ayneh.judge.statistics import normal_interval
from ayneh.terminal.text import few

LEAST = 20  # images of a class behind a Fréchet distance
LEAST_SPREAD = 5  # behind a spread
ROUND = (10, 15, 20, 30, 50, 70)  # and these times 10, 100, ...: runs then have the same n, and may be compared
LISTED = 5  # names of classes in a sentence
Numbers = tuple[float | None, ...]


@dataclass(frozen=True)
class OfClasses:
    """A number of each class, None where it has none, and its standard error; ``n``: images behind the score."""

    names: tuple[str, ...]
    values: Numbers
    errors: Numbers
    n: int
    warning: str | None = None


class Labelled(NamedTuple):
    """Images, or features of them, (N, ...), with the number of each one's class, int64 (N,)."""

    images: Tensor
    classes: Tensor

    def of(self, number: int) -> Tensor:
        """Those of one class."""
        return self.images[self.classes == number]

    def counts(self, classes: int) -> Tensor:
        """Images of each class, (K,)."""
        return torch.bincount(self.classes, minlength=classes)[:classes]

    def some(self, each: Sequence[int], seed: int = 5) -> Labelled:
        """So many of each class at most, a fixed random choice."""
        order = shuffled(torch.arange(len(self.classes)), seed)
        kept = torch.cat([order[self.classes[order] == number][:n] for number, n in enumerate(each)])
        return Labelled(self.images[kept], self.classes[kept])


def round_number(n: int) -> int:
    """The largest of 10, 15, 20, 30, 50, 70, 100, 150, ... that is at most n; n below 10: n itself."""
    power = 10 ** max(0, len(str(n)) - 2)
    return max((number * power for number in ROUND if number * power <= n), default=n)


def equal_numbers(*counts: Tensor) -> list[int]:
    """The number of images of each class behind its Fréchet distance: the same for all that have enough, 0 for others.

    counts: of fakes and real images, each (K,).
    """
    least = torch.stack(counts).amin(0)
    kept = least >= LEAST
    n = round_number(int(least[kept].min())) if bool(kept.any()) else 0
    return [n if keep else 0 for keep in kept.tolist()]


def frechet_of_classes(real: Labelled, fake: Labelled, names: tuple[str, ...], most: Tensor | None = None) -> OfClasses:
    """The Fréchet distance of each class's fakes from the real images of that class, by features (N, F).

    most: at most so many of each class (K,), as where the real images of a floor are fewer.
    """
    asked, test = fake.counts(len(names)), real.counts(len(names))
    each = equal_numbers(asked, test, *([] if most is None else [most]))
    n, kept = max(each, default=0), [number for number, some in enumerate(each) if some]
    if not kept:
        return _none(names, f"No class has {LEAST} images asked for and {LEAST} test images.")
    real, fake, features = real.some(each), fake.some(each), real.images.shape[1]
    found = [measured(real.of(number), fake.of(number)) if some else Found() for number, some in enumerate(each)]
    few = (
        f"{n} images of a class cannot fill {features} features: the distance, and its floor with it, is far too high."
    )
    words = _left_out(names, asked, kept, f"fewer than {LEAST} of its images or of the test images")
    warning = " ".join([*([few] if n <= features else []), *words]) or None
    return OfClasses(names, tuple(one.value for one in found), tuple(one.error for one in found), n, warning)


def spread_of_classes(real: Labelled, fake: Labelled, names: tuple[str, ...]) -> OfClasses:
    """sqrt(E||x - x'||^2 of a class's fakes / the same of its real images), of each class, by pixels (N, C, S, S)."""
    asked, test = fake.counts(len(names)), real.counts(len(names))
    enough = [int(k) for k in torch.nonzero(torch.minimum(asked, test) >= LEAST_SPREAD)]
    parts = {number: (variance(fake.of(number)), variance(real.of(number))) for number in enough}
    kept = [number for number, (_, among_real) in parts.items() if among_real[0] > 0]
    if not kept:
        return _none(names, f"No class has {LEAST_SPREAD} images asked for and {LEAST_SPREAD} test images that differ.")
    values: list[float | None] = [None] * len(names)
    errors: list[float | None] = [None] * len(names)
    for number in kept:
        (among_fakes, error), (among_real, error_real) = parts[number]
        value = math.sqrt(among_fakes / among_real)
        relative = math.hypot(error / among_fakes, error_real / among_real) if among_fakes else 0.0
        values[number], errors[number] = value, value * relative / 2  # the delta method
    words = _left_out(names, asked, kept, f"fewer than {LEAST_SPREAD} of its images or of the test images that differ")
    return OfClasses(names, tuple(values), tuple(errors), len(fake.classes), " ".join(words) or None)


def variance(images: Tensor) -> tuple[float, float]:
    """(sum of the pixels' variances of images (N, ...), its standard error), for N of at least 2."""
    x = images.double().flatten(1)
    n = len(x)
    squares = (x - x.mean(0)).square().sum(1) * n / (n - 1)
    return float(squares.mean()), float(squares.std()) / math.sqrt(n)


def mean(of: OfClasses) -> Score:
    """The mean over the classes that have a number; each has the same weight."""
    values, errors = ([one for one in many if one is not None] for many in (of.values, of.errors))
    if not values:
        return Score(None, of.n, warning=of.warning)
    error = math.hypot(*errors) / len(values) if len(errors) == len(values) else None
    return _score(of, math.fsum(values) / len(values), error)


def worst(which: Callable[[Sequence[float]], float], of: OfClasses) -> Score:
    """The class with the largest or the smallest number, by ``which``: its number, and its name.

    The interval is that of this class alone: it leaves out that the class was chosen, as its floor is.
    """
    values = [value for value in of.values if value is not None]
    if not values:
        return Score(None, of.n, warning=of.warning)
    value = which(values)
    at = of.values.index(value)
    return _score(of, value, of.errors[at], of.names[at])


def _score(of: OfClasses, value: float, error: float | None, of_class: str | None = None) -> Score:
    low, high = normal_interval(value, error or 0.0)
    return Score(value, of.n, None if error is None else (max(0.0, low), high), warning=of.warning, of_class=of_class)


def _none(names: tuple[str, ...], why: str) -> OfClasses:
    nothing = (None,) * len(names)
    return OfClasses(names, nothing, nothing, 0, why)


def _left_out(names: tuple[str, ...], asked: Tensor, kept: Sequence[int], why: str) -> list[str]:
    """A sentence on the classes that were asked for and have no number; nothing where there are none."""
    lost = [names[int(number)] for number in torch.nonzero(asked) if int(number) not in kept]
    if not lost:
        return []
    return [f"Left out, since each has {why}: {'class' if len(lost) == 1 else 'classes'} {few(lost, LISTED)}."]
