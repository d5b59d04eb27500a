"""The distributions of z: how each is drawn, its moments, its name, and the path (paths.py) between draws."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Protocol, cast

import torch
from torch import Generator, Tensor

from ayneh.errors import UserError, pick
from ayneh.game.own_prior import made_of
from ayneh.game.paths import path
from ayneh.parts.registry import table


class Prior(Protocol):
    """The interface of every prior."""

    name: ClassVar[str]
    """Its key in `PRIORS`."""

    def sample(self, n: int, dim: int, generator: Generator) -> Tensor:
        """n independent draws, float32 (n, dim) on the generator's device."""

    def moments(self, dim: int) -> tuple[float, float]:
        """Mean and variance of one coordinate; inf or nan where there is none."""

    def interpolate(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        """a, b (..., dim) and t (T,) in [0, 1] -> (T, ..., dim): a at t = 0 and b at t = 1, to the bit.

        In float64 on the CPU, then of a's type, on a's device.
        """
        ends_and_steps = (x.detach().cpu().double().numpy() for x in (a, b, t))
        return torch.from_numpy(path(self.name, vars(self), *ends_and_steps)).to(a)

    def describe(self) -> str:
        """The law in short, such as N(0, 1)."""


@dataclass(frozen=True)
class Normal(Prior):
    """N(mean, std^2) in each coordinate."""

    name = "normal"
    mean: float = 0.0
    std: float = 1.0

    def __post_init__(self) -> None:
        _need(math.isfinite(self.mean), "mean", self.mean, "finite")
        _need_positive(std=self.std)

    def sample(self, n: int, dim: int, generator: Generator) -> Tensor:
        return self.mean + self.std * _normals(n, dim, generator)

    def moments(self, dim: int) -> tuple[float, float]:
        return self.mean, self.std**2

    def describe(self) -> str:
        return f"N({self.mean:g}, {self.std**2:g})"


@dataclass(frozen=True)
class Uniform(Prior):
    """U(low, high) in each coordinate."""

    name = "uniform"
    low: float = -1.0
    high: float = 1.0

    def __post_init__(self) -> None:
        _need_range(self.low, self.high)

    def sample(self, n: int, dim: int, generator: Generator) -> Tensor:
        return self.low + (self.high - self.low) * _uniforms(n, dim, generator)

    def moments(self, dim: int) -> tuple[float, float]:
        return (self.low + self.high) / 2, (self.high - self.low) ** 2 / 12

    def describe(self) -> str:
        return f"U({self.low:g}, {self.high:g})"


@dataclass(frozen=True)
class Sphere(Prior):
    """Uniform on the sphere around the origin."""

    name = "sphere"
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

    def describe(self) -> str:
        return f"sphere of radius {'sqrt(dim)' if self.radius is None else format(self.radius, 'g')}"

    def _radius(self, dim: int) -> float:
        return math.sqrt(dim) if self.radius is None else self.radius


@dataclass(frozen=True)
class TruncatedNormal(Prior):
    """N(mean, std^2) given that |x - mean| <= bound * std, in each coordinate."""

    name = "truncated-normal"
    mean: float = 0.0
    std: float = 1.0
    """Standard deviation before the cut."""
    bound: float = 2.0
    """Where it is cut off, in units of std."""

    def __post_init__(self) -> None:
        _need(math.isfinite(self.mean), "mean", self.mean, "finite")
        _need_positive(std=self.std)
        _need(
            0.001 <= self.bound < math.inf, "bound", self.bound, "finite and at least 0.001"
        )  # else no variance is left

    def sample(self, n: int, dim: int, generator: Generator) -> Tensor:
        kept = math.erf(self.bound / math.sqrt(2))  # probability
        score = math.sqrt(2) * torch.erfinv(kept * (2 * _uniforms(n, dim, generator) - 1))
        return self.mean + self.std * score.clamp(-self.bound, self.bound)

    def moments(self, dim: int) -> tuple[float, float]:
        kept = math.erf(self.bound / math.sqrt(2))
        density = math.exp(-(self.bound**2) / 2) / math.sqrt(2 * math.pi)
        return self.mean, self.std**2 * (1 - 2 * self.bound * density / kept)

    def describe(self) -> str:
        return f"N({self.mean:g}, {self.std**2:g}) within {self.bound:g} std"


@dataclass(frozen=True)
class Laplace(Prior):
    """exp(-|x - mean| / scale) / (2 scale) in each coordinate."""

    name = "laplace"
    mean: float = 0.0
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

    def describe(self) -> str:
        return f"Laplace({self.mean:g}, {self.scale:g})"


@dataclass(frozen=True)
class StudentT(Prior):
    """scale * t with df degrees of freedom in each coordinate; df = 1 is Cauchy, without a mean."""

    name = "student-t"
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

    def describe(self) -> str:
        return f"t(df={self.df:g}, scale={self.scale:g})"


@dataclass(frozen=True)
class Bernoulli(Prior):
    """high with probability p, else low, in each coordinate."""

    name = "bernoulli"
    p: float = 0.5
    """Probability of the upper value."""
    low: float = -1.0
    high: float = 1.0

    def __post_init__(self) -> None:
        _need(0 < self.p < 1, "p", self.p, "between 0 and 1")
        _need_range(self.low, self.high)

    def sample(self, n: int, dim: int, generator: Generator) -> Tensor:
        up = _uniforms(n, dim, generator) < self.p
        return torch.where(up, self.high, self.low).float()

    def moments(self, dim: int) -> tuple[float, float]:
        apart = self.high - self.low
        return self.low + self.p * apart, self.p * (1 - self.p) * apart**2

    def describe(self) -> str:
        return f"Bernoulli({self.p:g}) on {{{self.low:g}, {self.high:g}}}"


@dataclass(frozen=True)
class Mixture(Prior):
    """N(centre, std^2) in each coordinate, with one of equally likely centres, evenly spaced on [low, high]."""

    name = "mixture"
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

    def describe(self) -> str:
        return f"{self.components} Gaussians on [{self.low:g}, {self.high:g}], std {self.std:g}"

    def _gap(self) -> float:
        return (self.high - self.low) / (self.components - 1)


PRIORS: dict[str, Callable[..., Prior]] = {
    prior.name: prior for prior in (Normal, Uniform, Sphere, TruncatedNormal, Laplace, StudentT, Bernoulli, Mixture)
}


def make_prior(name: str, **numbers: float | None) -> Prior:
    """The prior of this name; None: the prior's default.

    Raises UserError for an unknown name, a number that this prior does not have or a value that it does not take.
    """
    given = {key: value for key, value in numbers.items() if value is not None}
    made = table("prior", PRIORS, lambda part: cast(Callable[..., Prior], partial(made_of, part)))
    prior = pick(made, name, "prior")
    takes = list(inspect.signature(prior).parameters)
    for key in sorted(given.keys() - takes) if name in PRIORS else ():
        raise UserError(f"The prior {name!r} has no {key}: it takes {', '.join(takes)}.")
    return prior(**given)


def _normals(n: int, dim: int, generator: Generator) -> Tensor:
    return torch.randn(n, dim, generator=generator, device=generator.device, dtype=torch.float32)


def _uniforms(n: int, dim: int, generator: Generator) -> Tensor:
    return torch.rand(n, dim, generator=generator, device=generator.device, dtype=torch.float32)


def _need(fine: bool, name: str, value: float, rule: str) -> None:
    if not fine:
        raise UserError(f"The prior's {name} is {value:g}: it must be {rule}.")


def _need_positive(**numbers: float) -> None:
    for name, value in numbers.items():
        _need(0 < value < math.inf, name, value, "finite and above 0")


def _need_range(low: float, high: float) -> None:
    _need(-math.inf < low < high < math.inf, "low", low, f"finite and below high, which is {high:g}")
