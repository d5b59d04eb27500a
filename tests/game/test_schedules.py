"""Schedules against their closed forms and torch's own schedulers, in a stack whose replicas differ, and bad ones."""

import math
from dataclasses import replace

import pytest
import torch

from ayneh.config import Config, Net, Optimizer, Prior, Rules
from ayneh.doctor.rescue import Rescue, treated
from ayneh.engine.match import Match
from ayneh.errors import UserError
from ayneh.game.schedules import SHAPES, Spans, course
from ayneh.parts.registry import add

CPU = torch.device("cpu")
SMALL = Config(epochs=4, batch=16, prior=Prior(dim=4), net=Net("mlp", width=4), precision="float64")


def match_of(*configs: Config) -> Match:
    """Sixteen images a step, four steps an epoch, 256 images in all."""
    pixels = torch.randint(0, 256, (64, 1, 8, 8), dtype=torch.uint8, generator=torch.manual_seed(5))
    return Match(configs, pixels, CPU)


def values(config: Config, name: str, steps=range(17)) -> list[float]:
    match = match_of(config)
    return [match.hyper(i)[name].item() for i in steps]


def with_rates(**optimizer) -> Config:
    return replace(SMALL, optimizer=Optimizer(**optimizer))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_schedule_is_one_at_first_and_its_weights_never_leave_the_two_ends(shape):
    of_images = course(shape, Spans(0, 100, (30, 60), 0.5))
    assert of_images(0) == (1.0, 0.0)
    for seen in range(0, 300, 7):
        start, end = of_images(seen)
        assert 0 <= start <= 1
        assert 0 <= end <= 1
        assert start + end == pytest.approx(1) or shape == "steps"
    assert of_images(1e12) == {"constant": (1, 0), "steps": (0.25, 0)}.get(shape, (0, 1))


def test_rates_fall_as_under_the_schedulers_of_torch():
    """One step is sixteen images; torch counts steps."""
    parameter = torch.nn.Parameter(torch.zeros(1))

    def theirs(make) -> list[float]:
        optimiser = torch.optim.SGD([parameter], lr=0.4)
        scheduler, rates = make(optimiser), []
        for _ in range(17):
            rates.append(optimiser.param_groups[0]["lr"])
            optimiser.step()
            scheduler.step()
        return rates

    schedulers = torch.optim.lr_scheduler
    cosine = theirs(lambda o: schedulers.CosineAnnealingLR(o, 16, eta_min=0.1))
    assert values(with_rates(lr=0.4, schedule="cosine", decay_images=256, end_factor=0.25), "lr_gen") == pytest.approx(
        cosine
    )
    falling = theirs(lambda o: schedulers.LinearLR(o, 1.0, 0.25, 8))
    assert values(with_rates(lr=0.4, decay_images=128, end_factor=0.25), "lr_gen") == pytest.approx(falling)
    stairs = theirs(lambda o: schedulers.MultiStepLR(o, [3, 10], 0.5))
    steps = with_rates(lr=0.4, schedule="steps", milestones_images=(48, 160), step_factor=0.5)
    assert values(steps, "lr_gen") == pytest.approx(stairs)


def test_a_warm_up_rises_from_zero_and_what_follows_begins_at_its_end():
    warm = with_rates(lr=0.4, lr_dis=0.2, warmup_images=64, decay_images=192, schedule="cosine")
    rates = values(warm, "lr_gen")
    assert rates[:5] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])
    assert rates[8] == pytest.approx(0.4 * (1 + math.cos(math.pi / 2)) / 2)
    assert rates[12:] == pytest.approx([0.0] * 5, abs=1e-12)
    assert values(warm, "lr_dis") == pytest.approx([rate / 2 for rate in rates])
    alone = values(with_rates(lr=0.4, warmup_images=64), "lr_gen")
    assert alone[4:] == [0.4] * 13


def test_gamma_and_noise_go_to_ends_of_their_own_up_or_down():
    rules = Rules(penalty="r1", gamma=2.0, gamma_images=128, gamma_end=6.0, instance_noise=0.0,
                  instance_noise_images=128, instance_noise_end=0.5, instance_noise_schedule="cosine")  # fmt: skip
    config = replace(SMALL, rules=rules)
    assert values(config, "gamma", (0, 4, 8, 12)) == pytest.approx([2.0, 4.0, 6.0, 6.0])
    assert values(config, "instance_noise", (0, 4, 8, 12)) == pytest.approx([0.0, 0.25, 0.5, 0.5])
    assert "instance" in match_of(config).draws(0)["dis"][0]["real"]  # noise that begins at 0 is drawn, too


def test_without_a_schedule_the_numbers_are_those_of_the_straight_line_to_the_bit():
    pixels = torch.zeros(64, 1, 8, 8, dtype=torch.uint8)
    config = replace(with_rates(lr=3e-4, decay_images=100), precision="float32")
    match = Match([config, replace(config, optimizer=Optimizer(lr=7e-4))], pixels, CPU)
    for i in range(9):
        share = max(0.0, 1 - 16 * i / 100)
        expected = torch.tensor([[3e-4], [7e-4]]) * torch.tensor([[share], [1.0]])
        assert torch.equal(match.hyper(i)["lr_gen"], expected)
        assert match.hyper(i)["gamma"] is match.hyper(0)["gamma"]  # what stays is not computed


def test_replicas_of_a_stack_have_each_their_schedule():
    configs = [
        with_rates(lr=0.4),
        with_rates(lr=0.4, schedule="cosine", decay_images=128),
        with_rates(lr=0.4, warmup_images=32),
        with_rates(lr=0.4, schedule="steps", milestones_images=(64,)),
    ]
    stack = match_of(*configs)
    for i in range(12):
        alone = [match_of(config).hyper(i)["lr_gen"].item() for config in configs]
        assert stack.hyper(i)["lr_gen"][:, 0].tolist() == alone


def test_a_schedule_of_ones_own_is_a_factor_of_the_images_seen():
    add("schedule", "halving", lambda images: 0.5 ** (images / 64))
    assert values(with_rates(lr=0.4, schedule="halving"), "lr_gen", (0, 4, 8)) == pytest.approx([0.4, 0.2, 0.1])
    rules = Rules(penalty="r1", gamma=8.0, gamma_schedule="halving", gamma_warmup_images=128)
    assert values(replace(SMALL, rules=rules), "gamma", (0, 4, 8)) == pytest.approx([0.0, 2.0, 2.0])


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (lambda images: math.nan, "is nan after 0 images: a factor must be finite and at least 0"),
        (lambda images: 1 - images / 128, "is -0.01 after 129 images: a factor"),
        (lambda images: None, "failed after 0 images"),
        (lambda: 1.0, "failed after 0 images"),
    ],
)
def test_a_schedule_of_ones_own_that_gives_no_factor_is_refused_before_the_first_step(own, said):
    add("schedule", "mine", own)
    with pytest.raises(UserError, match=said):
        match_of(with_rates(schedule="mine"))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: with_rates(schedule="cosine"), "needs its length in images: set --optimizer.decay-images"),
        (lambda: with_rates(schedule="steps"), "say after how many images, with --optimizer.milestones-images"),
        (lambda: with_rates(decay_images=50, warmup_images=50), "--optimizer.decay-images is 50, and the warm-up"),
        (lambda: with_rates(milestones_images=(0,)), "--optimizer.milestones-images is 0; it must"),
        (lambda: match_of(with_rates(schedule="cosin")), "There is no schedule called 'cosin'. Did you mean 'cosine'"),
        (lambda: match_of(replace(SMALL, rules=Rules(gamma_schedule="steps"))), "which learning rates take alone"),
        (lambda: add("schedule", "mine", 0.5), "it must be a function, images seen -> factor"),
        (lambda: add("schedule", "cosine", lambda images: 1.0), "There is a built-in schedule called 'cosine'"),
    ],
)
def test_what_is_no_schedule_is_refused_in_a_sentence(make, said):
    with pytest.raises(UserError, match=said):
        make()


def test_a_rescue_sets_a_noise_that_stays_and_lowers_rates_that_fall():
    rules = Rules(penalty="r1", instance_noise_images=200, instance_noise_schedule="cosine", gamma_images=100)
    config = replace(with_rates(lr=0.4, schedule="cosine", decay_images=256, end_factor=0.5), rules=rules)
    ill = [Rescue("sudden jump", "", 9, 0, 0, 0, "")] * 3
    after = treated(config, ill)
    assert values(after, "lr_gen", (0, 16)) == pytest.approx([0.1, 0.05])
    assert values(after, "instance_noise", (0, 16)) == pytest.approx([0.25, 0.25])
    untreated = replace(config, rules=replace(rules, penalty="none", gamma_warmup_images=10, instance_noise_images=201))
    assert values(treated(untreated, ill), "gamma", (0, 16)) == pytest.approx([0.5, 0.5])
