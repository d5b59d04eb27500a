"""Runs side by side, from Python: the tables and sentences of `ayneh evaluate A B`."""

import json
import shutil

import numpy as np
import pytest

import ayneh
from ayneh.errors import UserError


@pytest.fixture(scope="module")
def pair(tiny_run, tmp_path_factory):
    """Two run folders with other images each."""
    one, other = (shutil.copytree(tiny_run, tmp_path_factory.mktemp("pair") / name) for name in "ab")
    ayneh.open(other).resume(epochs=4, quiet=True)
    return one, other


def test_a_comparison_is_that_of_the_command_line(pair, request):
    verb = request.getfixturevalue("ayneh")
    found = ayneh.compare([ayneh.open(pair[0]), pair[1]], n=200)
    assert list(found) == [str(folder) for folder in pair]
    status, out, _ = verb("evaluate", *pair, "--n", 200)
    assert status == 0
    assert out.splitlines()[-len(found.words) :] == found.words
    assert any(words.startswith("By fd_200_digits_test, best first: ") for words in found.words)
    for folder in pair:
        kept = json.loads((folder / "evaluation.json").read_text())
        assert found[folder]["fd"].value == found[str(folder)]["fd"].value == kept["scores"]["fd"]["value"]
    shown = found._repr_html_()
    assert shown.count("<table>") == 1
    assert f"<th>{pair[1]}</th>" in shown
    assert "fd_200_digits_test" in shown
    with pytest.raises(UserError, match="runs/none"):
        found["runs/none"]
    assert found.get("runs/none") is None


@pytest.mark.slow
def test_what_was_judged_in_different_ways_is_not_compared(pair, tiny, tmp_path):
    from ayneh.__main__ import main

    flags = [*tiny, "--data.resize", "16", "--epochs", "1", "--quiet"]
    main(["train", "digits", *flags, "--out", str(tmp_path / "larger")])
    found = ayneh.compare([*pair, tmp_path / "larger"], n=200)
    assert found._repr_html_().count("<table>") == 2
    (refused,) = (words for words in found.words if words.startswith("Not compared"))
    assert "16x16" in refused
    assert not any("best first" in words and "larger" in words for words in found.words)


@pytest.mark.parametrize("given", [0, 1])
def test_a_comparison_needs_two_runs(pair, given):
    with pytest.raises(UserError, match="needs two runs or more"):
        ayneh.compare([pair[0]] * given)


def test_a_run_is_not_compared_with_itself_under_another_path(pair, request, tmp_path, monkeypatch):
    verb = request.getfixturevalue("ayneh")
    monkeypatch.chdir(pair[0].parent)
    (tmp_path / "link").symlink_to(pair[0])
    for other in (pair[0], "a", tmp_path / "link", pair[0] / ".." / "a"):
        words = "is given twice" if other == pair[0] else f"{pair[0]} and {other} are the same run"
        with pytest.raises(UserError) as error:
            ayneh.compare([pair[0], pair[1], other], n=200)
        assert words in str(error.value)
        status, out, err = verb("evaluate", pair[0], pair[1], other, "--n", 200)
        assert (status, out, words in err) == (2, "", True)


def test_scores_are_found_by_the_run_by_any_path_to_it_and_by_its_place(pair, tmp_path, monkeypatch):
    found = ayneh.compare(pair, n=200)
    monkeypatch.chdir(pair[1].parent)
    (tmp_path / "link").symlink_to(pair[1])
    for name in (ayneh.open(pair[1]), ayneh.open("b"), "b", "./b", tmp_path / "link", 1, np.int64(1)):
        assert found[name] is found[str(pair[1])]
        assert name in found
    stranger = ayneh.open(shutil.copytree(pair[0], tmp_path / "c"))
    for name in (2, -1, True):
        assert name not in found
        with pytest.raises(UserError, match="names no run of this comparison: they are counted from 0 to 1"):
            found[name]
    for name in (None, [1], "c\0", stranger):
        assert name not in found
        with pytest.raises(UserError, match="no run of this comparison called"):
            found[name]


def test_a_study_is_no_run(tmp_path):
    (tmp_path / "study.json").write_text("{}")
    with pytest.raises(UserError, match=r"it is a study \(ayneh.open_study\)"):
        ayneh.open(tmp_path)
