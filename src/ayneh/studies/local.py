"""Shares of a study played on this machine: in several processes, or in this one on an accelerator."""

from __future__ import annotations

import multiprocessing as mp
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.synchronize import Event
from pathlib import Path

import torch

from ayneh.errors import Stopped
from ayneh.parts.calling import in_a_worker, threads_kept
from ayneh.parts.shipped import Shipped, unpack
from ayneh.studies.design import Run, Study
from ayneh.studies.stack import parts_of, play
from ayneh.terminal.progress import ENDS, sheltered

REFRESH_S = 2.0  # between two looks at the runs in play
DEATHS = 5  # workers that may die before the study gives up

_stop: Event | None = None  # of a worker process: set by the parent, read between two chunks of steps


def run_here(
    shares: Sequence[list[Run]],
    folder: Path,
    study: Study,
    device: str,
    stop: Callable[[], bool],
    show: Callable[[], None],
    threads: int = 1,
) -> None:
    """One share after another in this process: on an accelerator, where a stack fills the device.

    threads: of what the CPU computes, which is mostly scores.
    """
    with threads_kept():
        torch.set_num_threads(threads)
        for share in shares:
            if stop() or not play(share, folder, study, device, stop):
                return
            show()


def run_in_processes(
    shares: Sequence[list[Run]],
    folder: Path,
    study: Study,
    workers: int,
    stop: Callable[[], bool],
    show: Callable[[], None],
    device: str = "cpu",
) -> None:
    """The shares divided among ``workers`` processes of one thread each; ``show`` is called every two seconds.

    On an accelerator they share the device, and while one scores its runs, which a core does, the others play.

    A worker that dies is replaced, and its share goes on from its last checkpoint. Raises Stopped after more than
    `DEATHS` such deaths, and any error of a worker.
    """
    parts = parts_of(shares, study)
    context, waiting, deaths = mp.get_context("spawn"), list(shares), 0
    while waiting and not stop():
        with sheltered():
            event = context.Event()  # starts the process that cleans up after multiprocessing
        with ProcessPoolExecutor(workers, context, _begin, (event,)) as pool:
            futures: dict[Future[bool], list[Run]] = {}
            try:
                with sheltered():  # Ctrl-C and a closed terminal are the parent's, which stops the workers
                    futures = {
                        pool.submit(play_in_worker, share, folder, study, parts, device): share for share in waiting
                    }
                pending = set(futures)
                while pending:
                    done, pending = wait(pending, REFRESH_S, FIRST_COMPLETED)
                    for future in done:
                        if future.result():
                            waiting.remove(futures[future])
                    show()
                    if stop():  # not by `cancel`: the pool has no place for a cancelled share once a worker has died
                        event.set()
            except BrokenProcessPool as error:
                deaths += 1
                if deaths > DEATHS:
                    raise Stopped(
                        f"{deaths} worker processes died, perhaps because memory ran out: try fewer --workers; "
                        "what is finished stays, and the same command goes on."
                    ) from error
            except BaseException:
                event.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def play_in_worker(share: list[Run], folder: Path, study: Study, parts: Shipped, device: str = "cpu") -> bool:
    """`play` in a worker, until the parent sets the event."""

    def stopped() -> bool:
        return _stop is not None and _stop.is_set()

    if stopped():
        return False
    unpack(parts)
    with in_a_worker():
        return play(share, folder, study, device, stopped)


def _begin(event: Event) -> None:
    """Set a worker up: one thread, Ctrl-C and a closed terminal ignored, an end when its parent ends."""
    global _stop
    _stop = event
    for number in ENDS:
        signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])  # by which the pool ends its workers
    torch.set_num_threads(1)
    parent = mp.parent_process()

    def follow() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
