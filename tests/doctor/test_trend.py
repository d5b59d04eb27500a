"""The finding that was learnt: without its file there is none; with it, what it says of recorded runs, and why."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ayneh.doctor import trend
from ayneh.doctor.courses import Course
from ayneh.doctor.doctor import Doctor
from ayneh.doctor.symptoms import SYMPTOMS, examine, symptoms
from ayneh.record.record import Record

RECORDS = Path(__file__).parent / "records"
# By hand: log odds of -2 log(spread) - 8 coverage + 2, where nothing is known 2.
VALUES = {
    "names": ["log_spread", "coverage", "change_coverage"], "usual": [-0.1, 0.4, 0.0], "limit": 3.0, "source": "a test",
    "bias": 2.0, "weights": [-2.0, -1.0, 0.0], "fill": [0.0, 0.0, 0.0], "centre": [0.0, 0.0, 0.0],
    "scale": [1.0, 0.125, 1.0],
}  # fmt: skip


def doctor(name):
    """One that has read the record."""
    record = Record.open(RECORDS / name)
    return Doctor(record.config(), record.lines(), record.labels())


@pytest.fixture
def file(monkeypatch, tmp_path):
    """A model by hand, shipped."""
    place = tmp_path / "trend.json"
    place.write_text(json.dumps(VALUES))
    monkeypatch.setattr(trend, "FILE", place)


def test_without_a_file_there_is_no_such_finding(monkeypatch, tmp_path):
    monkeypatch.setattr(trend, "FILE", tmp_path / "none.json")
    assert trend.NAME not in symptoms()
    assert set(symptoms()) >= set(SYMPTOMS)


def test_a_run_unlike_healthy_ones_is_told_with_what_counts_most(file):
    u01 = doctor("u01")
    (found,) = [one for one in u01.findings() if one.name == trend.NAME]
    assert found.threshold == pytest.approx(math.exp(3))
    assert found.value >= found.threshold
    signs = trend.signs(u01.course())
    at = list(u01.course().steps).index(found.found_step)
    odds = 2 - 2 * signs["log_spread"][at] - 8 * signs["coverage"][at]
    assert found.value == pytest.approx(math.exp(odds), rel=1e-9)
    assert f"What counts most: log spread {signs['log_spread'][at]:.2g} (usual -0.1); coverage" in found.evidence
    assert not [one for one in doctor("healthy-mlp").findings() if one.name == trend.NAME]


@pytest.mark.parametrize("name", ["high-rates", "healthy-mirror"])
def test_line_by_line_it_finds_what_it_finds_afterwards(file, name):
    read = doctor(name)
    live = [one for one in read.findings() if one.name == trend.NAME]
    after = [one for one in examine(read.course())[0] if one.name == trend.NAME]
    assert [(f.since_step, f.found_step, f.until_step, f.evidence) for f in live] == [
        (f.since_step, f.found_step, f.until_step, f.evidence) for f in after
    ]


def test_labelled_games_are_not_judged(file):
    assert doctor("healthy-labelled").untold()[trend.NAME] == "it was learnt from games without labels alone"


def test_signs_at_a_look_read_no_later_look():
    whole = doctor("then-high-rates").course()
    n = len(whole.steps) // 2
    part = Course(whole.steps[:n], {name: values[:n] for name, values in whole.series.items()}, whole.facts)
    for (name, long), short in zip(trend.signs(whole).items(), trend.signs(part).values(), strict=True):
        np.testing.assert_array_equal(long[:n], short, err_msg=name)


def test_a_sign_pushes_by_its_own_part_of_the_log_odds():
    model = trend.of_dict(VALUES)
    row = np.array([math.log(0.01), 0.1, 0.3])
    pushes = model.pushes(row)
    assert list(pushes) == ["log_spread", "coverage"]  # the largest first
    assert pushes["log_spread"] == pytest.approx(-2 * (math.log(0.01) + 0.1))
    assert pushes["coverage"] == pytest.approx(-8 * (0.1 - 0.4))  # its change has no weight
    assert list(model.pushes(np.array([math.nan, 0.1, math.nan]))) == ["coverage"]  # what is not known pushes nothing
    trees = replace(model, weights=np.zeros(0), roots=np.array([0]), feature=np.array([1, 0, 0]), split=np.full(3, 0.2),
                    left=np.array([1, 1, 2]), right=np.array([2, 1, 2]), unknown_left=np.zeros(3),
                    value=np.array([0.0, 5.0, -1.0]))  # fmt: skip
    assert trees.log_odds(np.array([[9.0, 0.2, 9.0], [9.0, 0.21, 9.0], [9.0, math.nan, 9.0]])).tolist() == [7, 1, 1]
    assert trees.pushes(row) == {"coverage": 6.0, "log_spread": 0.0}
