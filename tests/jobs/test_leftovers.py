"""What is left of a run is gone on with, or refused in a sentence; files of other names are left out with a word."""

import shutil

import pytest

from ayneh.record import aside
from ayneh.record.record import Record


def content(folder):
    """Every file but the lock."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "run.lock"}


@pytest.mark.parametrize("pictures", [True, False])
def test_a_run_whose_checkpoints_are_gone_is_not_begun_anew(ayneh, own_run, pictures):
    shutil.rmtree(own_run / "checkpoints")
    if not pictures:
        shutil.rmtree(own_run / "samples")
    before = content(own_run)
    status, _, err = ayneh("resume", own_run)
    assert status == 2
    assert (
        f"{own_run} was trained for 3 epochs, and none of its checkpoints is left: put one back, or begin anew" in err
    )
    assert content(own_run) == before


def test_a_run_that_was_killed_before_its_first_checkpoint_begins_anew(ayneh, own_run):
    whole = [line["mean_loss_d"] for line in Record(own_run).lines()]
    shutil.rmtree(own_run / "checkpoints")
    Record(own_run).rewind(4)
    status, _, err = ayneh("resume", own_run)
    assert status == 0, err
    assert [line["mean_loss_d"] for line in Record(own_run).lines()] == whole


def test_a_run_whose_metrics_are_gone_goes_on_with_a_word(ayneh, own_run):
    (own_run / "metrics.jsonl").unlink()
    status, _, err = ayneh("resume", own_run, "--epochs", 4)
    assert status == 0, err
    assert f"The metrics of {own_run} up to step 12 are missing; it goes on without them." in err
    assert [line["epoch"] for line in Record(own_run).lines()] == [2, 3]  # epoch 2 is in the checkpoint too


def test_a_run_whose_config_is_gone_is_named(ayneh, own_run):
    (own_run / "config.json").unlink()
    status, _, err = ayneh("resume", own_run)
    assert (status, "it has no config.json, although it has checkpoints: put config.json back" in err) == (2, True)


# -- names of pictures and checkpoints ----------------------------------------------------------------------------


def test_from_epoch_10_000_on_pictures_and_checkpoints_are_in_the_order_of_their_numbers(own_run):
    record = Record(own_run)
    for epoch in (9_999, 10_000, 100_000, 99_999):
        for replica in (0, 1):
            shutil.copy(record.sample_path(0, replica, 2), record.sample_path(epoch, replica, 2))
        shutil.copy(record.checkpoints.path("epoch-0000"), record.checkpoints.path(f"epoch-{epoch:04d}"))
    expected = [0, 1, 2, 9_999, 10_000, 99_999, 100_000]
    assert list(record.pictures(1, 2)) == expected
    assert record.checkpoints.epochs() == expected
    assert record.checkpoints.at_epoch(10_000).step == 4
    assert record.epoch_of(record.checkpoints.at_epoch(100_000)) == 100_000
    assert "samples/epoch-100000-replica-1.png" in {str(path) for path in aside.own_files(own_run)}
    record.checkpoints.thin_out(keep_epochs=10**9, now=100_000)
    assert record.checkpoints.epochs() == [99_999, 100_000]


CHECKPOINTS = ("epoch-0011 (copy)", "epoch-11", "epoch-", "healthy-x", "epoch-00012")
PICTURES = ("epoch-0003.png.bak", "epoch-0001-replica-0 copy.png", "epoch-x.png", "epoch-0001-replica-.png")
STRAYS = [f"checkpoints/{name}.safetensors" for name in CHECKPOINTS] + [f"samples/{name}" for name in PICTURES]


@pytest.mark.parametrize("stray", STRAYS)
def test_a_stray_file_is_left_out_with_a_word(ayneh, own_run, stray):
    record = Record(own_run)
    kind = "checkpoints/epoch-0002.safetensors" if stray.startswith("c") else "samples/epoch-0001-replica-0.png"
    shutil.copy(own_run / kind, own_run / stray)
    before = record.pictures(0, 2), record.checkpoints.epochs(), record.checkpoints.newest()[0].path
    assert (list(before[0]), before[1], before[2].name) == ([0, 1, 2], [0, 1, 2], "epoch-0002.safetensors")
    assert record.checkpoints.healthy_before(99) is None
    record.checkpoints.thin_healthy(1)
    status, _, err = ayneh("resume", own_run, "--epochs", 4)
    assert status == 0, err
    assert f"{own_run / stray} is ignored: ayneh does not write files of this name." in err
    assert (own_run / stray).exists()


def test_the_word_on_a_stray_file_is_said_once(own_run, capsys):
    (own_run / "checkpoints" / "epoch-0011 (copy).safetensors").touch()
    for _ in range(3):
        Record(own_run).checkpoints.epochs()
    stray = own_run / "checkpoints" / "epoch-0011 (copy).safetensors"
    assert capsys.readouterr().err == f"{stray} is ignored: ayneh does not write files of this name.\n"
