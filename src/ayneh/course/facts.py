"""What the report's page is made of: the study's results, and the instruments that read its median runs."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ayneh.config import Config
from ayneh.course.layers import Layers, layers_of
from ayneh.course.plan import DROPOUT, NORMAL, U01, Size
from ayneh.errors import UserError
from ayneh.files.reading import json_in, typed
from ayneh.files.whole import write_json
from ayneh.parts.calling import settings_kept
from ayneh.record.record import Record
from ayneh.studies.comparisons import Compared, arms_of, compare
from ayneh.studies.intervals import Interval
from ayneh.studies.ledger import Ledger
from ayneh.studies.results import Result, need_some, results
from ayneh.studies.strips import median_run
from ayneh.terminal.text import Say, warn

TIMES = "times.json"
IMAGES, BATCH = 60_000, 128  # of MNIST, and of the preset `mirror`
STEPS = 12  # timed
REPORTED = {67: (0.0600, 4.948), 86: (0.324, 6.835), 87: (0.607, 8.199), 99: (0.295, 3.215)}  # R12: D, G
REPORTED_A = (1.3221588134765625, 0.856677770614624)  # R2: D, G after epoch 99, normal noise
PARAMETERS = (172_449, 172_881)  # R8: of G and of D


@dataclass(frozen=True)
class Times:
    """What times.json holds."""

    step_s: float

    def __post_init__(self) -> None:
        if not self.step_s > 0:
            raise UserError(f"step_s is {self.step_s:g}; it must be more than 0.")


@dataclass(frozen=True)
class Facts:
    """Everything that the page shows. ``readings``, ``probes``: the reports of median runs, by arm."""

    ledger: Ledger
    size: Size
    command: str
    found: Sequence[Result]
    compared: Mapping[str, Sequence[Compared]]
    readings: Mapping[str, Mapping[str, Any]]
    probes: Mapping[str, Mapping[str, Any]]
    symptoms: Mapping[str, Counter[str]]  # by arm: runs in which the doctor found it
    step_s: float  # of the report's own nets on this machine
    frame: Mapping[str, float]  # of the training images as D sees them

    @cached_property
    def by_arm(self) -> dict[str, list[Result]]:
        """Finished runs by arm."""
        return arms_of(self.found)

    def arm(self, arm: str) -> list[Result]:
        """Its finished runs."""
        return self.by_arm.get(arm, [])

    def median(self, arm: str, outcome: str) -> Interval | None:
        """The median of an outcome, with the smallest and the largest run as its ends."""
        have = self.values(arm, outcome)
        return Interval(statistics.median(have), min(have), max(have)) if have else None

    def values(self, arm: str, outcome: str) -> list[float]:
        """The values of its runs that have one."""
        return [value for run in self.arm(arm) if (value := run.value(outcome)) is not None]

    def failed(self, arm: str) -> int:
        """Runs that collapsed, were poor, jumped or diverged."""
        return sum(run.failure() is not None for run in self.arm(arm))

    def jumped(self, arm: str) -> int:
        """Runs with the jump of R9."""
        return sum(run.jumped() for run in self.arm(arm))

    def middle(self, arm: str) -> Result:
        """Its median run by distance."""
        return median_run(self.arm(arm), "fd")

    def between(self, arm: str, reference: str, outcome: str = "fd") -> Compared:
        """The comparison of these two."""
        return next(one for one in self.compared[outcome] if (one.arm, one.reference) == (arm, reference))

    def layers(self, arm: str) -> Layers:
        """The layers of the nets of this arm."""
        config = self.middle(arm).run.config
        side = framed_side(config, int(self.frame["before"]))
        return layers_of(config, (int(self.frame["channels"]), side, side))

    @property
    def own_layers(self) -> Layers:
        """Those of the report's own nets, at its size."""
        return layers_of(own_config(), (1, 32, 32))

    @property
    def epoch_s(self) -> float:
        """Seconds of an epoch of MNIST with the report's own nets, computed from `step_s`."""
        return self.step_s * (IMAGES // BATCH)

    def seconds(self, arm: str) -> float:
        """Seconds of an epoch of an arm's runs, the median over runs."""
        return statistics.median(run.end["wall_s"] / run.run.config.epochs for run in self.arm(arm))


def framed_side(config: Config, before: int) -> int:
    """The side of an image as these nets see it, of images of this side."""
    from ayneh.game.nets import Pair, pair_of

    pair = pair_of(config.net.name)
    assert isinstance(pair, Pair)
    return config.data.pad_to or pair.padded_size(before)


def own_config() -> Config:
    """The settings of the report's own nets."""
    from ayneh.presets import preset

    return preset("mirror").config


def line_of(run: Result, epoch: int) -> dict[str, Any] | None:
    """The last line of metrics in an epoch."""
    return next((line for line in reversed(run.lines) if line["epoch"] == epoch), None)


def losses(run: Result, epoch: int) -> tuple[float, float] | None:
    """The losses of D and G on the last batch of an epoch."""
    line = line_of(run, epoch)
    return (line["loss_d"][0], line["loss_g"][0]) if line and "loss_d" in line else None


def printed(run: Result, epoch: int) -> str:
    """The line of an epoch in the report's own form; empty if there is none."""
    found = losses(run, epoch)
    return f"epoch: {epoch}      last batch loss D: {found[0]}      last batch loss G: {found[1]}" if found else ""


# -- measured once, then read ------------------------------------------------------------------------------------------


def gathered(ledger: Ledger, size: Size, command: str, say: Say) -> Facts:
    """Read the study, and measure what is not measured yet. Raises UserError if no run of an arm is finished."""
    found = results(ledger)
    need_some(ledger, found)
    by_arm = arms_of(found)
    if lacking := [arm for arm in ledger.study.cells() if arm not in by_arm]:
        raise UserError(f"{ledger.folder} has no finished run of {', '.join(lacking)}: the same command goes on.")
    middle = {arm: Record(ledger.path(median_run(by_arm[arm], "fd").run)) for arm in by_arm}
    readings = {arm: _read_back(middle[arm], size, say) for arm in (DROPOUT,)}
    probes = {arm: _probed(middle[arm], size, say) for arm in (NORMAL, U01)}
    return Facts(
        ledger=ledger,
        size=size,
        command=command,
        found=found,
        compared=compare(ledger.study, found),
        readings={arm: one for arm, one in readings.items() if one},
        probes={arm: one for arm, one in probes.items() if one},
        symptoms={arm: _symptoms(ledger, runs) for arm, runs in by_arm.items()},
        step_s=_timed(ledger.folder, say),
        frame=_frame(by_arm[DROPOUT][0], ledger),
    )


def _read_back(record: Record, size: Size, say: Say) -> dict[str, Any] | None:
    """What `ayneh mirror` measures: read from mirror.json, or measured and written there."""
    from ayneh.inverse.reading import read
    from ayneh.version import __version__

    if (known := record.report("mirror")) is not None:
        return known
    if not record.checkpoints.epochs():  # it broke down
        return None
    found = read(record.checkpoints.at_epoch(None), 0, size.read, 8, say)
    report = {"run": record.folder.name, "replica": 0, "ayneh": __version__} | found.as_dict()
    record.write_report("mirror", report)
    found.save_picture(record.report_path("mirror", suffix=".png"))
    return record.report("mirror")


def _probed(record: Record, size: Size, say: Say) -> dict[str, Any] | None:
    """What the support probe measures after the last epoch: read from probe.json, or measured and written there."""
    from ayneh import probe
    from ayneh.probe.arms import Plan

    if (known := record.report(probe.NAME)) is not None:
        return known
    if not (kept := record.checkpoints.epochs()):
        return None
    return probe.probe(record, [kept[-1]], 0, Plan(steps=size.probed, arms=("plain", "null")), say)


def _symptoms(ledger: Ledger, runs: Sequence[Result]) -> Counter[str]:
    from ayneh.doctor.diagnosis import diagnose

    found: Counter[str] = Counter()
    for run in runs:
        found.update({one.name for one in diagnose(Record(ledger.path(run.run))).findings})
    return found


def _timed(folder: Path, say: Say) -> float:
    """Seconds of a step of the report's own nets on one thread: of times.json, or of a few steps on framed digits."""
    path = folder / TIMES
    try:
        if (known := json_in(path)) is not None:
            return typed(known, Times, str(path)).step_s
    except UserError as error:
        warn(f"{error} The steps are timed anew.")
    import torch

    from ayneh.engine.stacks import stack_of
    from ayneh.studies.stack import match_of

    say("timing steps of the report's own nets")
    config = own_config().changed({"data.name": "digits", "data.resize": 28})
    with settings_kept():
        torch.set_num_threads(1)
        match = match_of([config], "cpu")
        stack, times = stack_of(match, match.start(), 0), []
        for _ in range(STEPS):
            begin = time.perf_counter()
            stack.advance(1)
            times.append(time.perf_counter() - begin)
    step_s = statistics.median(times[2:])  # the first ones include set-up
    write_json(path, {"step_s": step_s, "steps": STEPS - 2, "batch": config.batch}, indent=1)
    return step_s


def _frame(run: Result, ledger: Ledger) -> dict[str, float]:
    """Sides, channels and values of the training images, before and after the frame."""
    from ayneh.evaluation import read_images
    from ayneh.game.frame import put, scale

    config = run.run.config
    images = read_images(config.data, "train", ledger.path(run.run)).pixels
    channels, before = images.shape[1], images.shape[-1]
    side = framed_side(config, before)
    seen = scale(put(images[:1000], side))
    ends = {"low": float(seen.min()), "high": float(seen.max())}
    return {"images": len(images), "channels": channels, "before": before, "side": side} | ends
