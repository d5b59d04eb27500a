"""Symptoms of one's own: found where their law says, live as afterwards; one that fails costs itself alone."""

import math

import numpy as np
import pytest

import ayneh
from ayneh.config import Config
from ayneh.doctor.doctor import Doctor
from ayneh.doctor.symptoms import SYMPTOMS, symptoms
from ayneh.errors import UserError
from ayneh.record.record import Record


def lines(values, name="mean_loss_d"):
    return [
        {"step": 10 * (t + 1), "epoch": 0, "images": 10 * t, name: [value]} if name.startswith("mean") else
        {"step": 10 * (t + 1), "epoch": 0, "images": 10 * t, "vitals": {name: [value]}}
        for t, value in enumerate(values)
    ]  # fmt: skip


def found(doctor, name="mine"):
    return [(f.since_step, f.found_step, f.until_step) for f in doctor.findings() if f.name == name]


def test_it_appears_after_patience_looks_and_clears_well_within_the_threshold():
    """Threshold 2, patience 2: ill at 20 and 30; 1.9 and 1.6 change nothing, below 1.6 it is well, at 60 and 70."""
    ayneh.add("finding", "mine", ayneh.Symptom("mean_loss_d", threshold=2.0, patience=2))
    values = [2.5, 1.0, 2.0, 1.9, 2.1, 3.0, 1.9, 1.6, 1.5, 1.6, 1.59, 1.0, 5.0]
    assert found(Doctor(Config(), lines(values))) == [(50, 60, 120)]
    ayneh.add("finding", "mine", ayneh.Symptom("mean_loss_d", threshold=0.5, patience=1, below=True))
    assert found(Doctor(Config(), lines([0.6, 0.5, 0.62, 0.63, 0.4]))) == [(20, 20, 40), (50, 50, None)]


def test_its_function_sees_this_look_and_earlier_ones_alone_and_live_is_as_afterwards():
    calls = []

    def growth(mean_loss_g):
        calls.append(len(mean_loss_g))
        mean_loss_g[:] = mean_loss_g.copy()
        return mean_loss_g[-1] / mean_loss_g[0]

    ayneh.add("finding", "mine", ayneh.Symptom(growth, threshold=3.0, patience=2, evidence="{value:.1f} times."))
    record = lines([1.0, 2.0, 3.0, 4.0, 4.5, 1.0], "mean_loss_g")
    doctor = Doctor(Config())
    events = {line["step"]: [e.finding.name for e in doctor.look(line) if e.finding.name == "mine"] for line in record}
    assert events == {10: [], 20: [], 30: [], 40: ["mine"], 50: [], 60: []}
    assert calls == [1, 2, 3, 4, 5, 6]
    assert [f.evidence for f in doctor.findings() if f.name == "mine"] == ["4.0 times."]
    assert found(Doctor(Config(), record)) == found(doctor) == [(30, 40, None)]


def test_a_look_without_the_number_is_no_look():
    ayneh.add("finding", "too bright", ayneh.Symptom(lambda high: high[-1], threshold=0.9, patience=2))
    record = lines([1.0, 0.0, 1.0, 1.0], "high")
    record[1] = {"step": 20, "epoch": 0, "images": 10, "mean_loss_d": [1.0]}
    assert found(Doctor(Config(), record), "too bright") == [(10, 30, None)]


def test_one_that_fails_costs_itself_alone_and_says_so_once(capsys):
    def fails(mean_loss_d):
        if len(mean_loss_d) == 3:
            raise KeyError("nothing")
        return 9.0

    record = lines([3.0] * 6)
    usual = Doctor(Config(), record).untold()
    ayneh.add("finding", "mine", ayneh.Symptom(fails, threshold=1.0, patience=3))
    ayneh.add("finding", "words", ayneh.Symptom(lambda mean_loss_d: "high", threshold=1.0))
    ayneh.add("finding", "absent", ayneh.Symptom("sharpness", threshold=1.0))
    ayneh.add("finding", "other", ayneh.Symptom("mean_loss_d", threshold=1.0))
    doctor = Doctor(Config(), record)
    assert (found(doctor), found(doctor, "words")) == ([], [])
    assert found(doctor, "other") == [(10, 30, None)]
    untold = doctor.untold()
    assert "its function failed (KeyError: 'nothing' (" in untold["mine"]
    assert 'it returned "high" instead of a number' in untold["words"]
    assert untold["absent"] == "the record has no sharpness"
    assert {name: why for name, why in untold.items() if name in SYMPTOMS} == usual
    said = capsys.readouterr().err.replace("\n", " ")
    assert said.count("The finding 'mine' is not looked for: its function failed") == 1


def test_a_metric_of_ones_own_is_a_series_and_the_vital_sign_of_a_name_stays():
    ayneh.add("finding", "mine", ayneh.Symptom("score_spread", threshold=0.5, patience=1))
    record = lines([0.1, 0.1], "spread")
    record[1]["scores"] = {"spread": [{"value": 0.9}], "sharp": [None]}
    doctor = Doctor(Config(), record)
    assert found(doctor) == [(20, 20, None)]
    np.testing.assert_array_equal(doctor.course().get("spread"), [0.1, 0.1])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ayneh.Symptom(3, 1.0), "measure of a symptom is 3; it must be a series' name or a function"),
        (lambda: ayneh.Symptom("high", 0), "threshold of a symptom is 0; it must be a number above 0"),
        (lambda: ayneh.Symptom("high", math.nan), "it must be a number above 0"),
        (lambda: ayneh.Symptom("high", 1.0, patience=0), "patience of a symptom is 0; it must be a whole"),
        (lambda: ayneh.Symptom("high", 1.0, severity="bad"), "severity of a symptom is 'bad'; it must be one of: note"),
        (lambda: ayneh.Symptom("high", 1.0, evidence="{value"), "evidence of a symptom is '{value', which cannot be"),
        (lambda: ayneh.Symptom("high", 1.0, changes={"lr": 1}), "changes of a symptom: There is no field called 'lr'"),
        (lambda: ayneh.Symptom(lambda: 1, 1.0), "The function of a symptom names no parameters"),
        (lambda: ayneh.Symptom(max, 1.0), "names no parameters: give the series that it takes as needs"),
        (lambda: ayneh.add("finding", "x", max), "it takes an ayneh.Symptom(measure, threshold, ...) alone"),
        (lambda: ayneh.add("finding", "all alike", ayneh.Symptom("high", 1.0)), "a built-in finding called"),
    ],
)  # fmt: skip
def test_what_is_no_symptom_is_refused(make, words):
    with pytest.raises(UserError) as raised:
        make()
    assert words in str(raised.value)


PARTS = """
import ayneh

ayneh.add("finding", "too bright", ayneh.Symptom(
    lambda step, high: step[-1], threshold=4, patience=2, title="the samples are too bright",
    evidence="Brightest pixels: {high:.2f} against {data_high:.2f}.", advice="Lower the rate.",
    changes={"optimizer.lr": 1e-4},
))
"""


@pytest.mark.slow
def test_it_is_live_in_diagnose_and_on_the_page(request, tmp_path, tiny, unload):
    verb = request.getfixturevalue("ayneh")
    parts, run = tmp_path / "parts.py", tmp_path / "run"
    parts.write_text(PARTS)
    flags = ["--keep.tick-steps", 2, "--keep.vitals-steps", 2, "--epochs", 2, "--parts", parts, "--out", run]
    status, _, err = verb("train", "digits", *tiny, *flags)
    assert status == 0, err
    assert "step 6, warning: the samples are too bright. Brightest pixels: " in err.replace("\n", " ")
    (event,) = [event for event in Record.open(run).events() if event["name"] == "too bright"]
    assert (event["step"], event["since_step"], event["appeared"]) == (6, 4, True)
    assert event["advice"]["words"] == "Lower the rate."
    assert "--optimizer.lr" in event["advice"]["argv"]
    status, out, err = verb("diagnose", run, "--parts", parts)
    assert status == 0, err
    assert "The samples are too bright. Brightest pixels: " in out.replace("\n", " ")
    assert "the samples are too bright" in (run / "diagnosis.html").read_text().lower()
    unload()
    status, out, err = verb("diagnose", run)
    assert status == 0, err
    assert "cannot be judged: " in out
    assert "too bright" in out.replace("\n", " ")
    assert "training found it by a symptom of one&#39;s own" in (run / "diagnosis.html").read_text()


def test_the_table_is_the_built_in_ones_and_ones_own():
    assert list(symptoms()) == list(SYMPTOMS)
    ayneh.add("finding", "too bright", ayneh.Symptom("high", threshold=0.9))
    assert list(symptoms()) == [*SYMPTOMS, "too bright"]
    assert symptoms()["too bright"].title == "too bright"
