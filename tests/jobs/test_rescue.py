"""A run that falls ill, is brought back and goes on: what is kept, what is given up, that a stop changes nothing."""

import errno
import json
from types import SimpleNamespace

import pytest
from safetensors.torch import load_file

from ayneh.config import Config
from ayneh.errors import UserError
from ayneh.record.record import Record
from ayneh.training import journal
from ayneh.training.fit import Fit
from ayneh.training.journal import Journal

FLAGS = ("--epochs", 8, "--keep.vitals-steps", 4, "--keep.tick-steps", 4, "--rescue", 2)
ILL = SimpleNamespace(
    cure=SimpleNamespace(changes={"optimizer.lr": 1e-4}), name="sudden jump", evidence="It fell.", since_step=18
)


@pytest.fixture
def falls_ill(monkeypatch):
    """A doctor that is content until step 24, and then once finds that the run is ill since step 18."""
    monkeypatch.setattr(journal, "APART_LOOKS", 1)  # four steps

    class Doctor:
        def __init__(self, config, labels=None):
            self.step = 0
            self.untreated = config.rules.penalty == "none" and config.optimizer.lr_dis is None

        def look(self, line):
            self.step = line["step"]
            return []

        def treatable(self):
            return [ILL] if self.step >= 24 and not Doctor.rescued else []

        def content(self):
            return not self.treatable()

    Doctor.rescued = False
    before = Fit._rescue
    monkeypatch.setattr(journal, "Doctor", Doctor)

    def rescue(self, *args):
        before(self, *args)
        Doctor.rescued = True

    monkeypatch.setattr(Fit, "_rescue", rescue)
    return Doctor


def checkpoint(folder, epoch):
    return load_file(folder / "checkpoints" / f"epoch-{epoch:04d}.safetensors")


def test_back_to_the_last_healthy_moment_with_other_noise_and_everything_written_down(ayneh, tmp_path, tiny, falls_ill):
    status, out, err = ayneh("train", "digits", *tiny, *FLAGS, "--out", tmp_path / "run")
    assert status == 0, err
    record = Record.open(tmp_path / "run")
    (rescue,) = record.report("rescues")["rescues"]
    assert (rescue["at_step"], rescue["to_step"], rescue["images"]) == (24, 16, 256)
    assert "Back to step 16 (epoch 3), 256 images given up; changed: other noise" in err
    assert "rescued 1 time; 2.0 more epochs were played and given up" in out
    lines = record.lines()
    assert [line["step"] for line in lines] == [4, 8, 12, 16, 20, 24, 28, 32]
    assert [line["images"] for line in lines] == [128, 256, 384, 512, 896, 1024, 1152, 1280]  # the way back counts
    given_up = [json.loads(line) for line in (tmp_path / "run" / "abandoned.jsonl").read_text().splitlines()]
    assert [(line["rescue"], line["step"]) for line in given_up] == [(1, 20), (1, 24)]
    assert given_up[0]["mean_loss_d"] != lines[4]["mean_loss_d"]  # other chance
    assert {p.name for p in record.samples.glob("abandoned-*")} == {
        "abandoned-1-epoch-0004.png", "abandoned-1-epoch-0005.png"}  # fmt: skip
    assert (tmp_path / "run" / "abandoned" / "1" / "epoch-0004.safetensors").exists()  # nothing is lost
    given_up, played_again = (
        load_file(tmp_path / "run" / place / "epoch-0004.safetensors")["ema/0.weight"]
        for place in ("abandoned/1/generators", "generators")
    )
    assert not given_up.equal(played_again)
    healthy = sorted(p.name for p in record.checkpoints.folder.glob("healthy-*"))
    assert healthy[-1] == "healthy-0007.safetensors"
    assert len(healthy) == 4


@pytest.mark.slow
def test_until_it_falls_ill_a_run_with_rescue_is_the_run_without(ayneh, tmp_path, tiny, falls_ill):
    for name, flags in (("with", FLAGS), ("without", FLAGS[:-2])):
        assert ayneh("train", "digits", *tiny, *flags, "--keep.keep-epochs", 1, "--out", tmp_path / name)[0] == 0
        falls_ill.rescued = False
    a, b = (checkpoint(tmp_path / name, 3) for name in ("with", "without"))
    assert all(a[k].equal(b[k]) for k in a)
    a, b = (checkpoint(tmp_path / name, 4) for name in ("with", "without"))
    assert not a["gen/0.weight"].equal(b["gen/0.weight"])


@pytest.mark.slow
def test_a_rescued_run_that_is_stopped_goes_on_as_if_it_had_not_been(ayneh, tmp_path, tiny, falls_ill, monkeypatch):
    flags = (*tiny, *FLAGS)
    assert ayneh("train", "digits", *flags, "--out", tmp_path / "whole")[0] == 0
    falls_ill.rescued = False
    tick = Journal.tick

    def full(self, now):
        if self.images_given_up and now.moment.step == 24:
            raise OSError(errno.ENOSPC, "no room")
        tick(self, now)

    monkeypatch.setattr(Journal, "tick", full)
    assert ayneh("train", "digits", *flags, "--out", tmp_path / "cut")[0] != 0
    monkeypatch.setattr(Journal, "tick", tick)
    status, _, err = ayneh("resume", tmp_path / "cut")
    assert status == 0, err
    a, b = (checkpoint(tmp_path / name, 7) for name in ("whole", "cut"))
    assert a.keys() == b.keys()
    assert all(a[k].equal(b[k]) for k in a)
    whole, cut = (Record.open(tmp_path / name).lines() for name in ("whole", "cut"))
    timeless = lambda line: {k: v for k, v in line.items() if k not in ("wall_s", "images_per_s")}  # noqa: E731
    assert [timeless(line) for line in cut] == [timeless(line) for line in whole]


@pytest.mark.slow
def test_a_stop_does_not_move_the_next_healthy_checkpoint(ayneh, tmp_path, tiny, falls_ill, monkeypatch):
    monkeypatch.setattr(journal, "APART_LOOKS", 3)
    falls_ill.rescued = True  # healthy to the end
    kept = {}
    for name, first in (("whole", 8), ("cut", 5)):  # a run of five epochs that is then made longer
        flags = (*FLAGS[2:], "--epochs", first)
        assert ayneh("train", "digits", *tiny, *flags, "--out", tmp_path / name)[0] == 0
        assert ayneh("resume", tmp_path / name, "--epochs", 8)[0] == 0
        kept[name] = sorted(p.name for p in (tmp_path / name / "checkpoints").glob("healthy-*"))
    assert kept["cut"] == kept["whole"] == ["healthy-0002.safetensors", "healthy-0005.safetensors"]


def test_numbers_that_are_not_finite_are_rescued_too_and_not_without_end(ayneh, tmp_path, tiny):
    hot = ("--optimizer.lr", 1e20, "--rules.penalty", "r1", "--optimizer.eps", 1e-30)
    status, _, err = ayneh("train", "digits", *tiny, *FLAGS, *hot, "--out", tmp_path / "run")
    assert status != 0
    assert len(Record.open(tmp_path / "run").report("rescues")["rescues"]) == 2
    assert "Rescue: not finite" in err
    assert "The training broke down" in err.splitlines()[-1]


def test_one_run_at_a_time(ayneh, tmp_path, tiny):
    status, _, err = ayneh("train", "digits", *tiny, "--rescue", 1, "--seeds", 2, "--out", tmp_path / "run")
    assert status == 2
    assert "--rescue works on one run at a time, and --seeds is 2" in err
    with pytest.raises(UserError, match="--rescue is -1"):
        Config(rescue=-1)


@pytest.mark.slow
def test_the_diagnosis_and_the_board_tell_of_the_rescues(ayneh, tmp_path, tiny, falls_ill):
    flags = (*FLAGS, "--keep.tensorboard")
    assert ayneh("train", "digits", *tiny, *flags, "--out", tmp_path / "run")[0] == 0
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = EventAccumulator(str(tmp_path / "run" / "events")).Reload()
    assert [event.step for event in board.Scalars("mean_loss_d/0")] == [4, 8, 12, 16, 20, 24, 28, 32]
    (tmp_path / "run" / "probe.json").write_text('{"of": "another version"}')
    status, _, err = ayneh("diagnose", tmp_path / "run")
    assert status == 0, err
    page = (tmp_path / "run" / "diagnosis.html").read_text()
    assert "Rescue: sudden jump at step 24. Back to step 16 (epoch 3), 256 images given up" in page
    assert "probe.json is damaged or of another version (" in page
    assert "): run `ayneh diagnose --probe` again" in page


NETS = """from torch import nn

Gen = lambda: nn.Sequential(
    nn.Linear(8, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(0.2), nn.Linear(12, 64), nn.Tanh(),
    nn.Unflatten(1, (1, 8, 8)),
)
Dis = lambda: nn.Sequential(nn.Flatten(), nn.utils.spectral_norm(nn.Linear(64, 12)), nn.Dropout(0.3), nn.Linear(12, 1))
"""


@pytest.mark.slow
def test_a_rescue_brings_back_what_nets_of_ones_own_remember(tmp_path, falls_ill):
    import ayneh

    names: dict = {}
    exec(NETS, names)
    config = Config(batch=16, epochs=8, rescue=2).changed(
        {"prior.dim": 8, "data.resize": 8, "data.limit": 64, "keep.score_epochs": 0, "keep.vitals_steps": 4,
         "keep.tick_steps": 4, "rules.ema_halflife_images": 0}
    )  # fmt: skip
    run = ayneh.train(config, nets=(names["Gen"], names["Dis"]), out=tmp_path / "run", quiet=True)
    found = json.loads((run.folder / "rescues.json").read_text())["rescues"]
    assert len(found) == 1
    state = run.at().state
    assert state["gen_buffers/1.num_batches_tracked"].tolist() == [run.step]  # not those given up


@pytest.mark.slow
def test_a_rescue_of_a_labelled_run_goes_on_with_its_classes(tmp_path, falls_ill):
    """Other noise and other classes of fakes, the same labels of the images; the rescue's draws give the same bits."""
    import torch

    import ayneh
    from ayneh.data.sources import load
    from ayneh.engine.match import Match, replicas_of
    from ayneh.evaluation import labelled

    config = Config(batch=16, epochs=8, rescue=2).changed(
        {"prior.dim": 8, "net.width": 4, "data.resize": 8, "data.limit": 64, "keep.score_epochs": 0, "rules.labels":
         "projection", "keep.vitals_steps": 4, "keep.tick_steps": 4, "rules.ema_halflife_images": 0}
    )  # fmt: skip
    run = ayneh.train(config, out=tmp_path / "run", quiet=True)
    (one,) = json.loads((run.folder / "rescues.json").read_text())["rescues"]
    images = load("digits", "train", resize=8, limit=64)
    before, after = (
        Match(replicas_of(config), images.pixels, torch.device("cpu"), turn, labelled(config, images))
        for turn in (0, 1)
    )
    assert not torch.equal(*(match.draws(9)["dis"][0]["y"]["fake"] for match in (before, after)))
    state = before.start()
    for i in range(run.step):
        state, _ = (before if i < one["to_step"] else after).play(state, i)
    assert all(torch.equal(value, run.at().state[name]) for name, value in after.named(state).items())
