"""Score: what every metric returns. A number with its sample size, interval, protocol and floor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ayneh.errors import UserError

Plain = dict[str, Any]  # a score as JSON has it


@dataclass(frozen=True)
class Score:
    """One measured number. ``value`` is None, never NaN, if it is not defined; ``warning`` then has the reason."""

    value: float | None
    n: int  # samples of the set being judged
    interval: tuple[float, float] | None = None  # 95 %
    p: float | None = None  # of the null hypothesis in the metric's docstring
    warning: str | None = None
    protocol: str | None = None  # what was measured on how many images against what, see `protocol`
    floor: float | None = None  # what real images score by the same protocol
    floor_interval: tuple[float, float] | None = None  # 95 %
    of_class: str | None = None  # the class whose number it is, of the worst class

    def as_dict(self) -> Plain:
        """For JSON: the fields that are set, an interval as its two ends."""
        low, high = self.interval or (None, None)
        floor_low, floor_high = self.floor_interval or (None, None)
        optional: Plain = {"protocol": self.protocol, "low": low, "high": high, "p": self.p, "warning": self.warning}
        optional |= {"floor": self.floor, "floor_low": floor_low, "floor_high": floor_high}
        optional |= {"of_class": self.of_class}
        return {"value": self.value, "n": self.n} | {k: v for k, v in optional.items() if v is not None}


def cannot_tell(n: int, why: str) -> Score:
    """The score of a metric that is not defined for its input."""
    return Score(None, n, warning=why)


def checked(features: Tensor, what: str) -> Tensor:
    """Features as float64 (N, F). Raises UserError if they are not a finite matrix."""
    if features.ndim != 2:
        raise UserError(f"The features of the {what} must be a matrix (N, F); got shape {tuple(features.shape)}.")
    finite = torch.isfinite(features).all(1)
    if not bool(finite.all()):
        bad = int((~finite).sum())
        raise UserError(
            f"{bad} of {len(features)} {what} have features that are NaN or infinite; look at these images."
        )
    return features.double()


def shuffled(features: Tensor, seed: int) -> Tensor:
    """The rows in a fixed random order, since folders are sorted and a part of them is not a sample."""
    return features[torch.randperm(len(features), generator=torch.Generator().manual_seed(seed))]


def named(metric: str, net: str = "") -> str:
    """A score's short name: "fd" by the leading net of a panel, "fd@cnn-1" by another."""
    return f"{metric}@{net}" if net else metric


def metric_of(name: str) -> str:
    """The metric of a short name: "fd@cnn-1" -> "fd"."""
    return name.partition("@")[0]


def protocol(metric: str, n: int, data: str, against: str = "test", net: str = "") -> str:
    """ "fd_10k_mnist_test_cnn-1": the metric, of how many images, against what of which data, in which net's features.

    Of folder:PATH, file:PATH and npz:PATH it names the kind alone, since scores are published and paths are private.
    """
    kind = data.partition(":")[0].replace("-", "")
    return "_".join(part for part in (metric, count_name(n), kind, against, net) if part)


def count_name(n: int) -> str:
    """10000 -> 10k, 1000000 -> 1m, 1297 -> 1297: the sample size in protocols."""
    for unit, letter in ((1_000_000, "m"), (1_000, "k")):
        if n and n % unit == 0:
            return f"{n // unit}{letter}"
    return str(n)
