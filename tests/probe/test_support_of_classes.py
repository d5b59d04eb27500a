"""The support probe of a labelled run: D judges pairs of an image and a class, as in the game."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from ayneh.config import Config, Data, Net, Optimizer, Prior, Rules
from ayneh.data.sources import load
from ayneh.engine.match import nets_of
from ayneh.engine.replicas import init_rows
from ayneh.engine.sampler import Sampler
from ayneh.errors import UserError
from ayneh.game.nets import INITS
from ayneh.game.step import update_dis
from ayneh.probe.arms import ARMS, Plan
from ayneh.probe.examination import _labels_of
from ayneh.probe.jacobian import singular_values
from ayneh.probe.overlap import error
from ayneh.probe.support import Probe

CONFIG = Config(
    batch=32,
    data=Data("digits", resize=8),
    net=Net("mirror", width=4),
    prior=Prior(dim=8),
    optimizer=Optimizer(lr=2e-3),
)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def splits():
    return tuple(load("digits", split, resize=8) for split in ("train", "test"))


def probe_of(splits, way, plan, gen=None, precision="float32"):
    config, labels = replace(CONFIG, rules=Rules(labels=way), precision=precision), splits[0].described()
    net, _ = nets_of(config, (1, 8, 8), CPU, labels=labels)
    (row,) = init_rows(net, [1], INITS["dcgan"])
    sampler = Sampler(net, row.to(getattr(torch, precision)), config, labels=labels)
    sampler.gen = gen or sampler.gen
    pixels, known = zip(*((split.pixels, split.labels) for split in splits), strict=True)
    return Probe(sampler, *pixels, plan, known)


class Drawing(nn.Module):
    """The image of a table at the class that it is asked for, moved on by some; a little of z in the last column."""

    def __init__(self, table, moved):
        super().__init__()
        self.table, self.moved = nn.Parameter(table), moved

    def forward(self, z, y):
        image = self.table[(y + self.moved) % len(self.table)]
        return image + 1e-3 * z[:, :1, None, None] * torch.eye(8)[7].view(1, 1, 1, 8)


def pairs(n):
    """A set of ten images, one for each class, and a G that draws the next class."""
    table = torch.rand(10, 1, 8, 8, generator=torch.Generator().manual_seed(0)).mul(255).byte()
    labels = torch.arange(n) % 10
    return table, table[labels], labels


@pytest.mark.parametrize("way", ["concat", "projection"])
def test_the_arm_played_is_the_game_s_own_update_of_d(splits, way):
    probe = probe_of(splits, way, Plan(arms=("played",)), precision="float64")
    state = probe.match.start()
    theirs, draw = dict(state), probe.match.draws(0)["dis"][0]
    probe._update(state, 0)
    real = probe.match.reals(0)[0].double() / 127.5 - 1
    fake = probe.sampler.gen(draw["z"][0], draw["y"]["fake"][0])[None].detach()
    update_dis(probe.match.game, theirs, real, fake, draw, probe.match.hyper(0))
    torch.testing.assert_close(state["dis"], theirs["dis"])
    assert not torch.equal(state["dis"], probe.match.start()["dis"])


@pytest.mark.parametrize("way", ["projection", "auxiliary"])
def test_a_g_that_draws_another_class_is_distinguished_where_d_takes_the_class(splits, way):
    """Its images are those of the data; only the pairs of an image and a class are not."""
    table, pixels, labels = pairs(400)
    gen = Drawing(table / 127.5 - 1, moved=1)
    sets = [replace(split, pixels=pixels, labels=labels, whole=None) for split in splits]
    found = list(probe_of(sets, way, Plan(steps=150, arms=("rounded",)), gen).play())[-1]["rounded"]
    wrong = error(*(side.double().numpy() for side in found.held_out)).value
    assert wrong > 0.3 if way == "auxiliary" else wrong < 0.1


def test_a_g_that_draws_the_class_is_not_distinguished(splits):
    table, pixels, labels = pairs(400)
    sets = [replace(split, pixels=pixels, labels=labels, whole=None) for split in splits]
    plan = Plan(steps=100, arms=("rounded",))  # without the trace of z
    found = list(probe_of(sets, "projection", plan, Drawing(table / 127.5 - 1, moved=0)).play())[-1]["rounded"]
    assert error(*(side.double().numpy() for side in found.held_out)).value > 0.3


def test_every_image_of_a_look_keeps_its_own_class(splits):
    """Pixel (0, 0) of an image is its class; of G's images, too."""
    table, _, labels = pairs(400)
    pixels = table[labels]
    table[:, 0, 0, 0] = torch.arange(10)
    pixels[:, 0, 0, 0] = labels.byte()
    sets = [replace(split, pixels=pixels, labels=labels, whole=None) for split in splits]
    gen = Drawing(table / 127.5 - 1, moved=0)
    probe = probe_of(sets, "projection", Plan(arms=("plain", "null")), gen)
    looked = probe._sets()
    for kind in ("train", "held"):
        for r in range(2):
            for images, classes in probe._pair(r, looked[kind]):
                assert torch.equal(((images[:, 0, 0, 0] + 1) * 127.5).round().long(), classes), (kind, r)
    plain, null = (probe._pair(r, looked["held"]) for r in range(2))
    assert not torch.equal(plain[1][1], null[1][1])


def test_all_arms_play_and_an_arm_does_not_disturb_another(splits):
    plan = Plan(steps=2, images=32, batches=1)
    among = list(probe_of(splits, "concat", plan).play())[-1]
    assert set(among) == set(ARMS)
    alone = list(probe_of(splits, "concat", replace(plan, arms=("null",))).play())[-1]
    torch.testing.assert_close(alone["null"].held_out, among["null"].held_out)
    assert all(norm > 0 for norm in among["plain"].gradients.values())


def test_images_that_have_other_classes_now_are_refused(splits):
    record, before = SimpleNamespace(folder=Path("runs/mine")), splits[0].described()
    assert torch.equal(_labels_of(record, before, splits)[1], splits[1].labels)
    with pytest.raises(UserError, match="runs/mine was trained on 10 classes .* has no classes now"):
        _labels_of(record, before, (splits[0], replace(splits[1], labels=None, classes=None)))


def test_the_slope_of_g_is_taken_at_the_class_that_stays():
    class Bent(nn.Module):
        def __init__(self):
            super().__init__()
            self.each = nn.Parameter(torch.randn(3, 12, 5, generator=torch.Generator().manual_seed(3)))

        def forward(self, z, y):
            return torch.einsum("bpz,bz->bp", self.each[y], z).view(-1, 1, 3, 4)

    gen, classes = Bent(), torch.tensor([2, 0])
    found = singular_values(gen, torch.randn(2, 5), classes)
    known = torch.linalg.svdvals(gen.each.detach().double()[classes]).numpy()
    np.testing.assert_allclose(found, known, rtol=1e-10)
