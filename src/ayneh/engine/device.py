"""The device of a run, and its arithmetic."""

from __future__ import annotations

import torch

from ayneh.errors import UserError, unknown
from ayneh.terminal.text import counted

PRECISIONS: dict[str, torch.dtype | None] = {  # name -> the type to autocast to (None: no autocast)
    "float32": None,
    "tf32": None,
    "bfloat16": torch.bfloat16,
    "float64": None,
}


def choose_device(name: str) -> torch.device:
    """auto: CUDA if it is there, else MPS, else the CPU. Raises UserError for what is not there."""
    kind = name.split(":")[0]
    if kind not in ("auto", "cpu", "cuda", "mps"):
        raise unknown("device", name, ["auto", "cpu", "cuda", "cuda:0", "mps"])
    if kind == "auto":
        kind = name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}[kind]
    if not there:
        raise UserError(
            f"There is no {kind} device on this machine that this PyTorch can use; choose --device cpu or auto."
        )
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UserError(f"{name!r} is not a device; write cpu, mps, cuda or cuda:0.") from error
    if kind == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(
            f"There is no {name}: this machine has {torch.cuda.device_count()} CUDA device(s), counted from 0; choose "
            "--device cuda:0, or --device cpu."
        )
    if kind != "cuda" and device.index not in (None, 0):
        raise UserError(f"There is only one {kind} device; write --device {kind}.")
    return device


def keep_freed_memory() -> None:
    """Make glibc keep the memory that a step on the CPU frees, for the next step.

    glibc returns freed pieces to the system if they are larger than any freed before (its dynamic threshold, up to
    32 MB), which costs a step of the mirror nets 1,400 page faults. Freeing one large piece raises the threshold.
    """
    torch.empty(31 * 2**20, dtype=torch.uint8)  # freed at once


def describe(device: torch.device) -> str:
    """For people: "cpu (2 threads)", "cuda:0 (NVIDIA H200)", "mps"."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return f"cpu ({counted(torch.get_num_threads(), 'thread')})" if device.type == "cpu" else str(device)


def choose_precision(name: str, device: torch.device) -> tuple[torch.dtype, torch.dtype | None]:
    """(the type of weights and state, the type to autocast the nets to or None); sets PyTorch's tf32 switches as well.

    auto is tf32 on CUDA, where convolutions are faster in it at no visible cost, and float32 elsewhere. cuDNN is kept
    to deterministic kernels, so that a run repeats its bits there; on an H200 a step takes 5 % longer for it.
    """
    if name == "auto":
        name = "tf32" if device.type == "cuda" else "float32"
    if name not in PRECISIONS:
        raise unknown("precision", name, ["auto", *PRECISIONS])
    if name == "tf32" and device.type != "cuda":
        raise UserError("tf32 is a mode of CUDA devices; choose --precision float32 or bfloat16 here.")
    if name == "float64" and device.type == "mps":
        raise UserError("MPS has no float64; choose --device cpu with --precision float64.")
    torch.backends.cudnn.deterministic = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = name == "tf32"
    return (torch.float64 if name == "float64" else torch.float32), PRECISIONS[name]
