"""Callbacks see each line of metrics once, also over kills, and change nothing; one that raises costs nothing."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from ayneh.errors import Stopped, UserError
from ayneh.record.record import Record
from ayneh.studies.stack import play
from ayneh.training import callbacks
from ayneh.training.callbacks import CALLBACKS, Callbacks, named

CLOCK = ("wall_s", "images_per_s")
PARTS = """
import json, os, signal
import ayneh

class Seen:
    def note(self, *what):
        with open(os.environ["SEEN"], "a") as file:
            file.write(json.dumps(what) + "\\n")
    def on_start(self, run, step, memory):
        memory["starts"] = memory.get("starts", 0) + 1
        self.note("start", step, memory["starts"])
    def on_tick(self, line):
        self.note("tick", line)
    def on_epoch(self, line, run):
        assert (run.folder / "samples" / f"epoch-{line['epoch']:04d}.png").exists()
        self.note("epoch", line["step"])
    def on_end(self, run):
        self.note("end", run.step)

class Killer:
    def on_tick(self, line):
        if line["step"] == int(os.environ.get("KILL_AT", 0)):
            os.kill(os.getpid(), signal.SIGKILL)

ayneh.add("callback", "seen", Seen)
ayneh.add("callback", "killer", Killer())
"""
TICKS = ["--keep.tick-steps", 1, "--keep.checkpoint-epochs", 2, "--keep.vitals-steps", 2]


@pytest.fixture
def offer(monkeypatch):
    """``offer(name=callback)`` puts callbacks into the table."""
    return lambda **found: [monkeypatch.setitem(CALLBACKS, name, one) for name, one in found.items()]


def tensors(run: Path) -> dict:
    """The last checkpoint's."""
    return load_file(max((run / "checkpoints").glob("epoch-*.safetensors")))


def same(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def told(run: Path) -> list[dict]:
    return [{k: v for k, v in line.items() if k not in CLOCK} for line in Record.open(run).lines()]


@pytest.mark.slow
def test_each_line_is_seen_once_over_kills_and_resumes(ayneh, tmp_path, tiny):
    """Killed after step 7, whose last checkpoint is of step 0, then after 11, whose last one is of 8, then resumed."""
    run, seen = tmp_path / "run", tmp_path / "seen"

    parts = tmp_path / "parts.py"
    parts.write_text(PARTS)

    def begin(*args, **env):
        command = [sys.executable, "-m", "ayneh", *map(str, args), "--parts", str(parts)]
        return subprocess.run(command, env=os.environ | {"SEEN": str(seen)} | env, capture_output=True, text=True)

    flags = [*tiny, *TICKS, "--epochs", 4, "--keep.callbacks", "seen", "--callbacks", "killer", "--out", run]
    assert begin("train", "digits", *flags, KILL_AT="7").returncode == -9
    assert begin("resume", run, KILL_AT="11").returncode == -9
    ended = begin("resume", run)
    assert ended.returncode == 0, ended.stderr
    notes = [json.loads(line) for line in seen.read_text().splitlines()]
    lines = [{k: v for k, v in note[1].items() if k not in CLOCK} for note in notes if note[0] == "tick"]
    assert lines == told(run)
    assert [line["step"] for line in lines] == list(range(1, 17))
    assert [note[1] for note in notes if note[0] == "epoch"] == [4, 8, 12, 16]
    assert [note[0] for note in notes].count("end") == 1
    assert [note[1:] for note in notes if note[0] == "start"] == [[0, 1], [7, 2], [11, 3]]
    assert ayneh("train", "digits", *tiny, *TICKS, "--epochs", 4, "--out", tmp_path / "plain")[0] == 0
    assert same(tensors(run), tensors(tmp_path / "plain"))


@pytest.mark.parametrize(("at", "where"), [(6, "step 6 of 8, and saved"), (8, "The run is finished, and saved")])
def test_a_callback_that_raises_stops_a_run_that_is_saved(ayneh, tmp_path, tiny, offer, at, where):
    """In the middle of an epoch, and at the end: what follows equals a run that nothing stopped, bit for bit."""
    run, others = tmp_path / "run", []

    class Breaks:
        def on_tick(self, line):
            if line["step"] == at:
                line["step"] // 0

    offer(breaks=Breaks, other=lambda line: others.append(line["step"]))
    flags = [*tiny, *TICKS, "--epochs", 2]
    status, _, err = ayneh("train", "digits", *flags, "--callbacks", "breaks", "other", "--out", run)
    assert status == 1
    place = f"{__file__}:{Breaks.on_tick.__code__.co_firstlineno + 2}"
    assert f"The callback 'breaks' raised in on_tick at step {at}: ZeroDivisionError: " in err
    assert f"({place}). " in err
    assert where in err
    assert others == list(range(1, at + 1))  # the others saw the line as well
    status, _, err = ayneh("resume", run)
    assert status == 0, err
    assert others == list(range(1, 9))
    assert ayneh("train", "digits", *flags, "--out", tmp_path / "plain")[0] == 0
    assert same(tensors(run), tensors(tmp_path / "plain"))
    assert told(run) == told(tmp_path / "plain")


def test_a_callback_can_stop_a_run_and_on_end_can_fail(ayneh, tmp_path, tiny, offer):
    class Enough:
        def on_epoch(self, line, run):
            raise Stopped("it is good enough")

    class Last:
        def on_end(self, run):
            raise KeyError("no such plot")

    offer(enough=Enough, last=Last)
    status, _, err = ayneh("train", "digits", *tiny, "--epochs", 3, "--callbacks", "enough", "--out", tmp_path / "a")
    assert status == 1
    assert "The callback 'enough' stopped the run in on_epoch at step 4: it is good enough. Stopped at step 4" in err
    assert Record.open(tmp_path / "a").checkpoints.epochs() == [0]
    status, _, err = ayneh("train", "digits", *tiny, "--epochs", 1, "--callbacks", "last", "--out", tmp_path / "b")
    assert status == 1
    assert "raised in on_end at step 4: KeyError: 'no such plot'" in err
    assert (tmp_path / "b" / "samples" / "animation.gif").exists()


def test_what_a_callback_changes_does_not_reach_the_training(ayneh, tmp_path, tiny, offer):
    def meddles(line):
        line["loss_d"][0] = "nonsense"
        torch.manual_seed(0)
        torch.set_grad_enabled(False)
        torch.set_default_dtype(torch.float64)

    seen = []
    offer(meddles=meddles, after=lambda line: seen.append(line["loss_d"][0]))
    for name, flags in (("plain", []), ("watched", ["--callbacks", "meddles", "after"])):
        status, _, err = ayneh("train", "digits", *tiny, *TICKS, "--epochs", 2, *flags, "--out", tmp_path / name)
        assert status == 0, err
    assert same(tensors(tmp_path / "plain"), tensors(tmp_path / "watched"))
    assert told(tmp_path / "plain") == told(tmp_path / "watched")
    assert seen == [line["loss_d"][0] for line in told(tmp_path / "plain")]  # each has a copy of its own


def test_what_is_no_callback_is_refused_before_anything_is_written(ayneh, tmp_path, tiny, offer):
    def broken():
        raise RuntimeError("no key")

    class NoKey:
        def __init__(self):
            broken()

    offer(number=3, key=NoKey)
    for name, words in (
        ("tensorbord", "There is no callback called 'tensorbord'. Did you mean 'tensorboard'?"),
        ("number", "The callback 'number' is 3; it must be a function of a line, or an object with on_tick(line)"),
        ("key", "The callback 'key' cannot be made: RuntimeError: no key"),
    ):
        status, _, err = ayneh("train", "digits", *tiny, "--callbacks", name, "--out", tmp_path / name)
        assert status == 2
        assert words in err
    assert not (tmp_path / "tensorbord").exists()


def test_resume_takes_other_callbacks_or_none(ayneh, tmp_path, tiny, offer):
    run, first, second = tmp_path / "run", [], []
    offer(first=lambda line: first.append(line["step"]), second=lambda line: second.append(line["step"]))
    flags = [*tiny, "--keep.tick-steps", 2]
    assert ayneh("train", "digits", *flags, "--epochs", 1, "--callbacks", "first", "--out", run)[0] == 0
    assert ayneh("resume", run, "--epochs", 2, "--callbacks", "second", "--quiet")[0] == 0
    assert Record.open(run).config().keep.callbacks == ("second",)
    assert ayneh("resume", run, "--epochs", 3, "--callbacks", "--quiet")[0] == 0
    assert ayneh("resume", run, "--epochs", 4, "--callbacks", "first")[0] == 0
    assert (first, second) == ([2, 4, 14, 16], [6, 8])


def test_a_memory_that_is_no_json_stops_the_run_and_a_damaged_file_is_said(ayneh, tmp_path, tiny, offer):
    class Remembers:
        def on_start(self, run, step, memory):
            self.memory = memory

        def on_tick(self, line):
            self.memory["tensor"] = torch.zeros(1)

    offer(remembers=Remembers, fine=lambda line: None)
    run = tmp_path / "run"
    status, _, err = ayneh("train", "digits", *tiny, "--epochs", 2, "--callbacks", "remembers", "--out", run)
    assert status == 1
    assert "The memory of a callback is no JSON" in err
    (run / "callbacks.json").write_text('{"callbacks": 7}')
    status, _, err = ayneh("resume", run, "--callbacks", "fine")
    assert status == 0
    assert "callbacks.json: callbacks" in err.replace("\n", " ")


def test_a_rescue_takes_the_marks_back(tmp_path):
    class Seen:
        def __init__(self):
            self.steps = []

        def on_tick(self, line):
            self.steps.append(line["step"])

    record, seen = Record(tmp_path), Seen()
    (tmp_path / "config.json").write_text("{}")  # a run is there
    one = Callbacks(record, {"seen": seen})
    for step in (2, 4, 6):
        one.tick({"step": step})
    again = Callbacks(record, {"seen": seen}, 2, rescued=(1, 2))  # back to step 2
    for step in (4, 6, 8):
        again.tick({"step": step})
    resumed = Callbacks(record, {"seen": seen}, 4, rescued=(1, 2))
    for step in (6, 8, 10):
        resumed.tick({"step": step})
    assert seen.steps == [2, 4, 6, 4, 6, 8, 10]


def test_objects_have_names_of_their_own():
    def watch(line): ...

    assert list(named([watch, watch, callbacks.TensorBoard])) == ["watch", "watch-2", "TensorBoard"]
    with pytest.raises(UserError, match="The callback 'str' is"):
        Callbacks(Record(Path()), named(["nonsense"]))


def test_runs_of_a_study_have_callbacks_each(tmp_path, offer):
    from dataclasses import replace

    from ayneh.config import Keep, Net
    from ayneh.presets import PRESETS
    from ayneh.studies.design import Run, Study

    ended = []

    class Seen:
        def on_start(self, run, step, memory):
            self.steps = []

        def on_tick(self, line):
            self.steps.append(line["step"])
            if broken and line["step"] == 2:
                raise ValueError("2")

        def on_end(self, run):
            ended.append((str(run.folder.relative_to(tmp_path)), self.steps))

    offer(seen=Seen)
    base = PRESETS["digits"].config
    config = replace(
        base, epochs=2, batch=32, device="cpu", net=Net("mlp", width=8), keep=Keep(tick_steps=2, callbacks=("seen",)),
        data=replace(base.data, resize=8, limit=128),
    )  # fmt: skip
    study = Study("two", arms={"a": {}, "b": {}}, looks=(1,), images=100)
    runs = [Run("a", config), Run("b", replace(config, optimizer=replace(config.optimizer, lr=1e-3)))]
    broken = True
    with pytest.raises(Stopped, match="The callback 'seen' raised in on_tick at step 2: ValueError: 2"):
        play(runs, tmp_path, study)
    assert Record.open(tmp_path / runs[0].place).checkpoints.epochs() == [0]  # the epoch was played to its end
    broken = False
    assert play(runs, tmp_path, study)
    assert ended == [("runs/a/seed-000", [4, 6, 8]), ("runs/b/seed-000", [4, 6, 8])]  # 4 was written meanwhile


def test_the_end_is_seen_once(ayneh, tmp_path, tiny, offer):
    run, ends = tmp_path / "run", []

    class Seen:
        def on_end(self, run):
            ends.append(len(list(run.folder.glob("samples/*.gif"))))

    offer(seen=Seen)
    assert ayneh("train", "digits", *tiny, "--epochs", 1, "--callbacks", "seen", "--out", run)[0] == 0
    assert ayneh("resume", run)[0] == 0  # a finished one
    assert ends == [1]
    assert ayneh("resume", run, "--epochs", 2)[0] == 0
    assert ends == [1, 1]


async def later(line):
    pass


def made(line):
    yield line


class Later:
    async def on_epoch(self, line, run):
        pass


class Called:
    async def __call__(self, line):
        pass


@pytest.mark.parametrize("one", [later, made, Later, Later(), Called(), partial(later), partial(partial(Called()))])
def test_a_callback_that_a_call_would_not_run_is_refused(one):
    with pytest.raises(UserError, match="is asynchronous or a generator .*define it by `def`"):
        callbacks.check("mine", one, {})


def test_add_refuses_what_is_no_callback():
    import ayneh

    with pytest.raises(UserError, match="The callback 'mine' is 3; it must be a function of a line, or an object"):
        ayneh.add("callback", "mine", 3)
    with pytest.raises(UserError, match="gives the callback 'mine' the argument 'every', and takes none"):
        ayneh.add("callback", "mine", callbacks.TensorBoard, every=5)
    with pytest.raises(UserError, match="There is a built-in callback called 'mlflow'"):
        ayneh.add("callback", "mlflow", print)


def test_a_callback_that_ends_the_process_or_cannot_be_closed_stops_a_run_that_is_saved(ayneh, tmp_path, tiny, offer):
    class Leaves:
        def on_tick(self, line):
            raise SystemExit(0)

        def close(self):
            raise RuntimeError("it is not open")

    offer(leaves=Leaves)
    run = tmp_path / "run"
    status, _, err = ayneh("train", "digits", *tiny, *TICKS, "--callbacks", "leaves", "--out", run)
    assert status == 1
    assert "The callback 'leaves' could not be closed: RuntimeError: it is not open" in err
    assert "The callback 'leaves' raised in on_tick at step 1: SystemExit: 0" in err
    assert "Stopped at step 1 of" in err
    assert Record.open(run).checkpoints.newest()[0].step == 1
