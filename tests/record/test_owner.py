"""Whose run a run folder is: a study's runs lie in its folder, and nothing else that only looks so is one."""

import json
from pathlib import Path

import pytest

from ayneh.record.owner import going_on, study_of


@pytest.fixture
def study(tmp_path) -> Path:
    (tmp_path / "study.json").write_text(json.dumps({"format": 1, "study": {"name": "a"}}))
    return tmp_path


@pytest.mark.parametrize("run", ["/", "/out", "/a/out", "out", "."])
def test_a_folder_near_the_root_is_of_no_study(run, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    assert study_of(Path(run)) is None
    assert going_on(Path(run)) == f"ayneh resume {run}"


def test_a_study_s_run_is_found_from_any_folder(study, monkeypatch):
    run = study / "runs" / "usual" / "seed-000"
    run.mkdir(parents=True)
    assert study_of(run) == study
    monkeypatch.chdir(run.parent)
    assert study_of(Path("seed-000")) == study
    monkeypatch.chdir(run)
    assert study_of(Path(".")) == study
    assert going_on(run) == f"ayneh study run {study}"


@pytest.mark.parametrize("run", ["runs/usual/mine", "runs/seed-000", "other/usual/seed-000", "runs/a/b/seed-000"])
def test_another_folder_within_a_study_s_is_not(run, study):
    assert study_of(study / run) is None


@pytest.mark.parametrize("text", ["", "{}", '{"title": "my own"}', "[1]", '{"study": "x"}'])
def test_another_program_s_study_json_makes_no_study(text, study):
    (study / "study.json").write_text(text)
    assert study_of(study / "runs" / "usual" / "seed-000") is None


def test_the_command_names_the_parts_of_the_study(study):
    (study / "study.json").write_text(json.dumps({"study": {}, "parts": ["my parts.py", 3]}))
    assert going_on(study / "runs" / "a" / "seed-001") == f"ayneh study run {study} --parts 'my parts.py'"
