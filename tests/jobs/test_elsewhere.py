"""A run on a folder of the user's own goes on from any current folder, and after the images have moved."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from ayneh.data.sources import load
from ayneh.pictures import save_images
from ayneh.record.record import Record


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The current folder, with 128 digits in pictures/train and 24 in pictures/test, one folder for each class."""
    images = load("digits", "train", limit=152)
    for index, (pixels, label) in enumerate(zip(images.pixels, images.labels, strict=True)):
        place = tmp_path / "home" / "pictures" / ("train" if index < 128 else "test") / str(int(label))
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[0].numpy()).save(place / f"{index}.png")
    monkeypatch.chdir(tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Call it to make another folder the current one."""

    def go() -> Path:
        (tmp_path / "elsewhere").mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / "elsewhere")
        return tmp_path / "home" / "run"

    return go


def trained(ayneh, tiny, epochs=1, out="run"):
    args = ["--data.name", "folder:pictures", "--epochs", epochs, "--out", out]
    status, _, err = ayneh("train", "digits", *tiny, *args)
    assert status == 0, err


def rename(run, name):
    """What an earlier version wrote, or what a user edits."""
    head = json.loads((run / "config.json").read_text())
    head["config"]["data"]["name"] = name
    (run / "config.json").write_text(json.dumps(head))


def weights(run):
    return load_file(sorted((run / "checkpoints").glob("epoch-*.safetensors"))[-1])


def same(a, b):
    return a.keys() == b.keys() and all(a[k].equal(b[k]) for k in a)


@pytest.mark.slow
def test_every_verb_works_from_another_folder(ayneh, tiny, home, elsewhere):
    trained(ayneh, tiny, 2, "whole")
    trained(ayneh, tiny)
    assert ayneh("judge", "train", "--data", "folder:pictures", "--resize", 8, "--epochs", 6, "--quiet")[0] == 0
    run = elsewhere()
    assert Record(run).config().data.name == f"folder:{home / 'pictures'}"
    for args in (
        ["resume", run, "--epochs", 2],
        ["evaluate", run, "--n", 20],
        ["mirror", run, "--images", 200, "--invert", 2],
        ["diagnose", run, "--probe", "--probe-steps", 2],
        ["export", run],
    ):
        status, out, err = ayneh(*args)
        assert (status, "gone" in err) == (0, False), (args, out, err)
    assert same(weights(run), weights(home / "whole"))


def test_a_run_whose_images_moved_goes_on_once_its_config_names_the_new_place(ayneh, tiny, home, elsewhere):
    trained(ayneh, tiny, 2, "whole")
    trained(ayneh, tiny)
    (home / "pictures").rename(home / "moved")
    run = elsewhere()
    for verb in (["resume", run, "--epochs", 2], ["mirror", run, "--images", 200, "--invert", 0]):
        status, _, err = ayneh(*verb)
        assert status == 2
        said = " ".join(err.split())
        assert f"{run} was trained on folder:{home / 'pictures'}, which does not exist: put the images back" in said
        assert f"`ayneh resume {run} --data PATH`" in said
    rename(run, f"folder:{home / 'moved'}")
    for verb in (["resume", run, "--epochs", 2], ["mirror", run, "--images", 200, "--invert", 0]):
        status, _, err = ayneh(*verb)
        assert status == 0, err
    assert same(weights(run), weights(home / "whole"))


def test_an_older_run_with_a_relative_path_goes_on_where_it_was_trained(ayneh, tiny, home, elsewhere, monkeypatch):
    trained(ayneh, tiny)
    rename(home / "run", "folder:pictures")
    run = elsewhere()
    status, _, err = ayneh("resume", run, "--epochs", 2)
    assert status == 2
    said = " ".join(err.split())
    assert (
        f"{run} was trained on folder:pictures, which does not exist in {Path.cwd()}: run the command in the folder"
        in said
    )
    assert f"`ayneh resume {run} --data PATH`" in said
    monkeypatch.chdir(home)
    status, _, err = ayneh("resume", "run", "--epochs", 2)
    assert status == 0, err


def test_other_images_are_not_taken_for_those_of_the_run(ayneh, tiny, home):
    trained(ayneh, tiny)
    images = load("digits", "train", limit=142).pixels
    save_images(home / "fewer", images[:40])
    save_images(home / "coloured", images * torch.tensor([1, 0, 0], dtype=torch.uint8)[:, None, None])
    for name, words in (("fewer", "there are {} of {} now"), ("coloured", "the images of {1} have other pixels now")):
        rename(home / "run", f"folder:{home / name}")
        status, _, err = ayneh("resume", "run", "--epochs", 2)
        said = " ".join(err.split())
        assert (status, f"was trained on 128 images of {home / 'pictures'}, and " in said) == (2, True)
        left = len(load(f"folder:{home / name}", "train", resize=8).pixels)
        assert words.format(left, home / name) in said


def test_an_edit_beside_the_path_is_refused_as_before(ayneh, tiny, home):
    trained(ayneh, tiny)
    shutil.copytree(home / "pictures", home / "others")
    head = json.loads((home / "run" / "config.json").read_text())
    head["config"]["data"] |= {"name": f"folder:{home / 'others'}", "limit": 100}
    (home / "run" / "config.json").write_text(json.dumps(head))
    status, _, err = ayneh("resume", "run", "--epochs", 2)
    assert (status, "data.limit" in err) == (2, True)


def test_a_folder_of_test_images_may_move_too(ayneh, tiny, home):
    args = ["--data.name", "folder:pictures/train", "--data.test", "pictures/test", "--out", "run"]
    status, _, err = ayneh("train", "digits", *tiny, *args, "--epochs", 1)
    assert status == 0, err
    (home / "pictures" / "test").rename(home / "held")
    for args in (["resume", "run", "--epochs", 2], ["evaluate", "run"]):
        status, _, err = ayneh(*args)
        assert status == 2
        assert f"run has its test images in {home}/pictures/test, which does not exist" in " ".join(err.split())
    head = json.loads((home / "run" / "config.json").read_text())
    head["config"]["data"]["test"] = str(home / "held")
    (home / "run" / "config.json").write_text(json.dumps(head))
    status, _, err = ayneh("resume", "run", "--epochs", 2)
    assert status == 0, err
    assert "128 to train, 24 to test" in err
