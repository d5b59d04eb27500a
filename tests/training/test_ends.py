"""The end of an epoch is done again after a kill: a child kills itself at each of its file operations in turn."""

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from safetensors.torch import load_file

from ayneh.doctor import rescue
from ayneh.record import abandoned, record
from ayneh.record.checkpoint import read_head
from ayneh.record.record import Record
from ayneh.training import journal

OPERATIONS = ("os.rename", "os.remove", "os.mkdir", "open")


def crash_after(folder: Path, operations: int) -> None:
    """Kill this process before the file operation of this number in a folder; only writing counts."""
    left = [operations]

    def watch(event, args):
        if event not in OPERATIONS or not str(args[0]).startswith(str(folder)):
            return
        if event == "open" and not (isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)):
            return
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def in_child(work, folder: Path, operations: int | None = None) -> int:
    """Do this in a forked child that is killed at an operation; its status."""
    child = os.fork()
    if not child:
        status = 1
        try:
            sink = os.open(os.devnull, os.O_WRONLY)
            os.dup2(sink, 1), os.dup2(sink, 2)
            if operations is not None:
                crash_after(folder, operations)
            work()
            status = 0
        except SystemExit as error:
            status = int(error.code or 0)
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1]


def seen(folder: Path, observe) -> dict:
    """All that a run folder holds but for the clock, and the bytes of its pictures."""
    found = observe(folder)
    for event in found["findings"]:
        event.pop("advice", None)  # its command names the epochs, which grow in between
    found["pictures"] = {path.name: path.read_bytes() for path in (folder / "samples").glob("*")}
    if (folder / "rescues.json").exists():
        found["rescues"] = json.loads((folder / "rescues.json").read_text())
        lines = [json.loads(line) for line in (folder / "abandoned.jsonl").read_text().splitlines()]
        found["abandoned"] = [{k: v for k, v in one.items() if k not in ("wall_s", "images_per_s")} for one in lines]
    found["attic"] = sorted(str(path.relative_to(folder)) for path in (folder / "abandoned").rglob("*.safetensors"))
    found["generators"] = {  # not the number of epochs that was asked for then, which is in their headers
        path.name: (read_head(path).step, {name: x.tolist() for name, x in load_file(path).items()})
        for path in (folder / "generators").glob("*")
    }
    return found


SCORED = ["--keep.score-epochs", 1, "--keep.score-images", 100, "--keep.vitals-steps", 4]
ILL = ["--rescue", 1, "--keep.vitals-steps", 4, "--keep.tick-steps", 4]
CURE = SimpleNamespace(cure=SimpleNamespace(changes={"optimizer.lr": 1e-4}), name="jump", evidence="It fell.",
                       since_step=14)  # fmt: skip


class Ill:
    """A doctor with a finding at step 12, who finds the run ill at step 16 until it has been brought back once."""

    def __init__(self, config, labels=None):
        self.step, self.given_up = 0, 0

    def look(self, line):
        self.step, self.given_up = line["step"], line.get("images_given_up", 0)
        event = {"step": 12, "epoch": 2, "replica": 0, "name": "odd", "appeared": True, "severity": "note"}
        return [SimpleNamespace(words="odd", as_dict=lambda: event)] if self.step == 12 else []

    def treatable(self):
        return [CURE] if self.step >= 16 and not self.given_up else []

    def content(self):
        return not self.treatable()


def ends_alike(main, tmp_path: Path, observe, flags, first: int, last: int, every: int) -> int:
    """Kill a run at every ``every``-th of its operations, resume it, and compare; how often it was killed."""
    whole, started = tmp_path / "whole", tmp_path / "started"
    train = ["train", "digits", *flags, "--quiet", "--out"]
    in_child(lambda: main([*train, str(whole), "--epochs", str(last)]), whole)
    expected = seen(whole, observe)
    in_child(lambda: main([*train, str(started), "--epochs", str(first)]), started)
    kills, operation = 0, 0
    while True:
        cut = Path(shutil.copytree(started, tmp_path / "cut")) if first else tmp_path / "cut"
        begin = ["resume", str(cut), "--epochs", str(last), "--quiet"]
        status = in_child(lambda begin=begin: main(begin), cut, operation)
        if not os.WIFSIGNALED(status):
            assert kills
            return kills
        kills += 1
        assert in_child(lambda cut=cut: main(["resume", str(cut), "--epochs", str(last), "--quiet"]), cut) == 0, (
            operation
        )
        found = seen(cut, observe)
        for part, value in expected.items():
            assert found[part] == value, (operation, part)
        assert Record(cut).standing().state == Record(whole).standing().state
        shutil.rmtree(cut)
        operation += every


@pytest.fixture
def main():
    """The command line, with everything imported that a child would import."""
    import torch

    from ayneh.__main__ import main

    assert torch.get_num_threads() == 1
    return main


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_scored_run_killed_at_any_operation_ends_as_one_never_killed(main, tmp_path, tiny, observed):
    assert ends_alike(main, tmp_path, observed, [*tiny, *map(str, SCORED)], 1, 2, 1) > 20


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_rescued_run_killed_at_any_operation_ends_as_one_never_killed(main, tmp_path, tiny, observed, monkeypatch):
    monkeypatch.setattr(journal, "Doctor", Ill)
    monkeypatch.setattr(journal, "APART_LOOKS", 1)  # a healthy checkpoint after each epoch
    assert ends_alike(main, tmp_path, observed, [*tiny, *map(str, ILL)], 3, 4, 1) > 40
    assert len(rescue.of(Record(tmp_path / "whole"))) == 1


@pytest.mark.parametrize(
    "write",
    [*(pytest.param(k, marks=pytest.mark.slow) for k in range(3)), 3],
    ids=["lost lines", "findings marked", "metrics", "findings"],
)
def test_a_rescue_that_is_cut_short_is_finished(ayneh, tmp_path, tiny, observed, monkeypatch, write):
    """Before each of the files that it writes anew."""
    monkeypatch.setattr(journal, "Doctor", Ill)
    monkeypatch.setattr(journal, "APART_LOOKS", 1)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    train = ["train", "digits", *tiny, *ILL, "--epochs", 4, "--quiet", "--out"]
    assert ayneh(*train, whole)[0] == 0
    assert len(rescue.of(Record(whole))) == 1
    left, abandon, lines = [write], rescue.abandon, record.write_lines

    def watched(*args):
        def killed(path, found):
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            lines(path, found)

        with monkeypatch.context() as patched:
            patched.setattr(record, "write_lines", killed)
            patched.setattr(abandoned, "write_lines", killed)
            abandon(*args)

    with monkeypatch.context() as patched:
        patched.setattr(rescue, "abandon", watched)
        assert ayneh(*train, cut)[0] == 130
    assert ayneh("resume", cut, "--quiet")[0] == 0
    assert seen(cut, observed) == seen(whole, observed)


# -- in this process: what a kill leaves, made by deleting files ---------------------------------------------------


def without_line(folder: Path, name: str = "metrics.jsonl") -> None:
    lines = (folder / name).read_text().splitlines()
    (folder / name).write_text("".join(f"{line}\n" for line in lines[:-1]))


def without(folder: Path, pattern: str) -> None:
    for path in list(folder.glob(pattern)):
        path.unlink()


LEFT = {  # what a kill in the last epoch's end can leave undone, in the order in which it is done
    "picture": lambda run: (without(run, "samples/epoch-0000.png"), without(run, "samples/animation.gif")),
    "line": lambda run: (without_line(run), without(run, "findings.jsonl")),
    "half a line": lambda run: (run / "metrics.jsonl").write_bytes((run / "metrics.jsonl").read_bytes()[:-40]),
    "findings": lambda run: without(run, "findings.jsonl"),
    "last checkpoint": lambda run: without(run, "checkpoints/epoch-0000.safetensors"),
    "damaged last checkpoint": lambda run: (run / "checkpoints/epoch-0000.safetensors").write_bytes(b"cut off"),
    "best": lambda run: without(run, "checkpoints/best.safetensors"),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A run of one scored epoch with a finding."""
    from ayneh.__main__ import main

    folder = tmp_path_factory.mktemp("whole") / "run"
    small = ["--data.resize", "8", "--data.limit", "128", "--batch", "32", "--net.width", "4", "--prior.dim", "8"]
    keep = ["--keep.sample-epochs", "1", "--keep.checkpoint-epochs", "1", "--rules.ema-halflife-images", "0"]
    main(["train", "digits", *small, *keep, *map(str, SCORED), "--epochs", "1", "--quiet", "--out", str(folder)])
    assert Record(folder).checkpoints.step_of("best") == Record(folder).lines()[-1]["step"]
    assert Record(folder).events()
    return folder


@pytest.mark.parametrize("left", LEFT)
def test_what_a_kill_left_undone_is_done(ayneh, whole, tmp_path, observed, left):
    run = Path(shutil.copytree(whole, tmp_path / "run"))
    LEFT[left](run)
    status, _, err = ayneh("resume", run)
    assert status == 0, err
    assert seen(run, observed) == seen(whole, observed)
    missing = "last checkpoint" in left
    assert ("writing what is missing of its last epoch" in err) is missing
    assert ("finished already" in err) is not missing
    before = seen(run, observed)
    assert ayneh("resume", run, "--quiet")[0] == 0
    assert seen(run, observed) == before


def test_a_finished_run_is_not_written_again(ayneh, whole, tmp_path):
    run = Path(shutil.copytree(whole, tmp_path / "run"))
    before = {path: path.stat().st_mtime_ns for path in run.glob("checkpoints/*")}
    assert ayneh("resume", run, "--quiet")[0] == 0
    assert {path: path.stat().st_mtime_ns for path in run.glob("checkpoints/*")} == before


@pytest.mark.slow
def test_the_best_of_a_resumed_run_is_that_of_an_uninterrupted_one_however_slow_the_scores(ayneh, tmp_path, tiny):
    """The clock decides nothing: with scores that take minutes all of them are taken."""
    flags = [*tiny, *SCORED, "--optimizer.lr", 0.02]
    for name, epochs in (("whole", [6]), ("cut", [2, 3, 6])):
        verb = ["train", "digits", *flags, "--out"]
        for last in epochs:
            status, _, err = ayneh(*verb, tmp_path / name, "--epochs", last, "--quiet")
            assert status == 0, err
            verb = ["resume"]
    runs = [Record(tmp_path / name) for name in ("whole", "cut")]
    assert all("scores" in line for run in runs for line in run.lines())
    assert len({run.checkpoints.step_of("best") for run in runs}) == 1
    assert runs[0].checkpoints.step_of("best") is not None


def test_the_bytes_of_checkpoints_follow_from_the_run_alone(ayneh, tmp_path, tiny):
    for name in ("a", "b"):
        assert ayneh("train", "digits", *tiny, *SCORED, "--epochs", 2, "--quiet", "--out", tmp_path / name)[0] == 0
    ours, theirs = (
        {path.name: path.read_bytes() for path in (tmp_path / name / "checkpoints").iterdir()} for name in ("a", "b")
    )
    assert ours == theirs
