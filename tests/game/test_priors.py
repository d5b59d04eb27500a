"""Every prior's draws and moments against an independent statement of its law, and every refusal."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import stats

from ayneh.errors import UserError
from ayneh.game.priors import (
    PRIORS,
    Bernoulli,
    Laplace,
    Mixture,
    Normal,
    Prior,
    Sphere,
    StudentT,
    TruncatedNormal,
    Uniform,
    make_prior,
)

N, DIM = 20_000, 5


def sphere_coordinate(radius: float) -> stats.rv_continuous:
    """One coordinate of a uniform point on the sphere in DIM dimensions."""
    shape = (DIM - 1) / 2
    return stats.beta(shape, shape, loc=-radius, scale=2 * radius)


LAWS: list[tuple[Prior, stats.rv_continuous]] = [
    (Normal(), stats.norm()),
    (Normal(0.5, 12**-0.5), stats.norm(0.5, 12**-0.5)),
    (Uniform(), stats.uniform(-1, 2)),
    (Uniform(0, 1), stats.uniform()),
    (Uniform(-math.sqrt(3), math.sqrt(3)), stats.uniform(-math.sqrt(3), 2 * math.sqrt(3))),
    (Sphere(), sphere_coordinate(math.sqrt(DIM))),
    (Sphere(2), sphere_coordinate(2)),
    (TruncatedNormal(), stats.truncnorm(-2, 2)),
    (TruncatedNormal(1, 0.5, 0.7), stats.truncnorm(-0.7, 0.7, loc=1, scale=0.5)),
    (TruncatedNormal(bound=9), stats.norm()),
    (TruncatedNormal(bound=0.001), stats.truncnorm(-0.001, 0.001)),
    (Laplace(), stats.laplace()),
    (Laplace(-1, 3), stats.laplace(-1, 3)),
    (StudentT(), stats.t(3)),
    (StudentT(9, 2), stats.t(9, scale=2)),
    (StudentT(1.5), stats.t(1.5)),
    (StudentT(1), stats.cauchy()),
]


def mixture_cdf(prior: Mixture) -> Callable[[np.ndarray], np.ndarray]:
    centres = np.linspace(prior.low, prior.high, prior.components)
    return lambda x: np.mean([stats.norm.cdf(x, centre, prior.std) for centre in centres], axis=0)


def draw(prior: Prior, seed: int = 1, n: int = N, dim: int = DIM) -> torch.Tensor:
    return prior.sample(n, dim, torch.Generator().manual_seed(seed))


def label(case: object) -> str:
    return repr(case) if dataclasses.is_dataclass(case) else ""


def test_every_prior_has_its_law_tested() -> None:
    tested = {type(prior) for prior, _ in LAWS} | {Bernoulli, Mixture}
    assert tested == set(PRIORS.values())


@pytest.mark.parametrize(("prior", "law"), LAWS, ids=label)
def test_draws_follow_the_law(prior: Prior, law: stats.rv_continuous) -> None:
    z = draw(prior)
    for coordinate in (0, DIM - 1):
        assert stats.kstest(z[:, coordinate].numpy(), law.cdf).pvalue > 1e-3


@pytest.mark.parametrize("prior", [Mixture(), Mixture(5, 0, 2, 0.1), Mixture(3, std=1.0)], ids=label)
def test_mixture_draws_follow_the_law(prior: Mixture) -> None:
    assert stats.kstest(draw(prior)[:, 0].numpy(), mixture_cdf(prior)).pvalue > 1e-3


@pytest.mark.parametrize("prior", [Bernoulli(), Bernoulli(0.2, 0, 3)], ids=label)
def test_bernoulli_draws_follow_the_law(prior: Bernoulli) -> None:
    z = draw(prior)
    assert z.unique().tolist() == [prior.low, prior.high]
    assert stats.binomtest(int((z == prior.high).sum()), z.numel(), prior.p).pvalue > 1e-3


@pytest.mark.parametrize(("prior", "law"), LAWS, ids=label)
def test_moments_are_those_of_the_law(prior: Prior, law: stats.rv_continuous) -> None:
    np.testing.assert_allclose(prior.moments(DIM), [law.mean(), law.var()], rtol=1e-9, atol=1e-12)


WITH_FOURTH_MOMENT = [make_prior(name) for name in PRIORS if name != "student-t"] + [
    StudentT(9),
    Bernoulli(0.2, 0, 3),
    Mixture(5, 0, 2, 0.1),
]


@pytest.mark.parametrize("prior", WITH_FOURTH_MOMENT, ids=label)
def test_draws_have_the_moments(prior: Prior) -> None:
    z = draw(prior).double()
    mean, variance = prior.moments(DIM)
    squares = (z - mean) ** 2
    assert z.mean().item() == pytest.approx(mean, abs=5 * math.sqrt(variance / z.numel()))
    # a coordinate of the sphere depends on its neighbours, so that the variance is judged by rows
    assert squares.mean().item() == pytest.approx(variance, abs=5 * squares.mean(1).std().item() / math.sqrt(N) + 1e-6)


@pytest.mark.parametrize("name", PRIORS)
def test_coordinates_and_draws_are_uncorrelated(name: str) -> None:
    z = draw(make_prior(name)).tanh()  # bounded: a Student t has heavy tails
    for a, b in ((z[:, 0], z[:, 1]), (z[1:, 0], z[:-1, 0])):
        assert abs(torch.corrcoef(torch.stack([a, b]))[0, 1].item()) < 4 / math.sqrt(N)


@pytest.mark.parametrize("name", PRIORS)
def test_draws_are_float32_and_repeat_with_the_seed(name: str) -> None:
    prior = make_prior(name)
    z = draw(prior, seed=3, n=7)
    assert z.dtype == torch.float32
    assert z.shape == (7, DIM)
    assert torch.equal(z, draw(prior, seed=3, n=7))
    assert not torch.equal(z, draw(prior, seed=4, n=7))


@pytest.mark.parametrize("prior", [StudentT(0.5), TruncatedNormal(bound=50), Laplace()], ids=label)
def test_the_rarest_uniforms_give_finite_draws(prior: Prior, monkeypatch: pytest.MonkeyPatch) -> None:
    for u in (0.0, 0.5, 1 - 2**-24):  # torch.rand gives multiples of 2^-24 below 1
        monkeypatch.setattr("ayneh.game.priors._uniforms", lambda n, dim, generator, u=u: torch.full((n, dim), u))
        assert draw(prior, n=1).isfinite().all()


def test_the_sphere_has_its_radius() -> None:
    norms = draw(Sphere(), dim=128, n=100).norm(dim=1)
    torch.testing.assert_close(norms, torch.full((100,), math.sqrt(128)))


@pytest.mark.parametrize(
    ("prior", "cosine"), [(Uniform(0, 1), 0.75), (Uniform(-1, 1), 0.0), (Normal(), 0.0)], ids=label
)
def test_only_an_uncentred_prior_has_parallel_draws(prior: Prior, cosine: float) -> None:
    """E cos = mean^2 / (mean^2 + variance) for many dimensions: U(0, 1) gives 3/4."""
    a, b = draw(prior, 5, n=2000, dim=128), draw(prior, 6, n=2000, dim=128)
    mean, variance = prior.moments(128)
    assert mean**2 / (mean**2 + variance) == pytest.approx(cosine)
    assert torch.cosine_similarity(a, b).mean().item() == pytest.approx(cosine, abs=0.01)


def test_numbers_left_out_take_the_priors_own() -> None:
    assert make_prior("uniform", low=None, high=0.5, mean=None) == Uniform(-1, 0.5)
    assert make_prior("sphere", radius=None) == Sphere()
    assert make_prior("student-t", df=1) == StudentT(1, 1)
    assert make_prior("mixture", components=3.0).sample(2, 2, torch.Generator()).shape == (2, 2)


@pytest.mark.parametrize(
    ("prior", "words"),
    [
        (Normal(), "N(0, 1)"),
        (Normal(0.5, 0.1), "N(0.5, 0.01)"),
        (Uniform(), "U(-1, 1)"),
        (Sphere(), "sphere of radius sqrt(dim)"),
        (Sphere(2), "sphere of radius 2"),
        (TruncatedNormal(), "N(0, 1) within 2 std"),
        (Laplace(), "Laplace(0, 1)"),
        (StudentT(), "t(df=3, scale=1)"),
        (Bernoulli(), "Bernoulli(0.5) on {-1, 1}"),
        (Mixture(), "2 Gaussians on [-1, 1], std 0.25"),
    ],
    ids=label,
)
def test_describe(prior: Prior, words: str) -> None:
    assert prior.describe() == words


@pytest.mark.parametrize(
    ("name", "numbers", "message"),
    [
        ("norml", {}, "no prior called 'norml'. Did you mean 'normal'"),
        ("normal", {"low": 0.0}, "The prior 'normal' has no low: it takes mean, std."),
        ("uniform", {"std": 1.0}, "The prior 'uniform' has no std: it takes low, high."),
        ("normal", {"std": 0.0}, "The prior's std is 0: it must be finite and above 0."),
        ("normal", {"std": math.nan}, "The prior's std is nan"),
        ("normal", {"mean": math.inf}, "The prior's mean is inf: it must be finite."),
        ("uniform", {"low": 1.0}, "The prior's low is 1: it must be finite and below high, which is 1."),
        ("uniform", {"high": math.inf}, "below high, which is inf"),
        ("sphere", {"radius": -1.0}, "The prior's radius is -1"),
        ("truncated-normal", {"mean": math.nan}, "The prior's mean is nan"),
        ("truncated-normal", {"std": -1.0}, "The prior's std is -1"),
        ("truncated-normal", {"bound": 0.0}, "The prior's bound is 0"),
        ("truncated-normal", {"bound": 1e-30}, "The prior's bound is 1e-30: it must be finite and at least 0.001"),
        ("laplace", {"mean": math.nan}, "The prior's mean is nan"),
        ("laplace", {"scale": 0.0}, "The prior's scale is 0"),
        ("student-t", {"df": 0.4}, "The prior's df is 0.4: it must be finite and at least 0.5."),
        ("student-t", {"scale": math.inf}, "The prior's scale is inf"),
        ("bernoulli", {"p": 1.0}, "The prior's p is 1: it must be between 0 and 1."),
        ("bernoulli", {"high": -2.0}, "below high, which is -2"),
        ("mixture", {"components": 1}, "The prior's components is 1: it must be a whole number from 2"),
        ("mixture", {"components": 2.5}, "The prior's components is 2.5"),
        ("mixture", {"components": math.inf}, "The prior's components is inf"),
        ("mixture", {"low": 2.0}, "The prior's low is 2"),
        ("mixture", {"std": 0.0}, "The prior's std is 0"),
    ],
)
def test_refusals(name: str, numbers: dict[str, float], message: str) -> None:
    with pytest.raises(UserError) as refusal:
        make_prior(name, **numbers)
    assert message in str(refusal.value)
