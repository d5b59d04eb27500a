"""The classes of a labelled game: how they are drawn, which settings do not fit, what samplers and critics do."""

from dataclasses import replace

import pytest
import torch

from ayneh.config import Config, Net, Prior, Rules
from ayneh.engine.classes import drawn, ends_of, picked
from ayneh.engine.critic import Critic, critic_of
from ayneh.engine.match import Match, replicas_of
from ayneh.engine.noise import BlockChance, Chance, steps_in_block
from ayneh.engine.sampler import STANDING_LATENTS, sampler_in, sampler_of
from ayneh.errors import UserError
from ayneh.game.layers import standing_statistics
from ayneh.game.priors import make_prior
from ayneh.labels import Labels

CPU = torch.device("cpu")
UNEVEN = Labels(("a", "b", "c", "d"), (0.5, 0.0, 0.4, 0.1))
SMALL = Config(batch=16, prior=Prior(dim=8), net=Net("mirror", width=4), rules=Rules(labels="concat"))
X = torch.rand(5, 1, 16, 16, generator=torch.manual_seed(3)) * 2 - 1


def pixels(n=64):
    return torch.randint(0, 256, (n, 1, 16, 16), dtype=torch.uint8, generator=torch.manual_seed(5))


def labels(n=64):
    return torch.tensor([0, 2, 3])[torch.arange(n) % 3]


def match_of(config=SMALL, classes=UNEVEN):
    return Match(replicas_of(config), pixels(), CPU, labelled=(labels(), classes))


def with_labels(how, **net):
    return replace(SMALL, rules=Rules(labels=how, dropout=0.0), net=Net("mirror", width=4, **net))


def chance_of(kind=Chance, seeds=(3, 4)):
    return kind(list(seeds), [make_prior("normal")] * len(seeds), 8, CPU, torch.float32)


def classes_of(chance, step, n, ends):
    return picked(chance.uniform(step, "dis 0 y", n), ends)


@pytest.mark.parametrize("kind", [Chance, BlockChance])
def test_classes_are_drawn_by_their_shares(kind):
    y = classes_of(chance_of(kind), 5, 40_000, ends_of(UNEVEN, "data"))
    assert y.dtype == torch.int64
    assert not torch.equal(y[0], y[1])
    for row in y:
        counts = row.bincount(minlength=4) / 40_000
        torch.testing.assert_close(counts, torch.tensor([0.5, 0.0, 0.4, 0.1]), atol=0.01, rtol=0)
    even = classes_of(chance_of(kind), 5, 40_000, ends_of(UNEVEN, "even"))[0].bincount(minlength=4) / 40_000
    torch.testing.assert_close(even, torch.tensor([1 / 3, 0.0, 1 / 3, 1 / 3]), atol=0.01, rtol=0)  # of b is no image


def test_classes_are_a_function_of_seed_step_and_purpose():
    ends = ends_of(UNEVEN, "data")
    stack, alone = chance_of(), chance_of(seeds=(4,))
    assert torch.equal(classes_of(stack, 2, 50, ends)[1], classes_of(alone, 2, 50, ends)[0])
    assert not torch.equal(classes_of(stack, 2, 50, ends), classes_of(stack, 3, 50, ends))
    blocks = chance_of(BlockChance)
    later = classes_of(blocks, steps_in_block(50) + 1, 50, ends)
    before = classes_of(blocks, 1, 50, ends)
    assert torch.equal(classes_of(chance_of(BlockChance), 1, 50, ends), before)
    assert not torch.equal(later, before)


def test_the_last_class_is_drawn_where_shares_of_thirds_sum_to_less_than_one():
    thirds = Labels(tuple("abc"), (1 / 3, 1 / 3, 1 / 3))
    assert ends_of(thirds, "data")[-1] == 1
    assert set(drawn(thirds, "data", 1000, 0, "x").tolist()) == {0, 1, 2}


def test_unknown_settings_are_refused_with_the_nearest():
    with pytest.raises(
        UserError, match=r"way of having labels \(--rules.labels\) called 'concta'. Did you mean 'concat'"
    ):
        Config(rules=Rules(labels="concta"))
    with pytest.raises(
        UserError, match=r"way of drawing classes \(--rules.classes\) called 'evenly'. Did you mean 'even'"
    ):
        Config(rules=Rules(classes="evenly"))


@pytest.mark.parametrize("gen_labels", ["concat", "norm"])
def test_a_sampler_draws_the_classes_that_it_is_asked_for_from_the_same_z(gen_labels):
    match = match_of(with_labels("projection", gen_labels=gen_labels))
    state = match.start()
    for i in range(3):
        state, _ = match.play(state, i)
    sampler = sampler_in(match, state, 0)
    assert sampler.labels == UNEVEN
    y = torch.tensor([3, 0, 2, 0, 1, 3])
    images = sampler.images("draw 0", 6, y)
    z = sampler.latents("draw 0", 6)
    with torch.no_grad():
        torch.testing.assert_close(images, sampler.gen(z, y))
    usual = sampler.images("draw 0", 6)
    assert torch.equal(usual, sampler.images("draw 0", 6, sampler.classes("draw 0", 6)))
    same = y == sampler.classes("draw 0", 6)  # an image depends on its own z and class alone
    assert torch.equal(images[same], usual[same])
    assert not torch.allclose(images[~same], usual[~same])
    counts = sampler.classes("many", 5000).bincount(minlength=4)
    assert counts[1] == 0
    assert counts[0] > counts[2] > counts[3] > 0
    # its statistics are those of the run's own classes
    module = match.gen.filled(state["ema"][0])
    standing = sampler.latents("standing", STANDING_LATENTS), sampler.classes("standing", STANDING_LATENTS)
    batches = zip(*(one.split(16) for one in standing), strict=True)
    by_hand = standing_statistics(module, batches)
    with torch.no_grad():
        torch.testing.assert_close(by_hand(z, y), images)


def test_a_sampler_refuses_classes_that_are_not_there():
    match = match_of()
    sampler = sampler_in(match, match.start(), 0)
    for wrong in (torch.tensor([0, 4]), torch.tensor([-1, 0]), torch.tensor([0])):
        with pytest.raises(UserError, match="The classes of 2 images must be so many numbers from 0 to 3, one each"):
            sampler.images("draw 0", 2, wrong)
    plain = Match([replace(SMALL, rules=Rules())], pixels(), CPU)
    sampler = sampler_in(plain, plain.start(), 0)
    assert sampler.labels is None
    with pytest.raises(UserError, match="This run has no labels: images of a class cannot be drawn"):
        sampler.images("draw 0", 2, torch.tensor([0, 1]))
    with pytest.raises(UserError, match="This run has no labels: its images have no classes"):
        sampler.classes("draw 0", 2)
    with pytest.raises(UserError, match="This run has no labels: its D reads no classes"):
        Critic(plain.dis.filled(plain.start()["dis"][0]), sampler).read_class(X)


@pytest.mark.parametrize("how", ["concat", "projection", "auxiliary"])
def test_a_critic_judges_an_image_as_one_of_a_class_and_reads_its_class(how):
    match = match_of(with_labels(how))
    named = match.named(match.start())
    critic = critic_of(match.replicas[0], match.image_shape, named, 0, labels=UNEVEN)
    y, read = torch.tensor([0, 3, 2, 1, 3]), critic.read_class(X)
    assert read.shape == (5, 4)
    torch.testing.assert_close(read.exp().sum(1), torch.ones(5))
    if how == "auxiliary":
        assert not critic.takes_class
        assert torch.equal(critic.logits(X, y), critic.logits(X))
        with torch.no_grad():
            expected = critic.dis.classifier(critic.dis.features(X).flatten(1)).log_softmax(1)
        torch.testing.assert_close(read, expected)
        return
    assert not torch.allclose(critic.logits(X, y), critic.logits(X, (y + 1) % 4))
    each = torch.stack([critic.logits(X, torch.full((5,), k)) for k in range(4)], 1)
    torch.testing.assert_close(read, each.log_softmax(1))
    torch.testing.assert_close(critic.logits(X, y), each[torch.arange(5), y])
    with pytest.raises(UserError, match="This run's D takes the class of each image"):
        critic.logits(X)
    if how == "concat":
        assert not torch.allclose(critic.features(X, y), critic.features(X, (y + 1) % 4))
        with pytest.raises(UserError, match="This run's D takes the class of each image"):
            critic.features(X)
    else:
        assert critic.features(X).shape == (5, 8)


def test_a_class_of_parts_is_read_part_by_part():
    """Class 5 of 2 x 3 is (1, 2): its log-probability is the sum of those of the two parts."""
    parts = Labels(tuple("abcdef"), (1 / 6,) * 6, (2, 3))
    match = match_of(with_labels("auxiliary"), classes=parts)
    named = match.named(match.start())
    critic = critic_of(match.replicas[0], match.image_shape, named, 0, labels=parts)
    with torch.no_grad():
        first, second = critic.dis.classifier(critic.dis.features(X).flatten(1)).split([2, 3], 1)
    expected = (first.log_softmax(1)[:, :, None] + second.log_softmax(1)[:, None]).flatten(1)
    torch.testing.assert_close(critic.read_class(X), expected)


def test_statistics_of_real_images_need_their_classes():
    match = match_of(with_labels("concat"))
    named, reals = match.named(match.start()), pixels(32).float() / 127.5 - 1
    place = match.replicas[0], match.image_shape, named, 0
    sampler = sampler_of(*place, UNEVEN)
    with pytest.raises(UserError, match="give the classes, too"):
        critic_of(*place, reals=reals, sampler=sampler)
    critic = critic_of(*place, reals=reals, sampler=sampler, real_classes=labels(32))
    dis = match.dis.filled(match.start()["dis"][0])
    fakes = sampler.images("critic", 32), sampler.classes("critic", 32)
    parts = [[one.split(16) for one in side] for side in (fakes, (reals, labels(32)))]
    batches = [pair for side in parts for pair in zip(*side, strict=True)]
    by_hand = standing_statistics(dis, batches)
    y = torch.tensor([0, 3, 2, 1, 3])
    with torch.no_grad():
        torch.testing.assert_close(critic.logits(X, y), by_hand(X, y))
