"""Data sets of one's own: functions that give images, named by settings, read like files and never misread."""

import os

import numpy as np
import pytest
import torch

import ayneh
from ayneh.data.own import _read
from ayneh.data.sources import load
from ayneh.record.record import Record

PARTS = """
import numpy as np
import ayneh


def stripes(split):
    pixels = np.zeros((160 if split == "train" else 64, 8, 8), np.uint8)
    pixels[:, ::2] = np.random.randint(100, 256, (len(pixels), 1, 1))
    return pixels, np.arange(len(pixels)) % 3


ayneh.add("data", "stripes", stripes)
"""


def noise(n=40, side=8):
    return np.random.default_rng(0).integers(0, 256, (n, side, side), dtype=np.uint8)


def test_a_function_of_the_split_gives_images_and_labels():
    sides = {"train": (noise(), ["cat", "dog"] * 20), "test": (noise(9), ["dog"] * 9)}
    ayneh.add("data", "halves", sides.get)
    found = {split: load("halves", split) for split in ("train", "test", "all")}
    assert [len(found[split].pixels) for split in found] == [40, 9, 49]
    assert torch.equal(found["all"].pixels[:40], found["train"].pixels)
    assert found["train"].pixels.dtype == torch.uint8
    assert found["train"].names == ("cat", "dog")
    assert found["test"].labels.tolist() == [1] * 9
    assert ayneh.images("halves").test.shape == (9, 1, 8, 8)


def test_a_function_of_nothing_gives_all_of_them_and_a_share_is_for_testing():
    ayneh.add("data", "whole", lambda: noise(200))
    assert [len(load("whole", split).pixels) for split in ("train", "test")] == pytest.approx([180, 20], abs=12)
    half = [load("whole", split, test="0.5").pixels for split in ("train", "test")]
    assert [len(pixels) for pixels in half] == pytest.approx([100, 100], abs=25)
    assert len(np.unique(torch.cat(half).flatten(1).numpy(), axis=0)) == 200  # each image once
    assert load("whole", "train", 4, 50).pixels.shape == (50, 1, 4, 4)


def test_both_splits_are_read_by_one_rule_and_the_function_is_called_once_for_each():
    calls = []

    def floats(split):
        calls.append(split)
        top = 1.0 if split == "train" else 0.5  # alone, either could be read as another range
        return np.linspace(0, top, 64 * 20, dtype=np.float32).reshape(20, 8, 8)

    ayneh.add("data", "floats", floats)
    assert [int(load("floats", split).pixels.max()) for split in ("train", "test")] == [255, 128]
    assert calls == ["train", "test"]
    assert len([part for part in _read if part.name == "floats"]) == 1


def test_what_it_draws_is_the_same_in_each_process_and_the_users_own_draws_stay():
    ayneh.add("data", "drawn", lambda: np.random.randint(0, 256, (50, 8, 8), dtype=np.uint8))
    torch.manual_seed(1)
    first = load("drawn", "all").pixels
    assert torch.rand(1).item() == pytest.approx(0.7576, abs=1e-4)
    _read.clear()
    assert torch.equal(load("drawn", "all").pixels, first)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (lambda a, b: 0, "The data set 'x' is a function of a, b; it must be a function of the split"),
        (noise(), "it must be a function of the split, which is 'train' or 'test'"),
    ],
)
def test_what_is_no_data_set_is_refused_when_it_is_added(value, words):
    with pytest.raises(ayneh.UserError, match=words):
        ayneh.add("data", "x", value)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda: 1 / 0, "The data set 'x' failed: ZeroDivisionError: division by zero ("),
        (lambda: None, "The data set x: the images are a NoneType: give an array"),
        (lambda: noise(0), "The data set x"),
        (lambda: np.full((20, 8, 8), np.nan), "The data set x"),
        (lambda: (noise(), [1, 2]), "The data set x"),
        (lambda: noise(40, 0), "The data set x"),
        (lambda split: noise() if split == "train" else noise(40, 9), "The data set x"),
        (lambda split: noise() if split == "train" else noise(0), "The data set x"),
        (lambda: os.fspath(3), "The data set 'x' failed: TypeError"),
    ],
)
def test_what_it_gives_is_refused_in_one_sentence(function, words):
    ayneh.add("data", "x", function)
    with pytest.raises(ayneh.UserError) as refusal:
        [load("x", split) for split in ("train", "test")]
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_share_of_a_set_that_divides_itself_is_refused():
    ayneh.add("data", "x", lambda split: noise())
    with pytest.raises(ayneh.UserError, match=r"--data.test is 0.2, but x has test images of its own: leave it out"):
        load("x", "train", test="0.2")


def test_a_run_is_trained_judged_and_gone_on_with_by_its_name(ayneh, tmp_path, tiny):
    parts, run = tmp_path / "mine.py", tmp_path / "run"
    parts.write_text(PARTS)
    flags = [*tiny[2:], "--data.name", "stripes", "--rules.labels", "projection", "--parts", parts]
    status, _, err = ayneh("train", "digits", *flags, "--data.resize", 8, "--epochs", 1, "--out", run)
    assert status == 0, err
    assert Record.open(run).config().data.name == "stripes"
    status, _, err = ayneh("evaluate", run, "--n", 64)
    assert status == 2
    assert f"`ayneh judge train {run} --parts {parts.name}`" in err
    status, _, err = ayneh("judge", "train", run, "--parts", parts, "--epochs", 1)
    assert status == 0, err
    status, out, err = ayneh("evaluate", run, "--n", 64, "--parts", parts)
    assert status == 0, err
    assert "fd_64_stripes_test" in out


def test_a_set_that_has_other_images_now_is_not_gone_on_with(process, tmp_path, tiny):
    parts, run = tmp_path / "mine.py", tmp_path / "run"
    parts.write_text(PARTS)
    trained = process("train", "digits", *tiny, "--data.name", "stripes", "--parts", parts, "--epochs", 1, "--out", run)
    assert trained.wait() == 0
    parts.write_text(PARTS.replace("::2", "::3"))
    resumed = process("resume", run, "--parts", parts, "--epochs", 2, "--changed-parts")
    assert "the images have other pixels now: bring the former version of the set back" in resumed.communicate()[1]
    assert resumed.returncode == 2
