"""Scores while training: what chooses the best, what they cost, and that none of their failures ends a training."""

import pytest

from ayneh.config import Data
from ayneh.data.sources import load
from ayneh.errors import UserError
from ayneh.evaluation import judge_of
from ayneh.judge.verdict import Judge
from ayneh.record.record import Record
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


# -- in a run ------------------------------------------------------------------------------------------------------

SCORED = ["--keep.score-epochs", 1, "--keep.score-images", 100]


@pytest.mark.slow
def test_a_cache_that_cannot_be_written_costs_the_scores_and_a_sentence(ayneh, tmp_path, tiny, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AYNEH_CACHE", str(tmp_path / "file" / "cache"))
    for verb in (["train", "digits", *tiny, *SCORED, "--epochs", 1, "--out"], ["resume", "--epochs", 2]):
        status, _, err = ayneh(*verb, tmp_path / "run")
        assert status == 0, err
        assert err.count("Training goes on without scores. ") == 1
    assert [line["step"] for line in Record(tmp_path / "run").lines()] == [4, 8]


@pytest.mark.parametrize("error", [UserError("The disk is full."), RuntimeError("odd"), MemoryError("2 GiB")])
def test_a_score_that_fails_comes_after_the_checkpoint_and_ends_nothing(ayneh, tmp_path, tiny, monkeypatch, error):
    whole, saved = Judge.quick, []

    def fail(self, images, asked=None):
        if len(images) == 100 and (folder := tmp_path / "run" / "checkpoints").exists():
            saved.append(sorted(path.name for path in folder.glob("epoch-*")))
            if len(saved) == 3:  # the first is before the first step
                raise error
        return whole(self, images, asked)

    monkeypatch.setattr(Judge, "quick", fail)
    status, _, err = ayneh("train", "digits", *tiny, *SCORED, "--epochs", 3, "--out", tmp_path / "run")
    assert status == 0, err
    assert [len(names) for names in saved] == [0, 1, 2, 3]
    assert "No scores after this epoch, and training goes on: " in err
    assert ["scores" in line for line in Record(tmp_path / "run").lines()] == [True, False, True]


def test_images_that_no_judge_reads_are_named_before_the_first_step(ayneh, tmp_path, tiny, monkeypatch):
    def refuse(*_):
        raise UserError("The judge reads 28 pixels; `ayneh judge train` trains one for 16.")

    monkeypatch.setattr(Judge, "quick", refuse)
    status, _, err = ayneh("train", "digits", *tiny, *SCORED, "--epochs", 2, "--out", tmp_path / "run")
    assert status == 0, err
    lines = err.splitlines()
    told = [line.startswith("Training goes on without scores. The judge reads 28 pixels; ") for line in lines]
    assert sum(told) == 1
    assert told.index(True) < next(i for i, line in enumerate(lines) if line.startswith("epoch: 0"))


@pytest.mark.parametrize(("size", "warned"), [(4, True), (12, False)])
def test_a_judge_that_cannot_read_the_data_is_warned_of_before_the_first_step(size, warned):
    said: list[str] = []
    data = Data("digits", resize=size)
    Scorer(judge_of(data), 100, said.append).rehearse(load("digits", "train", resize=size).pixels, 16)
    assert any(words.startswith("Warning: digits-cnn-0 classifies") for words in said) == warned
