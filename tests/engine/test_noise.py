"""Chance is a function of (seed, step, purpose), never of history."""

import torch

from ayneh.engine.noise import Chance, derive, generator
from ayneh.game.priors import make_prior

CPU = torch.device("cpu")


def chance(*seeds):
    return Chance(seeds, [make_prior("normal") for _ in seeds], 5, CPU, torch.float32)


def test_the_same_moment_gives_the_same_draw_whatever_came_before():
    a, b = chance(1), chance(1)
    for step in range(5):
        b.uniform(step, "other", 3)
    torch.rand(10)
    assert torch.equal(a.z(7, "dis", 4), b.z(7, "dis", 4))
    assert torch.equal(a.uniform(7, "drop", 4, 2), b.uniform(7, "drop", 4, 2))


def test_another_seed_step_or_purpose_gives_another_draw():
    draws = {tuple(chance(s).uniform(i, p, 4).flatten().tolist()) for s in (1, 2) for i in (0, 1) for p in ("a", "b")}
    assert len(draws) == 8
    assert derive(1, 23, "x") != derive(12, 3, "x")


def test_a_row_of_a_stack_is_the_draw_of_its_seed_alone():
    stack = chance(3, 4, 5)
    for draw in (lambda c: c.z(2, "z", 6), lambda c: c.normal(2, "n", 6, 3), lambda c: c.order(1, 20)):
        assert torch.equal(draw(stack)[1:2], draw(chance(4)))


def test_an_epoch_is_a_permutation_and_the_next_another():
    order = chance(0, 1)
    first, second = order.order(0, 50).clone(), order.order(1, 50)
    assert torch.equal(first.sort(1).values, torch.arange(50).expand(2, 50))
    assert not torch.equal(first, second)
    assert torch.equal(first, order.order(0, 50))  # going back is going back


def test_neighbouring_streams_are_not_correlated():
    rows = torch.stack([torch.randn(2000, generator=generator(0, i, "z")) for i in range(20)])
    off = torch.corrcoef(rows) - torch.eye(20)
    assert off.abs().max() < 5 / 2000**0.5
