"""Labelled runs on the command line: trained, gone on with, begun from others, in processes and in studies."""

import json
import shutil

import pytest
import torch

from ayneh.config import from_dict
from ayneh.data.sources import load
from ayneh.engine.match import Match, replicas_of
from ayneh.engine.stacks import Processes
from ayneh.errors import UserError
from ayneh.evaluation import labelled, read_images
from ayneh.record.checkpoint import read_checkpoint
from ayneh.record.record import Record

WAYS = ("concat", "projection", "auxiliary")


def tensors(run, name="epoch-0001"):
    return read_checkpoint(run / "checkpoints" / f"{name}.safetensors").tensors


def same(ours, theirs):
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.fixture(scope="module")
def two_epochs(tmp_path_factory):
    """``two_epochs("concat")``: the folder of a run of two epochs with labels, made once."""
    from tests.conftest import TINY

    from ayneh.__main__ import main

    made = {}

    def run(how):
        if how not in made:
            made[how] = tmp_path_factory.mktemp("labelled") / how
            more = ["--rules.labels", how, "--epochs", "2", "--quiet", "--out", str(made[how])]
            main(["train", "digits", *map(str, TINY), *more])
        return made[how]

    return run


@pytest.mark.parametrize("how", WAYS)
def test_a_labelled_run_is_the_game_that_its_settings_say(two_epochs, how):
    run = two_epochs(how)
    record = Record.open(run)
    config = record.config()
    images = read_images(config.data)
    match = Match(replicas_of(config), images.pixels, torch.device("cpu"), labelled=labelled(config, images))
    state = match.start()
    for i in range(2 * match.steps_per_epoch):
        state, _ = match.play(state, i)
    written = tensors(run)
    assert all(torch.equal(value, written[name]) for name, value in match.named(state).items())
    assert record.labels() == images.described()  # the limit of the tiny run counts
    line = record.lines()[-1]
    assert ("mean_class_real" in line) is (how == "auxiliary")
    if how == "auxiliary":
        assert all(0 <= value <= 1 for side in ("real", "fake") for value in line[f"mean_class_{side}"])
        assert all(value > 0 for value in line["mean_loss_class"])


def test_what_the_class_head_reads_is_shown_where_there_is_one(ayneh, two_epochs):
    from ayneh import open as opened

    line = Record.open(two_epochs("auxiliary")).lines()[-1]
    _, out, _ = ayneh("show", two_epochs("auxiliary"))
    assert "class(real)" in out
    assert f"{line['mean_class_fake'][0]:.4g}" in out
    assert "Share of images whose class D reads right" in opened(two_epochs("auxiliary")).curves().svg
    assert "class(real)" not in ayneh("show", two_epochs("concat"))[1]
    assert "whose class D reads" not in opened(two_epochs("concat")).curves().svg


def test_a_labelled_run_that_was_stopped_goes_on_to_the_same_bits(ayneh, tiny, two_epochs, tmp_path):
    cut = tmp_path / "cut"
    assert (
        ayneh("train", "digits", *tiny, "--rules.labels", "auxiliary", "--epochs", 1, "--quiet", "--out", cut)[0] == 0
    )
    assert ayneh("resume", cut, "--epochs", 2, "--quiet")[0] == 0
    assert same(tensors(cut), tensors(two_epochs("auxiliary")))


def test_a_checkpoint_without_its_classes_is_damaged(two_epochs, tmp_path):
    shutil.copytree(two_epochs("concat"), tmp_path / "run")
    record = Record.open(tmp_path / "run")
    kept = record.checkpoints.at_epoch(1)
    assert kept.labels.names == tuple("0123456789")
    record.checkpoints.write("epoch-0001", kept.step, kept.config, kept.image_shape, kept.tensors, 0, kept.data)
    with pytest.raises(UserError, match="its run is labelled, and its header has no classes"):
        read_checkpoint(record.checkpoints.path("epoch-0001"))
    assert Record.open(tmp_path / "run").labels() == kept.labels  # of the other checkpoint


def test_a_run_without_labels_says_so(tiny_run):
    assert Record.open(tiny_run).labels() is None
    assert Record.open(tiny_run).checkpoints.at_epoch(None).labels is None


def test_a_labelled_run_begins_with_the_weights_of_another_one(ayneh, tiny, two_epochs, tmp_path):
    args = ["train", "digits", *tiny, "--epochs", 1, "--quiet", "--init-from", two_epochs("concat")]
    assert ayneh(*args, "--rules.labels", "concat", "--out", tmp_path / "new")[0] == 0
    first, theirs = tensors(tmp_path / "new", "initial"), tensors(two_epochs("concat"))
    assert torch.equal(first["gen/0.embedding.weight"], theirs["gen/0.embedding.weight"])
    status, _, err = ayneh(*args, "--out", tmp_path / "plain")
    assert status == 2
    assert "do not fit: dis/features.0.beside is in" in err
    assert "the same nets and --rules.labels" in err
    assert err.count("\n") == 1
    from PIL import Image

    for k in range(20):
        for name in "abcdefghij":
            (tmp_path / "folder" / name).mkdir(parents=True, exist_ok=True)
            Image.new("L", (8, 8), 6 * k + ord(name)).save(tmp_path / "folder" / name / f"{k}.png")
    args[1] = f"folder:{tmp_path / 'folder'}"
    status, _, err = ayneh(
        "train", "digits", "--data.name", args[1], *args[2:], "--rules.labels", "concat", "--out", tmp_path / "f"
    )
    assert status == 0, err
    assert "what its nets have learnt of class 0, '0', is taken for 'a'" in err


def test_bad_input_is_one_sentence(ayneh, tiny, tmp_path):
    from PIL import Image

    for k in range(40):
        Image.new("L", (8, 8), 6 * k).save(tmp_path / f"{k}.png")
    args = ["train", *tiny, "--out", tmp_path / "run", "--quiet"]
    for more, words in (
        (["--data.name", f"folder:{tmp_path}", "--rules.labels", "concat"], "has no labels, which a labelled game"),
        (["--rules.labels", "concat", "--rules.loss", "relativistic", "--rules.classes", "even"], "leave it out"),
        (["--rules.labels", "concat", "--net.gen-labels", "nrom"], "Did you mean 'norm'?"),
        (["--rules.labels", "concta"], "Did you mean 'concat'?"),
        (["--net.label-dim", "0"], "--net.label-dim is 0; it must"),
        (["--rules.labels", "concat", "--net.label-dim", "1000000"], "--net.label-dim is 1,000,000; it must"),
    ):
        status, _, err = ayneh("train", "digits", *args[1:], *more)
        assert status == 2, err
        assert words in err
        assert err.count("\n") == 1, err
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["projection", "auxiliary"])
def test_processes_of_replicas_play_the_labelled_game_of_one_process(tiny_run, how):
    config = Record.open(tiny_run).config().changed({"rules.labels": how, "seeds": 3})
    images = load("digits", "train", resize=8)
    match = Match(replicas_of(config), images.pixels, torch.device("cpu"), labelled=labelled(config, images))
    stack = Processes(match, match.start(), 0, 2)
    try:
        measures = stack.advance(3)
    finally:
        stack.close()
    state = match.start()
    for i in range(3):
        state, measured = match.play(state, i)
        assert all(torch.equal(measures[name][i], value) for name, value in measured.items())
    assert all(torch.equal(stack.state[name], value) for name, value in state.items())


def test_a_checkpoint_of_an_earlier_version_has_no_labels():
    """Its config has none of the settings on labels, and they default to a game without."""
    values = {"rules": {"loss": "hinge"}, "net": {"name": "mlp"}}
    config = from_dict(json.loads(json.dumps(values)), "config.json")
    assert not config.rules.labelled
    assert (config.rules.classes, config.net.gen_labels, config.net.label_dim) == ("data", None, None)
