"""The process's own generators of random numbers (PyTorch's, NumPy's, Python's), seeded for a while and put back."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

TURN = threading.RLock()


@contextmanager
def seeded(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Within it, PyTorch's, NumPy's and Python's own generators are seeded with this; afterwards they are as before.

    The process has one of each, so that threads take turns: two trainings at once have the bits that each has alone.
    """
    if device is None or device.type == "cpu":
        generators = [torch.default_generator]
    else:
        generators = [torch.default_generator, *_generators_of(device)]
    with TURN:
        states = [generator.get_state() for generator in generators]
        plain, array = random.getstate(), np.random.get_state()
        try:
            for generator in generators:
                generator.manual_seed(seed)
            random.seed(seed)
            np.random.seed(seed % 2**32)
            yield
        finally:
            for generator, state in zip(generators, states, strict=True):
                generator.set_state(state)
            random.setstate(plain)
            np.random.set_state(array)


def _generators_of(device: torch.device) -> list[torch.Generator]:
    if device.type == "cuda":
        index = torch.cuda.current_device() if device.index is None else device.index
        return [torch.cuda.default_generators[index]]
    return [torch.mps._get_default_mps_generator()] if device.type == "mps" else []


def drawn() -> tuple[bytes, Any, Any]:
    """The state of the generators of the CPU, NumPy and Python: another one after a call that drew from them."""
    name, keys, *rest = np.random.get_state()
    assert isinstance(keys, np.ndarray)
    return torch.get_rng_state().numpy().tobytes(), random.getstate(), (name, keys.tobytes(), *rest)
