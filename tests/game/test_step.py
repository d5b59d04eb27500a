"""The step against plain PyTorch loops (and test_plain.py), and its laws: what moves, stands still, is reused."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from ayneh.config import Config, Net, Optimizer, Prior, Rules
from ayneh.engine.match import Match, replicas_of
from ayneh.game.optimiser import adam, average
from ayneh.game.penalties import PENALTIES
from ayneh.game.step import distort, step

CPU = torch.device("cpu")
SMALL = Config(batch=16, prior=Prior(dim=8), net=Net("mirror", width=4), precision="float64")


def pixels(n=200, side=14, channels=1):
    return torch.randint(0, 256, (n, channels, side, side), dtype=torch.uint8, generator=torch.manual_seed(5))


def match_of(config, **more):
    return Match(replicas_of(config), pixels(**more), CPU)


def test_relativistic_with_r1_and_r2_is_a_plain_pytorch_loop():
    """Each penalty by a forward pass of its own, as one writes it at first, through D's batch norm; in float64.

    The images are padded, and each player has its own rate.
    """
    config = replace(
        SMALL,
        rules=Rules(loss="relativistic", penalty="r1+r2", gamma=0.7, dropout=0.2),
        optimizer=Optimizer(lr=3e-3, lr_dis=1e-3, beta1=0.0, beta2=0.9),
    )
    match = match_of(config)
    state = match.start()
    gen, dis = match.gen.filled(state["gen"][0]).train(), match.dis.filled(state["dis"][0]).train()
    opt_g = torch.optim.Adam(gen.parameters(), lr=3e-3, betas=(0.0, 0.9))
    opt_d = torch.optim.Adam(dis.parameters(), lr=1e-3, betas=(0.0, 0.9))

    def dropped(x, draw):
        return x * (draw["drop"][0] >= 0.2) / 0.8

    def slope(x):
        x = x.detach().requires_grad_()
        (grad,) = torch.autograd.grad(dis(x).sum(), x, create_graph=True)
        return grad.square().flatten(1).sum(1).mean() / 2

    for i in range(5):
        draws = match.draws(i)
        (d,), (g,) = draws["dis"], draws["gen"]
        real = nn.functional.pad(match.reals(i)[0][0].double() / 127.5 - 1, (1, 1, 1, 1), value=-1.0)
        fake = gen(d["z"][0])
        seen_real, seen_fake = dropped(real, d["real"]), dropped(fake.detach(), d["fake"])
        loss_d = nn.functional.softplus(dis(seen_fake) - dis(seen_real)).mean()
        penalty = slope(seen_real) + slope(seen_fake)
        dis.zero_grad()
        (loss_d + 0.7 * penalty).backward()
        opt_d.step()
        gen.zero_grad()
        loss_g = nn.functional.softplus(dis(dropped(real, g["real"])) - dis(dropped(fake, g["fake"]))).mean()
        loss_g.backward()
        opt_g.step()
        state, measures = match.play(state, i)
        for name, plain in (("loss_d", loss_d), ("penalty", penalty), ("loss_g", loss_g)):
            torch.testing.assert_close(measures[name][0], plain.detach(), rtol=1e-9, atol=1e-9)
    for net, module, who in ((match.gen, gen, "gen"), (match.dis, dis, "dis")):
        ours = net.unpack(state[who][0])
        for name, theirs in module.named_parameters():
            torch.testing.assert_close(ours[name], theirs.detach(), rtol=1e-8, atol=1e-8)


def test_an_image_is_judged_once_for_its_loss_and_its_slope():
    calls = []
    match = match_of(replace(SMALL, rules=Rules(penalty="r1+r2", dropout=0.0)))
    plain = match.game.dis
    game = replace(match.game, dis=lambda theta, x: calls.append(x) or plain(theta, x))
    step(game, match.start(), match.reals(0), match.draws(0), match.hyper(0))
    assert len(calls) == 3  # real and fake for D, fake for G


STEPS = 2  # in the second, moments, averages and running statistics are those of the first
GAMES = {
    "the report's": Rules(),
    "relativistic, r1+r2": Rules(loss="relativistic", penalty="r1+r2", dropout=0.0, ema_halflife_images=100),
    "wasserstein, gradient penalty": Rules(loss="wasserstein", penalty="wgan-gp", dropout=0.0, dis_steps=3),
    "dragan, two steps of G": Rules(penalty="dragan", gen_steps=2, label_smoothing=0.1),
    "mirror, two steps each": Rules(mirror_weight=2.0, mirror_weight_gen=0.3, dis_steps=2, gen_steps=2),
    "own reader": Rules(mirror_weight=2.0, mirror_weight_gen=0.3, mirror_reader="own", dis_steps=2),
    "mirror, relativistic, r1": Rules(loss="relativistic", penalty="r1", mirror_weight=0.5, translation=0.2),
    "every distortion": Rules(
        loss="hinge", dropout=0.2, instance_noise=0.3, instance_noise_images=100, translation=0.2, cutout=0.3
    ),
}


@pytest.mark.parametrize("rules", GAMES.values(), ids=GAMES)
@pytest.mark.parametrize(
    "net",
    [
        Net("mirror", width=4),
        Net("mlp", width=8, dis_norm="batch"),
        Net("mirror", width=4, dis_norm="none", spectral=True),
    ],
)
def test_three_replicas_are_three_single_runs(rules, net):
    """Seeds 7, 8, 9 in one stack, and each alone: to 1e-10 in float64, also where the penalty differentiates twice."""
    config = replace(SMALL, seed=7, seeds=3, rules=rules, net=net)
    stack = match_of(config, side=16)
    state = stack.start()
    for i in range(STEPS):
        state, measures = stack.play(state, i)
    for r in range(3):
        single = match_of(replace(config, seed=7 + r, seeds=1), side=16)
        alone = single.start()
        for i in range(STEPS):
            alone, measured = single.play(alone, i)
        for key in state:
            torch.testing.assert_close(state[key][r : r + 1], alone[key], rtol=1e-10, atol=1e-10, msg=key)
        for key in measures:
            torch.testing.assert_close(measures[key][r : r + 1], measured[key], rtol=1e-10, atol=1e-10, msg=key)


def test_replicas_may_differ_in_any_number():
    """Learning rate, dropout, gamma and prior scale of each replica are its own."""
    base = replace(SMALL, rules=Rules(penalty="r1", gamma=1.0, dropout=0.0))
    replicas = [
        base,
        replace(base, rules=replace(base.rules, gamma=10.0, dropout=0.5)),
        replace(base, optimizer=Optimizer(lr=1e-2), prior=Prior(dim=8, std=3.0)),
    ]
    stack = Match(replicas, pixels(), CPU)
    state = stack.start()
    for i in range(3):
        state, _ = stack.play(state, i)
    for r, config in enumerate(replicas):
        single = Match([config], pixels(), CPU)
        alone = single.start()
        for i in range(3):
            alone, _ = single.play(alone, i)
        torch.testing.assert_close(state["gen"][r], alone["gen"][0], rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(state["dis"][r], alone["dis"][0], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("reader", ["features", "own"])
def test_a_mirror_reads_z_back_as_in_a_plain_pytorch_loop(reader):
    """z of U(0, 2), standardised by hand to (z - 1) sqrt 3; D descends 0.7 times the squared error, G 0.2 times."""
    config = replace(
        SMALL,
        prior=Prior("uniform", dim=8, low=0.0, high=2.0),
        net=Net("mirror", width=4, features=12),
        rules=Rules(mirror_weight=0.7, mirror_weight_gen=0.2, mirror_reader=reader),
        optimizer=Optimizer(lr=3e-3),
    )
    match = match_of(config)
    state = match.start()
    gen, dis = match.gen.filled(state["gen"][0]).train(), match.dis.filled(state["dis"][0]).train()
    opt_g = torch.optim.Adam(gen.parameters(), lr=3e-3, betas=(0.5, 0.999))
    opt_d = torch.optim.Adam(dis.parameters(), lr=3e-3, betas=(0.5, 0.999))
    softplus = nn.functional.softplus
    for i in range(10):
        draws = match.draws(i)
        (d,), (g,) = draws["dis"], draws["gen"]
        dropped = lambda x, draw: x * (draw["drop"][0] >= 0.3) / 0.7  # noqa: E731
        read = lambda x: dis.reader(x if reader == "own" else dis.features(x).flatten(1))  # noqa: E731
        z = d["z"][0]
        target = (z - 1) * 3**0.5
        real = nn.functional.pad(match.reals(i)[0][0].double() / 127.5 - 1, (1, 1, 1, 1), value=-1.0)
        fake = gen(z)
        dis.zero_grad()
        shown = dropped(fake.detach(), d["fake"])
        unread = (read(shown) - target).square().mean()
        (softplus(-dis(dropped(real, d["real"]))).mean() + softplus(dis(shown)).mean() + 0.7 * unread).backward()
        opt_d.step()
        gen.zero_grad()
        shown = dropped(fake, g["fake"])
        (softplus(-dis(shown)).mean() + 0.2 * (read(shown) - target).square().mean()).backward()
        opt_g.step()
        state, measures = match.play(state, i)
        torch.testing.assert_close(measures["misread"][0], unread.detach(), rtol=1e-10, atol=1e-10)
    for net, module, who in ((match.gen, gen, "gen"), (match.dis, dis, "dis")):
        ours = net.unpack(state[who][0])
        for name, theirs in module.named_parameters():
            torch.testing.assert_close(ours[name], theirs.detach(), rtol=1e-10, atol=1e-10, msg=name)


def test_a_reader_of_its_own_learns_apart_from_d_and_teaches_g():
    """Whatever the reading weighs in D's loss, the rest of D moves to the same bits; its weight in G's loss moves G."""
    rules = Rules(mirror_weight=0.5, mirror_weight_gen=0.0, mirror_reader="own")
    more, taught = (replace(rules, **change) for change in ({"mirror_weight": 5.0}, {"mirror_weight_gen": 0.5}))
    sgd = Optimizer("sgd", lr=0.1)
    base, heavy, teaching, none = (
        match_of(replace(SMALL, rules=one, optimizer=sgd)) for one in (rules, more, taught, Rules())
    )
    start, own = base.start(), none.start()
    n = own["dis"].shape[1]  # the reader comes after all other weights
    assert torch.equal(start["dis"][:, :n], own["dis"])
    ((state, _), (other, _), (read, _), (plain, _)) = (
        match.play(match.start(), 0) for match in (base, heavy, teaching, none)
    )
    for one in (state, other, read):
        assert torch.equal(one["dis"][:, :n], plain["dis"])  # no gradient of the reading reaches D's own layers
    assert torch.equal(state["gen"], plain["gen"])
    assert torch.equal(other["gen"], plain["gen"])
    moved, by_more = (one["dis"][:, n:] - start["dis"][:, n:] for one in (state, other))
    assert moved.abs().max() > 0
    torch.testing.assert_close(by_more, 10 * moved)
    assert (read["gen"] - plain["gen"]).abs().max() > 1e-6


def test_a_replica_that_weighs_no_mirror_plays_as_if_there_were_none():
    """In a stack whose other replica reads, and where it starts, it is the single run without a reader."""
    off = replace(SMALL, rules=Rules(mirror_weight=0.0))
    on = replace(SMALL, rules=Rules(mirror_weight=3.0))
    stack, single, alone_on = (Match(configs, pixels(), CPU) for configs in ([off, on], [off], [on]))
    assert single.game.reads == 0
    state, alone, reading = stack.start(), single.start(), alone_on.start()
    weights = alone["dis"].shape[1]
    assert state["dis"].shape[1] == weights + 8 * 8 + 8  # the reader, after all other weights
    assert torch.equal(state["dis"][:1, :weights], alone["dis"])
    assert torch.equal(reading["gen"], alone["gen"])
    for i in range(3):
        state, _ = stack.play(state, i)
        alone, _ = single.play(alone, i)
        reading, _ = alone_on.play(reading, i)
    torch.testing.assert_close(state["gen"][:1], alone["gen"], rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(state["dis"][:1, :weights], alone["dis"], rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(state["dis"][1:], reading["dis"], rtol=1e-10, atol=1e-10)
    assert (state["gen"][0] - state["gen"][1]).abs().max() > 1e-5


def test_a_step_changes_nothing_that_it_was_given():
    match = match_of(SMALL)
    state = match.start()
    before = {k: v.clone() for k, v in state.items()}
    after, _ = match.play(state, 0)
    assert all(torch.equal(before[k], state[k]) for k in state)
    assert not torch.equal(after["gen"], state["gen"])
    assert not torch.equal(after["dis"], state["dis"])


def test_the_first_update_of_g_judges_the_fakes_that_d_saw():
    calls = []
    match = match_of(replace(SMALL, rules=Rules(dis_steps=2, gen_steps=2)))
    plain = match.game.gen
    game = replace(match.game, gen=lambda theta, z: calls.append(z) or plain(theta, z))
    step(game, match.start(), match.reals(0), match.draws(0), match.hyper(0))
    assert len(calls) == 3  # two for D, one more for G's second update


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
