"""A training step of plain PyTorch as one CUDA graph: a step of small nets takes longer to launch than to compute."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from ayneh.engine.graph import SWITCH, USUAL_TOLERANCE, Capture, Play, record

CHECKED = 2  # steps that are played both ways: the second one reads what the first one left in Adam's memory


def adam(
    parameters: Iterable[nn.Parameter], rate: float, betas: tuple[float, float] = (0.9, 0.999)
) -> torch.optim.Adam:
    """Adam; on a GPU one that can be recorded: its rate and its count of steps are tensors there."""
    mine = list(parameters)
    if mine[0].device.type == "cpu":
        return torch.optim.Adam(mine, lr=rate, betas=betas)
    return recordable(mine, rate, betas)


def recordable(parameters: Sequence[nn.Parameter], rate: float, betas: tuple[float, float]) -> torch.optim.Adam:
    """The Adam of a GPU, its memory in place before the first step."""
    lr = torch.tensor(rate, device=parameters[0].device)
    made = torch.optim.Adam(parameters, lr=lr, betas=betas, fused=True, capturable=True)
    for p in parameters:
        p.grad = torch.zeros_like(p)
    made.step()  # moves nothing, since the gradients are 0
    for x in memory_of(made):
        x.zero_()
    made.zero_grad()
    return made


def memory_of(optimiser: torch.optim.Optimizer) -> list[Tensor]:
    """The tensors that it keeps from step to step."""
    return [x for kept in optimiser.state.values() for x in kept.values() if isinstance(x, Tensor)]


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Its learning rate from now on."""
    for group in optimiser.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)  # a recorded step reads it there
        else:
            group["lr"] = rate


def recorded(
    play: Play,
    nets: Sequence[nn.Module],
    optimisers: Sequence[torch.optim.Optimizer],
    device: torch.device,
    capture: Capture | None = None,
) -> Play:
    """``play``, a training step, as one CUDA graph; ``play`` itself on a CPU, or, with the reason, where that fails.

    What nets and optimisers hold is put back after the recording. Whatever else differs from step to step must be
    copied into tensors that stay where they are, before each replay. ``capture``: None records on the CUDA device.
    """
    if capture is None:
        if device.type != "cuda" or os.environ.get(SWITCH) == "0":
            return play
        capture = partial(record, device)
    weights = [p for net in nets for p in net.parameters()]
    held = [x for net in nets for x in net.state_dict().values()] + [x for one in optimisers for x in memory_of(one)]
    before = [x.clone() for x in held]
    start = [p.detach().clone() for p in weights]

    @torch.no_grad()
    def rewind() -> None:
        for x, old in zip(held, before, strict=True):
            x.copy_(old)

    def moved(once: Callable[[], None]) -> list[Tensor]:
        for _ in range(CHECKED):
            once()
        ends = [p.detach().clone() for p in weights]
        rewind()
        return ends

    try:
        replay = capture(play)
        rewind()  # warming up has played
        ours, theirs = moved(replay), moved(play)
    except Exception as error:  # whatever fails in recording, the plain way does not need it
        rewind()
        return _plainly(play, f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}")
    gap = float(_norm(ours, theirs) / _norm(theirs, start))
    if not gap <= USUAL_TOLERANCE:  # a NaN is a difference
        return _plainly(play, f"it was off by {gap:.2g} of a step")
    print(f"A step is one CUDA graph (off by {gap:.2g} of a step).", file=sys.stderr, flush=True)
    return replay


def _norm(a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
    """|a - b| over all tensors."""
    return torch.stack([(x - y).double().square().sum() for x, y in zip(a, b, strict=True)]).sum().sqrt()


def _plainly(play: Play, reason: str) -> Play:
    print(f"Operations are launched one by one, since a step could not be recorded: {reason}", file=sys.stderr)
    return play
