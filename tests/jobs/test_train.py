"""Training from one command: what it leaves behind, and that going on is as never having stopped."""

import json
import os
import random
import shutil
import signal
import time

import pytest
from PIL import Image
from safetensors.torch import load_file

from ayneh.__main__ import main
from ayneh.record.record import Record


def weights(folder):
    return load_file(sorted((folder / "checkpoints").glob("epoch-*.safetensors"))[-1])


def same(a, b):
    return a.keys() == b.keys() and all(a[k].equal(b[k]) for k in a)


def test_a_run_leaves_plain_files(tiny_run):
    config = json.loads((tiny_run / "config.json").read_text())
    assert config["config"]["net"]["width"] == 4
    assert config["engine"]["device"]
    lines = [json.loads(line) for line in (tiny_run / "metrics.jsonl").read_text().splitlines()]
    assert [(line["epoch"], line["step"], line["images"]) for line in lines] == [(0, 4, 128), (1, 8, 256), (2, 12, 384)]
    for name in ("loss_d", "loss_g", "p_real", "p_fake", "grad_d", "grad_g"):
        assert len(lines[0][name]) == len(lines[0][f"mean_{name}"]) == 2
        assert lines[0][name] != lines[1][name]
    assert lines[0]["images_per_s"] > 0
    assert 0 < lines[0]["wall_s"] < lines[2]["wall_s"]
    names = {p.name for p in (tiny_run / "samples").iterdir()}
    assert {"epoch-0000-replica-0.png", "epoch-0002-replica-1.png", "animation-replica-0.gif"} <= names
    with Image.open(tiny_run / "samples" / "animation-replica-1.gif") as animation:
        assert animation.n_frames == 3
    checkpoint = weights(tiny_run)
    assert checkpoint["gen/0.weight"].shape == (2, 8, 4, 4, 4)
    assert not list(tiny_run.rglob("*.part"))
    assert not [p for p in tiny_run.rglob("*") if p.suffix in (".pt", ".pth", ".pkl")]


def test_the_caption_is_the_reports_line(ayneh, tmp_path, tiny):
    _, _, err = ayneh("train", "digits", *tiny, "--epochs", 1, "--out", tmp_path / "run")
    line = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    losses = f"last batch loss D: {line['loss_d'][0]}      last batch loss G: {line['loss_g'][0]}"
    assert f"epoch: 0      {losses}" in err.splitlines()


def test_output_that_is_no_terminal_has_no_control_codes(ayneh, tmp_path, tiny):
    _, out, err = ayneh("train", "digits", *tiny, "--epochs", 2, "--out", tmp_path / "run")
    assert "\x1b" not in out + err
    assert "\r" not in out + err
    assert str(tmp_path / "run") in out


def test_quiet_says_only_the_result(ayneh, tmp_path, tiny):
    status, out, err = ayneh("train", "digits", *tiny, "--epochs", 1, "--out", tmp_path / "run", "--quiet")
    assert (status, err) == (0, "")
    assert len(out.splitlines()) == 2


def test_a_run_can_grow_and_is_then_what_a_longer_run_would_be(ayneh, tmp_path, tiny):
    ayneh("train", "digits", *tiny, "--epochs", 4, "--out", tmp_path / "long")
    ayneh("train", "digits", *tiny, "--epochs", 2, "--out", tmp_path / "short")
    status, _, _ = ayneh("resume", tmp_path / "short", "--epochs", 4)
    assert status == 0
    assert same(weights(tmp_path / "long"), weights(tmp_path / "short"))
    status, _, err = ayneh("resume", tmp_path / "short", "--epochs", 3)
    assert status == 2
    assert "give a larger number" in err


ENDLESS = 1_000_000  # epochs: the run cannot be over before it is stopped


@pytest.mark.slow
def test_ctrl_c_saves_in_the_middle_of_an_epoch_and_says_how_to_go_on(
    process, ayneh, observed, tmp_path, tiny, wait_until
):
    cut, whole = tmp_path / "cut", tmp_path / "whole"
    args = ["train", "digits", *tiny, "--data.limit", 1297, "--keep.sample-epochs", 12]
    args += ["--rules.penalty", "r1", "--rules.penalty-every", 3]
    child = process(*args, "--epochs", ENDLESS, "--out", cut)
    wait_until(lambda: last_step(cut) > 0, child)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=120)
    assert child.returncode == 1
    assert f"`ayneh resume {cut}` goes on" in err
    assert "Traceback" not in err
    assert (cut / "checkpoints" / "interrupted.safetensors").exists()
    epochs = shorten(cut)
    for verb in (["resume", cut], [*args, "--epochs", epochs, "--out", whole]):
        status, _, err = ayneh(*verb)
        assert status == 0, err
    assert same(weights(cut), weights(whole))
    assert observed(cut)["metrics"] == observed(whole)["metrics"]
    assert not (cut / "checkpoints" / "interrupted.safetensors").exists()


def last_step(folder) -> int:
    """The last step that is written down, 0 before the first."""
    lines = Record(folder).lines() if (folder / "metrics.jsonl").exists() else []
    return lines[-1]["step"] if lines else 0


def forked(*args: object) -> int:
    """A verb in a forked process -> its number."""
    child = os.fork()
    if not child:
        try:
            main([*map(str, args), "--quiet"])
        finally:
            os._exit(1)
    return child


def shorten(folder) -> int:
    """Let an endless run end two epochs after the last line; its number of epochs."""
    values = json.loads((folder / "config.json").read_text())
    epochs = values["config"]["epochs"] = Record(folder).lines()[-1]["epoch"] + 3
    (folder / "config.json").write_text(json.dumps(values))
    return epochs


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.parametrize(
    ("kills", "labels"),
    [
        (1, "none"),
        pytest.param(20, "none", marks=[pytest.mark.slow, pytest.mark.timeout(900)]),
        pytest.param(4, "auxiliary", marks=pytest.mark.slow),
    ],
)
def test_a_run_killed_at_any_moment_ends_as_one_never_killed(process, ayneh, tmp_path, kills, labels, tiny, wait_until):
    """SIGKILL at random moments, in the game as in the middle of writing; bit for bit the same weights and metrics.

    The run begins in a process of its own. It is resumed in forked ones, which need not import torch again.
    """
    chance = random.Random(0)
    args = ["train", "digits", *tiny, "--keep.tick-steps", 2, "--keep.keep-epochs", 50, "--rules.labels", labels]
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    moment = 0
    for number in range(kills):
        child = forked("resume", cut) if number else process(*args, "--epochs", ENDLESS, "--out", cut, "--quiet").pid
        try:
            wait_until(lambda past=moment: last_step(cut) > past)  # a kill during the imports would prove nothing
            time.sleep(chance.uniform(0.0, 0.3))
        finally:
            os.kill(child, signal.SIGKILL)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        moment = last_step(cut)
    epochs = shorten(cut)
    for verb in (["resume", cut], [*args, "--epochs", epochs, "--out", whole]):
        status, _, err = ayneh(*verb)
        assert status == 0, err
    assert same(weights(whole), weights(cut))
    tell = lambda f: [{k: v for k, v in x.items() if k not in ("wall_s", "images_per_s")} for x in Record(f).lines()]  # noqa: E731
    assert tell(whole) == tell(cut)
    assert not list(cut.rglob("*.part"))
    assert {p.name for p in whole.rglob("*.png")} == {p.name for p in cut.rglob("*.png")}


def test_a_damaged_checkpoint_is_reported_and_the_one_before_it_used(ayneh, tmp_path, tiny_run):
    for damage, word in ((truncate, "damaged"), (flip, "checksum"), (empty, "damaged")):
        run = tmp_path / damage.__name__
        shutil.copytree(tiny_run, run)
        newest = run / "checkpoints" / "epoch-0002.safetensors"
        damage(newest)
        status, _, err = ayneh("resume", run)
        assert status == 0
        assert str(newest) in err
        assert word in err
        assert "going on from step 8" in err
        assert same(weights(run), weights(tiny_run))


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def flip(path):
    content = bytearray(path.read_bytes())
    content[-50] ^= 1
    path.write_bytes(content)


def empty(path):
    path.write_bytes(b"")


def test_a_changed_config_is_refused_with_its_differences(ayneh, own_run):
    values = json.loads((own_run / "config.json").read_text())
    values["config"]["optimizer"]["lr"] = 0.5
    (own_run / "config.json").write_text(json.dumps(values))
    status, _, err = ayneh("resume", own_run)
    assert status == 2
    assert "optimizer.lr: 0.001 -> 0.5" in err


def test_two_processes_cannot_train_in_one_folder(ayneh, own_run):
    with Record.open(own_run).locked():
        status, _, err = ayneh("resume", own_run)
    assert status == 2
    assert f"Another process is training in {own_run}; wait for it." in err


def test_a_nan_stops_names_its_steps_and_keeps_the_good_checkpoint(ayneh, tmp_path, tiny):
    run = tmp_path / "run"
    args = [
        "--rules.loss",
        "wasserstein",
        "--rules.penalty",
        "wgan-gp",
        "--rules.gamma",
        "1e30",
        "--optimizer.lr",
        "1e8",
    ]
    status, _, err = ayneh("train", "digits", *tiny, "--epochs", 50, *args, "--out", run)
    assert status == 1
    assert "The training broke down" in err
    assert " in the first step. No checkpoint was written." in err
    assert "Traceback" not in err


def test_tensorboard_writes_the_same_numbers(ayneh, tmp_path, tiny):
    run = tmp_path / "run"
    flags = [*tiny, "--keep.score-epochs", 1, "--keep.score-images", 100, "--keep.vitals-steps", 4]
    status, _, err = ayneh("train", "digits", *flags, "--epochs", 2, "--keep.tensorboard", "--out", run)
    assert status == 0, err
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run / "events")).Reload()
    lines = Record(run).lines()

    def written(tag):
        return [event.value for event in events.Scalars(tag)]

    assert written("loss_g/0") == pytest.approx([line["loss_g"][0] for line in lines])
    assert written("vitals/spread/0") == pytest.approx([line["vitals"]["spread"][0] for line in lines])
    scored = [line["scores"]["fd"][0]["value"] for line in lines if "scores" in line]
    assert written("scores/fd/0") == pytest.approx(scored)


@pytest.mark.slow
def test_scores_follow_the_training_and_the_best_checkpoint_is_kept(ayneh, tmp_path):
    """The scores in metrics.jsonl are those of the checkpoints, and a resumed run remembers the best."""
    run = tmp_path / "run"
    flags = ["--epochs", 6, "--keep.score-epochs", 2, "--keep.score-images", 200, "--keep.keep-epochs", 1]
    flags += ["--keep.checkpoint-epochs", 1, "--net.width", 4, "--rules.ema-halflife-images", 500]
    status, _, err = ayneh("train", "digits", *flags, "--out", run)
    assert status == 0, err
    scores = {line["epoch"]: line["scores"]["fd"][0] for line in Record(run).lines() if "scores" in line}
    assert 1 in scores
    assert set(scores) <= {1, 3, 5}
    assert scores[1]["protocol"] == "fd_200_digits_test"
    assert scores[1]["low"] < scores[1]["value"] < scores[1]["high"]
    best = min(scores, key=lambda epoch: scores[epoch]["value"])
    assert Record(run).checkpoints.at_epoch("best").step == Record(run).checkpoints.at_epoch(best).step


def test_scoring_changes_no_training(ayneh, tmp_path, tiny):
    for name, flags in (("plain", []), ("scored", ["--keep.score-epochs", 1, "--keep.score-images", 100])):
        status, _, err = ayneh(
            "train", "digits", *tiny, "--data.limit", 600, "--epochs", 2, *flags, "--out", tmp_path / name
        )
        assert status == 0, err
    assert same(weights(tmp_path / "plain"), weights(tmp_path / "scored"))
