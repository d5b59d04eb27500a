"""A disk that fills: at each operation on files of each verb; a limit on the size of a file; a real small disk."""

from __future__ import annotations

import random
import resource
import shutil
import signal
import subprocess
from functools import partial
from pathlib import Path

from child import in_child
from crash import judge, points
from scenes import Stage, scenes
from tally import Tally

POINTS = {"small": 1, "half": 20, "full": 120}  # of a verb, at which the disk is full
LIMITS = {"small": 1, "half": 6, "full": 20}  # sizes of a file, of a verb
MOUNTS = {"small": 0, "half": 2, "full": 8}  # sizes of a real disk
ENDS = (0, 1, 2)  # a verb that goes on without its cache may end well


def attack(size: str, seed: int, root: Path, only: str = "") -> Tally:
    """No space left, a file too large, a disk of a few hundred kilobytes."""
    tally, chance = Tally("disk"), random.Random(seed)
    for scene in scenes():
        if only and only not in scene.name:
            continue
        stage = Stage(scene, root)
        row = tally.row(f"disk full from an operation on: {scene.name}")
        for at in points(stage, POINTS[size], chance):
            stage.set()
            cut = in_child(partial(stage.trapped, "full", at))
            judge(row, stage, cut, f"{scene.name}, full at operation {at} ({stage.operations[at - 1]})", ENDS)
        row = tally.row("a file may not grow beyond a size")
        for _ in range(LIMITS[size]):
            most = int(10 ** chance.uniform(1, 5.5))
            stage.set()
            cut = in_child(partial(stage.enter, partial(limited, stage, most)))
            judge(row, stage, cut, f"{scene.name}, files of at most {most} bytes", ENDS)
        if scene.name in ("train", "export-onnx"):
            on_small_disks(tally, scene.name, stage, MOUNTS[size], chance)
        stage.close()
    return tally


def limited(stage: Stage, most: int) -> int:
    """The act, in a process whose files may not be larger."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    try:
        return stage.scene.act()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))  # for what the child writes about its end


def on_small_disks(tally: Tally, name: str, stage: Stage, n: int, chance: random.Random) -> None:
    """A file system in memory of a few hundred kilobytes in the place of the working folder, if this user may mount."""
    row = tally.row(f"a real disk of 50 to 400 kB: {name}")
    for _ in range(n):
        stage.set()
        work, kilobytes = stage.root / "work", chance.randint(50, 400)
        shutil.move(work, stage.root / "held")
        work.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "attack", str(work)]
        if subprocess.run(mount, capture_output=True).returncode:
            return
        try:
            cut = None
            try:
                shutil.copytree(stage.root / "held", work, dirs_exist_ok=True)
            except (shutil.Error, OSError):
                continue  # it does not even hold what was there before
            cut = in_child(partial(stage.enter, stage.scene.act))
            shutil.copytree(work, stage.root / "after", symlinks=True)
        finally:
            subprocess.run(["umount", str(work)], check=True)
        work.rmdir()
        shutil.move(stage.root / "after", work)
        shutil.rmtree(stage.root / "held")
        judge(row, stage, cut, f"{name} on a disk of {kilobytes} kB", ENDS)
