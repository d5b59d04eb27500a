"""A training step on CUDA as one graph: recorded once, then replayed with a single launch for each step.

A step of small nets is hundreds of operations of a few microseconds each, and launching one from Python takes longer
than running it. A CUDA graph stores the launches with the addresses that they read and write; so whatever changes from
step to step has a fixed place in memory, and is copied there before each replay. `game.step.step` itself is recorded,
once for each kind of step: those with a lazy penalty and those without.
`captured` checks the recording: it plays a few steps both ways, and if the recording fails or differs, it prints the
reason and takes the plain way. With AYNEH_GRAPH=0 in the environment nothing is recorded.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ayneh.engine.inline import Inline
from ayneh.engine.match import Match
from ayneh.game.step import State, step
from ayneh.terminal.text import warn

Play = Callable[[], None]
Capture = Callable[[Play], Play]  # records what is done -> does it once more

SWITCH = "AYNEH_GRAPH"
WARM_UP = 3  # plays before the recording, in which libraries load their kernels and choose among them
CHECKED = 3  # steps that are played both ways
# How far apart the two may end a step, in lengths of that step. In float64 the reason is rounding; else it is the order
# of sums, which is random under atomic additions and matters most in Adam's first steps, all of one length: float32 and
# bfloat16 end their first step 0.7 apart, a later one 0.3. A graph that plays an old batch or leaves out an update is
# off by about 1. Smaller faults are found by the tests in float64.
TOLERANCE = {torch.float64: 1e-6}
USUAL_TOLERANCE = 0.5


class Recording:
    """A recorded step, and the places in memory from which it reads its inputs."""

    def __init__(self, inputs: Any, capture: Capture, play: Callable[[Any], None]) -> None:
        """inputs: those of a step of its kind."""
        self.given = list(leaves(inputs))  # what was last copied
        self.inputs = copied(inputs)
        self._replay = capture(partial(play, self.inputs))

    def replay(self, inputs: Any) -> None:
        """Play the step with these inputs."""
        for k, (mine, given) in enumerate(zip(leaves(self.inputs), leaves(inputs), strict=True)):
            if given is not self.given[k]:  # most hyper-parameters are the same tensor in every step
                mine.copy_(given)
                self.given[k] = given
        self._replay()


class Captured(Inline):
    """`Inline` with a recorded step. ``state`` stays where it is in memory: each step overwrites it."""

    def __init__(self, match: Match, state: State, step: int, capture: Capture) -> None:
        super().__init__(match, {name: value.clone() for name, value in state.items()}, step)
        _, measures = match.play(state, step)
        self.names = list(measures)
        self.measured = torch.stack(list(measures.values()))  # (measures, R)
        self.recordings = {
            kind: Recording(self._inputs_of(i), capture, self._play) for kind, (i, _) in match.kinds(step).items()
        }
        self.rewind(state, step)  # warming up has played

    def rewind(self, state: State, step: int) -> None:
        """Go to before this step, with this state."""
        self.step = step
        for name, value in state.items():
            self.state[name].copy_(value)

    def advance(self, n: int) -> State:
        """As `Inline.advance`; nothing here waits for the device."""
        table = self.measured.new_empty(n, *self.measured.shape)
        for row in table:
            self.recordings[self.match.penalised(self.step)].replay(self._inputs_of(self.step))
            row.copy_(self.measured)
            self.step += 1
        return dict(zip(self.names, table.unbind(1), strict=True))

    def _inputs_of(self, i: int) -> Any:
        """All that differs from step to step."""
        return self.match.reals(i), self.match.draws(i), self.match.hyper(i)

    def _play(self, inputs: Any) -> None:
        """What is recorded: one step from the inputs, the new state in the place of the old."""
        state, measures = step(self.match.game, self.state, *inputs)
        torch._foreach_copy_([self.state[name] for name in state], list(state.values()))  # a launch or two for all
        self.measured.copy_(torch.stack([measures[name] for name in self.names]))


def captured(match: Match, state: State, step: int, capture: Capture | None = None) -> Inline:
    """The stack with a recorded step if that plays the same game as the plain way; else the plain one, and the reason.

    ``capture``: None records on the match's CUDA device.
    """
    plain = Inline(match, state, step)
    if os.environ.get(SWITCH) == "0" or match.gen.draws or match.dis.draws:  # a graph repeats what modules draw
        return plain
    try:
        stack = Captured(match, state, step, capture or partial(record, match.device))
        gaps = check(stack, Inline(match, state, step))
        stack.rewind(state, step)
    except Exception as error:  # whatever fails in recording, the plain way does not need it
        while error.__context__ and isinstance(error.__context__, Exception):  # the first cause, not what it led to
            error = error.__context__
        reason = (str(error).splitlines() or [""])[0][:200].rstrip(".")
        _say(f"The step could not be recorded as one CUDA graph ({type(error).__name__}: {reason})")
        return plain
    if not all(gap <= TOLERANCE.get(match.dtype, USUAL_TOLERANCE) for gap in gaps):  # a NaN is a difference
        _say(
            "The step recorded as a CUDA graph did not play the same game as the plain one (it was off by "
            f"{gaps[0]:.2g} of a step, in its measures by {gaps[1]:.2g})"
        )
        return plain
    return stack


def check(stack: Captured, plain: Inline) -> tuple[float, float]:
    """How far the recorded steps are from the plain ones in the next few, and in the next one of each kind: in their
    states, and in their measures.

    Each step is played from the plain one's state, since a game left to itself doubles a difference in a few steps.
    """
    states, measures = [0.0], [0.0]
    first, kinds = plain.step, plain.match.kinds(plain.step).values()
    for i in sorted({*range(first, first + CHECKED), *(start for start, _ in kinds)}):
        before, plain.step = plain.state, i
        stack.rewind(before, plain.step)
        recorded, expected = stack.advance(1), plain.advance(1)
        states.append(distance(stack.state, plain.state, before))
        measures.append(distance(recorded, expected))
    return worst(states), worst(measures)


def record(device: torch.device, play: Play) -> Play:
    """Record what ``play`` launches on ``device``, after a warm-up on a separate stream; returns its replay."""
    with torch.cuda.device(device):
        here, side, graph = torch.cuda.current_stream(), torch.cuda.Stream(), torch.cuda.CUDAGraph()
        side.wait_stream(here)
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                play()
        here.wait_stream(side)
        try:
            with torch.cuda.graph(graph, stream=torch.cuda.Stream()):
                play()
        finally:
            torch.cuda.set_stream(here)  # after a recording that fails, its own stream would stay the current one
    return graph.replay


def distance(ours: State, theirs: State, start: State | None = None) -> float:
    """max |ours - theirs| / |theirs - start| over tensors (n, m) and their rows; NaN where ours alone is not finite.

    Without a start, in units of theirs, with a hundredth for what is nearly 0. Rows of theirs that are not finite
    are left out.
    """
    all_gaps = [0.0]
    for name, value in theirs.items():
        mine, value = (x.reshape(len(value), -1) for x in (ours[name], value))  # buffers of one's own have any shape
        if not value.is_floating_point():
            all_gaps.append(0.0 if torch.equal(mine, value) else math.inf)
            continue
        sound = value.isfinite().all(1)
        moved = value - start[name].reshape(value.shape) if start else value.abs() + 0.01
        limits = torch.finfo(value.dtype)
        blur = 100 * limits.eps * value.norm(dim=1) + limits.tiny  # of what hardly moves, rounding is a large part
        gaps = (mine - value).norm(dim=1) / (moved.norm(dim=1) + blur)
        all_gaps += gaps[sound].tolist()
    return worst(all_gaps)


def worst(gaps: list[float]) -> float:
    """The largest; NaN if one is, which `max` may miss."""
    return math.nan if any(math.isnan(gap) for gap in gaps) else max(gaps)


def leaves(nest: Any) -> Iterator[Tensor]:
    """The tensors of nested dicts, lists and tuples, in their order."""
    if isinstance(nest, Tensor):
        yield nest
    else:
        for part in nest.values() if isinstance(nest, dict) else nest:
            yield from leaves(part)


def copied(nest: Any) -> Any:
    """The same nest with copies of its tensors."""
    if isinstance(nest, Tensor):
        return nest.clone(memory_format=torch.contiguous_format)
    if isinstance(nest, dict):
        return {name: copied(part) for name, part in nest.items()}
    return [copied(part) for part in nest]


def _say(sentence: str) -> None:
    warn(f"{sentence}; operations are launched one by one instead, which is slower.")
