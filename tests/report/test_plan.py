"""What the report plays, and the layers that its page lists."""

import sys

import pytest
import torch

from ayneh.course import play
from ayneh.course.facts import own_config
from ayneh.course.layers import layers_of
from ayneh.course.plan import PART_A, PART_B, SIZES, looks_of, shown_epochs, study_of
from ayneh.engine.players import spec_of
from ayneh.errors import UserError
from ayneh.game.nets import make_nets
from ayneh.studies.compare import smallest_p
from ayneh.studies.comparisons import planned_seeds
from ayneh.studies.report import PACKAGES
from ayneh.terminal.progress import Terminal


@pytest.mark.parametrize(("data", "length"), SIZES)
def test_every_report_plays_both_parts_with_seeds_that_can_decide(data, length):
    study, size = study_of(data, length)
    assert list(study.cells()) == [*PART_A, *PART_B]
    configs = {run.arm: run.config for run in study.runs()}
    assert {configs[arm].net.name for arm in PART_A} == {"mlp"}
    assert [configs[arm].rules.dropout for arm in PART_B] == [0.3, 0.0]
    assert {config.prior.dim for config in configs.values()} == {128}
    assert {config.rules.ema_halflife_images for config in configs.values()} == {0.0}  # pictures of G itself
    seeds = planned_seeds(study, "U(0, 1)")
    assert smallest_p(seeds, seeds, paired=False) * len(study.comparisons()) < 0.05
    assert set(shown_epochs(size.epochs)) <= set(study.look_epochs())


def test_pictures_are_at_the_reports_own_epochs_or_at_their_shares():
    assert shown_epochs(100) == [0, 67, 86, 87, 99]
    assert shown_epochs(60) == [0, 40, 51, 52, 59]
    assert shown_epochs(3) == [0, 1, 2]
    assert {0, 67, 86, 87, 99} <= set(looks_of(100))


def test_the_layers_are_those_of_the_nets_with_all_their_parameters():
    config = own_config()
    layers = layers_of(config, (1, 32, 32))
    gen, dis = make_nets("mirror", spec_of(config, (1, 32, 32)))
    assert layers.parameters == tuple(sum(p.numel() for p in net.parameters()) for net in (gen, dis))
    assert layers.parameters == (172_449, 172_881)  # the report's (R8)
    assert [one.shape for one in layers.dis if one.kind == "conv"][:4] == [
        (16, 16, 16),
        (32, 8, 8),
        (64, 4, 4),
        (128, 1, 1),
    ]
    assert [one.shape for one in layers.gen if one.kind == "deconv"] == [
        (64, 4, 4),
        (32, 8, 8),
        (16, 16, 16),
        (1, 32, 32),
    ]
    assert layers.dis[0].numbers == {"p": 0.3}
    plain = layers_of(config.changed({"net.name": "mlp"}), (1, 16, 16))
    gen, dis = make_nets("mlp", spec_of(config.changed({"net.name": "mlp"}), (1, 16, 16)))
    assert plain.gen[-1].shape == tuple(gen(torch.zeros(2, 128)).shape[1:]) or plain.gen[-1].shape == (256,)
    assert plain.parameters == tuple(sum(p.numel() for p in net.parameters()) for net in (gen, dis))


def test_a_report_that_is_not_laid_out_is_refused_with_those_that_are():
    with pytest.raises(UserError, match="No report is laid out for --data hoda --minutes 5; there is one for"):
        study_of("hoda", "5")


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_that_the_page_needs_is_missed_before_anything_is_played(package, tmp_path, monkeypatch):
    """After three minutes of playing and measuring there was no page."""
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr(play, "play_in", lambda *args, **kwargs: pytest.fail("it plays"))
    with pytest.raises(UserError, match=rf"page of the report needs .*{package}.*pip install 'ayneh\[study\]'"):
        play.make("digits", "5", "en", tmp_path / "report", 1, Terminal(quiet=True))
    assert not (tmp_path / "report").exists()
