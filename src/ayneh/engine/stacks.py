"""The replicas of a match as a stack: all in this process, or in processes with one thread each.

`choose_workers` measures which of the two is faster.
"""

from __future__ import annotations

import math
import signal
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Any

import torch
import torch.multiprocessing as mp
from torch import Tensor

from ayneh.config import Config, flatten
from ayneh.engine.classes import Labelled
from ayneh.engine.cores import cores
from ayneh.engine.graph import captured
from ayneh.engine.inline import Inline, Stack
from ayneh.engine.match import Match
from ayneh.engine.threads import Threads, seconds_of
from ayneh.errors import UserError, brief
from ayneh.game.step import State
from ayneh.parts.calling import in_a_worker
from ayneh.parts.shipped import Shipped, pack, unpack
from ayneh.terminal.progress import ENDS, sheltered

START_UP_S = 6.0  # importing PyTorch in a new process, measured at 3 to 5 s


def stack_of(match: Match, state: State, step: int, workers: int = 0, threads: Threads | None = None) -> Stack:
    """The replicas in this process (0 workers; on CUDA each step as one recorded graph) or divided among processes.

    threads: those of each step in this process on a CPU; None: as many as PyTorch has.
    """
    if workers:
        return Processes(match, state, step, workers)
    return captured(match, state, step) if match.device.type == "cuda" else Inline(match, state, step, threads)


class WorkerDied(RuntimeError):
    """A worker process has ended by itself: how. The state that it shared may be that of half a step."""


class Processes:
    """The replicas divided among ``workers`` processes with one thread each; the state is in shared memory."""

    def __init__(self, match: Match, state: State, step: int, workers: int) -> None:
        self.match, self.step = match, step
        self.state = {name: value.clone().share_memory_() for name, value in state.items()}
        pixels, labelled = match.pixels.share_memory_(), match.labelled
        if labelled:
            labelled[0].share_memory_()
        parts = pack(flatten(config) for config in match.replicas)
        context = mp.get_context("spawn")
        self.workers: list[tuple[Any, Connection]] = []
        with sheltered():
            resource_tracker.ensure_running()  # the process of multiprocessing's own; it lets some signals through
        try:
            for rows in torch.arange(len(match.replicas)).tensor_split(workers):
                first, last = int(rows[0]), int(rows[-1]) + 1
                ours, theirs = context.Pipe()
                share = {name: value[first:last] for name, value in self.state.items()}
                given = theirs, match.replicas[first:last], pixels, labelled, share, parts
                process = context.Process(target=work, args=given, daemon=True)
                with sheltered():
                    process.start()
                theirs.close()
                self.workers.append((process, ours))
        except BaseException:
            self.close()
            raise

    def advance(self, n: int) -> State:
        """As `Stack.advance`. Raises WorkerDied if a worker dies, and an error that was raised in one."""
        try:
            for _, pipe in self.workers:
                pipe.send((self.step, n))
            answers = [pipe.recv() for _, pipe in self.workers]
        except (EOFError, OSError) as error:
            raise WorkerDied(self._how_one_died()) from error
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        self.step += n
        return {name: torch.cat([torch.from_numpy(a[name]) for a in answers], dim=1) for name in answers[0]}

    def close(self) -> None:
        """End the workers."""
        for _, pipe in self.workers:
            pipe.close()
        for process, _ in self.workers:
            process.join(timeout=10)
            if process.is_alive():
                process.kill()

    def _how_one_died(self) -> str:
        """How the first worker that is no longer there ended."""
        for process, _ in self.workers:
            process.join(timeout=1)
            if process.exitcode is not None and process.exitcode < 0:
                return f"was ended by {signal.Signals(-process.exitcode).name}"
            if process.exitcode is not None:
                return f"ended with status {process.exitcode}"
        return "no longer answers"


def work(
    pipe: Connection,
    replicas: Sequence[Config],
    pixels: Tensor,
    labelled: Labelled | None,
    share: State,
    parts: Shipped,
) -> None:
    """A worker's loop: play the steps it is sent, write its rows of the shared state, send the measures back."""
    for number in ENDS:
        signal.signal(number, signal.SIG_IGN)  # the parent handles Ctrl-C and the others
    torch.set_num_threads(1)
    try:
        unpack(parts)
        inline = Inline(Match(replicas, pixels, torch.device("cpu"), labelled=labelled), dict(share), 0)
    except Exception as error:  # of code of the user's own
        what = brief(error) if isinstance(error, UserError) else f"{type(error).__name__}: {brief(error)}"
        with suppress(EOFError, OSError):
            pipe.recv()
            pipe.send(UserError(f"A worker process could not make the parts of this run: {what}"))
        return
    with suppress(EOFError, OSError):  # the parent is gone
        while True:
            inline.step, n = pipe.recv()
            answer: Any
            try:
                with in_a_worker():
                    measures = inline.advance(n)
                for name, value in share.items():
                    value.copy_(inline.state[name])
                answer = {name: value.numpy() for name, value in measures.items()}
            except Exception as error:
                answer = error
            pipe.send(answer)


MEASURED = 8  # replicas in the step that is measured, at most: a step of hundreds takes seconds


def choose_workers(match: Match, steps: int) -> int:
    """The number of processes with which ``steps`` steps take least time; 0: this one alone.

    Measured on a CPU: a step of all replicas here with all threads, against a step of one replica with one thread.
    """
    r = len(match.replicas)
    if match.device.type != "cpu" or r == 1 or cores() == 1:
        return 0
    if kept_here(match):
        return 0
    workers, threads = min(cores(), r), torch.get_num_threads()
    few = match if r <= MEASURED else first_of(match, MEASURED)
    times = r / len(few.replicas) * steps  # on a CPU the rows of a stack follow one another
    here = seconds_of(few, START_UP_S / times) * times
    if here < START_UP_S:
        return 0
    alone = first_of(match, 1)
    torch.set_num_threads(1)
    one = seconds_of(alone)
    torch.set_num_threads(threads)
    there = START_UP_S + math.ceil(r / workers) * one * steps
    return workers if there < here else 0


def first_of(match: Match, n: int) -> Match:
    """The first n of its replicas."""
    return Match(match.replicas[:n], match.pixels, match.device, labelled=match.labelled)


def kept_here(match: Match) -> str:
    """Why these replicas cannot play in other processes: a part that cannot be sent; empty if they can."""
    if match.device.type != "cpu" or len(match.replicas) == 1:
        return ""
    try:
        pack(flatten(config) for config in match.replicas)
    except UserError as error:
        return str(error)
    return ""
