"""Damaged and edited files: one sentence that names the file, the field, the value and what it must be."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field

import pytest

from ayneh.config import Config, changed, differences, flatten, from_dict, to_dict
from ayneh.doctor import rescue
from ayneh.errors import UserError
from ayneh.files.reading import json_in, toml_in, typed
from ayneh.record.record import Record

DEEP = 100_000


@dataclass(frozen=True)
class Inner:
    ends: tuple[float, float] | None = None
    counts: dict[str, int] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Outer:
    inner: Inner
    n: int = 3


def edited(run, *path, value):
    """The run's config.json with one value changed; None deletes it."""
    head = json.loads((run / "config.json").read_text(encoding="utf-8"))
    inner = head
    for name in path[:-1]:
        inner = inner[name]
    if value is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    (run / "config.json").write_text(json.dumps(head), encoding="utf-8")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is not readable JSON (Expecting value"),
        (b'{"a": 1', "is not readable JSON"),
        (b"[1, 2]", "holds [1, 2]; it should hold an object with fields."),
        (b"null", "holds null; it should hold an object"),
        (b"\xff\xfe{}", "is not UTF-8 text (byte 0xff at 0)."),
        (b'{"a": "\x80"}', "is not UTF-8 text (byte 0x80 at 7)."),
        (b'{"a": ' + b"[" * DEEP + b"]" * DEEP + b"}", "too deep within one another"),
        (b'{"a": ' + b"[" * 100 + b"]" * 100 + b"}", "nested too deep: at most 60"),
        (b'{"a": {"b": NaN}}', ": a.b is nan; it must be a finite number."),
        (b'{"a": [1, -Infinity]}', ": a[1] is -inf; it must be a finite number."),
        (b'{"a": 1e999}', ": a is inf; it must be a finite number."),
        (b'{"a": 99999999999999999999}', ": a is 99999999999999999999; it must be a number that fits in 64 bits."),
        (b'{"a": ' + b"9" * 5000 + b"}", "is not readable JSON (a number is huge)."),
        (b'{"a": {"b": 1, "b": 2}}', 'the field "b" occurs twice in one object: remove one of them.'),
    ],
)
def test_what_is_no_json_object_is_one_sentence(tmp_path, content, words):
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        json_in(path)
    assert str(error.value).startswith(str(path))
    assert words in str(error.value)


@pytest.mark.parametrize("content", [r'{"a": {"b": "\ud800"}}', r'{"a": {"\udfff": 1}}'])
def test_half_of_a_letter_is_refused(tmp_path, content):
    path = tmp_path / "values.json"
    path.write_text(content)
    with pytest.raises(UserError, match=r"values.json: a.* is \"\\u.* it must be text \(this has half of a letter\)"):
        json_in(path)


def test_a_folder_a_pipe_and_a_huge_file_are_not_read(tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match="is a folder; it should be a text file"):
        json_in(tmp_path / "folder")
    os.mkfifo(tmp_path / "pipe")  # reading it would wait for ever
    with pytest.raises(UserError, match="is not a plain file"):
        json_in(tmp_path / "pipe")
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(10**9)
    with pytest.raises(UserError, match="has 954 MB; it should have at most 64"):
        json_in(tmp_path / "huge")
    assert json_in(tmp_path / "none") is None


def test_a_byte_order_mark_is_left_out_and_old_nans_are_null(tmp_path):
    (tmp_path / "x.json").write_bytes(b'\xef\xbb\xbf{"a": NaN, "b": "\xd8\xa2"}')
    assert json_in(tmp_path / "x.json", constants=True) == {"a": None, "b": "آ"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"outcomes = ", "is not readable TOML (Invalid value"),
        (b"a = 1\na = 2", "is not readable TOML (Cannot overwrite a value"),
        ("[arms.ب]".encode(), "a name with other letters than a to z stands in quotes"),
        ("[arms.größer]".encode(), "a name with other letters than a to z stands in quotes"),
        (b"a = " + b"[" * DEEP, "too deep within one another"),
        (b"a = nan", ": a is nan; it must be a finite number."),
        (b"a = \xe9", "is not UTF-8 text"),
        (b"a = " + b"9" * 30, "it must be a number that fits in 64 bits."),
    ],
)
def test_what_is_no_toml_is_one_sentence(tmp_path, content, words):
    (tmp_path / "x.toml").write_bytes(content)
    with pytest.raises(UserError, match=re.escape(words)):
        toml_in(tmp_path / "x.toml")
    with pytest.raises(UserError, match="There is no file"):
        toml_in(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([], "f holds []; it must be an object with fields."),
        ({}, "f: inner is missing."),
        ({"inner": 3}, "f: inner is 3; it must be an object with fields."),
        ({"inner": {"ends": [1, "x"]}}, 'f: inner.ends[1] is "x"; it must be a number.'),
        ({"inner": {"ends": [1, 2, 3]}}, "f: inner.ends is [1, 2, 3]; it must be a list of 2."),
        ({"inner": {"ends": "x"}}, 'f: inner.ends is "x"; it must be a list or null.'),
        ({"inner": {"counts": {"a": 1, "b": 2.5}}}, "f: inner.counts.b is 2.5; it must be a whole number."),
        ({"inner": {"names": ["a", None]}}, "f: inner.names[1] is null; it must be text."),
        ({"inner": {}, "n": True}, "f: n is true; it must be a whole number."),
        ({"inner": {}, "n": "x" * 99}, "..."),
        ({"inner": {}, "m": 1}, "There is no field called 'm'. Choose one of: inner, n."),
        ({"inner": {"name": []}}, "no field called 'inner.name'. Did you mean 'inner.names'"),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_what_it_must_be(values, words):
    with pytest.raises(UserError) as error:
        typed(values, Outer, "f", closed=True)
    assert words in str(error.value)
    assert len(str(error.value)) < 150


def test_lists_become_tuples_and_fields_of_later_versions_are_left_out():
    found = typed({"inner": {"ends": [0, 1]}, "later": 1}, Outer, "f")
    assert found == Outer(Inner((0.0, 1.0)))


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("config", "epochs"), "12", 'config.json: config.epochs is "12"; it must be a whole number.'),
        (("config", "epochs"), 0, "config.json: --epochs is 0; it must lie between 1 and 1,000,000."),
        (("config", "data"), [], "config.data is []; it must be an object with fields."),
        (("config", "prior", "std"), "1", 'config.prior.std is "1"; it must be a number or null.'),
        (("config", "net", "spectral"), 1, "config.net.spectral is 1; it must be true or false."),
        (("config",), 7, "config is 7; it must be an object with fields."),
        (("format",), 99, "is not the config of a run in format 1 (it has format 99)"),
        (("format",), None, "is not the config of a run in format 1 (it has no format)"),
    ],
)
def test_show_names_what_is_wrong_with_a_config(ayneh, own_run, path, value, words):
    edited(own_run, *path, value=value)
    status, _, err = ayneh("show", own_run)
    assert (status, words in err, len(err.splitlines())) == (2, True, 1), err


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "engine is missing; it must be an object such as"),
        ([], "engine is []; it must be an object with fields."),
        ({}, "engine.device is missing."),
        ({"device": 3}, "engine.device is 3; it must be text."),
        ({"device": "cpu", "threads": "1"}, 'engine.threads is "1"; it must be a whole number or null.'),
        ({"device": "cpu", "threads": -3}, "engine.threads is -3; it must lie between 1 and 1024."),
        ({"device": "cpu", "workers": -1}, "engine.workers is -1; it must lie between 0 and 1024."),
        ({"device": "cpu", "threads": 2**32}, "engine.threads is 4294967296; it must lie between 1 and 1024."),
    ],
)
def test_resume_names_what_is_wrong_with_the_engine(ayneh, own_run, value, words):
    edited(own_run, "engine", value=value)
    before = (own_run / "metrics.jsonl").read_bytes()
    status, _, err = ayneh("resume", own_run)
    assert (status, words in err, len(err.splitlines())) == (2, True, 1), err
    assert (own_run / "metrics.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("outcome.json", "[]", "outcome.json holds []"),
        ("outcome.json", '{"wall_s": "x"}', 'outcome.json: wall_s is "x"; it must be a number.'),
        ("outcome.json", '{"swaps": {"u": 3}}', "outcome.json: swaps.u is 3; it must be an object with fields."),
        ("rescues.json", '{"rescues": 3}', "rescues.json: rescues is 3; it must be a list."),
        ("rescues.json", '{"rescues": [{"finding": "x"}]}', "rescues.json: rescues[0].words is missing."),
        ("evaluation.json", '{"scores": {"fd": {"protocol": "x", "value": 1', "is not readable JSON"),
        ("evaluation.json", '{"scores": {"fd_1_d": {"interval": 3}}}', "does not hold what ayneh writes there"),
    ],
)
def test_a_damaged_report_is_named(own_run, name, content, words):
    run = Record.open(own_run)
    (own_run / name).write_text(content, encoding="utf-8")
    read = {"outcome.json": run.standing, "rescues.json": lambda: rescue.of(run), "evaluation.json": run.evaluations}
    with pytest.raises(UserError) as error:
        read[name]()
    assert str(own_run / name) in str(error.value)
    assert words in str(error.value)


@pytest.mark.slow
def test_a_damaged_probe_is_a_sentence_on_the_page(ayneh, own_run):
    for content in ('{"epochs": 3}', '{"epochs": [{"arms": []}]}', "{"):
        (own_run / "probe.json").write_text(content, encoding="utf-8")
        status, _, err = ayneh("diagnose", own_run)
        assert status == 0, err
        assert "run `ayneh diagnose --probe` again" in (own_run / "diagnosis.html").read_text(encoding="utf-8")


def test_a_config_survives_json_and_its_changes_are_checked():
    config = changed(Config(), {"optimizer.lr": 1, "prior.std": None, "epochs": 7}, "here")
    assert config.optimizer.lr == 1.0
    assert from_dict(json.loads(json.dumps(to_dict(config))), "here") == config
    assert differences(Config(), config) == "epochs: 100 -> 7, optimizer.lr: 0.0002 -> 1.0"
    assert flatten(config)["optimizer.lr"] == 1.0
    with pytest.raises(UserError, match='here: epochs is "7"; it must be a whole number'):
        changed(config, {"epochs": "7"}, "here")
    with pytest.raises(UserError, match="--prior.std is inf; it must be a finite number"):
        changed(config, {"prior.std": float("inf")}, "here")


NEW_KINDS = """
import sys, threading
from dataclasses import dataclass
from ayneh.files.reading import typed

def read(kind, gate):
    gate.wait()
    assert typed({"x": {"y": [1]}}, kind, "f").x.y == (1,)

sys.setswitchinterval(1e-6)
for number in range(150):
    inner, outer = f"Inner{number}", f"Outer{number}"
    exec(f"@dataclass\\nclass {inner}:\\n y: 'tuple[int, ...]'\\n@dataclass\\nclass {outer}:\\n x: '{inner}'")
    gate = threading.Barrier(4)
    threads = [threading.Thread(target=read, args=(globals()[outer], gate)) for _ in range(4)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
"""


def test_threads_that_meet_a_new_dataclass_at_once_do_not_crash_the_process():
    played = subprocess.run([sys.executable, "-c", NEW_KINDS], capture_output=True, text=True, check=False)
    assert (played.returncode, played.stderr) == (0, "")  # an exception in a thread is printed to stderr
