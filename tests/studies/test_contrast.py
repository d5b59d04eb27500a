"""Verdicts and their words: what is said of two arms, and that it is the tests' own side and figures."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ayneh.studies import intervals
from ayneh.studies.contrast import contrast, family


def decide(a, b, m=1, **more):
    """The first of a family of m comparisons of two lists, seed by seed."""
    settings = {
        "outcome": "fd",
        "better": "lower",
        "scale": "ratio",
        "paired": True,
    } | more
    one = contrast("a", dict(enumerate(a)), "b", dict(enumerate(b)), **settings)
    return family([one] * m)[0]


def test_verdicts_and_their_figures():
    chance = np.random.default_rng(5)
    good, bad = 5 + chance.normal(0, 0.2, 10), 80 + chance.normal(0, 3, 10)
    worse = decide(bad, good, failed_a=range(10))
    assert worse.verdict == "worse"
    for words in (
        "a is worse than b on fd: median 78.3 against 4.99 (15.7 times",
        "10 paired seeds",
        "Wilcoxon",
        "failures 10 of 10 against 0 of 10",
    ):
        assert words in worse.words
    assert decide(good, bad).verdict == "better"
    assert decide(bad, good, better="higher").verdict == "better"
    assert decide(bad, good, better=None).verdict == "higher"
    many = 5 + chance.normal(0, 0.2, 60)
    alike = decide(many, many + chance.normal(0, 0.02, 60))
    assert (alike.verdict, "equivalent within 10 %" in alike.words) == ("equivalent", True)
    assert "Equivalence: geometric means 1 times" in alike.words
    assert "failures at most 4.9 %, 95 % (within 5 %: p = 0.046); both, Holm-adjusted p = 0.046." in alike.words
    small = decide(many * 1.04, many + chance.normal(0, 0.01, 60))
    assert (small.verdict, "though a difference is there" in small.words) == ("equivalent", True)
    few = decide(good, good + chance.normal(0, 0.02, 10))
    assert (few.verdict, few.alike.tost < 0.05, few.alike_holm > 0.05) == ("cannot tell", True, True)
    assert "59 seeds would show that they are equivalent within 10 %, if they are and none fails" in few.words
    assert decide(good, good + chance.normal(0, 0.02, 10), failures=0.3).verdict == "equivalent"
    noisy = decide(np.exp(chance.normal(0.1, 0.5, 5)), np.exp(chance.normal(0, 0.5, 5)))
    assert noisy.verdict == "cannot tell"
    assert "cannot tell with n = 5" in noisy.words
    assert "5 paired seeds can never reach 0.05: the smallest p of an exact test is 0.0625" in noisy.words


MIRRORED = {"better": "worse", "worse": "better", "higher": "lower", "lower": "higher"}


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 0.02, 0.5, 3.0]),
    st.booleans(),
    st.sampled_from(["lower", "higher", None]),
)
def test_swapped_arms_swap_the_verdict(seed, shift, paired, better):
    chance = np.random.default_rng(seed)
    a, b = chance.normal(5 + shift, 0.3, 8).tolist(), chance.normal(5, 0.3, 8).tolist()
    if better:
        a[0] = math.inf if better == "lower" else -math.inf
    more = {"paired": paired, "better": better}
    one, other = decide(a, b, **more), decide(b, a, **more)
    assert other.verdict == MIRRORED.get(one.verdict, one.verdict)
    assert (other.p, other.fisher, other.seeds) == (pytest.approx(one.p), one.fisher, one.seeds)


def test_the_side_is_the_tests_own():
    # Eleven of twelve pairs are larger, one is far smaller; over all pairs of seeds delta is just below 0.
    a = [-16.21, 2.87, -1.6, 0.54, -1.77, 5.66, -0.02, 1.54, 2.16, -1.34, 2.26, 2.36]
    b = [3.66, 2.68, -1.68, -0.14, -2.43, 5.11, -0.64, 0.93, 1.67, -1.57, 1.62, 1.82]
    one = decide(a, b, scale="difference")
    assert one.p < 0.05
    assert one.delta.value < 0 < sum(x > y for x, y in zip(a, b, strict=True)) - 6
    assert one.verdict == "worse"


def test_advice_is_for_more_seeds_than_there_are_and_for_as_many_as_a_test_needs():
    good, bad = [5.0, 5.1, 5.2, 5.3, 5.05, 5.1, 4.9], [80.0, 81, 82, 83, 84, 85, 86]
    assert "cannot tell with n = 5; 6 seeds would" in decide(bad[:5], good[:5]).words
    twelve = decide(bad, good, m=12)
    assert "cannot tell with n = 7; 9 seeds would" in twelve.words
    assert "7 paired seeds is 0.0156, which Holm's correction over 12 comparisons can raise to 0.19" in twelve.words
    assert "never" not in twelve.words
    assert "3 and 3 seeds can never reach 0.05" in decide(bad[:3], good[:3], paired=False).words
    # Six pairs, one just on the other side: p is 0.0625, and the normal law foretells no more than six.
    odd = decide([1.0, 1.1, 0.9, 1.05, 0.95, -0.01], [0.0] * 6, scale="difference")
    assert odd.verdict == "cannot tell"
    assert odd.seeds == 6
    assert "seeds would" not in odd.words


def test_seeds_that_only_one_side_has():
    some = decide(np.arange(80.0, 100), np.arange(5.0, 5.8, 0.1))
    assert (some.n, some.n_a, some.n_b) == (8, 20, 8)
    assert "8 paired seeds of 20 and 8 seeds" in some.words
    more = {"outcome": "fd", "better": "lower", "scale": "ratio", "paired": True}
    apart = family([contrast("a", {0: 1.0, 1: 2.0}, "b", {2: 1.0, 3: 2.0}, **more)])[0]
    assert (apart.paired, apart.n, apart.effect.value, apart.verdict) == (False, 0, 1.0, "cannot tell")
    assert "1 paired seed can never" in decide([1.0], [2.0]).words
    for bad in ({}, {0: math.nan}):
        with pytest.raises(ValueError, match="b on fd: each seed needs a value"):
            contrast("a", {0: 1.0}, "b", bad, **more)


def test_words_of_failed_runs_of_large_numbers_and_of_constants():
    lost = decide([math.inf] * 20, np.arange(5.0, 6.0, 0.05), failed_a=range(20))
    assert lost.verdict == "worse"
    assert "median infinite against 5.47; 20 paired seeds" in lost.words
    assert lost.alike_holm is None
    assert lost.seeds is None
    assert "median 12,348 against 2,348 (5.26 times" in decide(np.arange(12344.5, 12352), np.arange(2344.5, 2352)).words
    same = decide([3.0] * 80, [3.0] * 80)
    assert same.verdict == "cannot tell"
    assert "Equivalence cannot be tested: all differences are the same" in same.words
    more = {"failed_a": range(9), "failed_b": range(8)}
    ill = decide(np.arange(120.0, 129.0), np.arange(120.5, 129.5), paired=False, **more)
    assert ill.verdict == "cannot tell"
    assert "Equivalence cannot be tested: fewer than two runs of a side did not fail." in ill.words


def test_equivalence_is_of_the_runs_that_did_not_fail_and_of_how_many_fail():
    chance = np.random.default_rng(9)
    a, b = (5 + chance.normal(0, 0.2, 70) for _ in range(2))
    a[:20] = 500.0
    assert decide(a, b, failed_a=range(20), paired=False).verdict != "equivalent"
    ill = decide(a, np.concatenate([a[:20], b[20:]]), failed_a=range(20), failed_b=range(20), paired=False)
    assert ill.verdict == "cannot tell"
    assert ill.alike.tost < 1e-6
    assert "Equivalence: geometric means of the runs that did not fail" in ill.words
    assert "failures 20 of 70 against 20 of 70" in ill.words
    pairs = decide(a, b, failed_a=range(20))
    assert len(pairs.sound[0]) == len(pairs.sound[1]) == 50
    # on an outcome in which neither side is worse, a run without a value counts as a run that failed
    more = {"outcome": "loss_d", "better": None, "scale": "ratio"}
    lost = contrast("a", dict(enumerate(a[20:])), "b", dict(enumerate(b)), failed_a=[100, 101], **more)
    assert (lost.n_a, lost.runs_a, lost.failed_a) == (50, 52, 2)


@pytest.mark.slow
def test_the_family_is_corrected_together():
    chance = np.random.default_rng(6)
    a, b = chance.normal(1, 0.5, 8) + 10, chance.normal(0, 0.5, 8) + 10
    assert decide(a, b).verdict == "worse"
    assert decide(a, b, m=40).verdict == "cannot tell"
    assert decide(a, b, m=40, paired=False).p_holm < decide(a, b, m=40).p_holm  # what eight unpaired seeds can reach


@pytest.mark.slow
def test_a_family_without_effects_is_wrong_in_at_most_one_case_in_twenty(monkeypatch):
    monkeypatch.setattr(intervals, "RESAMPLES", 99)  # the intervals play no part
    chance, wrong = np.random.default_rng(7), 0
    more = {"outcome": "fd", "better": "lower", "scale": "difference", "paired": True}
    for _ in range(80):
        sides = [[dict(enumerate(np.exp(side))) for side in chance.normal(size=(2, 8))] for _ in range(5)]
        asked = [contrast("a", a, "b", b, **more) for a, b in sides]
        wrong += any(one.verdict in ("better", "worse") for one in family(asked))
    assert wrong <= 9  # 4 expected at most; more than 9 in one case in a hundred
