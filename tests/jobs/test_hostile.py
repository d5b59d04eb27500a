"""Run folders with hostile names and values: pages escape them, and a terminal shows them without obeying."""

import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ayneh.record.record import Record

OLD = Path(__file__).parent.parent / "old"
SCRIPT = "<script>window.hit = 1</script>"
NAMES = [
    '<img src=x onerror="window.hit=1">',
    "'\"><\u202egnp.exe",
    "\x1b[31m\x1b]0;owned\x07red",
    "two\nlines",
    "آینهٔ من ≥ é",
    "a & b &lt; {{ 7*7 }} {% raw %} `x`",
]
FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200e\u200f]")


class Tags(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def safe(page: str, scripts: int = 0) -> Tags:
    found = Tags(page)
    assert [tag for tag, _ in found.tags].count("script") == scripts
    assert not [name for _, attributes in found.tags for name in attributes if name.startswith("on")]
    assert not [tag for tag, attributes in found.tags if tag == "img" and not attributes["src"].startswith("data:")]
    assert not FORBIDDEN.search(page)
    return found


def poison(run, word):
    """Put a word into every place of a run's files that takes words."""
    head = json.loads((run / "config.json").read_text())
    head["config"]["net"]["name"] = word
    head["config"]["data"]["name"] = f"folder:/home/me/secret/{word}"
    (run / "config.json").write_text(json.dumps(head))
    event = {"step": 5, "epoch": 1, "replica": 0, "name": "few images", "title": word, "severity": "severe"}
    event |= {"appeared": True, "evidence": word, "since_step": 5, "until_step": None, "threshold": 1.0, "value": 1.0}
    event |= {"source": word, "advice": {"words": word, "changes": {}, "argv": ["ayneh", word]}}
    with (run / "findings.jsonl").open("a") as file:
        file.write(json.dumps(event) + "\n")


def few_figures(run):
    """Leave losses alone: figures take most of the time."""
    lines = [{k: v for k, v in line.items() if k != "vitals"} for line in Record(run).lines()[:4]]
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.mark.parametrize("name", ["".join(NAMES[:3]), "".join(NAMES[3:])], ids=["tags", "letters"])
@pytest.mark.slow
def test_diagnosis_of_a_hostile_run_is_escaped(ayneh, tmp_path, monkeypatch, name):
    run = shutil.copytree(OLD / "run", tmp_path / name)
    poison(run, SCRIPT + name.replace("/", ""))
    few_figures(run)
    status, out, err = ayneh("diagnose", run)
    assert (status, err) == (0, "")
    assert not FORBIDDEN.search(out.replace("\n", ""))
    page = (run / "diagnosis.html").read_text(encoding="utf-8")
    found = safe(page)
    assert SCRIPT in found.text
    assert str(tmp_path) not in page
    assert "/home/me" not in page
    assert "secret" not in page


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_show_of_a_hostile_run_does_not_control_the_terminal(ayneh, tmp_path, name):
    run = shutil.copytree(OLD / "run", tmp_path / name)
    poison(run, name)
    status, out, _ = ayneh("show", run)
    assert status == 0
    assert not FORBIDDEN.search(out.replace("\n", ""))
    if "\x1b" in name:
        assert out.count(r"\x1b[31m\x1b]0;owned\x07red") >= 2
    if "آ" in name:
        assert name in out


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_refusal_does_not_control_the_terminal(ayneh, tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / "config.json").write_text(json.dumps({"format": 1, "config": {name: 1}}))
    for verb in ("show", "diagnose", "resume", "explore"):
        status, out, err = ayneh(verb, tmp_path / name)
        assert (status, out) == (2, "")
        assert not FORBIDDEN.search(err.replace("\n", ""))
        assert len(err.splitlines()) == 1


def test_a_report_of_a_hostile_study_is_escaped(ayneh, tmp_path):
    """Its names, its pictures that are links, its folders."""
    study = shutil.copytree(OLD / "study", tmp_path / "<b>study</b>")
    values = json.loads((study / "study.json").read_text())
    values["study"]["question"] = SCRIPT + "\u202e\x1b[31m آینه {{ 7*7 }}"
    (study / "study.json").write_text(json.dumps(values))
    (tmp_path / "private.png").write_bytes(b"private")
    for path in study.rglob("samples/*.png"):
        path.unlink()
        path.symlink_to(tmp_path / "private.png")
    status, out, err = ayneh("study", "report", study)
    assert (status, err) == (0, "")
    assert not FORBIDDEN.search(out.replace("\n", ""))
    page = (study / "report.html").read_text(encoding="utf-8")
    found = safe(page)
    assert SCRIPT in found.text
    assert str(tmp_path) not in page
    assert "{{ 7*7 }}" in page


def test_a_linked_run_of_a_study_is_not_read(ayneh, tmp_path):
    study = shutil.copytree(OLD / "study", tmp_path / "study")
    run = next(path.parent for path in sorted(study.rglob("config.json")))
    shutil.move(run, tmp_path / "private")
    run.symlink_to(tmp_path / "private")
    status, out, err = ayneh("study", "report", study)
    said = " ".join((out + err).split())
    assert status == 0
    assert f"{run} is a link to a place outside of {study}" in said
    assert "Not complete: 3 of 4 runs are finished" in said  # the others are reported


@pytest.mark.slow
def test_a_damaged_picture_is_left_out_of_the_page(ayneh, tmp_path):
    run = shutil.copytree(OLD / "run", tmp_path / "run")
    few_figures(run)
    pictures = sorted((run / "samples").glob("epoch-*.png"))
    pictures[0].write_bytes(pictures[0].read_bytes()[:60])
    pictures[-1].write_bytes(b"no picture")
    status, _, err = ayneh("diagnose", run)
    assert (status, err) == (0, "")
    safe((run / "diagnosis.html").read_text(encoding="utf-8"))


C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": ""}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("env", "encoding"), [(C_LOCALE, "ascii"), ({"PYTHONIOENCODING": "cp1252"}, "cp1252")], ids=["C", "cp1252"]
)
def test_verbs_work_in_a_locale_without_letters(tmp_path, env, encoding):
    """Files are UTF-8; what is printed is readable in ASCII."""
    run = shutil.copytree(OLD / "run", tmp_path / "آینه é")
    study = shutil.copytree(OLD / "study", tmp_path / "پژوهش")
    for words, page in (
        (["show", run], None), (["diagnose", run], run / "diagnosis.html"), (["presets"], None),
        (["study", "status", study], None), (["study", "report", study], study / "report.html"),
    ):  # fmt: skip
        command = [sys.executable, "-m", "ayneh", *words]
        done = subprocess.run(command, capture_output=True, env=os.environ | env, timeout=120)
        assert (done.returncode, done.stderr) == (0, b""), (words, done.stderr)
        assert done.stdout.decode(encoding)
        if page:
            text = page.read_text(encoding="utf-8")
            assert "é" in text
    assert "Diagnosis of آینه é" in (run / "diagnosis.html").read_text(encoding="utf-8")
