"""Files of earlier versions are read as today's; the old folders in tests/old were written before anything moved."""

import json
import shutil
from pathlib import Path

import pytest

from ayneh import older
from ayneh.doctor.words import sentence
from ayneh.record import Record

OLD = Path(__file__).parent / "old"


@pytest.mark.parametrize(("folder", "seed"), [("run", 0), ("run", 1), ("mirror", None)])
def test_an_old_finding_has_its_fields(folder, seed):
    event = Record.open(OLD / folder).events()[seed or 0]
    told = json.loads((OLD / folder / "findings.jsonl").read_text().splitlines()[seed or 0])["words"]
    assert "words" not in event
    assert event["title"] == "there are few training images"
    assert event["advice"]["words"] == "Train on more images."
    assert event["advice"]["changes"] == {"data.limit": None}
    assert event["advice"]["argv"][:2] == ["ayneh", "train"]
    assert event["advice"]["argv"][-2:] == ["--device", "cpu"]
    assert (event["value"], event["until_step"], event["since_step"]) == (None, None, 5)
    assert sentence(event, seed) == told  # nothing is lost


def test_an_old_finding_that_cleared_has_the_fields_of_today_s():
    event = older.finding(
        {
            "step": 40, "epoch": 2, "replica": 0, "name": "oscillation", "severity": "warning", "appeared": False,
            "words": "step 40: no longer: the game goes round in circles",
        }
    )  # fmt: skip
    assert event == {
        "step": 40, "epoch": 2, "replica": 0, "name": "oscillation", "title": "the game goes round in circles",
        "severity": "warning", "appeared": False, "since_step": None, "until_step": 40, "value": None,
        "threshold": None, "evidence": None, "source": None, "advice": None,
    }  # fmt: skip


def test_arguments_that_were_quoted_are_whole_again():
    event = {"step": 4, "appeared": True, "evidence": "E.", "cure": {"words": "Do.", "changes": {"batch": 64}}}
    event["words"] = "step 4, note: t. E. Do. Try: ayneh train digits --data.name 'npz:/a b.npy'"
    assert older.finding(event)["advice"]["argv"] == ["ayneh", "train", "digits", "--data.name", "npz:/a b.npy"]


def test_a_finding_of_today_is_left_as_it_is():
    event = {"step": 4, "title": "t", "advice": {"words": "Do.", "changes": {}, "argv": []}}
    assert older.finding(event) == event


def test_an_old_run_that_is_resumed_has_findings_of_both_kinds_and_one_diagnosis(ayneh, tmp_path):
    folder = Path(shutil.copytree(OLD / "run", tmp_path / "run"))
    status, _, err = ayneh("resume", folder, "--epochs", 4)
    assert status == 0, err
    hot = {"name": "not finite", "title": "numbers stopped being finite", "severity": "severe", "appeared": True}
    with (folder / "findings.jsonl").open("a") as file:
        file.write(json.dumps(hot | {"step": 39, "epoch": 3, "replica": 1}) + "\n")
    assert [("words" in json.loads(line)) for line in (folder / "findings.jsonl").read_text().splitlines()] == [
        True, True, False]  # fmt: skip
    assert [event["title"] for event in Record.open(folder).events()] == [
        *2 * ["there are few training images"], "numbers stopped being finite"]  # fmt: skip
    status, out, _ = ayneh("diagnose", folder)
    assert status == 0
    assert "Broke down of replica 1" in out
