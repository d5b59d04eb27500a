"""The runs of a study cut into shares of work by a short measurement, and the time that all of it will take."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ayneh.config import Config
from ayneh.engine.device import choose_device
from ayneh.engine.match import Match
from ayneh.engine.sampler import sampler_in
from ayneh.engine.stacks import stack_of
from ayneh.studies.design import Run, Study
from ayneh.studies.stack import judge, match_of
from ayneh.training.scorer import Scorer

STACKS = {"cpu": (1, 4), "cuda": (1, 16, 64), "mps": (1, 8)}  # sizes that are tried
GAIN = 0.9  # time of a larger stack over a smaller one's, at most: a killed stack loses the steps of all its runs


@dataclass(frozen=True)
class Measured:
    """The time of a group's runs on this machine."""

    stack: int  # replicas in a share
    step_s: float  # of one replica in such a stack
    look_s: float  # of one replica
    steps: int  # of one run
    images: int  # that D sees in one run


def measure(study: Study, group: Sequence[Run], device: str) -> Measured:
    """Time a few steps of stacks of several sizes, and one look. Raises UserError if the runs cannot be played."""
    config, chosen = group[0].config, choose_device(device)
    best = 0, float("inf")
    for size in sizes(chosen.type, len(group)):
        match = match_of([run.config for run in group[:size]], device)
        seconds = _step_s(match) / size
        if seconds < GAIN * best[1]:
            best = size, seconds
    total = config.epochs * match.steps_per_epoch
    return Measured(best[0], best[1], _look_s(study, match), total, total * match.images_per_step)


def sizes(kind: str, runs: int) -> list[int]:
    """The sizes of stacks that are tried for so many runs on this kind of device.

    On an accelerator a stack of 10 costs far less than 10 single runs: a group below the next size is tried as a whole.
    """
    if kind == "cpu":
        return [size for size in STACKS[kind] if size <= runs]
    return sorted({min(size, runs) for size in STACKS[kind]})


def cut(groups: Sequence[tuple[Sequence[Run], Measured]], workers: int, kind: str = "cpu") -> list[list[Run]]:
    """Shares of at most the best stack's size, on a CPU smaller where that keeps all workers busy; long ones first.

    On an accelerator, where a small stack takes nearly as long as a large one, a group's shares are alike in size.
    """
    shares: list[tuple[float, list[Run]]] = []
    for runs, cost in groups:
        parts = workers if kind == "cpu" else -(-len(runs) // cost.stack)
        size = max(1, min(cost.stack, -(-len(runs) // parts)))
        shares += [(cost.steps * cost.step_s, list(runs[i : i + size])) for i in range(0, len(runs), size)]
    return [share for _, share in sorted(shares, key=lambda pair: -pair[0] * len(pair[1]))]


def _step_s(match: Match) -> float:
    """Seconds of a step: the mean of its kinds, as far as the run has them."""
    stack, mean = stack_of(match, match.start(), 0), 0.0
    steps = match.replicas[0].epochs * match.steps_per_epoch
    for first, share in [kind for kind in match.kinds().values() if kind[0] < steps]:
        times = []
        for _ in range(6):
            stack.step = first
            begin = time.perf_counter()
            stack.advance(1)["loss_g"].sum().item()  # a sync with the device
            times.append(time.perf_counter() - begin)
        mean += share * sorted(times[2:])[1]  # the first steps include set-up
    return mean


def quickest(study: Study, config: Config) -> int:
    """One thread or all that PyTorch has: the number with which a look takes least time.

    The CPU scores what an accelerator draws: 500 images of 16x16 in 0.38 s with 16 threads on 16 cores, and in 0.07 s
    with one on a slower machine.
    """
    before, match = torch.get_num_threads(), match_of([config], "cpu")
    times = {}
    for threads in sorted({1, before}):
        torch.set_num_threads(threads)
        times[threads] = _look_s(study, match)
    torch.set_num_threads(before)
    return min(times, key=lambda threads: times[threads])


def _look_s(study: Study, match: Match) -> float:
    scorer = Scorer(judge(match.replicas[0].data), study.images)
    for _ in range(2):  # the first look includes set-up
        begin = time.perf_counter()
        scorer.score([sampler_in(match, match.start(), 0)])
    return time.perf_counter() - begin
