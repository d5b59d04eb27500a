"""Dimensions of shapes whose dimension is known, in high spaces, with copies, with nothing to tell; and of MNIST."""

import re

import numpy as np
import pytest

from ayneh.errors import UserError
from ayneh.probe.dimension import dimensions, likelihood, near, two_nn

RNG = np.random.default_rng


def cube(n, d, seed=0):
    return RNG(seed).random((n, d))


def ball(n, d, seed=0):
    x = RNG(seed).standard_normal((n, d))
    return x / np.linalg.norm(x, axis=1, keepdims=True) * RNG(seed + 1).random((n, 1)) ** (1 / d)


def gaussian(n, d, seed=0):
    return RNG(seed).standard_normal((n, d))


@pytest.mark.parametrize("shape", [cube, ball, gaussian])
@pytest.mark.parametrize("d", [1, 2, 5])
def test_known_dimensions_are_found_whatever_the_shape(shape, d):
    found = dimensions(shape(4000, d))
    for name, score in found.items():
        assert score.value == pytest.approx(d, rel=0.1), name
        assert score.n == 4000


def test_the_space_around_a_shape_does_not_matter():
    """A rotation into 50 dimensions, a shift and a scale keep all ratios of distances."""
    x = cube(800, 3)
    frame, _ = np.linalg.qr(RNG(1).standard_normal((50, 50)))
    inside = dimensions(7 * np.pad(x, ((0, 0), (0, 47))) @ frame + 3)
    for name, score in dimensions(x).items():
        assert inside[name].value == pytest.approx(score.value, rel=1e-6)


def test_a_curved_sheet_has_its_own_dimension():
    u = RNG(0).random((4000, 2))
    roll = np.stack([u[:, 0] * np.cos(6 * u[:, 0]), u[:, 0] * np.sin(6 * u[:, 0]), u[:, 1]], 1)
    assert dimensions(roll)["mle_10"].value == pytest.approx(2, abs=0.15)


def test_the_likelihood_is_the_inverse_of_the_mean_logarithm():
    """Three points with neighbours at 1 and e, 1 and e^2, 1 and e^3, at k = 2: 1 / ((1 + 2 + 3) / 3) = 1/2."""
    found = near(gaussian(30, 2), 2)
    logs = np.tile([1.0, 2.0, 3.0], 10)
    known = type(found)(np.stack([np.ones(30), np.exp(logs)], 1), 30, 0)
    score = likelihood(known, 2)
    assert score.value == pytest.approx(0.5)
    assert score.interval[0] < 0.5 < score.interval[1]


def test_two_nn_is_exact_on_its_own_law():
    """Ratios at the quantiles of 1 - mu^-d lie on the line whose slope is d."""
    n, d = 200, 7.0
    share = np.arange(1, n + 1) / n
    ratios = np.maximum(1 - share, 1e-9) ** (-1 / d)
    known = type(near(gaussian(30, 2), 2))(np.stack([np.ones(n), ratios], 1), n, 0)
    assert two_nn(known).value == pytest.approx(d)


def test_copies_change_nothing():
    x = gaussian(500, 3)
    doubled = np.concatenate([x, x, x[:100]])
    assert near(doubled, 3).copies == 600
    for name, score in dimensions(doubled).items():
        assert score.value == pytest.approx(dimensions(x)[name].value), name


def test_minus_nought_is_nought():
    x = gaussian(50, 2)
    x[:, 0] = 0.0
    y = x.copy()
    y[:, 0] = -0.0
    assert near(np.concatenate([x, y]), 2).points == 50


def test_a_part_of_the_points_asks_for_the_neighbours_among_all():
    x = cube(4000, 4)
    part, whole = dimensions(x, queries=400), dimensions(x)
    for name in whole:
        assert part[name].n == 400
        assert part[name].value == pytest.approx(whole[name].value, rel=0.2), name
    low, high = part["mle_20"].interval
    assert low < whole["mle_20"].value < high


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.zeros((100, 5)), "1 distinct points are too few.*99 rows were copies"),
        (gaussian(10, 2), "10 distinct points are too few"),
        (np.empty((0, 3)), "0 distinct points"),
    ],
)
def test_nothing_to_tell_is_said(x, words):
    for score in dimensions(x).values():
        assert score.value is None
        assert re.search(words, score.warning)


def test_points_at_equal_distances_have_no_dimension_to_tell():
    corners = np.eye(64)  # every point as far from every other
    assert dimensions(corners)["two_nn"].value is None
    assert "equally far" in dimensions(corners)["mle_5"].warning


def test_what_is_no_finite_matrix_is_refused():
    for x in (np.zeros(5), np.full((30, 2), np.nan)):
        with pytest.raises(UserError, match="finite matrix"):
            dimensions(x)
    with pytest.raises(UserError, match="at least 2"):
        likelihood(near(gaussian(30, 2), 2), 1)


MNIST = {"mle_3": 14.6, "mle_5": 14.3, "mle_10": 13.8, "mle_20": 13.3, "two_nn": 14.7}


@pytest.mark.slow
@pytest.mark.usefixtures("mnist")
def test_mnist_has_its_known_dimensions():
    """1,000 of the 60,000 training images, each with its neighbours among all: known to about 3 %."""
    from ayneh.data.sources import load

    pixels = load("mnist", "train").pixels.flatten(1).float().numpy()
    found = dimensions(pixels, queries=1000)
    for name, value in MNIST.items():
        assert found[name].value == pytest.approx(value, rel=0.1), name
