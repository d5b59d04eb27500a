"""Presets keep what their names promise."""

import torch

from ayneh.config import Config
from ayneh.engine.match import nets_of
from ayneh.presets import PRESETS

CPU = torch.device("cpu")


def sizes(config: Config, channels: int) -> list[int]:
    """Parameters of G and of D."""
    return [sum(net.sizes) for net in nets_of(config, (channels, 32, 32), CPU)]


def test_fast_plays_with_nets_of_the_reports_size_for_a_tenth_of_its_images():
    fast, mirror = PRESETS["fast"].config, PRESETS["mirror"].config
    assert sizes(fast, 1) == sizes(mirror, 1) == [172_449, 172_881]
    assert fast.epochs <= mirror.epochs / 10


def test_stacked_plays_with_at_most_two_million_parameters_a_net():
    assert max(sizes(PRESETS["stacked"].config, 3)) <= 2_000_000
