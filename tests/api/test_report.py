"""`ayneh.report` refuses what it cannot play before it writes anything; tests/report plays one."""

import sys

import pytest

import ayneh
from ayneh.errors import Interrupted


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"minutes": 7}, "--data digits --minutes 7; there is one for --data digits --full, --data digits --minutes 5"),
        ({"data": "hoda"}, "--data hoda --minutes 5"),
        ({"lang": "de"}, "'de'; the report is written in en and fa"),
        ({"workers": "2"}, "workers is '2'; it must be a whole number or None"),
    ],
)
def test_what_cannot_be_played_is_refused_before_anything_is_written(tmp_path, asked, words):
    with pytest.raises(ayneh.UserError, match=words):
        ayneh.report(**asked, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_missing_package_is_named_before_anything_is_played(tmp_path, monkeypatch):
    for package in ("jinja2", "matplotlib"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, package, None)
            with pytest.raises(ayneh.UserError, match=r"pip install 'ayneh\[study\]'"):
                ayneh.report(out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_with_files_of_ones_own_is_refused(tmp_path):
    (tmp_path / "report.md").write_text("My own report.")
    with pytest.raises(ayneh.UserError, match="is not empty and not a report of ayneh: choose another --out"):
        ayneh.report(out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["report.md"]


def test_an_interrupted_report_names_the_call_that_goes_on(tmp_path, monkeypatch):
    def stopped(*_, **__):
        raise Interrupted("Stopped with 3 of 30 runs to go", "the same command goes on.")

    monkeypatch.setattr("ayneh.course.play.play_in", stopped)
    with pytest.raises(ayneh.Stopped, match=r"^Stopped with 3 of 30 runs to go: the same call goes on\.$"):
        ayneh.report(out=tmp_path / "out")
