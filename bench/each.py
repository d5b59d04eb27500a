"""Several jobs of a script, one after another or in parallel processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TypeVar

import torch

Job, Found = TypeVar("Job"), TypeVar("Found")


def each(work: Callable[[Job], Found], jobs: Iterable[Job], workers: int) -> Iterator[tuple[Job, Found]]:
    """(job, what ``work`` makes of it), as they are ready; 1: here, in order; more: in so many processes, of one thread
    each.

    Raises SystemExit after the others with the errors of the jobs that failed in a process of their own.
    """
    if workers == 1:
        for job in jobs:
            yield job, work(job)
        return
    failed = []
    fresh = multiprocessing.get_context("spawn")  # a forked process cannot use CUDA
    with ProcessPoolExecutor(workers, fresh, torch.set_num_threads, (1,)) as pool:
        todo = {pool.submit(work, job): job for job in jobs}
        for future in as_completed(todo):
            if error := future.exception():
                failed.append(f"{todo[future]}: {type(error).__name__}: {error}")
            else:
                yield todo[future], future.result()
    if failed:
        raise SystemExit("\n".join(failed))
