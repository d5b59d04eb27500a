"""The verb `evaluate` on real runs and files: tables, JSON, files in the run folder, and words for bad input."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from ayneh.config import Data
from ayneh.data.sources import load
from ayneh.errors import UserError
from ayneh.evaluation import judge_of, trained_folder
from ayneh.judge import stacked
from ayneh.judge.features import shipped
from ayneh.judge.report import Report
from ayneh.judge.scores import Score
from ayneh.judge.training import random_net
from ayneh.judge.verdict import Judge
from ayneh.record.record import Record
from ayneh.scoring import compare, evaluate_images


@pytest.fixture
def digits_npz(tmp_path):
    path = tmp_path / "images.npz"
    np.savez(path, images=load("digits", "train").pixels[:200].numpy())
    return path


def test_a_run_is_scored_into_its_folder_and_a_table(own_run, ayneh):
    status, out, _ = ayneh("evaluate", own_run, "--n", "100")
    assert status == 0
    report = json.loads((own_run / "evaluation.json").read_text())
    score = report["scores"]["fd"]
    assert score["protocol"] == "fd_100_digits_test"
    assert score["value"] > 2 * score["floor"]  # three epochs of four steps teach nothing
    assert "fd_100_digits_test" in out
    assert "floor" in out


def test_an_epoch_and_a_replica_have_their_own_file(own_run, ayneh):
    assert ayneh("evaluate", own_run, "--n", "50", "--epoch", "1", "--replica", "1", "--quiet")[0] == 0
    report = json.loads((own_run / "evaluation-epoch-0001-replica-1.json").read_text())
    assert (report["step"], report["replica"]) == (8, 1)


def test_several_sets_are_compared_and_json_is_pure(own_run, digits_npz, ayneh):
    status, out, _ = ayneh("evaluate", own_run, "--images", digits_npz, "--n", "200", "--json")
    reports = json.loads(out)
    assert status == 0
    assert list(reports) == [str(own_run), str(digits_npz)]
    _, out, _ = ayneh("evaluate", own_run, "--images", digits_npz, "--n", "200", "--quiet")
    assert f"By fd_200_digits_test, best first: {digits_npz}, {own_run}." in out


def test_what_cannot_be_scored_is_named_after_the_scores_of_the_others(own_run, tmp_path, tiny, ayneh):
    pictures, few = tmp_path / "pictures", tmp_path / "few"
    pictures.mkdir()
    for k in range(60):
        Image.new("L", (8, 8), 4 * k).save(pictures / f"{k}.png")
    status, out, err = ayneh("train", "digits", *tiny, "--epochs", 1, "--data.name", f"folder:{pictures}", "--out", few)
    assert status == 0, err
    words = (out + err).replace("\n", " ")
    assert "nets that score it" not in words
    assert f"No judge can be trained for folder:{pictures}: it has " in words
    for runs in ((own_run, few), (few, own_run)):
        status, out, err = ayneh("evaluate", *runs, "--n", "50", "--quiet")
        assert status == 2
        assert "fd_50_digits_test" in out
        assert err.count("\n") == 1, err
        assert f"{few} has no scores: There is no judge for folder:{pictures}, and none can be trained" in err
    status, _, err = ayneh("evaluate", few, tmp_path / "none", "--quiet")
    assert (status, f"{few} has no scores" in err) == (2, False), "a run that is not there is refused at once"


def test_real_images_score_at_the_floor_and_copies_are_noticed(digits_npz, ayneh):
    _, out, _ = ayneh("evaluate", "--images", digits_npz, "--data", "digits", "--json")
    scores = json.loads(out)[str(digits_npz)]["scores"]
    assert scores["fd"]["value"] < 1.5 * scores["fd"]["floor"]
    assert scores["copies"]["value"] == 1


@pytest.mark.slow
def test_a_judge_is_trained_for_a_folder_and_used(tmp_path, ayneh):
    images = load("digits", "train", limit=300)
    for index, (pixels, label) in enumerate(zip(images.pixels, images.labels, strict=True)):
        (tmp_path / "set" / str(int(label))).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[0].numpy()).save(tmp_path / "set" / str(int(label)) / f"{index}.png")
    data = f"folder:{tmp_path / 'set'}"
    with pytest.raises(UserError, match="ayneh judge train --data folder:"):
        judge_of(Data(data))
    with pytest.raises(UserError, match="set --resize 6`"):  # the images as the run has them
        judge_of(Data(data, resize=6))
    status, out, _ = ayneh("judge", "train", "--data", data, "--epochs", "6", "--quiet")
    assert status == 0
    assert "accuracy_test" in out
    judge = judge_of(Data(data))
    report = judge.evaluate(images.pixels[:100])
    assert report.nets == ("cnn-0", "cnn-1", "cnn-2", "random")
    assert report.scores["fd@random"].protocol == "fd_30_folder_test_random"
    few = judge_of(Data(data, limit=128))  # a run on fewer images has the same judge
    assert len(few.reference.train) == 128
    assert few.reference.nets.keys() == judge.reference.nets.keys()


@pytest.mark.parametrize("data", ["folder:/home/me/x", "npz:/home/me/x.npz"])
def test_no_score_names_a_path(data, monkeypatch):
    """`inception_fid` did, and the model card with it."""
    images = load("digits", "train").pixels[:200]
    source, net = Data(data), random_net(images, 8, seed=0)
    judges = {source: Judge(data, {"random": net, "other": net}, images[:100], images[100:])}
    monkeypatch.setattr("ayneh.judge.inception.inception_fid", lambda real, fake, folder: Score(3.0, len(fake)))
    report = evaluate_images(images, source, inception=True, judges=judges)
    kind = data.partition(":")[0]
    assert report.scores["inception_fid"].protocol == f"inception_fid_100_{kind}_test"
    assert report.scores["fd@other"].protocol == f"fd_100_{kind}_test_other"
    assert not any("home" in f"{name} {score.protocol}" for name, score in report.scores.items())


@pytest.mark.parametrize(("n", "epochs", "labels"), [(360, 2, True), (360, 1, True), (320, 4, False), (320, 1, False)])
def test_a_judge_is_trained_in_four_steps_and_fewer(n, epochs, labels, tmp_path, ayneh):
    """A one-cycle schedule of four steps divided by zero."""
    digits = load("digits", "train", limit=n)
    arrays = {"images": digits.pixels.numpy()} | ({"labels": digits.labels.numpy()} if labels else {})
    np.savez(tmp_path / "few.npz", **arrays)
    data = f"npz:{tmp_path / 'few.npz'}"
    status, out, err = ayneh("judge", "train", "--data", data, "--epochs", epochs, "--quiet")
    assert status == 0, err
    assert "accuracy_test" in out or not labels
    weights = [net.state_dict() for net in judge_of(Data(data)).reference.nets.values()]
    assert all(bool(x.isfinite().all()) for state in weights for x in state.values())


@pytest.mark.parametrize(("n", "epochs", "words"), [(60, 2, "it has 49 images to train on"), (360, 0, "epochs is 0")])
def test_a_judge_of_too_few_images_or_epochs_is_refused(n, epochs, words, tmp_path, ayneh):
    digits = load("digits", "train", limit=n)
    np.savez(tmp_path / "few.npz", images=digits.pixels.numpy(), labels=digits.labels.numpy())
    status, _, err = ayneh("judge", "train", "--data", f"npz:{tmp_path / 'few.npz'}", "--epochs", epochs, "--quiet")
    assert status == 2
    assert words in err


def test_other_pixels_have_another_judge():
    images = load("digits", "train")
    others = replace(images, pixels=255 - images.pixels)
    assert trained_folder(images.fingerprint) != trained_folder(others.fingerprint)


def test_compared_says_where_a_net_disagrees():
    def report(lead, other, n=9):
        scores = {
            "fd": Score(lead, n, protocol=f"fd_{n}"),
            "fd_infinite": Score(-lead, n, protocol=f"fd_infinite_{n}"),
            "fd@x": Score(other, n, protocol=f"fd_{n}_x"),
        }
        return Report("digits", n, ("a", "x"), scores)

    reports = {"a": report(1.0, 5.0), "b": report(2.0, 4.0)}
    assert compare(reports) == ["By fd_9, best first: a, b.", "fd_9_x orders them differently: b, a."]
    agree = {"a": report(1.0, 3.0), "b": report(2.0, 4.0)}
    assert compare(agree) == ["By fd_9, best first: a, b.", "All nets agree on this order."]
    assert compare({"a": reports["a"]}) == []
    (words,) = compare({"a": report(1.0, 3.0, n=8), "b": report(2.0, 4.0)})
    assert words.startswith("Not compared, since they were judged in different ways: a: 8 images")


def _save(path, array):
    np.save(path, array)
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda tmp: tmp / "nothing.npz", "no file"),
        (lambda tmp: tmp, "image"),  # an empty folder
        (lambda tmp: _save(tmp / "nan.npy", np.full((30, 8, 8), np.nan, np.float32)), "1,920 values that are NaN"),
        (lambda tmp: _save(tmp / "wide.npy", np.zeros((30, 8, 9), np.uint8)), "9x8 pixels"),
        (lambda tmp: _save(tmp / "colour.npy", np.eye(3, dtype=np.uint8)[None, [0, 1] * 4, None].repeat(8, 2)), "grey"),
    ],
)
def test_bad_images_give_one_clear_line(make, words, tmp_path, ayneh):
    status, _, err = ayneh("evaluate", "--images", make(tmp_path), "--data", "digits", "--quiet")
    assert status == 2
    assert len(err.strip().splitlines()) <= 2
    assert words in err


def test_one_image_says_cannot_tell(tmp_path, ayneh):
    path = _save(tmp_path / "one.npy", load("digits", "test").pixels[:1, 0].numpy())
    status, out, _ = ayneh("evaluate", "--images", path, "--data", "digits")
    assert status == 0
    assert "cannot tell" in out


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["evaluate"], "nothing to evaluate"),
        (["evaluate", "--images", "x.npz"], "--data"),
        (["evaluate", "nowhere"], "no run"),
        (["judge", "train", "--data", "digitz"], "digits"),
    ],
)
def test_bad_calls_give_one_clear_line(args, words, ayneh):
    status, _, err = ayneh(*args)
    assert status == 2
    assert words in err


@pytest.mark.slow
@pytest.mark.usefixtures("mnist")
def test_real_stacked_digits_score_as_a_perfect_sampler_does():
    images = load("stacked-mnist", "test", limit=2000).pixels
    train, test = load("mnist", "train"), load("mnist", "test")
    net, draw = shipped(stacked.LEAD), lambda first, last: iter(images[first:last].split(600))
    report = stacked.evaluate(net, draw, 2000, train.labels, (test.pixels, test.labels))
    scores = report.scores
    shares = stacked.product_shares(torch.bincount(test.labels))
    expected = 1000 - sum((1 - p) ** 2000 for p in shares)
    assert scores["modes"].value == pytest.approx(expected, abs=30)
    plain = scores["kl"]
    assert plain.value == pytest.approx(plain.floor, abs=3 * (plain.floor_interval[1] - plain.floor))
    assert "few for 1000 modes" in scores["kl_corrected"].warning
    protocols = ["modes_2k_stackedmnist", "kl_2k_stackedmnist_uniform", "kl_corrected_2k_stackedmnist_train"]
    assert [score.protocol for score in scores.values()] == protocols
    assert 0.01 < report.classifier_error_of_a_triple < 0.02
    assert "the classifier misreads 1." in " ".join(report.words())


@pytest.mark.slow
def test_two_that_evaluate_one_run_at_once_both_succeed(process, own_run):
    children = [process("evaluate", own_run, "--n", 100, "--quiet") for _ in range(2)]
    ended = [(child.communicate(timeout=240), child.returncode) for child in children]
    assert [status for _, status in ended] == [0, 0], ended
    assert ended[0][0][0] == ended[1][0][0]
    assert Record.open(own_run).report("evaluation")["scores"]
    assert not [path for path in own_run.rglob(".*") if path.name.endswith(".part")]
