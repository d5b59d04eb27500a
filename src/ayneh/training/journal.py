"""What a run writes into its folder at each tick and at the end of each epoch.

A stack has the replicas of one run (train, resume) or of several runs side by side (a study). Each run has a
journal, which takes the run's rows out of what the stack measured.

What is due at an epoch's end follows from the line of metrics and the files that are there already, and never from the
clock. The checkpoint holds the line, so that the end of an epoch that a kill cut short is done again (`Play.settle`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from ayneh.byclass import sheet_of
from ayneh.config import Config
from ayneh.doctor.doctor import Doctor, Event
from ayneh.doctor.rescue import APART_LOOKS, RING, Rescue, treated
from ayneh.engine.loop import Moment
from ayneh.engine.match import Match
from ayneh.engine.meter import Diverged
from ayneh.engine.sampler import Sampler, sampler_in
from ayneh.game.step import State
from ayneh.labels import Labels
from ayneh.pictures import save_png
from ayneh.record.absent import refuse_gone
from ayneh.record.forms import of_replicas
from ayneh.record.head import Origin
from ayneh.record.names import BEST, HEALTHY, epoch_name
from ayneh.record.record import Record
from ayneh.terminal.text import Say, silent
from ayneh.training.callbacks import Callbacks
from ayneh.training.scorer import Scorer, total

CLOCK = ("images_per_s", "wall_s")  # of a line, and not of the run: a checkpoint's bytes follow from the run alone


@dataclass(frozen=True)
class Habits:
    """When a run is scored, pictured and saved."""

    scored: Callable[[Moment], bool]
    pictured: Callable[[int], bool]  # after this epoch, from 0
    saved: Callable[[int], bool]
    sample_images: int
    captions: bool = True  # the losses under a picture, and its pixels enlarged
    best: bool = True  # keep the checkpoint with the lowest Fréchet distance
    alone: Callable[[int], bool] = lambda epoch: False  # after this epoch G alone is kept, beside checkpoints


def usual(config: Config) -> Habits:
    """The habits of ``config.keep``; of the epochs 0, 1, 2, 4, 8, ... G alone is kept where no checkpoint stays."""
    keep, last = config.keep, config.epochs - 1
    lasting = math.lcm(keep.checkpoint_epochs, keep.keep_epochs)  # epochs between two checkpoints that stay

    def every(epochs: int) -> Callable[[int], bool]:
        return lambda epoch: (epoch + 1) % epochs == 0 or epoch == last

    return Habits(
        scored=lambda moment: moment.epoch_ended and (moment.epoch + 1) % keep.score_epochs == 0,
        pictured=every(keep.sample_epochs),
        saved=every(keep.checkpoint_epochs),
        sample_images=keep.sample_images,
        alone=lambda epoch: epoch & (epoch - 1) == 0 and (epoch + 1) % lasting > 0,
    )


@dataclass
class Now:
    """A stack after a chunk of steps, as its journals see it. Lists and tensors have an entry for each row."""

    moment: Moment
    match: Match
    state: State
    last: State  # measures of the last step, (R,) each
    measures: dict[str, Any]  # of the last step and means since the last tick, vital signs where they are due
    seconds: float  # of training, all rows together
    tensors: Callable[[], dict[str, Tensor]]  # what a checkpoint holds
    meter_steps: int
    _samplers: dict[int, Sampler] = field(default_factory=dict)

    def sampler(self, row: int) -> Sampler:
        """The averaged generator of a row, its standing statistics computed once."""
        if row not in self._samplers:
            self._samplers[row] = sampler_in(self.match, self.state, row)
        return self._samplers[row]


class Journal:
    """The writer of one run's folder while the run is played."""

    def __init__(
        self,
        record: Record,
        config: Config,
        rows: range,
        habits: Habits,
        steps_per_epoch: int,
        step: int = 0,
        rescues: Sequence[Rescue] = (),
        scorer: Scorer | None = None,
        say: Say = silent,
        origin: Origin | None = None,
        line: dict[str, Any] | None = None,
        labels: Labels | None = None,
    ) -> None:
        """rows: the run's replicas in the stack; step: how far the run was played before; later lines are deleted.

        rescues: those so far, which change the settings that the run plays by; origin: its images; line: the one that
        the checkpoint after ``step`` holds; labels: the classes of a labelled run.
        """
        self.record, self.config, self.rows, self.habits = record, config, rows, habits
        self.steps_per_epoch, self.scorer, self.say = steps_per_epoch, scorer, say
        self.callbacks: Callbacks | None = None
        self.say_often: Callable[..., None] = lambda words, *often: say(words)  # (words, epoch, epochs, lines an epoch)
        self.origin = origin
        self.fallen: Diverged | None = None
        self.images_given_up = sum(rescue.images for rescue in rescues)
        record.rewind(step)
        lines = record.lines()
        self.best = self._best_of(lines)
        self.unfinished = self._unfinished(lines, line, step, rescues[-1].to_step if rescues else 0)
        self.line = self.unfinished or {}
        last = self.unfinished or (lines[-1] if lines else {"step": 0, "wall_s": 0.0})
        self.last_step, self.seconds = last["step"], float(last["wall_s"])
        self.written_step = lines[-1]["step"] if lines else 0
        if self.unfinished and self.written_step == step:
            lines.pop()  # its findings are noted, and its checkpoints written, as its epoch is ended again
        self.noted = {_name(event) for event in record.events() if event["step"] == step and "rescue" not in event}
        self.doctor, self.healthy_looks = Doctor(treated(config, rescues), labels=labels), 0
        for earlier in lines:  # counted again: the next healthy checkpoint comes at the same step as without a break
            self.doctor.look(earlier)
            self._is_healthy(earlier)

    def _unfinished(
        self, lines: list[dict[str, Any]], line: dict[str, Any] | None, step: int, complete: int
    ) -> dict[str, Any] | None:
        """The line of the epoch that ends at ``step``, if something may be missing of what is due at its end.

        complete: the step up to which a rescue has found everything in its place.
        """
        if step <= complete or step % self.steps_per_epoch:
            return None
        if lines and lines[-1]["step"] == step:
            return dict(lines[-1])
        clock = {name: lines[-1][name] if lines else 0.0 for name in CLOCK}  # the time of its end was not written
        return line and clock | line

    def _best_of(self, lines: list[dict[str, Any]]) -> float:
        """The mean Fréchet distance of the best checkpoint; infinite if there is none, or a rescue gave it up."""
        step = self.record.checkpoints.step_of(BEST) if self.habits.best else None
        return next((total(line.get("scores")) for line in lines if line["step"] == step), float("inf"))

    def tick(self, now: Now) -> None:
        """Write a line of metrics and what the doctor finds in it; at an epoch's end `end_epoch` does so."""
        if self.fallen:
            return
        refuse_gone(self.record.folder, now.moment.step)
        moment, part = now.moment, len(self.rows) / len(now.match.replicas)
        line: dict[str, Any] = {"epoch": moment.epoch, "step": moment.step}
        line["images"] = moment.images + self.images_given_up
        line |= {"images_given_up": self.images_given_up} if self.images_given_up else {}
        line["images_per_s"] = round(moment.images_per_s * part, 1)
        line["wall_s"] = round(now.seconds * part, 3)
        line |= of_replicas(now.measures, self.rows)
        self.line, self.last_step = line, moment.step
        if not moment.epoch_ended:
            self._write()

    def end_epoch(self, now: Now) -> None:
        """Print the epoch's losses; write its pictures and its checkpoint, then its line of metrics with scores.

        Of an epoch that is ended again what is there stays.
        """
        if self.fallen:
            return
        refuse_gone(self.record.folder, now.moment.step)
        again, step, epoch = self.unfinished is not None, now.moment.step, now.moment.epoch
        for replica in range(len(self.rows)) if not again else ():
            seed = f"seed {self.config.seed + replica}      " if self.config.seeds > 1 else ""
            self.say_often(seed + self._caption(replica), epoch, self.config.epochs, len(self.rows))
        for replica in range(len(self.rows)) if self.habits.pictured(epoch) else ():
            if not (again and self.record.sample_path(epoch, replica, len(self.rows)).exists()):
                self._picture(now, replica)
        if self.habits.saved(epoch):
            self._save_once(epoch_name(epoch), now, again)  # before scores: a score that kills costs nothing
        if self.habits.alone(epoch) and not (again and self.record.generators.whole(epoch_name(epoch), step)):
            self._keep_generator(epoch_name(epoch), now)
        if self.written_step < step and self.scorer and self.habits.scored(now.moment):
            scores = self.scorer.attempt([now.sampler(row) for row in self.rows], now.seconds)
            self.line |= {"scores": scores} if scores else {}
        healthy = self._write()
        if healthy:
            self._save_once(f"{HEALTHY}-{epoch:04d}", now, again)
            self.record.checkpoints.thin_healthy(RING)
        if self.habits.best and (distance := total(self.line.get("scores"))) < self.best:
            self._save_once(BEST, now, again)
            self.best = distance
        if self.habits.saved(epoch):
            self.record.checkpoints.thin_out(self.config.keep.keep_epochs, epoch)
        self.unfinished = None
        if self.callbacks:
            self.callbacks.epoch(self.line)

    def _write(self) -> bool:
        """Write the line, unless it is there, and what the doctor finds in it; whether a healthy checkpoint is due."""
        if self.written_step < self.line["step"]:
            self.record.append(self.line)
            self.written_step = self.line["step"]
        self._note(self.doctor.look(self.line))
        if self.callbacks:
            self.callbacks.tick(self.line)
        return self._is_healthy(self.line)

    def _save_once(self, name: str, now: Now, again: bool) -> None:
        if not (again and self.record.checkpoints.whole(name, now.moment.step)):
            self.save(name, now)

    def fall(self, diverged: Diverged) -> None:
        """Write the doctor's last finding: a number of this run is not finite any more."""
        self.fallen = diverged
        epoch, replica = diverged.step // self.steps_per_epoch, diverged.replica - self.rows.start
        self._note(self.doctor.fell(diverged.step + 1, epoch, replica))

    def save(self, name: str, now: Now) -> None:
        """A checkpoint of this run's rows."""
        refuse_gone(self.record.folder, now.moment.step)
        self.record.checkpoints.write(
            name, now.moment.step, self.config, now.match.image_shape, self._rows_of(now), now.meter_steps, self.origin,
            {name: value for name, value in self.line.items() if name not in (*CLOCK, "scores")}
            if now.moment.epoch_ended else None, now.match.classes,
        )  # fmt: skip
        for words in self.record.discard_replaced():
            self.say(words)

    def _keep_generator(self, name: str, now: Now) -> None:
        """What images of this run's rows need: the averaged G, and what it remembers if it is of one's own."""
        rows = {name: value for name, value in self._rows_of(now).items() if name.startswith(("ema/", "gen_buffers/"))}
        self.record.generators.write(
            name, now.moment.step, self.config, now.match.image_shape, rows, 0, self.origin, labels=now.match.classes
        )

    def _rows_of(self, now: Now) -> dict[str, Tensor]:
        """What a checkpoint holds of this run's rows."""
        return {name: value[self.rows.start : self.rows.stop] for name, value in now.tensors().items()}

    def _note(self, events: Iterable[Event]) -> None:
        for event in events:
            if _name(event.as_dict()) not in self.noted:  # before a kill
                self.say(event.words)
                self.record.note_finding(event.as_dict())

    def _is_healthy(self, line: dict[str, Any]) -> bool:
        """Count the healthy looks in a row; whether a healthy checkpoint is due after this line, at an epoch's end."""
        if not self.config.rescue:
            return False
        if "vitals" in line:
            self.healthy_looks = self.healthy_looks + 1 if self.doctor.content() else 0
        due = self.healthy_looks >= APART_LOOKS and line["step"] % self.steps_per_epoch == 0
        self.healthy_looks = 0 if due else self.healthy_looks
        return due

    def _picture(self, now: Now, replica: int) -> None:
        """The fixed noise of a replica as a grid, rows of each class, with the report's caption (report R2)."""
        sheet = sheet_of(now.sampler(self.rows[replica]), self.habits.sample_images)
        path = self.record.sample_path(now.moment.epoch, replica, len(self.rows))
        if self.habits.captions:
            caption = self._caption(replica) + (f"      {sheet.note}" if sheet.note else "")
            save_png(path, sheet.picture, caption, max(1, 64 // now.match.size), sheet.words)
        else:
            save_png(path, sheet.picture)

    def _caption(self, replica: int) -> str:
        loss_d, loss_g = (self.line[name][replica] for name in ("loss_d", "loss_g"))
        return f"epoch: {self.line['epoch']}      last batch loss D: {loss_d}      last batch loss G: {loss_g}"


def _name(event: Mapping[str, Any]) -> tuple[Any, ...]:
    """What makes an event of findings.jsonl this one and no other."""
    return tuple(event.get(field) for field in ("step", "replica", "name", "appeared"))
