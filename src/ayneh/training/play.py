"""A stack in training: the loop advances it, a meter and the vital signs measure it, journals write it down."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from torch import Tensor

from ayneh.config import Config
from ayneh.doctor.vitals import Vitals
from ayneh.engine.loop import Moment
from ayneh.engine.loop import run as carry
from ayneh.engine.match import Match
from ayneh.engine.meter import Meter
from ayneh.engine.stacks import stack_of
from ayneh.engine.threads import Threads
from ayneh.terminal.progress import Clock
from ayneh.training.journal import Journal, Now


class Play:
    """The replicas of a match from some step on, and a journal for each run among them."""

    def __init__(
        self,
        match: Match,
        journals: Sequence[Journal],
        clock: Clock,
        step: int = 0,
        tensors: Mapping[str, Tensor] | None = None,
        meter_steps: int = 0,
        workers: int = 0,
        tolerant: bool = False,
        threads: Threads | None = None,
    ) -> None:
        """tensors, meter_steps: those of the checkpoint after ``step``; None: from the first step.

        tolerant: a row whose numbers stop being finite ends its run alone; else `Diverged` is raised. threads: those of
        each step; None: as many as PyTorch has.
        """
        tensors = tensors or {}
        self.match, self.journals, self.clock = match, journals, clock
        sums = {name.removeprefix("meter/"): x for name, x in tensors.items() if name.startswith("meter/")}
        self.meter, self.vitals = Meter(sums, meter_steps, tolerant), Vitals(match, tensors)
        state = match.restored(tensors) if tensors else match.start()
        self.stack = stack_of(match, state, step, workers, threads)

    def run(self, config: Config, stop: Callable[[], bool] = lambda: False) -> Iterator[Now]:
        """Play until ``config.epochs`` are done, or ``stop()`` is true between two chunks; write down what is due."""
        self.settle()
        for moment in carry(self.match, self.stack, self.meter, config.epochs, config.keep.tick_steps, stop):
            for row, diverged in self.meter.fallen.items():
                journal = next(journal for journal in self.journals if row in journal.rows)
                if not journal.fallen:
                    journal.fall(diverged)
            now = self.now(moment)
            if moment.tick:
                now.measures = dict(self.meter.read())
                if self.vitals.due(max(journal.last_step for journal in self.journals), moment.step):
                    now.measures["vitals"] = self.vitals.look(self.stack.state)
                now.meter_steps = self.meter.steps
                for journal in self.journals:
                    journal.tick(now)
            if moment.epoch_ended:
                for journal in self.journals:
                    journal.end_epoch(now)
            yield now

    def settle(self) -> None:
        """Write what is missing of the epoch that ends where the stack stands: a kill may have come in between."""
        match, step = self.match, self.stack.step
        unfinished = [journal for journal in self.journals if journal.unfinished]
        epoch = step // match.steps_per_epoch - 1
        now = self.now(Moment(step, epoch, step * match.images_per_step, 0.0, tick=False, epoch_ended=True))
        for journal in unfinished:
            journal.end_epoch(now)

    def now(self, moment: Moment) -> Now:
        """The present state of the stack."""
        return Now(
            moment, self.match, self.stack.state, self.meter.last, {}, self.clock.seconds(), self._tensors,
            self.meter.steps,
        )  # fmt: skip

    def _tensors(self) -> dict[str, Tensor]:
        sums = {f"meter/{name}": x for name, x in self.meter.sums.items()}
        return self.match.named(self.stack.state) | sums | self.vitals.tensors()
