"""The studies of the report's figures: their parts, their groups, and the distance from what the report prints."""

import math
import shutil
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch.func import functional_call, stack_module_state, vmap

from ayneh.studies.ledger import Ledger
from ayneh.studies.plan import read
from ayneh.studies.schedule import sizes

STUDIES = Path(__file__).parents[2] / "docs/findings/studies"
OLD = Path(__file__).parents[1] / "old/study"


@pytest.fixture
def parts(bench):
    return bench("figures_parts")


@pytest.fixture
def figures(bench):
    return bench("whose_figures")


def test_a_loss_of_nothing_is_at_no_distance(figures):
    """A D that wins outright has a loss of 0 in float32, which has no logarithm."""
    assert figures.MIRROR.distance((0.0, 5.8)) == math.inf
    assert figures.MIRROR.distance((0.3215, 5.79925)) == pytest.approx(0, abs=1e-9)
    assert figures.MIRROR.distance((0.7, 1.8)) == pytest.approx(1.41, abs=0.005)  # as the plan has it


def test_bce_is_the_loss_of_logits_up_to_its_cut_where_its_slope_ends(parts):
    moderate = torch.linspace(-8, 8, 65)
    assert torch.allclose(parts.bce(moderate, 1.0), F.softplus(-moderate), rtol=1e-3)
    assert torch.allclose(parts.bce(moderate, 0.0), F.softplus(moderate), rtol=1e-3)
    certain = torch.tensor([200.0], requires_grad=True)  # a sigmoid of 1 in float32: log(1 - 1), cut off
    loss = parts.bce(certain, 0.0)
    loss.sum().backward()
    assert loss.item() == 100
    assert certain.grad.item() == 0


def test_dropped_activations_have_their_share_and_follow_from_image_and_place_alone(parts):
    layer, x = parts.Dropout(0.3), torch.randn(64, 16, 8, 8, generator=torch.Generator().manual_seed(0))
    kept = layer(x) != 0
    assert kept.float().mean().item() == pytest.approx(0.7, abs=0.01)
    assert torch.allclose(layer(x)[kept], x[kept] / 0.7)
    pairs = [kept[1:] == kept[:-1], kept[:, 1:] == kept[:, :-1], kept[..., 1:] == kept[..., :-1]]
    for same in pairs:  # images, channels, neighbours: as alike as independent ones, 0.7^2 + 0.3^2
        assert same.float().mean().item() == pytest.approx(0.58, abs=0.01)
    alike = (layer(x * (1 + 1e-6)) != 0) == kept
    assert alike.float().mean() > 0.95  # rounding changes hardly any
    assert torch.equal(layer.eval()(x), x)


def test_constant_regions_are_dropped_apart_in_each_image(parts):
    x = torch.randn(64, 256, generator=torch.Generator().manual_seed(0))
    x[:, :128] = -1.0
    kept = parts.Dropout(0.5)(x)[:, :128] != 0
    assert (kept[1:] == kept[:-1]).float().mean().item() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(("name", "side"), [("MirrorDis", 32), ("MlpDis", 28)])
def test_a_stack_of_these_discriminators_runs_as_one(parts, name, side):
    nets = [getattr(parts, name)(0.3) for _ in range(3)]
    weights, buffers = stack_module_state(nets)
    x = torch.rand(3, 8, 1, side, side) * 2 - 1
    stacked = vmap(lambda w, b, x: functional_call(nets[0], (w, b), (x,)))(weights, buffers, x)
    alone = torch.stack([net(one) for net, one in zip(nets, x, strict=True)])
    assert torch.allclose(stacked, alone, atol=0.05)


def test_the_nets_with_dropout_after_blocks_are_as_large_as_the_reports(parts):
    sizes = [sum(p.numel() for p in net.parameters()) for net in (parts.MirrorGen(), parts.MirrorDis(0.3))]
    assert sizes == [172_449, 172_881]
    assert parts.MirrorGen()(torch.randn(2, 128)).shape == (2, 1, 32, 32)


@pytest.mark.parametrize(("name", "groups"), [("mirror", 7), ("mlp", 4)])
def test_the_studies_can_be_read_and_have_few_groups(parts, name, groups):
    study = read(str(STUDIES / f"figures-{name}.toml"))
    assert len(study.groups()) == groups
    assert all(run.config.keep.tick_steps >= 60_000 for run in study.runs())  # a line for each epoch alone


def test_on_an_accelerator_a_group_below_a_size_is_tried_as_a_whole():
    assert sizes("cpu", 3) == [1]
    assert sizes("cpu", 4) == [1, 4]
    assert sizes("cpu", 9) == [1, 4]
    assert sizes("cuda", 1) == [1]
    assert sizes("cuda", 8) == [1, 8]
    assert sizes("cuda", 16) == [1, 16]
    assert sizes("cuda", 20) == [1, 16, 20]
    assert sizes("cuda", 99) == [1, 16, 64]


def candidate(figures, points, end=""):
    return figures.Candidate(figures.MIRROR, "a", 0, points, points, {}, end)


def test_the_distance_is_that_of_the_last_epochs_from_the_reports_mean(figures):
    d, g = figures.MIRROR.centre
    assert (d, g) == pytest.approx((0.3215, 5.79925))
    early = [(1.0, 1.0)] * 15
    assert candidate(figures, early + [(d, g)] * 5).distance == pytest.approx(0, abs=1e-12)
    assert candidate(figures, early + [(2 * d, g / 2)] * 5).distance == pytest.approx(math.sqrt(2) * math.log(2))
    assert candidate(figures, early + [(d, g)] * 5).inside == 0.25
    broken = candidate(figures, early, "diverged")
    assert broken.distance == math.inf
    assert not broken.near


def test_an_untrained_game_is_not_near_in_either_part(figures):
    start = (2 * math.log(2), math.log(2))
    for part in (figures.MIRROR, figures.MLP):
        assert part.distance(start) > math.log(part.near)


def test_a_run_that_failed_is_not_near(figures):
    points = [figures.MIRROR.centre] * 5
    assert candidate(figures, points).near
    assert candidate(figures, points, "cut off after epoch 4").near
    assert not candidate(figures, points, "collapsed").near
    assert not candidate(figures, points, "poor, cut off after epoch 4").near


def test_the_report_s_points_are_within_their_range_and_others_are_not(figures):
    assert all(map(figures.MIRROR.holds, figures.MIRROR.points.values()))
    assert not figures.MIRROR.holds((0.7, 5.0))
    assert not figures.MIRROR.holds((0.3, 2.0))
    assert figures.MLP.holds((1.4, 0.8))
    assert not figures.MLP.holds((1.32, 1.3))


def test_a_run_that_was_cut_off_counts_with_the_epochs_that_it_has(figures, monkeypatch, tmp_path):
    monkeypatch.setattr(figures, "LAST", 2)
    folder = shutil.copytree(OLD, tmp_path / "study")
    whole = figures.candidates([folder], figures.MIRROR)
    assert whole
    assert not any(one.cut for one in whole)
    cut = Ledger.open(folder).runs[0]
    (folder / cut.place / "outcome.json").unlink()
    again = figures.candidates([folder], figures.MIRROR)
    assert {one.name: one.point for one in again} == {one.name: one.point for one in whole}
    assert [(one.arm, one.seed) for one in again if one.cut] == [(cut.arm, cut.seed)]
    assert {one.end.split(", ")[-1] for one in again if one.cut} == {"cut off after epoch 1"}
    monkeypatch.setattr(figures, "LAST", 3)  # fewer epochs than its point is a mean of
    assert len(figures.candidates([folder], figures.MIRROR)) == len(whole) - 1


def test_runs_of_an_earlier_table_stay_unless_they_were_cut_off_or_are_whole_now(figures, tmp_path):
    def one(arm, end="", d=1.0):
        return figures.Candidate(figures.MIRROR, arm, 0, [(d, 2.0)] * 6, [(d, 2.5)] * 6, {0: 9.0, 5: 3.25}, end)

    earlier = [one("gone"), one("whole"), one("cut", "cut off after epoch 5"), one("both", "poor")]
    figures.write_losses(tmp_path / "losses.csv", earlier)
    read = figures.read_losses(tmp_path / "losses.csv")
    assert read == earlier
    new = [one("whole", "poor, cut off after epoch 5", 0.5), one("cut", "", 0.5), one("both", "", 0.5)]
    found = {each.arm: each for each in figures.together(new, read)}
    assert found == {"gone": earlier[0], "whole": earlier[1], "cut": new[1], "both": new[2]}
    assert figures.read_losses(tmp_path / "none.csv") == []
