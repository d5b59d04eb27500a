"""Settings that change nothing: named where a person has set them, in a run, in Python and in a study; once each."""

import tomllib

import pytest
import torch

import ayneh as package
from ayneh.config import Config, flatten
from ayneh.errors import UserError
from ayneh.idle import IDLE, idle, warn_of_idle
from ayneh.presets import PRESETS
from ayneh.studies.plan import BUILT_IN, planned
from ayneh.terminal import text

STUDIES = sorted(BUILT_IN.glob("*.toml"))


@pytest.fixture(autouse=True)
def afresh(monkeypatch):
    monkeypatch.setattr(text, "_warned", set())


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"rules.classes": "even"}, "--rules.classes is even, which changes nothing in a game without labels"),
        ({"net.label_dim": 9}, "--net.label-dim is 9, which changes nothing in a game without labels"),
        ({"net.gen_labels": "norm"}, "--net.gen-labels is norm, which changes nothing in a game without labels"),
        ({"rules.label_weight": 2.0}, "--rules.label-weight is 2.0, which changes nothing in a game without labels"),
        (
            {"rules.labels": "projection", "rules.label_weight": 2.0},
            "--rules.label-weight is 2.0, which changes nothing where D reads no class (--rules.labels projection)",
        ),
        (
            {"rules.labels": "auxiliary", "net.gen_labels": "norm", "net.label_dim": 9},
            "--net.label-dim is 9, which changes nothing where no embedding is joined to z (--net.gen-labels norm)",
        ),
        ({"rules.labels": "auxiliary", "rules.label_weight": 2.0, "net.label_dim": 9}, ""),
        ({"rules.gamma": 5.0}, "--rules.gamma is 5.0, which changes nothing without a penalty (--rules.penalty none)"),
        ({"rules.gamma": 5.0, "rules.penalty": "r1"}, ""),
        ({"rules.penalty": "r1", "rules.gamma_end": 2.0}, "while gamma stays (--rules.gamma-images 0)"),
        ({"rules.penalty": "r1", "rules.gamma_end": 2.0, "rules.gamma_images": 9}, ""),
        ({"rules.instance_noise_images": 9}, "without instance noise (--rules.instance-noise 0)"),
        ({"rules.instance_noise_images": 9, "rules.instance_noise_end": 0.5}, ""),  # it rises
        ({"rules.mirror_reader": "own"}, "where D does not read z (--rules.mirror-weight 0)"),
        ({"rules.mirror_reader": "own", "rules.mirror_weight_gen": 0.5}, ""),
        ({"rules.augmentation_strength": 2.0}, "without an augmentation of your own"),
        ({"rules.numbers": "penalty.k=1"}, "where loss, penalty and augmentation are built in"),
        ({"optimizer.name": "sgd", "optimizer.beta1": 0.3}, "--optimizer.beta1 is 0.3, which changes nothing in sgd."),
        ({"optimizer.momentum": 0.3}, "--optimizer.momentum is 0.3, which changes nothing in adam."),
        ({"optimizer.name": "rmsprop", "optimizer.momentum": 0.3, "optimizer.beta2": 0.5}, ""),
        ({"optimizer.end_factor": 0.5}, "while the rates stay (--optimizer.decay-images 0)"),
        ({"optimizer.end_factor": 0.5, "optimizer.decay_images": 9}, ""),
        ({"optimizer.decay_images": 9, "optimizer.schedule": "constant"}, "(--optimizer.schedule constant)"),
        ({"optimizer.milestones_images": (5, 9)}, "--optimizer.milestones-images is 5 9, which changes nothing where"),
        ({"optimizer.milestones_images": (5, 9), "optimizer.schedule": "steps", "optimizer.step_factor": 0.5}, ""),
        ({"net.gen_offset_gain": 1.0}, "without a constant in G (--net.gen-offset 0)"),
        ({"data.background": "white"}, "where the images are no files (--data.name digits)"),
        ({"data.background": "white", "data.name": "folder:x"}, ""),
        ({"keep.score_images": 500}, "in a run without scores (--keep.score-epochs 0)"),
        ({"rescue_slows": "gen"}, "in a run without rescues (--rescue 0)"),
    ],
)
def test_a_setting_that_changes_nothing_is_named(changes, named, capsys):
    warn_of_idle(Config().changed(changes))
    said = capsys.readouterr().err
    assert named in said if named else not said


def test_how_own_nets_take_the_class_is_no_setting(monkeypatch, capsys):
    monkeypatch.setattr("ayneh.idle.is_own_net", lambda name: name == "mine")
    warn_of_idle(Config().changed({"rules.labels": "concat", "net.name": "mine", "net.gen_labels": "norm"}))
    said = capsys.readouterr().err
    assert "--net.gen-labels is norm, which changes nothing where nets of one's own take the class" in said


def test_the_table_names_settings_that_there_are():
    assert {name for one in IDLE for name in one.names} <= flatten(Config()).keys()


@pytest.mark.parametrize("name", PRESETS)
def test_no_preset_sets_what_changes_nothing(name):
    assert not idle(PRESETS[name].config)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_no_built_in_study_sets_what_changes_nothing(path, capsys):
    planned(tomllib.loads(path.read_text()) | {"name": path.stem}, str(path))
    assert capsys.readouterr().err == ""


def test_what_a_preset_has_and_the_person_has_not_set_is_left_out(capsys):
    """`fast` has a gamma: without a penalty it changes nothing, and nobody has asked for it."""
    config = package.preset("fast").changed({"rules.penalty": "none"})
    assert "rules.gamma" in idle(config)
    warn_of_idle(config)
    assert capsys.readouterr().err == ""
    warn_of_idle(config.changed({"rules.gamma": 5.0}))
    assert "--rules.gamma is 5.0, which changes nothing" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "values"),
    [
        ({"rules.gamma": 5.0}, {"rules.gamma": 50.0}),
        ({"rules.mirror_reader": "own"}, {}),
        ({"optimizer.beta2": 0.5, "optimizer.eps": 1e-3, "optimizer.name": "sgd"}, {"optimizer.beta2": 0.9}),
        ({"optimizer.momentum": 0.9}, {"optimizer.momentum": 0.5}),
        ({"optimizer.end_factor": 0.5}, {"optimizer.end_factor": 0.9}),
        ({"optimizer.decay_images": 300, "optimizer.schedule": "constant"}, {"optimizer.decay_images": 200}),
        ({"rules.instance_noise_images": 300}, {"rules.instance_noise_images": 100}),
        ({"rules.penalty": "r1", "rules.gamma_end": 3.0}, {"rules.gamma_end": 30.0}),
        ({"net.gen_offset_gain": 1.0}, {"net.gen_offset_gain": 2.0}),
        ({"optimizer.step_factor": 0.5}, {"optimizer.step_factor": 0.9}),
        ({"rules.augmentation_strength": 2.0}, {"rules.augmentation_strength": 0.5}),
    ],
)
def test_these_settings_change_no_number_of_a_game(changes, values):
    """The state after two steps is the same to the bit with another value, and with the usual one."""
    small = {"data.limit": 128, "data.resize": 8, "net.width": 4, "prior.dim": 4, "batch": 32, "device": "cpu"}
    base = package.preset("digits").changed(small).changed(changes)
    assert set(idle(base)) & set(changes)
    usual = {name: value for name, value in flatten(Config()).items() if name in idle(base)}
    states = []
    for config in (base, base.changed(values), base.changed(usual)):
        for moment in package.play(config, every=2):
            states.append({name: value.clone() for name, value in moment.state.items()})
            break
    for other in states[1:]:
        assert other.keys() == states[0].keys()
        assert all(torch.equal(value, other[name]) for name, value in states[0].items())


def test_a_run_names_it_on_the_command_line_and_in_python(ayneh, tiny, tmp_path, capsys):
    args = [*tiny, "--epochs", 1, "--quiet", "--rules.gamma", 5]
    status, _, err = ayneh("train", "digits", *args, "--out", tmp_path / "run")
    words = "--rules.gamma is 5.0, which changes nothing without a penalty (--rules.penalty none).\n"
    assert (status, err) == (0, words)
    status, _, err = ayneh("resume", tmp_path / "run", "--epochs", 2, "--quiet")
    assert (status, err) == (0, "")  # who goes on sets nothing
    config = package.open(tmp_path / "run").config
    next(package.play(config.changed({"rules.gamma": 6.0})))
    assert capsys.readouterr().err == words.replace("5.0", "6.0")


STUDY = {"name": "two", "base": "digits", "seeds": 2, "arms": {"usual": {}, "heavy": {"rules.gamma": 5.0}}}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "rules.gamma is 5.0 in 'heavy', which changes nothing without a penalty"),
        ({"set": {"optimizer.momentum": 0.3}, "arms": {"a": {}, "b": {"batch": 32}}},
         "optimizer.momentum is 0.3, which changes nothing in adam."),
        ({"set": {"rules.gamma": 5.0}, "arms": {"a": {}, "b": {"rules.penalty": "r1"}}}, ""),  # it is of use in one arm
        ({"arms": {"a": {}, "b": {"rules.penalty": "r1", "rules.gamma": 5.0}}}, ""),
    ],
)  # fmt: skip
def test_a_study_names_what_changes_nothing_in_all_arms_that_have_it(changes, words, capsys):
    planned(STUDY | changes, "two.toml")
    err = capsys.readouterr().err
    assert (err.count("\n"), words in err) == (1 if words else 0, True), err


@pytest.mark.parametrize(
    "changes",
    [
        {"init_from": "runs/a"},
        {"set": {"init-from": "runs/a"}},
        {"arms": {"a": {}, "b": {"init_from": "runs/a", "init_players": "gen"}}},
    ],
)
def test_a_study_that_names_a_run_to_begin_with_is_refused_with_what_to_do(changes):
    with pytest.raises(UserError, match=r"two.toml: init.from is set, .* `ayneh train --init-from RUN --seed N`"):
        planned(STUDY | changes, "two.toml")
