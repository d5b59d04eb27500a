"""Kills: at each operation on files of each verb, and at random times; then the command that follows."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from child import Child, Result, in_child
from observe import apart, observed
from scenes import Stage, scenes
from tally import Row, Tally

POINTS = {"small": 1, "half": 40, "full": 10**9}  # crash points of a verb
KILLS = {"small": 12, "half": 80, "full": 400}  # at random times


def attack(size: str, seed: int, root: Path, only: str = "") -> Tally:
    """All crash points, then random ones."""
    tally, chance = Tally("crash"), random.Random(seed)
    for scene in scenes():
        if only and only not in scene.name:
            continue
        stage, row = Stage(scene, root), tally.row(f"kill at each file operation: {scene.name}")
        for at in points(stage, POINTS[size], chance):
            stage.set()
            killed = in_child(partial(stage.trapped, "kill", at))
            judge(row, stage, killed, f"{scene.name}, operation {at} ({stage.operations[at - 1]})", (-signal.SIGKILL,))
        stage.close()
    if not only or only == "random":
        at_random_times(tally, KILLS[size], chance, root)
    return tally


def points(stage: Stage, most: int, chance: random.Random) -> list[int]:
    """The numbers of the operations to be tried: all, or as many of them by chance."""
    every = range(1, len(stage.operations) + 1)
    return list(every) if most >= len(every) else sorted(chance.sample(every, most))


def judge(row: Row, stage: Stage, cut: Result, where: str, allowed: tuple[int, ...]) -> None:
    """Count an attempt: what is lost right after the cut, whether the next command works, and what comes of it."""
    row.n += 1
    if fault := cut.fault(allowed):
        row.fail(fault[0], f"{where}: {fault[1]}")
        return
    if lost := stage.lost():
        row.fail("lost", f"{where}: {lost}")
    after = stage.finish()
    if fault := after.fault((0,)):
        row.fail("refused" if fault[0] == "words" else fault[0], f"{where}, then: {fault[1]}")
    elif words := apart(observed(stage.root), stage.expected):
        row.fail("differs", f"{where}, then: {words}")


def at_random_times(tally: Tally, n: int, chance: random.Random, root: Path) -> None:
    """kill -9, SIGTERM, SIGINT and SIGHUP to a process that trains or resumes."""
    chosen = [scene for scene in scenes() if scene.name in ("train-scored", "resume", "rescue")]
    for scene, share in zip(chosen, shares(n, len(chosen)), strict=True):
        stage = Stage(scene, root)
        stage.set()
        began = time.perf_counter()
        in_child(partial(stage.enter, stage.scene.act))
        whole_s = time.perf_counter() - began
        for number in signals(share):
            row = tally.row(f"{signal.Signals(number).name} at a random time: {scene.name}")
            stage.set()
            child, wait_s = Child(partial(stage.enter, stage.scene.act)), chance.uniform(0, whole_s)
            time.sleep(wait_s)
            child.kill(number)
            soft = () if number == signal.SIGKILL else (1, 130)  # saved and stopped
            judge(row, stage, _signalled(child.wait(), number), f"after {wait_s:.3f} s", (0, -number, *soft))
        stage.close()


def _signalled(result: Result, number: int) -> Result:
    """A Python that is interrupted before the verb's own code has no sentence to give."""
    early = result.status == 130 or (number != signal.SIGKILL and result.status == -number)
    return Result(-number, "", "", None, 0) if early and "Traceback" not in result.err else result


def signals(n: int) -> Iterator[int]:
    """The signals of n attempts, alike in number."""
    for i in range(n):
        yield (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)[i * 4 // n]


def shares(n: int, parts: int) -> list[int]:
    """n divided into parts."""
    return [n // parts + (i < n % parts) for i in range(parts)]
