"""Files are written whole or not at all, by several writers at once, and are UTF-8 whatever the locale."""

import ast
import errno
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from ayneh.files import whole as files
from ayneh.files.whole import atomically, sweep, write_json
from ayneh.record.record import Record


def parts(folder):
    return [path for path in folder.rglob(".*") if path.name.endswith(".part")]


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    path = tmp_path / "x"
    with atomically(path) as first:
        first.write(b"first")
        with atomically(path) as second:
            second.write(b"second")
        assert path.read_bytes() == b"second"
        assert len(parts(tmp_path)) == 1  # the first writer's was not swept
    assert path.read_bytes() == b"first"
    assert not parts(tmp_path)


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path):
    (tmp_path / "x").write_bytes(b"old")
    with pytest.raises(TypeError), atomically(tmp_path / "x") as file:
        file.write("no bytes")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_an_error_of_writing_names_the_file(tmp_path):
    """The system names none: "no disk space left for a file"."""
    with pytest.raises(OSError, match="no room") as failed, atomically(tmp_path / "config.json"):
        raise OSError(errno.ENOSPC, "no room")
    assert failed.value.filename == str(tmp_path / "config.json")


def test_an_error_of_the_temporary_file_names_the_file_that_was_asked_for(tmp_path, monkeypatch):
    name = "n" * 250  # is short enough, and that of the temporary file is not
    with pytest.raises(OSError, match="too long") as raised, atomically(tmp_path / name):
        pass
    assert raised.value.filename == str(tmp_path / name)
    refuse = PermissionError(errno.EACCES, "denied", str(tmp_path / ".x.12345678.part"))
    monkeypatch.setattr(secrets, "token_hex", lambda _: "12345678")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(refuse))
    with pytest.raises(PermissionError) as raised, atomically(tmp_path / "x"):
        pass
    assert raised.value.filename == str(tmp_path / "x")


def test_a_killed_writer_s_file_is_swept_by_the_next_and_no_other_file_is(tmp_path):
    code = textwrap.dedent(f"""
        import os, pathlib, signal
        from ayneh.files.whole import atomically
        with atomically(pathlib.Path({str(tmp_path / "x")!r})) as file:
            file.write(b"half")
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
    """)
    assert subprocess.run([sys.executable, "-c", code]).returncode == -signal.SIGKILL
    assert len(parts(tmp_path)) == 1
    kept = {".x.part.bak", ".y.0123abcd.part", ".my.part", "x.part"}
    for name in kept:
        (tmp_path / name).write_bytes(b"a person's, or of another file")
    (tmp_path / ".x.part").touch()  # as earlier versions left it
    write_json(tmp_path / "x", {})
    assert {path.name for path in tmp_path.iterdir()} == kept | {"x"}
    sweep(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == kept - {".y.0123abcd.part"} | {"x"}
    sweep(tmp_path / "none")


def test_a_link_or_a_pipe_of_a_temporary_name_is_not_followed(tmp_path, monkeypatch):
    names = iter(["0" * 8, "1" * 8, "2" * 8])
    monkeypatch.setattr(secrets, "token_hex", lambda n: next(names))
    (tmp_path / "victim").write_bytes(b"mine")
    (tmp_path / ".x.00000000.part").symlink_to(tmp_path / "victim")
    os.mkfifo(tmp_path / ".x.11111111.part")
    with atomically(tmp_path / "x") as file:
        file.write(b"new")
    assert [(tmp_path / name).read_bytes() for name in ("victim", "x")] == [b"mine", b"new"]
    assert len(parts(tmp_path)) == 2


def test_files_have_the_permissions_that_the_user_chose(tmp_path):
    before = os.umask(0o027)
    try:
        write_json(tmp_path / "x", {})
    finally:
        os.umask(before)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o640


@pytest.mark.slow
def test_verbs_read_and_write_utf_8_in_an_ascii_locale(process, own_run, tmp_path):
    run = own_run.rename(tmp_path / "آینه")
    event = {"name": "few images", "appeared": True, "step": 4, "epoch": 0, "replica": 1, "title": "آینه"}
    (run / "findings.jsonl").write_text(json.dumps(event, ensure_ascii=False) + "\n", encoding="utf-8")
    head = json.loads((run / "config.json").read_text(encoding="utf-8"))
    head["note"] = "آینه"
    (run / "config.json").write_text(json.dumps(head, ensure_ascii=False), encoding="utf-8")
    ascii_ = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    children = [process("resume", run, "--epochs", 4, **ascii_)]
    children[0].wait(120)
    children.append(process("diagnose", run, **ascii_))
    for child in children:
        _, err = child.communicate(timeout=120)
        assert child.returncode == 0, err
    assert Record(run).events()[0] == event
    assert len(Record(run).lines()) == 4
    assert not (run / "diagnosis.html").read_text(encoding="utf-8").isascii()


def test_no_text_is_read_or_written_in_the_encoding_of_the_locale():
    for path in Path(files.__file__).parents[1].rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or "encoding" in {keyword.arg for keyword in node.keywords}:
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            modes = [arg.value for arg in node.args[:2] if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
            text = any(re.fullmatch(r"[rwax]\+?t?", mode) for mode in modes)
            assert name not in ("read_text", "write_text"), f"{path}:{node.lineno}"
            assert not (name == "open" and text), f"{path}:{node.lineno}"
            assert not (isinstance(node.func, ast.Name) and name == "open" and len(node.args) == 1), (
                f"{path}:{node.lineno}"
            )
