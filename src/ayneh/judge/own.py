"""Metrics of one's own: a function of images or features that gives a number, as an entry of METRICS."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from ayneh.errors import UserError, unknown
from ayneh.files.reading import shown
from ayneh.generators import seeded
from ayneh.parts.calling import settings_kept, what_happened

if TYPE_CHECKING:
    from torch import Tensor

    from ayneh.judge.scores import Score

NEEDS = {  # what a function takes -> the attribute of `judge.inputs.Inputs`
    "images": "fakes",
    "features": "fake",
    "labels": "labels",
    "asked": "asked",
    "probabilities": "probabilities",
    "real_images": "test",
    "real_features": "real",
}
Better = Literal["lower", "higher", "floor"]
Scale = Literal["ratio", "difference"]


@dataclass(frozen=True)
class Metric:
    """A metric of your own, for ``ayneh.add("metric", "sharpness", ayneh.Metric(sharpness, better="higher"))``.

    Its scores are in `ayneh evaluate` with their floor, in a run's training (``quick``), and in studies as outcomes.

    Args:
        function: returns a number; or one for each image, (N,), whose mean is the score.
        needs: what it is called with, in order (default: the names of its parameters). ``images``: the generated ones,
            uint8 (N, C, S, S), without the frame of training; ``features``: theirs by the judge's leading net,
            float64 (N, F); ``labels``: the most probable class of each, int64 (N,); ``probabilities``: of the classes,
            float64 (N, K); ``asked``: the class that was asked for of each, int64 (N,); ``real_images`` and
            ``real_features``: those of the test images, (M, C, S, S) and (M, F). All are tensors. Without classes, a
            metric that needs labels or probabilities is left out, and one that needs asked in a run without labels.
        better: "lower" or "higher", or "floor": the nearer to what real images score, the better.
        title: what sentences call it (default: its name).
        words: what it is.
        scale: how studies compare arms: by the "ratio" of values above 0, or by their "difference".
        quick: measure it in training, too, wherever a run is scored.
        interval: give a 95 % interval, which takes 20 more calls, each without a twentieth of the images (a jackknife).
            False for what is not smooth in the images (a maximum, a number of classes), and for what is slow.

    Raises UserError for what it does not take. A function that fails, or returns NaN or no number, costs its own score
    alone: a sentence gives the reason.

    >>> import ayneh
    >>> def sharpness(images):
    ...     return images.double().diff(dim=-1).abs().mean((1, 2, 3)) / 255
    >>> ayneh.Metric(sharpness, better="higher").needs
    ('images',)
    """

    function: Callable[..., Any]
    needs: tuple[str, ...] = ()
    better: Better = "floor"
    title: str = ""
    words: str = ""
    scale: Scale = "difference"
    quick: bool = True
    interval: bool = True

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise UserError(f"The function of a metric is {shown(self.function)}; it must be a function.")
        needs = (self.needs,) if isinstance(self.needs, str) else tuple(self.needs) or _parameters(self.function)
        for need in needs:
            if need not in NEEDS:
                raise unknown("input of a metric", need, NEEDS)
        if all(map(_is_real, needs)):
            raise UserError(f"A metric measures generated images, and needs is {needs}: add one of images, features.")
        for name, kind in (("better", Better), ("scale", Scale)):
            if (value := getattr(self, name)) not in get_args(kind):
                raise UserError(f"{name} of a metric is {value!r}; it must be one of: {', '.join(get_args(kind))}.")
        object.__setattr__(self, "needs", needs)


def _parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    """The names of the parameters that have no default; of a single one with another name: images."""
    try:
        given = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # of a function in C
        return ("images",)
    names = tuple(
        one.name
        for one in given
        if one.default is one.empty and one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
    )
    return ("images",) if len(names) == 1 and names[0] not in NEEDS else names


def check(name: str, value: Any, arguments: Mapping[str, Any]) -> None:
    """Raise UserError for what is no metric, as `ayneh.add` does."""
    if arguments:
        raise UserError(
            f"ayneh.add gives the metric {name!r} the argument {next(iter(arguments))!r}: put it into ayneh.Metric()."
        )
    if not isinstance(value, Metric) and not callable(value):
        raise UserError(f"The metric {name!r} is {shown(value)}; it must be a function of images, or an ayneh.Metric.")
    metric_of(value)


def metric_of(value: Any) -> Metric:
    """A metric, or a function as one."""
    return value if isinstance(value, Metric) else Metric(value)


def measure(name: str, metric: Metric, *values: Tensor) -> Score:
    """The score of a metric of one's own; one without a value, and why, if its function fails."""
    from ayneh.judge.scores import Score, cannot_tell
    from ayneh.judge.statistics import mean_interval

    n = next(len(x) for need, x in zip(metric.needs, values, strict=True) if not _is_real(need))
    try:
        found = _called(metric, values)
    except Exception as error:
        return cannot_tell(n, f"The metric {name!r} failed: {what_happened(error)}.")
    try:
        numbers = _numbers(found, n)
    except ValueError as error:
        return cannot_tell(n, f"The metric {name!r} returned {error}; it must return a number, or one for each image.")
    if isinstance(numbers, float):
        return Score(numbers, n, _interval(metric, values, numbers) if metric.interval else None)
    return Score(float(numbers.mean()), n, mean_interval(numbers) if metric.interval else None)


def _called(metric: Metric, values: tuple[Tensor, ...]) -> Any:
    with seeded(0), settings_kept():
        return metric.function(*(value.clone() for value in values))  # which a function may change


def _is_real(need: str) -> bool:
    return need.startswith("real_")


def _numbers(found: Any, n: int) -> Any:
    """What a function returned as a float, or as an array (n,). Raises ValueError for anything else: what it is."""
    import numpy as np
    import torch

    if isinstance(found, torch.Tensor):
        found = found.detach().cpu().numpy()
    if isinstance(found, bool | np.bool_ | str | bytes) or found is None:
        raise ValueError(shown(found))
    try:
        numbers = np.asarray(found, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"a {type(found).__name__}") from error
    if numbers.shape not in ((), (n,)):
        raise ValueError(f"numbers of shape {numbers.shape}")
    if not np.isfinite(numbers).all():
        bad = int((~np.isfinite(numbers)).sum())
        raise ValueError(str(float(numbers)) if numbers.ndim == 0 else f"{bad} numbers of {n} that are NaN or infinite")
    return float(numbers) if numbers.ndim == 0 else numbers


def _interval(metric: Metric, values: tuple[Tensor, ...], whole: float) -> tuple[float, float] | None:
    """A 95 % interval by the jackknife of `judge.frechet`: each twentieth of both sets is left out in turn.

    None where the sets are too small, and where the function gives no number for a part of them.
    """
    import torch

    from ayneh.judge.frechet import GROUPS
    from ayneh.judge.scores import shuffled
    from ayneh.judge.statistics import jackknife, normal_interval

    if min(map(len, values)) < 2 * GROUPS:
        return None
    parts = [
        shuffled(value, 0 if _is_real(need) else 1).tensor_split(GROUPS)
        for need, value in zip(metric.needs, values, strict=True)
    ]
    without = []
    for i in range(GROUPS):
        rest = tuple(torch.cat([*part[:i], *part[i + 1 :]]) for part in parts)
        try:
            found = _numbers(_called(metric, rest), -1)
        except Exception:
            return None
        without.append(found)
    _, error = jackknife(whole, without)
    return normal_interval(whole, error) if math.isfinite(error) else None
