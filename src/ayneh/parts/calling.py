"""Code of a user's own is called: what it changes for the whole process is put back, its errors become sentences."""

from __future__ import annotations

import inspect
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

from ayneh.errors import Sentence, brief, line_of
from ayneh.pytorch import kept


def what_happened(error: BaseException) -> str:
    """ "ZeroDivisionError: division by zero (mine.py:12)"."""
    place = line_of(error)
    return f"{type(error).__name__}: {brief(error)}" + (f" ({place})" if place else "")


class PartFailed(RuntimeError):
    """Code of a user's own failed in another process: its words are those of `failed_inside` there."""


def failed_inside(error: BaseException) -> str:
    """ "ZeroDivisionError: division by zero (mine.py:12)" of an error in a file with parts; else empty.

    Also of SystemExit, which would end the process without a word, and of others that are no Exception.
    """
    if isinstance(error, PartFailed):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return ""
    from ayneh.parts.loading import loaded
    from ayneh.parts.registry import every

    sources = [one.source for one in loaded.values()] + [part.source for part in every()]
    files = {str(source.file) for source in sources if source.file}
    files |= {str(one.file.parent / file) for one in sources if one.file for file, _ in one.neighbours.values()}
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in files]
    return f"{type(error).__name__}: {brief(error)} ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""


@contextmanager
def in_a_worker() -> Iterator[None]:
    """In a process whose errors another one gets, without their traceback: one in a file with parts is a PartFailed."""
    try:
        yield
    except Sentence:
        raise
    except BaseException as error:
        if own := failed_inside(error):
            raise PartFailed(own) from None
        raise


def parameters_of(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Its parameters; none of a function in C, such as torch.neg, where they cannot be read."""
    try:
        return list(inspect.signature(function).parameters.values())
    except ValueError:
        return []


@contextmanager
def threads_kept() -> Iterator[None]:
    """PyTorch has as many threads afterwards as before: a run is gone on with as many as it was begun with."""
    import torch

    threads = torch.get_num_threads()
    try:
        yield
    finally:
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)


@contextmanager
def settings_kept() -> Iterator[None]:
    """Around a person's own code: PyTorch's switch for gradients, number of threads, type of numbers and device are
    the same after, and so are the working directory and what is an error in arithmetic and among warnings.

    Relative paths to runs and images are of the directory in which the program began. A library that is imported within
    may silence warnings.
    """
    place, filters, arithmetic, flushes = _working_directory(), list(warnings.filters), _arithmetic(), _flushes()
    try:
        with threads_kept() if sys.modules.get("torch") else nullcontext(), kept():
            yield
    finally:
        if place and _working_directory() != place:
            with suppress(OSError):  # it was deleted
                os.chdir(place)
        if np := sys.modules.get("numpy"):
            np.seterr(**arithmetic)
        if flushes != _flushes() and (torch := sys.modules.get("torch")):
            torch.set_flush_denormal(flushes)
        _put_back(filters)


def _arithmetic() -> dict[str, str]:
    """What NumPy does about a division by 0 and the like; as NumPy begins, where it is not imported."""
    np = sys.modules.get("numpy")
    return np.geterr() if np else {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}


def _flushes() -> bool:
    """Whether this thread takes numbers below the smallest normal one as 0, which PyTorch can set and not tell."""
    smallest = float("5e-324")
    return smallest * len("1") == 0


def _put_back(before: list[Any]) -> None:
    """The filters of warnings as they were, behind new ones; but for new ones that make errors of warnings."""
    new = [one for one in warnings.filters if one not in before and one[0] != "error"]
    if warnings.filters != new + before:
        warnings.resetwarnings()  # so that Python forgets what it has decided by the others
        warnings.filters[:] = new + before  # type: ignore[index]


def _working_directory() -> str | None:
    """The working directory; None where it was deleted."""
    try:
        return os.getcwd()
    except OSError:
        return None
