"""`evaluate` on runs with labels: a G that draws real digits of the class asked for, and some that do not."""

import json
import shutil

import numpy as np
import pytest
import torch

import ayneh
from ayneh.data.sources import load
from ayneh.engine.sampler import Sampler, sampler_of
from ayneh.game.frame import put, scale
from ayneh.judge import cas
from ayneh.judge.metrics import LABELLED
from ayneh.record.record import Record


@pytest.fixture
def verb(request):
    """``verb("train", ...)``: the fixture ``ayneh``, whose name is that of the package."""
    return request.getfixturevalue("ayneh")


SETTINGS = {
    "data.resize": 8, "data.limit": 400, "batch": 100, "net.width": 4, "prior.dim": 8, "epochs": 1,
    "rules.labels": "concat", "rules.ema_halflife_images": 0.0, "keep.score_epochs": 1, "keep.score_images": 300,
}  # fmt: skip


@pytest.fixture(scope="module")
def labelled_run(tmp_path_factory):
    """A run of four steps with labels, scored while it was trained."""
    folder = tmp_path_factory.mktemp("labelled") / "run"
    ayneh.train(ayneh.preset("digits").changed(SETTINGS), out=folder, quiet=True)
    return folder


@pytest.fixture
def run(labelled_run, tmp_path):
    return shutil.copytree(labelled_run, tmp_path / "run")


@pytest.fixture
def draws(monkeypatch):
    """``draws(of)``: G then draws a real digit, chosen by z, of the class ``of(y, z)``."""
    digits = load("digits", "train")
    by_class = [scale(put(digits.pixels[digits.labels == k], 8).float()) for k in range(10)]

    def set_to(of):
        def image(self, z, y, purpose):
            chosen = of(y, z)
            which = (z[:, 0].double() * 1e6).long().abs()
            picked = [by_class[int(k)][int(i) % len(by_class[int(k)])] for k, i in zip(chosen, which, strict=True)]
            return put_in(torch.stack(picked), self)

        monkeypatch.setattr(Sampler, "_image", image)

    def put_in(images, sampler):
        side = sampler.config.data.pad_to or 8
        room = (side - 8) // 2
        return torch.nn.functional.pad(images, (room, side - 8 - room, room, side - 8 - room), value=-1.0)

    return set_to


def by_chance(y, z):
    return (z[:, 1].double() * 1e6).long().abs() % 10


def test_the_fakes_are_of_the_classes_that_the_run_draws(run, draws, verb):
    draws(lambda y, z: y)
    status, out, err = verb("evaluate", run, "--n", 300, "--quiet", "--by-class")
    assert status == 0, err
    report = json.loads((run / "evaluation.json").read_text())
    scores, kept = report["scores"], report["by_class"]
    assert scores["class_accuracy"]["value"] > 0.99
    assert scores["class_accuracy"]["floor"] == pytest.approx(0.994, abs=0.003)
    assert set(LABELLED) <= set(scores)
    record = Record.open(run)
    checkpoint = record.checkpoints.at_epoch(None)
    sampler = sampler_of(checkpoint.config, checkpoint.image_shape, checkpoint.tensors, 0, checkpoint.labels)
    assert kept["asked"] == sampler.classes("evaluate 0", 300).bincount(minlength=10).tolist()
    assert "class_accuracy_300_digits_test" in out
    assert "asked for (rows) and found (columns)" in out
    assert "distance within" in out


@pytest.mark.parametrize(
    ("of", "accuracy", "words"),
    [
        (by_chance, (0.05, 0.16), "labels are ignored"),
        (lambda y, z: (y + 1) % 10, (0, 0.01), "of those asked for as 0 are 1"),
    ],
)
def test_ignored_and_permuted_labels_are_found(run, draws, of, accuracy, words):
    draws(of)
    scores = ayneh.open(run).evaluate(n=300)
    assert accuracy[0] <= scores["class_accuracy"].value <= accuracy[1]
    assert words in " ".join(scores.words)
    assert scores.confusion.shape == (10, 10)
    assert scores.confusion.sum() == 300
    assert scores.by_class["3"]["accuracy"] == pytest.approx(scores.confusion[3, 3] / scores.confusion[3].sum())
    assert scores["spread_worst_class"].of_class in scores.by_class
    assert "class_accuracy" in scores._repr_html_()


def test_one_collapsed_class_is_found_by_the_verb(run, draws):
    draws(lambda y, z: (y, z[:, 0].masked_fill_(y == 4, 0.5))[0])
    scores = ayneh.open(run).evaluate(n=400)
    assert (scores["spread_worst_class"].value, scores["spread_worst_class"].of_class) == (0, "4")
    assert "collapsed by variety within class 4" in " ".join(scores.words)
    assert scores["modes"].value == 10


def test_training_wrote_the_scores_of_classes(run):
    (line,) = (line for line in Record.open(run).lines() if "scores" in line)
    (score,) = line["scores"]["class_accuracy"]
    assert score["protocol"] == "class_accuracy_300_digits_test"
    assert score["low"] <= score["value"] <= score["high"]
    assert {"spread_within_class", "spread_worst_class"} <= set(line["scores"])
    assert "fd_within_class" not in line["scores"]


@pytest.mark.slow
def test_labelled_and_unlabelled_runs_are_compared_on_what_both_have(run, own_run, draws, verb):
    draws(lambda y, z: torch.zeros(len(z)) if y is None else y)
    status, out, err = verb("evaluate", run, own_run, "--n", 100, "--quiet", "--by-class")
    assert status == 0, err
    assert f"{own_run}: no classes were asked for." in out
    kept = json.loads((own_run / "evaluation.json").read_text())
    assert "by_class" not in kept
    assert not set(LABELLED) & set(kept["scores"])


@pytest.fixture
def short(monkeypatch):
    for name, value in (("IMAGES", 256), ("SEEN", 1500), ("SEEDS", 2)):
        monkeypatch.setattr(cas, name, value)


@pytest.mark.usefixtures("short")
@pytest.mark.slow
def test_cas_learns_from_fakes(run, draws, verb):
    draws(lambda y, z: y)
    status, out, err = verb("evaluate", run, "--n", 100, "--cas")
    assert status == 0, err
    score = json.loads((run / "evaluation.json").read_text())["scores"]["cas"]
    assert score["protocol"] == "cas_256_digits_test"
    assert abs(score["value"] - score["floor"]) < 0.1
    assert "cas_256_digits_test" in out
    assert "the classification accuracy score took" in err.replace("\n", " ")


def test_cas_is_refused_where_it_cannot_be_before_anything_is_drawn(own_run, verb, monkeypatch):
    monkeypatch.setattr(Sampler, "draw", lambda *_: pytest.fail("drawn"))
    status, _, err = verb("evaluate", own_run, "--cas")
    assert status == 2
    assert (
        "was trained without labels, and the classification accuracy score needs the class of each image"
        in " ".join(err.split())
    )
    status, _, err = verb("evaluate", "--images", "x.npz", "--data", "digits", "--cas")
    assert status == 2
    assert "--cas draws images of a run with labels" in err


@pytest.mark.slow
def test_a_run_whose_data_have_other_classes_now_says_so(tmp_path):
    """A folder's class was renamed: its number may be another's."""
    digits = load("digits", "train", limit=500)
    names = np.array([f"digit {k}" for k in range(10)])
    np.savez(tmp_path / "set.npz", images=digits.pixels.numpy()[:, 0], labels=names[digits.labels.numpy()])
    images = ayneh.images(tmp_path / "set.npz")
    images.train_judge(epochs=2)
    settings = {name: value for name, value in SETTINGS.items() if not name.startswith(("data.", "keep."))}
    run = ayneh.train(ayneh.preset("digits").changed(settings), images, out=tmp_path / "run", quiet=True)
    scores = run.evaluate(n=50)
    assert list(scores.by_class) == sorted(names)
    assert scores["class_accuracy"].floor is not None
    np.savez(tmp_path / "set.npz", images=digits.pixels.numpy()[:, 0], labels=digits.labels.numpy())
    again = ayneh.open(tmp_path / "run").evaluate(n=50)
    assert not set(LABELLED) & set(again)
    assert "now has other classes (0, 1, 2, 3, 4, 5, 6, 7, 8, 9) than the run learned (digit 0, " in " ".join(
        again.words
    )


@pytest.mark.slow
def test_labels_of_images_from_anywhere_are_taken_by_their_names(tmp_path, verb):
    digits = load("digits", "train", limit=300)
    labels = digits.labels.numpy().copy()
    kept = np.isin(labels, (3, 7))  # numbers in the file are not those of the data
    for name, given in (("right", labels), ("swapped", np.where(labels == 3, 7, 3)), ("other", labels + 20)):
        np.savez(tmp_path / f"{name}.npz", images=digits.pixels.numpy()[kept, 0], labels=given[kept])
    found = {}
    for name in ("right", "swapped", "other"):
        status, out, err = verb("evaluate", "--images", tmp_path / f"{name}.npz", "--data", "digits", "--json")
        assert status == 0, err
        (found[name],) = json.loads(out).values()
    assert found["right"]["scores"]["class_accuracy"]["value"] > 0.98
    assert found["swapped"]["scores"]["class_accuracy"]["value"] < 0.02
    assert found["right"]["by_class"]["asked"][3] == int((labels == 3).sum())
    assert any("are taken as the classes that were asked for" in note for note in found["right"]["notes"])
    assert "by_class" not in found["other"]
    assert any(
        "labels of the images (23, 27) are no classes of digits (0, 1, 2" in note for note in found["other"]["notes"]
    )
