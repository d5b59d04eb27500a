"""How the benches measure time, and the form in which they print it."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch


def settle(device: str) -> None:
    """Wait until the device has finished its work; a CPU always has."""
    kind = device.partition(":")[0]
    if kind != "cpu":
        getattr(torch, kind).synchronize()


def seconds(play: Callable[[], object], steps: int, device: str) -> float:
    """Seconds per step."""
    settle(device)
    begin = time.perf_counter()
    for _ in range(steps):
        play()
    settle(device)
    return (time.perf_counter() - begin) / steps


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """(lower quartile, median, upper quartile); of a single value three times that value."""
    low, mid, high = statistics.quantiles(values, n=4) if len(values) > 1 else [values[0]] * 3
    return low, mid, high


def spread(values: Sequence[float], digits: int) -> str:
    """ "32.4 (31.5 to 32.7)": the median and the quartiles."""
    low, mid, high = quartiles(values)
    return f"{mid:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def machine(device: str) -> str:
    """ "AMD EPYC, 2 cores, 2 threads, Linux x86_64, Python 3.11.9, PyTorch 2.13.0, load 0.10"."""
    chip = torch.cuda.get_device_name(device) + " beside " if device.startswith("cuda") else ""
    load = f", load {os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else ""
    return (
        f"{chip}{processor()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, {platform.system()} "
        f"{platform.machine()}, Python {platform.python_version()}, PyTorch {torch.__version__}{load}"
    )


def processor() -> str:
    """The processor's name, if the system has it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
