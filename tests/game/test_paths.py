"""Every prior's path stays in the prior, where the straight line leaves it."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.special import ndtr, ndtri
from torch import Tensor

from ayneh.errors import UserError
from ayneh.game.paths import PATHS, bisect, blend, student_tail, through_scores
from ayneh.game.priors import PRIORS, Bernoulli, Mixture, Sphere, StudentT, Uniform, make_prior

N, DIM = 8_000, 5
T = torch.tensor([0.0, 0.1, 0.5, 0.8, 1.0])
Cdf = Callable[[np.ndarray], np.ndarray]

CDFS: dict[str, Cdf] = {  # of one coordinate, for each prior with a density
    "normal": stats.norm.cdf,
    "uniform": stats.uniform(-1, 2).cdf,
    "sphere": stats.beta(2, 2, loc=-math.sqrt(DIM), scale=2 * math.sqrt(DIM)).cdf,
    "truncated-normal": stats.truncnorm(-2, 2).cdf,
    "laplace": stats.laplace.cdf,
    "student-t": stats.t(3).cdf,
    "mixture": lambda x: (stats.norm.cdf(x, -1, 0.25) + stats.norm.cdf(x, 1, 0.25)) / 2,
}


def pair(name: str, n: int = N, dim: int = DIM, **numbers: float) -> tuple[Tensor, Tensor]:
    prior = make_prior(name, **numbers)
    return tuple(prior.sample(n, dim, torch.Generator().manual_seed(seed)) for seed in (1, 2))


def p_value(z: Tensor, cdf: Cdf) -> float:
    return stats.kstest(z[:, 0].numpy(), cdf).pvalue


def test_every_prior_has_its_path_tested() -> None:
    assert {*CDFS, "bernoulli"} == set(PRIORS) == set(PATHS)


@pytest.mark.parametrize("name", CDFS)
def test_path_keeps_the_law_and_the_line_does_not(name: str) -> None:
    a, b = pair(name)
    for z in make_prior(name).interpolate(a, b, T):
        assert p_value(z, CDFS[name]) > 1e-3
    assert p_value((a + b) / 2, CDFS[name]) < 1e-9


@pytest.mark.parametrize(
    ("name", "numbers", "cdf"),
    [
        ("normal", {"mean": 2.0, "std": 0.3}, stats.norm(2, 0.3).cdf),
        ("uniform", {"low": 0.0, "high": 1.0}, stats.uniform.cdf),
        ("truncated-normal", {"mean": 1.0, "std": 2.0, "bound": 0.5}, stats.truncnorm(-0.5, 0.5, 1, 2).cdf),
        ("laplace", {"mean": -1.0, "scale": 3.0}, stats.laplace(-1, 3).cdf),
        ("student-t", {"df": 1.0, "scale": 2.0}, stats.cauchy(0, 2).cdf),
        ("mixture", {"components": 1.0 + 2, "low": 0.0, "high": 4.0},
         lambda x: np.mean([stats.norm.cdf(x, centre, 0.25) for centre in (0, 2, 4)], axis=0)),
    ],
)  # fmt: skip
def test_path_keeps_the_law_with_other_numbers(name: str, numbers: dict[str, float], cdf: Cdf) -> None:
    a, b = pair(name, **numbers)
    (z,) = make_prior(name, **numbers).interpolate(a, b, torch.tensor([0.4]))
    assert p_value(z, cdf) > 1e-3


def test_coins_stay_coins() -> None:
    prior = Bernoulli(0.3)
    a, b = pair("bernoulli", dim=64, p=0.3)
    path = prior.interpolate(a, b, T)
    assert path.unique().tolist() == [-1, 1]
    for z in path:
        ups = (z == 1).sum(0)
        assert min(stats.binomtest(int(up), N, 0.3).pvalue for up in ups) > 1e-4
    changed = [(z != a).sum() / (b != a).sum() for z in path]
    assert np.allclose(changed, T, atol=0.02)  # evenly in t


@pytest.mark.parametrize("name", PRIORS)
def test_ends_shape_and_type(name: str) -> None:
    a, b = pair(name, n=6)
    for dtype in (torch.bfloat16, torch.float32, torch.float64):
        x, y = (end.view(2, 3, DIM).to(dtype).requires_grad_() for end in (a, b))
        path = make_prior(name).interpolate(x, y, T)
        assert path.shape == (len(T), 2, 3, DIM)
        assert path.dtype == dtype
        assert not path.requires_grad
        assert torch.equal(path[0], x)
        assert torch.equal(path[-1], y)
        assert not torch.equal(path[2], x)


@pytest.mark.parametrize("name", PRIORS)
def test_path_leaves_and_arrives_without_a_leap(name: str) -> None:
    a, b = (x.double() for x in pair(name, n=500))
    near = torch.tensor([1e-7, 1 - 1e-7], dtype=torch.float64)
    path = make_prior(name).interpolate(a, b, near)
    torch.testing.assert_close(path, torch.stack([a, b]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["normal", "uniform", "laplace", "student-t", "mixture", "truncated-normal"])
def test_path_back_is_the_same(name: str) -> None:
    a, b = (x.double() for x in pair(name, n=50))
    prior = make_prior(name)
    t = torch.tensor([0.3], dtype=torch.float64)
    torch.testing.assert_close(prior.interpolate(a, b, t), prior.interpolate(b, a, 1 - t), rtol=1e-9, atol=1e-9)


def test_scores_of_a_normal_give_the_closed_form() -> None:
    a, b = (x.double().numpy() for x in pair("normal", n=100))
    t = T.double().numpy()[:, None, None]
    through = through_scores(a, b, t, 0.5, lambda d: ndtr(-d / 2), lambda p: -2 * ndtri(p))
    np.testing.assert_allclose(through, blend(a, b, t, 0.5), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "numbers", "cdf"),
    [
        ("normal", {"mean": 2.0, "std": 0.3}, stats.norm(2, 0.3).cdf),
        ("uniform", {"low": 0.0, "high": 1.0}, stats.uniform.cdf),
        ("truncated-normal", {}, stats.truncnorm(-2, 2).cdf),
        ("truncated-normal", {"mean": 1.0, "std": 2.0, "bound": 0.5}, stats.truncnorm(-0.5, 0.5, 1, 2).cdf),
        ("truncated-normal", {"bound": 9.0}, stats.norm.cdf),
        ("laplace", {"mean": -1.0, "scale": 3.0}, stats.laplace(-1, 3).cdf),
        ("student-t", {}, stats.t(3).cdf),
        ("student-t", {"df": 0.5, "scale": 2.0}, stats.t(0.5, scale=2).cdf),
        ("student-t", {"df": 200.0}, stats.t(200).cdf),
        ("mixture", {}, CDFS["mixture"]),
        ("mixture", {"components": 3, "low": 0.0, "high": 4.0},
         lambda x: np.mean([stats.norm.cdf(x, centre, 0.25) for centre in (0, 2, 4)], axis=0)),
    ],
)  # fmt: skip
def test_scores_by_scipys_laws_follow_the_blend(name: str, numbers: dict[str, float], cdf: Cdf) -> None:
    centre = {"normal": 2.0, "uniform": 0.5}.get(name, numbers.get("mean", numbers.get("high", 0.0) / 2))

    def scores(x: Tensor) -> np.ndarray:  # of symmetric laws, from the tail, where the cdf is exact
        d = x.numpy() - centre
        return -np.sign(d) * ndtri(cdf(centre - np.abs(d)))

    a, b = (x.double() for x in pair(name, n=100, **numbers))
    path = make_prior(name, **numbers).interpolate(a, b, T)
    expected = blend(scores(a), scores(b), T.double().numpy()[:, None, None], 0.0)
    np.testing.assert_allclose(scores(path), expected, rtol=1e-7, atol=1e-8)


def test_bisection_inverts_a_known_tail() -> None:
    p = np.logspace(-12, math.log10(0.5), 100)
    found = bisect(lambda d: np.exp(-d) / 2, p, 40.0)
    np.testing.assert_allclose(found, -np.log(2 * p), rtol=0, atol=1e-8)


@pytest.mark.parametrize("df", [0.5, 1.0, 3.0, 30.0, 5000.0])
def test_students_tail_against_scipy(df: float) -> None:
    d = np.concatenate([[0.0], np.logspace(-12, 12, 200)])
    np.testing.assert_allclose(student_tail(df, d), stats.t(df).sf(d), rtol=1e-8, atol=1e-300)


def test_cauchys_tail_against_its_closed_form() -> None:
    d = np.logspace(-12, 12, 200)
    np.testing.assert_allclose(student_tail(1.0, d), np.arctan2(1, d) / math.pi, rtol=1e-13)


@pytest.mark.parametrize(
    ("prior", "rare"),
    [
        (Uniform(), 1.0),
        (StudentT(0.5), 1e14),
        (StudentT(3), 3e8),
        (Mixture(), 7.0),
        (make_prior("laplace"), 40.0),
    ],
    ids=repr,
)
def test_the_rarest_draws_give_finite_paths(prior: Uniform, rare: float) -> None:
    rare_z = torch.full((1, 3), rare)
    for other in (-rare_z, rare_z, torch.zeros(1, 3)):
        assert prior.interpolate(rare_z, other, T).isfinite().all()


def test_great_circle_goes_at_even_speed() -> None:
    a, b = (x.double() for x in pair("sphere", n=200, radius=2.0))
    path = Sphere(2).interpolate(a, b, T)
    torch.testing.assert_close(path.norm(dim=-1), torch.full((len(T), 200), 2.0, dtype=torch.float64))
    whole = torch.cosine_similarity(a, b).clamp(-1, 1).acos()
    for t, z in zip(T.tolist(), path, strict=True):
        angle = torch.cosine_similarity(a, z).clamp(-1, 1).acos()
        torch.testing.assert_close(angle, t * whole, rtol=0, atol=1e-6)


def test_great_circle_between_opposite_and_equal_points() -> None:
    a, _ = pair("sphere", n=50)
    half = torch.tensor([0.5])
    (middle,) = Sphere().interpolate(a, -a, half)
    torch.testing.assert_close(middle.norm(dim=-1), torch.full((50,), math.sqrt(DIM)))
    torch.testing.assert_close((middle * a).sum(-1), torch.zeros(50), rtol=0, atol=1e-5)
    (still,) = Sphere().interpolate(a, a, half)
    torch.testing.assert_close(still, a)


def test_no_way_round_in_one_dimension() -> None:
    with pytest.raises(UserError, match="two points with no path"):
        Sphere().interpolate(torch.ones(1, 1), -torch.ones(1, 1), T)
