"""The doctor on recorded runs: the findings of each, the same live and afterwards, and commands that can be run."""

import json
import math
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from ayneh.config import Config, changed, flatten
from ayneh.doctor.courses import facts_of
from ayneh.doctor.cures import argv
from ayneh.doctor.doctor import Doctor
from ayneh.doctor.symptoms import SYMPTOMS, examine
from ayneh.doctor.words import sentence
from ayneh.presets import PRESETS
from ayneh.record.record import Record

RECORDS = Path(__file__).parent / "records"
ALL = sorted(path.name for path in RECORDS.iterdir() if path.is_dir())

# What must be told of each recorded run, and what must not: the judge's view of them is in records/README.md.
TOLD = {
    "healthy-mlp": set(),
    "healthy-mirror": set(),
    "high-rates": {"discriminator overpowering", "classes missing", "little covered", "oscillation", "all alike"},
    "very-high-rates": {"discriminator overpowering", "vanishing gradient", "little covered"},
    "then-high-rates": {"sudden jump", "exploding gradient", "classes missing"},
    "u01": {"parallel prior", "G ignores z", "all alike", "little covered", "classes missing"},
    "slow-d": {"generator overpowering", "G ignores z"},
    "wgan-without-penalty": {"exploding gradient", "little covered"},
    "20-images": {"few images", "memorisation"},
    "batch-2": {"small batch", "range mismatch", "little covered"},
    "constant-noise": {"dead units", "parallel prior"},
    "grey-levels-0-and-1": {"data range", "little covered"},
    "healthy-labelled": set(),
    "random-classes": {"labels ignored"},
    "collapsed-class": {"one class collapsed"},
    "swapped-classes": {"one class drawn for another"},
    "shuffled-labels": {"labels at random"},
}


def record(name):
    return Record.open(RECORDS / name)


@cache
def findings_of(name):
    return Doctor(record(name).config(), record(name).lines()).findings()


def test_there_is_an_expectation_for_every_record():
    assert sorted(TOLD) == ALL
    for name in ALL:
        assert sum(file.stat().st_size for file in (RECORDS / name).iterdir()) < 30_000


@pytest.mark.parametrize("name", TOLD)
def test_recorded_runs_show_what_they_suffer_from(name):
    found = {finding.name for finding in findings_of(name)}
    assert TOLD[name] <= found
    if name.startswith("healthy"):
        assert found == set()


def test_every_symptom_is_seen_in_a_real_run():
    seen = set().union(*TOLD.values())
    assert SYMPTOMS.keys() - seen == {"not finite"}  # that one is played anew in tests/jobs/test_diagnose.py


@pytest.mark.parametrize("name", ALL)
def test_what_is_said_live_is_what_is_said_afterwards(name):
    live, events = Doctor(record(name).config()), []
    for line in record(name).lines():
        events += live.look(line)
    assert [e.finding for e in events if e.appeared] != [] or TOLD[name] == set()
    afterwards, untold = examine(live.course())
    assert live.findings() == afterwards
    assert live.untold() == untold
    told = [(e.finding.name, e.step) for e in events if e.appeared]
    assert sorted(told) == sorted((f.name, f.found_step) for f in afterwards)
    cleared = [(e.finding.name, e.step) for e in events if not e.appeared]
    assert sorted(cleared) == sorted((f.name, f.until_step) for f in afterwards if f.until_step is not None)


def test_going_on_from_earlier_lines_repeats_nothing_and_misses_nothing():
    config, lines = record("u01").config(), record("u01").lines()
    whole, resumed = Doctor(config), Doctor(config, lines[:30])
    said = [[event.as_dict() for event in whole.look(line)] for line in lines]
    again = [[event.as_dict() for event in resumed.look(line)] for line in lines[30:]]
    assert again == said[30:]
    assert resumed.treatable() == whole.treatable() != []


def events_of(name):
    live = Doctor(record(name).config())
    return [event for line in record(name).lines() for event in live.look(line)]


def test_an_event_is_a_line_of_json_with_its_fields():
    event = json.loads(json.dumps(events_of("u01")[0].as_dict()))
    advice, evidence = event.pop("advice"), event.pop("evidence")
    assert event == {
        "step": 20, "epoch": 0, "replica": 0, "name": "parallel prior",
        "title": "the draws of the prior are nearly parallel", "severity": "warning", "appeared": True,
        "since_step": 20, "until_step": None, "value": pytest.approx(0.75), "threshold": 0.5,
        "source": SYMPTOMS["parallel prior"].source,
    }  # fmt: skip
    assert "0.75" in evidence
    assert advice.keys() == {"words", "changes", "argv"}
    assert advice["changes"]["prior.name"] == "normal"
    assert advice["argv"][:3] == ["ayneh", "train", "digits-normal"]


def test_a_cleared_finding_keeps_its_fields_and_says_when_it_cleared():
    appeared, cleared = [e.as_dict() for e in events_of("high-rates") if e.finding.name == "oscillation"][:2]
    assert (appeared["appeared"], cleared["appeared"]) == (True, False)
    assert cleared["until_step"] == cleared["step"] > appeared["step"]
    kept = ("name", "title", "severity", "since_step", "value", "threshold", "evidence", "source", "advice")
    assert {name: cleared[name] for name in kept} == {name: appeared[name] for name in kept}


def test_a_value_that_is_not_finite_is_null_in_the_file():
    (event,) = Doctor(Config()).fell(0, 0, 0)
    endless = replace(event, finding=replace(event.finding, value=math.inf))
    assert json.loads(json.dumps(endless.as_dict(), allow_nan=False))["value"] is None


def test_a_terminal_s_line_is_made_from_the_fields():
    event = {
        "step": 40, "epoch": 1, "replica": 0, "name": "few images", "title": "there are few images",
        "severity": "note", "appeared": True, "evidence": "There are 9.", "advice": {
            "words": "Train on more.", "changes": {}, "argv": ["ayneh", "train", "digits", "--data.name", "npz:/a b"]},
    }  # fmt: skip
    assert sentence(event, seed=3) == (
        "seed 3: step 40, note: there are few images. There are 9. Train on more. "
        "Try: ayneh train digits --data.name 'npz:/a b'"
    )
    event["advice"]["argv"] = []
    assert sentence(event) == "step 40, note: there are few images. There are 9. Train on more."
    assert sentence(event | {"appeared": False}) == "step 40, cleared: there are few images."


def beside(a, b):
    """A line of two replicas from lines of one, for what both have."""
    if isinstance(a, dict):
        return {name: beside(a[name], b[name]) for name in a if name in b}
    return a + b if isinstance(a, list) else a


def test_replicas_are_looked_at_one_by_one():
    ill, well = record("u01").lines(), record("healthy-mlp").lines()
    config = changed(record("healthy-mlp").config(), {"seeds": 2, "seed": 5}, "test")
    both = Doctor(config)
    events = []
    for a, b in zip(well, ill, strict=True):
        events += both.look(beside(a, b))
    assert {event.replica for event in events} == {1}
    assert all(event.words.startswith("seed 6: ") for event in events)
    assert both.findings(0) == []
    assert {f.name for f in both.treatable()} >= {"G ignores z"}


def test_a_breakdown_is_the_last_word():
    live = Doctor(record("healthy-mlp").config(), record("healthy-mlp").lines()[:10])
    (event,) = live.fell(211, 10, 0)
    assert (event.finding.name, event.finding.severity, event.finding.until_step) == ("not finite", "severe", None)
    assert [f.name for f in live.treatable()] == ["not finite"]
    at_once = Doctor(Config())
    assert [e.finding.name for e in at_once.fell(0, 0, 0)] == ["not finite"]


def test_lines_may_hold_numbers_that_are_none():
    lines = record("healthy-mlp").lines()
    for line in lines[5:]:
        line["vitals"] = {name: [None] for name in line.get("vitals", {})}
        line["mean_grad_g"] = [math.nan]
    found = {f.name for f in Doctor(record("healthy-mlp").config(), lines).findings()}
    assert found == {"not finite"}


def test_a_run_without_vitals_is_examined_by_what_it_has():
    lines = [{k: v for k, v in line.items() if k != "vitals"} for line in record("high-rates").lines()]
    older = Doctor(record("high-rates").config(), lines)
    assert {f.name for f in older.findings()} == {"discriminator overpowering", "classes missing"}
    assert older.untold()["little covered"] == "the record has no coverage"


def test_the_number_of_training_images_is_read_from_the_record():
    config = record("healthy-mlp").config()
    assert np.nanmax(Doctor(config, record("healthy-mlp").lines()).course().get("data_images")) == 20 * 64


def test_what_the_settings_leave_open_is_filled_in():
    facts = facts_of(changed(Config(), {"prior.name": "uniform", "prior.low": 0.0, "prior.high": 1.0}, "test"))
    assert (facts["net.gen_norm"], facts["net.dis_norm"]) == ("batch", "batch")
    assert facts["parallel"] == pytest.approx(0.75)
    assert facts_of(changed(Config(), {"prior.name": "student-t", "prior.df": 1.0}, "test"))["parallel"] == 0


def test_what_a_net_of_ones_own_leaves_open_is_not_known():
    facts = facts_of(changed(Config(), {"net.name": "mine", "net.dis_norm": "none"}, "test"))
    assert (facts["net.gen_norm"], facts["net.dis_norm"]) == (None, "none")
    config = changed(record("healthy-mlp").config(), {"net.name": "mine"}, "test")
    own = Doctor(config, record("healthy-mlp").lines())
    assert own.untold() == {
        "small batch": "the net 'mine' is not one of ayneh's, so its normalisation is not known"
    }  # fmt: skip
    known = Doctor(changed(config, {"net.gen_norm": "batch"}, "test"), record("healthy-mlp").lines())
    assert known.untold() == {}


@pytest.mark.parametrize("name", ALL)
def test_commands_train_the_same_run_with_the_change(name):
    import tyro

    config = record(name).config()
    for changes in {repr(f.cure.changes): f.cure.changes for f in findings_of(name)}.values():
        said = argv(config, changes)
        assert said[:2] == ["ayneh", "train"]
        preset = PRESETS[said[2]].config
        parsed = tyro.cli(Config, args=said[3:], default=preset)
        assert flatten(parsed) == flatten(config) | dict(changes)


@pytest.mark.parametrize(
    ("values", "ends"), [([0.0, 0.0], (0.0, 1.0)), ([0.0, 0.5], (0.0, 0.525)), ([-1.0, 1.0], None)]
)
def test_a_share_is_never_drawn_below_0(values, ends):
    from ayneh.pages.chart import _ends

    low, high = _ends(np.array(values), log=False)
    assert (low, high) == pytest.approx(ends) if ends else low < -1 < 1 < high
