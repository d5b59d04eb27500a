"""PyTorch's settings for the whole process or thread, as they are when it is imported: a run's numbers follow from its
own settings, and from nothing that a program has set for itself."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

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
    if sys.modules.get("torch") is None:  # who has not imported it has not changed it; None where a program blocks it
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
            changed.enter_context(_on_cpu())
        yield


@contextmanager
def kept() -> Iterator[None]:
    """After it the switch for gradients, the type of numbers and the default device are as before."""
    grad, dtype, device = True, None, None
    if torch := sys.modules.get("torch"):
        grad, dtype, device = torch.is_grad_enabled(), torch.get_default_dtype(), _set_device()
    try:
        yield
    finally:
        if torch := sys.modules.get("torch"):  # it may be imported only now, and is then put back as it begins
            torch.set_grad_enabled(grad)
            torch.set_default_dtype(dtype or torch.float32)
            if _set_device() is not device:
                torch.set_default_device(device and device.device)


def _set_device() -> Any:
    """PyTorch's DeviceContext of this thread's torch.set_default_device; None where none is set."""
    import torch

    return getattr(getattr(torch, "_GLOBAL_DEVICE_CONTEXT", None), "device_context", None)


@contextmanager
def _on_cpu() -> Iterator[None]:
    """Tensors are on the CPU by default, and torch.set_default_device may be called within.

    It takes the lowest DeviceContext of PyTorch's stack for its own, and a `with torch.device` the highest: so all that
    are there are taken off, and afterwards put back as they were.
    """
    import torch
    from torch.overrides import _get_current_function_mode_stack
    from torch.utils import _device

    stack, mine, named = _get_current_function_mode_stack(), _set_device(), _device.CURRENT_DEVICE
    others = [mode for mode in stack if not isinstance(mode, _device.DeviceContext)]

    def put(modes: list[Any], mine: Any, named: Any) -> None:
        for _ in _get_current_function_mode_stack():
            _device._pop_mode()
        for mode in modes:
            _device._push_mode(mode)
        torch._GLOBAL_DEVICE_CONTEXT.device_context, _device.CURRENT_DEVICE = mine, named

    put(others, None, None)
    try:
        yield
    finally:
        put(stack, mine, named)


@contextmanager
def _float32() -> Iterator[None]:
    """The default type of numbers is float32. It is the process's: with several threads the last puts it back."""
    global _threads, _before
    import torch

    with TURN:
        mine = torch.get_default_dtype()
        _here.depth += 1
        if _here.depth == 1:
            if not _threads or mine != torch.float32:  # another than float32 meanwhile is a newer wish of the program
                _before = mine
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
