"""METRICS against what is made from it: the judge's scores, the quick ones, floors, outcomes of studies, the docs."""

from pathlib import Path

import pytest

from ayneh.data.sources import load
from ayneh.judge.features import shipped
from ayneh.judge.inputs import Inputs
from ayneh.judge.metrics import LABELLED, METRICS, table
from ayneh.judge.scores import metric_of, protocol
from ayneh.judge.training import random_net
from ayneh.judge.verdict import Judge
from ayneh.studies.results import OUTCOMES

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def digits():
    return load("digits", "train").pixels


@pytest.fixture(scope="module")
def judge(digits):
    nets = {name: shipped("digits-cnn-0") for name in ("digits-cnn-0", "digits-cnn-1")}
    return Judge("digits", nets | {"digits-random": random_net(digits, 8, seed=0)}, digits[:150], digits[150:300])


def test_the_page_shows_the_table():
    assert table() in (DOCS / "metrics.md").read_text()


@pytest.fixture(scope="module")
def labelled(digits):
    """A judge of images with labels, which are asked for."""
    nets, labels = {"digits-cnn-0": shipped("digits-cnn-0")}, load("digits", "train").labels
    names = tuple("0123456789")
    return Judge("digits", nets, digits[:150], digits[150:300], None, labels[150:300], labels[:150], names)


def test_a_report_has_every_metric_by_the_lead_and_those_of_every_net_by_the_others(judge, labelled, digits):
    labels = load("digits", "train").labels
    assert labelled.evaluate(digits[300:420], asked=labels[300:420]).scores.keys() == METRICS.keys()
    scores = judge.evaluate(digits[300:420]).scores
    of = {at: {metric_of(name) for name in scores if name.partition("@")[2] == at} for at in ("", "cnn-1", "random")}
    assert of[""] == METRICS.keys() - set(LABELLED)
    assert of["cnn-1"] == {name for name, metric in METRICS.items() if metric.every_net} - set(LABELLED)
    assert of["random"] == {"fd", "unlike"}  # it has no classes
    for name, score in scores.items():
        metric, _, net = name.partition("@")
        against = "train" if metric == "ndb" else "test"
        assert score.protocol == protocol(metric, score.n, "digits", against, net)
        assert METRICS[metric].floor in (None, score.floor)


def test_the_quick_scores_are_those_that_say_so_by_the_lead(judge, labelled, digits):
    quick = {name for name, metric in METRICS.items() if metric.quick}
    assert judge.quick(digits[300:420]).keys() == quick - set(LABELLED)
    assert labelled.quick(digits[300:420], load("digits", "train").labels[300:420]).keys() == quick


def test_some_metrics_can_be_asked_for_alone(judge, digits):
    (copies,) = judge.scores(digits[:150], ["copies"]).values()
    assert copies.value == 1


def test_an_encoder_as_the_lead_has_no_classes_to_speak_of(digits):
    judge = Judge("set", {"simclr": random_net(digits, 8, seed=1)}, digits[:100], digits[100:200])
    report = judge.evaluate(digits[200:300])
    needing_classes = {"counts", "data_counts", "probabilities", "labels"}
    without = {name for name, metric in METRICS.items() if not needing_classes & set(metric.needs)}
    assert report.scores.keys() == without - set(LABELLED)
    assert (report.histogram, report.disagreements, judge.classes) == (None, (), 0)


def test_needs_are_what_inputs_have():
    known = {name for name in dir(Inputs) if not name.startswith("_")} | {"fakes", "test", "asked"}
    assert {need for metric in METRICS.values() for need in metric.needs} <= known


def test_outcomes_of_studies_follow_and_are_on_the_page():
    page = (DOCS / "study.md").read_text()
    for name, outcome in OUTCOMES.items():
        assert f"`{name}`" in page
        if name in METRICS:
            assert METRICS[name].quick
            assert (outcome.better, outcome.scale) == (METRICS[name].better, METRICS[name].scale)
            assert METRICS[name].title in outcome.words


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        (("fd", 10_000, "mnist"), "fd_10k_mnist_test"),
        (("fd", 10_000, "mnist", "test", "cnn-1"), "fd_10k_mnist_test_cnn-1"),
        (("kid", 30, "fashion-mnist"), "kid_30_fashionmnist_test"),
        (("fd", 30, "folder:/home/me/x_test"), "fd_30_folder_test"),
        (("modes", 26_000, "stacked-mnist", ""), "modes_26k_stackedmnist"),
    ],
)
def test_protocols(asked, named):
    assert protocol(*asked) == named
