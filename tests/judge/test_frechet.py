"""The Fréchet distance against its closed form, torch-fidelity, torchmetrics, and its own promises."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ayneh.errors import UserError
from ayneh.judge.frechet import GROUPS, distance, frechet, frechet_infinite

GOLDEN = json.loads((Path(__file__).parent / "golden" / "metrics.json").read_text())


def golden_features() -> tuple[torch.Tensor, torch.Tensor]:
    random = np.random.RandomState(GOLDEN["seed"])
    f = GOLDEN["shape"]["real"][1]
    mix = random.standard_normal((f, f))
    real = np.maximum(random.standard_normal(GOLDEN["shape"]["real"]) @ mix, 0)
    fake = np.maximum(random.standard_normal(GOLDEN["shape"]["fake"]) @ mix * 0.8 + 0.5, 0)
    return torch.from_numpy(real), torch.from_numpy(fake)


def normal(n: int, f: int, seed: int, scale: float = 1.0, shift: float = 0.0) -> torch.Tensor:
    gen = torch.Generator().manual_seed(seed)
    return torch.randn(n, f, generator=gen, dtype=torch.float64) * scale + shift


def test_diagonal_gaussians_have_a_closed_form():
    a, b = torch.tensor([1.0, 4.0, 9.0]).double(), torch.tensor([4.0, 1.0, 0.25]).double()
    shift = torch.tensor([1.0, -2.0, 0.5]).double()
    expected = float((shift**2).sum() + ((a.sqrt() - b.sqrt()) ** 2).sum())
    turn = torch.linalg.qr(normal(3, 3, 0)).Q  # the distance does not depend on the axes
    found = distance(turn @ shift, turn @ a.diag() @ turn.T, torch.zeros(3).double(), turn @ b.diag() @ turn.T)
    assert found == pytest.approx(expected, rel=1e-10)


def test_agrees_with_torch_fidelity():
    assert frechet(*golden_features()).value == pytest.approx(GOLDEN["frechet"], rel=1e-5)


def test_agrees_with_torchmetrics():
    fid = pytest.importorskip("torchmetrics.image.fid")

    class Same(nn.Module):
        num_features = 16

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.flatten(1)

    real, fake = golden_features()
    metric = fid.FrechetInceptionDistance(Same(), input_img_size=(1, 4, 4), normalize=True).set_dtype(torch.float64)
    metric.update(real.view(-1, 1, 4, 4), real=True)
    metric.update(fake.view(-1, 1, 4, 4), real=False)
    assert frechet(real, fake).value == pytest.approx(float(metric.compute()), rel=1e-5)


def test_equal_sets_are_at_distance_zero():
    x = normal(300, 5, 0)
    assert frechet(x, x.flip(0)).value == pytest.approx(0, abs=1e-9)


def test_infinity_takes_the_bias_away():
    """The truth is 2.0 (a shift of 1 in two of ten directions); the plain value at N = 200 lies above."""
    shift = torch.tensor([1.0, 1.0] + [0.0] * 8)
    plain, extrapolated, covered = [], [], 0
    for seed in range(40):
        real, fake = normal(200, 10, 2 * seed), normal(200, 10, 2 * seed + 1) + shift
        plain.append(frechet(real, fake).value)
        score = frechet_infinite(real, fake)
        extrapolated.append(score.value)
        covered += score.interval[0] <= 2.0 <= score.interval[1]
    assert np.mean(plain) > 2.2
    assert np.mean(extrapolated) == pytest.approx(2.0, abs=0.1)
    assert covered >= 34  # 95 % intervals: fewer than 34 of 40 has a chance below 1 in 1000


def test_the_interval_holds_the_value_at_n():
    spread = [frechet(normal(400, 6, 2 * s), normal(400, 6, 2 * s + 1, scale=1.5)) for s in range(40)]
    mean = np.mean([score.value for score in spread])
    assert sum(score.interval[0] <= mean <= score.interval[1] for score in spread) >= 33


@pytest.mark.parametrize("make", [frechet, frechet_infinite])
def test_too_few_images_warn_and_stay_finite(make):
    score = make(normal(50, 64, 0), normal(50, 64, 1))
    assert np.isfinite(score.value)
    assert "cannot fill 64 features" in score.warning


def test_a_collapsed_set_warns_and_has_its_closed_form():
    real, fake = normal(500, 4, 0), torch.ones(500, 4)
    score = frechet(real, fake)
    expected = (real.mean(0) - 1).square().sum() + real.T.cov().trace()
    assert score.value == pytest.approx(float(expected), rel=1e-9)
    assert "same features" in score.warning


def test_too_few_for_an_interval_say_so():
    few = normal(2 * GROUPS - 1, 3, 0)
    assert frechet(few, normal(500, 3, 1)).interval is None
    assert frechet_infinite(few, normal(500, 3, 1)).value is None


def test_one_image_cannot_tell():
    score = frechet(normal(100, 3, 0), normal(1, 3, 1))
    assert score.value is None
    assert "at least 2" in score.warning


def test_nan_features_are_refused():
    fake = normal(100, 3, 1)
    fake[7, 1] = torch.nan
    with pytest.raises(UserError, match="1 of 100 fakes have features that are NaN"):
        frechet(normal(100, 3, 0), fake)
