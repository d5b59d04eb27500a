"""Schedules: what a number of the game is after so many images, from its value at the start and its value at the end.

A schedule's shape is a function of the images seen that gives two weights, of the start and of the end: a straight line
gives 1, 0 at first and 0, 1 at the end. A schedule of one's own gives one factor for the value at the start. torch is
not imported here, so that a study can be planned without it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from ayneh.errors import UserError, pick
from ayneh.generators import seeded
from ayneh.parts.calling import what_happened
from ayneh.parts.registry import Part, refuse_arguments, table

Course = Callable[[float], tuple[float, float]]  # images seen -> weights of the value at the start and at the end
LOOKS = 200  # images seen at which a schedule of one's own is tried, evenly over the run


class Spans(NamedTuple):
    """The numbers of a schedule, in images seen."""

    warmup: int = 0
    """The factor rises linearly from 0 to 1 until here."""
    images: int = 0
    """linear, cosine: the end is reached here; 0: it stays."""
    milestones: tuple[int, ...] = ()
    """steps: at each the number is multiplied by ``step_factor``."""
    step_factor: float = 0.1


def constant(spans: Spans) -> Course:
    """It stays."""
    return lambda seen: (1.0, 0.0)


def linear(spans: Spans) -> Course:
    """A straight line from the end of the warm-up to ``images``."""
    return _falling(spans, lambda done: 1 - done)


def cosine(spans: Spans) -> Course:
    """Half a cosine from the end of the warm-up to ``images``, Loshchilov & Hutter 2017."""
    return _falling(spans, lambda done: (1 + math.cos(math.pi * done)) / 2)


def steps(spans: Spans) -> Course:
    """Multiplied by ``step_factor`` at each milestone."""
    return lambda seen: (spans.step_factor ** sum(seen >= at for at in spans.milestones), 0.0)


SHAPES: dict[str, Callable[[Spans], Course]] = {
    "constant": constant,
    "linear": linear,
    "cosine": cosine,
    "steps": steps,
}


def course(shape: str, spans: Spans) -> Course:
    """The schedule of this shape after its warm-up. Raises UserError for an unknown shape."""
    after = pick(table("schedule", SHAPES, _own), shape, "schedule")(spans)
    if not spans.warmup:
        return after

    def warmed(seen: float) -> tuple[float, float]:
        warm, (start, end) = min(1.0, seen / spans.warmup), after(seen)
        return warm * start, warm * end

    return warmed


def check(name: str, value: Any, arguments: Any) -> None:
    """Raise UserError unless ``value`` may be a schedule of one's own: a function of the images seen."""
    refuse_arguments("schedule", name, arguments)
    if not callable(value) or isinstance(value, type):
        raise UserError(
            f"The schedule {name!r} is {value!r}: it must be a function, images seen -> factor, such as "
            "lambda images: 0.5 ** (images / 1e6)."
        )


def try_out(shape: str, images: float) -> None:
    """Call a schedule of one's own all over a run of so many images, twice, under other seeds of the process.

    Raises UserError at the first that is no factor, and unless both times all are the same. A built-in one needs no
    trial.
    """
    if shape in SHAPES:
        return
    of_images, found = course(shape, Spans()), []
    for seed in (0, 1):
        with seeded(seed):
            found.append([of_images(images * k / LOOKS) for k in range(LOOKS + 1)])
    if found[0] != found[1]:
        raise UserError(
            f"The schedule {shape!r} draws random numbers or remembers former calls, so that no run could be repeated: "
            "its factor must follow from the images seen alone."
        )


def _own(part: Part) -> Callable[[Spans], Course]:
    def factor(seen: float) -> tuple[float, float]:
        try:
            found = float(part.value(seen))
        except Exception as error:
            raise UserError(
                f"The schedule {part.name!r} failed after {seen:,.0f} images ({what_happened(error)}): it is called "
                "with the images seen and must return a number."
            ) from error
        if not 0 <= found < math.inf:
            raise UserError(
                f"The schedule {part.name!r} is {found:g} after {seen:,.0f} images: a factor must be finite and at "
                "least 0."
            )
        return found, 0.0

    return lambda spans: factor


def _falling(spans: Spans, left: Callable[[float], float]) -> Course:
    def weights(seen: float) -> tuple[float, float]:
        done = min(1.0, max(0, seen - spans.warmup) / (spans.images - spans.warmup))
        return left(done), 1 - left(done)

    return weights if spans.images else constant(spans)
