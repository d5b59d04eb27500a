"""The numbers of a step: optimisers, averages, noise and rates that fade, precisions, constants."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from ayneh.config import Config, Net, Optimizer, Prior, Rules
from ayneh.engine.match import Match, replicas_of
from ayneh.game.optimiser import adam, average
from ayneh.game.penalties import PENALTIES
from ayneh.game.step import distort

CPU = torch.device("cpu")
SMALL = Config(batch=16, prior=Prior(dim=8), net=Net("mirror", width=4), precision="float64")


def pixels(n=200, side=14, channels=1):
    return torch.randint(0, 256, (n, channels, side, side), dtype=torch.uint8, generator=torch.manual_seed(5))


def match_of(config, **more):
    return Match(replicas_of(config), pixels(**more), CPU)


def test_adam_is_torch_optim_adam():
    theta = torch.randn(1, 50, dtype=torch.float64)
    theirs = nn.Parameter(theta[0].clone())
    optimiser = torch.optim.Adam([theirs], lr=0.1, betas=(0.3, 0.9), eps=1e-5)
    m = v = torch.zeros_like(theta)
    number = lambda x: torch.tensor([[x]], dtype=torch.float64)  # noqa: E731
    for t in range(1, 30):
        grad = torch.randn(1, 50, dtype=torch.float64)
        theirs.grad = grad[0].clone()
        optimiser.step()
        theta, m, v = adam(theta, grad, m, v, number(t), number(0.1), number(0.3), number(0.9), 1e-5)
        torch.testing.assert_close(theta[0], theirs.detach(), rtol=1e-12, atol=1e-12)


def test_the_moving_average_warms_up_and_then_decays():
    ema, theta = torch.zeros(1, 1), torch.ones(1, 1)
    one = lambda x: torch.tensor([[float(x)]])  # noqa: E731
    assert average(ema, theta, one(0), one(5)).item() == 1  # no decay: theta itself
    assert average(ema, theta, one(0.9), one(1)).item() == pytest.approx(0.9)  # 1 - 1/10: warming up
    assert average(ema, theta, one(0.9), one(1e6)).item() == pytest.approx(0.1)
    match = match_of(replace(SMALL, rules=Rules(ema_halflife_images=16 * 10)))
    assert match.hyper(0)["ema_decay"].item() ** 10 == pytest.approx(0.5)


def test_the_half_life_of_the_average_is_in_images_however_often_g_is_updated():
    for dis_steps, gen_steps in ((1, 1), (1, 3), (2, 2)):
        steps = 12  # of one half-life
        rules = Rules(ema_halflife_images=16 * dis_steps * steps, dis_steps=dis_steps, gen_steps=gen_steps)
        match = match_of(replace(SMALL, rules=rules))
        assert match.images_per_step == 16 * dis_steps
        assert match.hyper(0)["ema_decay"].item() ** (gen_steps * steps) == pytest.approx(0.5)


def test_dropout_blacks_out_the_share_that_is_set_and_keeps_the_mean():
    x = torch.ones(2, 100, 1, 16, 16)
    p = torch.tensor([[0.3], [0.8]])
    y = distort(x, {"drop": torch.rand_like(x)}, {"dropout": p})
    share = (y == 0).flatten(1).double().mean(1)
    torch.testing.assert_close(share, p[:, 0].double(), atol=0.01, rtol=0)
    torch.testing.assert_close(y.flatten(1).mean(1), torch.ones(2), atol=0.05, rtol=0)


def test_instance_noise_fades_in_a_straight_line():
    rules = Rules(instance_noise=0.8, instance_noise_images=160)
    match = match_of(replace(SMALL, rules=rules))
    levels = [match.hyper(i)["instance_noise"].item() for i in (0, 5, 10, 20)]
    assert levels == pytest.approx([0.8, 0.4, 0.0, 0.0])
    x = torch.zeros(1, 4, 1, 64, 64)
    y = distort(x, {"instance": torch.randn_like(x)}, {"instance_noise": torch.tensor([[0.5]])})
    assert y.std().item() == pytest.approx(0.5, rel=0.05)


def test_learning_rates_fade_in_a_straight_line_each_replica_on_its_own():
    base = replace(SMALL, optimizer=Optimizer(lr=0.4, lr_dis=0.2, decay_images=160))
    stack = Match([base, replace(base, optimizer=Optimizer(lr=0.4))], pixels(), CPU)
    levels = [stack.hyper(i) for i in (0, 5, 10, 20)]
    assert [h["lr_gen"][0].item() for h in levels] == pytest.approx([0.4, 0.2, 0.0, 0.0])
    assert [h["lr_dis"][0].item() for h in levels] == pytest.approx([0.2, 0.1, 0.0, 0.0])
    assert [h["lr_gen"][1].item() for h in levels] == pytest.approx([0.4] * 4)
    state = stack.start()
    after, _ = stack.play(state, 10)
    assert torch.equal(after["gen"][0], state["gen"][0])  # at a rate of zero nothing moves
    assert not torch.equal(after["gen"][1], state["gen"][1])


@pytest.mark.parametrize("net", [Net("mirror", width=4, spectral=True), Net("mlp", width=8, dis_norm="batch")])
def test_the_game_can_be_played_in_bfloat16(net):
    """Penalties differentiate twice through what is rounded to 8 bits; state and measures stay float32."""
    rules = Rules(penalty="r1+r2", gamma=0.1, mirror_weight=0.2)
    config = replace(SMALL, net=net, rules=rules, seeds=2, precision="bfloat16")
    stack = match_of(config, side=16)
    single = match_of(replace(config, seed=1, seeds=1), side=16)
    state, alone, told = stack.start(), single.start(), {}
    for i in range(3):
        state, told = stack.play(state, i)
        alone, _ = single.play(alone, i)
    assert all(value.dtype == torch.float32 and value.isfinite().all() for value in (state | told).values())
    assert torch.equal(state["gen"][1:], alone["gen"])
    assert torch.equal(state["dis"][1:], alone["dis"])


@pytest.mark.parametrize("gain", [0.0, 3.0])
def test_the_constant_behind_gs_first_layer_is_drawn_by_the_seed_and_without_a_gain_not_trained(gain):
    net = Net("mirror", width=4, gen_offset=0.5, gen_offset_gain=gain)
    config = replace(SMALL, net=net, rules=Rules(ema_halflife_images=50))
    stack = Match([replace(config, seed=seed) for seed in (1, 2)], pixels(), CPU)
    start = stack.start()
    rows = stack.gen.unpack(start["gen"])
    (name,) = [name for name in rows if name.endswith(".b")]
    constants = rows[name]
    assert not torch.allclose(constants[0], constants[1])
    alone = Match([replace(config, seed=2)], pixels(), CPU)
    assert torch.equal(alone.start()["gen"][0], start["gen"][1])
    without = Match([replace(config, seed=1, net=Net("mirror", width=4))], pixels(), CPU).start()["gen"]
    others = torch.cat([v[0].flatten() for k, v in rows.items() if k != name])
    assert torch.equal(others.sort().values, without[0].sort().values)  # all other weights are those of no constant
    state, _ = stack.play(start, 0)
    moved = stack.gen.unpack(state["gen"])[name]
    assert torch.equal(moved, constants) == (not gain)
    assert torch.equal(stack.gen.unpack(state["ema"])[name], constants) == (not gain)


def test_a_penalty_has_the_weight_of_its_paper_where_none_is_given():
    for penalty, weight in (("none", 1.0), ("r1", 1.0), ("r1+r2", 1.0), ("wgan-gp", 10.0), ("dragan", 10.0)):
        assert match_of(replace(SMALL, rules=Rules(penalty=penalty))).hyper(0)["gamma"].item() == weight
        assert match_of(replace(SMALL, rules=Rules(penalty=penalty, gamma=0.5))).hyper(0)["gamma"].item() == 0.5
    x = torch.randn(1, 6, 1, 8, 8, dtype=torch.float64)

    def quadratic(images):  # whose gradient at x is x
        return (images**2).sum((2, 3, 4)) / 2

    r1 = PENALTIES["r1"].fn(quadratic, x, x, {})
    torch.testing.assert_close(r1, (x**2).sum((2, 3, 4)) / 2)  # gamma times this is gamma/2 |gradient|^2
