"""The step with labels: each labelled game as a plain PyTorch loop, and its laws: replicas, pairs, permuted labels."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from ayneh.config import Config, Net, Optimizer, Prior, Rules
from ayneh.engine.match import Match, replicas_of
from ayneh.errors import UserError
from ayneh.game.conditional import Embedding
from ayneh.game.step import step
from ayneh.labels import Labels

CPU = torch.device("cpu")
K = 6
SMALL = Config(batch=16, prior=Prior(dim=8), net=Net("mirror", width=4), precision="float64")
UNEVEN = Labels(tuple("abcdef"), (0.3, 0.25, 0.2, 0.1, 0.1, 0.05))
PARTS = Labels(UNEVEN.names, UNEVEN.shares, (2, 3))


def pixels(n=200, side=16):
    return torch.randint(0, 256, (n, 1, side, side), dtype=torch.uint8, generator=torch.manual_seed(5))


def labels(n=200):
    return torch.randint(0, K, (n,), generator=torch.manual_seed(6))


def match_of(config, y=None, classes=UNEVEN):
    return Match(replicas_of(config), pixels(), CPU, labelled=(labels() if y is None else y, classes))


@pytest.mark.parametrize("how", ["concat", "projection", "auxiliary"])
def test_a_labelled_game_is_a_plain_pytorch_loop(how):
    """D sees real images with their own classes, G's with those it was asked for; or D has a class head whose
    cross-entropy on both counts 0.7 in D's loss, and on G's in G's."""
    config = replace(SMALL, rules=Rules(labels=how, label_weight=0.7, dropout=0.2), optimizer=Optimizer(lr=3e-3))
    match = match_of(config)
    state = match.start()
    gen, dis = match.gen.filled(state["gen"][0]).train(), match.dis.filled(state["dis"][0]).train()
    opt_g, opt_d = (torch.optim.Adam(net.parameters(), lr=3e-3, betas=(0.5, 0.999)) for net in (gen, dis))

    def judged(x, draw, y):
        """D's logits, and the cross-entropy of its class head."""
        x = x * (draw["drop"][0] >= 0.2) / 0.8
        if how != "auxiliary":
            return dis(x, y), torch.tensor(0.0)
        features = dis.features(x)
        return dis.head(features).flatten(), F.cross_entropy(dis.classifier(features.flatten(1)), y)

    for i in range(5):
        (d,), (g,) = match.draws(i)["dis"], match.draws(i)["gen"]
        rows = match.chance.order(i // 12, 200)[0][i % 12 * 16 :][:16]
        real, real_y, y = match.pixels[rows].double() / 127.5 - 1, labels()[rows], d["y"]["fake"][0]
        fake = gen(d["z"][0], y)
        (on_real, unread_real), (on_fake, unread_fake) = (
            judged(real, d["real"], real_y),
            judged(fake.detach(), d["fake"], y),
        )
        loss_d = F.softplus(-on_real).mean() + F.softplus(on_fake).mean()
        dis.zero_grad()
        (loss_d + 0.7 * (unread_real + unread_fake)).backward()
        opt_d.step()
        on_fake, unread = judged(fake, g["fake"], y)
        gen.zero_grad()
        (F.softplus(-on_fake).mean() + 0.7 * unread).backward()
        opt_g.step()
        state, measures = match.play(state, i)
        torch.testing.assert_close(measures["loss_d"][0], loss_d.detach(), rtol=1e-9, atol=1e-9)
        if how == "auxiliary":
            torch.testing.assert_close(measures["loss_class"][0], (unread_real + unread_fake).detach())
    for net, module, who in ((match.gen, gen, "gen"), (match.dis, dis, "dis")):
        ours = net.unpack(state[who][0])
        for name, theirs in module.named_parameters():
            torch.testing.assert_close(ours[name], theirs.detach(), rtol=1e-9, atol=1e-9, msg=name)


def test_the_class_head_is_measured_on_real_images_and_on_fakes():
    """One that always reads class 2 is right for the share of class 2 in each batch, and its loss is by hand."""
    match = match_of(replace(SMALL, rules=Rules(labels="auxiliary")))
    state = match.start()
    weights = match.dis.unpack(state["dis"].clone())
    with torch.no_grad():
        weights["classifier.weight"].zero_()
        weights["classifier.bias"].zero_()[:, 2] = 3.0
    state["dis"] = match.dis.pack(weights)
    y = match.draws(0)["dis"][0]["y"]
    _, measures = match.play(state, 0)
    shares = {side: (y[side] == 2).double().mean() for side in ("real", "fake")}
    for side, share in shares.items():
        assert measures[f"class_{side}"].item() == pytest.approx(share.item())
    total = torch.tensor(5 + torch.e**3, dtype=torch.float64).log()
    assert measures["loss_class"].item() == pytest.approx(2 * total.item() - 3 * sum(shares.values()).item())


GAMES = {
    "concat": Rules(labels="concat"),
    "projection, relativistic, r1+r2": Rules(labels="projection", loss="relativistic", penalty="r1+r2", gen_steps=2),
    "concat, wgan-gp": Rules(labels="concat", loss="wasserstein", penalty="wgan-gp", dis_steps=2),
    "auxiliary, mirror, r1": Rules(labels="auxiliary", mirror_weight=0.5, penalty="r1", translation=0.2),
    "auxiliary, evenly": Rules(labels="auxiliary", classes="even", dis_steps=2, gen_steps=2),
}


SPECTRAL = Net("mirror", width=4, dis_norm="none", spectral=True)


@pytest.mark.parametrize(
    ("rules", "net", "classes"),
    [
        *((rules, Net("mirror", width=4, gen_labels="norm"), UNEVEN) for rules in GAMES.values()),
        *((rules, Net("mlp", width=8), PARTS) for rules in GAMES.values()),
        (Rules(labels="projection"), SPECTRAL, PARTS),
        (Rules(labels="concat"), SPECTRAL, UNEVEN),
    ],
    ids=[*GAMES, *(f"{name}, mlp" for name in GAMES), "projection, spectral", "concat, spectral"],
)
def test_three_replicas_are_three_single_runs(rules, net, classes):
    config = replace(SMALL, seed=7, seeds=3, rules=rules, net=net)
    stack = match_of(config, classes=classes)
    state = stack.start()
    for i in range(3):
        state, measures = stack.play(state, i)
    for r in range(3):
        single = match_of(replace(config, seed=7 + r, seeds=1), classes=classes)
        alone = single.start()
        for i in range(3):
            alone, measured = single.play(alone, i)
        for key in state:
            torch.testing.assert_close(state[key][r : r + 1], alone[key], rtol=1e-10, atol=1e-10, msg=key)
        for key in measures:
            torch.testing.assert_close(measures[key][r : r + 1], measured[key], rtol=1e-10, atol=1e-10, msg=key)


@pytest.mark.parametrize("how", ["concat", "projection", "auxiliary"])
def test_permuted_labels_give_permuted_classes(how):
    """Where class k is called perm[k], and the weights of class k are those of perm[k], the same game is played.

    The relativistic loss pairs fakes with real images, so that the classes of fakes are permuted, too.
    """
    config = replace(SMALL, rules=Rules(labels=how, loss="relativistic", gen_steps=2), net=Net("mirror", width=4))
    perm = torch.tensor([3, 0, 5, 1, 2, 4])
    ours, theirs = match_of(config), match_of(config, y=perm[labels()])
    state = ours.start()
    other = dict(state)
    for key in ("gen", "dis", "ema"):
        net = ours.dis if key == "dis" else ours.gen
        weights = {name: value.clone() for name, value in net.unpack(state[key]).items()}
        for place, layer in net.module.named_modules():
            names = [f"{place}.weight"] if isinstance(layer, Embedding) else []
            names += [f"{place}.weight", f"{place}.bias"] if place == "classifier" else []
            for name in names:
                weights[name][:, perm] = net.unpack(state[key])[name]
        other[key] = net.pack(weights)
    assert not torch.equal(other["gen"], state["gen"])
    for i in range(4):
        state, measures = ours.play(state, i)
        other, measured = theirs.play(other, i)
        for name, value in measures.items():
            torch.testing.assert_close(measured[name], value, rtol=1e-9, atol=1e-9, msg=name)
    z, y = torch.randn(1, 20, 8, dtype=torch.float64), torch.arange(20)[None] % K
    images, permuted = ours.gen(state["gen"], z, y), theirs.gen(other["gen"], z, perm[y])
    torch.testing.assert_close(permuted, images, rtol=1e-8, atol=1e-8)
    assert (images - ours.gen(state["gen"], z, perm[y])).abs().max() > 1e-4


@pytest.mark.parametrize(
    ("rules", "paired"),
    [
        (Rules(labels="concat"), False),
        (Rules(labels="concat", penalty="r1+r2"), False),
        (Rules(labels="concat", penalty="dragan"), False),
        (Rules(labels="auxiliary", loss="relativistic"), True),
        (Rules(labels="projection", penalty="wgan-gp", dis_steps=3, gen_steps=2), True),
    ],
)
def test_a_fake_that_meets_a_real_image_has_its_class(rules, paired):
    match = match_of(replace(SMALL, rules=rules))
    draws = match.draws(3)
    for draw in [*draws["dis"], *draws["gen"][1:]]:
        assert torch.equal(draw["y"]["real"], draw["y"]["fake"]) is paired
    for batch, draw in zip(match.reals(3), draws["dis"], strict=True):  # each image with its own label
        for image, k in zip(batch[0], draw["y"]["real"][0], strict=True):
            (place,) = (match.pixels == image).flatten(1).all(1).nonzero().flatten().tolist()
            assert labels()[place] == k
    if paired:
        with pytest.raises(UserError, match="pairs each fake with a real image, whose class it gets: leave it out"):
            match_of(replace(SMALL, rules=replace(rules, classes="even")))


def test_the_penalty_between_real_and_fake_takes_d_at_their_class():
    """wgan-gp's slope by hand: of D(mix, y) with the class of both."""
    config = replace(SMALL, net=Net("mirror", width=4, dis_norm="none"))
    match = match_of(replace(config, rules=Rules(labels="projection", penalty="wgan-gp", dropout=0.0)))
    state, draw = match.start(), match.draws(0)["dis"][0]
    dis, gen = match.dis.filled(state["dis"][0]), match.gen.filled(state["gen"][0]).train()
    y, mix = draw["y"]["real"][0], draw["penalty"]["mix"][0][:, None, None, None]
    real = match.reals(0)[0][0].double() / 127.5 - 1
    x = (mix * real + (1 - mix) * gen(draw["z"][0], y)).detach().requires_grad_()
    (slope,) = torch.autograd.grad(dis(x, y).sum(), x)
    expected = (slope.flatten(1).norm(dim=1) - 1).square().mean()
    _, measures = match.play(state, 0)
    torch.testing.assert_close(measures["penalty"][0], expected, rtol=1e-9, atol=1e-9)


def test_the_first_update_of_g_has_the_fakes_of_d_with_their_classes():
    calls = []
    match = match_of(replace(SMALL, rules=Rules(labels="concat", dis_steps=2, gen_steps=2)))
    gen, dis = match.game.gen, match.game.dis
    game = replace(
        match.game,
        gen=lambda theta, z, y: calls.append(("gen", y)) or gen(theta, z, y),
        dis=lambda theta, x, y: calls.append(("dis", y)) or dis(theta, x, y),
    )
    draws = match.draws(0)
    step(game, match.start(), match.reals(0), draws, match.hyper(0))
    d, g = ([draw.get("y") for draw in draws[who]] for who in ("dis", "gen"))
    assert g[0] is None  # its fakes and their classes are those of D's last update
    expected = [
        *(("gen", d[0]["fake"]), ("dis", d[0]["real"]), ("dis", d[0]["fake"])),
        *(("gen", d[1]["fake"]), ("dis", d[1]["real"]), ("dis", d[1]["fake"])),
        *(("dis", d[1]["fake"]), ("gen", g[1]["fake"]), ("dis", g[1]["fake"])),
    ]
    assert [who for who, _ in calls] == [who for who, _ in expected]
    assert all(torch.equal(y, theirs) for (_, y), (_, theirs) in zip(calls, expected, strict=True))


def test_a_game_without_labels_makes_nothing_of_them():
    config = replace(SMALL, rules=Rules(penalty="r1", mirror_weight=0.5))
    plain, given = Match([config], pixels(), CPU), match_of(config)
    states = [plain.start(), given.start()]
    for i in range(3):
        states = [match.play(state, i)[0] for match, state in zip((plain, given), states, strict=True)]
    assert given.labelled is None
    assert "y" not in given.draws(0)["dis"][0]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
