"""The threads of a run: chosen, changed by the pace, noted, had again after a kill, and pinned."""

import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
import tyro  # noqa: F401 - here, and not in each child
from tests.training.test_ends import ILL, Ill, in_child

import ayneh.jobs.train
import ayneh.training.begin
import ayneh.training.fit
from ayneh import evaluation
from ayneh.config import Config, Data
from ayneh.engine import threads
from ayneh.engine.match import Match
from ayneh.engine.threads import Choice, Free, Threads, asked_for, choose, cores, in_words, kept, measured
from ayneh.errors import UserError
from ayneh.inverse import reading
from ayneh.probe import examination
from ayneh.record.record import Record
from ayneh.training import journal

# A game whose bits depend on the number of threads, of two steps an epoch.
FLAGS = [
    *("digits", "--data.limit", "128", "--epochs", "4", "--keep.score-epochs", "0", "--keep.checkpoint-epochs", "2"),
    *("--keep.tick-steps", "1", "--quiet"),
]
TINY = ["--data.resize", "8", "--net.width", "4", "--prior.dim", "8"]
SCRIPT = {3: 2, 5: 1}  # steps played: threads from then on


class Scripted:
    """A pace that follows a script."""

    def __init__(self, script):
        self.script, self.played, self.now = script, 0, 1

    def step(self, seconds, free):
        self.now = self.script.get(self.played, self.now)
        return self.now


def play(folder, script, *more, killed=None, verb="train", real=False):
    """A run in a child, whose pace follows the script and which is killed after so many steps: its status, and the
    threads of each step. real: those of PyTorch change, too."""

    def work():
        from ayneh.__main__ import main

        pace, after = Scripted(script), Threads.after

        def watched(self, step, seconds):
            with (folder.parent / "log").open("a") as log:
                print(self.now, file=log)
            pace.played, pace.now = step + self.given_up, self.now
            after(self, step, seconds)
            if pace.played == killed:
                os.kill(os.getpid(), signal.SIGKILL)

        if not real:
            torch.set_num_threads = lambda count: None
        threads.choose = lambda match, steps: Choice(1, 2, {}, [])
        Threads._pace, Threads.after = lambda self: pace, watched
        train = ["train", *FLAGS, *(() if real else TINY), "--out", str(folder)]
        main([*(train if verb == "train" else ["resume", str(folder)]), *more])

    log = folder.parent / "log"
    log.write_text("")
    return in_child(work, folder), [int(line) for line in log.read_text().split()]


def bits(folder):
    """Weights at the end, and lines without the clock."""
    lines = [{k: v for k, v in line.items() if k not in ("wall_s", "images_per_s")} for line in Record(folder).lines()]
    return {name: value.tolist() for name, value in Record(folder).checkpoints.newest()[0].tensors.items()}, lines


def with_changes(tmp_path):
    """Run by real threads in a process that waits without spinning."""
    whole, cut, again, one = (tmp_path / name for name in ("whole", "cut", "again", "one"))
    assert play(whole, SCRIPT, real=True)[0] == 0
    assert os.WIFSIGNALED(play(cut, SCRIPT, killed=7, real=True)[0])
    assert play(cut, {}, verb="resume", real=True)[0] == 0
    assert play(again, {}, "--threads", "1,2@3,1@5", real=True)[0] == 0
    assert play(one, SCRIPT, "--threads", "1", real=True)[0] == 0
    assert bits(cut) == bits(again) == bits(whole) != bits(one)


@pytest.mark.slow
def test_a_run_whose_threads_changed_has_the_same_bits_after_a_kill_and_by_its_record(tmp_path):
    code = "import sys, pathlib, tests.training.test_threads as t; t.with_changes(pathlib.Path(sys.argv[1]))"
    env = {**os.environ, "OMP_WAIT_POLICY": "passive"}
    subprocess.run([sys.executable, "-c", code, tmp_path], env=env, check=True)


FORKS = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


@FORKS
def test_after_a_kill_each_step_has_the_threads_that_the_lost_part_had(tmp_path):
    run = tmp_path / "run"
    status, counts = play(run, SCRIPT, killed=7)
    assert os.WIFSIGNALED(status)
    assert counts == [1, 1, 1, 2, 2, 1, 1]
    record = Record(run)
    assert record.engine()["changes"] == [(3, 2), (5, 1)]
    assert (record.checkpoints.newest()[0].step, record.lines()[-1]["step"]) == (4, 6)
    status, counts = play(run, {5: 2, 6: 2, 7: 1}, verb="resume")  # of which 5 was played, and written down
    assert (status, counts) == (0, [2, 1, 2, 1])
    assert record.engine()["changes"] == [(3, 2), (5, 1), (6, 2), (7, 1)]


@FORKS
@pytest.mark.slow
def test_after_a_rescue_and_a_kill_too(tmp_path, monkeypatch):
    """The rescue goes from step 16 back to 12, so that step 14 is played twice: as the 15th and as the 19th."""
    monkeypatch.setattr(journal, "Doctor", Ill)
    monkeypatch.setattr(journal, "APART_LOOKS", 1)
    run, flags = tmp_path / "run", [*map(str, ILL), "--batch", "32", "--epochs", "5"]
    status, counts = play(run, {14: 2, 18: 1}, *flags, killed=19)
    assert os.WIFSIGNALED(status)
    assert counts == [1] * 14 + [2] * 4 + [1]
    assert play(run, {17: 1}, verb="resume") == (0, [2] * 2 + [1] * 6)


@FORKS
def test_threads_that_are_asked_for_stay(tmp_path):
    kept_there, run = tmp_path / "kept", tmp_path / "run"
    assert play(kept_there, SCRIPT, "--threads", "1") == (0, [1] * 8)
    assert Record(kept_there).engine()["changes"] == []
    assert play(run, SCRIPT, killed=7)[0]
    assert play(run, {5: 1}, "--threads", "2", verb="resume") == (0, [2] * 4)
    engine = Record(run).engine()
    assert (engine["threads"], engine["up_to"], engine["changes"]) == (1, 0, [(3, 2), (4, 2)])


def test_a_change_is_written_before_the_step_and_said_once(monkeypatch):
    monkeypatch.setattr(torch, "set_num_threads", lambda count: log.append(count))
    monkeypatch.setattr(threads, "cores", lambda: 2)
    log = []
    game = Threads(Choice(2, 2, {}, []), 0, 0, lambda changes: log.append(list(changes)), log.append)
    game.pace = Scripted({})
    for step, count in ((1, 2), (2, 1), (3, 2), (4, 1)):
        game.pace.now = count
        game.after(step, 0.01)
    said = [entry for entry in log if isinstance(entry, str)]
    assert len(said) == 1
    assert "1 of 2 threads" in said[0]
    assert [entry for entry in log if not isinstance(entry, str)] == [
        2, [(2, 1)], 1, [(2, 1), (3, 2)], 2, [(2, 1), (3, 2), (4, 1)], 1,
    ]  # fmt: skip


def test_a_short_run_keeps_its_thread_and_one_that_goes_on_longer_may_have_more(monkeypatch):
    monkeypatch.setattr(threads, "cores", lambda: 2)
    changes = []
    game = Threads(Choice(1, 2, {}, [], until=3), 0, 0, changes.extend, print)
    game.pace = Scripted({})
    game.pace.now = 2
    for step in (1, 2):
        game.after(step, 0.01)
    assert (game.now, changes) == (1, [])
    game.after(3, 0.01)
    assert (game.now, changes) == (2, [(3, 2)])
    game.choice = kept(1)
    torch.set_num_threads(1)


def test_a_run_of_many_cores_goes_on_with_those_that_are_there(monkeypatch):
    """More threads than cores wait for one another at each operation."""
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    monkeypatch.setattr(threads, "cores", lambda: 2)
    noted, said = [], []
    game = Threads(Choice(8, 8, {}, []), 4, 6, lambda changes: noted.append(list(changes)), said.append)
    for step in (5, 6, 7):  # up to the sixth as the lost part had them
        game.after(step, 0.01)
    assert noted == [[(6, 2)]]
    assert said == [
        "This machine has 2 cores for it: training goes on with 2 of 8 threads (config.json notes it; --threads 8 "
        "keeps them, and the bits)."
    ]


def test_a_run_that_begins_beside_others_says_so(ayneh, tmp_path, tiny, monkeypatch):
    monkeypatch.setattr(threads, "choose", lambda match, steps: Choice(1, 2, {}, []))
    _, _, error = ayneh("train", "digits", *tiny, "--epochs", 1, "--out", tmp_path / "run")
    assert "Other programs hold processor cores: training begins with one thread" in " ".join(error.split())
    monkeypatch.setattr(threads, "choose", lambda match, steps: Choice(1, 2, {}, [], until=steps))
    _, _, error = ayneh("train", "digits", *tiny, "--epochs", 1, "--out", tmp_path / "short")
    assert "Other programs" not in error


def test_replicas_with_threads_that_are_asked_for_are_not_divided_by_a_timing(ayneh, tmp_path, tiny, monkeypatch):
    """Processes have one thread each, so that with them `--threads` would not decide the bits."""
    monkeypatch.setattr("ayneh.engine.stacks.choose_workers", lambda match, steps: 2)
    flags = ("train", "digits", *tiny, "--epochs", 1, "--seeds", 2, "--threads", "1,1@9", "--out", tmp_path / "run")
    assert ayneh(*flags)[0] == 0
    engine = Record(tmp_path / "run").engine()
    assert (engine["workers"], engine["changes"]) == (0, [(9, 1)])


def test_steps_that_a_rescue_gave_up_count():
    """Step 4 after a rescue from 8 back to 2 is the tenth that is played."""
    choice = Choice(1, 2, {}, [(4, 2), (9, 1)])
    assert [choice.at(played) for played in (0, 3, 4, 8, 9, 20)] == [1, 1, 2, 2, 1, 1]
    game = Threads(choice, 8, 12, lambda changes: None, print)
    game.given_up = 6
    game.after(3, 0.01)
    assert game.now == torch.get_num_threads() == 1


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("0", "--threads is 0; it must lie between 1 and 1024."),
        ("2000", "--threads is 2000; it must lie between 1 and 1024."),
        ("two", "--threads is 'two'; it is a number, or the numbers of another run such as 2,1@350,2@900."),
        ("2,1", "it is a number, or the numbers"),
        ("²", "it is a number, or the numbers"),
        ("-1", "it is a number, or the numbers"),
        ("2,1@9,2@9", "the steps after @ must rise."),
    ],
)
def test_what_is_no_number_of_threads_is_refused(ayneh, tmp_path, tiny, asked, words):
    status, _, error = ayneh("train", "digits", *tiny, "--epochs", 1, f"--threads={asked}", "--out", tmp_path / "run")
    assert status == 2
    assert words in error
    assert not (tmp_path / "run").exists()


def test_python_takes_threads_too(tmp_path):
    config = ayneh.preset("digits").changed({"data.limit": 64, "data.resize": 8, "net.width": 4, "epochs": 1})
    config = config.changed({"keep.score_epochs": 0})
    with pytest.raises(UserError, match="--threads is 0; it must lie between 1 and 1024"):
        ayneh.train(config, out=tmp_path / "run", threads=0, quiet=True)
    run = ayneh.train(config, out=tmp_path / "run", threads="1,1@9", quiet=True)
    assert Record(run.folder).engine()["changes"] == [(9, 1)]
    with pytest.raises(UserError, match="--threads is 1025"):
        run.resume(epochs=2, threads=1025, quiet=True)
    run.resume(epochs=2, threads=1, quiet=True)
    assert Record(run.folder).engine()["changes"] == [(1, 1)]


def test_what_config_json_notes_is_what_the_flag_takes():
    assert asked_for(2) == kept(2)
    assert asked_for(in_words(4, [(3, 2), (90, 1)])) == kept(4, [(3, 2), (90, 1)])
    assert in_words(*asked_for("4, 2@3")[::3]) == "4,2@3"


def small_match(replicas=1):
    from ayneh.engine.match import replicas_of

    config = Config(seeds=replicas, batch=16).changed({"net.width": 4, "prior.dim": 8})
    return Match(replicas_of(config), torch.zeros(64, 1, 8, 8, dtype=torch.uint8), torch.device("cpu"))


@pytest.fixture
def timed(monkeypatch):
    """``timed({threads: seconds}, cores, free)``: a machine on which a step takes so long."""

    def be(seconds, count, free=1.0, env=None):
        now = [count]
        monkeypatch.setattr(torch, "get_num_threads", lambda: now[0])
        monkeypatch.setattr(torch, "set_num_threads", lambda n: now.__setitem__(0, n))
        monkeypatch.setattr(threads, "cores", lambda: count)
        monkeypatch.setattr(threads, "seconds_of", lambda match, enough=0.0: seconds[now[0]])
        monkeypatch.setattr(threads, "Free", lambda: lambda: free)
        for name in threads.BY_USER:
            monkeypatch.delenv(name, raising=False)
        for name, value in (env or {}).items():
            monkeypatch.setenv(name, value)
        return now

    return be


def test_threads_are_chosen_by_the_step_of_this_game(timed):
    match = small_match()
    timed({1: 0.06, 2: 0.036}, 2)
    assert choose(match, 10_000)[:2] == (2, 2)
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


@FORKS
@pytest.mark.slow
@pytest.mark.parametrize("name", ["digits-normal", "part-a-uniform"])
def test_the_bits_of_the_mlp_presets_do_not_depend_on_the_threads(name, tmp_path):
    """As docs/threads.md says; those of the mirror nets do, as the test with real threads shows."""

    def work():
        config = ayneh.preset(name)
        pixels = torch.arange(500 * 28 * 28).remainder(251).to(torch.uint8).view(500, 1, 28, 28)
        match, ends = Match([config], pixels, torch.device("cpu")), []
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            state = match.start()
            for step in range(5):
                state, _ = match.play(state, step)
            ends.append(state)
        assert all(torch.equal(end[key], ends[0][key]) for end in ends for key in end)

    assert in_child(work, tmp_path) == 0


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


def test_cores_are_those_that_affinity_and_quota_leave(monkeypatch, tmp_path):
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(8)), raising=False)
    monkeypatch.setattr(threads, "CGROUP", tmp_path)
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
    monkeypatch.setattr(threads, "_load", lambda: load)
    with threads.among_others():
        assert now == [taken]
    assert now == [4]
    timed({}, 4, free, {"OMP_NUM_THREADS": "4"})
    with threads.among_others():
        assert torch.get_num_threads() == 4


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
    monkeypatch.setattr(threads, "_ticks", lambda: next(looks))
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
