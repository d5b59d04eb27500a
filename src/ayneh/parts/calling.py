"""Code of a user's own is called: what it changes for the whole process is put back, its errors become sentences."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

from ayneh.errors import brief, line_of


def what_happened(error: Exception) -> str:
    """ "ZeroDivisionError: division by zero (mine.py:12)"."""
    place = line_of(error)
    return f"{type(error).__name__}: {brief(error)}" + (f" ({place})" if place else "")


@contextmanager
def sheltered() -> Iterator[None]:
    """Around it: PyTorch's switch for gradients, its number of threads and its type of numbers are the same after."""
    import torch

    grad, threads, dtype = torch.is_grad_enabled(), torch.get_num_threads(), torch.get_default_dtype()
    try:
        yield
    finally:
        torch.set_grad_enabled(grad)
        torch.set_default_dtype(dtype)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)


@contextmanager
def same_draws() -> Iterator[None]:
    """Within it the global random numbers of Python, NumPy and PyTorch begin anew; afterwards they go on as before."""
    import numpy as np
    import torch

    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        random.seed(0)
        np.random.seed(0)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)
