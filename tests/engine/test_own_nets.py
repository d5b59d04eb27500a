"""Nets of one's own in the game: held to plain PyTorch loops, stopped and resumed, alone and in stacks."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn.utils import spectral_norm as old_spectral_norm
from torch.nn.utils.parametrizations import spectral_norm

from ayneh.config import Config, Optimizer, Prior, Rules
from ayneh.config import Net as Settings
from ayneh.engine.inline import Inline
from ayneh.engine.match import Match, replicas_of
from ayneh.game.inside import seeded
from ayneh.game.nets import NETS
from ayneh.game.own import OwnPair

CPU = torch.device("cpu")
MINE = Config(
    batch=8, prior=Prior(dim=6), net=Settings("mine"), precision="float64", rules=Rules(dropout=0.0),
    optimizer=Optimizer(lr=2e-3),
)  # fmt: skip


class Gen(nn.Module):
    """As PyTorch's DCGAN tutorial has it: z (B, Z, 1, 1), batch norm with running statistics."""

    def __init__(self, width=4, channels=1):
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(6, width, 4, 1, 0, bias=False), nn.BatchNorm2d(width), nn.ReLU(True),
            nn.ConvTranspose2d(width, channels, 4, 2, 1, bias=False), nn.Tanh(),
        )  # fmt: skip

    def forward(self, z):
        return self.main(z)


class NoisyGen(nn.Module):
    """Noise in its layers, as in StyleGAN, of a weight that starts at 0; a perceptron."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(6, 16), nn.Linear(16, 64)
        self.strength = nn.Parameter(torch.zeros(()))

    def forward(self, z):
        x = self.first(z)
        x = torch.relu(x + self.strength * torch.randn_like(x))
        return self.last(x).tanh().view(-1, 1, 8, 8)


class Dis(nn.Module):
    """Batch norm, dropout, and (B, 1, 1, 1) through a sigmoid."""

    def __init__(self, p=0.3):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(1, 4, 4, 2, 1), nn.BatchNorm2d(4), nn.LeakyReLU(0.2, inplace=True), nn.Dropout(p),
            nn.Conv2d(4, 1, 4, 1, 0), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, x):
        return self.main(x).view(-1, 1).squeeze(1)


class SpectralDis(nn.Module):
    """PyTorch's power iterations, both kinds; a frozen layer, a weight under two names, a buffer that is not saved."""

    def __init__(self):
        super().__init__()
        self.first = spectral_norm(nn.Conv2d(1, 4, 4, 2, 1))
        self.frozen = nn.Conv2d(4, 4, 1).requires_grad_(False)
        self.one = nn.Linear(64, 64)
        self.two = nn.Linear(64, 64)
        self.two.weight = self.one.weight
        self.last = old_spectral_norm(nn.Linear(64, 1))
        self.register_buffer("calls", torch.tensor(0), persistent=False)

    def forward(self, x):
        self.calls += 1
        x = nn.functional.leaky_relu(self.frozen(self.first(x)), 0.2).flatten(1)
        return self.last(torch.relu(self.two(torch.relu(self.one(x)))))


PAIRS = {
    "batch norm, dropout, sigmoid": OwnPair(Gen, Dis),
    "spectral norm": OwnPair(Gen, SpectralDis, {"width": 3}),
    "noise inside": OwnPair(NoisyGen, Dis),
}


@pytest.fixture(params=PAIRS)
def mine(request, monkeypatch):
    monkeypatch.setitem(NETS, "mine", PAIRS[request.param])
    return PAIRS[request.param]


@pytest.fixture
def named(monkeypatch):
    """``named(gen, dis)`` is the pair "mine"."""
    return lambda gen, dis, **args: monkeypatch.setitem(NETS, "mine", OwnPair(gen, dis, **args))


def pixels(n=50, side=8, channels=1):
    return torch.randint(
        0, 256, (n, channels, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(5)
    )


def match_of(config):
    return Match(replicas_of(config), pixels(), CPU)


def played(config, steps, match=None, state=None, first=0):
    match = match or match_of(config)
    stack = Inline(match, match.start() if state is None else state, first)
    measures = stack.advance(steps)
    return match, stack.state, measures


def assert_same(ours, theirs, tolerance=0.0):
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert ours[name].dtype == value.dtype, name
        torch.testing.assert_close(ours[name], value, rtol=tolerance, atol=tolerance, msg=lambda m, n=name: n + m)


class Plain:
    """The game as one writes it in PyTorch: modules in training mode, their own buffers, BCE on probabilities."""

    def __init__(self, match, state, bce):
        self.gen = match.gen.filled(state["gen"][0], match.gen.of(state, 0)).net.train()
        self.dis = match.dis.filled(state["dis"][0], match.dis.of(state, 0)).net.train()
        self.bce, self.match = bce, match
        trained = [[p for p in net.parameters() if p.requires_grad] for net in (self.gen, self.dis)]
        self.opt_g, self.opt_d = (torch.optim.Adam(own, lr=2e-3, betas=(0.5, 0.999)) for own in trained)

    def call(self, net, x, draw, name):
        seeds = draw.get("inside", {}).get(name)
        with seeded(seeds[0] if seeds else 0):
            return net(x)

    def step(self, i):
        (d,), (g,) = self.match.draws(i)["dis"], self.match.draws(i)["gen"]
        real = self.match.reals(i)[0][0].double() / 127.5 - 1
        z = d["z"][0]
        z = z[:, :, None, None] if isinstance(self.gen, Gen) else z
        ones, zeros = torch.ones(8, dtype=torch.float64), torch.zeros(8, dtype=torch.float64)
        self.opt_d.zero_grad()
        fake = self.call(self.gen, z, d, "z")
        loss_d = self.bce(self.call(self.dis, real, d, "real").flatten(), ones)
        loss_d = loss_d + self.bce(self.call(self.dis, fake.detach(), d, "fake").flatten(), zeros)
        loss_d.backward()
        self.opt_d.step()
        self.opt_g.zero_grad()
        loss_g = self.bce(self.call(self.dis, fake, g, "fake").flatten(), ones)
        loss_g.backward()
        self.opt_g.step()
        return loss_d.detach(), loss_g.detach()


def test_the_game_is_a_plain_pytorch_loop(mine):
    """The sigmoid is undone by the game and not by the loop, which has its loss of probabilities."""
    match = match_of(MINE)
    state = match.start()
    sigmoid = mine.dis is Dis
    plain = Plain(match, state, nn.BCELoss() if sigmoid else nn.BCEWithLogitsLoss())
    for i in range(8):
        loss_d, loss_g = plain.step(i)
        state, measures = match.play(state, i)
        torch.testing.assert_close(measures["loss_d"][0], loss_d, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(measures["loss_g"][0], loss_g, rtol=1e-9, atol=1e-9)
    for net, module, who in ((match.gen, plain.gen, "gen"), (match.dis, plain.dis, "dis")):
        ours = net.unpack(state[who][0]) | net.of(state, 0)
        theirs = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        assert ours.keys() == theirs.keys()
        for name, value in theirs.items():
            torch.testing.assert_close(ours[name], value.detach(), rtol=1e-7, atol=1e-9, msg=lambda m, n=name: n + m)
            assert ours[name].dtype == value.dtype


RULES = {
    "plain": Rules(),
    "penalties that differentiate twice": Rules(penalty="wgan-gp", loss="wasserstein", gamma=0.3),
    "two of each, relativistic, r1": Rules(penalty="r1", loss="relativistic", dis_steps=2, gen_steps=2),
    "average, dropout, noise": Rules(ema_halflife_images=40.0, dropout=0.2, instance_noise=0.1),
}


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
def test_stopping_and_resuming_is_not_having_stopped(mine, rules):
    config = replace(MINE, rules=rules)
    _, whole, measures = played(config, 6)
    match, half, _ = played(config, 3)
    saved = {name: value.clone() for name, value in match.named(half).items()}
    torch.rand(3)  # what others draw meanwhile changes nothing
    match = match_of(config)
    _, rest, after = played(config, 3, match, match.restored(saved), 3)
    assert_same(rest, whole)
    assert_same(after, {name: value[3:] for name, value in measures.items()})


def test_three_replicas_are_three_single_runs(mine):
    config = replace(MINE, seed=7, seeds=3, rules=RULES["two of each, relativistic, r1"])
    _, state, _ = played(config, 3)
    for r in range(3):
        _, alone, _ = played(replace(config, seed=7 + r, seeds=1), 3)
        assert_same({name: value[r : r + 1] for name, value in state.items()}, alone, 1e-9)


def test_the_game_leaves_the_users_generators_alone(mine):
    import random

    import numpy as np

    torch.manual_seed(3)
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    played(MINE, 2)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before[1:]


def test_bfloat16_plays_and_differs(mine):
    _, half, measures = played(replace(MINE, precision="bfloat16"), 2)
    _, full, _ = played(replace(MINE, precision="float32"), 2)
    assert all(value.isfinite().all() for value in measures.values())
    assert half["gen"].dtype == torch.float32
    assert not torch.equal(half["dis"], full["dis"])


def test_a_state_has_buffers_in_their_own_type(named):
    named(Gen, SpectralDis)
    match, state, _ = played(replace(MINE, seeds=2), 3)
    assert state["gen_buffers/main.1.num_batches_tracked"].tolist() == [3, 3]
    assert state["dis_buffers/calls"].tolist() == [9, 9]
    start = match.start()
    assert torch.equal(state["dis_buffers/frozen.weight"], start["dis_buffers/frozen.weight"])
    assert not torch.equal(start["dis_buffers/frozen.weight"][0], start["dis_buffers/frozen.weight"][1])
    assert sum(name.endswith("weight") for name in match.dis.shapes) == 1  # one.weight, which is two.weight, too
