"""Classifiers learn, the random control does not change; both views are honest."""

import pytest
import torch

from ayneh.data.sources import load
from ayneh.errors import UserError
from ayneh.judge.training import accuracy, affine, erase, random_net, train_classifier, train_encoder


def silent(_: str) -> None:
    pass


def test_a_classifier_learns_the_digits():
    train, test = load("digits", "train"), load("digits", "test")
    net = train_classifier(train.pixels, train.labels, 10, 8, seed=3, epochs=8, report=silent)
    assert accuracy(net, test.pixels, test.labels) > 0.95


def test_training_is_a_function_of_the_seed():
    train = load("digits", "train", limit=256)
    nets = [train_classifier(train.pixels, train.labels, 10, 8, seed=s, epochs=1, report=silent) for s in (1, 1, 2)]
    first, again, other = (net.state_dict()["neck.0.weight"] for net in nets)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_too_few_images_to_train_on_are_refused():
    with pytest.raises(UserError, match="5 images"):
        train_encoder(torch.zeros(5, 1, 8, 8, dtype=torch.uint8), 8, seed=0, epochs=1, report=silent)


def test_an_encoder_has_no_accuracy():
    net = random_net(torch.zeros(10, 1, 8, 8, dtype=torch.uint8), 8, seed=0)
    with pytest.raises(UserError, match="has no classes"):
        accuracy(net, torch.zeros(2, 1, 8, 8, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64))


def test_affine_without_movement_is_the_identity_and_fills_with_black():
    x = torch.rand(4, 1, 12, 12) * 2 - 1
    gen = torch.Generator().manual_seed(0)
    assert torch.allclose(affine(x, gen, 0, 0, 0), x, atol=1e-5)
    moved = affine(torch.ones(200, 1, 12, 12), gen, 0, 0, 0.25)
    assert float(moved.min()) == -1
    ink = (moved + 1).mean((1, 2, 3)) / 2  # a shift by up to a quarter of the side leaves at least (3/4)^2
    assert float(ink.min()) > 0.5


def test_erase_blackens_a_square_of_the_side_asked_for():
    holes = (erase(torch.ones(300, 1, 20, 20), torch.Generator().manual_seed(0), 0.35) == -1).sum((1, 2, 3))
    assert int(holes.max()) == 49
    assert int(holes.min()) > 0
