"""What shows that the judge's encoders learn without labels."""

import pytest

from ayneh.data.sources import load
from ayneh.judge.training import random_net, train_encoder


@pytest.mark.slow
def test_an_encoder_learns_more_than_the_random_control_has(bench):
    train, test = load("digits", "train"), load("digits", "test")
    sets = (train.pixels, train.labels), (test.pixels, test.labels)
    linear_probe = bench("train_judges").linear_probe
    control = linear_probe(random_net(train.pixels, 8, seed=0), *sets)
    learned = linear_probe(train_encoder(train.pixels, 8, seed=0, epochs=20, report=lambda words: None), *sets)
    assert learned > control + 0.01
