"""Precision, recall, density, coverage against prdc; nearest neighbours by brute force; copies are caught."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ayneh.judge import neighbours
from ayneh.judge.neighbours import copies, distances, manifold_scores, memorisation, nearest

GOLDEN = json.loads((Path(__file__).parent / "golden" / "metrics.json").read_text())


def random(n: int, f: int, seed: int) -> torch.Tensor:
    return torch.randn(n, f, generator=torch.Generator().manual_seed(seed)).double()


def test_agrees_with_prdc(monkeypatch):
    monkeypatch.setattr(neighbours, "CELLS", 64 * 400)  # several blocks
    stream = np.random.RandomState(GOLDEN["seed"])
    mix = stream.standard_normal((16, 16))
    real = np.maximum(stream.standard_normal((500, 16)) @ mix, 0)
    fake = np.maximum(stream.standard_normal((400, 16)) @ mix * 0.8 + 0.5, 0)
    scores = manifold_scores(torch.from_numpy(real), torch.from_numpy(fake))
    for name, score in scores.items():
        assert score.value == pytest.approx(GOLDEN[name], rel=1e-5), name


def test_distances_survive_a_far_origin():
    a, b = random(20, 3, 0) + 1e6, random(30, 3, 1) + 1e6
    found = torch.cat([block for _, block in distances(a, b)])
    assert torch.allclose(found, torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist") ** 2, rtol=1e-6)


def test_a_set_far_away_has_no_precision_nor_recall():
    scores = manifold_scores(random(100, 4, 0), random(100, 4, 1) + 100)
    assert [scores[name].value for name in ("precision", "recall", "density", "coverage")] == [0, 0, 0, 0]


def test_half_of_the_modes_halve_the_coverage_and_keep_the_precision():
    modes = torch.tensor([[0.0], [50.0]]).repeat(300, 4)
    real, fake = random(600, 4, 0) + modes, random(600, 4, 1)
    scores = manifold_scores(real, fake)
    assert scores["precision"].value > 0.9
    assert scores["coverage"].value == pytest.approx(0.5, abs=0.03)
    assert scores["recall"].value == pytest.approx(0.5, abs=0.05)


def test_a_collapsed_set_says_so_and_covers_nothing():
    scores = manifold_scores(random(200, 4, 0), torch.zeros(200, 4))
    assert scores["recall"].value == 0
    assert "same features" in scores["coverage"].warning


def test_too_few_for_the_neighbour_cannot_tell():
    assert all(score.value is None for score in manifold_scores(random(100, 4, 0), random(5, 4, 1)).values())


def test_nearest_is_exact_and_zero_for_copies():
    a, b = random(40, 6, 0), random(70, 6, 1)
    a[3] = b[11]
    found = nearest(a, b)
    assert torch.allclose(found, torch.cdist(a, b).amin(1))
    assert found[3] == 0


def test_memorisation_is_even_for_held_out_images_and_certain_for_copies():
    train, held_out, fresh = random(500, 5, 0), random(300, 5, 1), random(300, 5, 2)
    reference = nearest(held_out, train)
    honest = memorisation(nearest(fresh, train), reference)
    assert honest.value == pytest.approx(0.5, abs=0.08)
    assert honest.p > 0.01
    copied = nearest(train[:300] + 1e-4, train)
    assert memorisation(copied, reference).value > 0.999
    assert memorisation(copied, reference).p < 1e-50
    assert copies(copied, reference).value == 1
    assert copies(nearest(fresh, train), reference).value < 0.02


def test_memorisation_of_a_few_images_cannot_tell():
    assert memorisation(torch.ones(5), torch.ones(100)).value is None
    assert copies(torch.ones(5), torch.ones(100)).value is None


def test_memorisation_of_all_equal_distances_is_even():
    score = memorisation(torch.ones(50), torch.ones(50))
    assert (score.value, score.p) == (0.5, 1.0)


def test_copies_are_found_where_test_images_are_training_images_too():
    held_out = torch.linspace(1, 2, 500)
    held_out[:3] = 0  # 0.6 %: the limit itself is 0
    fake = torch.cat([torch.zeros(30), torch.linspace(0.5, 2, 70)])
    found = copies(fake, held_out)
    assert found.value == 0.3
    assert copies(torch.linspace(0.5, 2, 100), held_out).value == 0
    assert copies(fake, torch.linspace(1, 2, 500)).value > 0.3
