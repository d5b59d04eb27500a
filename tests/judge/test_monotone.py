"""Every metric moves the right way under known damage to real digits: what docs/metrics.md shows on MNIST."""

import importlib.util
from functools import partial
from pathlib import Path

import pytest
import torch

from ayneh.data.sources import load
from ayneh.judge.features import shipped
from ayneh.judge.scores import Score
from ayneh.judge.verdict import Judge

BENCH = Path(__file__).parents[2] / "bench"
spec = importlib.util.spec_from_file_location("degrade", BENCH / "degrade.py")
degrade = importlib.util.module_from_spec(spec)
spec.loader.exec_module(degrade)

STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
TRAINED_ON = 897  # the other 400 training images play the perfect generator


@pytest.fixture(scope="module")
def digits():
    return load("digits", "train")


@pytest.fixture(scope="module")
def judge(digits):
    nets = {"digits-cnn-0": shipped("digits-cnn-0")}
    return Judge("digits", nets, digits.pixels[:TRAINED_ON], load("digits", "test").pixels)


@pytest.mark.parametrize("damage", degrade.MOVES)
def test_metrics_move_with_the_damage(damage, judge, digits):
    real, labels = digits.pixels[TRAINED_ON:], digits.labels[TRAINED_ON:]
    others = {
        "fewer classes": partial(degrade.fewer_classes, labels=labels),
        "memorisation": partial(degrade.memorised, train=digits.pixels[:TRAINED_ON]),
    }
    spoil = (degrade.DEGRADE | others)[damage]
    found = [judge.scores(spoil(real, strength)) for strength in STRENGTHS]
    for metric, direction in degrade.MOVES[damage].items():
        scores = [scores[metric] for scores in found]
        assert degrade.moves(scores, direction), f"{metric}: {[score.value for score in scores]}"


def test_moves_forgives_noise_and_nothing_else():
    flat = [Score(1.0, 9, (0.5, 1.5)), Score(0.9, 9, (0.4, 1.4)), Score(3.0, 9, (2.5, 3.5))]
    assert degrade.moves(flat, 1)
    assert not degrade.moves(flat, -1)
    assert not degrade.moves([Score(1.0, 9), Score(0.9, 9), Score(3.0, 9)], 1)
    assert not degrade.moves([Score(1.0, 9), Score(None, 9), Score(3.0, 9)], 1)
    assert not degrade.moves([Score(1.0, 9), Score(1.0, 9)], 1)


def test_strength_zero_changes_nothing_and_one_is_the_end(digits):
    real = digits.pixels[:60]
    for spoil in (degrade.blurred, degrade.noisy, degrade.with_garbage, degrade.duplicated):
        assert torch.equal(spoil(real, 0), real)
    assert len(degrade.duplicated(real, 1).unique(dim=0)) == 1
    labels = digits.labels[:60]
    assert len(degrade.fewer_classes(real, 0.5, labels)) == 60
    assert torch.equal(degrade.memorised(real, 0.5, digits.pixels[100:])[:30], digits.pixels[100:130])
    scrambled = degrade.with_garbage(real, 1)
    assert torch.equal(scrambled.flatten(1).sort().values, real.flatten(1).sort().values)
    assert not torch.equal(scrambled, real)
