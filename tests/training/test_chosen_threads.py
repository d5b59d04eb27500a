"""How many threads a run or another long work takes: by a timing of its own step, by the cores that are free."""

from types import SimpleNamespace

import pytest
import torch
import tyro  # noqa: F401 - here, and not in each child

from ayneh import evaluation
from ayneh.config import Config, Data
from ayneh.engine import cores as machine
from ayneh.engine import threads
from ayneh.engine.cores import Free, cores
from ayneh.engine.match import Match
from ayneh.engine.threads import Choice, Threads, choose, kept, measured
from ayneh.errors import UserError
from ayneh.inverse import reading
from ayneh.probe import examination
from ayneh.record.record import Record

FORKS = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def small_match(replicas=1, **changes):
    from ayneh.engine.match import replicas_of

    config = Config(seeds=replicas, batch=16).changed({"net.width": 4, "prior.dim": 8} | changes)
    return Match(replicas_of(config), torch.zeros(64, 1, 8, 8, dtype=torch.uint8), torch.device("cpu"))


@pytest.fixture
def timed(monkeypatch):
    """``timed({threads: seconds}, cores, free)``: a machine on which a step takes so long."""

    def be(seconds, count, free=1.0, env=None):
        now = [count]
        monkeypatch.setattr(torch, "get_num_threads", lambda: now[0])
        monkeypatch.setattr(torch, "set_num_threads", lambda n: now.__setitem__(0, n))
        for module in (machine, threads):
            monkeypatch.setattr(module, "cores", lambda: count)
            monkeypatch.setattr(module, "Free", lambda: lambda: free)
        monkeypatch.setattr(threads, "seconds_of", lambda match, enough=0.0: seconds[now[0]])
        for name in machine.BY_USER:
            monkeypatch.delenv(name, raising=False)
        for name, value in (env or {}).items():
            monkeypatch.setenv(name, value)
        return now

    return be


def test_threads_are_chosen_by_the_step_of_this_game(timed):
    match = small_match()
    timed({1: 0.06, 2: 0.036}, 2)
    assert choose(match, 10_000)[:2] == (2, 2)
    lazy = choose(small_match(**{"rules.penalty": "r1", "rules.penalty_every": 3}), 10_000)
    assert lazy[:2] == (2, 2)
    assert Threads(lazy, 0, 0, print, print)._pace().every == 3
    timed({1: 0.06, 2: 0.058}, 2)  # not clearly faster: the other core stays free, and the choice is always the same
    assert choose(match, 10_000) == kept(1)
    timed({1: 0.06, 4: 0.02, 8: 0.05}, 8)
    assert choose(match, 10_000)[:2] == (4, 4)
    timed({1: 0.06}, 2, free=0.1)  # others hold the cores: two threads are not even tried, and may come later
    assert choose(match, 10_000)[:2] == (1, 2)
    for free in (1.0, 0.0):  # so short a run has one thread whatever the machine does, until it is gone on with
        timed({1: 0.06}, 2, free)
        assert choose(match, 20) == Choice(1, 2, {1: 0.06}, [], until=20)
    timed({1: 0.4}, 2)  # a long step is measured while it is trained
    assert choose(match, 10_000)[:2] == (2, 2)
    timed({}, 1)
    assert choose(match, 10_000) == kept(1)
    timed({}, 2)  # the step fails: it will in the run, where the sentence is
    assert choose(match, 10_000)[:2] == (2, 2)
    for number in ("2", "2,1", " 2"):
        timed({}, 2, env={"OMP_NUM_THREADS": number})  # the user's choice
        assert choose(match, 10_000) == kept(2)
    for none in ("", "abc", "0", "-2"):  # OpenMP leaves it out, too
        timed({1: 0.06, 2: 0.036}, 2, env={"OMP_NUM_THREADS": none})
        assert choose(match, 10_000)[:2] == (2, 2)


def test_a_stack_is_measured_by_one_of_its_replicas(timed):
    now = timed({1: 0.06, 2: 0.03}, 2)
    assert measured(small_match(3), 10_000, [1, 2]) == ({1: pytest.approx(0.18), 2: pytest.approx(0.09)}, False)
    assert now == [2]  # as before


def test_the_measurement_leaves_chance_and_threads_alone():
    match, before = small_match(), torch.get_rng_state()
    start = match.start()
    state, _ = match.play(start, 0)
    measured(match, 10**6, [1])
    assert torch.equal(torch.get_rng_state(), before)
    again, _ = match.play(start, 0)
    assert all(torch.equal(state[name], again[name]) for name in state)


@pytest.mark.parametrize(("every", "steps"), [(1, {0}), (3, {0, 1}), (1000, {0, 1})])
def test_the_measurement_plays_steps_of_the_run_alone(monkeypatch, every, steps):
    """A schedule of one's own may be a table with an entry for each step, which fails beyond the last one."""
    match, played = small_match(epochs=1, **{"rules.penalty": "r1", "rules.penalty_every": every}), set()
    monkeypatch.setattr(match, "play", lambda state, i: played.add(i))
    monkeypatch.setattr(threads, "STEPS_S", 0.0)
    threads.seconds_of(match)
    assert played == steps


def test_cores_are_those_that_affinity_and_quota_leave(monkeypatch, tmp_path):
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(8)), raising=False)
    monkeypatch.setattr(machine, "CGROUP", tmp_path)
    assert cores() == 8
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert cores() == 8
    (tmp_path / "cpu.max").write_text("250000 100000\n")
    assert cores() == 3
    (tmp_path / "cpu.max").unlink()
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("50000\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert cores() == 1
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("-1\n")
    assert cores() == 8


@pytest.mark.parametrize(
    ("free", "load", "taken"), [(3.8, 9, 4), (1.2, 0, 1), (2.9, 0, 3), (0.0, 0, 1), (None, 0.5, 4), (None, 5.0, 1)]
)
def test_an_evaluation_takes_the_cores_that_are_free(timed, monkeypatch, free, load, taken):
    now = timed({}, 4, free)
    monkeypatch.setattr(machine, "load", lambda: load)
    with machine.among_others():
        assert now == [taken]
    assert now == [4]
    timed({}, 4, free, {"OMP_NUM_THREADS": "4"})
    with machine.among_others():
        assert torch.get_num_threads() == 4


def test_and_no_more_than_a_container_has(timed, monkeypatch):
    now = timed({}, 4, 3.8)
    monkeypatch.setattr(machine, "cores", lambda: 2)
    with machine.among_others():
        assert now == [2]
    assert now == [4]


@pytest.mark.parametrize(
    ("place", "first", "call"),
    [
        (evaluation, "read_images", lambda: evaluation.train_judge(Data("folder:x"))),
        (examination, "default_epochs", lambda: examination.probe(None)),
        (reading, "critic_of", lambda: reading.read(SimpleNamespace(config=0, image_shape=0, tensors=0, labels=0))),
    ],
    ids=["a judge in training", "the probe", "the mirror's reading"],
)
def test_so_do_other_works_of_minutes(timed, monkeypatch, place, first, call):
    now, seen = timed({}, 4, 1.2), []

    def note(*given, **named):
        seen.append(now[0])
        raise KeyError

    monkeypatch.setattr(place, first, note)
    with pytest.raises(KeyError):
        call()
    assert seen == [1]
    assert now == [4]


def test_free_cores_are_counted_between_two_looks(monkeypatch):
    looks = iter([{0: (100, 1000), 1: (100, 1000)}, {0: (100, 1010), 1: (109, 1010)}, {}, {0: (0, 5)}])
    monkeypatch.setattr(machine, "_ticks", lambda: next(looks))
    free = Free()
    assert free() == pytest.approx(0.9)
    assert free() is None  # the system does not count
    assert free() is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([[5, 0]], "engine.changes is 0; it must lie between 1 and 1024."),
        ([[5, 2], [5, 1]], "engine.changes has steps that do not rise."),
    ],
)
def test_a_record_with_impossible_threads_is_refused(tmp_path, changes, words):
    record = Record.create(tmp_path / "run", Config(), {"device": "cpu", "threads": 1, "changes": changes})
    with pytest.raises(UserError, match=words):
        record.engine()
