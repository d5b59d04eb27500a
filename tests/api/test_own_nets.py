"""Nets and callbacks of one's own, from Python: trained, gone on with, and each run keeps to its own nets."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

import ayneh


class Gen(nn.Module):
    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(8, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, 64), nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        return self.net(z).view(-1, 1, 8, 8)


class Dis(nn.Module):
    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.LeakyReLU(0.2), nn.Linear(width, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


def test_two_classes_train_and_come_back_as_plain_nets(config, tmp_path):
    run = ayneh.train(config, nets=(Gen, Dis), out=tmp_path / "run", quiet=True)
    assert run.finished
    assert run.config.net.name == "Gen+Dis"
    gen, dis = run.at().nets()
    with torch.no_grad():
        images = gen(run.prior.sample(3))
        assert images.shape == (3, 1, 8, 8)
        assert dis(images).shape == (3,)
        assert isinstance(gen.net, Gen)
    assert run.sample(3).shape == (3, 1, 8, 8)
    alone = run.folder / "generators" / "epoch-0000.safetensors"  # with what G remembers
    assert {name.partition("/")[0] for name in load_file(alone)} == {"ema", "gen_buffers"}
    again = ayneh.train(config.changed(epochs=1), nets=(Gen, Dis), out=tmp_path / "again", quiet=True)
    assert again.resume(epochs=2, quiet=True).finished
    assert np.array_equal(again.sample(3), run.sample(3))


def test_each_run_keeps_to_its_own_nets_though_they_have_one_name(config, tmp_path):
    small = ayneh.train(config, nets=((Gen, {"width": 8}), (Dis, {})), out=tmp_path / "small", quiet=True)
    before = small.sample(2)
    large = ayneh.train(config, nets=((Gen, {"width": 24}), Dis), out=tmp_path / "large", quiet=True)
    assert np.array_equal(small.sample(2), before)
    widths = [run.at().nets()[0].net.net[0].out_features for run in (small, large, small)]
    assert widths == [8, 24, 8]


def test_a_loop_of_ones_own_plays_own_nets(config):
    for moment in ayneh.play(config, nets=(Gen, Dis), every=2):
        assert moment.samples(3).shape == (3, 1, 8, 8)
        break
    assert moment.step == 2


@pytest.mark.parametrize(
    ("nets", "words"),
    [
        (Gen, "nets is (Gen, Dis)"),
        ((Gen, Dis, Dis), "nets is (Gen, Dis)"),
        ((Gen, 3), "one of them is 3 (int)"),
        ((Gen, (Dis, 3)), "the arguments of one are 3 (int)"),
        ((Gen, (Dis, {"breadth": 3})), "breadth"),
        ((Dis, Dis), "G failed on (4, 8), at its layer net.1 (Linear)"),
    ],
)
def test_nets_that_cannot_play_are_refused_in_one_sentence(config, nets, words, tmp_path):
    with pytest.raises(ayneh.UserError) as refused:
        ayneh.train(config, nets=nets, out=tmp_path / "run", quiet=True)
    assert words in str(refused.value)
    assert not (tmp_path / "run" / "config.json").exists()


def test_callbacks_see_each_line_and_are_kept_when_the_run_goes_on(config, tmp_path):
    seen = []
    run = ayneh.train(config, callbacks=[lambda line: seen.append(line["step"])], out=tmp_path / "run", quiet=True)
    assert seen == run.metrics.steps.tolist()
    run.resume(epochs=4, quiet=True)
    assert seen == run.metrics.steps.tolist()
    others = []
    run.resume(epochs=5, callbacks=[lambda line: others.append(line["step"])], quiet=True)
    run.resume(epochs=6, quiet=True)
    assert seen + others == run.metrics.steps.tolist()
    with pytest.raises(ayneh.UserError, match="tensorbord"):
        ayneh.train(config, callbacks=["tensorbord"], out=tmp_path / "other", quiet=True)


@pytest.mark.slow
def test_a_comparison_scores_each_run_with_its_own_nets(config, tmp_path):
    runs = []
    for width in (8, 24):
        nets = (Gen, {"width": width}), (Dis, {})
        runs.append(ayneh.train(config.changed(epochs=1), nets=nets, out=tmp_path / str(width), quiet=True))
    alone = [run.evaluate(n=100)["fd"].value for run in runs]
    together = ayneh.compare(runs, n=100)
    assert [together[str(run.folder)]["fd"].value for run in runs] == alone


def test_a_users_own_generator_goes_on_as_it_was(config, tmp_path):
    """Training and scoring build nets, whose constructors draw."""
    torch.manual_seed(5)
    before = torch.get_rng_state()
    run = ayneh.train(config, out=tmp_path / "run", quiet=True)
    assert torch.equal(torch.get_rng_state(), before)
    run.evaluate(n=50)
    assert torch.equal(torch.get_rng_state(), before)
