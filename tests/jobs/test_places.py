"""Where a verb writes at its end is tried before its work: a place that cannot be written costs no minutes."""

import errno
import os
import pkgutil

import pytest

import ayneh as package
from ayneh.course import play as course
from ayneh.errors import UserError
from ayneh.files import whole
from ayneh.files.whole import refuse_unwritable
from ayneh.studies import play as studies

REPORTS = {  # verb that writes into the run folder -> its file, arguments
    "evaluate": ("evaluation.json",),
    "mirror": ("mirror.json",),
    "diagnose": ("diagnosis.html", "--probe"),
}
FAULTS = ("file/x.npz", "locked/x.png", "locked/new/x", "pictures")
PLACES = [(verb, out) for verb in ("sample", "export", "explore", "train") for out in FAULTS]
PLACES += [("sample", "folder.npz"), ("sample", "x.jpg")]


@pytest.fixture
def no_work(monkeypatch):
    """Work that takes long raises: images read, or drawn."""

    def worked(*_args, **_kwargs):
        raise AssertionError("this was to be refused before")

    places = (
        *("ayneh.evaluation.read_images", "ayneh.probe.examination.read_images", "ayneh.inverse.reading.read_images"),
        *("ayneh.engine.sampler.Sampler.draw", "ayneh.engine.sampler.Sampler.images", "ayneh.scoring._judge"),
        *("ayneh.export.write.players_of", "ayneh.explorer.single.page_of", "ayneh.training.begin.lay_out"),
        "ayneh.explorer.single.answers",
    )
    for place in (
        *places,
        "ayneh.explorer.models.Model",
    ):  # imported first: later they would import, and keep, `worked`
        pkgutil.resolve_name(place)
    for place in places:
        monkeypatch.setattr(place, worked)


class Folders(list):
    """Folders into which nothing can be written, and the number of the error."""

    number = errno.EACCES


@pytest.fixture
def read_only(monkeypatch):
    """Nothing can be written into the folder that is set in this list: also as the superuser, who may do all."""
    folders = Folders()
    opened = whole._temporary

    def refuse(path):
        if path.parent in folders:
            raise OSError(folders.number, os.strerror(folders.number), str(path))
        return opened(path)

    monkeypatch.setattr(whole, "_temporary", refuse)
    return folders


@pytest.mark.parametrize("verb", REPORTS)
def test_a_full_disk_is_said_before_the_work(ayneh, own_run, no_work, read_only, verb):
    read_only.append(own_run)
    read_only.number = errno.ENOSPC
    status, _, err = ayneh(verb, own_run, *REPORTS[verb][1:])
    assert (status, "There is no disk space left" in err) == (1, True), err


@pytest.mark.parametrize(("verb", "shown"), [("evaluate", "fd"), ("mirror", "r2"), ("diagnose", "finding")])
def test_of_a_run_folder_that_cannot_be_written_the_report_is_shown_and_not_kept(
    ayneh, own_run, read_only, verb, shown
):
    read_only.append(own_run)
    before = sorted(own_run.rglob("*"))
    flags = {"evaluate": ["--n", 100], "mirror": ["--images", 100, "--invert", 0], "diagnose": []}[verb]
    status, out, err = ayneh(verb, own_run, *flags)
    assert (status, shown in out) == (0, True), err
    assert f"{own_run / REPORTS[verb][0]} is not written, since the folder cannot be written into" in err
    assert not {"page:", "pictures:"} & set(out.split())
    assert sorted(own_run.rglob("*")) == before


def test_in_python_a_page_that_is_not_kept_can_be_shown_and_saved(own_run, read_only, tmp_path, monkeypatch):
    read_only.append(own_run)
    found, opened = package.open(own_run).diagnose(), []
    assert found.path is None
    assert "Page" not in repr(found)
    monkeypatch.setattr("webbrowser.open", lambda address: not opened.append(address))
    found.show()
    assert opened[0].endswith("/page.html")
    assert found.save(tmp_path / "d.html").read_text() == found.html


@pytest.mark.parametrize(("verb", "out"), PLACES)
def test_a_place_that_is_named_is_tried_before_the_work(ayneh, tiny_run, tmp_path, no_work, read_only, verb, out):
    for name in ("folder.npz", "locked", "pictures"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "pictures" / "3.png").touch()
    read_only.append(tmp_path / "locked")
    before = sorted(tmp_path.rglob("*"))
    run = () if verb == "train" else (tiny_run,)
    place = tmp_path / (f"{out}.html" if verb == "explore" else out)
    if verb == "explore" and out == "pictures":
        place.mkdir()
        before.append(place)
    status, _, err = ayneh(verb, *run, "--save" if verb == "explore" else "--out", place)
    assert (status, err.count("\n")) == (2, 1), err
    assert str(tmp_path) in err
    assert sorted(tmp_path.rglob("*")) == sorted(before)


@pytest.mark.parametrize("name", ["results.csv", "report.html"])
def test_the_report_of_a_study_is_tried_before_its_runs(tmp_path, monkeypatch, name):
    monkeypatch.setattr(studies, "forecast", lambda *_: pytest.fail("runs were timed"))
    (tmp_path / "study" / name).mkdir(parents=True)
    (tmp_path / "study" / "study.json").touch()
    study = package.Study("two", package.preset("digits"), arms={"a": {}, "b": {"optimizer.lr": 1e-4}}, seeds=2)
    with pytest.raises(UserError, match=f"{name} is a folder where a file should be"):
        study.run(tmp_path / "study", quiet=True)


def test_the_pages_of_the_course_report_are_tried_before_its_study(tmp_path, monkeypatch):
    monkeypatch.setattr(course, "play_in", lambda *_args, **_kwargs: pytest.fail("the study was played"))
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "study.json").touch()
    (tmp_path / "report.fa.md").mkdir()
    with pytest.raises(UserError, match="report.fa.md is a folder where a file should be"):
        package.report(5, lang="both", out=tmp_path)


def test_nothing_is_left_of_the_trial_and_nothing_is_taken_away(tmp_path):
    (tmp_path / "x.json").write_text("old")
    refuse_unwritable(tmp_path / "x.json", tmp_path / "new" / "y.json", tmp_path / "new" / "z.png")
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]
    assert (tmp_path / "x.json").read_text() == "old"
