"""The advice of messages is followed to the letter, as a person would: it works, and it ends in scores."""

import re
import shlex

import numpy as np
import pytest
from PIL import Image

from ayneh.data.sources import load

pytestmark = pytest.mark.slow  # many trainings, or a browser

TRAIN = [
    "--epochs",
    "1",
    "--data.limit",
    "120",
    "--net.width",
    "2",
    "--batch",
    "40",
    "--prior.dim",
    "4",
    "--keep.score-epochs",
    "0",
]


@pytest.fixture
def npz(tmp_path):
    digits = load("digits", "train", limit=420)
    np.savez(tmp_path / "my images.npz", images=digits.pixels.numpy(), labels=digits.labels.numpy())
    return f"npz:{tmp_path / 'my images.npz'}"


@pytest.fixture
def unlabelled(tmp_path):
    np.save(tmp_path / "plain.npy", load("digits", "train", limit=420).pixels.numpy() / 255.0)
    return f"npz:{tmp_path / 'plain.npy'}"


@pytest.fixture
def folder(tmp_path):
    digits = load("digits", "train", limit=420)
    for index, (pixels, label) in enumerate(zip(digits.pixels, digits.labels, strict=True)):
        (tmp_path / "set" / str(int(label))).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[0].numpy()).save(tmp_path / "set" / str(int(label)) / f"{index}.png")
    return f"folder:{tmp_path / 'set'}"


@pytest.fixture(autouse=True)
def no_judges(tmp_path, monkeypatch):
    """Nothing is cached: other tests have trained judges for the same pixels."""
    monkeypatch.setenv("AYNEH_CACHE", str(tmp_path / "cache"))


def follow(ayneh, message):
    """Run the command that a message has in backticks, for one epoch."""
    command = re.search(r"`(ayneh [^`]+)`", message)[1]
    verb, *args = shlex.split(command)[1:]
    status, _, err = ayneh(verb, *args, "--epochs", "1", "--quiet")
    assert status == 0, (command, err)
    return command


@pytest.mark.parametrize(
    ("kind", "flags"),
    [
        ("npz", []),
        ("npz", ["--data.resize", "16"]),
        ("npz", ["--data.pad-to", "16", "--data.test", "0.3"]),
        ("npz", ["--data.split", "position"]),
        ("unlabelled", ["--data.range", "0", "1"]),
        ("folder", ["--data.resize", "8", "--data.background", "white", "--data.skip-broken"]),
    ],
)
def test_the_judge_of_a_run_is_trained_as_the_message_says(kind, flags, request, tmp_path, ayneh):
    data, run = request.getfixturevalue(kind), tmp_path / "a run"
    status, _, err = ayneh(
        "train", "digits", "--data.name", data, "--data.resize", "None", *flags, *TRAIN, "--out", run
    )
    assert status == 0, err
    status, _, err = ayneh("evaluate", run, "--n", "30")
    assert status == 2
    assert "There is no judge" in err
    assert follow(ayneh, err) == f"ayneh judge train '{run}'"
    status, out, err = ayneh("evaluate", run, "--n", "30", "--json")
    assert status == 0, err
    assert '"fd"' in out


@pytest.mark.parametrize("resize", [[], ["--resize", "12"]])
def test_the_judge_of_images_is_trained_as_the_message_says(resize, npz, ayneh):
    images = npz.partition(":")[2]
    args = ("evaluate", "--images", images, "--data", npz, *resize, "--quiet")
    status, _, err = ayneh(*args)
    assert status == 2
    command = follow(ayneh, err)
    assert command == f"ayneh judge train --data '{npz}'{' ' if resize else ''}{' '.join(resize)}"
    status, out, err = ayneh(*args)
    assert status == 0, err
    assert "fd_" in out


def test_a_size_that_the_shipped_judge_cannot_read_gets_its_own(tmp_path, ayneh):
    """A judge that was trained for MNIST at another size was never used."""
    np.save(tmp_path / "small.npy", load("digits", "train", resize=4).pixels.numpy())
    args = ("evaluate", "--images", tmp_path / "small.npy", "--data", "digits", "--resize", "4", "--quiet")
    _, out, _ = ayneh(*args)
    assert "Warning: digits-cnn-0 classifies" in out
    assert follow(ayneh, out) == "ayneh judge train --data digits --resize 4"
    _, out, _ = ayneh(*args)
    assert "cnn-0 classifies" in out
    assert "Warning" not in out


def test_several_sizes_are_mended_by_the_flag_that_the_message_names(tmp_path, ayneh):
    for index, size in enumerate((8, 9) * 20):
        pixels = load("digits", "test", limit=40, resize=size).pixels[index, 0]
        Image.fromarray(pixels.numpy()).save(tmp_path / f"{index}.png")
    status, _, err = ayneh("evaluate", "--images", tmp_path, "--data", "digits")
    assert status == 2
    flag = re.search(r"add (--resize) (\d+)", err).groups()
    assert ayneh("evaluate", "--images", tmp_path, "--data", "digits", *flag, "--quiet")[0] == 0


def test_a_judge_that_comes_with_ayneh_is_not_trained(ayneh):
    status, _, err = ayneh("judge", "train", "--data", "digits")
    assert status == 2
    assert "comes with ayneh" in err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["judge", "train"], "Name a run folder"),
        (["judge", "train", "runs/x", "--data", "digits"], "Name a run folder"),
        (["judge", "train", "--data", "kmnist", "--epochs", "1000000"], "--epochs is 1000000"),
    ],
)
def test_a_call_without_sense_is_refused(args, words, ayneh):
    status, _, err = ayneh(*args)
    assert status == 2
    assert words in err


def test_a_run_says_how_its_images_are_read(own_run, ayneh):
    status, _, err = ayneh("judge", "train", own_run, "--resize", "4")
    assert status == 2
    assert "sets how its images are read" in err


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mlp", "`ayneh train digits --net.name mlp`"),
        ("fashion", "`ayneh train mirror --data.name fashion-mnist`"),
        ("Fashion_MNIST", "`ayneh train mirror --data.name fashion-mnist`"),
        ("cifar10", "folder:PATH"),
        ("CelebA", "folder:PATH"),
    ],
)
def test_what_is_no_preset_names_the_command_that_is_meant(name, words, ayneh):
    status, _, err = ayneh("train", name)
    assert status == 2
    assert words in err


def test_a_folder_in_the_place_of_a_preset(tmp_path, ayneh):
    (tmp_path / "my pictures").mkdir()
    _, _, err = ayneh("train", tmp_path / "my pictures")
    assert f"`ayneh train digits --data.name 'folder:{tmp_path / 'my pictures'}'`" in err


def test_a_moved_folder_is_taken_if_its_images_are_the_same(folder, tmp_path, ayneh):
    run, place = tmp_path / "run", tmp_path / "set"
    flags = ["--data.name", folder, "--data.resize", "None", *TRAIN]
    flags[flags.index("--data.limit") + 1] = "None"
    assert ayneh("train", "digits", *flags, "--out", run)[0] == 0
    moved = place.rename(tmp_path / "elsewhere")
    assert ayneh("evaluate", run)[0] == 2
    for there in (moved, f"folder:{moved}"):
        status, _, err = ayneh("evaluate", run, "--data", there)
        assert "There is no judge" in err
    assert follow(ayneh, err) == f"ayneh judge train --data folder:{moved}"
    assert ayneh("evaluate", run, "--data", moved, "--quiet")[0] == 0
    inked = np.full((8, 8), 77, np.uint8)
    for index in range(30):
        inked[0, 0] = index
        Image.fromarray(inked).save(moved / "3" / f"new-{index}.png")
    status, _, err = ayneh("evaluate", run, "--data", moved, "--quiet")
    assert status == 2
    counts = re.findall(r"(\d+) (?:images|of)", err)
    assert len(set(counts)) == 2, err  # then and now
    moved.rename(place)
    assert follow(ayneh, ayneh("evaluate", run, "--quiet")[2]) == f"ayneh judge train {run}"
    _, out, _ = ayneh("evaluate", run, "--quiet")
    assert "has changed: the run was trained on" in out


def test_a_named_data_set_cannot_have_moved(own_run, ayneh):
    status, _, err = ayneh("evaluate", own_run, "--data", "mnist")
    assert status == 2
    assert "was trained on digits" in err
    assert ayneh("evaluate", own_run, "--data", "digits", "--n", "30", "--quiet")[0] == 0


def test_too_few_images_for_any_judge_are_said_without_a_command_that_fails(tmp_path, ayneh):
    np.save(tmp_path / "few.npy", load("digits", "train", limit=60).pixels.numpy())
    run = tmp_path / "run"
    flags = ["--data.name", f"file:{tmp_path / 'few.npy'}", "--data.resize", "None", *TRAIN, "--batch", "20"]
    assert ayneh("train", "digits", *flags, "--out", run)[0] == 0
    status, _, err = ayneh("evaluate", run, "--quiet")
    assert status == 2
    assert "none can be trained" in err
    assert "judge train" not in err


@pytest.mark.parametrize("name", ["a b", "$(touch x)", "it's", "-dash", "`x`; y"])
def test_the_command_that_a_refusal_advises_can_be_typed(ayneh, own_run, tmp_path, monkeypatch, name):
    """The name of a folder went into a command as it is: a shell took it apart, or ran what is in it."""
    monkeypatch.chdir(tmp_path)
    own_run.rename(tmp_path / name)
    status, _, err = ayneh("train", "digits", f"--out={name}")
    assert status == 2
    words = shlex.split(re.findall("`(ayneh resume .*?)`, or replace it", err)[0])
    assert words[:2] == ["ayneh", "resume"]
    assert (tmp_path / words[2]).samefile(tmp_path / name)
    assert ayneh(*words[1:], "--quiet")[0] == 0
