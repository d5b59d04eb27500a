"""The measurement of detectors: no model sees the kinds that it is measured on, and no sign reads what comes later."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ayneh.doctor.courses import Course
from ayneh.doctor.doctor import Doctor
from ayneh.record.record import Record

RECORDS = Path(__file__).parent.parent / "doctor" / "records"


@pytest.fixture
def strangers(bench):
    return bench("strangers")


@pytest.fixture
def runs(strangers):
    """Four healthy and four ill kinds of two runs each, whose first sign is larger in ill runs from step 100 on."""
    chance = np.random.default_rng(3)
    found = []
    for k in range(16):
        ill = k >= 8
        table = chance.normal(size=(12, 4))
        table[2:, 0] += 3.0 * ill
        table[chance.random(table.shape) < 0.1] = np.nan
        case = SimpleNamespace(arm=f"digits mlp, {k // 2}", seed=k % 2, label="ill" if ill else "healthy", fell=None,
                               onset=900 if ill else None, looks=[], told={}, net="digits mlp")  # fmt: skip
        found.append(strangers.Stranger(case, None, 50 * np.arange(12), table, tuple("abcd")))
    return found


def test_signs_at_a_look_read_no_later_look(strangers):
    record = Record.open(RECORDS / "then-high-rates")
    whole = Doctor(record.config(), record.lines()).course()
    n = len(whole.steps) // 2
    part = Course(whole.steps[:n], {name: values[:n] for name, values in whole.series.items()}, whole.facts)
    for (name, long), short in zip(strangers.signs(whole).items(), strangers.signs(part).values(), strict=True):
        np.testing.assert_array_equal(long[:n], short, err_msg=name)


def test_no_model_and_no_threshold_sees_the_kind_that_is_left_out(strangers, runs, monkeypatch):
    seen = []

    def scored(fitted, run):
        assert run.kind not in fitted
        seen.append((fitted, run.kind))
        return np.zeros(3)

    monkeypatch.setattr(strangers, "taught", lambda kind, some: frozenset(run.kind for run in some))
    monkeypatch.setattr(strangers, "scored", scored)
    strangers.trend("logistic", runs)
    every = {run.kind for run in runs}
    for left in every:
        assert (frozenset(every - {left}), left) in seen  # the model that is measured learnt all others
    inner = {fitted for fitted, _ in seen if len(fitted) < len(every) - 1}
    assert len(inner) > len(every)  # thresholds: models that lack the kind, and of the rest those they are set on
    assert all(len(every - fitted) >= 2 for fitted in inner)


def test_a_limit_lets_one_healthy_run_in_a_hundred_through(strangers):
    values = np.random.default_rng(0).permutation(300).astype(float)
    assert sum(value > strangers.threshold(values) for value in values) == 3
    assert sum(value > strangers.threshold(values[:99]) for value in values[:99]) == 0


def test_every_number_of_the_table_has_an_interval(strangers, runs):
    found = {"shipped": strangers.Detector([-1.0] * 16, [None] * 16)}
    scores, most = strangers.trend("logistic", runs)
    found["logistic"] = strangers.Detector(most, [strangers._first(r, s) for r, s in zip(runs, scores, strict=True)])
    lines = strangers.table(found, runs)
    rows = [line.split("|")[2:-1] for line in lines if line.startswith("| ")][1:]
    assert len(rows) == 6
    for cell in (cell.strip() for row in rows for cell in row):
        assert not cell or cell == "-" or re.fullmatch(r"\S+ \(\S+ to \S+\)", cell), cell
    assert "of 8 | 0% (0% to 37%)" in lines[5]  # by Clopper and Pearson: all kinds alike give no width


def test_a_model_is_better_only_by_more_than_three_hundredths_of_area(strangers, runs):
    poor = strangers.Detector([0.5] * 8 + [0.4, 0.6] * 4, None)
    good = strangers.Detector([0.0] * 8 + [1.0] * 8, None)
    assert strangers.worth(good, poor, runs)
    assert not strangers.worth(good, good, runs)
    assert not strangers.worth(poor, good, runs)
    nearly = strangers.Detector([0.0] * 7 + [0.6] + [1.0] * 7 + [0.5], None)  # 0.984
    assert not strangers.worth(good, nearly, runs)


def test_any_number_of_first_runs_is_a_sample_of_all(bench):
    ills = bench("strangers_ills")
    every = ills.jobs(3, 9, "")
    assert len(every) == len(set(every)) == 696
    third = every[: len(every) // 3]
    assert {name for name, _ in third} == set(ills.ARMS)
    assert {seed for name, seed in third} == {0, 3, 6}
    plain = [", " not in name for name, _ in third]
    assert plain.index(False) == sum(plain)  # a yardstick for each set and net comes first
    half = third[sum(plain) :][: len(third) // 2]
    share = [np.mean([name.startswith("digits") for name, _ in some]) for some in (half, third)]
    assert abs(share[0] - share[1]) < 0.1


@pytest.fixture
def whole(strangers, runs):
    """The same as real cases: one run fell before any look, the judge looked at other steps than the detectors."""
    detector = strangers.detector
    for k, run in enumerate(runs):
        looks = [{"step": 40 * i, "fd": 9.0 - i / 7, "spread": 0.9, "modes": 10.0} for i in range(1, 12)]
        told = {"G ignores z": 50, "not finite": 99} if run.ill else {}
        arm = "digits mlp" if k < 2 else run.case.arm
        run.case = detector.Case(arm, run.case.seed, looks, 0.0, None, told, {"G ignores z": 1 / 3, "all alike": -9.0})
        run.unlike = None if k % 3 else 0.125
        run.table = strangers.strangers_csv.rounded(run.table)
        run.steps = run.steps.astype(float)  # as a course has them
    last = runs[-1]
    last.case.looks, last.case.fell, last.steps, last.table = [], 7, last.steps[:0], last.table[:0]
    return runs


def test_runs_are_read_again_from_the_csvs_as_they_were(strangers, whole, tmp_path):
    ward = strangers.Ward(tmp_path)
    ward.all = whole
    ward.save()
    again = strangers.Ward(tmp_path)
    for one, other in zip(whole, again.all, strict=True):
        assert (one.case.arm, one.case.seed, one.case.looks) == (other.case.arm, other.case.seed, other.case.looks)
        assert (one.case.told, one.case.fell, one.case.copies) == (other.case.told, other.case.fell, other.case.copies)
        assert (one.unlike, one.names) == (other.unlike, other.names)
        assert other.case.margins == pytest.approx(one.case.margins, rel=1e-5)
        np.testing.assert_array_equal(one.steps, other.steps)
        np.testing.assert_array_equal(one.table, other.table)
    labels = [[(run.case.label, run.case.onset) for run in some.labelled()] for some in (ward, again)]
    assert labels[0] == labels[1]
    assert again.has("digits mlp", 1)
    assert not again.has("digits mlp", 2)
    before = (tmp_path / "runs.csv").read_bytes()
    again.save()
    assert (tmp_path / "runs.csv").read_bytes() == before


def test_csvs_that_do_not_belong_together_are_refused(strangers, whole, tmp_path):
    ward = strangers.Ward(tmp_path)
    ward.all = whole[2:]
    ward.save()
    looks = (tmp_path / "looks.csv.gz").read_bytes()
    ward.all = whole
    ward.save()
    (tmp_path / "looks.csv.gz").write_bytes(looks)
    with pytest.raises(strangers.strangers_csv.UserError, match=r"has 0 looks of digits mlp, seed 0, .* says 12"):
        strangers.Ward(tmp_path)
