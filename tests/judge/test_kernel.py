"""The kernel distance against torch-fidelity's value, a double loop, and its promise of no bias."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ayneh.judge import kernel
from ayneh.judge.kernel import kid

GOLDEN = json.loads((Path(__file__).parent / "golden" / "metrics.json").read_text())


def test_agrees_with_torch_fidelity():
    random = np.random.RandomState(GOLDEN["seed"])
    mix = random.standard_normal((16, 16))
    real = np.maximum(random.standard_normal((500, 16)) @ mix, 0)[:400]
    fake = np.maximum(random.standard_normal((400, 16)) @ mix * 0.8 + 0.5, 0)
    assert kid(torch.from_numpy(real), torch.from_numpy(fake)).value == pytest.approx(GOLDEN["kid"], rel=1e-5)


def test_equals_the_double_loop_across_blocks(monkeypatch):
    monkeypatch.setattr(kernel, "BLOCK", 4)
    x, y = torch.randn(9, 3, generator=torch.Generator().manual_seed(0)).double(), torch.eye(3).double() * 2

    def k(a, b):
        return (float(a @ b) / 3 + 1) ** 3

    xx = np.mean([k(x[i], x[j]) for i in range(9) for j in range(9) if i != j])
    yy = np.mean([k(y[i], y[j]) for i in range(3) for j in range(3) if i != j])
    xy = np.mean([k(a, b) for a in x for b in y])
    assert kid(x, y).value == pytest.approx(xx + yy - 2 * xy, rel=1e-12)


def test_equal_distributions_score_zero_on_average_and_the_interval_holds_it():
    gen = torch.Generator().manual_seed(0)
    scores = [kid(torch.randn(100, 4, generator=gen), torch.randn(120, 4, generator=gen)) for _ in range(60)]
    values = np.array([score.value for score in scores])
    assert abs(values.mean()) < 3 * values.std() / 60**0.5
    assert sum(score.interval[0] <= 0 <= score.interval[1] for score in scores) >= 51


def test_the_interval_is_as_wide_as_the_spread():
    gen = torch.Generator().manual_seed(1)
    scores = [kid(torch.randn(150, 4, generator=gen), torch.randn(150, 4, generator=gen) + 1) for _ in range(60)]
    spread = np.std([score.value for score in scores])
    half_widths = np.mean([(score.interval[1] - score.interval[0]) / 2 for score in scores])
    assert half_widths / 1.96 == pytest.approx(spread, rel=0.3)


def test_one_image_cannot_tell():
    assert kid(torch.zeros(5, 3), torch.zeros(1, 3)).value is None
