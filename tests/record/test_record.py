"""The run folder: how far a run is, and what of it is deleted."""

import ast
import fcntl
import json
import shutil
import threading
from dataclasses import astuple
from pathlib import Path

import pytest

from ayneh.config import Config
from ayneh.errors import UserError
from ayneh.record import record
from ayneh.record.record import Record


def grown(folder, epochs=5):
    """The run is to have more epochs than it has."""
    head = json.loads((folder / "config.json").read_text())
    head["config"]["epochs"] = epochs
    (folder / "config.json").write_text(json.dumps(head))


@pytest.fixture
def run(tiny_run, tmp_path) -> Path:
    return Path(shutil.copytree(tiny_run, tmp_path / "run"))


def test_a_run_is_finished_with_the_checkpoint_of_its_last_epoch(run):
    assert astuple(Record(run).standing())[:4] == ("finished", 3, 3, 12)
    assert Record(run).standing().wall_s == Record(run).lines()[-1]["wall_s"]
    shutil.rmtree(run / "checkpoints")  # where all of them were deleted, the pictures show it
    assert Record(run).standing().state == "finished"


def test_a_config_that_lost_its_epochs_is_refused_and_not_trained_for_hours(run):
    head = json.loads((run / "config.json").read_text())
    del head["config"]["epochs"]
    (run / "config.json").write_text(json.dumps(head))
    with pytest.raises(UserError, match="config.epochs is missing"):
        Record.open(run).config()


def test_a_run_is_running_while_a_process_has_its_lock(run):
    grown(run)
    assert astuple(Record(run).standing())[:4] == ("stopped", 3, 5, 12)  # however fresh its files are
    with Record(run).locked():
        assert astuple(Record(run).standing())[:4] == ("running", 3, 5, 12)
    assert Record(run).standing().state == "stopped"


def test_a_run_is_interrupted_from_ctrl_c_until_it_is_resumed(run):
    grown(run)
    (run / "checkpoints" / "interrupted.safetensors").touch()
    assert Record(run).standing().state == "interrupted"
    with Record(run).locked():
        assert Record(run).standing().state == "running"


def test_a_run_without_a_line_is_running_while_its_lock_is_held(tmp_path):
    Record.create(tmp_path, Config(), {})
    assert Record(tmp_path).standing().state == "no step yet"
    with Record(tmp_path).locked():
        assert astuple(Record(tmp_path).standing()) == ("running", 0, 100, 0, 0.0)


def test_looking_keeps_nobody_from_training(run):
    grown(run)
    with (run / "run.lock").open("ab+") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)  # as `held` has it, but for longer
        threading.Timer(0.1, fcntl.flock, (looking, fcntl.LOCK_UN)).start()
        with Record(run).locked():
            assert Record(run).standing().state == "running"


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["show", pytest.param("status", marks=pytest.mark.slow)])
def test_a_killed_run_is_not_running(process, ayneh, tmp_path, tiny, wait_until, verb):
    """Right after the kill, however fresh its files are; a run of a study alike."""
    if verb == "show":
        run, what = tmp_path / "run", ["train", "digits", *tiny, "--epochs", 10**6, "--out", tmp_path / "run"]
        look = ["show", run]
    else:
        toml = "[set]\nepochs = 100000\nbatch = 32\nnet.width = 4\ndata.resize = 8\ndata.limit = 128\n"
        (tmp_path / "s.toml").write_text(f'name = "s"\nseeds = 1\n{toml}[arms.a]\n[arms.b]\nbatch = 64\n')
        run = tmp_path / "study" / "runs" / "a" / "seed-000"
        what = ["study", "run", tmp_path / "s.toml", "--workers", 1, "--out", tmp_path / "study"]
        look = ["study", "status", tmp_path / "study"]
    child = process(*what, "--quiet")
    wait_until(lambda: Record(run).metrics.exists() and Record(run).lines(), child)
    assert Record(run).standing().state == "running"
    before = ayneh(*look)[1]
    child.kill()
    child.communicate()
    wait_until(lambda: not Record(run).lively())  # workers of a study end with their parent
    assert Record(run).standing().state == "stopped"
    after = ayneh(*look)[1]
    words = {"show": ("running", "stopped"), "status": ("1 being played now", "0 being played now")}[verb]
    assert [word in text for word, text in zip(words, (before, after), strict=True)] == [True, True], (before, after)


def test_a_run_broke_down_unless_a_rescue_brought_it_back(run):
    grown(run)
    event = {"name": "not finite", "appeared": True, "step": 14, "epoch": 3, "replica": 1}
    Record(run).note_finding(event)
    assert astuple(Record(run).standing())[:4] == ("broken down", 4, 5, 14)
    (run / "findings.jsonl").unlink()
    Record(run).note_finding(event | {"rescue": 1})
    assert Record(run).standing().state == "stopped"


def test_a_run_of_a_study_ends_with_its_outcome(run):
    grown(run)
    Record(run).write_outcome({"diverged": None})
    assert Record(run).standing().state == "finished"
    Record(run).write_outcome({"diverged": {"step": 3}})
    assert Record(run).standing().state == "broken down"


def test_no_other_file_names_what_lies_in_a_run_folder():
    names = {
        *("metrics.jsonl", "findings.jsonl", "abandoned.jsonl", "rescues.json", "run.lock", "checkpoints", "abandoned"),
        *("outcome.json", "evaluation.json", "mirror.json", "probe.json", "diagnosis.html", "interrupted", "best"),
    }
    source = Path(record.__file__).parents[1]
    for path in source.rglob("*.py"):
        if path.parent.name == "record":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
                parts = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant)]
                assert not names & set(map(str, parts)), (path, node.lineno, parts)
