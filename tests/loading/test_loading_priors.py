"""The priors of an exported folder against those that train: the same law, the same moments, the same paths."""

import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from scipy import stats

from ayneh.errors import UserError
from ayneh.game.paths import path
from ayneh.game.priors import PRIORS, make_prior
from ayneh.loading.priors import DRAWS, sample

DIM = 5
CASES = [
    ("normal", {}),
    ("normal", {"mean": 2.0, "std": 0.3}),
    ("uniform", {}),
    ("uniform", {"low": 0.0, "high": 1.0}),
    ("sphere", {}),
    ("sphere", {"radius": 2.0}),
    ("truncated-normal", {}),
    ("truncated-normal", {"mean": 1.0, "std": 2.0, "bound": 0.5}),
    ("truncated-normal", {"bound": 9.0}),
    ("laplace", {"mean": -1.0, "scale": 3.0}),
    ("student-t", {}),
    ("student-t", {"df": 0.5, "scale": 2.0}),
    ("student-t", {"df": 200.0}),
    ("bernoulli", {"p": 0.3}),
    ("mixture", {}),
    ("mixture", {"components": 3, "low": 0.0, "high": 4.0}),
]


def twin(name, numbers):
    """(the prior of the game, all its numbers as config.json has them)."""
    prior = make_prior(name, **numbers)
    every = dataclasses.asdict(prior)
    every |= {"radius": every["radius"] or math.sqrt(DIM)} if name == "sphere" else {}
    return prior, json.loads(json.dumps(every))


def test_every_prior_is_here_and_tested():
    assert set(DRAWS) == set(PRIORS) == {name for name, _ in CASES}


@pytest.mark.parametrize(("name", "numbers"), CASES)
def test_draws_follow_the_law_of_the_game_s(name, numbers):
    prior, every = twin(name, numbers)
    ours = sample(name, every, 20_000, DIM, seed=3)
    theirs = prior.sample(20_000, DIM, torch.Generator().manual_seed(3)).numpy()
    assert ours.dtype == np.float32
    for i in (0, DIM - 1):
        if name == "bernoulli":
            assert set(np.unique(ours)) == {-1.0, 1.0}
            assert stats.binomtest(int((ours[:, i] == 1).sum()), 20_000, 0.3).pvalue > 1e-3
        else:
            assert stats.ks_2samp(ours[:, i], theirs[:, i]).pvalue > 1e-3
    mean, variance = prior.moments(DIM)
    if math.isfinite(variance) and name != "student-t":  # whose fourth moment is infinite at df = 3
        off = math.sqrt(variance / ours.size)
        assert ours.mean() == pytest.approx(mean, abs=4 * off)
        assert ours.var() == pytest.approx(variance, rel=0.05)
    assert abs(np.corrcoef(np.tanh(ours[:, 0]), np.tanh(ours[:, 1]))[0, 1]) < 4 / math.sqrt(len(ours))


@pytest.mark.parametrize(("name", "numbers"), CASES)
def test_paths_are_those_of_the_game(name, numbers):
    prior, every = twin(name, numbers)
    a, b = (prior.sample(40, DIM, torch.Generator().manual_seed(seed)) for seed in (1, 2))
    t = torch.linspace(0, 1, 7, dtype=torch.float64)
    theirs = prior.interpolate(a, b, t).numpy()
    ours = path(name, every, a.numpy(), b.numpy(), t.numpy())
    assert ours.dtype == np.float32
    assert np.array_equal(ours, theirs)  # from tensors and back; the prior's own numbers and those written down
    assert np.array_equal(ours[0], a.numpy())
    assert np.array_equal(ours[-1], b.numpy())


def test_opposite_and_equal_points_of_the_sphere():
    prior, every = twin("sphere", {})
    a = prior.sample(9, DIM, torch.Generator().manual_seed(1))
    t = torch.tensor([0.25, 0.5])
    for b in (-a, a):
        theirs = prior.interpolate(a, b, t).numpy()
        assert np.array_equal(path("sphere", every, a.numpy(), b.numpy(), t.numpy()), theirs)
    with pytest.raises(UserError, match="two points with no path"):
        path("sphere", {"radius": 1.0}, np.ones(1), np.ones(1), t.numpy())


def test_the_same_seed_draws_the_same_and_fewer_are_not_other():
    _, every = twin("normal", {})
    assert np.array_equal(sample("normal", every, 4, 3, seed=1), sample("normal", every, 4, 3, seed=1))
    assert np.array_equal(sample("normal", every, 4, 3, seed=1), sample("normal", every, 9, 3, seed=1)[:4])
    assert not np.array_equal(sample("normal", every, 4, 3, seed=1), sample("normal", every, 4, 3, seed=2))
