"""The checkpoints of a run: which are kept, found and gone on from, and what damage does to them."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

from ayneh.errors import UserError
from ayneh.pictures import save_images
from ayneh.record.checkpoint import read_checkpoint
from ayneh.record.head import Origin
from ayneh.record.record import Record


def rewritten(run, change):
    """The newest checkpoint with other tensors, and a checksum that fits."""
    found, _ = Record(run).checkpoints.newest()
    tensors = change(dict(found.tensors))
    Record(run).checkpoints.write(
        found.path.stem, found.step, found.config, found.image_shape, tensors, found.meter_steps, found.data
    )


CHANGES = {
    "a tensor is missing": (lambda x: {k: v for k, v in x.items() if k != "gen/0.weight"}, "gen/0.weight is missing"),
    "one too many": (lambda x: x | {"other": torch.zeros(1)}, "other belongs to no net"),
    "an odd shape": (lambda x: x | {"gen/0.weight": x["gen/0.weight"][:, :4]}, "gen/0.weight has the shape"),
    "an odd type": (lambda x: x | {"gen/0.weight": x["gen/0.weight"].long()}, "gen/0.weight has the type int64"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_tensors_that_are_not_those_of_the_nets_are_refused(ayneh, own_run, case):
    change, words = CHANGES[case]
    rewritten(own_run, change)
    status, _, err = ayneh("resume", own_run, "--epochs", 4, "--quiet")
    assert status == 2
    assert words in err
    assert "Traceback" not in err


def test_a_copy_with_another_name_is_left_out_with_a_word(ayneh, own_run):
    copy = own_run / "checkpoints" / "epoch-0002 (copy).safetensors"
    shutil.copy(own_run / "checkpoints" / "epoch-0002.safetensors", copy)
    status, _, err = ayneh("resume", own_run)
    assert status == 0, err
    assert f"{copy} is ignored: ayneh does not write files of this name." in err
    assert copy.exists()


@pytest.fixture(scope="module")
def on_pictures(tmp_path_factory, tiny):
    """A run on a folder of 150 images, for tests that copy it."""
    from ayneh.__main__ import main
    from ayneh.data.sources import load

    folder = tmp_path_factory.mktemp("pictured")
    save_images(folder / "images", load("digits", "train", limit=150).pixels)
    data = ["--data.name", f"folder:{folder / 'images'}"]
    main(["train", "digits", *tiny, *data, "--epochs", "1", "--quiet", "--out", str(folder / "run")])
    return folder


@pytest.fixture
def pictured(on_pictures):
    """The run and its images, at the place where it was trained, free to be changed."""
    kept = shutil.copytree(on_pictures, on_pictures.with_name("pictured-kept"))
    yield on_pictures / "run", on_pictures / "images"
    shutil.rmtree(on_pictures)
    kept.rename(on_pictures)


@pytest.mark.parametrize("verb", [("sample", "--n", "4", "--out", "images.npz"), ("evaluate", "--n", "100", "--quiet")])
def test_an_older_checkpoint_in_place_of_a_damaged_one_is_named(ayneh, own_run, verb, tmp_path, monkeypatch):
    """Images of the epoch before were drawn without a word."""
    monkeypatch.chdir(tmp_path)
    path = Record(own_run).checkpoints.path("epoch-0002")
    path.write_bytes(path.read_bytes()[:-1])
    status, _, err = ayneh(verb[0], own_run, *verb[1:])
    assert status == 0, err
    assert f"{path} is damaged" in err
    assert "epoch-0001.safetensors, after step" in err


def test_resume_names_a_damaged_checkpoint_and_lost_metrics_though_it_is_quiet(ayneh, own_run):
    path = Record(own_run).checkpoints.path("epoch-0002")
    path.write_bytes(path.read_bytes()[:-1])
    status, _, err = ayneh("resume", own_run, "--quiet")
    assert status == 0, err
    assert "is damaged" in err
    assert "Going on from the one before it." in err
    (own_run / "metrics.jsonl").unlink()
    status, _, err = ayneh("resume", own_run, "--quiet", "--epochs", 4)
    assert status == 0, err
    assert "are missing; it goes on without them." in err


@pytest.mark.parametrize("stray", ["epoch-0099.safetensors", "epoch-10000.safetensors"])
def test_a_file_with_the_name_of_a_later_epoch_costs_no_checkpoint(ayneh, own_run, stray):
    """It counted as one of the last two, and the last but one was deleted."""
    folder = own_run / "checkpoints"
    shutil.copy(folder / "epoch-0002.safetensors", folder / stray)
    assert ayneh("resume", own_run, "--epochs", 4)[0] == 0
    assert {"epoch-0002.safetensors", "epoch-0003.safetensors", stray} <= {path.name for path in folder.iterdir()}


def test_a_folder_in_the_place_of_a_checkpoint_is_named(ayneh, own_run):
    path = Record(own_run).checkpoints.path("epoch-0002")
    path.unlink()
    path.mkdir()
    status, _, err = ayneh("resume", own_run)
    assert status == 1
    assert f"{path} could not be written or read" in err


def test_a_checkpoint_holds_where_its_images_came_from(pictured):
    run, images = pictured
    data = Record(run).checkpoints.newest()[0].data
    assert (data.images, data.path) == (128, str(images))
    assert len(data.fingerprint) == 64


def test_images_that_changed_are_refused_with_both_counts(ayneh, pictured):
    run, images = pictured
    for path in sorted(images.glob("*.png"))[:60]:
        path.unlink()
    status, _, err = ayneh("resume", run, "--epochs", 2)
    assert status == 2
    assert f"{run} was trained on 128 images of {images}, and there are " in err
    assert "--data PATH" in err


def test_other_pixels_in_as_many_files_are_refused(ayneh, pictured):
    run, images = pictured
    paths = sorted(images.glob("*.png"))
    for path in paths[1:100]:
        shutil.copy(paths[0], path)
    status, _, err = ayneh("resume", run, "--epochs", 2)
    assert status == 2
    assert f"{run} was trained on 128 images of {images}, and " in err


def test_a_moved_folder_is_taken_and_remembered(ayneh, pictured, tmp_path):
    run, images = pictured
    images.rename(tmp_path / "moved")
    status, _, err = ayneh("resume", run, "--epochs", 2)
    assert status == 2
    assert "--data PATH" in err
    status, _, err = ayneh("resume", run, "--epochs", 2, "--data", tmp_path / "moved")
    assert status == 0, err
    assert Record(run).config().data.name == f"folder:{tmp_path / 'moved'}"
    assert ayneh("resume", run, "--epochs", 3)[0] == 0
    assert Record(run).checkpoints.newest()[0].data.path == str(tmp_path / "moved")


def test_a_moved_folder_with_other_images_is_refused_and_nothing_is_changed(ayneh, pictured, tmp_path):
    from ayneh.data.sources import load

    run, _ = pictured
    save_images(tmp_path / "other", load("digits", "test", limit=150).pixels)
    before = (run / "config.json").read_bytes()
    assert ayneh("resume", run, "--epochs", 2, "--data", tmp_path / "other")[0] == 2
    assert ayneh("resume", run, "--data", tmp_path / "nowhere")[0] == 2
    assert (run / "config.json").read_bytes() == before


def test_data_of_a_named_set_have_no_path(ayneh, own_run, tmp_path):
    status, _, err = ayneh("resume", own_run, "--data", tmp_path)
    assert status == 2
    assert "digits, which has no path" in err


def test_a_run_of_a_device_that_is_not_here_goes_on_on_another(ayneh, own_run):
    values = json.loads((own_run / "config.json").read_text())
    values["engine"]["device"] = "cuda:7"
    (own_run / "config.json").write_text(json.dumps(values))
    status, _, err = ayneh("resume", own_run, "--epochs", 4)
    assert status == 2
    assert "--device cpu" in err
    status, _, err = ayneh("resume", own_run, "--epochs", 4, "--device", "cpu")
    assert status == 0, err
    assert "on cpu instead of cuda:7; from here on the last bits of its numbers may differ" in err
    assert Record(own_run).engine()["device"] == "cpu"
    assert ayneh("resume", own_run, "--epochs", 5)[0] == 0


def test_the_arithmetic_of_cuda_alone_is_refused_elsewhere(ayneh, own_run):
    values = json.loads((own_run / "config.json").read_text())
    values["engine"]["device"] = "cuda:0"
    values["config"]["precision"] = "tf32"
    (own_run / "config.json").write_text(json.dumps(values))
    for path in own_run.rglob("*"):  # as before its first step
        if path.is_file() and path.name != "config.json":
            path.unlink()
    status, _, err = ayneh("resume", own_run, "--device", "cpu")
    assert status == 2
    assert "only CUDA devices have" in err


def test_the_state_of_a_run_is_in_its_file(tiny_run):
    path = Record(tiny_run).checkpoints.path("epoch-0002")
    assert load_file(path).keys() == read_checkpoint(path).tensors.keys()
    with pytest.raises(UserError, match="trained on 3 images, and there are 4 now: bring the former version"):
        Origin("ab", 3, None).refuse_others(Origin("cd", 4, None), tiny_run)
