"""Reading back and round trips: closed forms, controls that must fail, words at their thresholds."""

import numpy as np
import pytest
import torch

from ayneh.errors import UserError
from ayneh.inverse.readback import (
    explained,
    nearest_label,
    principal,
    probe,
    read_by_perceptron,
    read_by_ridge,
    relative_error,
    squared_error,
    verdict,
)
from ayneh.judge.scores import Score


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_explained_is_one_minus_noise_over_signal():
    z = normal(20_000, 3)
    noise = torch.tensor([0.0, 0.5, 1.0]) * normal(20_000, 3, seed=1)
    r2 = explained(z + noise, z)
    torch.testing.assert_close(r2, torch.tensor([1.0, 0.75, 0.0], dtype=torch.float64), atol=0.05, rtol=0)
    assert explained(z.mean(0).expand_as(z), z).abs().max() < 1e-6


def test_a_linear_map_is_read_back_and_noise_is_not():
    z = 3 + 2 * normal(1200, 4)
    features = z @ normal(4, 10, seed=1)
    for read in (read_by_ridge, read_by_perceptron):
        found = read(features, z, 1000)
        assert found.n == 200
        assert found.r2.min() > 0.95
        assert found.read(features[:7]).shape == (7, 4)
        blind = read(normal(1200, 10, seed=2), z, 1000)
        assert blind.r2.max() < 0.1


def test_ridge_reads_as_much_as_the_noise_lets_it():
    """z read from z + n with Var n = Var z: R^2 = 1/2, which only held-out rows show."""
    z = normal(4000, 2)
    score = read_by_ridge(z + normal(4000, 2, seed=1), z, 3000).score()
    assert score.value == pytest.approx(0.5, abs=0.04)
    assert score.n == 1000


def test_a_perceptron_reads_what_is_not_linear():
    z = normal(2000, 1)
    features = torch.cat([z.abs(), (z > 0).float()], 1)
    assert read_by_perceptron(features, z, 1600).r2.item() > read_by_ridge(features, z, 1600).r2.item() + 0.05


def test_too_few_rows_are_refused():
    with pytest.raises(UserError, match="10 of 12"):
        read_by_ridge(normal(12, 3), normal(12, 2), 10)


def test_the_relative_error_is_nought_for_copies_and_one_for_a_constant():
    x = normal(500, 1, 4, 4)
    assert relative_error(x, x).value == 0
    assert relative_error(x, torch.zeros_like(x)).value == pytest.approx(1, abs=0.05)
    half = relative_error(x, x + 2**0.5 * normal(500, 1, 4, 4, seed=3))  # |n| against |x - x' - n|: sqrt(2 / 4)
    assert half.value == pytest.approx(0.5**0.5, abs=0.02)
    assert half.interval[0] < half.value < half.interval[1]
    with pytest.raises(UserError, match="two images"):
        relative_error(x[:1], x[:1])


def test_two_images_are_compared_with_each_other():
    x = torch.tensor([[0.0], [4.0]])
    own = torch.tensor([[1.0], [4.0]])  # near: 1 and 0; to the other's: 4 and 3
    assert relative_error(x, own).value == pytest.approx(0.5 / 3.5)
    assert squared_error(x, own).value == pytest.approx(0.5)


def test_nearest_labels_are_scikit_learns():
    from sklearn.neighbors import KNeighborsClassifier

    train, test = normal(300, 6), normal(100, 6, seed=1)
    labels = torch.randint(0, 3, (300,), generator=torch.Generator().manual_seed(2))
    asked = torch.randint(0, 3, (100,), generator=torch.Generator().manual_seed(3))
    theirs = KNeighborsClassifier(1).fit(train.numpy(), labels.numpy()).score(test.numpy(), asked.numpy())
    assert nearest_label(train, labels, test, asked).value == pytest.approx(theirs)


def test_a_probe_sees_linear_classes_and_no_others():
    x = normal(2000, 2)
    linear, ring = (x[:, 0] + x[:, 1] > 0).long(), (x.norm(dim=1) > 1.18).long()
    assert probe(x[:1500], linear[:1500], x[1500:], linear[1500:]).value > 0.97
    assert probe(x[:1500], ring[:1500], x[1500:], ring[1500:]).value < 0.75


def test_principal_directions_hold_the_variance():
    x = normal(400, 5) * torch.tensor([5.0, 0.1, 3.0, 0.1, 0.1])
    train, test = principal(x[:300], x[300:], 2)
    assert train.shape == (300, 2)
    assert test.shape == (100, 2)
    assert np.isclose(train.var(0).sum(), x[:300].var(0)[[0, 2]].sum(), rtol=0.01)
    assert principal(x[:300], x[300:], 128)[0].shape == (300, 5)


@pytest.mark.parametrize(
    ("r2", "back", "words"),
    [
        (0.9, 0.5, ("D is an inverse of this G", "come back closely")),
        (0.89, 0.51, ("D is in part an inverse", "come back roughly")),
        (0.49, 0.81, ("D is not an inverse", "hardly come back")),
        (-0.2, 1.2, ("D is not an inverse", "hardly come back")),
    ],
)
def test_words_change_at_their_thresholds(r2, back, words):
    told = verdict("ridge", Score(r2, 2000), Score(back, 500), Score(0.1, 500), {})
    assert len(told) == 2
    for sentence, word in zip(told, words, strict=True):
        assert word in sentence


def test_features_are_better_only_where_intervals_do_not_overlap():
    at = lambda value, low, high: Score(value, 1000, (low, high))  # noqa: E731
    spaces = {"features": at(0.98, 0.97, 0.99), "pixels": at(0.96, 0.95, 0.965), "untrained": at(0.97, 0.96, 0.98)}
    told = verdict("ridge", Score(0.9, 9), Score(0.5, 9), Score(0.5, 9), spaces)[2]
    assert "better than raw pixels (98.0 % against 96.0 %), no better than an untrained D (98.0 %" in told


def test_a_probe_learns_every_class_of_images_that_come_class_after_class():
    labels = torch.arange(10).repeat_interleave(1100)
    features = 6 * torch.eye(10)[labels] + normal(11_000, 10)
    assert probe(features, labels, features[::7], labels[::7]).value > 0.98


def test_a_probe_of_one_label_cannot_tell():
    labels = torch.zeros(50, dtype=torch.int64)
    assert "one label" in probe(normal(50, 3), labels, normal(50, 3), labels).warning


def test_coordinates_that_do_not_vary_are_left_out_and_alone_cannot_tell():
    z = normal(300, 4).masked_fill(torch.tensor([False, True, False, True]), 1.0)
    found = read_by_ridge(z[:, [0, 2]], z, 200)
    assert found.r2.isnan().tolist() == [False, True, False, True]
    assert found.score().value > 0.99
    assert "the same in all" in read_by_ridge(normal(300, 4), torch.ones(300, 2), 200).score().warning


def test_images_that_are_all_the_same_have_no_relative_error():
    black = torch.zeros(5, 1, 2, 2)
    nothing = relative_error(black, black)
    assert nothing.value is None
    told = Score(0.9, 5)
    assert verdict("ridge", told, nothing, told, {}) == [
        f"Whether D is an inverse of this G cannot be told: {nothing.warning}"
    ]
