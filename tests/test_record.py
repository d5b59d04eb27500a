"""The run folder: how far a run is, and what of it is deleted."""

import ast
import json
import os
import shutil
import time
from dataclasses import astuple
from pathlib import Path

import pytest

from ayneh import record
from ayneh.config import Config
from ayneh.record import LIVELY_S, Record


def grown(folder, epochs=5):
    """The run wants more epochs than it has."""
    head = json.loads((folder / "config.json").read_text())
    head["config"]["epochs"] = epochs
    (folder / "config.json").write_text(json.dumps(head))


def left(folder):
    """Nothing was written for longer than `LIVELY_S`."""
    then = time.time() - LIVELY_S - 1
    for path in folder.rglob("*"):
        os.utime(path, (then, then))


@pytest.fixture
def run(tiny_run, tmp_path) -> Path:
    return Path(shutil.copytree(tiny_run, tmp_path / "run"))


def test_a_run_is_finished_with_the_checkpoint_of_its_last_epoch(run):
    assert astuple(Record(run).standing())[:4] == ("finished", 3, 3, 12)
    assert Record(run).standing().wall_s == Record(run).lines()[-1]["wall_s"]
    shutil.rmtree(run / "checkpoints")  # where all of them were deleted, the pictures tell
    assert Record(run).standing().state == "finished"


def test_a_run_whose_files_are_fresh_is_running_and_else_was_stopped(run):
    grown(run)
    assert astuple(Record(run).standing())[:4] == ("running", 3, 5, 12)
    left(run)
    assert Record(run).standing().state == "stopped"


def test_a_run_is_interrupted_from_ctrl_c_until_it_is_resumed(run):
    grown(run)
    (run / "checkpoints" / "interrupted.safetensors").touch()
    assert Record(run).standing().state == "interrupted"
    left(run)
    assert Record(run).standing().state == "interrupted"
    (run / "metrics.jsonl").touch()
    assert Record(run).standing().state == "running"


def test_a_run_without_a_line_is_running_while_it_is_new(tmp_path):
    Record.create(tmp_path, Config(), {})
    assert astuple(Record(tmp_path).standing()) == ("running", 0, 100, 0, 0.0)
    left(tmp_path)
    assert Record(tmp_path).standing().state == "no step yet"


def test_a_run_broke_down_unless_a_rescue_brought_it_back(run):
    grown(run)
    event = {"name": "not finite", "appeared": True, "step": 14, "epoch": 3, "replica": 1}
    Record(run).note_finding(event)
    assert astuple(Record(run).standing())[:4] == ("broken down", 4, 5, 14)
    (run / "findings.jsonl").unlink()
    Record(run).note_finding(event | {"rescue": 1})
    assert Record(run).standing().state == "running"


def test_a_run_of_a_study_ends_with_its_outcome(run):
    grown(run)
    Record(run).write_outcome({"diverged": None})
    assert Record(run).standing().state == "finished"
    Record(run).write_outcome({"diverged": {"step": 3}})
    assert Record(run).standing().state == "broken down"


def test_removing_a_run_leaves_what_is_not_its_own(run):
    (run / "notes.txt").touch()
    (run / "export-onnx").mkdir()
    for name in ("evaluation-epoch-0001.json", "mirror.png", "probe-replica-1.json", "outcome.json"):
        (run / name).touch()
    Record(run).remove()
    assert {path.name for path in run.iterdir()} - {"run.lock"} == {"notes.txt", "export-onnx"}


def test_no_other_file_names_what_lies_in_a_run_folder():
    names = {
        *("metrics.jsonl", "findings.jsonl", "abandoned.jsonl", "rescues.json", "run.lock", "checkpoints", "abandoned"),
        *("outcome.json", "evaluation.json", "mirror.json", "probe.json", "diagnosis.html", "interrupted", "best"),
    }
    source = Path(record.__file__).parent
    for path in source.rglob("*.py"):
        if path.name in ("record.py", "checkpoint.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
                parts = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant)]
                assert not names & set(map(str, parts)), (path, node.lineno, parts)
