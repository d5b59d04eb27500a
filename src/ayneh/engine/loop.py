"""The loop: play a stack chunk by chunk; after each, yield what is due: a tick, an epoch's end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ayneh.engine.inline import Stack
from ayneh.engine.match import Match
from ayneh.engine.meter import Meter


@dataclass(frozen=True)
class Moment:
    """The progress of the loop after a chunk of steps."""

    step: int  # steps played so far
    epoch: int  # the epoch that the last step belonged to, from 0
    images: int  # images seen by each replica's D
    images_per_s: float  # over this chunk, all replicas together
    tick: bool  # a line of metrics is due
    epoch_ended: bool


def run(
    match: Match,
    stack: Stack,
    meter: Meter,
    epochs: int,
    tick_steps: int,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Moment]:
    """Play until ``epochs`` are done or ``stop()`` is true between two chunks; yield after each chunk.

    Chunks end where ticks and epochs end. On an accelerator a chunk is a tick, since reading the measures is a sync; on
    a CPU it is at most ten steps, so that the progress bar moves and Ctrl-C is answered soon.
    """
    per_epoch, total = match.steps_per_epoch, epochs * match.steps_per_epoch
    longest = tick_steps if match.device.type != "cpu" else 10
    while stack.step < total and not stop():
        first, within = stack.step, stack.step % per_epoch
        next_tick = min((within // tick_steps + 1) * tick_steps, per_epoch)
        n = min(longest, next_tick - within)
        begin = time.perf_counter()
        measures = stack.advance(n)
        meter.add(first, measures)  # syncs with the device
        seconds = time.perf_counter() - begin
        yield Moment(
            step=stack.step,
            epoch=(stack.step - 1) // per_epoch,
            images=stack.step * match.images_per_step,
            images_per_s=n * match.images_per_step * len(match.replicas) / seconds,
            tick=within + n == next_tick,
            epoch_ended=within + n == per_epoch,
        )
