"""The processor cores of this machine: how many this process may use, and how many of them are free now."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

BY_USER = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")  # whoever sets one has chosen
LOOK_S = 0.1  # in which free cores are counted; the system counts hundredths
CGROUP = Path("/sys/fs/cgroup")


def cores() -> int:
    """The cores that this process may use: by its affinity, and by the quota of its control group."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    return max(1, min(allowed, math.ceil(_quota(CGROUP) or allowed)))


def _quota(root: Path) -> float | None:
    """Cores by the quota of a container, in either version of control groups; None: no limit."""
    with suppress(OSError, ValueError):
        limit, period = (root / "cpu.max").read_text(encoding="ascii").split()
        return None if limit == "max" else int(limit) / int(period)
    with suppress(OSError, ValueError):
        limits = [
            int((root / "cpu" / f"cpu.cfs_{name}_us").read_text(encoding="ascii")) for name in ("quota", "period")
        ]
        return limits[0] / limits[1] if limits[0] > 0 else None
    return None


class Free:
    """How many of this process's cores nothing has used since the last call; None where the system does not count."""

    def __init__(self) -> None:
        self._last = _ticks()

    def __call__(self) -> float | None:
        last, self._last = self._last, _ticks()
        passed = {cpu: (now[0] - last[cpu][0], now[1] - last[cpu][1]) for cpu, now in self._last.items() if cpu in last}
        shares = [idle / total for idle, total in passed.values() if total]
        return sum(shares) if shares else None


def _ticks() -> dict[int, tuple[int, int]]:
    """Of each core that this process may use (idle ticks, all ticks) so far; empty where there is no /proc/stat."""
    found = {}
    with suppress(OSError, ValueError, AttributeError):
        allowed = os.sched_getaffinity(0)
        for line in Path("/proc/stat").read_text(encoding="utf-8").splitlines():
            name, *numbers = line.split()
            if name[:3] == "cpu" and name[3:].isdigit() and int(name[3:]) in allowed:
                ticks = [int(number) for number in numbers[:8]]
                found[int(name[3:])] = (ticks[3] + ticks[4], sum(ticks))
    return found


def load() -> float:
    """Programs that were ready for a core in the last minute."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


def by_user() -> bool:
    """Whether the environment has a number of threads; OpenMP leaves out what is none."""
    first = (os.environ.get(name, "").split(",")[0].strip() for name in BY_USER)
    return any(word.isdecimal() and int(word) for word in first)


@contextmanager
def among_others() -> Iterator[None]:
    """PyTorch has as many threads within it as cores are free now: for work that is over soon. Also a decorator."""
    import torch

    before = torch.get_num_threads()
    if before == 1 or by_user():
        yield
        return
    most = min(before, cores())  # PyTorch counts all cores of the machine, also where a container may use few
    free = Free()
    time.sleep(LOOK_S)
    left = free()
    if left is None:
        left = 1 if load() > cores() else most
    torch.set_num_threads(max(1, min(most, round(left))))
    try:
        yield
    finally:
        torch.set_num_threads(before)
