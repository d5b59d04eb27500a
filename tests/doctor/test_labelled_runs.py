"""Labelled runs from the command line: findings live, of a run that was resumed, afterwards, and on the page."""

import json
import re
from dataclasses import asdict

import pytest

import ayneh as package
from ayneh.__main__ import main
from ayneh.doctor import measures
from ayneh.doctor.diagnosis import diagnose
from ayneh.record.record import Record

FLAGS = [
    *("digits", "--net.name", "mlp", "--net.width", 8, "--prior.dim", 4, "--batch", 16, "--data.resize", 8),
    *("--data.limit", 320, "--keep.tick-steps", 4, "--keep.vitals-steps", 4, "--keep.score-epochs", 0),
    *("--keep.sample-epochs", 100, "--keep.checkpoint-epochs", 100, "--optimizer.lr", 2e-3, "--quiet"),
    *("--rules.labels", "auxiliary", "--rules.ema-halflife-images", 0),
]
COLLAPSED = "one class collapsed"


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """A run of three epochs of 20 steps, and one that ended after two and was resumed; images are checked early."""
    folder = tmp_path_factory.mktemp("labelled")
    train = ["train", *map(str, FLAGS), "--epochs"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measures, "WARM_STEPS", 20)
        patch.setattr(measures, "WARM_WAY", 0.0)
        main([*train, "3", "--out", str(folder / "whole")])
        main([*train, "2", "--out", str(folder / "cut")])
        main(["resume", str(folder / "cut"), "--epochs", "3", "--quiet"])
        yield folder / "whole", folder / "cut"


def lines(folder):
    return [
        line["vitals"]
        for line in map(json.loads, (folder / "metrics.jsonl").read_text().splitlines())
        if "vitals" in line
    ]


@pytest.mark.slow
def test_a_resumed_run_looks_and_finds_as_one_that_was_not_stopped(labelled):
    whole, cut = labelled
    assert lines(whole) == lines(cut)
    assert len(lines(whole)) == 15
    events = [[event | {"advice": None} for event in Record.open(run).events()] for run in labelled]
    assert events[0] == events[1]  # but for the number of epochs in the commands
    assert COLLAPSED in {event["name"] for event in events[0]}


def test_what_is_found_live_is_found_afterwards_with_the_same_sentence(labelled):
    live = {event["name"]: event for event in Record.open(labelled[0]).events() if event["appeared"]}
    found = {finding.name: asdict(finding) for finding in diagnose(Record.open(labelled[0])).findings}
    assert live.keys() == found.keys() >= {COLLAPSED}
    for name, event in live.items():
        for part in ("evidence", "value", "threshold", "since_step", "severity"):
            assert event[part] == found[name][part]
    assert re.search(r"The samples of the class \d vary 0\.0", live[COLLAPSED]["evidence"])
    assert live[COLLAPSED]["advice"]["changes"] == {"rules.label_weight": 0.25}


@pytest.mark.slow
def test_the_page_has_a_row_for_each_class_of_a_labelled_run_alone(labelled, ayneh):
    status, out, _ = ayneh("diagnose", labelled[0])
    assert status == 0
    assert "nearly all the same image" in out
    page = (labelled[0] / "diagnosis.html").read_text()
    rows = re.findall(r'<tr><th scope="row">(\d)</th><td>([\d.]+)%</td><td>([\d.]+)', page)
    assert [row[0] for row in rows] == list("0123456789")
    assert sum(float(row[1]) for row in rows) == pytest.approx(100, abs=0.6)
    last = lines(labelled[0])[-1]
    assert [float(row[2]) for row in rows] == [
        pytest.approx(last[f"class_spread_{k}"][0], abs=0.005) for k in range(10)
    ]
    assert "Variety within a class" in page


def test_a_symptom_of_ones_own_reads_the_classes(labelled):
    package.add("finding", "sevens alike", package.Symptom(
        lambda class_spread_7, class_spread_median: class_spread_7[-1] / class_spread_median[-1], threshold=1e-6,
        patience=1, evidence="Number {class_spread_of:.0f}, {class_spread_of}: {value:.2f}."))  # fmt: skip
    (found,) = [f for f in diagnose(Record.open(labelled[0])).findings if f.name == "sevens alike"]
    first = lines(labelled[0])[0]
    k = int(first["class_spread_of"][0])
    assert found.evidence.startswith(f"Number {k}, {k}: ")
    assert found.value == pytest.approx(first["class_spread_7"][0] / first["class_spread_median"][0])
