"""Runs that begin with the weights of another one: what is taken, what the folder says, resume without the other."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch

from ayneh.record.checkpoint import read_checkpoint
from ayneh.record.record import Record


def state_of(run: Path, name: str) -> dict[str, torch.Tensor]:
    return read_checkpoint(run / "checkpoints" / f"{name}.safetensors").tensors


def keys(tensors: dict[str, torch.Tensor], *rooms: str) -> list[str]:
    return [name for name in tensors if name.partition("/")[0] in rooms]


@pytest.fixture
def begin(ayneh, tiny, tmp_path):
    """``begin("--init-from", run, ...)`` -> (status, stderr, folder) of a run of one epoch, two replicas."""

    def call(*flags: object, seeds: int = 2, seed: int = 7) -> tuple[int, str, Path]:
        folder = tmp_path / "new"
        common = ("--epochs", 1, "--seeds", seeds, "--seed", seed, "--quiet", "--out", folder)
        status, _, err = ayneh("train", "digits", *tiny, *common, *flags)
        return status, err, folder

    return call


MEMORY = ("gen_m", "gen_v", "gen_t", "dis_m", "dis_v", "dis_t")


def test_before_the_first_step_the_weights_are_those_of_the_other_run_to_the_bit(begin, tiny_run):
    status, err, new = begin("--init-from", tiny_run)
    assert (status, err) == (0, "")
    first, theirs = state_of(new, "initial"), state_of(tiny_run, "epoch-0002")
    for name in keys(first, "gen", "dis", "ema"):
        assert torch.equal(first[name], theirs[name]), name
    assert all(not first[name].any() for name in keys(first, *MEMORY))  # the optimiser begins anew
    noted = json.loads((new / "config.json").read_text())["init_from"]
    file = tiny_run / "checkpoints" / "epoch-0002.safetensors"
    assert noted == {
        "run": str(tiny_run.resolve()),
        "checkpoint": "epoch-0002.safetensors",
        "step": 12,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "players": "all",
        "optimizer": False,
        "replica": None,
    }


@pytest.mark.slow
def test_one_player_alone_with_its_memory_of_an_earlier_epoch(begin, tiny_run):
    status, err, new = begin("--init-from", tiny_run, "--init-players", "gen", "--init-optimizer", "--init-epoch", 1)
    assert (status, err) == (0, "")
    first, theirs = state_of(new, "initial"), state_of(tiny_run, "epoch-0001")
    for name in keys(first, "gen", "ema", "gen_m", "gen_v", "gen_t"):
        assert torch.equal(first[name], theirs[name]), name
    shutil.rmtree(new)
    begin()  # the same run without it: D begins as there
    usual = read_checkpoint(new / "checkpoints" / "epoch-0000.safetensors")
    from ayneh.engine.match import replicas_of
    from ayneh.training.begin import lay_out

    match, *_ = lay_out(usual.config, "cpu")
    fresh = match.named(match.start())
    assert [config.seed for config in replicas_of(usual.config)] == [7, 8]
    assert all(torch.equal(first[name], fresh[name]) for name in keys(first, "dis", "dis_m", "dis_v", "dis_t"))


@pytest.mark.slow
def test_d_alone_leaves_g_and_its_average_as_they_begin(begin, tiny_run):
    status, err, new = begin("--init-from", tiny_run, "--init-players", "dis")
    assert (status, err) == (0, "")
    first, theirs = state_of(new, "initial"), state_of(tiny_run, "epoch-0002")
    assert all(torch.equal(first[name], theirs[name]) for name in keys(first, "dis"))
    assert all(torch.equal(first[f"ema{name[3:]}"], first[name]) for name in keys(first, "gen"))


def test_with_the_optimiser_the_next_step_is_that_of_the_other_run(ayneh, tiny, tmp_path):
    """To the bit, for the same images and draws."""
    from ayneh.training.begin import lay_out
    from ayneh.training.init_from import InitFrom, read

    assert ayneh("train", "digits", *tiny, "--epochs", 1, "--quiet", "--out", tmp_path / "a")[0] == 0
    kept = read_checkpoint(tmp_path / "a" / "checkpoints" / "epoch-0000.safetensors")
    match, *_ = lay_out(kept.config, "cpu")
    state, _ = read(InitFrom(tmp_path / "a", optimizer=True), match)
    ours, _ = match.play(match.restored(state), 4)
    theirs, _ = match.play(match.restored(kept.tensors), 4)
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


def test_all_replicas_get_the_one_that_is_chosen(begin, tiny_run):
    status, err, new = begin("--init-from", tiny_run, "--init-replica", 1, seeds=3)
    assert (status, err) == (0, "")
    first, theirs = state_of(new, "initial"), state_of(tiny_run, "epoch-0002")
    for name in keys(first, "gen", "dis", "ema"):
        assert torch.equal(first[name], theirs[name][[1, 1, 1]]), name


@pytest.mark.slow
def test_a_run_resumes_from_its_first_weights_when_the_other_run_is_gone(begin, own_run, ayneh, observed, tmp_path):
    """Killed before its first checkpoint, it ends as if it had not been."""
    status, err, new = begin("--init-from", own_run)
    assert (status, err) == (0, "")
    whole = observed(new)
    shutil.rmtree(own_run)
    for path in (new / "checkpoints").glob("epoch-*"):
        path.unlink()
    for place in ("metrics.jsonl", "findings.jsonl"):
        (new / place).unlink(missing_ok=True)
    assert (new / "checkpoints" / "initial.safetensors").exists()
    status, _, err = ayneh("resume", new, "--quiet")
    assert (status, err) == (0, "")
    assert observed(new) == whole


@pytest.mark.slow
def test_a_rescue_to_the_very_beginning_goes_back_to_those_weights(begin, tiny_run):
    _, _, new = begin("--init-from", tiny_run)
    back = Record.open(new).checkpoints.healthy_before(2)
    assert back is not None
    assert (back.step, back.path.name) == (0, "initial.safetensors")


@pytest.mark.slow
def test_lost_checkpoints_are_still_said_where_the_first_weights_are_there(begin, tiny_run, ayneh):
    _, _, new = begin("--init-from", tiny_run)
    assert ayneh("resume", new, "--epochs", 3, "--quiet")[0] == 0
    for path in (new / "checkpoints").glob("epoch-*"):
        path.unlink()
    status, _, err = ayneh("resume", new, "--epochs", 4)
    assert status == 2
    assert "none of its checkpoints is left" in err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--net.width", 8), "do not fit: dis/features.0.bias is (4,) there and (8,) here; choose the same nets"),
        (("--net.name", "mlp"), "do not fit: dis/"),
        (("--rules.labels", "concat"), "(--rules.labels was none there and is concat here); choose the same nets and"),
        (("--optimizer.name", "sgd", "--init-optimizer"), "was trained with adam, and this run's optimizer is sgd"),
        (("--init-epoch", 9), "has no checkpoint of epoch 9; there are: 0, 1, 2"),
        (("--init-replica", 2), "--init-replica is 2, and"),
        (("--seeds", 3), "has 2 replicas, and this run 3: choose one of them with --init-replica"),
        (("--init-from", "nowhere"), "There is no run in nowhere"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence_and_nothing_is_begun(begin, tiny_run, flags, said):
    status, err, new = begin("--init-from", tiny_run, *flags)
    assert status == 2
    assert said in err.replace("\n", " ")
    assert err.count("\n") == 1
    assert not new.exists()


@pytest.mark.slow
def test_a_reader_of_z_that_the_other_run_lacks_begins_as_usual(begin, tiny_run):
    status, err, new = begin("--init-from", tiny_run, "--rules.mirror-weight", 0.5)
    assert (status, err) == (0, "")
    first, theirs = state_of(new, "initial"), state_of(tiny_run, "epoch-0002")
    assert first["dis/reader.weight"].any()
    assert all(torch.equal(first[name], theirs[name]) for name in keys(theirs, "gen", "dis", "ema"))
