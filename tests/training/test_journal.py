"""A tick is written once: a run in a study gets what a run alone gets."""

import json
import shutil
from dataclasses import replace

import pytest

from ayneh.config import Keep, Net, Prior
from ayneh.data.sources import load
from ayneh.doctor.doctor import Doctor
from ayneh.engine.sampler import Sampler
from ayneh.errors import UserError
from ayneh.pictures import save_images
from ayneh.presets import PRESETS
from ayneh.record.record import Record
from ayneh.studies.design import Run, Study
from ayneh.studies.stack import play

STUDY = Study("two arms", arms={"normal": {}, "uniform01": {}}, looks=(1,), images=100)


@pytest.fixture
def two_arms():
    """Two runs of one stack: centred noise, and U(0, 1), whose draws the doctor calls parallel."""
    base = PRESETS["digits"].config
    config = replace(
        base, epochs=2, device="cpu", net=Net("mlp", width=8), data=replace(base.data, resize=8, limit=128),
        keep=Keep(tick_steps=1, vitals_steps=1),
    )  # fmt: skip
    return [
        Run("normal", config), Run("uniform01", replace(config, prior=Prior("uniform", low=0.0, high=1.0)))
    ]  # fmt: skip


def test_a_run_inside_a_study_has_the_doctors_findings(two_arms, tmp_path):
    assert play(two_arms, tmp_path, STUDY)
    found = {}
    for run in two_arms:
        record = Record.open(tmp_path / run.place)
        found[run.arm] = {event["name"] for event in record.events() if event["appeared"]}
        doctor = Doctor(run.config, record.lines())
        assert found[run.arm] == {finding.name for finding in doctor.findings()}
    assert found["uniform01"] - found["normal"] == {"parallel prior"}


def test_a_stopped_study_writes_no_finding_twice(two_arms, tmp_path, monkeypatch):
    monkeypatch.setattr("ayneh.studies.stack.CHECKPOINT_S", 0.0)
    heard = iter([False, False, True])
    assert not play(two_arms, tmp_path, STUDY, stop=lambda: next(heard))
    assert play(two_arms, tmp_path, STUDY)
    events = [json.dumps(event) for event in Record.open(tmp_path / two_arms[1].place).events()]
    assert len(events) == len(set(events)) > 0


@pytest.mark.slow
def test_an_epoch_that_is_scored_and_pictured_computes_standing_statistics_once(ayneh, tmp_path, tiny, monkeypatch):
    made, make = [], Sampler.__init__
    monkeypatch.setattr(Sampler, "__init__", lambda self, *args: made.append(self) or make(self, *args))
    flags = ["--epochs", 2, "--seeds", 2, "--keep.score-epochs", 1, "--keep.score-images", 100]
    assert ayneh("train", "digits", *tiny, *flags, "--data.limit", 600, "--out", tmp_path / "run")[0] == 0
    assert any("scores" in line for line in Record.open(tmp_path / "run").lines())
    assert len(made) == 4  # two epochs of two replicas


def test_resume_says_that_a_run_is_finished(ayneh, tmp_path, tiny):
    run = tmp_path / "run"
    assert ayneh("train", "digits", *tiny, "--epochs", 1, "--out", run)[0] == 0
    status, _, err = ayneh("resume", run)
    assert status == 0
    assert "finished already, after 1 epoch;" in err
    assert "going on" not in err
    status, _, err = ayneh("resume", run, "--epochs", 2)
    assert status == 0
    assert "going on from step 4" in err


def test_resume_of_a_finished_run_without_pictures_and_judge(ayneh, tmp_path, tiny):
    run, images = tmp_path / "run", tmp_path / "images"
    save_images(images, load("digits", "train", limit=100).pixels)
    flags = ["--data.name", f"folder:{images}", "--epochs", 1, "--keep.score-epochs", 1, "--out", run]
    assert "without scores" in ayneh("train", "digits", *tiny, *flags)[2]
    shutil.rmtree(run / "samples")
    status, _, err = ayneh("resume", run)
    assert status == 0, err
    assert "finished already" in err
    assert "goes on" not in err


def test_a_stop_before_the_first_step_does_not_claim_to_have_saved(ayneh, tmp_path, tiny, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr("ayneh.terminal.progress.Interrupt.caught", lambda self: True)
        status, _, err = ayneh("train", "digits", *tiny, "--epochs", 1, "--out", tmp_path / "run")
    assert status == 1
    assert "Stopped at step 0 of 4: `ayneh resume" in err
    assert ayneh("resume", tmp_path / "run")[0] == 0
    assert Record.open(tmp_path / "run").checkpoints.epochs() == [0]


def test_a_refused_resume_leaves_the_number_of_epochs(ayneh, tmp_path, tiny, monkeypatch):
    run = tmp_path / "run"
    assert ayneh("train", "digits", *tiny, "--epochs", 1, "--out", run)[0] == 0

    def refuse(*_):
        raise UserError("Other images.")

    monkeypatch.setattr("ayneh.training.begin._refuse_other_images", refuse)
    assert ayneh("resume", run, "--epochs", 3)[0] == 2
    assert Record.open(run).config().epochs == 1
