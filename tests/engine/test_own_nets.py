"""Nets of one's own in the game: held to plain PyTorch loops, stopped and resumed, alone and in stacks."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn.utils import spectral_norm as old_spectral_norm
from torch.nn.utils.parametrizations import spectral_norm

from ayneh.config import Config, Data, Optimizer, Prior, Rules
from ayneh.config import Net as Settings
from ayneh.engine.critic import critic_of
from ayneh.engine.inline import Inline
from ayneh.engine.match import Match, replicas_of
from ayneh.engine.sampler import sampler_in, sampler_of
from ayneh.errors import UserError
from ayneh.game.nets import NETS
from ayneh.game.own import OwnPair
from ayneh.generators import seeded

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


def test_vmap_plays_the_rows_and_what_it_refuses_runs_row_by_row(named, monkeypatch, capsys):
    """As on an accelerator, on a CPU in float64."""
    named(Gen, SpectralDis)
    match = match_of(replace(MINE, seeds=3))
    state, z = match.start(), match.chance.z(0, "z", 8)
    rows, after = match.gen.play(state["gen"], z, state, None)
    stacked, remembered = match.gen._stacked(state["gen"], z, state)
    torch.testing.assert_close(stacked, rows, rtol=1e-10, atol=1e-10)
    assert_same(remembered, after, 1e-10)
    named(Gen, Dis, dis_args={"p": 0.0})  # what went into its sigmoid is found under vmap, too
    sigmoid = match_of(replace(MINE, seeds=3))
    start = sigmoid.start()
    logits, _ = sigmoid.dis.play(start["dis"], rows, start, None)
    assert (sigmoid.dis.tried.output, logits.min() < 0) == ("sigmoid", True)
    torch.testing.assert_close(sigmoid.dis._stacked(start["dis"], rows, start)[0], logits, rtol=1e-10, atol=1e-10)

    logits, after = match.dis.play(state["dis"], rows, state, None)
    with pytest.raises(UserError, match="Batching rule not implemented"):  # PyTorch's spectral norm has out=
        match.dis._stacked(state["dis"], rows, state)
    monkeypatch.setattr("ayneh.engine.own_net._is_cpu", lambda theta: False)
    for _ in range(2):
        again, remembered = match.dis.play(state["dis"], rows, state, None)
        assert torch.equal(again, logits)
        assert_same(remembered, after)
    assert capsys.readouterr().err.count("runs row by row") == 1


def test_a_sampler_has_standing_statistics_and_the_same_images_every_time(mine):
    match, state, _ = played(replace(MINE, seeds=2), 3)
    sampler = sampler_in(match, state, 1)
    images = sampler.images("some", 300)
    torch.rand(1)
    assert torch.equal(sampler.images("some", 300), images)
    named = match.named(state)
    again = sampler_of(replace(MINE, seeds=2), match.image_shape, named, 1)
    apart = 1e-4 if mine.gen is Gen else 0.05  # float32, in which the noise inside has other numbers
    torch.testing.assert_close(again.images("some", 300), images, rtol=1e-4, atol=apart)
    if mine.gen is Gen:
        z = sampler.latents("some", 300)
        torch.testing.assert_close(sampler.gen(z[:2]), sampler.gen(z)[:2])  # an image depends on its own z
        norm = sampler.gen.net.main[1]
        hidden = sampler.gen.net.main[0](sampler.latents("standing", 2048)[:, :, None, None])
        torch.testing.assert_close(norm.running_mean, hidden.mean((0, 2, 3)), rtol=1e-6, atol=1e-9)
    else:
        assert not torch.equal(images[:44], images[256:])  # each batch has noise of its own


def test_a_critic_gives_logits_and_the_input_of_the_last_layer(named):
    named(Gen, SpectralDis)
    match, state, _ = played(MINE, 3)
    critic = critic_of(MINE, match.image_shape, match.named(state), 0)
    x = torch.rand(5, 1, 8, 8) * 2 - 1
    features = critic.features(x)
    assert features.shape == (5, 64)
    torch.testing.assert_close(critic.dis.net.last(features).flatten(), critic.logits(x))
    own = match.dis.filled(state["dis"][0], match.dis.of(state, 0)).eval()
    torch.testing.assert_close(own(x.double()).float(), critic.logits(x), rtol=1e-4, atol=1e-5)
    control = critic_of(MINE, match.image_shape, match.named(state), 0, trained=False)
    assert not torch.allclose(control.logits(x), critic.logits(x))
    with pytest.raises(UserError, match="no reader of z"):
        critic.latents(x)


@pytest.mark.parametrize(("change", "words"), [
    ({"rules": Rules(mirror_weight=1.0)}, r"--rules\.mirror-weight is 1, but the D of mine has no features"),
    ({"rules": Rules(mirror_weight=1.0, mirror_reader="own")}, r"the D of mine is no net of ayneh's, .*reader own"),
    ({"net": Settings("mine", dis_output="sigmoid")}, "no output of D called 'sigmoid'"),
    ({"net": Settings("mlp", dis_output="logit")}, r"--net\.dis-output is logit, but mlp is ayneh's own"),
    ({"net": Settings("mine", init="xavier")}, "no initialisation called 'xavier'"),
    ({"data": Data(pad_to=16)}, r"--data\.pad-to is 16, but G draws images of 8 pixels"),
    ({"prior": Prior(dim=7)}, r"G failed on \(4, 7, 1, 1\), at its layer main\.0 \(ConvTranspose2d\).*--prior\.dim 7"),
])  # fmt: skip
def test_what_a_pair_of_ones_own_cannot_play_by_is_refused(named, change, words):
    named(Gen, Dis)
    with pytest.raises(UserError, match=words):
        match_of(replace(MINE, **change))


def test_images_larger_than_those_of_g_are_refused_and_smaller_ones_framed(named):
    named(Gen, Dis)
    with pytest.raises(UserError, match=r"G draws images of 8x8 pixels, and those .* 10x10: .*--data.resize 8"):
        Match([MINE], pixels(side=10), CPU)
    assert Match([MINE], pixels(side=6), CPU).image_shape == (1, 8, 8)


def test_initial_weights_are_the_constructors_own_under_the_seed_or_those_of_an_init(named):
    from ayneh.engine.noise import FIXED, derive

    named(Gen, SpectralDis)
    state, match = match_of(MINE).start(), match_of(MINE)
    with seeded(derive(0, FIXED, "init gen")):
        theirs = Gen()
    ours = match.gen.unpack(state["gen"][0])
    for name, p in theirs.named_parameters():
        assert torch.equal(ours[name], p.detach().double())
    drawn = match_of(replace(MINE, net=Settings("mine", init="dcgan"), seeds=2))
    first, _ = drawn.start()["dis"], torch.rand(3)
    weights = match.dis.unpack(first[0])["first.parametrizations.weight.original"]
    assert weights.std() < 0.03  # N(0, 0.02^2) in the weight that is trained
    assert torch.equal(drawn.start()["dis"], first)
    assert not torch.equal(*first)


def test_a_net_that_is_another_one_under_another_seed_is_refused(named):
    named(lambda: Gen(int(torch.randint(2, 9, ()))), Dis)
    with pytest.raises(UserError, match="other weights under another seed: it must be built the same each time"):
        match_of(replace(MINE, seeds=8)).start()


def with_buffer(buffer):
    """G with a buffer that ``buffer`` makes under each seed."""
    net = Gen()
    net.main[0].register_buffer("kept", buffer())
    return net


@pytest.mark.parametrize("buffer", [
    lambda: (torch.rand(64) < 0.5).nonzero().flatten(), lambda: torch.zeros(3).to([torch.int64, torch.int32][flip()]),
], ids=["length", "type"])  # fmt: skip
def test_a_net_that_has_other_buffers_under_another_seed_is_refused(named, buffer):
    named(lambda: with_buffer(buffer), Dis)
    with pytest.raises(UserError, match="G has another buffer main.0.kept under another seed, by name, shape or type"):
        match_of(replace(MINE, seeds=8)).start()


def flip():
    return int(torch.randint(2, ()))


class Sown(Gen):
    def __init__(self):
        torch.manual_seed(0)
        super().__init__()


def by_its_own():
    net, chance = Gen(), torch.Generator().manual_seed(0)
    for p in net.parameters():
        torch.nn.init.normal_(p, generator=chance)
    return net


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(
    ("gen", "init", "same"),
    [(Sown, None, True), (by_its_own, None, True), (Gen, None, False), (Sown, "dcgan", False), (Gen(), "as-is", False)],
)
def test_first_weights_that_no_seed_changes_are_said_to_be_so(named, monkeypatch, capsys, gen, init, same, seeds):
    monkeypatch.setattr("ayneh.terminal.text._warned", set())
    named(gen, Dis() if init == "as-is" else Dis)
    match = match_of(replace(MINE, net=Settings("mine", init=init), seeds=seeds))
    match.start()
    said = capsys.readouterr().err
    assert ("G has the same first weights under every seed" in said) == same
    assert "D has the same" not in said


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
def test_nets_that_change_their_input_in_place_play_the_same_bits(named, rules):
    class Scaled(nn.Module):
        def __init__(self, net, in_place):
            super().__init__()
            self.net, self.in_place = net, in_place

        def forward(self, x):
            return self.net(x.mul_(0.5).add_(0.3) if self.in_place else x * 0.5 + 0.3)

    states = []
    for in_place in (True, False):
        drop = nn.Dropout(0.2, inplace=in_place)
        named(lambda on=in_place: Scaled(Gen(), on), lambda on=in_place, p=drop: Scaled(nn.Sequential(p, Dis()), on))
        match, state, _ = played(replace(MINE, rules=rules, seeds=2), 2)
        states.append(state)
        z = torch.ones(2, 6, dtype=torch.float64)
        sampler_in(match, state, 0).gen(z)
    assert_same(*states)
    assert torch.equal(z, torch.ones_like(z))


def test_lazy_layers_get_their_sizes_from_the_game(named):
    named(
        lambda: nn.Sequential(nn.LazyLinear(64), nn.Tanh(), nn.Unflatten(1, (1, 8, 8))),
        lambda: nn.Sequential(nn.Flatten(), nn.LazyLinear(8), nn.LazyBatchNorm1d(), nn.ReLU(), nn.LazyLinear(1)),
    )
    match, state, _ = played(replace(MINE, seeds=2), 2)
    assert match.dis.shapes["1.weight"] == (8, 64)
    assert not torch.equal(state["gen"][0], state["gen"][1])
    saved = match.named(state)
    assert_same(match_of(replace(MINE, seeds=2)).restored(saved), state)


def test_a_checkpoint_without_a_buffer_or_with_another_is_refused(named):
    named(Gen, Dis)
    match = match_of(MINE)
    saved = match.named(match.start())
    name = "gen_buffers/main.1.num_batches_tracked"
    with pytest.raises(UserError, match=f"{name} is missing"):
        match.restored({key: value for key, value in saved.items() if key != name})
    with pytest.raises(UserError, match=f"{name} has the type float32 and should have int64"):
        match.restored(saved | {name: saved[name].float()})
    with pytest.raises(UserError, match="gen_buffers/other belongs to no net"):
        match.restored(saved | {"gen_buffers/other": saved[name]})


def test_recurrent_nets_learn_too(named):
    """PyTorch's keep their weights in a list of their own as well."""

    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm, self.last = nn.LSTM(8, 5, batch_first=True), nn.Linear(5, 1)

        def forward(self, x):
            return self.last(self.lstm(x[:, 0])[0][:, -1])

    named(Gen, Reader)
    match = match_of(MINE)
    start = match.start()
    state, _ = match.play(start, 0)
    moved = match.dis.unpack(state["dis"][0] - start["dis"][0])
    assert all(bool((change != 0).any()) for change in moved.values())


def test_a_net_that_fails_on_the_batches_of_the_game_is_one_sentence(named):
    class Grouped(Dis):
        def forward(self, x):
            return super().forward(x.view(-1, 4, *x.shape[1:]).flatten(0, 1))

    named(Gen, Grouped)
    match = match_of(replace(MINE, batch=6))
    with pytest.raises(UserError, match=r"D took 4 inputs in its trial, and fails on \(6, 1, 8, 8\).*RuntimeError"):
        match.play(match.start(), 0)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_module_of_any_floats_plays_in_those_of_the_run(named, precision):
    named(lambda: Gen().double(), lambda: Dis().half())
    _, state, measures = played(replace(MINE, precision=precision), 2)
    kinds = {value.dtype for value in state.values()}
    assert kinds == {getattr(torch, precision), torch.int64}
    assert all(value.isfinite().all() for value in measures.values())


def test_a_game_of_ones_own_nets_that_is_too_large_is_refused(named, monkeypatch):
    named(Gen, Dis)
    match_of(MINE)
    monkeypatch.setattr("ayneh.engine.memory.machine_bytes", lambda device: 20_000.0)
    with pytest.raises(UserError, match=r"mine nets \([\d,]+ weights\), --batch 8, 1 at a time, would need about"):
        match_of(MINE)


def test_layers_of_ones_own_nets_need_twice_the_memory_with_a_penalty(named, monkeypatch):
    named(Gen, Dis)
    needed = []
    monkeypatch.setattr("ayneh.engine.players.refuse_over", lambda found, *_: needed.append(found))
    penalised = replace(MINE, rules=replace(MINE.rules, penalty="r1"))
    for config in (MINE, replace(MINE, batch=2 * MINE.batch), penalised):
        match_of(config)
    once, twice, with_penalty = needed  # twice: the outputs of a batch of twice as many, and no more weights
    assert with_penalty - once == twice - once > 0


def test_an_instance_plays_from_the_weights_that_it_has(named):
    gen, dis = Gen(), Dis()
    named(gen, dis)
    before = {name: p.clone() for name, p in gen.named_parameters()}
    match = match_of(replace(MINE, net=Settings("mine", init="as-is"), seeds=2))
    start = match.start()
    for name, p in before.items():
        for r in range(2):
            assert torch.equal(match.gen.unpack(start["gen"])[name][r], p.detach().double())
    match.play(start, 0)
    assert all(torch.equal(p, before[name]) for name, p in gen.named_parameters())  # it is copied
    assert gen.main[1].num_batches_tracked == 0


class NoiseThenNorm(nn.Module):
    """One number of noise a call before a batch norm: its statistics are those of the noise."""

    def __init__(self):
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Linear(4, 64)

    def forward(self, z):
        x = self.norm(0 * self.first(z) + torch.randn(()))
        return self.last(x).tanh().view(-1, 1, 8, 8)


def test_standing_statistics_are_of_other_chance_in_each_batch(named):
    named(NoiseThenNorm, Dis)
    match = match_of(MINE)
    assert sampler_in(match, match.start(), 0).gen.net.norm.running_mean[0].abs() < 0.3  # the mean of 256 numbers
