"""The process's own generators of random numbers (PyTorch's, NumPy's, Python's), seeded for a while and put back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ayneh.turns import Turn

if TYPE_CHECKING:  # it takes seconds to import: functions import it when they need it
    import torch

TURN = Turn()  # the process has one generator of each kind, so that threads take turns


@contextmanager
def kept(device: torch.device | None = None) -> Iterator[list[torch.Generator]]:
    """After it, the generators are as before; those of PyTorch are given. device: None: those of all devices in use.

    Two trainings in threads of one process have the bits that each has alone.
    """
    import torch

    with TURN:
        generators = [torch.default_generator, *_generators_of(device)]
        states = [generator.get_state() for generator in generators]
        plain, array = random.getstate(), np.random.get_state()
        try:
            yield generators
        finally:
            for generator, state in zip(generators, states, strict=True):
                generator.set_state(state)
            random.setstate(plain)
            np.random.set_state(array)


@contextmanager
def seeded(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Within it, the generators are seeded with this; afterwards they are as before."""
    with kept(device) as generators:
        for generator in generators:
            generator.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed % 2**32)
        yield


def _generators_of(device: torch.device | None) -> list[torch.Generator]:
    import torch

    if device is None:
        return list(torch.cuda.default_generators) if torch.cuda.is_initialized() else []
    if device.type == "cuda":
        index = torch.cuda.current_device() if device.index is None else device.index
        return [torch.cuda.default_generators[index]]
    return [torch.mps._get_default_mps_generator()] if device.type == "mps" else []


def drawn() -> tuple[bytes, Any, Any]:
    """The state of the generators of the CPU, NumPy and Python: another one after a call that drew from them."""
    import torch

    name, keys, *rest = np.random.get_state()
    assert isinstance(keys, np.ndarray)
    return torch.get_rng_state().numpy().tobytes(), random.getstate(), (name, keys.tobytes(), *rest)
