"""MS-SSIM against torchmetrics' maps; pairs, bins and birthdays against what they promise."""

import pytest
import torch

from ayneh.judge import neighbours
from ayneh.judge.diversity import birthday, ms_ssim, ndb, pairs, pairwise_distance, pairwise_ms_ssim, spread


def random(n: int, f: int, seed: int) -> torch.Tensor:
    return torch.randn(n, f, generator=torch.Generator().manual_seed(seed)).double()


def pictures(n: int, size: int, seed: int, channels: int = 1) -> torch.Tensor:
    gen = torch.Generator().manual_seed(seed)
    coarse = torch.rand(n, channels, size // 4, size // 4, generator=gen)
    return (torch.nn.functional.interpolate(coarse, size=size, mode="bilinear") * 255).to(torch.uint8)


@pytest.mark.parametrize(("size", "channels", "scales"), [(28, 1, 3), (32, 3, 3), (8, 1, 1)])
def test_ms_ssim_agrees_with_torchmetrics_scale_by_scale(size, channels, scales):
    ssim = pytest.importorskip("torchmetrics.functional.image").structural_similarity_index_measure
    a, b = pictures(6, size, 0, channels), pictures(6, size, 1, channels)
    x, y = a.double() / 255, (0.7 * a.double() + 0.3 * b.double()).round() / 255
    weights = torch.tensor([0.0448, 0.2856, 0.3001][:scales], dtype=torch.float64)
    expected, shared = (
        torch.ones(6, dtype=torch.float64),
        {"sigma": 0.95, "data_range": 1.0, "reduction": "none"},
    )
    u, v = x, y
    for scale, weight in enumerate(weights / weights.sum()):
        if scale < scales - 1:
            term = ssim(u, v, **shared, return_contrast_sensitivity=True)[1]
        else:
            term = ssim(u, v, **shared, return_full_image=True)[1][..., 3:-3, 3:-3].mean((1, 2, 3))
        expected *= term.clamp_min(0) ** weight
        u, v = torch.nn.functional.avg_pool2d(u, 2), torch.nn.functional.avg_pool2d(v, 2)
    found = ms_ssim(a, (y * 255).round().to(torch.uint8))
    assert torch.allclose(found, expected, rtol=1e-5)


def test_the_layout_in_memory_does_not_matter():
    a, b = pictures(6, 28, 0).expand(-1, 3, -1, -1), pictures(6, 28, 1).expand(-1, 3, -1, -1)
    last = [x.contiguous(memory_format=torch.channels_last) for x in (a, b)]  # as G draws images in colour
    assert torch.equal(ms_ssim(*last), ms_ssim(a.contiguous(), b.contiguous()))


def test_pairs_are_disjoint_and_keep_to_their_class():
    labels = torch.tensor([0, 1, 2] * 33 + [0])
    left, right = pairs(100, labels)
    assert bool((labels[left] == labels[right]).all())
    everyone = torch.cat([left, right])
    assert len(everyone.unique()) == len(everyone) >= 94
    assert len(pairs(100)[0]) == 50


def test_equal_images_are_entirely_alike():
    score = pairwise_ms_ssim(pictures(1, 28, 0).repeat(30, 1, 1, 1))
    assert score.value == pytest.approx(1)
    assert pairwise_ms_ssim(pictures(30, 28, 0)).value < 0.6


def test_small_images_and_single_images_cannot_tell():
    assert "7 pixels" in pairwise_ms_ssim(pictures(9, 4, 0)).warning
    assert pairwise_ms_ssim(pictures(1, 28, 0)).value is None


def test_pair_distance_of_normals_has_its_closed_form():
    """Two standard normals in the plane differ by sqrt(2) chi_2, on average sqrt(2) sqrt(pi/2)."""
    score = pairwise_distance(random(20000, 2, 0))
    assert score.interval[0] <= torch.pi**0.5 <= score.interval[1]


def test_distance_within_classes_ignores_distance_between_them():
    labels = torch.arange(1000) % 2
    features = random(1000, 3, 0) + 100.0 * labels[:, None]
    assert pairwise_distance(features).value > 40
    assert pairwise_distance(features, labels).value < 4


def test_ndb_is_a_twentieth_for_equal_sets_and_near_one_for_others():
    assert ndb(random(4000, 4, 0), random(4000, 4, 1)).value <= 0.12
    assert ndb(random(4000, 4, 0), random(4000, 4, 1) + 2).value > 0.8


def test_ndb_needs_images():
    assert ndb(random(15, 4, 0), random(4000, 4, 1)).value is None
    assert ndb(torch.zeros(500, 4), random(500, 4, 1)).value is None
    assert "Only 50 bins" in ndb(random(500, 4, 0), random(500, 4, 1)).warning


@pytest.mark.parametrize("support", [1, 50, 2000])
def test_birthday_finds_the_size_of_a_known_support(support, monkeypatch):
    monkeypatch.setattr(neighbours, "CELLS", 300 * 2000)
    chosen = torch.randint(support, (2000,), generator=torch.Generator().manual_seed(0))
    score = birthday(random(2000, 8, 0), random(support, 8, 1)[chosen])
    assert score.interval[0] <= support * 1.001
    assert score.value == pytest.approx(support, rel=0.1)


@pytest.mark.parametrize("n", [200, 3000])
def test_birthday_of_fresh_data_has_about_ten_near_duplicates(n):
    score = birthday(random(3000, 3, 0), random(n, 3, 1))
    assert score.interval[0] <= n * (n - 1) / 20 <= score.interval[1]


def test_birthday_without_a_duplicate_gives_a_bound_in_words():
    score = birthday(random(100, 8, 0), random(100, 8, 1) * 100)
    assert score.interval is None
    assert "support is at least" in score.warning


def test_spread_is_none_for_one_image_and_one_for_the_data_and_scales_with_contrast() -> None:
    real = torch.randint(0, 256, (300, 1, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    assert spread(real[:1].expand(50, -1, -1, -1), real).value == 0
    assert spread(real, real).value == 1
    assert spread(real // 2, real).value == pytest.approx(0.5, abs=0.01)
    left, right = torch.randint(0, 300, (2, 20_000), generator=torch.Generator().manual_seed(1))
    pairs = lambda x: float((x[left] - x[right]).double().flatten(1).square().sum(1).mean())  # noqa: E731
    few = real[:40].repeat(8, 1, 1, 1)[:300].double()
    expected = (pairs(few) / pairs(real.double())) ** 0.5
    assert spread(few, real).value == pytest.approx(expected, rel=0.02)
    assert spread(real[:1], real).value is None


@pytest.mark.parametrize("equal", [2, 8, 60])
def test_birthday_with_equal_images_among_the_real_ones(equal):
    chance = torch.Generator().manual_seed(0)
    real = 300 + torch.randn(500, 20, generator=chance)
    real[:equal] = real[0]
    fresh = 300 + torch.randn(400, 20, generator=chance)
    assert birthday(real, fresh).value > 0
    if equal >= 8:  # the threshold is that of equal images
        assert birthday(real, fresh).value == 400 * 399 // 2
    fakes = real[torch.randint(100, 200, (400,), generator=chance)]
    score = birthday(real, fakes)
    assert score.interval[0] < 100 < score.interval[1]
