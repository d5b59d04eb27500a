"""The policy of threads in simulations: a machine that is quiet, taken, noisy, taken for a while, or slow by itself."""

import random
from itertools import pairwise

import pytest

from ayneh.engine.pace import LONGEST_S, PATIENCE_S, Pace, ladder

QUIET = {1: 0.06, 2: 0.036}  # of `mirror` on two cores, as measured
TAKEN = {1: 0.06, 2: 2.05}


class Machine:
    """Plays steps of a game whose seconds depend on the number of threads and on the time."""

    def __init__(self, pace, seconds, free=None, dearer=1.0):
        """dearer: how much longer a step with a lazy penalty takes."""
        self.pace, self.seconds, self.free, self.now = pace, seconds, free, 0.0
        self.dearer, self.played = dearer, 0
        self.counts = [(0.0, pace.now)]

    def play(self, until):
        while self.now < until:
            took = self.seconds(self.now)[self.pace.now]
            took *= self.dearer if self.played % self.pace.every == 0 else 1.0
            self.now, self.played = self.now + took, self.played + 1
            before = self.pace.now
            if self.pace.step(took, lambda: self.free(self.now) if self.free else None) != before:
                self.counts.append((self.now, self.pace.now))
        return [count for _, count in self.counts]


def test_one_half_and_all():
    assert [ladder(n) for n in (1, 2, 3, 8)] == [[1], [1, 2], [1, 2, 3], [1, 4, 8]]


def test_on_a_quiet_machine_nothing_changes_also_with_noise():
    chance = random.Random(0)

    def noisy(now):
        rare = 8.0 if chance.random() < 0.003 else 1.0  # a step that something else has interrupted
        return {count: took * chance.uniform(0.9, 1.25) * rare for count, took in QUIET.items()}

    assert Machine(Pace([1, 2], 2), noisy).play(600) == [2]


def test_a_core_that_is_taken_costs_a_few_seconds_and_then_one_thread():
    machine = Machine(Pace([1, 2], 2), lambda now: TAKEN if now > 20 else QUIET, lambda now: 0.0 if now > 20 else 1.0)
    assert machine.play(600) == [2, 1]
    assert 20 < machine.counts[1][0] < 26


def test_a_spell_that_ends_is_followed_by_all_threads_again():
    taken = lambda now: 20 < now < 60  # noqa: E731
    machine = Machine(Pace([1, 2], 2), lambda now: TAKEN if taken(now) else QUIET, lambda now: 0.0 if taken(now) else 1)
    assert machine.play(300) == [2, 1, 2]
    assert 60 <= machine.counts[2][0] < 60 + PATIENCE_S


def test_where_the_system_does_not_count_a_higher_number_is_tried_ever_more_rarely():
    machine = Machine(Pace([1, 2], 2), lambda now: TAKEN if now > 20 else QUIET)
    counts = machine.play(1000)
    assert counts == [2, *[1, 2] * (len(counts) // 2)][: len(counts)]
    at_one = [
        then - now for (now, count), (then, _) in zip(machine.counts, machine.counts[1:], strict=False) if count == 1
    ]
    assert all(later > earlier - 0.1 for earlier, later in pairwise(at_one))
    assert len(at_one) <= 10
    assert max(at_one) < LONGEST_S + 1
    tried = sum(then - now for (now, count), (then, _) in pairwise(machine.counts) if count == 2)
    assert tried < 20 + 0.07 * 1000


def test_and_taken_again_when_the_spell_has_ended():
    machine = Machine(Pace([1, 2], 2), lambda now: TAKEN if 20 < now < 100 else QUIET)
    assert machine.play(600)[-1] == 2


def test_a_machine_that_is_slow_by_itself_keeps_its_threads():
    """Such as one whose processor is hot: one thread is slow then, too."""
    hot = {1: 0.18, 2: 0.11}
    counts = Machine(Pace([1, 2], 2), lambda now: hot if now > 20 else QUIET).play(600)
    assert counts in ([2], [2, 1, 2])


def test_beside_one_program_many_cores_lose_half_of_them_and_no_more():
    quiet, taken = {1: 0.4, 8: 0.06, 16: 0.04}, {1: 0.4, 8: 0.06, 16: 1.5}
    machine = Machine(Pace([1, 8, 16], 16), lambda now: taken if now > 20 else quiet, lambda now: 7.0)
    counts = machine.play(60)
    assert 1 not in counts
    assert counts[-1] == 8


def test_a_run_that_goes_on_beside_others_is_compared_with_the_step_of_one_thread():
    assert Machine(Pace([1, 2], 2, {1: 0.06}), lambda now: TAKEN, lambda now: 0.0).play(60) == [2, 1]
    assert Machine(Pace([1, 2], 1, {1: 0.06}), lambda now: TAKEN, lambda now: 0.0).play(60) == [1]


@pytest.mark.parametrize(
    ("plain", "dearer", "every"), [(0.3, 2, 4), (0.3, 3, 4), (0.2, 2.5, 4), (0.2, 2.5, 16), (0.05, 2, 16)]
)
def test_long_steps_with_a_lazy_penalty_are_compared_by_whole_turns(plain, dearer, every):
    """Windows of one to three steps had a penalised one or had none, which looked like the threads' doing."""
    mean = plain * (dearer - 1 + every) / every

    def end(factor):
        pace = Pace([1, 2], 1, {1: mean}, every)
        machine = Machine(pace, lambda now: {1: plain, 2: factor * plain}, lambda now: 1.0, dearer)
        machine.play(300)
        at_two = sum(then - now for (now, count), (then, _) in pairwise([*machine.counts, (300.0, 0)]) if count == 2)
        return len(machine.counts), at_two

    assert end(0.75)[0] == 2  # up once, and it stays
    assert end(1.25)[1] < 30


def test_nor_does_a_taken_core_wait_for_the_end_of_a_turn():
    taken = lambda now: TAKEN if now > 20 else QUIET  # noqa: E731
    machine = Machine(Pace([1, 2], 2, {}, 100), taken, lambda now: 0.0 if now > 20 else 1.0, 2.0)
    assert machine.play(100) == [2, 1]
    assert machine.counts[1][0] < 45
