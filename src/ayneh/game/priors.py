"""The distributions of z: how each is drawn, its moments, its name, and the path from one draw to another.

Each but the sphere is a law for one coordinate, drawn independently dim times. paths.py says why a path is not a
straight line, and what it is instead.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from scipy.special import stdtr, stdtrit
from torch import Generator, Tensor
from torch.special import ndtr, ndtri

from ayneh.errors import UserError, pick
from ayneh.game.paths import bisect, blend, great_circle, jumps, through_scores


class Prior(Protocol):
    """What every prior offers."""

    def sample(self, n: int, dim: int, generator: Generator) -> Tensor:
        """n independent draws, float32 (n, dim) on the generator's device."""

    def moments(self, dim: int) -> tuple[float, float]:
        """Mean and variance of one coordinate; inf or nan where there is none."""

    def interpolate(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        """a, b (..., dim) and t (T,) in [0, 1] -> (T, ..., dim): a at t = 0 and b at t = 1, to the bit."""

    def describe(self) -> str:
        """The law in short, such as N(0, 1)."""


@dataclass(frozen=True)
class Normal:
    """N(mean, std^2) in each coordinate."""

    mean: float = 0.0
    """Mean of a coordinate."""
    std: float = 1.0
    """Standard deviation of a coordinate."""

    def __post_init__(self) -> None:
        _need(math.isfinite(self.mean), "mean", self.mean, "finite")
        _need_positive(std=self.std)

    def sample(self, n: int, dim: int, generator: Generator) -> Tensor:
        return self.mean + self.std * _normals(n, dim, generator)

    def moments(self, dim: int) -> tuple[float, float]:
        return self.mean, self.std**2

    def interpolate(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        return blend(a, b, t, self.mean)

    def describe(self) -> str:
        return f"N({self.mean:g}, {self.std**2:g})"


@dataclass(frozen=True)
class Uniform:
    """U(low, high) in each coordinate."""

    low: float = -1.0
    """Lower end."""
    high: float = 1.0
    """Upper end."""

    def __post_init__(self) -> None:
        _need_range(self.low, self.high)

    def sample(self, n: int, dim: int, generator: Generator) -> Tensor:
        return self.low + (self.high - self.low) * _uniforms(n, dim, generator)

    def moments(self, dim: int) -> tuple[float, float]:
        return (self.low + self.high) / 2, (self.high - self.low) ** 2 / 12

    def interpolate(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        centre, half = (self.low + self.high) / 2, (self.high - self.low) / 2
        return through_scores(a, b, t, centre, lambda d: (1 - d / half) / 2, lambda p: half * (1 - 2 * p))

    def describe(self) -> str:
        return f"U({self.low:g}, {self.high:g})"


@dataclass(frozen=True)
class Sphere:
    """Uniform on the sphere around the origin."""

    radius: float | None = None
    """Radius; None is sqrt(dim), which gives each coordinate the variance 1."""

    def __post_init__(self) -> None:
        if self.radius is not None:
            _need_positive(radius=self.radius)

    def sample(self, n: int, dim: int, generator: Generator) -> Tensor:
        g = _normals(n, dim, generator)
        return self._radius(dim) * g / g.norm(dim=-1, keepdim=True)

    def moments(self, dim: int) -> tuple[float, float]:
        return 0.0, self._radius(dim) ** 2 / dim

    def interpolate(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        return great_circle(a, b, t, self._radius(a.shape[-1]))

    def describe(self) -> str:
        return f"sphere of radius {'sqrt(dim)' if self.radius is None else format(self.radius, 'g')}"

    def _radius(self, dim: int) -> float:
        return math.sqrt(dim) if self.radius is None else self.radius


@dataclass(frozen=True)
class TruncatedNormal:
    """N(mean, std^2) given that |x - mean| <= bound * std, in each coordinate."""

    mean: float = 0.0
    """Mean of a coordinate."""
    std: float = 1.0
    """Standard deviation before the cut."""
    bound: float = 2.0
    """Where it is cut off, in units of std."""

    def __post_init__(self) -> None:
        _need(math.isfinite(self.mean), "mean", self.mean, "finite")
        _need_positive(std=self.std, bound=self.bound)

    def sample(self, n: int, dim: int, generator: Generator) -> Tensor:
        kept = math.erf(self.bound / math.sqrt(2))  # probability
        score = math.sqrt(2) * torch.erfinv(kept * (2 * _uniforms(n, dim, generator) - 1))
        return self.mean + self.std * score.clamp(-self.bound, self.bound)

    def moments(self, dim: int) -> tuple[float, float]:
        kept = math.erf(self.bound / math.sqrt(2))
        density = math.exp(-(self.bound**2) / 2) / math.sqrt(2 * math.pi)
        return self.mean, self.std**2 * (1 - 2 * self.bound * density / kept)

    def interpolate(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        kept, cut = math.erf(self.bound / math.sqrt(2)), math.erfc(self.bound / math.sqrt(2)) / 2

        def tail(d: Tensor) -> Tensor:
            return (ndtr(-d / self.std) - cut) / kept

        return through_scores(a, b, t, self.mean, tail, lambda p: -self.std * ndtri(cut + kept * p))

    def describe(self) -> str:
        return f"N({self.mean:g}, {self.std**2:g}) within {self.bound:g} std"


@dataclass(frozen=True)
class Laplace:
    """exp(-|x - mean| / scale) / (2 scale) in each coordinate."""

    mean: float = 0.0
    """Mean of a coordinate."""
    scale: float = 1.0
    """Mean distance from the mean."""

    def __post_init__(self) -> None:
        _need(math.isfinite(self.mean), "mean", self.mean, "finite")
        _need_positive(scale=self.scale)

    def sample(self, n: int, dim: int, generator: Generator) -> Tensor:
        """The difference of two exponential draws, -log(1 - u) each."""
        up, down = (-torch.log1p(-_uniforms(n, dim, generator)) for _ in range(2))
        return self.mean + self.scale * (up - down)

    def moments(self, dim: int) -> tuple[float, float]:
        return self.mean, 2 * self.scale**2

    def interpolate(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        scale = self.scale
        return through_scores(a, b, t, self.mean, lambda d: (-d / scale).exp() / 2, lambda p: -scale * (2 * p).log())

    def describe(self) -> str:
        return f"Laplace({self.mean:g}, {self.scale:g})"


@dataclass(frozen=True)
class StudentT:
    """scale * t with df degrees of freedom in each coordinate; df = 1 is Cauchy, without a mean."""

    df: float = 3.0
    """Degrees of freedom: the tail falls as |x|^-df."""
    scale: float = 1.0
    """Factor on the standard t."""

    def __post_init__(self) -> None:
        # w^(-2/df) with the smallest w of float32, 2^-24, must stay below its largest number, 2^128
        _need(0.5 <= self.df < math.inf, "df", self.df, "finite and at least 0.5")
        _need_positive(scale=self.scale)

    def sample(self, n: int, dim: int, generator: Generator) -> Tensor:
        """Bailey 1994: cos(2 pi u) sqrt(df (w^(-2/df) - 1)) for u, w ~ U(0, 1)."""
        log_w = torch.log1p(-_uniforms(n, dim, generator))
        radius = (self.df * torch.expm1(-2 / self.df * log_w)).sqrt()
        return self.scale * radius * (2 * math.pi * _uniforms(n, dim, generator)).cos()

    def moments(self, dim: int) -> tuple[float, float]:
        if self.df <= 1:
            return math.nan, math.nan
        return 0.0, self.scale**2 * self.df / (self.df - 2) if self.df > 2 else math.inf

    def interpolate(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        def tail(d: Tensor) -> Tensor:
            return torch.from_numpy(stdtr(self.df, -d.numpy() / self.scale))

        def untail(p: Tensor) -> Tensor:
            return torch.from_numpy(-self.scale * stdtrit(self.df, p.numpy()))

        return through_scores(a, b, t, 0.0, tail, untail)

    def describe(self) -> str:
        return f"t(df={self.df:g}, scale={self.scale:g})"


@dataclass(frozen=True)
class Bernoulli:
    """high with probability p, else low, in each coordinate."""

    p: float = 0.5
    """Probability of the upper value."""
    low: float = -1.0
    """Lower value."""
    high: float = 1.0
    """Upper value."""

    def __post_init__(self) -> None:
        _need(0 < self.p < 1, "p", self.p, "between 0 and 1")
        _need_range(self.low, self.high)

    def sample(self, n: int, dim: int, generator: Generator) -> Tensor:
        up = _uniforms(n, dim, generator) < self.p
        return torch.where(up, self.high, self.low).float()

    def moments(self, dim: int) -> tuple[float, float]:
        apart = self.high - self.low
        return self.low + self.p * apart, self.p * (1 - self.p) * apart**2

    def interpolate(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        return jumps(a, b, t)

    def describe(self) -> str:
        return f"Bernoulli({self.p:g}) on {{{self.low:g}, {self.high:g}}}"


@dataclass(frozen=True)
class Mixture:
    """N(centre, std^2) in each coordinate, with one of equally likely centres, evenly spaced on [low, high]."""

    components: int = 2
    """Number of Gaussians in each coordinate."""
    low: float = -1.0
    """Lowest centre."""
    high: float = 1.0
    """Highest centre."""
    std: float = 0.25
    """Standard deviation of each Gaussian."""

    def __post_init__(self) -> None:
        whole = self.components in range(2, 1001)
        _need(whole, "components", self.components, "a whole number from 2 to 1000")
        _need_range(self.low, self.high)
        _need_positive(std=self.std)

    def sample(self, n: int, dim: int, generator: Generator) -> Tensor:
        which = torch.randint(int(self.components), (n, dim), generator=generator, device=generator.device)
        return self.low + self._gap() * which + self.std * _normals(n, dim, generator)

    def moments(self, dim: int) -> tuple[float, float]:
        return (self.low + self.high) / 2, self.std**2 + self._gap() ** 2 * (self.components**2 - 1) / 12

    def interpolate(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        centre, half = (self.low + self.high) / 2, (self.high - self.low) / 2
        offsets = torch.linspace(-half, half, int(self.components), dtype=torch.float64)

        def tail(d: Tensor) -> Tensor:
            return torch.stack([ndtr((offset - d) / self.std) for offset in offsets]).mean(0)

        return through_scores(a, b, t, centre, tail, lambda p: bisect(tail, p, half + 8 * self.std))

    def describe(self) -> str:
        return f"{self.components} Gaussians on [{self.low:g}, {self.high:g}], std {self.std:g}"

    def _gap(self) -> float:
        return (self.high - self.low) / (self.components - 1)


PRIORS: dict[str, Callable[..., Prior]] = {
    "normal": Normal,
    "uniform": Uniform,
    "sphere": Sphere,
    "truncated-normal": TruncatedNormal,
    "laplace": Laplace,
    "student-t": StudentT,
    "bernoulli": Bernoulli,
    "mixture": Mixture,
}


def make_prior(name: str, **numbers: float | None) -> Prior:
    """The prior of this name; for a number that is None, the prior's own default.

    Raises UserError for an unknown name, a number that this prior does not have or a value that it does not take.
    """
    prior = pick(PRIORS, name, "prior")
    given = {key: value for key, value in numbers.items() if value is not None}
    takes = list(inspect.signature(prior).parameters)
    for key in sorted(given.keys() - takes):
        raise UserError(f"The prior {name!r} has no {key}: it takes {', '.join(takes)}.")
    return prior(**given)


def _normals(n: int, dim: int, generator: Generator) -> Tensor:
    return torch.randn(n, dim, generator=generator, device=generator.device, dtype=torch.float32)


def _uniforms(n: int, dim: int, generator: Generator) -> Tensor:
    """U[0, 1)."""
    return torch.rand(n, dim, generator=generator, device=generator.device, dtype=torch.float32)


def _need(fine: bool, name: str, value: float, rule: str) -> None:
    if not fine:
        raise UserError(f"The prior's {name} is {value:g}: it must be {rule}.")


def _need_positive(**numbers: float) -> None:
    for name, value in numbers.items():
        _need(0 < value < math.inf, name, value, "finite and above 0")


def _need_range(low: float, high: float) -> None:
    _need(-math.inf < low < high < math.inf, "low", low, f"finite and below high, which is {high:g}")
