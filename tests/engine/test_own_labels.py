"""Nets of one's own in labelled games: G(z, y), D(x, y), or D(x) with a class head; and what their trial says."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ayneh.config import Config, Optimizer, Prior, Rules
from ayneh.config import Net as Settings
from ayneh.engine.critic import critic_of
from ayneh.engine.match import Match, replicas_of
from ayneh.engine.sampler import sampler_in, sampler_of
from ayneh.engine.trial import try_gen
from ayneh.errors import UserError
from ayneh.game.nets import NETS
from ayneh.game.own import OwnPair
from ayneh.generators import seeded
from ayneh.labels import Labels

CPU = torch.device("cpu")
K = 3
CLASSES = Labels(("a", "b", "c"), (0.5, 0.3, 0.2))
MINE = Config(
    batch=8, prior=Prior(dim=6), net=Settings("mine"), precision="float64", optimizer=Optimizer(lr=2e-3),
    rules=Rules(dropout=0.0, labels="concat"),
)  # fmt: skip


class Gen(nn.Module):
    """Batch norm with running statistics, and chance inside."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(K, 4)
        self.first, self.norm, self.last = nn.Linear(10, 16), nn.BatchNorm1d(16), nn.Linear(16, 64)

    def forward(self, z, y):
        h = self.norm(self.first(torch.cat([z, self.embed(y)], 1)))
        return self.last(F.dropout(h.relu(), 0.2, self.training)).tanh().view(-1, 1, 8, 8)


class Dis(nn.Module):
    """A projection D that ends in a sigmoid."""

    def __init__(self):
        super().__init__()
        self.embed, self.first, self.last = nn.Embedding(K, 12), nn.Linear(64, 12), nn.Linear(12, 1)

    def forward(self, x, y):
        h = F.leaky_relu(self.first(x.flatten(1)), 0.2)
        return torch.sigmoid(self.last(h)[:, 0] + (self.embed(y) * h).sum(1))


class Reading(nn.Module):
    """A D with a class head, which ends in a sigmoid, too."""

    def __init__(self, width=K):
        super().__init__()
        self.first, self.last, self.classes = nn.Linear(64, 12), nn.Linear(12, 1), nn.Linear(12, width)

    def forward(self, x):
        h = F.leaky_relu(self.first(x.flatten(1)), 0.2)
        return torch.sigmoid(self.last(h)), self.classes(h)


class PlainGen(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(6, 64)

    def forward(self, z):
        return self.first(z).tanh().view(-1, 1, 8, 8)


class PlainDis(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(64, 1)

    def forward(self, x):
        return self.first(x.flatten(1))


class Idle(PlainGen):
    """It takes the class and makes nothing of it."""

    def forward(self, z, y):
        return super().forward(z)


class Short(Gen):
    """Its embedding has a row less than there are classes."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(K - 1, 4)


class Soft(Reading):
    def forward(self, x):
        logits, classes = super().forward(x)
        return logits, classes.softmax(1)


class Broken(Reading):
    def forward(self, x):
        logits, classes = super().forward(x)
        return logits, classes / 0


@pytest.fixture
def named(monkeypatch):
    return lambda gen, dis: monkeypatch.setitem(NETS, "mine", OwnPair(gen, dis))


def pixels(n=50):
    return torch.randint(0, 256, (n, 1, 8, 8), dtype=torch.uint8, generator=torch.manual_seed(5))


def match_of(config):
    return Match(replicas_of(config), pixels(), CPU, labelled=(torch.arange(50) % K, CLASSES))


def under(how, **rules):
    return replace(MINE, rules=Rules(dropout=0.0, labels=how, **rules))


@pytest.mark.parametrize(("how", "dis"), [("projection", Dis), ("auxiliary", Reading)])
def test_the_labelled_game_of_ones_own_nets_is_a_plain_pytorch_loop(named, how, dis):
    named(Gen, dis)
    match = match_of(under(how, label_weight=0.5))
    state = match.start()
    gen = match.gen.filled(state["gen"][0], match.gen.of(state, 0)).net.train()
    dis = match.dis.filled(state["dis"][0], match.dis.of(state, 0)).net.train()
    opt_g, opt_d = (torch.optim.Adam(net.parameters(), lr=2e-3, betas=(0.5, 0.999)) for net in (gen, dis))
    bce = nn.BCELoss()

    def judged(x, y):
        if how == "projection":
            return dis(x, y), torch.tensor(0.0)
        p, read = dis(x)
        return p[:, 0], F.cross_entropy(read, y)

    for i in range(4):
        (d,) = match.draws(i)["dis"]
        real, y = match.reals(i)[0][0].double() / 127.5 - 1, d["y"]
        with seeded(d["inside"]["z"][0]):
            fake = gen(d["z"][0], y["fake"][0])
        (p_real, unread_real), (p_fake, unread_fake) = judged(real, y["real"][0]), judged(fake.detach(), y["fake"][0])
        loss_d = bce(p_real, torch.ones_like(p_real)) + bce(p_fake, torch.zeros_like(p_fake))
        dis.zero_grad()
        (loss_d + 0.5 * (unread_real + unread_fake)).backward()
        opt_d.step()
        p, unread = judged(fake, y["fake"][0])
        gen.zero_grad()
        (bce(p, torch.ones_like(p)) + 0.5 * unread).backward()
        opt_g.step()
        state, measures = match.play(state, i)
        torch.testing.assert_close(measures["loss_d"][0], loss_d.detach(), rtol=1e-9, atol=1e-9)
    for net, module, who in ((match.gen, gen, "gen"), (match.dis, dis, "dis")):
        ours = net.unpack(state[who][0])
        for name, theirs in module.named_parameters():
            torch.testing.assert_close(ours[name], theirs.detach(), rtol=1e-9, atol=1e-9, msg=name)
    torch.testing.assert_close(state["gen_buffers/norm.running_mean"][0], gen.norm.running_mean)


@pytest.mark.parametrize(("how", "dis"), [("concat", Dis), ("auxiliary", Reading)])
def test_three_replicas_of_ones_own_nets_are_three_runs(named, how, dis):
    named(Gen, dis)
    config = replace(under(how, penalty="r1"), seed=7, seeds=3)
    stack = match_of(config)
    state = stack.start()
    for i in range(3):
        state, measures = stack.play(state, i)
    for r in range(3):
        single = match_of(replace(config, seed=7 + r, seeds=1))
        alone = single.start()
        for i in range(3):
            alone, measured = single.play(alone, i)
        for ours, theirs in ((state, alone), (measures, measured)):
            for key in ours:
                torch.testing.assert_close(ours[key][r : r + 1], theirs[key], rtol=1e-10, atol=1e-10, msg=key)


@pytest.mark.parametrize(("how", "dis"), [("projection", Dis), ("auxiliary", Reading)])
def test_samplers_and_critics_of_ones_own_nets_take_the_class(named, how, dis):
    named(Gen, dis)
    match = match_of(under(how))
    state, _ = match.play(match.start(), 0)
    sampler, y = sampler_in(match, state, 0), torch.tensor([0, 1, 2, 1])
    images = sampler.images("draw 0", 4, y)
    assert not torch.allclose(images, sampler.images("draw 0", 4, (y + 1) % K))
    place = match.replicas[0], match.image_shape, match.named(state), 0
    torch.testing.assert_close(sampler_of(*place, CLASSES).images("draw 0", 4, y), images, rtol=1e-4, atol=1e-4)
    critic = critic_of(*place, labels=CLASSES)
    read = critic.read_class(images)
    torch.testing.assert_close(read.exp().sum(1), torch.ones(4))
    net = critic.dis.net
    with torch.no_grad():
        if how == "auxiliary":
            p, classes = net(images)
            torch.testing.assert_close(read, classes.log_softmax(1))
            torch.testing.assert_close(critic.logits(images).sigmoid(), p[:, 0])
            assert critic.features(images).shape == (4, 12)
        else:
            torch.testing.assert_close(critic.logits(images, y).sigmoid(), net(images, y))
            assert critic.features(images, y).shape == (4, 12)


@pytest.mark.parametrize(
    ("gen", "dis", "how", "message"),
    [
        (PlainGen, Dis, "concat", r"G takes z alone, and in a game with --rules.labels concat it gets the classes, "
         r"too: write its forward\(z, y\), with y int64 \(B,\)"),
        (Gen, PlainDis, "projection", r"D takes x alone, and in a game with --rules.labels projection.* write its "
         r"forward\(x, y\)"),
        (Gen, Dis, "auxiliary", r"D's forward takes a second argument besides x, and with --rules.labels auxiliary "
         r"D gets none: it returns \(logits, class logits\)"),
        (Gen, PlainDis, "auxiliary", r"D returns \(4, 1\) for 4 images; in a game with --rules.labels auxiliary it "
         r"must return \(logits, class logits\), the second \(4, 3\)"),
        (Gen, lambda: Reading(5), "auxiliary", r"class head returns \(4, 5\) of float64 for 4 images and 3 classes"),
        (Short, Dis, "concat", r"G failed on \(4, 6\).*: IndexError: index out of range"),
        (Gen, Soft, "auxiliary", r"D's class head returns probabilities, which sum to 1 .*: leave out the softmax"),
        (Gen, Broken, "auxiliary", r"The outputs of D's class head are not finite at the start \(12 of 12 numbers"),
        (Gen, PlainDis, "none", r"G's forward takes a second argument besides z, and with --rules.labels none there "
         r"is none: leave the argument out, or choose another --rules.labels"),
        (PlainGen, Dis, "none", r"D's forward takes a second argument besides x"),
        (PlainGen, Reading, "none", r"D returns a tuple"),
    ],
)  # fmt: skip
def test_nets_that_do_not_fit_the_labels_are_refused_in_a_sentence(named, gen, dis, how, message):
    named(gen, dis)
    with pytest.raises(UserError, match=message):
        match_of(under(how))


def test_a_net_that_makes_nothing_of_the_class_is_named(named, capsys):
    named(Idle, Reading)
    match_of(under("auxiliary"))
    assert (
        "G draws the same images from a z whatever the class: if its forward does not use y" in capsys.readouterr().err
    )
    named(Gen, Dis)
    match_of(under("concat"))
    assert "whatever the class" not in capsys.readouterr().err


def test_a_net_whose_sizes_follow_from_its_input_takes_classes(named):
    class Lazy(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.first = nn.Embedding(K, 5), nn.LazyLinear(64)

        def forward(self, z, y):
            return self.first(torch.cat([z, self.embed(y)], 1)).tanh().view(-1, 1, 8, 8)

    named(Lazy, Dis)
    match = match_of(under("concat"))
    assert match.gen.shapes["first.weight"] == (64, 11)


def test_the_trial_asks_for_the_last_class_of_many(named):
    """A net whose embedding is too short would fail in the midst of a training, where a rare class comes."""

    class Many(nn.Module):
        def __init__(self, rows):
            super().__init__()
            self.embed, self.first = nn.Embedding(rows, 6), nn.Linear(12, 64)

        def forward(self, z, y):
            return self.first(torch.cat([z, self.embed(y)], 1)).tanh().view(-1, 1, 8, 8)

    assert try_gen(Many(40), 6, 1, ("concat", 40)).shape == (1, 8, 8)
    with pytest.raises(UserError, match="index out of range.* y is a class from 0 to 39."):
        try_gen(Many(39), 6, 1, ("concat", 40))
