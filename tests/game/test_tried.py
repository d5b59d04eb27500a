"""Rules of one's own play the same bits as the same rule built in; what cannot play is refused at the start."""

import random
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ayneh.config import Config, Net, Prior, Rules
from ayneh.engine.chosen import rules_of
from ayneh.engine.hyper import courses_of
from ayneh.engine.match import Match, replicas_of
from ayneh.errors import UserError
from ayneh.game.augment import Augmentation
from ayneh.game.losses import Loss, hinge_dis, relativistic_dis, relativistic_gen
from ayneh.game.optimiser import OPTIMISERS, Optimiser
from ayneh.game.penalties import Penalty
from ayneh.parts.registry import add

CPU = torch.device("cpu")
SMALL = Config(batch=8, seeds=2, prior=Prior(dim=4), net=Net("mlp", width=4))


def played(config: Config, steps: int = 3) -> dict[str, torch.Tensor]:
    pixels = torch.randint(0, 256, (64, 1, 8, 8), dtype=torch.uint8, generator=torch.manual_seed(5))
    match = Match(replicas_of(config), pixels, CPU)
    state = match.start()
    measures = {}
    for i in range(steps):
        state, measures = match.play(state, i)
    return state | measures


def with_rules(**rules) -> Config:
    return replace(SMALL, rules=Rules(**rules))


def same_bits(one: Config, other: Config) -> None:
    ours, theirs = played(one), played(other)
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


# -- losses --------------------------------------------------------------------------------------------------------


def test_a_loss_of_ones_own_plays_the_same_bits_as_the_built_in_one():
    add("loss", "mine", Loss(dis=lambda real, fake: F.relu(1 - real) + F.relu(1 + fake), gen=lambda fake: -fake))
    same_bits(with_rules(loss="mine"), with_rules(loss="hinge"))
    add("loss", "in-c", Loss(hinge_dis, torch.neg))  # which has no signature that can be read
    same_bits(with_rules(loss="in-c"), with_rules(loss="hinge"))
    add("loss", "pairs", Loss(relativistic_dis, relativistic_gen, gen_needs_real=True))
    same_bits(with_rules(loss="pairs"), with_rules(loss="relativistic"))

    def smoothed(real, fake, smooth):
        return F.softplus(-real) + smooth * real + F.softplus(fake)

    add("loss", "smooth", Loss(smoothed, lambda fake: F.softplus(-fake), smooths=True))
    rules = {"label_smoothing": 0.2}
    same_bits(with_rules(loss="smooth", **rules), with_rules(loss="non-saturating", **rules))


def test_a_loss_written_for_one_replica_never_mixes_two():
    """The relativistic average subtracts the mean over the batch: over all dimensions it would be that of a stack."""

    def dis(real, fake):
        return F.softplus(fake.mean() - real) + F.softplus(fake - real.mean())

    add("loss", "average", Loss(dis, lambda real, fake: F.softplus(real.mean() - fake), gen_needs_real=True))
    stack = played(with_rules(loss="average"))
    for r in range(2):
        alone = played(replace(with_rules(loss="average"), seed=r, seeds=1))
        for key, value in alone.items():
            torch.testing.assert_close(stack[key][r], value[0], rtol=1e-5, atol=1e-6)


def test_a_loss_has_numbers_that_the_settings_give():
    def dis(real, fake, *, margin=3.0):
        return F.relu(margin - real) + F.relu(margin + fake)

    add("loss", "margin", Loss(dis, lambda fake: -fake))
    same_bits(with_rules(loss="margin", numbers="loss.margin=1"), with_rules(loss="hinge"))
    assert not torch.equal(played(with_rules(loss="margin"))["dis"], played(with_rules(loss="hinge"))["dis"])
    with pytest.raises(UserError, match="The loss 'margin' has no number 'margn'; it has margin."):
        played(with_rules(loss="margin", numbers="loss.margn=1"))
    with pytest.raises(UserError, match="built in and takes none"):
        played(with_rules(loss="hinge", numbers="loss.margin=1"))
    for wrong in ("margin=1", "loss.margin", "loss.margin=x", "net.width=1", "loss.margin=inf"):
        with pytest.raises(UserError, match="must be KIND.NAME=NUMBER"):
            Rules(numbers=wrong).numbers_of("loss")
    assert Rules(numbers="loss.a=1, penalty.k=2.5,loss.b=-1e-3").numbers_of("loss") == {"a": 1.0, "b": -1e-3}


def test_the_real_logits_may_have_a_default_where_they_are_asked_for():
    add(
        "loss",
        "asked",
        Loss(relativistic_dis, lambda real, fake=None: relativistic_gen(real, fake), gen_needs_real=True),
    )
    same_bits(with_rules(loss="asked"), with_rules(loss="relativistic"))


def test_a_parameter_with_a_default_keeps_it_and_gets_no_label_smoothing():
    def dis(real, fake, margin=1.0):
        return F.relu(margin - real) + F.relu(margin + fake)

    add("loss", "mine", Loss(dis, gen=lambda fake, scale=1.0: -scale * fake))
    same_bits(with_rules(loss="mine"), with_rules(loss="hinge"))

    def smoothed(real, fake, smooth=0.0):
        return F.softplus(-real) + smooth * real + F.softplus(fake)

    add("loss", "smooth", Loss(smoothed, lambda fake: F.softplus(-fake), smooths=True))
    same_bits(*(with_rules(loss=name, label_smoothing=0.2) for name in ("smooth", "non-saturating")))


class Remembering:
    """Gives another number at each call."""

    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return self.calls


CALLS, OWN = Remembering(), torch.Generator().manual_seed(0)
CHANCE = {
    "torch": lambda like: torch.rand_like(like),
    "numpy": lambda like: np.random.rand(),
    "python": lambda like: random.random(),
    "a generator of its own": lambda like: torch.rand(like.shape, generator=OWN),
    "memory": lambda like: CALLS(),
}
REPEATED = "draws random numbers or remembers former calls, so that no run could be repeated"


@pytest.mark.parametrize("draw", CHANCE.values(), ids=CHANCE)
@pytest.mark.parametrize("kind", ["dis", "gen", "penalty", "augmentation", "update", "init", "schedule"])
def test_a_rule_that_draws_or_remembers_is_refused_in_a_sentence(kind, draw):
    """By two calls on the same tensors; the user's own generators stay as they were."""
    config = with_rules(loss="mine")
    if kind == "dis":
        add("loss", "mine", Loss(lambda real, fake: fake - real * draw(real), lambda fake: -fake))
    elif kind == "gen":
        add("loss", "mine", Loss(hinge_dis, lambda fake: -fake * draw(fake)))
    elif kind == "penalty":
        add("penalty", "mine", Penalty(lambda logits, real, fake, draws: logits(real) * draw(logits(real))))
        config = with_rules(penalty="mine")
    elif kind == "augmentation":
        add("augmentation", "mine", Augmentation(lambda x, u, strength: x + draw(x)))
        config = with_rules(augmentation="mine")
    elif kind == "schedule":
        add("schedule", "mine", lambda images: float(torch.as_tensor(draw(torch.ones(())))))
        config = replace(SMALL, optimizer=replace(SMALL.optimizer, schedule="mine"))
    else:
        update = (lambda theta, *rest: (theta + draw(theta), rest[1])) if kind == "update" else OPTIMISERS["sgd"].update
        init = (lambda theta: {"momentum": theta * draw(theta)}) if kind == "init" else OPTIMISERS["sgd"].init
        add("optimiser", "mine", Optimiser(init, update))
        config = with_optimiser("mine")
    before = torch.get_rng_state(), random.getstate()
    with pytest.raises(UserError, match=REPEATED):
        rules_of(config, (1, 8, 8)) if kind != "schedule" else courses_of([config], 100)
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == random.getstate()


@pytest.mark.parametrize(
    ("dis", "gen", "said"),
    [
        (lambda real, fake: (fake - real).mean(), lambda fake: -fake, r"dis\(real, fake\) gave one number for the"),
        (hinge_dis, lambda fake: -fake.mean(-1), r"gen\(fake\) gave one number for the whole batch"),
        (lambda real, fake: fake[..., :3], lambda fake: -fake, r"gave \(3,\): it must give a loss for each image, \(8"),
        (lambda real, fake: fake.log(), lambda fake: -fake, r"gave a number that is not finite \(nan\)"),
        (lambda real, fake: [0.0] * 8, lambda fake: -fake, r"gave \[0.0, 0.0"),
        (hinge_dis, lambda fake: -fake.detach(), "does not depend on D's logits"),
        (hinge_dis, lambda real, fake: real - fake, "gen gets the real logits with gen_needs_real=True alone"),
        (lambda fake: fake, lambda fake: -fake, "failed on its trial call"),
        (lambda real, fake, smooth: real - fake * smooth.add_(1), lambda fake: -fake, "changes smooth, which it is g"),
        (lambda real, fake: 1 / 0, lambda fake: -fake, r"ZeroDivisionError: .* \(.*test_tried\.py:\d+\)\)"),
    ],
)  # fmt: skip
def test_a_loss_that_gives_no_number_for_each_image_is_refused_in_a_sentence(dis, gen, said):
    add("loss", "mine", Loss(dis, gen))
    with pytest.raises(UserError, match=said) as error:
        played(with_rules(loss="mine"))
    assert str(error.value).startswith("The loss 'mine'")
    assert "\n" not in str(error.value)


# -- penalties -----------------------------------------------------------------------------------------------------


def test_a_penalty_of_ones_own_plays_the_same_bits_as_the_built_in_one():
    def at_real(logits, real, fake, draws, *, share=0.5):
        (slope,) = torch.autograd.grad(logits(real).sum(), real, create_graph=True)
        return slope.flatten(2).square().sum(2) * share

    add("penalty", "mine", Penalty(at_real, at=("real",)))
    same_bits(with_rules(penalty="mine"), with_rules(penalty="r1"))
    half = played(with_rules(penalty="mine", gamma=0.5, numbers="penalty.share=1"))
    assert torch.equal(half["dis"], played(with_rules(penalty="r1"))["dis"])


def slope_at(logits, x, create_graph=True):
    (slope,) = torch.autograd.grad(logits(x).sum(), x, create_graph=create_graph)
    return slope.flatten(2).square().sum(2)


@pytest.mark.parametrize(
    ("fn", "said"),
    [
        (lambda logits, real, fake, draws: logits(real).mean(), r"gave \(\): it must give a penalty for each image"),
        (
            lambda logits, real, fake, draws: logits(real).squeeze(),
            r"gave \(3,\): .* for each image, \(R, B\), \(1, 3\)",
        ),
        (lambda logits, real, fake, draws: logits(real).detach(), "does not depend on D's weights"),
        (lambda logits, real, fake, draws: logits(real) * logits(fake).mean(), "mixes the replicas"),
        (lambda logits, real, fake, draws: draws["mix"], r"failed on its trial call \(KeyError: 'mix' "),
        (lambda logits, real, fake, draws: logits(real) / 0, "not finite"),
        (lambda logits, real, fake, draws: logits(fake.sub_(real)), "changes fake, which it is given"),
        (
            lambda logits, real, fake, draws: slope_at(logits, real.requires_grad_()),
            r'calls requires_grad_\(\) on real, .* name the batch where the penalty is made, as at=\("real",\)',
        ),
        (lambda logits, real, fake, draws: slope_at(logits, real), "failed on its trial call"),
        (
            lambda logits, real, fake, draws: slope_at(logits, (real + fake).requires_grad_(), create_graph=False),
            "does not depend on D's weights: take D's slope with create_graph=True",
        ),
    ],
)
def test_a_penalty_that_cannot_play_is_refused_in_a_sentence(fn, said):
    add("penalty", "mine", Penalty(fn))
    with pytest.raises(UserError, match=said):
        played(with_rules(penalty="mine"))


# -- augmentations -------------------------------------------------------------------------------------------------


def test_an_augmentation_changes_what_d_sees_and_is_nothing_at_strength_zero():
    seen = []

    def brightness(x, u, strength):
        seen.append(u)
        return x + strength * (u[..., None, None] - 0.5)

    add("augmentation", "mine", Augmentation(brightness))
    mine, none = with_rules(augmentation="mine", augmentation_strength=0.0, dropout=0.0), with_rules(dropout=0.0)
    same_bits(mine, none)
    assert all(u.shape == (2, 8, 1) and (u >= 0).all() and (u < 1).all() for u in seen[-2:])
    assert not torch.equal(seen[-1], seen[-2])  # real and fake images, each with their own
    strong = replace(mine, rules=replace(mine.rules, augmentation_strength=0.5))
    assert not torch.equal(played(strong)["dis"], played(none)["dis"])


@pytest.mark.parametrize(
    ("fn", "said"),
    [
        (lambda x, u, strength: x.mean(2), "it must give images like those that it gets"),
        (lambda x, u, strength: x.detach(), "cuts the gradient off"),
        (lambda x, u, strength: x + x.mean(), "mixes the replicas"),
        (lambda x, u, strength: x * u[:1, ..., None, None], "mixes the replicas"),
        (lambda x, u, strength: x.log(), "not finite"),
        (lambda x, u, strength: x + strength.mul_(0.9) * u[..., None, None], "changes strength, which it is given"),
        (lambda x, u: x, "failed on its trial call"),
    ],
)
def test_an_augmentation_that_cannot_play_is_refused_in_a_sentence(fn, said):
    add("augmentation", "mine", Augmentation(fn))
    with pytest.raises(UserError, match=said):
        played(with_rules(augmentation="mine"))


# -- optimisers ----------------------------------------------------------------------------------------------------


def with_optimiser(name: str) -> Config:
    return replace(SMALL, optimizer=replace(SMALL.optimizer, name=name, momentum=0.5, lr=1e-3))


def test_an_optimiser_of_ones_own_plays_the_same_bits_and_has_its_own_tensors():
    def update(theta, grad, memory, t, hyper):
        speed = hyper["momentum"] * memory["speed"] + grad
        return theta - hyper["lr"] * speed, {"speed": speed}

    add("optimiser", "mine", Optimiser(lambda theta: {"speed": torch.zeros_like(theta)}, update))
    ours, theirs = played(with_optimiser("mine")), played(with_optimiser("sgd"))
    renamed = {key.replace("momentum", "speed"): value for key, value in theirs.items()}
    assert ours.keys() == renamed.keys()
    assert all(torch.equal(ours[key], renamed[key]) for key in ours)


ZEROS = OPTIMISERS["sgd"].init


def of(kind):
    return lambda theta: {"m": torch.zeros_like(theta, dtype=kind)}


def moved(by):
    return lambda theta, grad, memory, t, hyper: (theta - by(theta, grad, t, hyper), memory)


def test_an_optimiser_is_tried_in_the_numbers_of_the_run():
    add("optimiser", "mine", Optimiser(of(torch.float32), moved(lambda theta, grad, t, hyper: grad.float())))
    played(with_optimiser("mine"), 1)
    add("optimiser", "mine", Optimiser(ZEROS, lambda theta, grad, memory, *rest: ((theta - grad).float(), memory)))
    with pytest.raises(UserError, match="theta gave numbers of float32: .* of float64 here"):
        played(replace(with_optimiser("mine"), precision="float64"))


@pytest.mark.parametrize(
    ("init", "update", "said"),
    [
        (lambda theta: [], lambda *args: args[0], "must be a dict of tensors like theta"),
        (lambda theta: {"t": theta}, lambda *args: args[0], "other than t and buffers"),
        (ZEROS, lambda theta, grad, memory, t, hyper: theta, r"must give the pair \(theta, memory\)"),
        (ZEROS, lambda theta, grad, memory, t, hyper: (theta, {}), "with the same memory"),
        (ZEROS, lambda theta, grad, memory, t, hyper: (theta.sub_(grad), memory), "changes theta, which it is given"),
        (ZEROS, lambda theta, grad, memory, t, hyper: (theta[:, :1], memory), r"theta gave \(2, 1\)"),
        (ZEROS, lambda theta, grad, memory, t, hyper: (theta / 0 * 0, memory), "not finite"),
        (ZEROS, lambda theta, grad: (theta, {}), "failed on its trial call"),
        (ZEROS, moved(lambda theta, grad, t, hyper: grad / grad.norm()), "theta: it mixes the replicas of a stack"),
        (ZEROS, moved(lambda theta, grad, t, hyper: grad * hyper["lr"][0]), "theta: it mixes the replicas of a stack"),
        (lambda theta: {"m": theta - theta.mean()}, moved(lambda *args: 0), "m: it mixes the replicas of a stack"),
        (ZEROS, moved(lambda theta, grad, t, hyper: grad * hyper["lr"].mul_(0.5)), "changes lr, which it is given"),
        (ZEROS, moved(lambda theta, grad, t, hyper: grad * t.add_(1)), "changes t, which it is given"),
        (
            ZEROS,
            moved(lambda theta, grad, t, hyper: grad.double()),
            "theta gave numbers of float64: .* of float32 here",
        ),
        (of(torch.int64), moved(lambda *args: 0), r"init\(theta\), m gave numbers of int64: .* of float32 here"),
        (of(torch.bool), moved(lambda *args: 0), r"init\(theta\), m gave numbers of bool: .* of float32 here"),
        (of(torch.float64), moved(lambda *args: 0), "hyper\\), m gave numbers of float64: .* of float32 here"),
    ],
)
def test_an_optimiser_that_cannot_play_is_refused_in_a_sentence(init, update, said):
    add("optimiser", "mine", Optimiser(init, update))
    with pytest.raises(UserError, match=said):
        played(with_optimiser("mine"))


# -- what is no part -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("loss", lambda real, fake: fake, "it must be an ayneh.Loss"),
        ("loss", Loss(dis=None, gen=lambda fake: -fake), "has dis=None: it must be a function"),
        ("penalty", Penalty(lambda *args: 0, draws=("noise",)), "there are mix and perturb"),
        ("penalty", Penalty(lambda *args: 0, at=("both",)), "it may name real and fake"),
        ("augmentation", Augmentation(lambda *args: 0, draws=0), "a whole number from 1"),
        ("optimiser", torch.optim.Adam, "it must be an ayneh.Optimiser"),
        ("prior", 7, "a class or an object with sample"),
    ],
)
def test_what_is_no_part_of_its_kind_is_refused_when_it_is_added(kind, value, said):
    with pytest.raises(UserError, match=said):
        add(kind, "mine", value)
