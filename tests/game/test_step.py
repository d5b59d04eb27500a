"""The step against plain PyTorch loops (and test_plain.py), and its laws: what moves, stands still, is reused."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from ayneh.config import Config, Net, Optimizer, Prior, Rules
from ayneh.engine.match import Match, replicas_of
from ayneh.game.step import step

CPU = torch.device("cpu")
SMALL = Config(batch=16, prior=Prior(dim=8), net=Net("mirror", width=4), precision="float64")


def pixels(n=200, side=14, channels=1):
    return torch.randint(0, 256, (n, channels, side, side), dtype=torch.uint8, generator=torch.manual_seed(5))


def match_of(config, **more):
    return Match(replicas_of(config), pixels(**more), CPU)


@pytest.mark.parametrize("every", [1, 3])
def test_relativistic_with_r1_and_r2_is_a_plain_pytorch_loop(every):
    """Each penalty by a forward pass of its own, as one writes it at first, through D's batch norm; in float64.

    The images are padded, and each player has its own rate. A lazy penalty is in every third step.
    """
    config = replace(
        SMALL,
        rules=Rules(loss="relativistic", penalty="r1+r2", gamma=0.7, dropout=0.2, penalty_every=every),
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
        due = i % every == 0
        penalty = slope(seen_real) + slope(seen_fake) if due else torch.tensor(0.0, dtype=torch.float64)
        dis.zero_grad()
        (loss_d + every * 0.7 * penalty if due else loss_d).backward()
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


def test_a_lazy_penalty_is_in_every_kth_step():
    """Steps are counted over the whole run; one without the penalty does not differentiate twice."""
    match = match_of(replace(SMALL, rules=Rules(penalty="r1", penalty_every=3, dis_steps=2, dropout=0.0)))
    assert [match.penalised(i) for i in range(4)] == [True, False, False, True]
    for first, kinds in ((0, (0, 1)), (1, (3, 1)), (2, (3, 2)), (3, (3, 4))):
        assert match.kinds(first) == {True: (kinds[0], 1 / 3), False: (kinds[1], 1 - 1 / 3)}
    calls = []
    penalty = match.game.penalty
    match.game = replace(match.game, penalty=penalty._replace(fn=lambda *a: calls.append(1) or penalty.fn(*a)))
    state, had = match.start(), []
    for i in range(4):
        state, measures = match.play(state, i)
        had.append((float(measures["penalised"]), bool(measures["penalty"] > 0)))
    assert had == [(1, True), (0, False), (0, False), (1, True)]
    assert len(calls) == 4  # in both updates of D
    assert match_of(SMALL).kinds(5) == {True: (5, 1)}


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
