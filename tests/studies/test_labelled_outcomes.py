"""Outcomes of classes that were asked for: an arm without labels has none, and is neither worst nor waited for."""

import math

import pytest

from ayneh.errors import UserError
from ayneh.judge.metrics import LABELLED
from ayneh.studies.comparisons import NO_LABELS, NO_VALUES, compare, values
from ayneh.studies.ledger import Ledger
from ayneh.studies.plan import OF_CLASSES, from_dict, planned
from ayneh.studies.report import verdict_rows
from ayneh.studies.results import OUTCOMES, Result, results, rows
from ayneh.studies.stack import play

STUDY = {
    "name": "labels",
    "base": "digits",
    "seeds": 6,
    "outcomes": ["class_accuracy", "fd"],
    "arms": {"none": {}, "concat": {"rules": {"labels": "concat"}}, "norm": {"rules": {"labels": "projection"}}},
    "asks": [{"arm": "concat", "reference": "none"}, {"arm": "norm", "reference": "concat"}],
}


def made(study, broken=()) -> list[Result]:
    """A result of every run: a labelled one has an accuracy, better in the arm "norm"."""
    found = []
    for run in study.runs():
        look = {"epoch": 0, "images": 9, "wall_s": 1.0, "fd": 5.0 + 0.01 * run.seed, "modes": 10.0, "spread": 1.0}
        if run.config.rules.labelled:
            look["class_accuracy"] = (0.9 if run.arm == "norm" else 0.5) + 0.001 * run.seed
        fallen = (run.arm, run.seed) in broken
        end = {"diverged": {"step": 1} if fallen else None, "swaps": {}, "wall_s": 1.0}
        found.append(Result(run, [look], [{"mean_loss_d": [1.0]}], end, {}))
    return found


def test_an_arm_without_labels_is_neither_worst_nor_awaited():
    study = from_dict(STUDY, "labels")
    found = made(study)
    compared = compare(study, found)
    first, second = compared["class_accuracy"]
    assert (first.verdict, first.contrast) == (NO_LABELS, None)
    assert "concat and none are not compared on class_accuracy, which none does not have without labels" in first.words
    assert second.verdict == "better"
    assert all(one.contrast is not None for one in compared["fd"])
    assert values([result for result in found if result.run.arm == "none"], "class_accuracy") == {}
    ((row, other),) = verdict_rows(compared).values()
    assert row["on"]["class_accuracy"][1] == NO_LABELS
    assert other["on"]["class_accuracy"][1] == "better"


def test_an_arm_whose_runs_all_broke_down_is_not_awaited_where_no_value_is_the_worst():
    study = from_dict(STUDY | {"outcomes": ["loss_d", "fd"]}, "labels")
    runs = [run.seed for run in study.runs() if run.arm == "none"]
    found = made(study, broken={("none", seed) for seed in runs})
    compared = compare(study, found)
    first, second = compared["loss_d"]
    assert (first.verdict, first.contrast) == (NO_VALUES, None)
    assert "are not compared on loss_d, since none of the finished runs of none has a value." in first.words
    assert second.verdict
    assert compared["fd"][0].verdict == "better"  # there broken runs have the worst rank
    early = [result for result in found if result.run.seed != runs[-1]]
    assert "runs are missing" in compare(study, early)["loss_d"][0].words


def test_outcomes_of_classes_are_known_without_torch():
    """tests/engine/test_hyper.py asserts that a plan does not import it."""
    assert set(OF_CLASSES) == set(OUTCOMES) & set(LABELLED)


def test_a_labelled_run_that_broke_down_has_the_worst_rank():
    study = from_dict(STUDY, "labels")
    found = made(study, {("concat", 2)})
    concat = values([result for result in found if result.run.arm == "concat"], "class_accuracy")
    assert concat[2] == -math.inf
    assert len(concat) == 6


def test_tables_of_a_study_without_labels_have_the_columns_that_they_had():
    plain = from_dict(
        STUDY | {"arms": {"a": {}, "b": {"optimizer": {"lr": 0.01}}}, "outcomes": ["fd"], "asks": []}, "s"
    )
    (row, *_) = rows(made(plain))
    assert not set(LABELLED) & set(row)
    labelled = rows(made(from_dict(STUDY, "labels")))
    assert all("class_accuracy" in row for row in labelled)
    assert labelled[0]["class_accuracy"] is None
    assert "spread_within_class" not in labelled[0]


def test_a_study_of_unlabelled_arms_alone_refuses_such_an_outcome():
    with pytest.raises(UserError, match="class_accuracy is an outcome of runs with labels, and no arm has them"):
        planned(STUDY | {"arms": {"a": {}, "b": {"optimizer": {"lr": 0.01}}}, "asks": []}, "s")


def test_a_played_run_with_labels_has_the_outcomes_and_the_other_has_none(tmp_path, tiny_values):
    arms = {"none": {}, "concat": {"rules": {"labels": "concat"}}}
    changes = {"arms": arms, "factors": {}, "seeds": 1, "outcomes": ["spread_worst_class", "class_accuracy", "fd"]}
    study = from_dict(tiny_values | changes | {"set": tiny_values["set"] | {"epochs": 1}}, "labels")
    ledger = Ledger.create(tmp_path / "s", study)
    for run in study.runs():
        assert play([run], ledger.folder, study)
    plain, labelled = results(ledger)
    assert plain.value("class_accuracy") is None
    assert 0 <= labelled.value("class_accuracy") <= 1
    assert labelled.value("spread_worst_class") > 0
    assert labelled.protocols["spread_within_class"] == "spread_within_class_200_digits_test"
