"""Scores while training: the best of them, and their share of the time."""

from ayneh.config import Data
from ayneh.evaluation import judge_of
from ayneh.training.scorer import Scorer

LINES = [{"epoch": 1, "scores": {"fd": [{"value": 3.0}, {"value": 5.0}]}}, {"epoch": 2}]


def test_the_best_is_remembered_over_a_resume_and_scoring_keeps_to_its_share():
    scorer = Scorer(judge_of(Data("digits", resize=16)), 100, always=False, lines=LINES)
    assert scorer.best == 4.0
    for distance, improved in ((4.5, False), (3.5, True), (3.9, False)):
        scorer.latest = distance
        assert scorer.improved() is improved
    assert scorer.improved() is False  # nothing new
    assert scorer.affordable(100.0)
    scorer.spent_s = 7.0
    assert not scorer.affordable(100.0)  # 7 s of 100 s is more than 5 %
    scorer.always = True
    assert scorer.affordable(100.0)


def test_a_replica_without_a_distance_is_never_the_best():
    assert Scorer.total({"fd": [{"value": 3.0}, None]}) == float("inf")
    assert Scorer.total({}) == float("inf")
    assert Scorer.total({"fd": [{"value": 3.0}, {"value": None}]}) == float("inf")
