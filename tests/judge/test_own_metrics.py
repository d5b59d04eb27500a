"""Metrics of one's own: equal to a built-in one they score the same, and one that fails costs its own score alone."""

import json
import math
import re
from pathlib import Path

import pytest
import torch

import ayneh
from ayneh.data.sources import load
from ayneh.errors import UserError
from ayneh.judge import own
from ayneh.judge.diversity import ms_ssim, pairs
from ayneh.judge.features import shipped
from ayneh.judge.frechet import distance
from ayneh.judge.metrics import METRICS, metrics
from ayneh.judge.verdict import Judge
from ayneh.parts.registry import every
from ayneh.record.record import Record


@pytest.fixture
def verb(request):
    """``verb("train", ...)``: the fixture ``ayneh``, whose name is that of the package."""
    return request.getfixturevalue("ayneh")


@pytest.fixture(scope="module")
def digits():
    return load("digits", "train").pixels


@pytest.fixture
def judge(digits):
    return Judge("digits", {"digits-cnn-0": shipped("digits-cnn-0")}, digits[:300], digits[300:500])


@pytest.fixture(scope="module")
def built_in(digits):
    """What a judge without metrics of one's own says of 120 images."""
    alone = Judge("digits", {"digits-cnn-0": shipped("digits-cnn-0")}, digits[:300], digits[300:500])
    return alone.evaluate(digits[500:620])


def my_fd(real_features, features):
    """The Fréchet distance as a person would write it."""
    return distance(real_features.mean(0), real_features.T.cov(), features.mean(0), features.T.cov())


def my_spread(images, real_images):
    """Written in NumPy, from arrays of the tensors."""
    fakes, real = (x.numpy().astype(float).reshape(len(x), -1) for x in (images, real_images))
    return math.sqrt(fakes.var(0, ddof=1).sum() / real.var(0, ddof=1).sum())


def test_an_own_metric_equal_to_a_built_in_one_has_its_value_interval_and_floor(judge, digits):
    ayneh.add("metric", "my_fd", ayneh.Metric(my_fd, better="lower"))
    ayneh.add("metric", "my_spread", ayneh.Metric(my_spread, interval=False))
    scores = judge.evaluate(digits[500:650]).scores
    for mine, theirs in (("my_fd", "fd"), ("my_spread", "spread")):
        a, b = scores[mine].as_dict(), scores[theirs].as_dict()
        assert a.keys() == b.keys()
        assert a.pop("protocol") == f"{mine}_150_digits_test"
        assert b.pop("protocol") == f"{theirs}_150_digits_test"
        assert a == pytest.approx(b, rel=1e-9)
    assert {"low", "high", "floor_low", "floor_high"} <= scores["my_fd"].as_dict().keys()


def test_a_number_for_each_image_is_a_mean_with_its_interval(judge, digits):
    """As `ms_ssim` of pairs: the same images, the same mean, the same interval."""

    def likeness(images):
        left, right = pairs(len(images))
        return ms_ssim(images[left], images[right]).repeat_interleave(2)  # both of a pair, so that there are N

    ayneh.add("metric", "likeness", likeness)
    scores = judge.scores(digits[500:650], ["likeness", "ms_ssim"])
    assert scores["likeness"].value == pytest.approx(scores["ms_ssim"].value)
    (low, high), (least, most) = scores["likeness"].interval, scores["ms_ssim"].interval
    n = 150
    assert (high - low) / (most - least) == pytest.approx(math.sqrt((n / 2 - 1) / (n - 1)))


def test_what_a_metric_takes_follows_from_the_names_of_its_parameters(judge, digits):
    took = {}

    def looks(images, features, labels, probabilities, real_images, real_features, more=1):
        took.update((k, (tuple(v.shape), v.dtype)) for k, v in locals().items() if isinstance(v, torch.Tensor))
        return 1.0

    ayneh.add("metric", "looks", ayneh.Metric(looks, interval=False))
    judge.scores(digits[500:540], ["looks"])
    assert took == {
        "images": ((40, 1, 8, 8), torch.uint8),
        "features": ((40, 96), torch.float64),
        "labels": ((40,), torch.int64),
        "probabilities": ((40, 10), torch.float64),
        "real_images": ((200, 1, 8, 8), torch.uint8),
        "real_features": ((200, 96), torch.float64),
    }
    assert own.metric_of(lambda x: 1.0).needs == ("images",)
    assert own.metric_of(torch.mean).needs == ("images",)


def broken(images):
    raise ZeroDivisionError("no edges")


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (broken, f"mine' failed: ZeroDivisionError: no edges ({__file__}:{broken.__code__.co_firstlineno + 1})"),
        (lambda images: float("nan"), "returned nan; it must return a number, or one for each image."),
        (lambda images: "sharp", "The metric 'mine' returned \"sharp\"; it must return a number"),
        (lambda images: None, "The metric 'mine' returned null; it must"),
        (lambda images: images, "The metric 'mine' returned numbers of shape (120, 1, 8, 8); it must"),
        (lambda images: [1.0, math.inf] * 60, "The metric 'mine' returned 60 numbers of 120 that are NaN or infinite"),
        (lambda images: {"a": 1}, "The metric 'mine' returned a dict; it must"),
    ],
)  # fmt: skip
def test_a_metric_that_fails_costs_its_own_score_alone(judge, built_in, digits, function, words):
    before = built_in
    ayneh.add("metric", "mine", ayneh.Metric(function, needs="images"))
    report = judge.evaluate(digits[500:620])
    assert report.scores["mine"].value is None
    assert any(words in said and "mine_120_digits_test" in said for said in report.words())
    assert {name: score for name, score in report.scores.items() if name != "mine"} == before.scores
    json.dumps(report.as_dict(), allow_nan=False)


def test_a_metric_cannot_change_what_others_see_and_draws_the_same_each_time(judge, digits):
    def rude(images, features):
        images.zero_()
        features.zero_()
        torch.set_grad_enabled(False)
        return float(torch.rand(()))

    before = judge.scores(digits[500:620], ["spread", "fd"])
    state = torch.get_rng_state()
    ayneh.add("metric", "rude", ayneh.Metric(rude, interval=False))
    after = judge.scores(digits[500:620])
    assert {name: after[name] for name in before} == before
    assert after["rude"] == judge.scores(digits[500:620], ["rude"])["rude"]
    assert torch.is_grad_enabled()
    assert torch.equal(torch.get_rng_state(), state)


def test_an_interval_is_left_out_where_a_part_has_no_number(judge, digits):
    ayneh.add("metric", "whole", lambda images: 1.0 if len(images) == 120 else 1 / 0)
    score = judge.scores(digits[500:620], ["whole"])["whole"]
    assert (score.value, score.interval) == (1.0, None)
    few = own.measure("n", own.metric_of(lambda images: float(len(images))), digits[:39])
    assert (few.value, few.interval) == (39.0, None)
    count = own.measure("n", own.metric_of(lambda images: images.double().mean()), digits[:40])
    assert count.interval[0] < count.value < count.interval[1]


def test_a_changed_function_has_a_new_floor(judge, digits):
    floors = []
    for factor in (1.0, 2.0):
        ayneh.add("metric", "mine", lambda images, factor=factor: factor * images.double().mean())
        floors.append(judge.evaluate(digits[500:620]).scores["mine"].floor)
    assert floors[1] == pytest.approx(2 * floors[0])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ayneh.Metric(my_fd, better="less"), "better of a metric is 'less'; it must be one of: lower, "),
        (lambda: ayneh.Metric(my_fd, scale="log"), "scale of a metric is 'log'; it must be one of: ratio, difference"),
        (lambda: ayneh.Metric(my_fd, needs=("feature",)), "Did you mean 'features'"),
        (lambda: ayneh.Metric(my_fd, needs="real_images"), "A metric measures generated images, and needs is"),
        (lambda: ayneh.Metric(3), "The function of a metric is 3; it must be a function"),
        (lambda: ayneh.add("metric", "mine", 3), "The metric 'mine' is 3; it must be a function of images"),
        (lambda: ayneh.add("metric", "mine", my_fd, better="lower"), "the metric 'mine' the argument 'better': put it"),
        (lambda: ayneh.add("metric", "fd", my_fd), "There is a built-in metric called 'fd'"),
    ],
)  # fmt: skip
def test_what_is_no_metric_is_refused(make, words):
    with pytest.raises(UserError) as raised:
        make()
    assert words in str(raised.value)


PARTS = """
import ayneh

def brightness(images):
    return images.double().mean((1, 2, 3)) / 255

def fails(features):
    raise KeyError("nothing")

ayneh.add("metric", "brightness", ayneh.Metric(brightness, title="brightness", scale="ratio"))
ayneh.add("metric", "fails", fails)
"""


def test_it_is_in_training_in_evaluate_and_a_failing_one_is_said_once(verb, tmp_path, tiny):
    parts, run = tmp_path / "parts.py", tmp_path / "run"
    parts.write_text(PARTS)
    flags = ["--keep.score-epochs", 1, "--keep.score-images", 100, "--epochs", 2, "--parts", parts, "--out", run]
    status, _, err = verb("train", "digits", *tiny, *flags)
    assert status == 0, err
    assert err.replace("\n", " ").count("The metric 'fails' failed: KeyError: 'nothing'") == 1
    assert "Training goes on without this score" in err.replace("\n", " ")
    for line in (line for line in Record.open(run).lines() if "scores" in line):
        (score,) = line["scores"]["brightness"]
        assert score["low"] < score["value"] < score["high"]
        assert score["protocol"] == "brightness_100_digits_test"
        assert line["scores"]["fails"][0]["value"] is None
        assert line["scores"]["fd"][0]["value"] > 0
    status, out, err = verb("evaluate", run, "--n", 100, "--parts", parts)
    assert status == 0, err
    assert "brightness_100_digits_test" in out
    kept = Record.open(run).report("evaluation")["scores"]["brightness"]
    assert kept["floor_low"] < kept["floor"] < kept["floor_high"]


STUDY = """
base = "digits"
outcomes = ["{outcome}"]
seeds = 3
images = 100
[set]
epochs = 1
"data.resize" = 8
"data.limit" = 128
"batch" = 32
"net.name" = "mlp"
"net.width" = 8
[arms.usual]
[arms.fast]
"optimizer.lr" = 0.01
"""


@pytest.mark.slow
def test_it_is_the_outcome_of_a_study(verb, tmp_path):
    parts, file, out = tmp_path / "parts.py", tmp_path / "study.toml", tmp_path / "study"
    parts.write_text(PARTS)
    for outcome in ("brightness", "fails"):
        file.write_text(STUDY.format(outcome=outcome))
        status, _, err = verb("study", "run", file, "--out", out, "--workers", 1, "--parts", parts)
        if outcome == "fails":
            break
        assert status == 0, err
        page = (out / "report.html").read_text()
        assert re.search(r"usual\W.{0,40}brightness|brightness than usual", page), re.findall(
            ".{40}brightness.{40}", page
        )
        rows = (out / "results.csv").read_text().splitlines()
        column = rows[0].split(",").index("brightness")
        assert all(0 < float(row.split(",")[column]) < 1 for row in rows[1:])
        out = tmp_path / "other"
    assert status == 2
    assert "The metric 'fails' failed: KeyError: 'nothing'" in err.replace("\n", " ")
    assert "It is an outcome of this study: correct it, or leave it out" in err.replace("\n", " ")


def test_the_table_is_the_built_in_ones_and_ones_own():
    assert list(metrics()) == list(METRICS)
    ayneh.add("metric", "mine", ayneh.Metric(my_fd, title="mine", words="what it is"))
    assert list(metrics()) == [*METRICS, "mine"]
    found = metrics()["mine"]
    assert (found.title, found.words, found.needs, found.better) == ("mine", "what it is", ("real", "fake"), "floor")
    assert Path(every()[-1].source.file or "") == Path(__file__)
