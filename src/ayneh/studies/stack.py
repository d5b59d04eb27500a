"""A share of a study: a few runs of one group, played as one stack, each into a run folder of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ayneh.checkpoint import Damaged, read_checkpoint
from ayneh.config import Data, Prior, changed
from ayneh.data.sources import load
from ayneh.doctor.doctor import Doctor
from ayneh.doctor.vitals import Vitals
from ayneh.engine.device import choose_device
from ayneh.engine.loop import run as play_loop
from ayneh.engine.match import Match, prior_of
from ayneh.engine.meter import Diverged, Meter
from ayneh.engine.sampler import Sampler
from ayneh.engine.stacks import Inline, in_process
from ayneh.evaluation import judge_of
from ayneh.files import atomically
from ayneh.game.frame import levels
from ayneh.game.step import State
from ayneh.judge.verdict import Judge
from ayneh.pictures import grid, save_png
from ayneh.record import Record, epoch_name
from ayneh.studies.ledger import OUTCOME
from ayneh.studies.plan import Run, Study
from ayneh.terminal import Clock

CHECKPOINT_S = 30.0  # between two checkpoints of a run: what a kill can cost
PICTURED = 36  # images of the fixed noise in a picture


@dataclass(frozen=True)
class Looks:
    """When and how a run is looked at: the same for all runs of a study."""

    epochs: tuple[int, ...]
    images: int
    swaps: dict[str, dict[str, Any]]

    @classmethod
    def of(cls, study: Study) -> Looks:
        return cls(tuple(study.look_epochs()), study.images, {name: dict(c) for name, c in study.swaps.items()})


def play(
    runs: Sequence[Run], folder: Path, looks: Looks, device: str = "cpu", stop: Callable[[], bool] = lambda: False
) -> bool:
    """Play these runs of one group to their ends, from where their folders stand; False if ``stop()`` said so before.

    A run whose numbers stop being finite ends there, with that as its outcome; the others go on.
    """
    configs = [run.config for run in runs]
    match = Match(configs, pixels_of(configs[0].data), choose_device(device))
    pages = [Page(run, folder / run.place, looks, str(match.device)) for run in runs]
    step, state, seen = _restored(match, pages)
    clock = Clock(sum(page.begin(step) for page in pages))
    vitals, told = Vitals(match, seen), max(page.told for page in pages)
    wall_s = lambda: round(clock.seconds() / len(pages), 3)  # noqa: E731  # each run's part of the stack's time
    meter, stack, saved = Meter(tolerant=True), in_process(match, state, step), Clock()
    total = configs[0].epochs * match.steps_per_epoch
    halted = lambda: stop() or all(page.fallen for page in pages)  # noqa: E731
    for moment in play_loop(match, stack, meter, configs[0].epochs, configs[0].keep.tick_steps, halted):
        for r, diverged in meter.fallen.items():
            pages[r].fall(diverged, moment.epoch)
        if moment.tick:
            place = {"epoch": moment.epoch, "step": moment.step, "images": moment.images, "wall_s": wall_s()}
            measures: dict[str, Any] = dict(meter.read())
            if vitals.due(told, moment.step):
                measures["vitals"] = vitals.look(stack.state)
            told = moment.step
            for r, page in enumerate(pages):
                row = {name: values[r : r + 1] for name, values in measures.items()}
                page.tell(place | {"images_per_s": round(moment.images_per_s / len(pages), 1)}, row, moment.epoch_ended
                          and moment.epoch in looks.epochs, match, stack.state["ema"][r])  # fmt: skip
        if moment.epoch_ended and (saved.seconds() > CHECKPOINT_S or moment.step == total):
            _save(match, pages, stack, vitals, moment.epoch)
            saved = Clock()
    if stack.step < total and not all(page.fallen for page in pages):
        return False
    for r, page in enumerate(pages):
        page.end(match, stack.state["ema"][r], wall_s())
    return True


class Page:
    """One run's folder while it is played."""

    def __init__(self, run: Run, folder: Path, looks: Looks, device: str) -> None:
        self.run, self.config, self.looks = run, run.config, looks
        self.fallen: dict[str, Any] | None = None
        self.told = 0  # the step of its last line
        if (folder / "config.json").is_file():
            self.record = Record.open(folder)
        else:
            self.record = Record.create(folder, run.config, {"device": device, "threads": 1, "workers": 0})

    def begin(self, step: int) -> float:
        """Forget what will be written again; the seconds that went before."""
        self.record.rewind(step)
        lines = self.record.lines()
        self.told = lines[-1]["step"] if lines else 0
        return float(lines[-1]["wall_s"]) if lines else 0.0

    def fall(self, diverged: Diverged, epoch: int) -> None:
        """The run's numbers are not finite any more: it has ended."""
        if not self.fallen:
            self.fallen = {"step": diverged.step, "epoch": epoch, "words": f"{diverged.measure} was not finite"}
            for event in Doctor(self.config, self.record.lines()).fell(diverged.step + 1, epoch, 0):
                self.record.note_finding(event.as_dict())

    def tell(self, place: dict[str, Any], row: dict[str, Any], look: bool, match: Match, ema: Tensor) -> None:
        """A line of metrics, with scores and a picture where a look is due."""
        if self.fallen:
            return
        line: dict[str, Any] = place | row
        if look:
            sampler = Sampler(match.gen, ema, self.config)
            line["scores"] = [self._scores(sampler)]
            self._picture(sampler, self.record.sample_path(place["epoch"], 0, 1))
        self.record.append(line)

    def end(self, match: Match, ema: Tensor, wall_s: float) -> None:
        """The outcome: with it the run is done and never played again."""
        outcome: dict[str, Any] = {"arm": self.run.arm, "seed": self.run.seed, "diverged": self.fallen, "swaps": {}}
        for name, changes in self.looks.swaps.items() if not self.fallen else ():
            sampler = Sampler(match.gen, ema, self.config)  # batch statistics of the prior that it learned from
            bare = replace(self.config, prior=Prior(dim=self.config.prior.dim))
            swapped = changed(bare, changes, f"swaps.{name}")
            sampler.prior = prior_of(swapped)
            outcome["swaps"][name] = self._scores(sampler)
            self._picture(sampler, self.record.samples / f"swap-{name}.png")
        referee = judge(self.config.data)
        outcome |= {"wall_s": wall_s, "classes": referee.nets[referee.lead].classes}
        with atomically(self.record.folder / OUTCOME) as file:
            file.write(json.dumps(outcome, indent=1).encode())

    def _scores(self, sampler: Sampler) -> dict[str, float | None]:
        pixels = sampler.images("scores", self.looks.images)
        if not bool(pixels.isfinite().all()):
            return {}
        return judge(self.config.data).quick(levels(pixels))

    def _picture(self, sampler: Sampler, path: Path) -> None:
        save_png(path, grid(sampler.draw("samples", PICTURED)), zoom=1)


def _save(match: Match, pages: list[Page], stack: Inline, vitals: Vitals, epoch: int) -> None:
    named = match.named(stack.state) | vitals.tensors()
    for r, page in enumerate(pages):
        row = {name: value[r : r + 1] for name, value in named.items()}
        if not page.fallen:
            page.record.write_checkpoint(epoch_name(epoch), stack.step, page.config, match.image_shape, row, 0)
            page.record.thin_out(keep_epochs=10**9)


def _restored(match: Match, pages: list[Page]) -> tuple[int, State, dict[str, Tensor]]:
    """The last moment of which every run has a whole checkpoint, or the very beginning; with all its tensors."""
    common = set.intersection(*(set(page.record.kept_epochs()) for page in pages))
    for epoch in sorted(common, reverse=True):
        try:
            found = [read_checkpoint(page.record.checkpoints / f"{epoch_name(epoch)}.safetensors") for page in pages]
        except Damaged:
            continue
        if [c.config for c in found] == [page.config for page in pages]:
            rows = [checkpoint.tensors for checkpoint in found]
            tensors = {name: torch.cat([row[name] for row in rows]) for name in rows[0]}
            return found[0].step, match.restored(tensors), tensors
    return 0, match.start(), {}


@cache
def pixels_of(data: Data) -> Tensor:
    """The training images, read once in each process: uint8 (N, C, S, S)."""
    return load(data.name, resize=data.resize, limit=data.limit).pixels


@cache
def judge(data: Data) -> Judge:
    """The judge of these images, made once in each process."""
    return judge_of(data)
