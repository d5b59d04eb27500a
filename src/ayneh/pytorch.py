"""PyTorch's settings for the whole process or thread, as they are when it is imported: a run's numbers follow from its
own settings, and from nothing that a program has set for itself."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from ayneh.turns import Turn

if TYPE_CHECKING:  # it takes seconds to import
    import torch

TURN = Turn()
DEVICES = ("cpu", "cuda", "mps", "xpu")  # each has its own autocast


class _Within(threading.local):
    """How many times this thread is within `as_imported`."""

    depth = 0


_here = _Within()
_threads = 0  # within `as_imported` for the first time each: the last of them puts the type of numbers back
_before: torch.dtype | None = None  # the type that it puts back


@contextmanager
def as_imported() -> Iterator[None]:
    """Within it numbers are float32, gradients are taken, nothing is autocast, and tensors are on the CPU by default.

    Afterwards all is as before. Where nothing was changed, or PyTorch is not imported, it does nothing. Also a
    decorator.
    """
    if "torch" not in sys.modules:  # who has not imported it has not changed it, and it takes seconds
        yield
        return
    import torch

    with ExitStack() as changed:
        changed.enter_context(_float32())
        if torch.is_inference_mode_enabled():
            changed.enter_context(torch.inference_mode(False))
        if not torch.is_grad_enabled():
            changed.enter_context(torch.enable_grad())
        for device in DEVICES:
            if torch.is_autocast_enabled(device):
                changed.enter_context(torch.autocast(device, enabled=False))
        if torch.get_default_device().type != "cpu":
            changed.enter_context(torch.device("cpu"))
        yield


@contextmanager
def kept() -> Iterator[None]:
    """After it the switch for gradients, the type of numbers and the default device are as before."""
    grad, dtype, device = True, None, None
    if torch := sys.modules.get("torch"):
        grad, dtype, device = torch.is_grad_enabled(), torch.get_default_dtype(), torch.get_default_device()
    try:
        yield
    finally:
        if torch := sys.modules.get("torch"):  # it may be imported only now, and is then put back as it begins
            torch.set_grad_enabled(grad)
            torch.set_default_dtype(dtype or torch.float32)
            if torch.get_default_device() != (device or torch.device("cpu")):
                torch.set_default_device(device if device and device.type != "cpu" else None)


@contextmanager
def _float32() -> Iterator[None]:
    """The default type of numbers is float32. It is the process's: with several threads the last puts it back."""
    global _threads, _before
    import torch

    with TURN:
        mine = torch.get_default_dtype()
        _here.depth += 1
        if _here.depth == 1:
            _before = _before if _threads else mine
            _threads += 1
        if mine != torch.float32:
            torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        with TURN:
            _here.depth -= 1
            if _here.depth == 0:
                _threads -= 1
                mine = _before if _before and not _threads else torch.float32
            if torch.get_default_dtype() != mine:
                torch.set_default_dtype(mine)
