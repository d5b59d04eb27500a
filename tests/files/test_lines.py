"""JSON Lines: one damaged line costs one line and a sentence, a kill costs the last line and no word."""

import json
import shutil

import pytest

from ayneh.errors import UserError
from ayneh.files.lines import append_lines, read_lines
from ayneh.record.aside import set_aside
from ayneh.record.forms import Event, Line
from ayneh.record.record import Record
from ayneh.terminal import text


@pytest.fixture(autouse=True)
def nothing_said_yet(monkeypatch):
    monkeypatch.setattr(text, "_warned", set())


def written(run):
    return (run / "metrics.jsonl").read_bytes()


def with_line(run, number, change):
    """metrics.jsonl with one line (from 1) changed."""
    parts = written(run).split(b"\n")
    parts[number - 1] = change(parts[number - 1])
    (run / "metrics.jsonl").write_bytes(b"\n".join(parts))


def edited(**values):
    return lambda line: json.dumps({k: v for k, v in (json.loads(line) | values).items() if v != "gone"}).encode()


DAMAGES = {
    "a flipped brace": (lambda line: b"z" + line[1:], "it is not readable JSON"),
    "no UTF-8": (lambda line: line[:2] + b"\xe5" + line[3:], "it is not readable JSON"),
    "no object": (lambda line: b"[1, 2]", "it holds [1, 2]; it must be an object with fields"),
    "a number": (lambda line: b"7", "it holds 7; it must be an object"),
    "zeros": (lambda line: bytes(len(line)), "it is not readable JSON"),
    "deep": (lambda line: b"[" * 100_000, "it is not readable JSON"),
    "no step": (edited(step="gone"), "step is missing"),
    "a step of text": (edited(step="8"), 'step is "8"; it must be a whole number'),
    "a negative step": (edited(step=-8), "step is -8; it must be at least 0"),
    "no seconds": (edited(wall_s="gone"), "wall_s is missing"),
    "no mean": (edited(mean_loss_d="gone"), "mean_loss_d is missing"),
    "a short list": (edited(loss_g=[1.0]), "its lists have different lengths"),
    "a step beyond the next": (edited(step=2**32), "step is 4294967296, out of order"),
    "a mean of nothing": (edited(mean_loss_g=None), "mean_loss_g is missing"),
    "scores of one replica": (edited(scores={"fd": [{"value": 1.0}]}), "its lists have different lengths"),
    "vitals of none": (edited(vitals={"spread": []}), "its lists have different lengths"),
    "a score without its value": (edited(scores={"fd": [{"protocol": "x"}] * 2}), "scores.fd[0].value is missing"),
    "vitals of text": (edited(vitals="x"), 'vitals is "x"; it must be'),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_one_damaged_line_costs_that_line_and_a_sentence(ayneh, own_run, capsys, damage):
    change, words = DAMAGES[damage]
    before = Record(own_run).lines()
    with_line(own_run, 2, change)
    damaged, said = written(own_run), f"{own_run / 'metrics.jsonl'}: line 2 is damaged ({words}"
    for _ in range(2):  # whoever only looks changes nothing
        text._warned.clear()
        status, _, err = ayneh("show", own_run)
        assert (status, err.count(said)) == (0, 1), err
        assert "and left out." in err
    assert written(own_run) == damaged
    Record(own_run).rewind(12)  # as `resume` does
    err = capsys.readouterr().err
    assert said in err
    assert "and left out; the file as it was is kept as metrics.jsonl.damaged." in err
    assert Record(own_run).lines() == [before[0], before[2]]
    assert (own_run / "metrics.jsonl.damaged").read_bytes() == damaged


# What `resume` leaves out is what `show` leaves out, so most kinds are tried in the slow tests alone.
QUICK = ("zeros", "no step", "a step beyond the next")


@pytest.mark.parametrize("damage", [pytest.param(d, marks=[pytest.mark.slow] * (d not in QUICK)) for d in DAMAGES])
def test_resume_keeps_the_damaged_file_and_says_so_once(ayneh, own_run, damage):
    change, words = DAMAGES[damage]
    before = Record(own_run).lines()
    with_line(own_run, 2, change)
    damaged = written(own_run)
    status, _, err = ayneh("resume", own_run)
    assert status == 0, err
    assert f"{own_run / 'metrics.jsonl'}: line 2 is damaged ({words}" in err
    assert "and left out; the file as it was is kept as metrics.jsonl.damaged." in err
    assert Record(own_run).lines() == [before[0], before[2]]
    assert (own_run / "metrics.jsonl.damaged").read_bytes() == damaged
    (own_run / "metrics.jsonl").write_bytes(damaged)  # the same again is said again
    assert "the file as it was is kept as metrics.jsonl.damaged." in ayneh("resume", own_run)[2]
    status, _, err = ayneh("resume", own_run)
    assert (status, "left out" in err) == (0, False), err


def test_a_second_damage_has_a_copy_of_its_own_and_the_same_damage_one(own_run):
    with_line(own_run, 1, lambda line: b"?")
    Record(own_run).rewind(12)
    first = (own_run / "metrics.jsonl.damaged").read_bytes()
    shutil.copy(own_run / "metrics.jsonl.damaged", own_run / "metrics.jsonl")  # as if killed before it was mended
    Record(own_run).rewind(12)
    with_line(own_run, 1, lambda line: b"!")
    Record(own_run).rewind(12)
    assert (own_run / "metrics.jsonl.damaged").read_bytes() == first
    assert sorted(p.name for p in own_run.glob("*damaged*")) == ["metrics.jsonl.damaged", "metrics.jsonl.damaged-2"]
    set_aside(own_run)
    assert not list(own_run.glob("*.jsonl*"))


def test_a_last_line_without_its_end_is_a_kill_s_and_costs_no_word(ayneh, own_run):
    before = Record(own_run).lines()
    (own_run / "metrics.jsonl").write_bytes(written(own_run)[:-30])
    assert Record(own_run).lines() == before[:-1]
    assert ayneh("show", own_run)[2] == ""
    Record(own_run).rewind(12)
    assert not list(own_run.glob("*damaged*"))


def test_a_last_line_with_its_end_was_damaged_later(ayneh, own_run):
    with_line(own_run, 3, lambda line: line[:-1])
    assert "line 3 is damaged" in ayneh("show", own_run)[2]


def test_many_damaged_lines_are_one_sentence(own_run, capsys):
    (own_run / "metrics.jsonl").write_bytes(written(own_run) + b"?\n" * 30)
    assert len(read_lines(own_run / "metrics.jsonl", Line)) == 3
    assert "lines 4, 5, 6, 7, 8, 9, 10, 11, 12, 13 and 20 more are damaged (the first: " in capsys.readouterr().err


def test_findings_are_read_alike(ayneh, own_run, capsys):
    event = {"name": "few images", "appeared": True, "step": 4, "epoch": 0, "replica": 1}
    text = "".join(json.dumps(event | change) + "\n" for change in ({}, {"appeared": 3}, {"step": 8}))
    (own_run / "findings.jsonl").write_text(text, encoding="utf-8")
    assert [one["step"] for one in Record(own_run).events()] == [4, 8]
    assert "findings.jsonl: line 2 is damaged (appeared is 3; it must be true or false) and" in capsys.readouterr().err
    Record(own_run).rewind(12)
    assert (own_run / "findings.jsonl.damaged").read_text(encoding="utf-8") == text
    assert len(read_lines(own_run / "findings.jsonl", Event)) == 2


def test_a_line_after_one_that_was_cut_off_stands_alone(tmp_path):
    path = tmp_path / "x.jsonl"
    append_lines(path, {"a": 1}, {"a": 2})
    path.write_bytes(path.read_bytes()[:-3])
    append_lines(path, {"a": 3})
    assert path.read_text(encoding="utf-8").splitlines() == ['{"a": 1}', '{"a": ', '{"a": 3}']


def test_a_folder_in_the_place_of_a_file_is_a_sentence(own_run):
    (own_run / "metrics.jsonl").unlink()
    (own_run / "metrics.jsonl").mkdir()
    with pytest.raises(UserError, match="metrics.jsonl is a folder; it should be a text file"):
        Record(own_run).lines()
