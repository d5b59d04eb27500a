"""Nets of one's own with buffers and dropout: begun with another run's weights, rescued, divided among processes."""

import pytest
import torch
from torch import Tensor, nn

import ayneh
from ayneh.config import Config, Net, Prior
from ayneh.engine.match import Match, replicas_of
from ayneh.engine.stacks import Inline, Processes
from ayneh.parts.registry import add


class Gen(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(8, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(0.2), nn.Linear(12, 64), nn.Tanh()
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.net(z).view(-1, 1, 8, 8)


class Dis(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Flatten(), nn.utils.spectral_norm(nn.Linear(64, 12)), nn.ReLU(), nn.Dropout(0.3), nn.Linear(12, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


@pytest.fixture(autouse=True)
def nets():
    add("net", "remembering", (Gen, Dis))


def small(**others):
    return Config(batch=16, net=Net("remembering"), prior=Prior(dim=8), **others)


@pytest.mark.slow
def test_init_from_takes_what_the_nets_remember(tmp_path):
    config = small(epochs=1).changed(
        {"data.resize": 8, "data.limit": 64, "keep.score_epochs": 0, "keep.checkpoint_epochs": 1}
    )
    first = ayneh.train(config, out=tmp_path / "first", quiet=True)
    second = ayneh.train(config.changed(seed=5), out=tmp_path / "second", init_from=first, quiet=True)
    begun = second._record.checkpoints.initial().tensors
    ended = first.at(0).state
    kept = [name for name in ended if name.partition("/")[0] in ("gen_buffers", "dis_buffers")]
    assert len(kept) == 5  # of the batch norm three, of the power iteration two
    assert all(torch.equal(begun[name], ended[name]) for name in kept)
    again = ayneh.train(config.changed(seed=5, epochs=2), out=tmp_path / "third", init_from=first, quiet=True)
    second.resume(epochs=2, quiet=True)
    assert all(torch.equal(second.at(1).state[name], again.at(1).state[name]) for name in again.at(1).state)


@pytest.mark.slow
def test_processes_carry_what_the_nets_remember():
    pixels = torch.randint(0, 255, (64, 1, 8, 8), dtype=torch.uint8, generator=torch.manual_seed(0))
    match = Match(replicas_of(small(seeds=3, precision="float64")), pixels, torch.device("cpu"))
    inline, processes = Inline(match, match.start(), 0), Processes(match, match.start(), 0, workers=2)
    try:
        for n in (1, 3):
            inline.advance(n)
            processes.advance(n)
        for name, value in inline.state.items():
            torch.testing.assert_close(processes.state[name], value, rtol=1e-10, atol=1e-10)
        assert any(name.startswith("dis_buffers") for name in inline.state)
    finally:
        processes.close()
