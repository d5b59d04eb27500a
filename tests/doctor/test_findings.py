"""Findings: when they appear, clear and follow one another, and the parts of measures."""

import itertools
import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ayneh.doctor.courses import Course
from ayneh.doctor.findings import Cure, Symptom, Watch
from ayneh.doctor.measures import best_before, recent


def simple(threshold=1.0, patience=3, below=False):
    return Symptom(
        title="t", severity="warning", needs=("x",), measure=lambda c: c.get("x"), threshold=threshold, below=below,
        patience=patience, evidence="x is {value:.1f}, y {y:.0f}", source="s", cure=lambda facts: Cure("", {}),
    )  # fmt: skip


def watched(symptom, values):
    steps = 2000 + 50.0 * np.arange(len(values))
    watch, course = Watch("name", symptom), Course(steps, {"x": np.array(values, float), "step": steps}, {})
    for t, value in enumerate(values):
        watch.see(course, t, value)
    return watch.findings


def test_a_finding_takes_so_many_looks_in_a_row():
    assert watched(simple(), [2, 2, 0, 2, 2, 0]) == []
    (found,) = watched(simple(), [0, 2, 2, 3, 3])
    assert (found.since_step, found.found_step, found.until_step) == (2050, 2150, None)
    assert (found.value, found.evidence) == (3, "x is 3.0, y nan")


def test_it_clears_only_well_within_the_threshold():
    ill = [2, 2, 2]
    (found,) = watched(simple(), [*ill, 0.9, 0.9, 0.9, 0.9])  # within, but not by a fifth
    assert found.until_step is None
    (found,) = watched(simple(), [*ill, 0.7, 0.7, 0.9, 0.7, 0.7, 0.7])
    assert found.until_step == 2000 + 50 * 8
    first, second = watched(simple(), [*ill, 0.1, 0.1, 0.1, *ill])
    assert (first.until_step, second.since_step, second.until_step) == (2250, 2300, None)


def test_below_means_below():
    (found,) = watched(simple(below=True), [2, 0.5, 0.5, 0.5, 1.2, 1.2, 1.2])
    assert (found.since_step, found.until_step) == (2050, None)
    (found,) = watched(simple(below=True), [2, 0.5, 0.5, 0.5, 1.3, 1.3, 1.3])
    assert found.until_step == 2300


def test_a_look_without_a_number_is_passed_over():
    (found,) = watched(simple(), [2, math.nan, 2, math.nan, math.nan, 2])
    assert (found.since_step, found.found_step) == (2000, 2250)


@given(st.lists(st.sampled_from([0.1, 0.9, 1.5, math.nan]), max_size=30), st.integers(1, 4))
def test_findings_follow_one_another_and_never_overlap(values, patience):
    found = watched(simple(patience=patience), values)
    for one in found:
        assert one.since_step <= one.found_step < (one.until_step or math.inf)
    for one, after in itertools.pairwise(found):
        assert one.until_step is not None
        assert one.until_step < after.since_step


@given(st.floats(0.01, 100), st.floats(0.01, 100), st.booleans())
def test_the_margin_is_positive_exactly_where_a_number_is_ill(value, threshold, below):
    symptom = simple(threshold, below=below)
    margin = float(symptom.margin(np.array([value]))[0])
    if abs(margin) > 1e-9:
        assert (margin > 0) == symptom.ill(value)
    assert not (symptom.ill(value) and symptom.well(value))


def test_recent_is_the_median_of_the_last_numbers_there_are():
    nan = math.nan
    np.testing.assert_array_equal(recent(np.array([1, nan, 5, 2, nan, 9]), 3), [nan, nan, nan, 2, nan, 5])
    np.testing.assert_array_equal(recent(np.array([1.0, 2.0]), 3), [nan, nan])


def test_best_before_never_looks_at_now():
    nan = math.nan
    np.testing.assert_array_equal(best_before(np.array([3, nan, 5, 4.0]), highest=True), [nan, 3, 3, 5])
    np.testing.assert_array_equal(best_before(np.array([3, 1, 5.0]), highest=False), [nan, 3, 1])
