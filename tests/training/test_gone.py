"""A run whose folder is moved or deleted while it trains."""

import shutil

import pytest

from ayneh.record.record import Record
from ayneh.training.callbacks import CALLBACKS


@pytest.mark.parametrize("at", [2, 4, 5])  # amid an epoch, at its end, and before a checkpoint is due
@pytest.mark.parametrize("away", [True, False])
def test_such_a_run_stops_and_makes_no_new_folder(ayneh, tmp_path, tiny, monkeypatch, at, away):
    run, place = tmp_path / "run", tmp_path / "elsewhere"

    def moves(line):
        if line["step"] == at and run.exists():
            run.rename(place) if away else shutil.rmtree(run)

    monkeypatch.setitem(CALLBACKS, "moves", moves)
    ticks = ["--keep.tick-steps", 1, "--keep.checkpoint-epochs", 1]
    status, _, err = ayneh("train", "digits", *tiny, *ticks, "--epochs", 3, "--callbacks", "moves", "--out", run)
    assert status == 1
    assert f"{run} holds no run any more (it has no config.json): it was moved or deleted meanwhile" in err
    assert not run.exists()
    if away:
        status, _, err = ayneh("resume", place)
        assert status == 0, err
        assert Record.open(place).lines()[-1]["step"] == 12
