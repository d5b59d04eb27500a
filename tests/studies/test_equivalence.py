"""Equivalence is rarely said of arms that are not equivalent, whatever their values, and often of those that are."""

import math

import numpy as np
import pytest

from ayneh.studies.equivalence import likeness
from ayneh.studies.seeds import POWER

MARGIN, LOG = 0.1, math.log(1.1)
DEVIATION = 0.1  # of the logarithm of a Fréchet distance over seeds, as in docs/findings/studies


def said(a, b, failed=(0, 0), runs=None, **more):
    """Whether two arms are called equivalent."""
    settings = {"margin": MARGIN, "scale": "ratio", "paired": False} | more
    return likeness(a, b, failed=failed, runs=runs, **settings).p < 0.05


def values(chance, n, kind=0.0, factor=1.0, centre=1.0):
    """Distances of n runs, of which a share, ``kind``, is larger by this factor."""
    return centre * np.exp(chance.normal(0, DEVIATION, n) + math.log(factor) * (chance.random(n) < kind))


def share_of(draws, decide):
    chance = np.random.default_rng(11)
    return np.mean([decide(chance) for _ in range(draws)])


@pytest.mark.slow
def test_the_border_of_the_margin_is_crossed_in_one_case_in_twenty():
    for paired in (True, False):

        def decide(chance, paired=paired):
            far, near = values(chance, 12, centre=1.1), values(chance, 12)
            return likeness(far, near, margin=MARGIN, scale="ratio", paired=paired).tost < 0.05

        assert 0.03 < share_of(1500, decide) < 0.07


def test_what_cannot_be_tested_is_not_equivalent_and_says_why():
    for n in (2, 8, 25, 100):
        for paired in (True, False):
            found = likeness([3.0] * n, [3.0] * n, margin=0.1, scale="ratio", paired=paired)
            assert (found.tost, found.p, found.seeds(0.05)) == (None, 1.0, None)
            assert "are the same" in found.why
    for a, why in (([1.0, math.inf], "no value"), ([0.0, 1.0], "above 0"), ([1.0], "fewer than two")):
        found = likeness(a, [1.0, 2.0], margin=0.1, scale="ratio", paired=False)
        assert (found.tost, found.p) == (None, 1.0)
        assert why in found.why
    assert "which is 0" in likeness([1.0, 2], [-1.0, 1], margin=0.0, scale="difference", paired=False).why


def test_the_interval_lies_within_the_margin_exactly_where_the_test_is_significant():
    chance = np.random.default_rng(2)
    for n in (5, 12, 40):
        for _ in range(60):
            a, b = values(chance, n, 0.2, 1.5, centre=1.06), values(chance, n)
            for paired in (True, False):
                found = likeness(a, b, margin=0.1, scale="ratio", paired=paired)
                inside = found.effect.low > 1 / 1.1 and found.effect.high < 1.1
                assert inside == (found.tost < 0.05)
                assert found.effect.value == pytest.approx(np.exp(np.log(a).mean() - np.log(b).mean()))
                other = likeness(b, a, margin=0.1, scale="ratio", paired=paired)
                assert (other.tost, other.effect.high) == pytest.approx((found.tost, 1 / found.effect.low))


def test_arms_that_fail_are_not_equivalent_however_alike_they_are():
    chance = np.random.default_rng(3)
    a, b = values(chance, 60), values(chance, 60)
    assert said(a, b)
    assert not said(a, b, failed=(1, 0), runs=(61, 60))
    assert not said(a[:58], b)
    assert not said(a, b, failed=(60, 60), runs=(120, 120))
    assert said(a, b, failed=(2, 0), runs=(130, 130))
    found = likeness(a[:20], b[:20], margin=MARGIN, scale="ratio", paired=False)
    assert found.tost < 0.05 < found.failing
    assert found.seeds(0.05) == 59
    assert likeness(a, b, margin=MARGIN, scale="ratio", paired=False, failed=(9, 0), runs=(60, 60)).seeds(0.05) is None
    assert said(a[:25], b[:25], allowed=0.12)  # a study that allows more needs fewer runs


# -- the studies in which equivalence was said falsely, simulated ------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("n", "share"), [(25, 0.2), (59, 0.05), (59, 0.2), (100, 0.05), (100, 0.2)])
def test_rare_failures_are_rarely_called_equivalent(n, share):
    """Runs that failed are known as such; a study allows no larger a share than fails: the border."""

    def decide(chance):
        bad = int(chance.binomial(n, share))
        good, all_good = values(chance, n - bad), values(chance, n)
        return n - bad > 1 and said(good, all_good, (bad, 0), (n, n), allowed=share)

    assert share_of(500, decide) <= 0.05 + 0.025


@pytest.mark.slow
@pytest.mark.parametrize("n", [59, 93])
@pytest.mark.parametrize("beyond", [1.0, 1.4])
@pytest.mark.parametrize("share", [0.05, 0.1, 0.2])
def test_arms_of_two_kinds_of_runs_are_rarely_called_equivalent(n, share, beyond):
    """No run counts as failed, and the geometric means differ by the margin or more."""
    factor = math.exp(beyond * LOG / share)
    wrong = share_of(500, lambda chance: said(values(chance, n, share, factor), values(chance, n)))
    assert wrong <= 0.05 + 0.03  # three standard errors; without Hall's correction up to 0.14


@pytest.mark.slow
@pytest.mark.parametrize("n", [5, 8, 15, 25, 60])  # with fewer runs no share of failures is excluded
def test_values_that_happen_to_be_equal_are_hardly_ever_called_equivalent(n):
    """Numbers of classes, nearly always 10, sometimes far fewer; a study that allows many failures."""

    def decide(chance):
        a, b = (np.where(chance.random(n) < share, 3.0, 10.0) for share in (0.3, 0.02))
        return said(a, b, scale="difference", margin=1.0, allowed=0.5)

    assert share_of(1000, decide) <= 0.01


@pytest.mark.slow
@pytest.mark.parametrize("n", [8, 25, 80])
@pytest.mark.parametrize("paired", [True, False])
def test_arms_beyond_the_margin_are_called_equivalent_in_at_most_one_case_in_twenty(n, paired):
    for ratio in (1.1, 1 / 1.1):

        def decide(chance, ratio=ratio):  # a study that allows many failures, so that the means alone decide
            return said(values(chance, n, centre=ratio), values(chance, n), paired=paired, allowed=0.5)

        assert share_of(500, decide) <= 0.05 + 0.03


@pytest.mark.slow
def test_equal_arms_are_called_equivalent_as_often_as_the_seeds_needed_say():
    """Arms whose runs fail in none or one of a hundred, with the deviation of published distances."""
    for share in (0.0, 0.01):
        chance = np.random.default_rng(5)
        pilot = likeness(
            values(chance, 2000), values(chance, 2000), margin=MARGIN, scale="ratio", paired=False,
            failed=(int(2000 * share), 0), runs=(2000, 2000),
        )  # fmt: skip
        n = pilot.seeds(0.05)
        assert n == 59 if share == 0 else 93 <= n <= 220

        def decide(chance, n=n, share=share):
            bad = int(chance.binomial(n, share))
            return said(values(chance, n - bad), values(chance, n), (bad, 0), (n, n))

        assert share_of(400, decide) >= POWER - 0.05
