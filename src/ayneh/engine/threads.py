"""The threads of a game on a CPU: chosen before its first step, changed while others hold the cores, and noted.

A sum of floats depends on how it is split among threads. So the numbers of threads belong to a run's record: with the
same ones it has the same bits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ayneh.engine.cores import Free, by_user, cores, load
from ayneh.engine.pace import Pace, ladder
from ayneh.errors import UserError
from ayneh.terminal.text import Say, counted

if TYPE_CHECKING:
    from ayneh.engine.match import Match

MOST = 1024
SHORT_S = 5.0  # a run that takes less with one thread keeps it
STEPS_S = 0.25  # of steps that are measured
LONG_S = 0.3  # a step that takes more is measured while it is trained
MOST_STEPS = 10**15  # of a run
CLEARLY = 0.9  # of the time with fewer threads; else the fewer are taken
EVEN = 32  # replicas whose batch is a multiple of it have the same bits in a stack of any size: docs/study.md

Changes = list[tuple[int, int]]  # (steps played before, threads from then on)


class Choice(NamedTuple):
    """The threads of a run."""

    threads: int
    most: int  # to which it may step up; 0: the number is kept
    seconds: Mapping[int, float]  # of a step, with the numbers that were measured
    changes: Changes
    until: int = 0  # steps played up to which the pace leaves it alone
    every: int = 1  # one of so many steps has a penalty, and takes longer

    def at(self, played: int) -> int:
        """The threads of the step after so many, as far as the changes go."""
        return next((count for step, count in reversed(self.changes) if step <= played), self.threads)

    @property
    def held_back(self) -> bool:
        """Whether it begins with fewer threads than it may have because other programs hold the cores."""
        return self.threads < self.most and not self.until

    def noted(self) -> dict[str, Any]:
        """As config.json has it, beside the device."""
        return {"threads": self.threads, "up_to": self.most, "changes": self.changes}

    def from_here(self, played: int, threads: int) -> Choice:
        """This number after so many steps, and no other from then on."""
        if not played:
            return kept(threads)
        before = kept(self.threads, [change for change in self.changes if change[0] < played])
        return before if before.at(played) == threads else kept(self.threads, [*before.changes, (played, threads)])


def kept(threads: int, changes: Sequence[tuple[int, int]] = ()) -> Choice:
    """This number, and these changes, and no others."""
    return Choice(threads, 0, {}, list(changes))


def asked_for(words: int | str) -> Choice:
    """What `--threads` names: "2", or "2,1@350,2@900", the numbers of another run by the steps before each change.

    Raises UserError for anything else, and for numbers that are no numbers of threads.
    """
    first, *rest = str(words).replace(" ", "").split(",")
    parts = [part.partition("@") for part in rest]
    if not first.isdecimal() or not all(at and count.isdecimal() and step.isdecimal() for count, at, step in parts):
        raise UserError(f"--threads is {words!r}; it is a number, or the numbers of another run such as 2,1@350,2@900.")
    changes = [(int(step), int(count)) for count, _, step in parts]
    for count in (int(first), *(count for _, count in changes)):
        if not 1 <= count <= MOST:
            raise UserError(f"--threads is {count}; it must lie between 1 and {MOST}.")
    steps = [step for step, _ in changes]
    if sorted(set(steps)) != steps or steps[-1:] > [MOST_STEPS]:
        raise UserError(f"--threads is {words!r}; the steps after @ must rise, to at most {MOST_STEPS:,}.")
    return kept(int(first), changes)


def in_one_process(asked: Choice, batch: int) -> bool:
    """Whether a run with the threads that were asked for may not be divided among processes, of one thread each.

    A timing decides on these: where it decides the bits, too, the same ``--threads`` would not repeat them.
    """
    return asked != kept(1) or batch % EVEN > 0


def in_words(threads: int, changes: Sequence[Sequence[int]]) -> str:
    """The inverse of `asked_for`."""
    return ",".join([str(threads), *(f"{count}@{step}" for step, count in changes)])


def repeated_by(engine: Mapping[str, Any], batch: int, played: int) -> str:
    """What repeats a run of so many steps whose threads changed, for its last words; empty if they did not.

    engine: of its record, which may have changes after the last step, or to the number that was there.
    """
    counts = {engine["threads"], *(count for step, count in engine["changes"] if step < played)}
    if engine["workers"] or len(counts) == 1:
        return ""
    if engine["apart"] and batch % EVEN:
        return (
            f"its threads changed; no --threads has the same bits again, since processes played the first "
            f"{counted(engine['apart'], 'step')} with a batch of {batch}, which is no multiple of {EVEN}"
        )
    return f"its threads changed; the same bits again: --threads {in_words(engine['threads'], engine['changes'])}"


def gone_on(engine: dict[str, Any], asked: Choice | None, played: int) -> tuple[Choice, dict[str, Any], str]:
    """The threads of a run after so many steps, its engine with them, and a sentence if it becomes one process.

    Worker processes have one thread each: with another number there are none. asked: the number from here on (None: as
    the record has it). Raises UserError for several numbers.
    """
    import torch

    choice, words = Choice(engine["threads"] or torch.get_num_threads(), engine["up_to"], {}, engine["changes"]), ""
    if asked and asked.changes:
        several = in_words(asked.threads, asked.changes)
        raise UserError(f"--threads is {several!r}; a run that is gone on with takes one number, from there on.")
    if asked == kept(1) and engine["workers"]:
        return choice, engine, words
    if asked and engine["workers"]:
        words = (
            f"one process with {counted(asked.threads, 'thread')} from here on, as --threads asks for, in place of "
            f"{engine['workers']} with one thread each (config.json notes it)."
        )
        choice, engine = kept(1), engine | {"workers": 0, "apart": played}
    if asked:
        choice = choice.from_here(played, asked.threads)
    return choice, engine | choice.noted(), words


def choose(match: Match, steps: int) -> Choice:
    """The number of threads for a game of so many steps, by a short measurement of its own step.

    PyTorch's number is the most; it stays where the user has set it. Several threads are taken only if they are clearly
    faster, so that a quiet machine gives the same number each time; a short run has one thread in any case.
    """
    import torch

    most = min(torch.get_num_threads(), cores())
    if match.device.type != "cpu" or by_user():
        return kept(torch.get_num_threads())
    if most == 1:
        return kept(1)
    (seconds, busy), every = measured(match, steps, ladder(most)), match.game.penalty_every
    if seconds and seconds[1] * steps < SHORT_S:
        return Choice(1, most, seconds, [], steps, every)
    if busy or len(seconds) < 2:
        return Choice(1 if busy else most, most, seconds, [], 0, every)
    least = min(seconds.values())
    taken = min(count for count, took in seconds.items() if CLEARLY * took <= least)
    return kept(taken) if taken == 1 else Choice(taken, taken, seconds, [], 0, every)


def measured(match: Match, steps: int, counts: Sequence[int]) -> tuple[dict[int, float], bool]:
    """Seconds of a step with each of these numbers, and whether others hold the cores.

    Only one thread is measured where others do (it waits for nobody), where the run is short or its steps are long.
    PyTorch's number is put back, and neither chance nor state of the run are touched: a step is a pure function.
    """
    import torch

    from ayneh.engine.stacks import first_of

    replicas, one = len(match.replicas), match if len(match.replicas) == 1 else first_of(match, 1)
    before, free, seconds = torch.get_num_threads(), Free(), dict[int, float]()
    enough = SHORT_S / max(1, steps) / replicas
    try:
        for count in counts:
            torch.set_num_threads(count)
            # On a CPU the rows of a stack follow one another.
            seconds[count] = replicas * seconds_of(one, enough)
            if count == counts[0]:
                left = free()
                busy = left < 0.5 if left is not None else load() > cores()
                if busy or seconds[count] * steps < SHORT_S or seconds[count] > LONG_S * replicas:
                    return seconds, busy
    except Exception:  # of a part of one's own: it will fail in the run, and be reported there
        return {}, False
    finally:
        torch.set_num_threads(before)
    return seconds, False


def timed(choice: Choice, match: Match, steps: int) -> Choice:
    """With what the pace compares the rest of a run with, so many steps: the seconds of one with one thread."""
    if not choice.most or match.device.type != "cpu":
        return choice
    seconds, _ = measured(match, steps, [1])
    return choice._replace(seconds=seconds, every=match.game.penalty_every)


def seconds_of(match: Match, enough: float = 0.0) -> float:
    """The shortest of some steps after a first one, which includes set-up; of long steps one.

    The system takes a tenth of a second to give new threads a core each. Two steps are all where the second takes less
    than ``enough`` seconds: what is decided by it does not change with a shorter one. With a lazy penalty it is
    the mean of the steps with and without, as many of each as the game has.
    """
    steps = match.replicas[0].epochs * match.steps_per_epoch
    return sum(share * _shortest(match, enough, first) for first, share in match.kinds().values() if first < steps)


def _shortest(match: Match, enough: float, i: int) -> float:
    """Of step i, again and again: a schedule of one's own need not know any step beyond the run's last."""
    state, took = match.start(), list[float]()
    while len(took) < 4 or sum(took) < STEPS_S:
        if min(took[1:], default=enough) < enough:
            break
        begin = time.perf_counter()
        match.play(state, i)
        took.append(time.perf_counter() - begin)
        if took[-1] > LONG_S:
            break
    return min(took[1:] or took)


class Threads:
    """The number of threads of each step of a run: by its record as far as that goes, then by the pace."""

    def __init__(
        self,
        choice: Choice,
        played: int,
        known: int,
        note: Callable[[Changes], None],
        say: Say,
    ) -> None:
        """played: steps so far, with those that rescues gave up (``given_up``); known: as many, of which the record has
        the threads; note: writes the changes so far; say: gets one sentence when the number first falls.
        """
        self.choice, self.note, self.say, self.given_up = choice, note, say, 0
        self.changes, self.planned = list(choice.changes), dict(choice.changes)
        self.known = max([known, choice.until, *self.planned])
        self.now = choice.at(played)
        self.pace: Pace | None = None
        self.free = Free()
        self._set()

    def after(self, step: int, seconds: float) -> None:
        """A step took so long; so many are played now. Sets the number for the next one."""
        import torch

        played = step + self.given_up
        if played in self.planned:
            self.now = self.planned[played]
            torch.set_num_threads(self.now)
        elif self.choice.most and played >= self.known:
            now = self._pace().step(seconds, self.free)
            if now != self.now:
                self._change(played, now)

    def _pace(self) -> Pace:
        if not self.pace:
            most = min(self.choice.most, cores())
            self.pace = Pace(ladder(most), min(self.now, most), self.choice.seconds, self.choice.every)
        return self.pace

    def _change(self, played: int, now: int) -> None:
        """Another number from here on: written down before the first step with it."""
        if not self.changes and now < self.now:
            why, until = "Another program holds processor cores", " until they are free again"
            if self.now > (here := cores()):
                why, until = f"This machine has {counted(here, 'core')} for it", ""
            self.say(
                f"{why}: training goes on with {now} of {self.now} threads{until} (config.json notes it; "
                f"--threads {self.now} keeps them, and the bits)."
            )
        self.changes.append((played, now))
        self.note(self.changes)
        self.now = now
        self._set()

    def _set(self) -> None:
        import torch

        torch.set_num_threads(self.now)
