"""Vital signs: what they say of generators whose output is known, and that looking changes nothing."""

from dataclasses import replace

import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch import nn

from ayneh.config import Config, Data, Keep, Net, Prior, Rules
from ayneh.data.sources import load
from ayneh.doctor.classes import Classes
from ayneh.doctor.vitals import LOOKED_AT, Outputs, Side, Vitals, dead_share, moved, separation
from ayneh.engine.match import Match, replicas_of

CONFIG = Config(batch=32, data=Data("digits", resize=16), net=Net("mirror", width=4), prior=Prior(dim=8))
DIGITS = load("digits", resize=16)
PIXELS = DIGITS.pixels


def match(config=CONFIG):
    labelled = (DIGITS.labels, DIGITS.described()) if config.rules.labelled else None
    return Match(replicas_of(config), PIXELS, torch.device("cpu"), labelled=labelled)


def signs(fake, config=CONFIG):
    """The signs of a G that gives these images, (128, 1, 16, 16) in [-1, 1]."""
    game = match(config)
    side, state = Side(game, 0), game.start()
    side.gen.forward = lambda theta, z, y=None, memory=None: fake
    return side.look(state["gen"][0], state["dis"][0], None)[0]


def test_a_generator_that_copies_training_images_is_as_varied_as_they_are_and_found_out():
    side = Side(match(), 0)
    found = signs(side.train[LOOKED_AT : 2 * LOOKED_AT])
    assert 0.9 < found["spread"] < 1.1
    assert 0.8 < found["alike"] < 1.25
    assert found["memory"] < 0.01  # each is a training image
    assert found["coverage"] > 0.9
    assert found["low"] == pytest.approx(float(found["data_low"]), abs=0.05)
    same = signs(side.real)
    assert same["spread"] == pytest.approx(1)
    assert same["coverage"] == 1


def test_one_image_over_and_over_has_no_spread_and_covers_nothing_else():
    one = Side(match(), 0).real[:1].repeat(LOOKED_AT, 1, 1, 1)
    found = signs(one)
    assert found["spread"] == pytest.approx(0, abs=1e-6)
    assert found["alike"] < 0.01  # distances by a matrix product are not exact
    assert found["coverage"] < 0.2
    grey = signs(torch.zeros(LOOKED_AT, 1, 16, 16))
    assert (grey["low"], grey["high"], grey["mean"]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("prior", "cosine"), [(Prior(dim=64), 0.0), (Prior("uniform", dim=64, low=0.0, high=1.0), 0.75)]
)
def test_draws_of_an_uncentred_prior_are_nearly_parallel(prior, cosine):
    side = Side(match(replace(CONFIG, prior=prior)), 0)  # E[z]^2 / E[z^2] = (1/4) / (1/3)
    assert float(side.parallel) == pytest.approx(cosine, abs=0.02)


def test_separation_is_the_area_under_the_roc_curve():
    draw = torch.Generator().manual_seed(0)
    real, fake = (
        torch.randn(40, generator=draw).round(decimals=1),
        torch.randn(30, generator=draw).round(decimals=1) - 0.5,
    )
    labels = [1] * len(real) + [0] * len(fake)
    assert float(separation(real, fake)) == pytest.approx(roc_auc_score(labels, torch.cat([real, fake])))


def test_a_unit_is_dead_where_it_gives_the_same_for_every_image():
    x = torch.randn(64, 4, 5, 5, generator=torch.Generator().manual_seed(0))
    x[:, 1] = 3.0
    x[:, 2] = 0.0
    assert float(dead_share([[x]])) == 0.5
    y = x.clone()
    y[:, 1] = 4.0  # another constant for the other batch: its output differs between the two, so it lives
    assert float(dead_share([[x, y]])) == 0.25


def test_drift_sums_over_pixels():
    before = torch.full((3, 1, 2, 2), 100, dtype=torch.uint8)
    assert float(moved(before, before + 51)) == pytest.approx(4 * (51 / 127.5) ** 2)


def test_looks_change_nothing_and_are_those_of_each_replica_alone():
    stack = match(replace(CONFIG, seeds=2))
    state = stack.start()
    vitals, before = Vitals(stack, {}), {name: value.clone() for name, value in state.items()}
    first, second = vitals.look(state), vitals.look(stack.play(state, 0)[0])
    assert all(torch.equal(state[name], before[name]) for name in state)
    assert first["drift"] == [None, None]
    assert second["drift"][1] > 0
    alone = match(replace(CONFIG, seed=1))
    assert Vitals(alone, {}).look(alone.start()) == {name: numbers[1:] for name, numbers in first.items()}
    resumed = Vitals(stack, vitals.tensors())
    played = stack.play(stack.play(state, 0)[0], 1)[0]
    assert resumed.look(played) == vitals.look(played)


@pytest.mark.parametrize("labels", ["projection", "auxiliary"])
def test_looks_at_classes_change_nothing_and_are_those_of_each_replica_alone(labels):
    config = replace(CONFIG, rules=Rules(labels=labels), seeds=2)
    stack = match(config)
    state = stack.play(stack.start(), 0)[0]
    before = {name: value.clone() for name, value in state.items()}
    looked = Vitals(stack, {}).look(state)
    assert all(torch.equal(state[name], before[name]) for name in state)
    assert looked["data_class_read"][0] == looked["data_class_read"][1] > 0.95
    assert looked["class_spread"][0] != looked["class_spread"][1]
    alone = match(replace(config, seed=1, seeds=1))
    assert Vitals(alone, {}).look(alone.play(alone.start(), 0)[0]) == {k: v[1:] for k, v in looked.items()}
    plain = match(replace(CONFIG, seeds=2))
    assert Vitals(plain, {}).look(plain.start()).keys() == {k for k in looked if "class" not in k and "label" not in k}


def test_a_generator_without_weights_for_the_class_has_no_effect_of_it():
    """The embedding of every class is the same: samples of one latent are one image under all classes."""
    game = match(replace(CONFIG, rules=Rules(labels="projection")))
    state = game.start()
    names = [name for name in game.gen.shapes if "class" in name or "embed" in name or "label" in name]
    assert names
    theta = game.gen.unpack(state["gen"])
    ignoring = game.gen.pack({name: torch.zeros_like(w) if name in names else w for name, w in theta.items()})
    side = Side(game, 0, Classes.of(game))
    found = side.look(ignoring[0], state["dis"][0], None)[0]
    assert float(found["label_effect"]) == pytest.approx(0, abs=1e-6)
    assert float(found["class_read"]) == pytest.approx(0.1)


def test_looks_are_a_function_of_the_steps():
    vitals = Vitals(match(replace(CONFIG, keep=Keep(vitals_steps=50))), {})
    assert [vitals.due(before, now) for before, now in ((0, 40), (40, 80), (80, 99), (99, 100))] == [
        False, True, False, True]  # fmt: skip
    assert not Vitals(match(replace(CONFIG, keep=Keep(vitals_steps=0))), {}).due(0, 1000)


def test_a_data_set_smaller_than_a_look_and_a_game_that_broke_down():
    few = Match(replicas_of(CONFIG), PIXELS[:40], torch.device("cpu"))
    found = Vitals(few, {}).look(few.start())
    assert all(value is None or abs(value) < 100 for (value,) in found.values())
    state = few.start() | {"gen": torch.full_like(few.start()["gen"], float("nan"))}
    found = Vitals(few, {}).look(state)
    assert found["spread"] == [None]
    assert found["parallel"] != [None]


class Written(nn.Module):
    """A net whose activations are lines of its own: the second changes what the first gave, in place."""

    def forward(self, x):
        hidden = nn.functional.silu(x)
        hidden += 1
        return torch.relu(hidden).mean(1)


@pytest.mark.parametrize(
    ("net", "hidden"),
    [
        (nn.Sequential(nn.ReLU(), nn.GELU(), nn.Linear(4, 1)), [torch.relu, lambda x: nn.functional.gelu(x.relu())]),
        (nn.Sequential(nn.ELU(inplace=True), nn.Linear(4, 4), nn.Tanh(), nn.Unflatten(1, (1, 2, 2))), [nn.ELU()]),
        (nn.Sequential(nn.Tanh(), nn.Linear(4, 1), nn.Sigmoid(), nn.Flatten(0)), [torch.tanh]),
        (nn.Sequential(nn.LeakyReLU(0.1), nn.Identity()), [nn.LeakyReLU(0.1)]),
        (Written(), [nn.SiLU(), lambda x: (nn.functional.silu(x) + 1).relu()]),
        (nn.Sequential(nn.Linear(4, 4), nn.Softmax(1)), []),
    ],
)
def test_the_activations_of_any_net_are_found_but_for_the_one_that_ends_it(net, hidden):
    x = torch.randn(5, 4)
    wanted = [function(x.clone()) for function in hidden]
    with Outputs() as outputs:
        found = outputs.hidden(net(x.clone()))
        assert outputs.hidden(net(x.clone())) is not found
    assert len(found) == len(wanted)
    assert all(torch.equal(y, expected) for y, expected in zip(found, wanted, strict=True))
    assert dead_share([[y] for y in found]).isnan() == (not hidden)
