"""Messages and progress of a verb on stderr, Ctrl-C, and a clock. Results go to stdout."""

from __future__ import annotations

import io
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import IO, Any, cast

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from ayneh.terminal import notebook
from ayneh.terminal.text import plain

HUP: signal.Signals | None = getattr(signal, "SIGHUP", None)  # the terminal was closed; Windows has none
ENDS = [number for number in (signal.SIGINT, signal.SIGTERM, HUP) if number]


class Interrupt:
    """Catches the first Ctrl-C, SIGTERM or SIGHUP, so that work stops between two steps.

    The same signal for the second time stops at once, but for SIGHUP: of a closed terminal the shell and the system
    send one each. A SIGHUP that `nohup` has switched off stays off. Outside of the main thread none is caught.
    """

    def __init__(self) -> None:
        self._caught: set[int] = set()
        self._before: dict[int, Any] = {}

    def caught(self) -> bool:
        """Whether one was caught."""
        return bool(self._caught)

    def __enter__(self) -> Interrupt:
        for number in ENDS if threading.current_thread() is threading.main_thread() else ():
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
                again = "interrupt again" if notebook.in_kernel() else "press Ctrl-C again"
                print(f"\nStopping after this step, and saving; {again} to stop at once.", file=sys.stderr)


@contextmanager
def sheltered() -> Iterator[None]:
    """Processes started inside do not receive Ctrl-C, SIGTERM and SIGHUP; those that arrive meanwhile come afterwards.

    For workers, whose parent stops and saves: a closed terminal sends SIGHUP to all of them. Nor do they run the user's
    script, which would start workers of its own where it lacks `if __name__ == "__main__"`.
    """
    with _without_script():
        if not hasattr(signal, "pthread_sigmask"):  # Windows
            yield
            return
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _without_script() -> Iterator[None]:
    """Meanwhile multiprocessing does not find the main module, which it would import in a spawned process."""
    main = vars(sys.modules["__main__"])
    hidden = {name: main[name] for name in ("__spec__", "__file__") if main.get(name) is not None}
    main.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        main.update(hidden)


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
        self.console = Console(file=cast(IO[str], Stderr()), quiet=quiet, highlight=False, force_jupyter=False)
        saved = notebook.in_kernel() or notebook.in_cell()  # where rich takes a pipe for a terminal
        self.rewrites = self.console.is_terminal and not quiet and not saved

    def say(self, words: str) -> None:
        """Print a line to stderr."""
        self.console.print(plain(words), soft_wrap=True, markup=False, emoji=False)

    def say_often(self, words: str, epoch: int, epochs: int, lines: int = 1) -> None:
        """`say`, of one of ``lines`` lines that come after every epoch: few of them where a notebook saves them."""
        if notebook.in_kernel():  # where the progress has the same numbers
            return
        if not notebook.in_cell() or notebook.is_due(epoch, epochs, lines):
            self.say(words)

    @contextmanager
    def bar(self, total_steps: int, done_steps: int) -> Iterator[Callable[..., None]]:
        """A progress bar in a terminal, and a line in a notebook; elsewhere a line for each epoch shows the progress.

        Yields ``move(step, **fields)`` with the fields that the bar shows: epoch, images_per_s, loss_d, loss_g, best.
        """
        kernel = notebook.in_kernel() and not self.quiet
        console = page() if kernel else self.console
        columns = fitting(console.width, total_steps)
        fields: dict[str, Any] = {"epoch": "-", "images_per_s": 0.0, "loss_d": 0.0, "loss_g": 0.0, "best": ""}
        with Progress(*columns, console=console, disable=not self.rewrites, transient=True) as progress:
            task = progress.add_task("train", total=total_steps, completed=done_steps, **fields)
            line = notebook.Rewritten(lambda: drawn(progress.get_renderable(), console)) if kernel else None

            def move(step: int, **fields: Any) -> None:
                progress.update(task, completed=step, **fields)
                if line:
                    line.show()

            try:
                yield move
            finally:
                if line:
                    line.show(now=True)


def page() -> Console:
    """A console for what a notebook shows as text."""
    return Console(file=io.StringIO(), width=notebook.PAGE, force_terminal=False, force_jupyter=False)


def drawn(what: RenderableType, console: Console) -> str:
    """What rich prints, as text."""
    with console.capture() as text:
        console.print(what)
    return text.get().rstrip()


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
