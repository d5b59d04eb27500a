"""The threads of a run: chosen, changed by the pace, noted, had again after a kill, and pinned."""

import os
import signal
import subprocess
import sys

import pytest
import torch
import tyro  # noqa: F401 - here, and not in each child
from tests.training.test_ends import ILL, Ill, in_child

import ayneh.jobs.train
import ayneh.training.begin
import ayneh.training.fit
from ayneh.engine import threads
from ayneh.engine.threads import Choice, Threads, asked_for, in_words, kept
from ayneh.errors import UserError
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
    assert (engine["threads"], engine["up_to"], engine["changes"]) == (1, 0, [(3, 2)])  # which it had already


def test_only_another_number_is_a_change():
    """Else a run whose threads stayed as they were would say at its end that they changed."""
    choice = Choice(1, 2, {}, [(3, 2), (5, 1), (9, 2)])
    assert choice.from_here(4, 2) == kept(1, [(3, 2)])
    assert choice.from_here(5, 1) == kept(1, [(3, 2), (5, 1)])
    assert choice.from_here(9, 1) == kept(1, [(3, 2), (5, 1)])
    assert choice.from_here(9, 4) == kept(1, [(3, 2), (5, 1), (9, 4)])
    assert kept(1).from_here(4, 1) == kept(1)


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
        ("2,1@9,2@9", "the steps after @ must rise, to at most"),
        ("2,1@99999999999999999999", "the steps after @ must rise, to at most 1,000,000,000,000,000."),
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
    with pytest.raises(UserError, match="^threads is 0; it must lie between 1 and 1024"):
        ayneh.train(config, out=tmp_path / "run", threads=0, quiet=True)
    run = ayneh.train(config, out=tmp_path / "run", threads="1,1@9", quiet=True)
    assert Record(run.folder).engine()["changes"] == [(9, 1)]
    with pytest.raises(UserError, match="^threads is 1025"):
        run.resume(epochs=2, threads=1025, quiet=True)
    run.resume(epochs=2, threads=1, quiet=True)
    assert Record(run.folder).engine()["changes"] == []  # it would have had one thread in any case


def test_what_config_json_notes_is_what_the_flag_takes():
    assert asked_for(2) == kept(2)
    assert asked_for(in_words(4, [(3, 2), (90, 1)])) == kept(4, [(3, 2), (90, 1)])
    assert in_words(*asked_for("4, 2@3")[::3]) == "4,2@3"
