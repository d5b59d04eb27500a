"""One run from its last checkpoint to its last epoch: interrupts, breakdowns, rescues, a full disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ayneh.config import Config
from ayneh.doctor import rescue
from ayneh.engine.match import Match, replicas_of
from ayneh.engine.meter import Diverged
from ayneh.engine.stacks import WorkerDied
from ayneh.engine.threads import Changes, Choice, Threads, repeated_by
from ayneh.errors import NO_SPACE, Interrupted, Stopped, UserError, place_of, typed_as
from ayneh.evaluation import judge_of
from ayneh.parts.calling import failed_inside
from ayneh.pictures import load_png, save_animation
from ayneh.record import aside
from ayneh.record.absent import refuse_gone
from ayneh.record.checkpoint import Checkpoint
from ayneh.record.head import Origin
from ayneh.record.names import INTERRUPTED
from ayneh.record.record import RESCUES, Record
from ayneh.terminal.progress import Clock, Interrupt, Terminal
from ayneh.terminal.text import Say, counted
from ayneh.training.callbacks import Callbacks, chosen
from ayneh.training.journal import Journal, Now, usual
from ayneh.training.play import Play
from ayneh.training.scorer import Scorer, reason_of

if TYPE_CHECKING:
    from torch import Tensor


def _what_happened(error: BaseException, record: Record, step: int, own: str) -> str:
    """A breakdown, a dead worker or an error of the system in one sentence, and what is left in another.

    own: what failed inside a part of one's own, if the error is from there.
    """
    if isinstance(error, OSError):
        refuse_gone(record.folder, step)
    saved = None
    with suppress(OSError, UserError):
        saved, _ = record.checkpoints.newest()
    if isinstance(error, Diverged):
        left = f"The last good checkpoint, after step {saved.step}, stays." if saved else "No checkpoint was written."
        return (
            f"The training broke down: {error}. {left} It would break down again: train a new run with a smaller "
            f"--optimizer.lr than {record.config().optimizer.lr:g}, or with a penalty on D's gradient."
        )
    resume = f"`ayneh resume {typed_as(record.folder)}`"
    again = f"{resume} starts from the first step, since there is no checkpoint yet."
    if not saved and aside.unsettled(record.folder):  # `resume` would go on with the run that is back
        again = "The same command starts from the first step, since there is no checkpoint yet."
    if saved:
        again = f"{resume} goes on from its checkpoint after step {saved.step}, which is whole."
    if own:
        return f"A part of your own failed after step {step}: {own}. Correct it. {again}"
    if isinstance(error, WorkerDied):
        return f"A worker process {error} after step {step}, perhaps because memory ran out. {again}"
    assert isinstance(error, OSError)
    if error.errno in NO_SPACE:
        return f"No disk space left for {record.folder} at step {step} ({error.strerror}): free some space. {again}"
    place, reason = place_of(error) or record.folder, error.strerror or error
    return f"{place} could not be written or read at step {step} ({reason}): mend this. {again}"


class Fit:
    """A run from a checkpoint, or (None) from its first step, to its last epoch, with its rescues."""

    def __init__(
        self,
        record: Record,
        config: Config,
        match: Match,
        checkpoint: Checkpoint | None,
        terminal: Terminal,
        origin: Origin,
        callbacks: Mapping[str, Any] | None = None,
        choice: Choice | None = None,
        known: int = 0,
    ) -> None:
        """match: of the config as it was asked for; origin: its images; callbacks: by name, beside those of the config;
        choice: its threads (None: as many as PyTorch has); known: steps played whose threads the record has.

        Raises UserError for a callback that is none.
        """
        self.record, self.config, self.asked, self.terminal, self.origin = record, config, match, terminal, origin
        self.given = {**chosen(config), **(callbacks or {})}
        self.total = config.epochs * match.steps_per_epoch
        self.rescues = rescue.of(record)
        self.threads: Threads | None = None
        if choice:
            played = rescue.steps_given_up(self.rescues) + (checkpoint.step if checkpoint else 0)
            self.threads = Threads(choice, played, known, self._note_threads, terminal.say)
        self.clock = Clock()
        self._begin(checkpoint)
        self.clock = self.play.clock = Clock(self.journal.seconds)  # trying the judge is no training

    @property
    def step(self) -> int:
        """Steps played so far."""
        return self.play.stack.step

    def to_its_end(self) -> list[str]:
        """Play the run into its folder; sentences: how long it took, where the pictures are.

        Raises Interrupted where the run was interrupted, Stopped where it broke down, found the disk full or a callback
        raised; what was saved stays.
        """
        try:
            with Interrupt() as interrupt, self.terminal.bar(self.total, self.step) as move:
                self.play.settle()
                while self.step < self.total or self.wants_rescue():
                    self.on(interrupt.caught, move)
            words = self.end()
            if failure := self.callbacks.failure:
                raise Stopped(f"{failure} The run is finished, and saved.")
            return words
        except (UserError, Stopped):
            raise
        except BaseException as error:
            own = failed_inside(error)
            if not own and not isinstance(error, Diverged | WorkerDied | OSError):
                raise
            raise Stopped(_what_happened(error, self.record, self.step, own)) from error
        finally:
            self.play.stack.close()
            self.callbacks.close()

    def on(self, interrupted: Callable[[], bool], move: Callable[..., None]) -> None:
        """Play until the last epoch is done, the run is interrupted (Stopped), or a rescue has taken it back."""
        now: Now | None = None
        try:
            stop = lambda: interrupted() or self.wants_rescue() or bool(self.callbacks.failure)  # noqa: E731
            for now in self.play.run(self.config, stop):
                last = {name: float(now.last[name].mean()) for name in ("loss_d", "loss_g")}
                place = {"epoch": now.moment.epoch, "images_per_s": now.moment.images_per_s}
                move(now.moment.step, best=self._best(), **place, **last)
        except Diverged as error:
            self.journal.fall(error)
            if not self._may_rescue():
                raise
            self._rescue("not finite", str(error))
            return
        failure = self.callbacks.failure
        if self.wants_rescue() and not interrupted() and not failure:
            self._rescue()
        elif self.step < self.total or self.wants_rescue():
            if now:  # else no step was played since the last checkpoint, and there is nothing to save
                self.journal.save(INTERRUPTED, self.play.now(now.moment))
            where = f"step {self.step} of {self.total}{', and saved' if now else ''}"
            again = f"`ayneh resume {typed_as(self.record.folder)}` goes on."
            raise (
                Stopped(f"{failure} Stopped at {where}: {again}")
                if failure
                else Interrupted(f"Stopped at {where}", again)
            )

    def end(self) -> list[str]:
        """Write the animation of the fixed noise; sentences on where everything is."""
        seeds = self.config.seeds
        for r in range(seeds):
            frames = frames_of(self.record, r, seeds, self.terminal.say)
            if frames:  # the pictures of a finished run may have been deleted
                save_animation(self.record.animation_path(r, seeds), frames, milliseconds=150)
        words = [f"{self.record.folder}: {counted(self.config.epochs, 'epoch')} in {self.clock.seconds():.0f} s"]
        if self.rescues:
            steps = sum(one.images for one in self.rescues) / self.play.match.images_per_step
            words.append(
                f"rescued {counted(len(self.rescues), 'time')}; {steps / self.play.match.steps_per_epoch:.1f} more "
                f"epochs were played and given up: {RESCUES}.json"
            )
        played = self.total + rescue.steps_given_up(self.rescues)
        if repeated := repeated_by(self.record.engine(), self.config.batch, played):
            words.append(repeated)
        self.callbacks.end(self.total)
        return [*words, f"pictures: {self.record.samples}"]

    def _begin(self, checkpoint: Checkpoint | None) -> None:
        """Start from this checkpoint, or from the first step, with what the rescues so far have changed."""
        match, step = self.asked, checkpoint.step if checkpoint else 0
        if self.rescues:
            replicas = replicas_of(rescue.treated(self.config, self.rescues))
            match = Match(replicas, match.pixels, match.device, len(self.rescues), match.labelled)
        self.journal = Journal(
            self.record, self.config, range(self.config.seeds), usual(self.config), match.steps_per_epoch, step,
            self.rescues, self._scorer(step), self.terminal.say, self.origin,
            checkpoint.line if checkpoint else None, match.classes,
        )  # fmt: skip
        self.journal.say_often = self.terminal.say_often
        rescued = len(self.rescues), self.rescues[-1].to_step if self.rescues else 0
        self.callbacks = self.journal.callbacks = Callbacks(self.record, self.given, step, rescued)
        if self.threads:
            self.threads.given_up = rescue.steps_given_up(self.rescues)
        self.play = Play(
            match, [self.journal], self.clock, step, checkpoint.tensors if checkpoint else None,
            checkpoint.meter_steps if checkpoint else 0, self.record.engine()["workers"], threads=self.threads,
        )  # fmt: skip

    def _note_threads(self, changes: Changes) -> None:
        self.record.set_engine(self.record.engine() | {"changes": changes})

    def _scorer(self, step: int) -> Scorer | None:
        """None if nothing is to be scored, or, with a message, if the judge cannot score this run's images."""
        keep = self.config.keep
        if not keep.score_epochs or (step == self.total and any(line["step"] == step for line in self.record.lines())):
            return None
        try:
            scorer = Scorer(judge_of(self.config.data, self.record.folder), keep.score_images, self.terminal.say)
            scorer.rehearse(self.asked.pixels, self.asked.size)
        except Exception as error:  # also of the judge's cache: no score may keep a run from being trained
            self.terminal.say(f"Training goes on without scores. {reason_of(error)}")
            return None
        return scorer

    def _best(self) -> str:
        """The lowest Fréchet distance so far, for the bar."""
        return f"best fd {self.journal.best:.2f}" if self.journal.best < float("inf") else ""

    def _may_rescue(self) -> bool:
        return len(self.rescues) < self.config.rescue

    def wants_rescue(self) -> bool:
        return self._may_rescue() and bool(self.journal.doctor.treatable())

    def _rescue(self, finding: str = "", words: str = "") -> None:
        """Go back to the last healthy moment before the illness began, change something, and write it all down."""
        match, since = self.play.match, self.step
        if not finding:
            worst = min(self.journal.doctor.treatable(), key=lambda found: found.since_step)
            finding, words, since = worst.name, worst.evidence, worst.since_step
        back = self.record.checkpoints.healthy_before(since)
        to_step = back.step if back else 0
        _, change = rescue.lever(match.replicas[0], len(self.rescues), finding)
        given_up = (self.step - to_step) * match.images_per_step
        to_epoch = to_step // match.steps_per_epoch - 1
        one = rescue.Rescue(finding, words, self.step, to_step, to_epoch, given_up, change)
        self.terminal.say(one.sentence())
        self.rescues.append(one)
        rescue.carry_out(self.record, self.rescues)
        self.play.stack.close()
        self.callbacks.close()
        self._begin(back)


def frames_of(record: Record, replica: int, replicas: int, say: Say) -> list[Tensor]:
    """The pictures of a replica in order, uint8 (H, W, C), but damaged ones and those of another kind than the last.

    say: gets a sentence for each that is left out.
    """
    frames: list[Tensor] = []
    for path in reversed(record.pictures(replica, replicas).values()):
        try:
            frame = load_png(path)
        except UserError as error:
            say(f"The animation lacks a picture. {error}")
            continue
        if not frames or frame.shape[-1] == frames[0].shape[-1]:
            frames.append(frame)
        else:
            say(f"The animation lacks a picture. {path} has other colours than the last one.")
    return frames[::-1]
