"""Messages and progress of a verb on stderr, Ctrl-C, and a clock. Results go to stdout."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import IO, Any, cast

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from ayneh.terminal.text import plain

HUP: signal.Signals | None = getattr(signal, "SIGHUP", None)  # the terminal was closed; Windows has none
ENDS = [number for number in (signal.SIGINT, signal.SIGTERM, HUP) if number]


class Interrupt:
    """Catches the first Ctrl-C, SIGTERM or SIGHUP, so that work stops between two steps.

    The same signal for the second time stops at once, but for SIGHUP: of a closed terminal the shell and the system
    send one each. A SIGHUP that `nohup` has switched off stays off.
    """

    def __init__(self) -> None:
        self._caught: set[int] = set()
        self._before: dict[int, Any] = {}

    def caught(self) -> bool:
        """Whether one was caught."""
        return bool(self._caught)

    def __enter__(self) -> Interrupt:
        for number in ENDS:
            if number == HUP and signal.getsignal(number) == signal.SIG_IGN:
                continue
            self._before[number] = signal.signal(number, self._catch)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _catch(self, number: int, frame: FrameType | None) -> None:
        if number in self._caught and number != HUP:
            raise KeyboardInterrupt
        self._caught.add(number)
        if number != HUP:
            with suppress(OSError, RuntimeError):  # the terminal is gone, or was being written to
                print("\nStopping after this step, and saving; press Ctrl-C again to stop at once.", file=sys.stderr)


@contextmanager
def sheltered() -> Iterator[None]:
    """Processes started inside do not receive Ctrl-C, SIGTERM and SIGHUP; those that arrive meanwhile come afterwards.

    For workers, whose parent stops and saves: a closed terminal sends SIGHUP to all of them.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Stderr:
    """stderr, without an error where the terminal behind it has been closed: a run goes on, or saves what it has."""

    def write(self, text: str) -> int:
        """Write, unless the terminal was closed."""
        with suppress(OSError, ValueError):
            _stderr().write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, unless the terminal was closed."""
        with suppress(OSError, ValueError):
            _stderr().flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(_stderr(), name)


def _stderr() -> IO[str]:
    """The present stderr; the one behind it while rich shows a progress bar and has put its own there."""
    found: IO[str] = getattr(sys.stderr, "rich_proxied_file", sys.stderr)
    return found


class Terminal:
    """Messages and progress of a verb. ``quiet``: neither is shown."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self.console = Console(file=cast(IO[str], Stderr()), quiet=quiet, highlight=False)

    def say(self, words: str) -> None:
        """Print a line to stderr."""
        self.console.print(plain(words), soft_wrap=True, markup=False, emoji=False)

    @contextmanager
    def bar(self, total_steps: int, done_steps: int) -> Iterator[Callable[..., None]]:
        """A progress bar in a terminal; nothing elsewhere, where a line for each epoch shows the progress.

        Yields ``move(step, **fields)`` with the fields that the bar shows: epoch, images_per_s, loss_d, loss_g, best.
        """
        columns = fitting(self.console.width, total_steps)
        terminal = self.console.is_terminal and not self.quiet
        fields: dict[str, Any] = {"epoch": "-", "images_per_s": 0.0, "loss_d": 0.0, "loss_g": 0.0, "best": ""}
        with Progress(*columns, console=self.console, disable=not terminal, transient=True) as progress:
            task = progress.add_task("train", total=total_steps, completed=done_steps, **fields)

            def move(step: int, **fields: Any) -> None:
                progress.update(task, completed=step, **fields)

            yield move


def fitting(width: int, total_steps: int) -> list[ProgressColumn]:
    """The columns of the bar that have room in a terminal, in order; in a narrow one some are left out, none is cut."""
    columns: list[tuple[int, int, ProgressColumn]] = [  # (which is left out last, its width, column)
        (1, 11, TextColumn("epoch {task.fields[epoch]}")),
        (6, 10, BarColumn(min(40, max(10, width - 90)))),
        (2, 2 * len(str(total_steps)) + 2, MofNCompleteColumn()),
        (4, 18, TextColumn("{task.fields[images_per_s]:,.0f} images/s")),
        (3, 8, TimeRemainingColumn()),
        (0, 20, TextColumn("D {task.fields[loss_d]:.3f}  G {task.fields[loss_g]:.3f}")),
        (5, 16, TextColumn("{task.fields[best]}")),
    ]
    room, kept = width, []
    for rank, needed, _ in sorted(columns, key=lambda column: column[0]):
        if needed <= room or not rank:
            room -= needed
            kept.append(rank)
    return [column for rank, _, column in columns if rank in kept]


class Clock:
    """Seconds of work; ``before_s``: those of earlier sessions."""

    def __init__(self, before_s: float = 0.0) -> None:
        self._start = time.perf_counter() - before_s

    def seconds(self) -> float:
        """Seconds of all sessions, without the pauses between them."""
        return time.perf_counter() - self._start
