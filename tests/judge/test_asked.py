"""Images that were asked for by class: accuracy, confusions, each class's distance and spread, beside real images."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix

import ayneh
from ayneh.data.sources import load
from ayneh.errors import UserError
from ayneh.judge.classes import accuracy_of_real, by_chance, class_accuracy, confusion
from ayneh.judge.features import see, shipped
from ayneh.judge.frechet import frechet
from ayneh.judge.metrics import LABELLED, METRICS
from ayneh.judge.report import Report
from ayneh.judge.scores import Score
from ayneh.judge.training import random_net, train_classifier
from ayneh.judge.verdict import Judge
from ayneh.judge.within import (
    ROUND,
    Labelled,
    frechet_of_classes,
    mean,
    round_number,
    spread_of_classes,
    variance,
    worst,
)

NAMES = tuple("0123456789")


@pytest.fixture(scope="module")
def digits():
    return load("digits", "train")


@pytest.fixture(scope="module")
def tests():
    return load("digits", "test")


@pytest.fixture(scope="module")
def judge(digits, tests):
    nets = {name: shipped("digits-cnn-0") for name in ("digits-cnn-0", "digits-cnn-1")}
    return made(nets | {"digits-random": random_net(digits.pixels, 8, seed=0)}, digits, tests)


def made(nets, train, test, **changes) -> Judge:
    """A judge of the second half of the digits: the first 640 are free to play fakes."""
    given = {"labels": test.labels, "train_labels": train.labels[640:], "names": NAMES} | changes
    return Judge("digits", nets, train.pixels[640:], test.pixels, None, **given)


@pytest.fixture(scope="module")
def fakes(digits):
    """Digits that the judge does not know, and what they show."""
    return digits.pixels[:500], digits.labels[:500]


# -- closed forms and references -----------------------------------------------------------------------------------


def test_the_matrix_is_scikit_learns():
    chance = np.random.RandomState(0)
    asked, found = chance.randint(0, 7, 400), chance.randint(0, 7, 400)
    table = confusion(torch.from_numpy(asked), torch.from_numpy(found), 7)
    assert table.numpy().tolist() == confusion_matrix(asked, found).tolist()
    score = class_accuracy(table)
    assert score.value == pytest.approx((asked == found).mean())
    assert score.interval[0] < score.value < score.interval[1]
    shares = np.bincount(asked) / 400 @ (np.bincount(found) / 400)
    assert by_chance(table) == pytest.approx(shares)
    assert class_accuracy(torch.zeros(3, 3)).value is None


def test_the_floor_of_accuracy_has_the_shares_of_the_classes_asked_for():
    real = torch.tensor([[90, 10, 0], [0, 100, 0], [20, 0, 20]])
    assert accuracy_of_real(torch.tensor([100, 100, 40]), real).value == pytest.approx(210 / 240)
    alone = accuracy_of_real(torch.tensor([0, 0, 7]), real)
    assert alone.value == 0.5
    assert alone.interval == pytest.approx((0.352, 0.648), abs=1e-3)  # Wilson's for 20 of 40
    assert accuracy_of_real(torch.tensor([1, 0]), torch.tensor([[0, 0], [0, 9]])) is None


def test_distance_and_spread_of_a_class_are_those_of_its_images_alone():
    chance = torch.Generator().manual_seed(0)
    scale = torch.tensor([1.0, 3.0])
    real, fake = (torch.randn(200, 4, generator=chance) for _ in range(2))
    labels, asked = torch.arange(200) % 2, torch.arange(200) // 100
    real, fake = real * scale[labels][:, None], fake * 2
    found = frechet_of_classes(Labelled(real, labels), Labelled(fake, asked), ("a", "b"))
    assert found.n == 100
    for number in (0, 1):
        # the sets are whole, and their order does not matter
        assert found.values[number] == pytest.approx(frechet(real[labels == number], fake[asked == number]).value)
    assert mean(found).value == pytest.approx(sum(found.values) / 2)
    assert (worst(max, found).value, worst(max, found).of_class) == (found.values[1], "b")
    spread = spread_of_classes(Labelled(real, labels), Labelled(fake, asked), ("a", "b"))
    for number in (0, 1):
        expected = fake[asked == number].double().var(0).sum() / real[labels == number].double().var(0).sum()
        assert spread.values[number] == pytest.approx(float(expected) ** 0.5)
    assert worst(min, spread).of_class == "b"


def test_the_interval_of_a_spread_holds_the_truth():
    chance = torch.Generator().manual_seed(0)
    held = 0
    for _ in range(200):
        real, fake = (torch.randn(80, 5, generator=chance) for _ in range(2))
        both = torch.arange(80) % 2
        score = mean(spread_of_classes(Labelled(real, both), Labelled(0.7 * fake, both), ("a", "b")))
        held += score.interval[0] <= 0.7 <= score.interval[1]
    assert held >= 180
    x = torch.randn(50, 3, 2, 2, generator=chance)
    among, error = variance(x)
    assert among == pytest.approx(float(x.double().var(0).sum()))
    without = [variance(torch.cat([x[:i], x[i + 1 :]]))[0] for i in range(50)]
    assert error == pytest.approx((49 / 50 * 50 * np.var(without)) ** 0.5, rel=0.05)  # the jackknife


def test_the_number_of_images_is_round_and_the_same_for_runs_of_about_as_many():
    assert [round_number(n) for n in (0, 7, 10, 14, 29, 45, 99, 100, 892, 931, 1000)] == [
        0, 7, 10, 10, 20, 30, 70, 100, 700, 700, 1000,
    ]  # fmt: skip
    assert all(round_number(n * 10) == n * 10 for n in ROUND)


def test_classes_that_are_too_few_are_named_and_left_out():
    counts = [30, 40, 19, 40, 0]
    labels = torch.cat([torch.full((n,), k) for k, n in enumerate(counts)])
    images = torch.randn(len(labels), 3, generator=torch.Generator().manual_seed(0))
    real = Labelled(images, labels)
    everything = Labelled(torch.randn(250, 3), torch.arange(250) % 5)
    names = ("ant", "bee", "cat", "dog", "emu")
    found = frechet_of_classes(real, everything, names)
    assert found.n == 30
    assert [value is None for value in found.values] == [False, False, True, False, True]
    assert (
        "Left out, since each has fewer than 20 of its images or of the test images: classes cat, emu" in found.warning
    )
    spread = spread_of_classes(real, everything, names)
    assert [value is None for value in spread.values] == [False, False, False, False, True]
    assert "class emu" in spread.warning
    nothing = frechet_of_classes(real, Labelled(torch.randn(4, 3), torch.zeros(4, dtype=torch.int64)), names)
    assert mean(nothing) == replace(worst(max, nothing), of_class=None)
    assert mean(nothing).value is None
    assert "No class has 20 images" in mean(nothing).warning


# -- whole reports -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_real_images_are_at_the_floors(judge, fakes):
    report = judge.evaluate(*fakes[:1], asked=fakes[1])
    scores = report.scores
    assert set(METRICS) <= set(scores)
    assert scores["class_accuracy"].value > 0.99
    assert scores["class_accuracy"].floor == pytest.approx(0.994, abs=2e-3)
    assert scores["class_accuracy@cnn-1"].floor == scores["class_accuracy"].floor
    assert "class_accuracy@random" not in scores
    assert scores["fd_within_class"].protocol == "fd_within_class_30_digits_test"
    assert 0.6 < scores["fd_within_class"].value / scores["fd_within_class"].floor < 1.4
    assert scores["spread_within_class"].protocol == "spread_within_class_500_digits_test"
    for name in ("spread_within_class", "spread_worst_class"):
        assert abs(scores[name].value - scores[name].floor) < 0.1
        assert scores[name].interval[0] < scores[name].value < scores[name].interval[1]
    assert report.collapse == ()
    kept = report.as_dict()["by_class"]
    assert kept["names"] == NAMES
    assert sum(map(sum, kept["confusion"])) == 500
    assert sum(map(sum, kept["test"])) == 500
    assert kept["asked"] == tuple(fakes[1].bincount().tolist())
    json.dumps(report.as_dict(), allow_nan=False)


def test_one_class_of_copies_is_named_while_the_whole_looks_well(judge, fakes):
    """What each metric says: only those within classes see it."""
    images, asked = fakes[0].clone(), fakes[1]
    images[asked == 7] = images[asked == 7][0]
    before, after = (judge.evaluate(x, asked=asked) for x in (fakes[0], images))
    was, now = before.scores, after.scores
    assert now["modes"].value == 10
    assert now["class_accuracy"].value > 0.99
    assert now["spread"].value > 0.95 * was["spread"].value
    assert now["fd"].value < 2 * now["fd"].floor
    assert now["spread_within_class"].value == pytest.approx(was["spread_within_class"].value - 0.1, abs=0.02)
    assert (now["spread_worst_class"].value, now["spread_worst_class"].of_class) == (0, "7")
    assert now["fd_worst_class"].of_class == "7"
    assert now["fd_worst_class"].value > 2 * now["fd_worst_class"].floor
    assert any("variety within class 7: 0, where real images have 0.8" in sign for sign in after.collapse)
    assert not any("variety within" in sign for sign in before.collapse)


@pytest.mark.slow
def test_a_g_that_ignores_labels_is_right_by_chance_and_said_to_be(judge, fakes):
    images = fakes[0]
    asked = torch.randint(0, 10, (500,), generator=torch.Generator().manual_seed(0))
    report = judge.evaluate(images, asked=asked)
    score = report.scores["class_accuracy"]
    assert score.interval[0] < 0.1 < score.interval[1]
    assert any("labels are ignored" in words for words in report.words())
    assert report.scores["fd_within_class"].value > 10 * report.scores["fd_within_class"].floor
    assert report.scores["spread_within_class"].value > 1.2  # each class has all digits
    unasked = judge.evaluate(images)
    for name, score in unasked.scores.items():
        assert score == report.scores[name]


def test_permuted_labels_are_named(judge, fakes):
    images, asked = fakes[0], fakes[1].clone()
    fours, nines = asked == 4, asked == 9
    asked[fours], asked[nines] = 9, 4
    report = judge.evaluate(images, asked=asked)
    share = float((fours | nines).double().mean())
    assert report.scores["class_accuracy"].value == pytest.approx(1 - share, abs=0.01)
    (words,) = (words for words in report.words() if "was asked for" in words)
    assert "of those asked for as 4 are 9 (real ones: 0.0%)" in words
    assert "of those asked for as 9 are 4 (real ones: " in words
    table = np.array(report.by_class.confusion)
    assert table[4, 9] == int(nines.sum())
    assert report.by_class.accuracy[4] == 0


def test_an_unlabelled_report_has_the_form_that_it_had(judge, fakes):
    report = judge.evaluate(fakes[0])
    assert not set(LABELLED) & set(report.scores)
    kept = report.as_dict()
    assert "by_class" not in kept
    assert not any("of_class" in score for score in kept["scores"].values())


def test_training_scores_have_accuracy_and_spread_of_the_classes(judge, fakes):
    quick, whole = judge.quick(*fakes), judge.evaluate(*fakes[:1], asked=fakes[1]).scores
    assert {"class_accuracy", "spread_within_class", "spread_worst_class"} <= set(quick)
    assert "fd_within_class" not in quick
    assert set(judge.quick(fakes[0])) == set(quick) - set(LABELLED)
    for name, score in quick.items():
        assert score == replace(whole[name], floor=None, floor_interval=None)


def test_of_more_images_than_tests_the_classes_go_with_the_images(judge, digits):
    report = judge.evaluate(digits.pixels, asked=digits.labels)  # 1,297 images of which 500 are judged
    assert report.n == 500
    assert report.scores["class_accuracy"].value > 0.99


# -- judges and data by which not all can be measured ---------------------------------------------------------------


def test_a_judge_without_classes_says_what_is_left_out_and_measures_the_rest(digits, tests, fakes):
    judge = made({"simclr": random_net(digits.pixels, 8, seed=1)}, digits, tests)
    report = judge.evaluate(*fakes[:1], asked=fakes[1])
    assert "class_accuracy" not in report.scores
    assert report.scores["spread_within_class"].value > 0.9
    assert any(
        "The judge has no classes: whether the class asked for comes out is not measured" in w for w in report.words()
    )
    json.dumps(report.as_dict(), allow_nan=False)


@pytest.mark.slow
def test_a_trained_judge_and_one_of_other_classes(digits, tests, fakes):
    labels = digits.labels % 5
    net = train_classifier(digits.pixels, digits.labels, 10, 8, seed=3, epochs=2, report=lambda _: None)
    report = made({"cnn-0": net}, digits, tests).evaluate(*fakes[:1], asked=fakes[1])
    seen = see(net, fakes[0]).probabilities.argmax(1)
    assert report.scores["class_accuracy"].value == pytest.approx(float((seen == fakes[1]).double().mean()))
    five = made({"cnn-0": net}, digits, tests, names=tuple("abcde"), labels=tests.labels % 5, train_labels=labels[640:])
    report = five.evaluate(*fakes[:1], asked=labels[:500])
    assert "class_accuracy" not in report.scores
    assert any("The judge has 10 classes and the data 5" in words for words in report.words())
    assert report.scores["fd_within_class"].floor is not None


def test_without_labels_of_the_test_images_nothing_within_classes_is_measured(judge, digits, tests, fakes):
    nets = {"digits-cnn-0": judge.reference.nets["digits-cnn-0"]}
    report = made(nets, digits, tests, labels=None).evaluate(*fakes[:1], asked=fakes[1])
    assert report.scores["class_accuracy"].value > 0.99
    assert report.scores["class_accuracy"].floor is None
    assert "spread_within_class" not in report.scores
    assert any("The test images have no labels" in words for words in report.words())


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (torch.zeros(499, dtype=torch.int64), "must be int64"),
        (torch.zeros(500), "must be int64"),
        (torch.full((500,), 10), "go from 10 to 10; these data have classes 0 to 9"),
    ],
)
def test_classes_that_are_none_are_refused(judge, fakes, asked, words):
    with pytest.raises(UserError, match=words):
        judge.evaluate(fakes[0], asked=asked)


def test_data_without_classes_refuse_them(digits, tests, fakes):
    judge = made({"simclr": random_net(digits.pixels, 8, seed=1)}, digits, tests, names=None)
    with pytest.raises(UserError, match="have no classes"):
        judge.quick(*fakes)


# -- metrics of one's own ------------------------------------------------------------------------------------------


def test_a_metric_of_ones_own_gets_the_classes_asked_for(judge, fakes):
    def mine(labels, asked):
        return (labels == asked).double()

    ayneh.add("metric", "mine", ayneh.Metric(mine, better="higher"))
    report = judge.evaluate(*fakes[:1], asked=fakes[1])
    found, built_in = report.scores["mine"], report.scores["class_accuracy"]
    assert found.value == built_in.value
    assert found.floor > 0.99  # of training images with their labels
    assert "mine" not in judge.evaluate(fakes[0]).scores
    assert judge.quick(*fakes)["mine"].value == found.value


def test_the_worst_class_is_in_json():
    report = Report("digits", 500, ("a",), {"spread_worst_class": Score(0.1, 500, floor=0.9, of_class="7")})
    assert report.as_dict()["scores"]["spread_worst_class"]["of_class"] == "7"
