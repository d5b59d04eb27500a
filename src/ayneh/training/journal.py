"""What a run writes into its folder at each tick and at the end of each epoch.

A stack has the replicas of one run (train, resume) or of several runs side by side (a study). Each run has a
journal, which takes the run's rows out of what the stack measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from ayneh.checkpoint import BEST, HEALTHY, epoch_name
from ayneh.config import Config
from ayneh.doctor.doctor import Doctor, Event
from ayneh.doctor.rescue import APART_LOOKS, RING, Rescue, treated
from ayneh.engine.loop import Moment
from ayneh.engine.match import Match
from ayneh.engine.meter import Diverged
from ayneh.engine.sampler import Sampler
from ayneh.game.step import State
from ayneh.pictures import grid, save_png
from ayneh.record import Record, of_replicas
from ayneh.training.board import Board
from ayneh.training.scorer import Scorer


@dataclass(frozen=True)
class Habits:
    """When a run is scored, pictured and saved."""

    scored: Callable[[Moment], bool]
    pictured: Callable[[int], bool]  # after this epoch, from 0
    saved: Callable[[int], bool]
    sample_images: int
    captions: bool = True  # the losses under a picture, and its pixels enlarged
    best: bool = True  # keep the checkpoint with the lowest Fréchet distance


def usual(config: Config) -> Habits:
    """The habits of ``config.keep``."""
    keep, last = config.keep, config.epochs - 1

    def every(epochs: int) -> Callable[[int], bool]:
        return lambda epoch: (epoch + 1) % epochs == 0 or epoch == last

    return Habits(
        scored=lambda moment: moment.epoch_ended and (moment.epoch + 1) % keep.score_epochs == 0,
        pictured=every(keep.sample_epochs),
        saved=every(keep.checkpoint_epochs),
        sample_images=keep.sample_images,
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
            self._samplers[row] = Sampler(self.match.gen, self.state["ema"][row], self.match.replicas[row])
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
        board: Board | None = None,
        say: Callable[[str], None] = lambda words: None,
    ) -> None:
        """rows: the run's replicas in the stack; step: how far the run was played before; later lines are deleted.

        rescues: those so far, which change the settings that the run plays by.
        """
        self.record, self.config, self.rows, self.habits = record, config, rows, habits
        self.steps_per_epoch, self.scorer, self.board, self.say = steps_per_epoch, scorer, board, say
        self.images_given_up = sum(rescue.images for rescue in rescues)
        self.fallen: Diverged | None = None
        record.rewind(step)
        lines = record.lines()
        self.last_step = lines[-1]["step"] if lines else 0
        self.seconds = float(lines[-1]["wall_s"]) if lines else 0.0
        self.doctor, self.healthy_looks = Doctor(treated(config, rescues)), 0
        for line in lines:  # counted again: the next healthy checkpoint comes at the same step as without a break
            self.doctor.look(line)
            self._is_healthy(line)

    def tick(self, now: Now) -> None:
        """Write a line of metrics, with scores where they are due, and what the doctor finds in it."""
        if self.fallen:
            return
        moment, part = now.moment, len(self.rows) / len(now.match.replicas)
        line: dict[str, Any] = {"epoch": moment.epoch, "step": moment.step}
        line["images"] = moment.images + self.images_given_up
        line |= {"images_given_up": self.images_given_up} if self.images_given_up else {}
        line["images_per_s"] = round(moment.images_per_s * part, 1)
        line["wall_s"] = round(now.seconds * part, 3)
        line |= of_replicas(now.measures, self.rows)
        if self.scorer and self.habits.scored(moment) and self.scorer.affordable(now.seconds):
            line["scores"] = self.scorer.score([now.sampler(row) for row in self.rows])
        self.record.append(line)
        self.last_step = moment.step
        self._note(self.doctor.look(line))
        if self._is_healthy(line):
            self.save(f"{HEALTHY}-{moment.epoch:04d}", now)
            self.record.checkpoints.thin_healthy(RING)
        if self.board:
            self.board.write(line)

    def end_epoch(self, now: Now) -> None:
        """Say the epoch's losses; write the pictures and checkpoints that are due."""
        if self.fallen:
            return
        epoch, keep = now.moment.epoch, self.config.keep
        for replica in range(len(self.rows)):
            seed = f"seed {self.config.seed + replica}      " if self.config.seeds > 1 else ""
            self.say(seed + self._caption(now, replica))
        if self.habits.pictured(epoch):
            for replica in range(len(self.rows)):
                self._picture(now, replica)
        if self.scorer and self.habits.best and self.scorer.improved():
            self.save(BEST, now)
        if self.habits.saved(epoch):
            self.save(epoch_name(epoch), now)
            self.record.checkpoints.thin_out(keep.keep_epochs)

    def fall(self, diverged: Diverged) -> None:
        """Write the doctor's last finding: a number of this run is not finite any more."""
        self.fallen = diverged
        epoch, replica = diverged.step // self.steps_per_epoch, diverged.replica - self.rows.start
        self._note(self.doctor.fell(diverged.step + 1, epoch, replica))

    def save(self, name: str, now: Now) -> None:
        """A checkpoint of this run's rows."""
        rows = {name: value[self.rows.start : self.rows.stop] for name, value in now.tensors().items()}
        self.record.checkpoints.write(
            name, now.moment.step, self.config, now.match.image_shape, rows, now.meter_steps
        )  # fmt: skip
        for words in self.record.discard_replaced():
            self.say(words)

    def _note(self, events: Iterable[Event]) -> None:
        for event in events:
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
        """The fixed noise of a replica as a grid, with the report's caption (report R2)."""
        picture = grid(now.sampler(self.rows[replica]).draw("samples", self.habits.sample_images))
        path = self.record.sample_path(now.moment.epoch, replica, len(self.rows))
        if self.habits.captions:
            save_png(path, picture, self._caption(now, replica), zoom=max(1, 64 // now.match.size))
        else:
            save_png(path, picture)

    def _caption(self, now: Now, replica: int) -> str:
        loss_d, loss_g = (float(now.last[name][self.rows[replica]]) for name in ("loss_d", "loss_g"))
        return f"epoch: {now.moment.epoch}      last batch loss D: {loss_d}      last batch loss G: {loss_g}"
