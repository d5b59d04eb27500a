"""A share plays its runs as they would be played alone, whatever happens to it."""

import json
from dataclasses import replace

import pytest
import torch

from ayneh.data.sources import load
from ayneh.engine.device import choose_device
from ayneh.engine.match import Match
from ayneh.errors import UserError
from ayneh.pictures import save_images
from ayneh.record.names import epoch_name
from ayneh.record.record import Record
from ayneh.studies import stack
from ayneh.studies.ledger import Ledger
from ayneh.studies.plan import from_dict, read
from ayneh.studies.stack import images_of, play

DIFFERENT = {
    "base": {},
    "numbers": {"optimizer": {"lr": 1e-4, "lr_dis": 2e-3, "beta1": 0.2}, "rules": {"dropout": 0.1}},
    "distortions": {"rules": {"instance_noise": 0.3, "translation": 0.1, "cutout": 0.2, "label_smoothing": 0.1}},
    "prior": {"prior": {"name": "uniform", "low": 0.0, "high": 1.0}},
    "average": {"rules": {"ema_halflife_images": 200.0}},
}


def ended(folder, run):
    """Everything a finished run left but its clock: metrics, outcome, last weights."""
    record = Record(folder / run.place)
    lines = [{k: v for k, v in line.items() if k not in ("wall_s", "images_per_s")} for line in record.lines()]
    outcome = json.loads((folder / run.place / "outcome.json").read_text())
    return lines, {k: v for k, v in outcome.items() if k != "wall_s"}, record.checkpoints.at_epoch(None).tensors


def same(one, other):
    return one[:2] == other[:2] and all(torch.equal(one[2][name], other[2][name]) for name in one[2])


@pytest.mark.slow
def test_a_run_in_a_stack_of_different_arms_is_the_run_that_is_played_alone(tmp_path, tiny_values):
    study = from_dict(tiny_values | {"factors": {}, "arms": DIFFERENT}, "tiny")
    (group,) = study.groups()
    assert play(group, tmp_path / "together", study)
    for run in group:
        assert play([run], tmp_path / "alone", study)
        assert same(ended(tmp_path / "together", run), ended(tmp_path / "alone", run)), run.arm


@pytest.mark.slow
def test_labelled_runs_of_a_stack_are_the_runs_that_are_played_alone(tmp_path, tiny_values):
    labels = {"rules": {"labels": "auxiliary"}}
    arms = {"labels": labels, "more": {"rules": {"labels": "auxiliary", "label_weight": 3.0}}}
    study = from_dict(tiny_values | {"factors": {}, "arms": arms}, "tiny")
    (group,) = study.groups()
    assert play(group, tmp_path / "together", study)
    for run in group[::2]:
        assert play([run], tmp_path / "alone", study)
        assert same(ended(tmp_path / "together", run), ended(tmp_path / "alone", run)), run.arm
        assert Record(tmp_path / "alone" / run.place).labels().count == 10


def test_a_study_plays_the_very_game_that_train_plays(tmp_path, tiny):
    run = next(tiny.runs())
    play([run], tmp_path, tiny)
    match = Match([run.config], images_of(run.config.data).pixels, choose_device("cpu"))
    state = match.start()
    for i in range(3 * match.steps_per_epoch):
        state, _ = match.play(state, i)
    weights = ended(tmp_path, run)[2]
    assert all(torch.equal(value, weights[name]) for name, value in match.named(state).items())


@pytest.mark.slow
def test_a_share_that_is_stopped_goes_on_to_the_same_end(tmp_path, tiny_values, monkeypatch):
    monkeypatch.setattr(stack, "CHECKPOINT_S", 0.0)
    tiny = from_dict(tiny_values | {"set": tiny_values["set"] | {"keep": {"tick_steps": 2}}}, "tiny")
    (group,) = tiny.groups()
    play(group, tmp_path / "whole", tiny)
    for chunks in (1, 3, 1):  # of two steps, five of six: stopped within an epoch, at the end of one, and within
        heard = iter([False] * chunks + [True] * 100)
        play(group, tmp_path / "parts", tiny, stop=lambda heard=heard: next(heard))
    assert not (tmp_path / "parts" / group[0].place / "outcome.json").exists()
    assert play(group, tmp_path / "parts", tiny)
    for run in group:
        assert same(ended(tmp_path / "whole", run), ended(tmp_path / "parts", run))


@pytest.mark.slow
def test_replicas_with_different_checkpoints_go_on_from_the_last_one_they_share(tmp_path, tiny, monkeypatch):
    monkeypatch.setattr(stack, "CHECKPOINT_S", 0.0)
    (group,) = tiny.groups()
    play(group, tmp_path / "whole", tiny)
    stopped = iter([False, False, True, True])
    play(group, tmp_path / "parts", tiny, stop=lambda: next(stopped))
    first = Record(tmp_path / "parts" / group[0].place)
    newest = first.checkpoints.path(epoch_name(first.checkpoints.epochs()[-1]))
    newest.write_bytes(newest.read_bytes()[:-20])  # cut off by a full disk
    assert play(group, tmp_path / "parts", tiny)
    for run in group:
        assert same(ended(tmp_path / "whole", run), ended(tmp_path / "parts", run))


def test_a_share_does_not_go_on_with_other_images_or_labels(tmp_path, tiny, monkeypatch):
    monkeypatch.setattr(stack, "CHECKPOINT_S", 0.0)
    (group,) = tiny.groups()
    stopped = iter([False, True])
    now = stack.origin_of(group[0].config, stack.images_of(group[0].config.data))
    with monkeypatch.context() as patch:
        patch.setattr(stack, "origin_of", lambda *_: replace(now, labels="ab" * 32))  # as of a labelled run
        play(group[:1], tmp_path, tiny, stop=lambda: next(stopped))
    assert Record(tmp_path / group[0].place).checkpoints.epochs()
    with pytest.raises(UserError, match="the images are the same but for some labels: bring the former version"):
        play(group[:1], tmp_path, tiny)


def test_a_run_whose_numbers_break_down_is_an_outcome_and_disturbs_no_other(tmp_path, tiny_values):
    arms = {"sound": {}, "broken": {"optimizer": {"lr": 1e30}}}
    study = from_dict(tiny_values | {"factors": {}, "arms": arms, "seeds": 1}, "tiny")
    (group,) = study.groups()
    assert play(group, tmp_path / "together", study)
    play(group[:1], tmp_path / "alone", study)
    assert same(ended(tmp_path / "together", group[0]), ended(tmp_path / "alone", group[0]))
    outcome = json.loads((tmp_path / "together" / group[1].place / "outcome.json").read_text())
    assert outcome["diverged"]["step"] < 12
    assert "not finite" in outcome["diverged"]["words"]
    for line in Record(tmp_path / "together" / group[1].place).lines():
        assert "NaN" not in json.dumps(line)


def test_swapped_priors_are_scored_with_the_trained_statistics(tmp_path, tiny_values):
    swaps = {"same": {"prior": {"name": "normal"}}, "other": {"prior": {"name": "uniform", "low": 3.0, "high": 4.0}}}
    study = from_dict(tiny_values | {"seeds": 1, "swaps": swaps}, "tiny")
    run = next(study.runs())
    play([run], tmp_path, study)
    lines, outcome, _ = ended(tmp_path, run)
    scores = {name: score for name, (score,) in lines[-1]["scores"].items()}
    assert outcome["swaps"]["same"] == scores
    assert outcome["swaps"]["other"] != scores
    assert (tmp_path / run.place / "samples" / "swap-other.png").exists()


def test_a_folder_of_another_study_is_refused_and_a_larger_one_goes_on(tmp_path, tiny):
    ledger = Ledger.create(tmp_path / "s", tiny)
    play([ledger.runs[0]], ledger.folder, tiny)
    more = replace(tiny, seeds=3)
    grown = Ledger.create(tmp_path / "s", more)
    assert len(grown.unfinished()) == len(grown.runs) - 1
    for other, words in (
        (replace(tiny, name="other"), "holds the study 'tiny', not 'other'"),
        (replace(tiny, images=300), "was played with images 200, not 300"),
        (replace(tiny, set={**tiny.set, "batch": 16}), "batch: 32 -> 16"),
        (replace(tiny, first_seed=1), "seed 0, which this study lacks"),
    ):
        with pytest.raises(UserError, match=words):
            Ledger.create(tmp_path / "s", other)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("years")
    with pytest.raises(UserError, match="not empty and not a study"):
        Ledger.create(tmp_path / "full", tiny)


def test_a_study_on_a_folder_goes_on_from_another_and_knows_a_relative_path_again(tmp_path, tiny_file, monkeypatch):
    images = load("digits", "train", limit=140).pixels
    save_images(tmp_path / "pictures", images)
    tiny_file.write_text(tiny_file.read_text().replace("[set]", '[set]\ndata.name = "folder:pictures"'))
    monkeypatch.chdir(tmp_path)
    study = read("tiny.toml")
    ledger = Ledger.create(tmp_path / "s", study)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    stored = Ledger.open(tmp_path / "s")
    assert {run.config.data.name for run in stored.runs} == {f"folder:{tmp_path / 'pictures'}"}
    images = images_of(stored.runs[0].config.data)
    assert len(images.pixels) == 128  # of 140 a tenth is held out, and the study takes 128
    run = ledger.runs[0]
    Record.create(ledger.path(run), run.config, {"device": "cpu", "threads": 1, "workers": 0})
    head = (tmp_path / "s" / "study.json").read_text()  # as an earlier version wrote it
    (tmp_path / "s" / "study.json").write_text(head.replace(f"folder:{tmp_path / 'pictures'}", "folder:pictures"))
    monkeypatch.chdir(tmp_path)
    Ledger.create(tmp_path / "s", study)
    other = replace(study, set={**study.set, "data.name": f"folder:{tmp_path}"})
    with pytest.raises(UserError, match="has another"):
        Ledger.create(tmp_path / "s", other)


def test_how_far_the_runs_of_a_study_are(tmp_path, tiny):
    ledger = Ledger.create(tmp_path / "s", tiny)
    assert {one.state for one in ledger.standings().values()} == {"no step yet"}
    first, second = ledger.runs[:2]
    play([first, second], ledger.folder, tiny)
    (ledger.path(first) / "outcome.json").unlink()  # its last checkpoint is there, and the study is not done with it
    found = ledger.standings()
    assert [(found[run.place].state, found[run.place].epochs) for run in (first, second)] == [
        ("stopped", 3),
        ("finished", 3),
    ]
