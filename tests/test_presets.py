"""Presets keep what their names promise."""

from typing import Annotated

import pytest
import torch
import tyro

from ayneh.config import Config
from ayneh.engine.match import nets_of
from ayneh.errors import UserError
from ayneh.presets import MEANT, PRESETS, preset

CPU = torch.device("cpu")


def sizes(config: Config, channels: int) -> list[int]:
    """Parameters of G and of D."""
    return [sum(net.sizes) for net in nets_of(config, (channels, 32, 32), CPU)]


def test_fast_plays_with_nets_of_the_reports_size_for_a_tenth_of_its_images():
    fast, mirror = PRESETS["fast"].config, PRESETS["mirror"].config
    assert sizes(fast, 1) == sizes(mirror, 1) == [172_449, 172_881]
    assert fast.epochs <= mirror.epochs / 10


@pytest.mark.parametrize(("name", "channels"), [("stacked", 3), ("best", 1)])
def test_larger_nets_have_at_most_two_million_parameters_each(name, channels):
    assert max(sizes(PRESETS[name].config, channels)) <= 2_000_000


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mnist", "Presets on mnist: mirror, fast, conditional, best, part-a-normal, part-a-uniform, part-a-uniform01; "
         "for example `ayneh train mirror`."),
        ("stacked-mnist", "Presets on stacked-mnist: stacked; for example `ayneh train stacked`."),
        ("dcgan", "There is no preset called 'dcgan'; `ayneh train mirror` trains it."),
        ("WGAN-GP", "--net.dis-norm none --rules.loss wasserstein --rules.penalty wgan-gp --rules.gamma 10"),
        ("AC-GAN", "`ayneh train conditional --rules.labels auxiliary` trains it."),
        ("kmnist", "`ayneh train mirror --data.name kmnist` trains it."),
        ("folder:a/b", "`ayneh train digits --data.name folder:a/b` trains it."),
        ("fsat", "There is no preset called 'fsat'. Did you mean 'fast'?"),
        ("", "There is no preset called ''. Choose one of"),
    ],
)  # fmt: skip
def test_a_data_set_or_a_known_gan_is_answered_with_the_preset_that_is_meant(name, message):
    with pytest.raises(UserError) as refusal:
        preset(name)
    assert message in str(refusal.value)


@pytest.mark.slow
def test_what_the_answers_name_can_be_trained(monkeypatch):
    """Each command is parsed by the command line; its loss, penalty, nets and data are entries of their tables."""
    from ayneh.__main__ import main
    from ayneh.data.sources import SOURCES
    from ayneh.game.losses import LOSSES
    from ayneh.game.nets import NETS
    from ayneh.game.penalties import PENALTIES
    from ayneh.jobs import train

    configs = []

    def capture(config: Annotated[Config, tyro.conf.arg(name="")]) -> None:
        configs.append(config)

    monkeypatch.setattr(train, "train", capture)
    for command in MEANT.values():
        main(command.split()[1:])
    assert len(configs) == len(MEANT)
    for config in configs:
        assert config.rules.loss in LOSSES
        assert config.rules.penalty in ("none", *PENALTIES)
        assert config.net.name in NETS
        assert config.data.name in SOURCES


def test_a_time_is_a_number_of_minutes_or_not_measured():
    assert PRESETS["fast"].time() == "8 min"
    assert PRESETS["part-a-normal"].time() == "not measured"
    assert all(found.minutes is None or found.timed for found in PRESETS.values())
