"""Chance by blocks of steps: a function of (seed, step, purpose) as well."""

import pytest
import torch

from ayneh.engine.noise import BlockChance, steps_in_block
from ayneh.game.priors import make_prior

CPU = torch.device("cpu")


def blocks(*seeds, prior="normal", rescues=0):
    return BlockChance(seeds, [make_prior(prior) for _ in seeds], 5, CPU, torch.float32, rescues)


DRAWS = {
    "z": lambda c, i: c.z(i, "z", 6),
    "uniform": lambda c, i: c.uniform(i, "u", 6, 3),
    "normal": lambda c, i: c.normal(i, "n", 6, 3),
    "large": lambda c, i: c.uniform(i, "large", 3, 300_000),  # two steps a block
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_a_draw_does_not_depend_on_history_or_on_the_stack(draw):
    a, b = blocks(1), blocks(0, 1, 2)
    steps = (0, 1, 63, 64, 65, 130)
    forwards = [draw(a, i).clone() for i in steps]
    for i, one in reversed(list(zip(steps, forwards, strict=True))):
        assert torch.equal(draw(b, i)[1:2], one)
    flat = {tuple(one.flatten()[:20].tolist()) for one in forwards}
    assert len(flat) == len(steps)
    assert not torch.equal(draw(blocks(1, rescues=1), 0), forwards[0])


def test_a_block_is_bounded_whatever_a_draw_needs():
    assert steps_in_block(10) == 64
    assert steps_in_block(128 * 32 * 32) == 16
    assert steps_in_block(10**8) == 1


def test_steps_seeds_and_purposes_are_not_correlated():
    chance = blocks(0, 1, 2)
    rows = torch.cat([chance.normal(i, p, 2000) for i in (0, 1, 62, 63, 64, 128) for p in ("a", "b")])  # (36, 2000)
    off = torch.corrcoef(rows) - torch.eye(len(rows))
    assert off.abs().max() < 5 / 2000**0.5
    assert abs(float(rows.mean())) < 5 / rows.numel() ** 0.5
    assert abs(float(rows.var()) - 1) < 5 * (2 / rows.numel()) ** 0.5
