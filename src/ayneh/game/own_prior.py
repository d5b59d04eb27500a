"""Distributions of z of one's own, behind the interface of the built-in ones."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from torch import Generator, Tensor

from ayneh.errors import UserError
from ayneh.parts.calling import settings_kept, what_happened
from ayneh.parts.registry import Part, refuse_arguments

MEASURED = 2**20  # numbers drawn to measure the moments of a prior that names none


class Prior:
    """A distribution of z of your own: `sample` is needed, the rest has defaults.

    Add the class, whose ``__init__`` may take numbers of ``config.prior`` by name (mean, std, low, high, bound, radius,
    scale, df, p, components), or an object. Example, half of the coordinates zero:

    >>> import ayneh, torch
    >>> class Sparse(ayneh.Prior):
    ...     def __init__(self, p=0.5):
    ...         self.p = p
    ...     def sample(self, n, dim, generator):
    ...         u, g = (f(n, dim, generator=generator, device=generator.device) for f in (torch.rand, torch.randn))
    ...         return g * (u < self.p)
    >>> ayneh.add("prior", "sparse", Sparse).name
    'sparse'
    >>> config = ayneh.preset("fast").changed({"prior.name": "sparse", "prior.p": 0.25})
    """

    def sample(self, n: int, dim: int, generator: Generator) -> Tensor:
        """n independent draws (n, dim), from this generator alone, on its device."""
        raise NotImplementedError("write sample(self, n, dim, generator)")

    def moments(self, dim: int) -> tuple[float, float] | None:
        """Mean and variance of a coordinate, inf or nan where there is none; None: measured over a million numbers."""
        return None

    def interpolate(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        """a, b (..., dim) and t (T,) in [0, 1] -> (T, ..., dim). By default the straight line, which few laws keep."""
        steps = t.reshape(-1, *[1] * a.dim()).to(a)
        return torch.where(steps < 1, a + steps * (b - a), b)

    def describe(self) -> str:
        """The law in short."""
        return type(self).__name__


class Own:
    """A part of kind "prior" as the game, pictures, scores and exports use it."""

    def __init__(self, name: str, law: Any) -> None:
        """law: an object with ``sample``, and perhaps the others of `Prior`."""
        self.name, self.law = name, law
        self.moments = cache(self._moments)  # of each length of z

    def sample(self, n: int, dim: int, generator: Generator) -> Tensor:
        """As `game.priors.Prior.sample`. Raises UserError for what is not (n, dim)."""
        z = self._called("sample", n, dim, generator)
        if not isinstance(z, Tensor) or z.shape != (n, dim):
            found = tuple(z.shape) if isinstance(z, Tensor) else f"{z!r}"[:80]
            raise UserError(f"The prior {self.name!r} gave {found} for n={n} and dim={dim}: it must give ({n}, {dim}).")
        return self._real(z).float()

    def interpolate(self, a: Tensor, b: Tensor, t: Tensor) -> Tensor:
        """As `game.priors.Prior.interpolate`. Raises UserError for what is not (T, ..., dim)."""
        found, due = self._called("interpolate", a, b, t), (len(t), *a.shape)
        if not isinstance(found, Tensor) or found.shape != due:
            got = tuple(found.shape) if isinstance(found, Tensor) else f"{found!r}"[:80]
            raise UserError(
                f"The prior {self.name!r}: interpolate gave {got} for {len(t)} steps between ends of "
                f"{tuple(a.shape)}: it must give a tensor of {due}, (T, ..., dim)."
            )
        return self._real(found).to(a)

    def _real(self, z: Tensor) -> Tensor:
        if z.is_complex():
            raise UserError(
                f"The prior {self.name!r} gave complex numbers, and z is real: give their real and imaginary parts as "
                "two coordinates."
            )
        return z

    def describe(self) -> str:
        """The law in short; the part's name, if it has no words of its own."""
        words = self._called("describe")
        return str(words) if words != type(self.law).__name__ else self.name

    def try_out(self, dim: int) -> None:
        """Raise UserError unless draws are finite, and follow from the generator alone."""
        first, again, other = (self.sample(8, dim, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
        if not first.isfinite().all():
            raise UserError(f"The prior {self.name!r} gave numbers that are not finite: z must be finite.")
        if not torch.equal(first, again) or torch.equal(first, other):
            raise UserError(
                f"The prior {self.name!r} does not draw from the generator that it is given: use generator=generator "
                "in each draw, so that a run can be repeated."
            )

    def _moments(self, dim: int) -> tuple[float, float]:
        found = self._called("moments", dim)
        if found is None:
            z = self.sample(max(1000, MEASURED // dim), dim, torch.Generator().manual_seed(0)).double()
            return float(z.mean()), float(z.var())
        try:
            mean, variance = map(float, found)
        except (TypeError, ValueError) as error:
            raise UserError(f"The prior {self.name!r} has the moments {found!r}: they are (mean, variance).") from error
        if variance < 0:
            raise UserError(f"The prior {self.name!r} has the variance {variance:g}: it must be at least 0.")
        return mean, variance

    def _called(self, what: str, *args: Any) -> Any:
        try:
            if (method := getattr(self.law, what, None)) is not None:
                return method(*args)
            return getattr(Prior, what)(self.law, *args)
        except UserError:
            raise
        except Exception as error:  # whatever a part of one's own raises
            raise UserError(f"The prior {self.name!r}: {what} failed ({what_happened(error)}).") from error


def check(name: str, value: Any, arguments: Mapping[str, Any]) -> None:
    """Raise UserError unless ``value`` may be a prior: a class or an object with ``sample``."""
    if not callable(getattr(value, "sample", None)):
        raise UserError(
            f"The prior {name!r} is {f'{value!r}'[:80]}: it must be a class or an object with "
            "sample(n, dim, generator)."
        )
    refuse_arguments("prior", name, arguments)


@cache
def made_of(part: Part, **numbers: float) -> Own:
    """The prior of one's own with these numbers of a config. Raises UserError for one that it does not take.

    It is made once: to measure its moments takes as long as some steps.
    """
    takes = list(inspect.signature(part.value).parameters) if isinstance(part.value, type) else []
    for key in sorted(numbers.keys() - takes):
        raise UserError(f"The prior {part.name!r} has no {key}: it takes {', '.join(takes) or 'no numbers'}.")
    if not isinstance(part.value, type):
        return Own(part.name, part.value)
    try:
        with settings_kept():
            return Own(part.name, part.value(**numbers))
    except UserError:
        raise
    except Exception as error:
        given = ", ".join(f"{key}={value:g}" for key, value in numbers.items())
        raise UserError(f"The prior {part.name!r} cannot be made with ({given}): {what_happened(error)}.") from error
