"""The loops that are measured: the engine and the plain loop, on the same random pixels of MNIST's size.

What images show does not change the speed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from ayneh.config import Config
from ayneh.engine.match import Match, replicas_of
from ayneh.presets import PRESETS
from plain import in_memory, plain_loop, tuned_loop

CONFIG = PRESETS["mirror"].config


def stand_ins(side: int = 28, n: int = 6000) -> torch.Tensor:
    """uint8 (n, 1, side, side)."""
    return torch.randint(0, 256, (n, 1, side, side), dtype=torch.uint8)


def engine_loop(pixels: torch.Tensor, config: Config, device: str) -> Callable[[], None]:
    """One step of all the config's replicas in this process."""
    match = Match(replicas_of(config), pixels, torch.device(device))
    state, step = match.start(), 0

    def one_step() -> None:
        nonlocal state, step
        state, _ = match.play(state, step)
        step += 1

    return one_step


def memory_loop(
    pixels: torch.Tensor, batch: int, device: str, tuned: bool = False, compiled: bool = False
) -> Callable[[], None]:
    """One step of the plain loop on a float tensor in memory, padded and scaled beforehand, or of the tuned one."""
    floats = torch.nn.functional.pad(pixels, (2, 2, 2, 2)).float() / 127.5 - 1
    batches = in_memory(floats, batch)
    return tuned_loop(batches, device, compiled) if tuned else plain_loop(batches, device)


def mirror(**settings: object) -> Config:
    """The preset with these fields changed."""
    return replace(CONFIG, **settings)
