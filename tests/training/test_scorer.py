"""Scores while training: what chooses the best, what they cost, and that none of their failures ends a training."""

import pytest

from ayneh.config import Data
from ayneh.errors import UserError
from ayneh.evaluation import judge_of
from ayneh.training.scorer import Scorer, total


def test_a_replica_without_a_distance_is_never_the_best():
    assert total({"fd": [{"value": 3.0}, {"value": 5.0}]}) == 4.0
    assert total({"fd": [{"value": 3.0}, None]}) == float("inf")
    assert total({}) == total(None) == float("inf")
    assert total({"fd": [{"value": 3.0}, {"value": None}]}) == float("inf")


@pytest.mark.parametrize("error", [UserError("The cache is full."), MemoryError("2 GiB"), ZeroDivisionError()])
def test_a_failure_is_said_or_for_a_study_raised(monkeypatch, error):
    said = []

    def fail(*_):
        raise error

    monkeypatch.setattr(Scorer, "score", fail)
    assert Scorer(None, 100, said.append).attempt([], 1.0) is None
    (words,) = said
    assert words.startswith("No scores after this epoch, and training goes on: ")
    assert type(error).__name__ in words or str(error) in words
    with pytest.raises(type(error)):
        Scorer(None, 100).attempt([], 1.0)


def test_scores_are_taken_whatever_they_cost_and_their_cost_is_said_once(monkeypatch):
    said = []
    monkeypatch.setattr(Scorer, "score", lambda self, samplers: {"fd": [{"value": 1.0}]})
    scorer = Scorer(None, 100, said.append)
    for spent in (0.0, 9.0, 20.0, 90.0):
        scorer.spent_s = spent
        assert scorer.attempt([], 100.0) == {"fd": [{"value": 1.0}]}
    assert len(said) == 1
    assert said[0].startswith("Scores have taken 20 s of 100 s so far")


def test_the_judge_is_tried_on_framed_images():
    data = Data("digits")
    judge = judge_of(data)
    Scorer(judge, 100).rehearse(judge.reference.train, 16)
    with pytest.raises(UserError, match="channels"):
        Scorer(judge, 100).rehearse(judge.reference.train.repeat(1, 3, 1, 1), 16)
