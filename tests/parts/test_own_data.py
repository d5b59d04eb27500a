"""Data sets of one's own: functions that give images, named by settings, read like files and never misread."""

import random
import sys
import threading

import numpy as np
import pytest
import torch

import ayneh
from ayneh.data.sources import load
from ayneh.generators import drawn
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


def noise(n=40, side=8, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, side, side), dtype=np.uint8)


def refusal(call):
    with pytest.raises(ayneh.UserError) as refused:
        call()
    assert "\n" not in str(refused.value)
    return str(refused.value)


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


def test_a_split_with_a_default_is_the_split():
    ayneh.add("data", "x", lambda split="train", n=20: noise(n) if split == "train" else noise(n, seed=1))
    assert np.array_equal(load("x", "test").pixels[:, 0], noise(20, seed=1))
    ayneh.add("data", "x", lambda n=30: noise(n))  # as lambdas in a loop have it: all images
    assert len(load("x", "all").pixels) == 30


def test_a_function_of_nothing_gives_all_of_them_and_a_share_is_for_testing():
    ayneh.add("data", "whole", lambda: noise(200))
    assert [len(load("whole", split).pixels) for split in ("train", "test")] == pytest.approx([180, 20], abs=12)
    half = [load("whole", split, test="0.5").pixels for split in ("train", "test")]
    assert [len(pixels) for pixels in half] == pytest.approx([100, 100], abs=25)
    assert len(np.unique(torch.cat(half).flatten(1).numpy(), axis=0)) == 200  # each image once
    assert load("whole", "train", 4, 50).pixels.shape == (50, 1, 4, 4)
    assert load("whole", "test", divide="position").pixels.shape == (20, 1, 8, 8)


def test_both_splits_are_read_by_one_rule():
    def floats(split):
        top = 1.0 if split == "train" else 0.5  # alone, either could be read as another range
        return np.linspace(0, top, 64 * 20, dtype=np.float32).reshape(20, 8, 8)

    ayneh.add("data", "floats", floats)
    assert [int(load("floats", split).pixels.max()) for split in ("train", "test")] == [255, 128]


def test_the_range_that_is_asked_for_is_taken():
    ayneh.add("data", "dark", lambda: np.tile(np.arange(17, dtype=np.float64)[:, None, None], (3, 8, 8)))
    assert "--data.range LOW HIGH" in refusal(lambda: load("dark", "train"))
    assert int(load("dark", "all", range=(0, 16)).pixels.max()) == 255
    assert int(load("dark", "all", range=(0, 32)).pixels.max()) == 128


def test_what_is_done_to_the_array_that_a_function_gave_changes_no_images():
    array = noise()
    ayneh.add("data", "kept", lambda: array)
    images = load("kept", "all").pixels
    array[:] = 7
    assert np.array_equal(images[:, 0], noise())


# -- chance ------------------------------------------------------------------------------------------------------------


def draws(split):
    """By all three generators of the process."""
    return np.random.randint(0, 200, (64, 8, 8)) + torch.randint(0, 50, (64, 8, 8)).numpy() + random.randint(0, 5)


def test_what_it_draws_is_the_same_again_other_for_testing_and_not_the_users():
    ayneh.add("data", "drawn", draws)
    before = drawn()
    first, tests = (load("drawn", split).pixels for split in ("train", "test"))
    assert drawn() == before
    assert torch.equal(load("drawn", "train").pixels, first)
    assert not (tests[:, None] == first[None]).flatten(2).all(2).any()  # no test image is a training image


class Noisy(torch.utils.data.Dataset):
    """Draws when an item is read, as transforms do."""

    def __len__(self):
        return 32

    def __getitem__(self, index):
        return torch.rand(8, 8), index % 2


def test_items_that_are_drawn_when_they_are_read_are_the_same_again_too():
    ayneh.add("data", "noisy", lambda split: Noisy())
    before = drawn()
    assert torch.equal(load("noisy", "train").pixels, load("noisy", "train").pixels)
    assert drawn() == before


def test_a_generator_of_its_own_is_refused():
    ayneh.add("data", "x", lambda: np.random.default_rng().integers(0, 256, (40, 8, 8), dtype=np.uint8))
    assert "The data set x has other images at a second call" in refusal(lambda: load("x", "train"))


def test_images_that_are_others_now_are_read_anew():
    box = [noise(40)]
    ayneh.add("data", "box", lambda: box[0])
    load("box", "train")
    box[0] = noise(40, seed=1)
    everything = torch.cat([load("box", "train").pixels, load("box", "test").pixels])
    assert sorted(everything.sum((1, 2, 3)).tolist()) == sorted(box[0].astype(int).sum((1, 2)).tolist())


def test_threads_that_read_it_with_other_settings_get_their_own():
    ayneh.add("data", "whole", lambda: noise(60))
    alone = {share: len(load("whole", "test", test=share).pixels) for share in ("0.2", "0.5")}
    wrong, before = [], sys.getswitchinterval()

    def read(share):
        for _ in range(150):
            found = len(load("whole", "test", test=share).pixels)
            if found != alone[share]:
                wrong.append(found)

    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=read, args=(share,)) for share in alone]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert not wrong


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (lambda a, b: 0, "The data set 'x' is a function of a, b; it must be a function of the split"),
        (lambda *, split: 0, "The data set 'x' is a function of split; it must be"),
        (noise(), "it must be a function of the split, which is 'train' or 'test'"),
    ],
)
def test_what_is_no_data_set_is_refused_when_it_is_added(value, words):
    assert words in refusal(lambda: ayneh.add("data", "x", value))


def test_arguments_are_refused_when_it_is_added():
    assert "the argument 'n': put it into the function" in refusal(lambda: ayneh.add("data", "x", noise, n=3))


def failing():
    yield np.zeros((8, 8), np.uint8)
    raise KeyError("seven")


class Named(Noisy):
    def __init__(self, names):
        self.classes = list(names)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda: 1 / 0, "The data set x failed: ZeroDivisionError: division by zero ("),
        (failing, "The data set x failed: KeyError: 'seven' ("),
        (lambda: None, "The data set x: the images are a NoneType: give an array"),
        (lambda: "digits", 'The data set x: it gives "digits"; give the images themselves'),
        (lambda: ayneh.images("digits", resize=8), "; give the images themselves, an array"),
        (lambda: noise(0), "the shape (0, 8, 8): images are"),
        (lambda: np.full((20, 8, 8), np.nan), "NaN"),
        (lambda: (noise(), [1, 2]), "one for each of the 40 images"),
        (lambda split: noise() if split == "train" else noise(40, 9), "9"),
        (lambda split: noise() if split == "train" else noise(0), "(0, 8, 8): images are"),
        (
            lambda split: Named("ab") if split == "train" else Named("ba"),
            "has the classes a, b to train on and b, a to",
        ),
    ],
)
def test_what_it_gives_is_refused_in_one_sentence(function, words):
    ayneh.add("data", "x", function)
    said = refusal(lambda: [load("x", split) for split in ("train", "test")])
    assert said.startswith("The data set x")
    assert words in said


def test_test_images_that_do_not_fit_the_function_are_refused(tmp_path):
    ayneh.add("data", "x", lambda split: noise())
    assert refusal(lambda: load("x", "train", test="0.2")) == (
        "--data.test is 0.2, but x has test images of its own: leave it out."
    )
    ayneh.add("data", "x", noise)
    assert "gives all images, of which a share is for testing: give one" in refusal(
        lambda: load("x", "train", test=str(tmp_path))
    )


# -- runs --------------------------------------------------------------------------------------------------------------


def test_a_run_is_trained_and_judged_by_its_name(ayneh, tmp_path, tiny):
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
