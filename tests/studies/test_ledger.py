"""A study's folder after kills, by two at once, with lost and damaged files; the next same command works."""

import html
import json
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from markupsafe import escape

from ayneh.errors import UserError
from ayneh.record.record import Record
from ayneh.studies.design import Study
from ayneh.studies.forecast import Forecast, Part
from ayneh.studies.ledger import Ledger
from ayneh.studies.names import file_name, folders_of
from ayneh.studies.plan import from_dict
from ayneh.studies.play import shares_of
from ayneh.studies.report import write_report
from ayneh.studies.results import results, rows
from ayneh.studies.schedule import Measured
from ayneh.studies.stack import play


def played(folder: Path, study: Study) -> None:
    """What `study run` does in one process, without its measurements."""
    with Ledger.playing(folder, study) as ledger:
        if left := ledger.unfinished():
            assert play(left, folder, ledger.study)


def outcome_of(folder: Path, study: Study) -> tuple:
    """Results and metrics but for the clock."""
    ledger = Ledger(folder, study)
    table = [{name: value for name, value in row.items() if name != "wall_s"} for row in rows(results(ledger))]
    clock = ("wall_s", "images_per_s")
    lines = [[{k: v for k, v in line.items() if k not in clock} for line in Record(ledger.path(run)).lines()]
             for run in ledger.runs]  # fmt: skip
    return table, lines, ledger.notes


@pytest.fixture(scope="module")
def two(tiny: Study) -> Study:
    """Two arms of one seed, two epochs, with a swap."""
    return replace(tiny, seeds=1, set={**tiny.set, "epochs": 2}, swaps={"u/1": {"prior.name": "uniform"}})


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.slow
@pytest.mark.parametrize("points", ["three", "of each kind"])
def test_a_study_killed_at_any_operation_comes_to_the_same_results(
    killed_at, kinds_of_operation, tmp_path, two, monkeypatch, points
):
    monkeypatch.setattr("ayneh.studies.stack.CHECKPOINT_S", 0.0)
    played(tmp_path / "whole", two)
    expected = outcome_of(tmp_path / "whole", two)
    assert len(expected[0]) == 2
    every = kinds_of_operation(lambda: played(tmp_path / "told" / "s", two), tmp_path / "told" / "s")
    assert len(every) > 40
    for k in every if points == "of each kind" else (every[0], every[len(every) // 2], every[-1]):
        folder = tmp_path / f"{k}" / "s"
        assert killed_at(k, lambda f=folder: played(f, two), folder), k
        if (folder / "study.json").exists():  # `study status` right after the kill
            ledger = Ledger.open(folder)
            assert len(ledger.standings()) == 2
            assert not ledger.being_played()
        played(folder, two)
        assert outcome_of(folder, two) == expected, k
        assert not [path for path in folder.rglob("*") if path.name.endswith(".part")], k
        shutil.rmtree(folder.parent)


def test_what_a_kill_left_before_the_study_was_written_is_no_foreign_file(tmp_path, two):
    for name in ("study.lock", ".study.json.part", ".study.json.01234567.part"):
        folder = tmp_path / name.strip(".")
        folder.mkdir()
        (folder / name).write_bytes(b"")
        assert Ledger.create(folder, two).study == two


def test_of_two_at_once_the_second_is_refused_before_it_writes_anything(tmp_path, two):
    other = replace(two, seeds=3)
    inside, done = threading.Event(), threading.Event()

    def first() -> None:
        with Ledger.playing(tmp_path / "s", two):
            inside.set()
            done.wait(60)

    thread = threading.Thread(target=first)
    thread.start()
    try:
        inside.wait(60)
        before = (tmp_path / "s" / "study.json").read_bytes()
        with (
            pytest.raises(UserError, match="Another process is playing .* watch it with"),
            Ledger.playing(tmp_path / "s", other),
        ):
            pass
        assert (tmp_path / "s" / "study.json").read_bytes() == before
        assert Ledger.open(tmp_path / "s").being_played()
    finally:
        done.set()
        thread.join()
    assert not Ledger.open(tmp_path / "s").being_played()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years")
    with pytest.raises(UserError, match="not empty and not a study"), Ledger.playing(tmp_path / "mine", two):
        pass
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.tex"]


@pytest.fixture(scope="module")
def played_two(tmp_path_factory, two) -> Path:
    """The folder of a study of two runs that was played, for tests that copy it."""
    folder = tmp_path_factory.mktemp("two") / "s"
    played(folder, two)
    return folder


@pytest.fixture
def finished(played_two, tmp_path) -> Ledger:
    """A copy of it, free to be changed."""
    return Ledger.open(shutil.copytree(played_two, tmp_path / "s"))


@pytest.mark.parametrize(
    ("file", "damage", "words"),
    [
        ("outcome.json", lambda path: path.write_text('{"wall_s": 3'), "The run counts as not ended"),
        ("outcome.json", lambda path: path.write_text('{"wall_s": "x"}'), "The run counts as not ended"),
        ("outcome.json", lambda path: path.write_text(path.read_text().replace('"classes": 10', '"classes": [10]')),
         "The run counts as not ended"),
        ("outcome.json", lambda path: path.write_bytes(b"\xff\x00"), "The run counts as not ended"),
        ("outcome.json", lambda path: path.write_text(path.read_text().replace('"diverged"', '"diverge"')),
         "diverged is missing). It is not counted"),
        ("config.json", lambda path: path.unlink(), "it has no config.json). It is not counted; to train it again"),
        ("metrics.jsonl", lambda path: path.unlink(), "no scores of its last epoch. It is not counted"),
        ("metrics.jsonl", lambda path: path.write_text(""), "no scores of its last epoch. It is not counted"),
        ("metrics.jsonl", lambda path: path.write_text(path.read_text().replace('{"fd": [', '{"fd": [3, ')),
         "It is not counted"),
    ],
)  # fmt: skip
def test_a_damaged_run_is_named_and_the_rest_is_reported(finished, two, file, damage, words):
    """A run without metrics counted as the worst of its arm."""
    run = finished.runs[0]
    damage(finished.path(run) / file)
    found = results(finished)
    assert [result.run.arm for result in found] == ["lr 0.0001"]
    assert [words in note for note in finished.notes.values()] == [True]
    assert len(finished.standings()) == 2


def test_a_line_that_lacks_losses_leaves_a_gap_in_the_report(finished):
    path = finished.path(finished.runs[0]) / "metrics.jsonl"
    first, *rest = path.read_text().splitlines()
    path.write_text("\n".join([first.replace("mean_loss_d", "mean_lost_d"), *rest]) + "\n")
    assert len(results(finished)) == 2
    assert all("loss_d" in row for row in rows(results(finished)))
    assert write_report(finished)


def test_a_damaged_outcome_or_config_is_made_again(finished, two):
    expected = outcome_of(finished.folder, two)
    for run, name in zip(finished.runs, ("outcome.json", "config.json"), strict=True):
        (finished.path(run) / name).write_text("{")
        (finished.path(run) / "outcome.json").unlink(missing_ok=True) if name == "config.json" else None
    played(finished.folder, two)
    assert outcome_of(finished.folder, two) == expected


def test_a_lost_run_and_foreign_files_are_no_fault(finished, two):
    expected = outcome_of(finished.folder, two)
    shutil.rmtree(finished.path(finished.runs[1]))
    (finished.folder / "notes.txt").write_text("mine")
    (finished.folder / "runs" / "lr-0.001" / "Icon").write_text("mine")
    (finished.folder / "runs" / "other").mkdir()
    again = Ledger.open(finished.folder)
    assert [standing.state for standing in again.standings().values()] == ["finished", "no step yet"]
    assert len(results(again)) == 1
    played(finished.folder, two)
    assert outcome_of(finished.folder, two) == expected
    assert (finished.folder / "notes.txt").read_text() == "mine"


def test_a_damaged_study_json_is_one_sentence_and_written_anew_from_the_same_study(finished, two):
    path = finished.folder / "study.json"
    path.write_text(path.read_text()[:50])
    with pytest.raises(UserError, match="study.json is not readable JSON"):
        Ledger.open(finished.folder)
    with pytest.raises(UserError, match="has another 'lr 0.001'"):
        Ledger.create(finished.folder, replace(two, set={**two.set, "batch": 16}))
    ledger = Ledger.create(finished.folder, two)
    assert ["is kept as study.json.damaged" in words for words in ledger.notes.values()] == [True]
    assert Ledger.open(finished.folder).study == two
    assert not ledger.unfinished()
    for values in ({"format": 2}, {"format": 1}, {"format": 1, "study": 3}, {"format": 1, "study": {"seeds": "8"}}):
        path.write_text(json.dumps(values))  # of another version, or edited: left alone
        with pytest.raises(UserError, match="study.json"):
            Ledger.create(finished.folder, two)
        assert json.loads(path.read_text()) == values


def test_folders_of_earlier_versions_stay_found(tmp_path):
    arms = {"نرخ": {}, "é lr": {"epochs": 3}, "plain": {"epochs": 4}}
    study = from_dict({"name": "s", "arms": arms, "seeds": 1}, "s")
    for old, run in zip(("seed-000", "lr/seed-000", "plain/seed-000"), study.runs(), strict=True):
        Record.create(tmp_path / "runs" / old, run.config, {"device": "cpu", "threads": 1, "workers": 0})
    (tmp_path / "study.json").write_text(json.dumps({"format": 1, "ayneh": "0.1.0", "study": study.to_dict()}))
    for ledger in (Ledger.open(tmp_path), Ledger.create(tmp_path, study)):
        assert [Record(ledger.path(run)).exists() for run in ledger.runs] == [True] * 3
        assert all(run.place in {r.place for group in ledger.study.groups() for r in group} for run in ledger.runs)
    assert folders_of(arms) == {"نرخ": "نرخ", "é lr": "é-lr", "plain": "plain"}


def test_shares_stay_as_they_were_cut_whatever_the_timing_is(tmp_path, tiny, tiny_values):
    """The size of a stack changes the last bits of some runs: a study that goes on, or is extended, keeps its own."""
    ledger = Ledger.create(tmp_path / "s", tiny)

    def places(stack: int, study: Study = tiny, left: int = 0, device: str = "cpu") -> list[list[str]]:
        cost = Measured(stack, 0.1, 0.1, 10, 100)
        parts = [Part("all", list(study.runs())[left:], cost, 1.0)]
        return [[run.place for run in share] for share in shares_of(ledger, Forecast(parts, 1, device))]

    first = places(2)
    assert [len(share) for share in first] == [2, 2]
    assert places(1) == places(4) == first
    assert places(1, left=2) == first[1:]
    assert places(4, device="cuda:1") == [first[0] + first[1]]
    more = from_dict({**tiny_values, "seeds": 3}, "tiny")
    assert places(1, more) == [*first, ["runs/lr-0.001/seed-002"], ["runs/lr-0.0001/seed-002"]]
    assert not ledger.notes
    other = tmp_path / "other"  # the same study elsewhere, with the shares of this one
    other.mkdir()
    shutil.copy(ledger.folder / "shares.json", other)
    ledger = Ledger.create(other, tiny)
    assert places(1) == first
    (ledger.folder / "shares.json").write_text('{"format": 1, "shares": {"cpu": 3}}')
    assert places(1) == [[place] for share in first for place in share]
    assert ["The shares are cut anew" in words for words in ledger.notes.values()] == [True]


def test_shares_of_a_study_that_was_changed_are_cut_anew(tmp_path, tiny):
    ledger = Ledger.create(tmp_path / "s", tiny)
    runs, cost = list(tiny.runs()), Measured(4, 0.1, 0.1, 10, 100)
    assert len(shares_of(ledger, Forecast([Part("all", runs, cost, 1.0)], 1, "cpu"))) == 1
    apart = [Part("one", runs[:2], cost, 1.0), Part("other", runs[2:], cost, 1.0)]  # they may not share a stack now
    assert [len(share) for share in shares_of(ledger, Forecast(apart, 1, "cpu"))] == [2, 2]


@pytest.mark.parametrize("name", ["/../../OUTSIDE", "../OUTSIDE", "/OUTSIDE", "a/../../../../../OUTSIDE", "نرخ <b>"])
def test_nothing_is_written_outside_of_the_study_s_folder(tmp_path, two, name):
    study = replace(two, name=name, factors={}, arms={name: {}, "b": {}}, swaps={name: {"prior.name": "uniform"}})
    study = replace(study, set={**two.set, "epochs": 1})
    folder = tmp_path / "a" / "b" / "runs" / f"study-{file_name(name)}"
    played(folder, study)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert [path.name for path in (tmp_path / "a" / "b" / "runs").iterdir()] == [folder.name]
    assert {path.name for path in folder.iterdir()} == {"study.json", "study.lock", "runs"}
    assert len(list(folder.glob("runs/*/seed-000/samples/swap-*.png"))) == 2
    assert len(results(Ledger.open(folder))) == 2


@pytest.mark.slow
def test_a_report_shows_names_of_any_script_as_text(tmp_path, two):
    pytest.importorskip("matplotlib")
    names = ["<script>alert(1)</script>", "نرخ کم", "🙂 \"quoted\" & 'so'", "$\\frac"]
    arms = {name: {"optimizer.lr": 10.0**-k} for k, name in enumerate(names, start=2)}
    study = replace(two, name=names[0], question=names[0], factors={}, arms=arms, swaps={names[2]: {}})
    played(tmp_path / "s", replace(study, set={**two.set, "epochs": 1}))
    write_report(Ledger.open(tmp_path / "s"))
    page = (tmp_path / "s" / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    for name in names:
        assert html.escape(name, quote=False) in page or html.escape(name) in page or str(escape(name)) in page
