"""A judge of one's own is whole or not there; what labels cannot teach is said; training says how long it takes."""

import re

import pytest
import torch
from filelock import FileLock

from ayneh.data.sources import load
from ayneh.errors import UserError
from ayneh.files.sealed import fingerprint_of
from ayneh.judge import trained, training
from ayneh.judge.features import save
from ayneh.judge.training import random_net


@pytest.fixture(scope="module")
def digits():
    return load("digits", "train", limit=256), load("digits", "test", limit=40)


def train(folder, digits, labels="own", epochs=1, say=lambda _: None):
    images, test = digits
    given = images.labels if isinstance(labels, str) else labels
    return trained.train(folder, images.pixels, given, None, (test.pixels, test.labels), epochs, "digits", say)


def test_a_trained_judge_is_found_with_all_its_nets_and_says_how_long_it_takes(tmp_path, digits):
    said = []
    measured = train(tmp_path / "judge", digits, epochs=2, say=said.append)
    nets = trained.find(tmp_path / "judge", 10)
    assert list(nets) == list(measured) == ["cnn-0", "cnn-1", "cnn-2", "random"]
    assert nets["cnn-0"].accuracy == measured["cnn-0"]
    assert re.search(r"3 classifiers, 2 epochs of 256 images: .* on this machine", said[0])
    assert any(words.startswith("cnn-1, 2 of 3: epoch 2/2") for words in said)


def test_a_forecast_changes_no_weight(tmp_path, digits, monkeypatch):
    train(tmp_path / "a", digits)
    monkeypatch.setattr(trained, "forecast", lambda *_: "")
    train(tmp_path / "b", digits)
    first, second = (trained.find(tmp_path / at, 10)["cnn-2"].state_dict() for at in "ab")
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_forecast_leaves_out_what_only_the_first_step_takes(monkeypatch):
    """The first step of a process took seconds, and three minutes were announced as 39."""
    clock, played = iter([100.0, 104.0]), []

    def play(pixels, *_, **__):
        played.append(len(pixels))

    monkeypatch.setattr(training, "train_classifier", play)
    monkeypatch.setattr(training.time, "perf_counter", lambda: (played.append("clock"), next(clock))[1])
    pixels = torch.zeros(10 * training.BATCH, 1, 8, 8, dtype=torch.uint8)
    words = training.forecast(pixels, torch.zeros(len(pixels), dtype=torch.long), 2, 10)
    assert played == [training.BATCH, "clock", training.MEASURED * training.BATCH, "clock"]
    assert "about 5 minutes" in words  # 3 nets of 10 epochs of 10 steps of a second


def test_a_judge_whose_training_was_cut_short_is_none(tmp_path, digits, monkeypatch):
    """The first net alone was used, without a word."""
    folder = tmp_path / "judge"
    calls = []

    def killed(*args, **notes):
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append(args)
        return save(*args, **notes)

    monkeypatch.setattr(trained, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        train(folder, digits)
    assert len(list(folder.glob("*.safetensors"))) == 2
    assert trained.find(folder, 10) is None
    monkeypatch.undo()
    train(folder, digits)
    assert len(trained.find(folder, 10)) == 4
    assert len(list(folder.glob("*.safetensors"))) == 4  # the others are gone


def test_a_judge_stays_while_it_is_trained_again(tmp_path, digits, monkeypatch):
    train(tmp_path, digits)
    before = trained.find(tmp_path, 10)["cnn-0"].state_dict()["neck.0.weight"]
    monkeypatch.setattr(trained, "panel", lambda *_: iter([("cnn-0", random_net(digits[0].pixels, 8, seed=5))]))
    monkeypatch.setattr(trained, "write_json", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, digits)
    assert torch.equal(trained.find(tmp_path, 10)["cnn-0"].state_dict()["neck.0.weight"], before)


@pytest.mark.parametrize(
    ("names", "whole"),
    [
        (["0-cnn-0", "1-cnn-1", "2-cnn-2", "3-random"], True),
        (["0-simclr", "1-random"], True),
        (["0-cnn-0"], False),
        (["0-cnn-0", "1-cnn-1", "2-cnn-2"], False),
        (["0-simclr"], False),
        ([], False),
    ],
)
def test_judges_of_earlier_versions_are_used_if_they_are_whole(tmp_path, digits, names, whole):
    for name in names:
        save(tmp_path / f"{name}.safetensors", random_net(digits[0].pixels, 8, seed=0))
    assert (trained.find(tmp_path, 10) is not None) == whole


def test_a_judge_of_other_classes_or_of_one_is_none(tmp_path, digits):
    train(tmp_path, digits)
    assert trained.find(tmp_path, 10)
    assert trained.find(tmp_path, None)
    assert trained.find(tmp_path, 7) is None


def test_two_at_once_are_refused(tmp_path, digits):
    tmp_path.mkdir(exist_ok=True)
    with FileLock(tmp_path / ".lock"), pytest.raises(UserError, match="Another process trains the judge of digits"):
        train(tmp_path, digits)


def test_a_damaged_list_of_nets_is_a_sentence(tmp_path, digits):
    (tmp_path / trained.MANIFEST).write_text('{"nets": 3}')
    with pytest.raises(UserError, match=r"judge\.json: nets is 3"):
        trained.find(tmp_path, 10)


@pytest.mark.parametrize(
    ("labels", "words"),
    [(torch.zeros(256, dtype=torch.int64), "one label"), (torch.arange(256), "not classes")],
)
def test_labels_that_teach_nothing_are_left_out_with_a_word(tmp_path, digits, labels, words):
    """One class gave the accuracy 1.0000, and as many classes as images a net of them all."""
    said = []
    measured = train(tmp_path, digits, labels=labels, say=said.append)
    assert measured == {"simclr": None, "random": None}
    assert words in said[0]


def test_too_few_images_to_test_on_are_refused_before_the_training(tmp_path, digits):
    few = digits[0], load("digits", "test", limit=12)
    with pytest.raises(
        UserError, match="256 images to train on and 12 to test on; a judge needs at least 128 and 20. Set the share"
    ):
        train(tmp_path, few)
    assert not list(tmp_path.glob("*.safetensors"))


def test_without_labels_128_images_are_enough(tmp_path, digits):
    few = load("digits", "train", limit=130), digits[1]
    assert list(train(tmp_path, few, labels=None)) == ["simclr", "random"]


def test_a_judge_of_other_labels_is_none(tmp_path, digits):
    images, _ = digits
    train(tmp_path, digits)
    assert trained.find(tmp_path, 10, fingerprint_of(images.labels))
    assert trained.find(tmp_path, 10, fingerprint_of(9 - images.labels)) is None
    assert trained.find(tmp_path, None, None)  # without labels now: its features serve
