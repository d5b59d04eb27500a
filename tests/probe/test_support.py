"""The support probe: laws that hold for any net, and cases whose answer is known."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from ayneh.config import Config, Data, Net, Optimizer, Prior
from ayneh.data.sources import load
from ayneh.engine.match import Match, nets_of
from ayneh.engine.noise import generator
from ayneh.engine.replicas import init_rows
from ayneh.engine.sampler import Sampler
from ayneh.errors import UserError
from ayneh.game.inside import FIXED_SEED, OwnGenerator
from ayneh.game.nets import INITS, NETS
from ayneh.game.own import OwnPair
from ayneh.game.step import update_dis
from ayneh.probe.arms import ARMS, GREY, Plan, dequantised, rounded
from ayneh.probe.jacobian import condition, directions, effective_rank, singular_values
from ayneh.probe.overlap import LN2, calibrated, divergence, error
from ayneh.probe.support import Probe, gradient_norm

CONFIG = Config(
    batch=32,
    data=Data("digits", resize=8),
    net=Net("mirror", width=4),
    prior=Prior(dim=8),
    optimizer=Optimizer(lr=2e-3),
)
CPU = torch.device("cpu")


def sampler(config=CONFIG, black=False):
    gen, _ = nets_of(config, (1, 8, 8), CPU)
    (row,) = init_rows(gen, [1], INITS["dcgan"])
    made = Sampler(gen, row, config)
    if black:
        last = [m for m in made.gen.modules() if isinstance(m, torch.nn.ConvTranspose2d)][-1]
        torch.nn.init.zeros_(last.weight)
        torch.nn.init.constant_(last.bias, -9.0)  # tanh(-9) = -1 + 3e-8
    return made


@pytest.fixture(scope="module")
def splits():
    return tuple(load("digits", split, resize=8).pixels for split in ("train", "test"))


def pair(logits):
    return tuple(side.double().numpy() for side in logits)


def test_constant_fakes_are_told_apart_and_reals_from_reals_are_not(splits):
    played = list(Probe(sampler(black=True), *splits, Plan(steps=60, arms=("plain", "null"))).play())
    first, last = played[0], played[-1]
    assert (first["plain"].step, last["plain"].step) == (0, 60)
    for logits in (last["plain"].train, last["plain"].held_out, last["plain"].single):
        assert error(*pair(logits)).value < 0.01
    assert divergence(*calibrated(*pair(last["plain"].single))).value > LN2 - 0.02
    null = last["null"]
    low, high = error(*pair(null.held_out)).interval
    assert low < 0.5 < high
    assert divergence(*calibrated(*pair(null.single))).value < 0.05
    assert null.gradients == {}
    assert set(last["plain"].gradients) == {"log(1-D)", "-log D"}


def test_the_generator_stands_still_and_the_probe_repeats_itself(splits):
    one = sampler()
    before = {name: value.clone() for name, value in one.gen.state_dict().items()}
    plan = Plan(steps=3, arms=("plain", "noised"), images=64)
    first, again = (list(Probe(one, *splits, plan).play())[-1] for _ in range(2))
    for name, value in one.gen.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert torch.equal(first["noised"].single[1], again["noised"].single[1])
    assert first["plain"].gradients == again["plain"].gradients


def test_an_arm_does_not_disturb_another(splits):
    """The answer of an arm is the same alone and among all."""
    plan = Plan(steps=2, images=32, batches=1)
    among = list(Probe(sampler(), *splits, plan).play())[-1]
    for name in ARMS:
        alone = list(Probe(sampler(), *splits, replace(plan, arms=(name,))).play())[-1]
        torch.testing.assert_close(alone[name].held_out, among[name].held_out)


def test_the_arm_played_is_the_game_s_own_update_of_d(splits):
    probe = Probe(sampler(), *splits, Plan(arms=("played",)))
    state = probe.match.start()
    theirs, draw = dict(state), probe.match.draws(0)["dis"][0]
    probe._update(state, 0)
    game, hyper = probe.match.game, probe.match.hyper(0)
    real = probe.match.reals(0)[0] / 127.5 - 1
    update_dis(game, theirs, real, probe.sampler.gen(draw["z"][0])[None].detach(), draw, hyper)
    torch.testing.assert_close(state["dis"], theirs["dis"])
    assert not torch.equal(state["dis"], probe.match.start()["dis"])


def test_the_fresh_d_is_not_the_one_that_the_run_began_with(splits):
    probe = Probe(sampler(), *splits, Plan(arms=("plain",)))
    own = Match([CONFIG], splits[0], CPU).start()["dis"]
    assert own.shape == probe.match.start()["dis"].shape
    assert not torch.equal(own, probe.match.start()["dis"])


def test_held_out_reals_are_of_the_other_split_and_the_null_s_fakes_of_the_other_half(splits):
    train, test = (torch.full((n, 1, 8, 8), level, dtype=torch.uint8) for n, level in ((100, 30), (60, 40)))
    train[:, 0, 0, 0], test[:, 0, 0, 0] = torch.arange(100), torch.arange(100, 160)
    probe = Probe(sampler(), train, test, Plan(arms=("null",)))
    sets = {
        kind: [((x[0, :, 0, 0, 0] + 1) * 127.5).round() for x in looked[:2]] for kind, looked in probe._sets().items()
    }
    for trained, held in zip(sets["train"], sets["held"], strict=True):
        assert trained.max() < 100 <= held.min()
    for real, fake in sets.values():
        assert not set(real.tolist()) & set(fake.tolist())


def test_a_d_without_batch_norm_reads_no_batch(splits):
    config = replace(CONFIG, net=Net("mirror", width=4, dis_norm="none"))
    probe = Probe(sampler(config), *splits, Plan(steps=2, images=64))
    assert "played" not in probe.arms
    last = list(probe.play())[-1]["plain"]
    torch.testing.assert_close(last.single, last.held_out, rtol=1e-4, atol=1e-5)


def test_for_one_image_the_gradients_differ_by_d_over_one_minus_d():
    """d/dl log(1 - D) = -D l' and d/dl (-log D) = -(1 - D) l', with D = sigmoid(l)."""
    w = torch.randn(5, generator=generator(0, 0, "w"), dtype=torch.float64).requires_grad_()
    for shift in (-8.0, 0.0, 3.0):
        logit = (w.square().sum() + shift)[None, None]
        d = logit.sigmoid().item()
        saturating, other = (gradient_norm(game, logit, [w]) for game in ("saturating", "non-saturating"))
        assert saturating == pytest.approx(d * 2 * w.norm().item())
        assert saturating / other == pytest.approx(d / (1 - d))


def test_rounding():
    levels = torch.arange(256) / 127.5 - 1
    assert torch.equal(rounded(levels), levels)
    x = 2 * torch.rand(1000, generator=generator(0, 0, "x")) - 1
    assert torch.equal(rounded(rounded(x)), rounded(x))
    assert torch.isin(rounded(x), levels).all()
    assert (rounded(x) - x).abs().max() <= GREY / 2 + 1e-6
    y = x.clone().requires_grad_()
    assert torch.equal(torch.autograd.grad(rounded(y).sum(), y)[0], torch.ones_like(y))


def test_dequantised_levels_fill_their_gaps_and_can_be_told_again():
    levels = torch.arange(256) / 127.5 - 1
    u = torch.rand(256, generator=generator(0, 0, "u"))
    noisy = dequantised(levels, u)
    assert torch.equal(rounded(noisy), levels)
    assert (noisy - levels).abs().max() <= GREY / 2 + 1e-6
    assert (noisy - levels).std() == pytest.approx(GREY / 12**0.5, rel=0.1)


def test_looks_are_spaced_by_logarithms():
    assert Plan(steps=500).looks() == [0, 1, 2, 5, 10, 20, 50, 100, 200, 500]
    assert Plan(steps=30).looks() == [0, 1, 2, 5, 10, 20, 30]
    assert Plan(steps=0).looks() == [0]


@pytest.mark.parametrize(("n", "m", "words"), [(15, 500, "training images.*there are 15"), (500, 9, "test images")])
def test_too_few_images_are_refused(splits, n, m, words):
    with pytest.raises(UserError, match=words):
        Probe(sampler(), splits[0][:n], splits[1][:m])
    with pytest.raises(UserError, match="arm of the probe called 'rouned'"):
        Probe(sampler(), *splits, Plan(arms=("rouned",)))


def test_a_linear_generator_has_the_singular_values_of_its_matrix():
    gen = torch.nn.Sequential(torch.nn.Linear(5, 12), torch.nn.Unflatten(1, (1, 3, 4)))
    found = singular_values(gen, torch.randn(3, 5))
    known = torch.linalg.svdvals(gen[0].weight.detach().double()).numpy()
    assert found.shape == (3, 5)
    np.testing.assert_allclose(found, np.tile(known, (3, 1)), rtol=1e-10)


def test_a_real_generator_s_slope_is_that_of_small_differences():
    """|G(z + h v) - G(z)| / h of the largest singular value's own direction, by 20 rounds of power iteration."""
    one = sampler()
    z = one.latents("slope", 1)
    (values,) = singular_values(one.gen, z)
    gen, point = one.gen.double(), z.double()
    slope = torch.autograd.functional.jacobian(lambda w: gen(w).flatten(), point)[:, 0]  # (pixels, Z)
    v = torch.ones(8, dtype=torch.float64)
    for _ in range(200):
        v = slope.T @ (slope @ v)
        v = v / v.norm()
    with torch.no_grad():
        step = (gen(point + 1e-5 * v) - gen(point - 1e-5 * v)).norm() / 2e-5
    assert step.item() == pytest.approx(values[0], rel=1e-4)


def test_ranks_and_conditions_in_closed_form():
    assert effective_rank(np.ones(7)) == pytest.approx(7)
    assert effective_rank(np.array([3.0, 0, 0])) == pytest.approx(1)
    assert effective_rank(np.zeros(3)) == 0
    assert directions(np.array([3.0, 1.0, 0.0])) == 1
    assert directions(np.ones(10)) == 9
    assert directions(np.zeros(3)) == 0
    assert condition(np.array([8.0, 2.0])) == 4
    assert condition(np.array([8.0, 0.0])) is None
    assert condition(np.zeros(3)) is None


def test_a_fresh_discriminator_does_not_inherit_a_rate_that_fades(splits):
    """A run's rate is spent when it is examined; D must learn all the same."""
    config = replace(CONFIG, optimizer=Optimizer(lr=2e-3, decay_images=64))
    probe = Probe(sampler(config), *splits, Plan(arms=("plain",)))
    rates = [probe.match.hyper(i)["lr_dis"] for i in (0, 1000)]
    assert torch.equal(*rates)
    assert rates[0].gt(0).all()


def test_weights_that_g_does_not_train_or_use_are_no_part_of_its_gradient(splits):
    one, plan = sampler(), Plan(steps=2, arms=("plain",), images=64)
    before = list(Probe(one, *splits, plan).play())[-1]
    frozen, unused = (torch.nn.Parameter(torch.ones(3), requires_grad=grad) for grad in (False, True))
    one.gen.register_parameter("frozen", frozen)
    one.gen.register_parameter("unused", unused)
    one.trained.append(unused)
    after = list(Probe(one, *splits, plan).play())[-1]
    assert after["plain"].gradients == before["plain"].gradients
    assert not frozen.requires_grad


class Noisy(nn.Module):
    """Linear in z, times a number of noise for each image; ``also``: what else it computes of z."""

    def __init__(self, also=lambda net, z: 0.0):
        super().__init__()
        self.first, self.other, self.also = nn.Linear(8, 64), nn.Linear(4, 64), also

    def forward(self, z):
        x = self.first(z) * torch.randn(len(z), 1).to(z) + self.also(self, z)
        return (0.1 * x).tanh().view(-1, 1, 8, 8)


ALSO = {
    "nothing": lambda net, z: 0.0,
    "noise without a type": lambda net, z: net.other(torch.randn(len(z), 4)),
    "float32 alone": lambda net, z: net.other(torch.randn(len(z), 4, dtype=torch.float32)),
}


@pytest.mark.parametrize("also", ALSO.values(), ids=ALSO)
def test_the_slope_of_a_generator_that_draws_is_that_of_one_function(also, capsys):
    """As small differences have it."""
    torch.manual_seed(0)
    net = Noisy(also)
    gen = OwnGenerator(net)
    gen.seed = 3
    z = torch.randn(2, 8)
    found = singular_values(gen, z)
    assert torch.get_default_dtype() == torch.float32
    kind = torch.float32 if also is ALSO["float32 alone"] else torch.float64  # each has other noise under this seed
    try:
        torch.set_default_dtype(kind)
        gen, steps = gen.to(kind), 1e-2 * torch.eye(8)
        for one, values in zip(z.to(kind), found, strict=True):
            ahead, behind = (torch.cat([gen(to[None]).flatten(1) for to in one + by]) for by in (steps, -steps))
            due = torch.linalg.svdvals((ahead - behind).detach() / 2e-2).numpy()
            np.testing.assert_allclose(values, due, rtol=5e-3)
    finally:
        torch.set_default_dtype(torch.float32)
    assert ("taken in float32, since G fails in float64" in capsys.readouterr().err) == (also is ALSO["float32 alone"])


@pytest.mark.parametrize("drop", [0.0, 0.2])
def test_a_generator_that_draws_is_probed_whatever_d_does(splits, monkeypatch, drop):
    dis = nn.Sequential(nn.Flatten(), nn.Dropout(drop) if drop else nn.Identity(), nn.Linear(64, 1))
    monkeypatch.setitem(NETS, "mine", OwnPair(Noisy, lambda: copy.deepcopy(dis)))
    config = replace(CONFIG, net=Net("mine"))
    gen, _ = nets_of(config, (1, 8, 8), CPU)
    made = Sampler(gen, gen.start([1], lambda net: None)[0][0], config)
    seeds = []
    made.gen.register_forward_pre_hook(lambda net, given: seeds.append(net.seed))
    (*_, last) = Probe(made, *splits, Plan(steps=2, arms=("plain",), images=32)).play()
    assert last["plain"].train[0].isfinite().all()
    assert seeds.count(FIXED_SEED) == 1  # for the size of its images
    assert len(set(seeds)) >= 1 + 2 + 2  # two sets to look at, and other noise in each of two steps
