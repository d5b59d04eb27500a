"""The judge's report: names with their protocol, floors, caches, collapse, and clear words for bad input."""

import json

import pytest
import torch

from ayneh.data.sources import load
from ayneh.errors import UserError
from ayneh.judge.features import shipped
from ayneh.judge.scores import Score
from ayneh.judge.training import random_net, train_classifier
from ayneh.judge.verdict import Judge, collapse

TRAINED_ON = 897


@pytest.fixture(scope="module")
def digits():
    return load("digits", "train")


@pytest.fixture(scope="module")
def judge(digits, tmp_path_factory):
    nets = {"digits-cnn-0": shipped("digits-cnn-0"), "digits-random": random_net(digits.pixels, 8, seed=0)}
    cache = tmp_path_factory.mktemp("floors")
    return Judge("digits", nets, digits.pixels[:TRAINED_ON], load("digits", "test").pixels, cache)


def test_names_carry_the_protocol_and_floors_stand_beside(judge, digits):
    report = judge.evaluate(digits.pixels[TRAINED_ON:])
    scores = report["scores"]
    protocols = [scores[name]["protocol"] for name in ("fd", "kid", "fd@random")]
    assert protocols == ["fd_400_digits_test", "kid_400_digits_test", "fd_400_digits_test_random"]
    assert scores["fd"]["n"] == 400
    assert scores["fd"]["value"] < 1.5 * scores["fd"]["floor"]
    assert scores["fd"]["floor_low"] < scores["fd"]["floor"] < scores["fd"]["floor_high"]
    assert all("floor" in score for score in scores.values())
    assert report["collapse"] == []
    assert sum(report["histogram"]["fakes"]) == 400
    json.dumps(report, allow_nan=False)


def test_one_digit_only_is_called_collapsed_by_three_metrics(judge, digits):
    ones = digits.pixels[digits.labels == 1]
    signs = " ".join(judge.evaluate(ones)["collapse"])
    assert "histogram: 1, where real images have 10 classes" in signs
    assert "coverage" in signs
    assert "birthday test" in signs


def test_a_second_judge_reads_the_floors_from_the_cache(judge, digits, monkeypatch):
    first = judge.evaluate(digits.pixels[TRAINED_ON:])
    again = Judge("digits", judge.nets, judge.train, judge.test, judge.shelf.folder)
    said = []
    assert again.evaluate(digits.pixels[TRAINED_ON:], said.append)["scores"].keys() == first["scores"].keys()
    assert not any("floors" in words for words in said)


def test_other_data_or_nets_have_another_key(judge, digits):
    other = Judge("digits", judge.nets, digits.pixels[:100], judge.test)
    assert other.shelf.key != judge.shelf.key
    assert (
        Judge("digits", {"digits-cnn-0": judge.nets["digits-cnn-0"]}, judge.train, judge.test).shelf.key
        != judge.shelf.key
    )


def test_quick_agrees_with_the_whole(judge, digits):
    images = digits.pixels[TRAINED_ON:]
    quick, whole = judge.quick(images), judge.evaluate(images)["scores"]
    for name, score in quick.items():
        told = {key: value for key, value in whole[name].items() if not key.startswith("floor")}
        assert score.as_dict() == pytest.approx(told)
    assert quick["modes"].value == 10
    assert quick["fd"].interval is not None


def test_framed_fakes_score_as_they_do_unframed():
    images = torch.randint(0, 256, (60, 1, 28, 28), dtype=torch.uint8)
    framed = torch.nn.functional.pad(images, (2, 2, 2, 2))
    judge = Judge("mnist", {"mnist-cnn-0": shipped("mnist-cnn-0")}, images, images.flip(0))
    assert judge.scores(framed)["fd"] == judge.scores(images)["fd"]


def test_one_image_cannot_tell_and_says_why(judge, digits):
    report = judge.evaluate(digits.pixels[:1])
    for key, score in report["scores"].items():
        assert score["value"] is not None or score["warning"], key
    assert report["scores"]["fd"]["value"] is None
    json.dumps(report, allow_nan=False)


def test_all_fakes_alike_give_numbers_with_warnings(judge, digits):
    report = judge.evaluate(digits.pixels[:1].repeat(300, 1, 1, 1))
    assert "collapsed" in report["scores"]["fd"]["warning"]
    assert report["scores"]["support"]["value"] == 1
    json.dumps(report, allow_nan=False)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (torch.zeros(0, 1, 8, 8, dtype=torch.uint8), "no images"),
        (torch.zeros(30, 3, 8, 8, dtype=torch.uint8), "3 channels"),
        (torch.zeros(30, 1, 5, 5, dtype=torch.uint8), "5x5 pixels"),
        (torch.zeros(30, 1, 8, 8), "uint8"),
    ],
)
def test_bad_images_are_refused_in_words(judge, images, words):
    with pytest.raises(UserError, match=words):
        judge.evaluate(images)


def test_too_little_data_is_refused(judge):
    with pytest.raises(UserError, match="5 training"):
        Judge("tiny", judge.nets, judge.train[:5], judge.test)


def test_seeds_that_disagree_are_reported(digits):
    """The second classifier has learned that there are only three classes."""
    merged = train_classifier(digits.pixels, digits.labels % 3, 10, 8, seed=0, epochs=3, report=lambda _: None)
    nets = {"digits-cnn-0": shipped("digits-cnn-0"), "digits-cnn-1": merged}
    judge = Judge("digits", nets, digits.pixels[:TRAINED_ON], load("digits", "test").pixels)
    words = " ".join(judge.evaluate(digits.pixels[TRAINED_ON:])["disagreements"])
    assert "digits-cnn-0 10, digits-cnn-1 3" in words


def test_poor_images_are_not_called_collapsed():
    floors = {"coverage": {"value": 0.9}, "recall": {"value": 0.9}}
    poor = {"coverage": Score(0.1, 100), "recall": Score(0.7, 100), "support": Score(None, 100, warning="why")}
    assert collapse(poor, floors) == []
    narrow = poor | {"recall": Score(0.1, 100)}
    assert collapse(narrow, floors) == ["coverage: 0.1, where real images have 0.9, with as little recall"]
