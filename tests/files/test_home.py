"""A path that begins with ~ lies in the home folder, wherever a person's path enters: no folder is called ~."""

import os

import numpy as np
import pytest
from PIL import Image

import ayneh
from ayneh.data.download import kept, places_of
from ayneh.files.home import at_home
from ayneh.files.whole import cache_folder


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder, and another one in which the process is."""
    for name in ("home", "here"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "here")
    yield tmp_path / "home"
    assert os.listdir(tmp_path / "here") == []


def test_of_a_user_who_is_not_there_the_path_stays():
    assert str(at_home("~nobody-of-this-name/x")) == "~nobody-of-this-name/x"
    with pytest.raises(ayneh.UserError, match="~nobody-of-this-name/x"):
        ayneh.open("~nobody-of-this-name/x")
    with pytest.raises(ayneh.UserError, match="~nobody-of-this-name/x"):
        ayneh.train("digits", parts="~nobody-of-this-name/x")
    with pytest.raises(ayneh.UserError, match="~nobody-of-this-name/x"):
        ayneh.images("file:~nobody-of-this-name/x")


@pytest.mark.parametrize(
    "name", ["~nobody-of-this-name", "folder:~nobody-of-this-name", "file:~nobody-of-this-name/x.npz"]
)
def test_images_of_a_user_who_is_not_there_are_images_that_are_not_there(name, tmp_path, ayneh):
    status, _, err = ayneh("train", "mirror", "--data.name", name, "--out", tmp_path / "run")
    assert status == 2
    assert "~nobody-of-this-name" in err
    assert "does not foresee" not in err


def test_test_images_of_a_user_who_is_not_there(tmp_path, ayneh):
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    status, _, err = ayneh(
        "train", "mirror", "--data.name", f"folder:{tmp_path}", "--data.test", "~nobody-of-this-name/x"
    )
    assert status == 2
    assert "There is no folder ~nobody-of-this-name/x" in err


def test_data_sets_are_looked_for_in_the_home_folder(home, monkeypatch):
    monkeypatch.setenv("AYNEH_DATA", "~/data")
    assert places_of("mnist")[0] == home / "data" / "mnist"
    (home / "data" / "mnist").mkdir(parents=True)
    (home / "data" / "mnist" / "x-idx1-ubyte").touch()
    assert kept("mnist", "x-idx1-ubyte") == home / "data" / "mnist" / "x-idx1-ubyte"


def test_folders_here_that_are_called_so_stay(tmp_path, monkeypatch):
    """``./~games`` is ``~games`` as a path, and the machine may have a user of that name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os.path, "expanduser", lambda text: text.replace("~root", str(tmp_path / "users"), 1))
    (tmp_path / "users").mkdir()
    assert at_home("~root") == tmp_path / "users"
    assert str(at_home("~root/new")) == "~root/new"  # a folder to be made
    (tmp_path / "~root").mkdir()
    assert str(at_home("~root")) == "~root"


def test_the_cache_is_there_too(home, monkeypatch):
    monkeypatch.setenv("AYNEH_CACHE", "~/cache")
    assert cache_folder() == home / "cache"


def test_what_python_writes_lies_in_the_home_folder(home):
    config = ayneh.preset("digits").changed({"epochs": 1, "data.limit": 128, "net.width": 4})
    run = ayneh.train(config, out="~/run", quiet=True, threads=1)
    assert ayneh.open("~/run").finished
    assert run.picture().save("~/a.png") == home / "a.png"
    run.animation().save("~/a.gif")
    run.curves("loss_d").save("~/a.svg")
    run.export(out="~/nets")
    assert ayneh.load("~/nets").sample_z(1).shape == (1, 128)
    images = np.random.default_rng(0).integers(0, 256, (60, 8, 8), dtype=np.uint8)
    ayneh.images(images, test=0.2, name="x").save("~/a.npz")
    ayneh.train(config, init_from="~/run", out="~/other", quiet=True, threads=1)
    ayneh.train(config, init_from=ayneh.InitFrom("~/run"), out="~/third", quiet=True, threads=1)
    compared = ayneh.compare(["~/run", "~/other"], n=100)
    assert compared["~/run"]["fd"].n == 100
    assert {"run", "other", "third", "a.png", "a.gif", "a.svg", "nets", "a.npz"} == set(os.listdir(home))


def test_what_the_command_line_writes_lies_there_too(home, ayneh, tiny):
    assert ayneh("train", "digits", *tiny, "--epochs", 1, "--out=~/run", "--quiet")[0] == 0
    assert ayneh("sample", "~/run", "--out=~/a.png")[0] == 0
    assert ayneh("export", "~/run", "--out=~/nets")[0] == 0
    assert ayneh("explore", "~/run", "--save=~/page.html")[0] == 0
    assert ayneh("show", "~/run")[0] == 0
    (home / "study.toml").write_text('[arms]\na = {}\n[arms.b]\n"optimizer.lr" = 1e-4\n', encoding="utf-8")
    status, _, err = ayneh("study", "status", "~/study")
    assert (status, "~" in err) == (2, False), err
    assert ayneh("study", "plan", "~/study.toml", "--seeds=1", "--quiet")[0] == 0
    assert {"run", "a.png", "nets", "page.html", "study.toml"} == set(os.listdir(home))
