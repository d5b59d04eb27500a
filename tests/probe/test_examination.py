"""The probe of a run: files, words at their thresholds, figures, refusals; and one real run from end to end."""

import copy
import json
import shutil

import pytest

from ayneh import probe
from ayneh.errors import UserError
from ayneh.probe.arms import Plan
from ayneh.probe.examination import default_epochs
from ayneh.probe.sentences import fall
from ayneh.record.record import Record

QUICK = Plan(steps=3, images=64, batches=1)


@pytest.fixture(scope="module")
def run(tiny_run, tmp_path_factory):
    """A copy of the tiny run, to write the report into."""
    return shutil.copytree(tiny_run, tmp_path_factory.mktemp("probed") / "run")


@pytest.fixture(scope="module")
def probed(run):
    """The report of a real, tiny run, of two of its epochs."""
    return probe.probe(Record.open(run), [0, 2], 1, QUICK)


def test_a_probe_is_plain_json_with_its_protocol_and_n(run, probed):
    assert probed == json.loads((run / "probe-replica-1.json").read_text())
    assert probed == Record.open(run).report("probe", replica=1)
    assert (probed["replica"], [one["step"] for one in probed["epochs"]]) == (1, [4, 12])
    assert probed["protocol"]["steps"] == 3
    first, last = probed["epochs"]
    assert first["n"] == {
        "train_real": 64, "held_out_a_side": 64, "looked_at_train_a_side": 64, "batch": 32,
    }  # fmt: skip
    assert set(last["arms"]) == {"played", "plain", "null", "rounded", "dequantised", "noised"}
    for arm in last["arms"].values():
        assert arm["step"] == [0, 1, 2, 3]
        assert all(0 <= error <= 1 for error in arm["error_single"])
        assert all(low <= high for low, high in arm["bound_interval"])
    assert first["arms"]["null"] == last["arms"]["null"]
    assert first["arms"]["plain"] != last["arms"]["plain"]
    assert "gradient -log D" not in last["arms"]["null"]
    assert len(last["jacobian"]["singular_values"]) == 8
    assert all(rank <= 8 for rank in last["jacobian"]["effective_rank"])
    assert probed["dimension"]["mle_10"]["n"] == 128


@pytest.mark.slow
def test_the_page_s_figures_are_one_svg_each_and_the_same_each_time(probed):
    drawn = probe.figures(probed)
    assert len({title for title, _ in drawn}) == 7
    for _, svg in drawn:
        assert svg.startswith("<svg")
        assert svg.count("<svg") == 1
        assert "mathdefault" not in svg
    assert drawn == probe.figures(probed)


def test_epochs_and_replicas_that_are_not_there_are_refused(tiny_run):
    record = Record.open(tiny_run)
    assert default_epochs(record) == [0, 1, 2]
    with pytest.raises(UserError, match="no checkpoint of epoch 9; there are: 0, 1, 2"):
        probe.probe(record, [0, 9], plan=QUICK)
    with pytest.raises(UserError, match="--replica is 2"):
        probe.probe(record, [0], 2, QUICK)
    with pytest.raises(UserError, match="--probe-steps is 0"):
        probe.probe(record, [0], plan=Plan(steps=0))


def test_a_run_without_a_checkpoint_has_nothing_to_probe(tmp_path, tiny_run):
    (tmp_path / "config.json").write_text((tiny_run / "config.json").read_text())
    with pytest.raises(UserError, match="no checkpoint of an epoch yet"):
        probe.probe(Record.open(tmp_path), plan=QUICK)


def test_a_generator_that_broke_down_is_said_to_have(tmp_path, tiny_run, monkeypatch):
    from ayneh.engine.sampler import Sampler

    (tmp_path / "config.json").write_text((tiny_run / "config.json").read_text())
    (tmp_path / "checkpoints").symlink_to(tiny_run / "checkpoints")
    draw = Sampler.images
    monkeypatch.setattr(Sampler, "images", lambda *args: draw(*args) + float("nan"))
    values = probe.probe(Record.open(tmp_path), [1], plan=QUICK)
    assert probe.words(values) == ["After epoch 1 nothing can be measured: G's images are not finite."]
    assert probe.figures(values) == []


# -- words -------------------------------------------------------------------------------------------------------------


def told(probed, plain=(0.5, 0.3, 0.01, 0.0), norms=(1.0, 2.0, 0.1, 0.001), other=(1.0,) * 4, null=0.5, **rest):
    """The tiny run's report, one epoch, with other courses."""
    values = copy.deepcopy(probed)
    values["epochs"] = values["epochs"][:1]
    arms = values["epochs"][0]["arms"]
    courses = {"plain": plain, "null": (0.5, 0.5, 0.5, null), "rounded": plain, "noised": plain} | rest
    for name, errors in courses.items():
        arms[name]["error_single"] = list(errors)
        arms[name]["error_single_interval"] = [[max(0, e - 0.02), e + 0.02] for e in errors]
    for name in ("plain", "noised"):
        arms[name]["gradient log(1-D)"], arms[name]["gradient -log D"] = list(norms), list(other)
    return " ".join(probe.words(values))


def test_what_starves_is_said_to_starve_under_its_own_loss_alone(probed):
    words = told(probed)
    assert "distinguishes the sides (error up to 0.02) from step 2 on" in words
    assert "under log(1 - D) vanishes: it falls 2,000-fold" in words
    assert "under -log D it does not vanish" in words
    assert "Under log(1 - D) G then starves, at 1 of 1" in words
    assert "did not vanish at 1 of these 1. This run plays with -log D" in words


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"plain": (0.5, 0.5, 0.5, 0.49)}, "does not distinguish the sides"),
        ({"plain": (0.5, 0.4, 0.3, 0.2)}, "distinguishes the sides in part"),
        ({"plain": (0.5, 0.4, 0.3, 0.2)}, "Not shown here: in 3 steps no fresh D"),
        ({"plain": (0.0, 0.0, 0.5, 0.02)}, "from step 3 on"),
        ({"norms": (1.0, 1.0, 1.0, 0.011)}, "Starvation was not seen in 3 steps"),
        ({"norms": (1.0, 1.0, 1.0, 0.05)}, "falls 20-fold"),
        ({}, "Supports that overlap everywhere do not keep it from vanishing"),
        (
            {"norms": (1.0, 1.0, 1.0, 0.2), "noised": (0.5, 0.5, 0.5, 0.2)},
            "Where the noise leaves D uncertain, it does not vanish",
        ),
        ({"norms": (1.0, 1.0, 1.0, 0.2)}, "too little to say what the noise changes"),
        ({"other": (1.0, 1.0, 1.0, 0.0001)}, "did not vanish at 0 of these 1"),
        ({"null": 0.3}, "The control fails"),
        ({"null": 0.3}, "This probe cannot tell."),
        ({"null": 0.53}, "a draw as it should be"),
        ({"null": 0.46}, "a draw as it should be"),
        ({"rounded": (0.5, 0.5, 0.5, 0.4)}, "from 0.000 to 0.400; D used grey levels"),
        ({}, "from 0.000 to 0.000; no difference is shown"),
    ],
)
def test_words_follow_the_numbers(probed, changes, sentence):
    assert sentence in told(probed, **changes)


def test_a_fall_is_from_the_largest_to_the_last():
    assert fall([1.0, 4.0, 2.0]) == 2
    assert fall([1.0, 0.0]) == float("inf")
    assert fall([1.0, None]) is None
    assert fall([0.0, 0.0]) is None
    assert fall([]) is None


# -- the verb ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_verb_probes_says_and_shows(tmp_path, tiny, ayneh):
    run = tmp_path / "run"
    ayneh("train", "digits", *tiny, "--epochs", 1, "--out", run)
    status, out, err = ayneh("diagnose", run, "--probe", "--probe-steps", 2, "--probe-epochs", 0)
    assert status == 0, err
    assert "Do disjoint supports starve the generator" in out
    assert "6 fresh discriminators" in err
    page = (run / "diagnosis.html").read_text()
    assert "The support probe" in page
    assert page.count("<svg") >= 7
    status, _, err = ayneh("diagnose", run, "--probe", "--probe-epochs", 5)
    assert status == 2
    assert "no checkpoint of epoch 5; there are: 0" in err
    ayneh("train", "digits", *tiny, "--epochs", 1, "--out", run, "--overwrite")
    assert not (run / "probe.json").exists()
