"""Verbs run in forked children of this process, which has imported torch and ayneh already: a start costs 10 ms."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIMIT_S = 20  # a damaged input may take this long
LIMIT_BYTES = 2 << 30  # and this much memory more than the process had
ROOM = 6 << 30  # address space beyond that of the parent: a child that asks for more gets MemoryError
TRACEBACK = "Traceback (most recent call last)"


@dataclass(frozen=True)
class Result:
    """How a child ended."""

    status: int  # of its exit; -9 if signal 9 ended it
    out: str
    err: str
    value: Any  # what the work returned, None if it did not return
    grown: int  # bytes of memory at its peak, beyond the parent's

    def fault(self, allowed: tuple[int, ...] = (0, 1, 2)) -> tuple[str, str] | None:
        """The kind of failure and its words, None if the verb ended as a verb may."""
        tail = "\n".join((self.err or self.out).strip().splitlines()[-4:])
        if TRACEBACK in self.out + self.err:
            return "traceback", tail
        if self.status == -signal.SIGALRM:
            return "slow", f"over {LIMIT_S} s"
        if self.status not in allowed:
            return "died" if self.status < 0 else "refused", f"exit status {self.status}: {tail}"
        if self.grown > LIMIT_BYTES:
            return "memory", f"{self.grown / 2**30:.1f} GB"
        if self.status in (1, 2) and not one_sentence(self.err):
            return "words", f"exit status {self.status} without one sentence: {tail!r}"
        return None


def one_sentence(err: str) -> bool:
    """Whether the last line on stderr, and only it, is the error of the command line."""
    lines = [line for line in err.splitlines() if line.startswith("ayneh: ")]
    return len(lines) == 1 and err.rstrip().endswith(lines[0].rstrip()) and len(lines[0]) < 2000


def call(*args: object) -> int:
    """The command line in this process -> its exit status; a traceback is printed as Python does."""
    from ayneh.__main__ import main

    try:
        main([str(arg) for arg in args])
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def peak() -> int:
    """The most bytes of memory that this process has had, or has had since `forget_peak`."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmHWM"))


def forget_peak() -> int:
    """Begin to measure the peak anew -> the bytes in memory now."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return peak()


class Child:
    """A forked child that does some work and ends; its exit status is what the work returns, if that is a number."""

    def __init__(self, work: Callable[[], Any], limit_s: float = 120) -> None:
        self._files = [tempfile.TemporaryFile() for _ in range(3)]  # noqa: SIM115
        sys.stdout.flush()
        sys.stderr.flush()
        self._before = _rss()
        self.pid = os.fork()
        if self.pid == 0:
            self._live(work, limit_s)

    def _live(self, work: Callable[[], Any], limit_s: float) -> None:
        status, value = 70, None
        try:
            os.setpgid(0, 0)
            for number, file in zip((1, 2), self._files, strict=False):
                os.dup2(file.fileno(), number)
            sys.stdout, sys.stderr = (os.fdopen(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.setitimer(signal.ITIMER_REAL, limit_s)
            whole = _status("VmSize") + ROOM
            resource.setrlimit(resource.RLIMIT_AS, (whole, whole))
            value = work()
            status = value if isinstance(value, int) and not isinstance(value, bool) else 0
        except BaseException:
            traceback.print_exc()
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
            os.write(self._files[2].fileno(), json.dumps(value).encode())
        os._exit(status)

    def kill(self, number: int) -> None:
        """Send it a signal."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def said(self) -> str:
        """What it has printed so far, and its errors."""
        return "".join(os.pread(file.fileno(), 1 << 20, 0).decode("utf-8", "replace") for file in self._files[:2])

    def wait(self) -> Result:
        """Wait for its end."""
        _, code, usage = os.wait4(self.pid, 0)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)  # workers that it left
        texts = []
        for file in self._files:
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
            file.close()
        value = json.loads(texts[2]) if texts[2] else None
        grown = max(0, (usage.ru_maxrss << 10) - self._before)
        return Result(os.waitstatus_to_exitcode(code), texts[0], texts[1], value, grown)


def in_child(work: Callable[[], Any], limit_s: float = 120) -> Result:
    """Do this in a forked child, and wait for its end."""
    return Child(work, limit_s).wait()


def wait_for(true: Callable[[], bool], limit_s: float = 60) -> bool:
    """Whether it became true in time."""
    end = time.monotonic() + limit_s
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def _rss() -> int:
    return _status("VmRSS")


def _status(name: str) -> int:
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith(name))
