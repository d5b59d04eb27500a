"""Who writes into a run folder: one process at a time, and a former run stays until the new one has a checkpoint."""

import errno
import hashlib
import os
import shutil
from pathlib import Path

import pytest

from ayneh.config import Config
from ayneh.errors import Stopped
from ayneh.record import aside
from ayneh.record.beginning import begun
from ayneh.record.record import Record
from ayneh.training import begin as job
from ayneh.training import fit


class Killed(BaseException):
    """As if the process had died: nothing after it is done."""


def content(folder: Path) -> dict[str, str]:
    """Every file but the lock, by its bytes."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "run.lock"
    }


def checkpointed(record: Record, epoch: int = 7) -> None:
    """As if training had written its first checkpoint."""
    (record.checkpoints.folder / f"epoch-{epoch:04d}.safetensors").write_bytes(b"new")


@pytest.fixture
def dies(monkeypatch):
    """``dies(k)``: the process is killed before its k-th change of the folder; ``dies(None)``: it lives."""
    changes = [
        (shutil, "move"),
        (shutil, "rmtree"),
        (Path, "rename"),
        (Path, "unlink"),
        (Path, "mkdir"),
        (os, "replace"),
    ]
    real = {(where, name): getattr(where, name) for where, name in changes}
    left = [None]

    def counted(key):
        def change(*args, **kwargs):
            if left[0] is not None:
                left[0] -= 1
                if left[0] < 0:
                    raise Killed
            return real[key](*args, **kwargs)

        return change

    for key in changes:
        monkeypatch.setattr(*key, counted(key))

    def set_to(k):
        left[0] = k

    return set_to


@pytest.fixture
def former(own_run):
    """A finished run with a person's own files and an export beside it."""
    (own_run / "samples" / "mine.png").write_bytes(b"mine")
    (own_run / "samples" / "epoch-0001-replica-0 (copy).png").write_bytes(b"mine")
    (own_run / "checkpoints" / "notes.txt").write_bytes(b"mine")
    (own_run / "evaluation-notes.json").write_bytes(b"mine")
    (own_run / "deep" / "checkpoints").mkdir(parents=True)
    (own_run / "deep" / "checkpoints" / "best.safetensors").write_bytes(b"mine")
    (own_run / "export-onnx").mkdir()
    (own_run / "export-onnx" / "README.md").write_bytes(b"of the former run")
    (own_run / "evaluation-epoch-0001-replica-1.json").write_bytes(b"{}")
    return own_run


PERSON = {
    *("samples/mine.png", "samples/epoch-0001-replica-0 (copy).png", "checkpoints/notes.txt", "evaluation-notes.json"),
    "deep/checkpoints/best.safetensors",
}


def test_overwrite_touches_only_what_training_names_and_marks_a_stale_export(ayneh, former, tiny):
    before = content(former)
    status, _, err = ayneh("train", "digits", *tiny, "--epochs", 1, "--out", former, "--overwrite")
    assert status == 0, err
    after = content(former)
    assert {name: before[name] for name in PERSON} == {name: after[name] for name in PERSON}
    assert after["export-onnx-of-replaced-run/README.md"] == before["export-onnx/README.md"]
    assert f"{former / 'export-onnx'}, an export of the replaced run, is renamed export-onnx-of-replaced-run." in err
    assert not {name for name in after if name.startswith(("export-onnx/", "replac", "discarded"))}
    assert "evaluation-epoch-0001-replica-1.json" not in after
    assert "checkpoints/epoch-0002.safetensors" not in after
    assert Record.open(former).standing().state == "finished"


def test_a_second_stale_export_has_a_number(former):
    for _ in range(2):
        with begun(former, Config(), {}, overwrite=True) as record:
            checkpointed(record)
        (former / "export-onnx").mkdir()
    assert {path.name for path in former.glob("export-onnx?*")} == {
        "export-onnx-of-replaced-run", "export-onnx-of-replaced-run-2"}  # fmt: skip


def test_a_new_run_that_ends_before_its_first_checkpoint_gives_the_former_back(ayneh, former, tiny, monkeypatch):
    before = content(former)

    def breaks_down(self):
        record = self.record
        assert record.config().epochs == 1
        assert not record.lines()
        (record.samples / "epoch-0000.png").write_bytes(b"new")
        record.append({"step": 1, "epoch": 0, "images": 1})
        raise Stopped("The game broke down.")

    monkeypatch.setattr(fit.Fit, "to_its_end", breaks_down)
    status, _, err = ayneh("train", "digits", *tiny, "--epochs", 1, "--out", former, "--overwrite")
    assert status == 1
    assert "The game broke down." in err
    assert f"{former}: the run that was to be replaced is back, since the new one ended before its first check" in err
    assert content(former) == before


def test_whenever_overwrite_is_killed_one_whole_run_is_there(former, tmp_path, dies, capsys):
    before, k, ends = content(former), 0, set()
    dies(None)
    while True:
        folder = tmp_path / "copy"
        shutil.copytree(former, folder)
        dies(k)
        try:
            with begun(folder, Config(epochs=5), {}, overwrite=True) as record:
                record.append({"step": 1, "epoch": 0, "images": 1})
                checkpointed(record)
                record.discard_replaced()
            finished = True
        except Killed:
            finished = False
        dies(None)
        record = Record.open(folder)  # any verb
        after = content(folder)
        if record.config().epochs == 5:
            ends.add("new")
            assert record.lines()
            assert record.checkpoints.epochs() == [7]
            assert {name: after[name] for name in PERSON} == {name: before[name] for name in PERSON}
        else:
            ends.add("former")
            assert after == before
        assert not [path for path in folder.iterdir() if path.name.endswith(".run")]
        shutil.rmtree(folder)
        if finished:
            break
        k += 1
    assert ends == {"former", "new"}
    assert k > 20


@pytest.mark.slow
def test_whenever_the_way_back_is_killed_the_former_run_comes_back(former, tmp_path, dies):
    before, k = content(former), 0
    dies(None)
    while True:
        folder = tmp_path / "copy"
        shutil.copytree(former, folder)
        aside.set_aside(folder)
        Record.create(folder, Config(epochs=5), {}).append({"step": 1, "epoch": 0, "images": 1})
        dies(k)
        try:
            Record.open(folder)
            finished = True
        except Killed:
            finished = False
        dies(None)
        assert Record.open(folder).config().epochs == 3
        assert content(folder) == before
        shutil.rmtree(folder)
        if finished:
            break
        k += 1
    assert k > 20


def test_while_the_new_run_trains_nobody_puts_the_former_back(former):
    with begun(former, Config(epochs=5), {}, overwrite=True):
        assert Record.open(former).config().epochs == 5
        assert (former / "replaced.run").is_dir()
    assert Record.open(former).config().epochs == 3


@pytest.mark.parametrize("overwrite", [False, True])
def test_who_is_refused_has_written_nothing(ayneh, tmp_path, tiny, own_run, overwrite, monkeypatch):
    """The other process begins while this one still reads its images."""
    folder = own_run if overwrite else tmp_path / "new"
    locks = []
    real = job.lay_out

    def slowly(*args, **kwargs):
        found = real(*args, **kwargs)
        locks.append(begun(folder, Config(epochs=9), {}, overwrite))
        locks[0].__enter__()
        locks.append(content(folder))
        return found

    monkeypatch.setattr(job, "lay_out", slowly)
    status, _, err = ayneh("train", "digits", *tiny, "--out", folder, *["--overwrite"] * overwrite)
    assert status == 2
    assert f"Another process is training in {folder}; wait for it or choose another --out." in err
    assert content(folder) == locks[1]
    assert Record.open(folder).config().epochs == 9
    locks[0].__exit__(None, None, None)


def test_who_comes_after_a_run_was_begun_is_refused_too(ayneh, tmp_path, tiny, monkeypatch):
    real = job.lay_out

    def slowly(*args, **kwargs):
        with begun(tmp_path / "new", Config(epochs=9), {}, overwrite=False) as record:
            checkpointed(record)
        return real(*args, **kwargs)

    monkeypatch.setattr(job, "lay_out", slowly)
    status, _, err = ayneh("train", "digits", *tiny, "--out", tmp_path / "new")
    assert (status, "holds another run" in err) == (2, True)
    assert Record.open(tmp_path / "new").config().epochs == 9


@pytest.mark.slow
@pytest.mark.parametrize("overwrite", [False, True])
def test_of_two_that_start_at_once_one_trains_and_can_go_on(process, ayneh, tmp_path, tiny, own_run, overwrite):
    folder = own_run if overwrite else tmp_path / "two"
    flags = ["train", "digits", *tiny, "--epochs", 30, "--out", folder, "--quiet", *["--overwrite"] * overwrite]
    children = [process(*flags, "--seed", seed) for seed in (1, 2)]
    ended = [child.communicate(timeout=120)[1] for child in children]
    statuses = [child.returncode for child in children]
    if overwrite and statuses == [0, 0]:  # one after the other: the second replaced the first
        return
    assert sorted(statuses) == [0, 2], ended
    winner = 1 + statuses.index(0)
    assert Record.open(folder).config().seed == winner
    status, _, err = ayneh("resume", folder, "--epochs", 31)
    assert status == 0, err


@pytest.mark.parametrize("leftover", ["run.lock", ".config.json.0123abcd.part", "samples/", "checkpoints/"])
def test_what_a_kill_leaves_before_config_json_is_no_obstacle(ayneh, tmp_path, tiny, leftover):
    place = tmp_path / "run" / leftover
    if leftover.endswith("/"):
        place.mkdir(parents=True)
    else:
        place.parent.mkdir()
        place.touch()
    status, _, err = ayneh("train", "digits", *tiny, "--epochs", 1, "--out", tmp_path / "run")
    assert status == 0, err
    assert not list((tmp_path / "run").glob(".*.part"))


@pytest.mark.parametrize("strange", ["notes.txt", "samples/mine.png", "checkpoints/x.safetensors", "other/"])
def test_a_folder_with_anything_else_is_refused(ayneh, tmp_path, tiny, strange):
    place = tmp_path / "run" / strange
    place.parent.mkdir(parents=True)
    place.mkdir() if strange.endswith("/") else place.touch()
    for more in ([], ["--overwrite"]):
        status, _, err = ayneh("train", "digits", *tiny, "--out", tmp_path / "run", *more)
        assert (status, "is not empty and not a run of ayneh" in err) == (2, True)


def test_after_a_full_disk_the_command_to_run_again_is_not_that_of_the_run_that_is_back(ayneh, own_run, monkeypatch):
    """`resume` would go on with the run that was to be replaced."""
    from ayneh.files import whole

    def full(number):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = (own_run / "config.json").read_bytes()
    real = Record.append
    monkeypatch.setattr(Record, "append", lambda *args: (monkeypatch.setattr(whole.os, "fsync", full), real(*args)))
    flags = ["--epochs", 2, "--batch", 64, "--data.limit", 200]
    flags += ["--keep.checkpoint-epochs", 2, "--keep.sample-epochs", 2]
    status, _, err = ayneh("train", "digits", "--out", own_run, "--overwrite", *flags)
    assert status == 1
    assert "The same command starts from the first step, since" in err
    assert "`ayneh resume" not in err
    monkeypatch.undo()
    assert (own_run / "config.json").read_bytes() == before
