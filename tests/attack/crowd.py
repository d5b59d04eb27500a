"""Verbs at the same time on the same folder: one works and the others wait or are refused, and nothing is mixed up."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from child import Child, Result, call
from observe import apart, observed
from scenes import SCORED, TINY, Scene, Stage, Verb, interrupted, judged_images, planned, played, train
from tally import Row, Tally

ROUNDS = {"small": 1, "half": 6, "full": 25}  # of each crowd
LONG = ("train", "digits", *TINY, *SCORED, "--epochs", 10, "--out", "run")


@dataclass(frozen=True)
class Crowd:
    """Verbs that start within a moment of one another."""

    scene: Scene  # its act alone gives what is expected; "before" is what is there already
    verbs: tuple[Verb, ...]
    ends: tuple[int, ...] = (0, 2)  # exit statuses that are right
    works: int = 1  # verbs that must succeed, at least
    moment_s: float = 0.3  # in which all have started


def attack(size: str, seed: int, root: Path, only: str = "") -> Tally:
    """Every crowd, several rounds."""
    tally, chance = Tally("crowd"), random.Random(seed)
    for crowd in crowds():
        if only and only not in crowd.scene.name:
            continue
        stage, row = Stage(crowd.scene, root), tally.row(crowd.scene.name)
        for number in range(ROUNDS[size]):
            stage.set()
            _round(row, crowd, stage, chance, f"round {number}")
        stage.close()
    if not only or only in "a run deleted while it trains":
        _deleted(tally.row("a run deleted while it trains"), chance, root, ROUNDS[size])
    return tally


def crowds() -> list[Crowd]:
    """All of them."""
    long = partial(call, *LONG)
    watchers: list[Verb] = [
        partial(_often, "show", "run"), partial(_often, "sample", "run", "--out", "drawn.npy", "--n", 2),
        partial(_often, "evaluate", "run", "--n", 100, "--quiet"), partial(_often, "diagnose", "run"),
        partial(_often, "export", "run", "--to", "safetensors", "--out", "out", "--overwrite", "--quiet"),
        partial(_often, "explore", "run", "--save", "page.html"),
    ]  # fmt: skip
    evaluate = partial(call, "evaluate", "run", "--n", 100, "--quiet")
    export = partial(call, "export", "run", "--to", "onnx", "--out", "out", "--overwrite", "--quiet")
    judge = partial(call, "judge", "train", "--data", "npz:own.npz", "--epochs", 1, "--quiet")
    resume = partial(call, "resume", "run", "--quiet")
    sample = partial(call, "sample", "run", "--out", "drawn.npz", "--n", 20)
    over = partial(train, "--overwrite")
    return [
        _same("two trains to one folder", train, 2),
        _same("three trains with --overwrite to one folder", over, 3, before=train),
        _same("two resumes", resume, 2, before=interrupted),
        Crowd(Scene("a train with six verbs on its run", long, long), (long, *watchers), (0,), works=7),
        _same("three evaluates", evaluate, 3, before=train, ends=(0,)),
        _same("two exports to one folder", export, 2, before=train, ends=(0, 2)),
        _same("two samples to one file", sample, 2, before=train, ends=(0,)),
        _same("two judges of the same images", judge, 2, before=judged_images),
        _same("two studies in one folder", played, 2, before=planned),
    ]


def _same(name: str, verb: Verb, n: int, before: Verb = lambda: 0, ends: tuple[int, ...] = (0, 2)) -> Crowd:
    return Crowd(Scene(name, verb, verb, before), (verb,) * n, ends)


def _often(*words: object) -> int:
    """Call a verb again and again until the run is finished: before its first checkpoint there may be nothing."""
    status = 0
    for _ in range(200):
        finished = Path("run/checkpoints/epoch-0009.safetensors").exists()
        status = call(*words)
        if finished and status == 0:
            return 0
        time.sleep(0.05)
    return status


def _round(row: Row, crowd: Crowd, stage: Stage, chance: random.Random, where: str) -> None:
    row.n += 1
    children = [Child(partial(_later, stage, verb, chance.uniform(0, crowd.moment_s)), 600) for verb in crowd.verbs]
    results = [child.wait() for child in children]
    for number, result in enumerate(results):
        ends = (0, 1, 2) if crowd.works > 1 and number else crowd.ends
        if fault := _fault(result, ends):
            row.fail(fault[0], f"{where}, verb {number}: {fault[1]}")
    if sum(result.status == 0 for result in results) < crowd.works:
        row.fail("refused", f"{where}: exit statuses {[result.status for result in results]}")
    expected, found = stage.expected, observed(stage.root)
    if crowd.works > 1:  # the verbs that look on add files
        found = {name: value for name, value in found.items() if name in expected}
    if words := apart(found, expected):
        row.fail("differs", f"{where}: {words}")


def _fault(result: Result, ends: tuple[int, ...]) -> tuple[str, str] | None:
    """As of any verb; a verb called several times may say several sentences."""
    fault = result.fault(ends)
    return None if fault and fault[0] == "words" and result.err.count("ayneh: ") > 1 else fault


def _later(stage: Stage, verb: Callable[[], int], seconds: float) -> int:
    time.sleep(seconds)
    return stage.enter(verb)


def _deleted(row: Row, chance: random.Random, root: Path, n: int) -> None:
    """The folder of a run is deleted while it trains: one sentence, or the end of the run."""
    stage = Stage(Scene("deleted", train, train), root)
    for number in range(n):
        stage.set()
        row.n += 1
        child, wait_s = Child(partial(stage.enter, partial(call, *LONG))), chance.uniform(0.1, 1.5)
        time.sleep(wait_s)
        shutil.rmtree(stage.root / "work" / "run", ignore_errors=True)
        if fault := child.wait().fault((0, 1, 2)):
            row.fail(fault[0], f"round {number}, after {wait_s:.2f} s: {fault[1]}")
    stage.close()
