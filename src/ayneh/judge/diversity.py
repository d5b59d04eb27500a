"""Metrics of diversity: differences of pairs, variance, bins of the training images, and an estimate of the support."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from ayneh.judge.neighbours import distances
from ayneh.judge.scores import Score, cannot_tell, checked, shuffled
from ayneh.judge.statistics import Z95, mean_interval, poisson_interval, wilson

WINDOW, SIGMA = 7, 0.95  # 11 and 1.5 in the paper, scaled down so that three scales fit in 28 pixels
SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang et al. 2003, finest first
BY_PIXELS = 2_000  # images of each side whose pixels are compared
SAME = 1e-12  # of the mean square distance from the centre: rows that rounding alone keeps apart
EXPECTED = 10  # near-duplicates among as many fakes from a perfect generator


def ms_ssim(a: Tensor, b: Tensor) -> Tensor:
    """Multi-scale structural similarity (Wang et al. 2003) of pairs, (N, C, S, S) uint8 -> (N,) in [0, 1].

    As many scales as a 7-pixel Gaussian window fits into (3 for 28 and 32 pixels, 1 for 8), their weights
    rescaled to sum to 1; window positions inside the image only; a negative contrast term counts as 0.
    """
    x, y = a.double() / 255, b.double() / 255
    n_scales = max(1, sum(x.shape[-1] // 2**i >= WINDOW for i in range(len(SCALES))))
    weights = np.array(SCALES[:n_scales]) / sum(SCALES[:n_scales])
    result = torch.ones(len(x), dtype=torch.float64)
    for scale, weight in enumerate(weights):
        luminance, contrast = _ssim_terms(x, y)
        term = (luminance * contrast if scale == n_scales - 1 else contrast).mean((1, 2, 3))
        result = result * term.clamp_min(0) ** weight
        x, y = nn.functional.avg_pool2d(x, 2), nn.functional.avg_pool2d(y, 2)
    return result


def _ssim_terms(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Luminance, and contrast times structure, at every window: (N, C, S, S) -> (N, C, S-6, S-6)."""
    offsets = torch.arange(WINDOW, dtype=x.dtype) - WINDOW // 2
    line = torch.exp(-(offsets**2) / (2 * SIGMA**2))
    line = line / line.sum()
    window = torch.outer(line, line)[None, None]
    n, c, h, w = x.shape
    planes = torch.stack([x, y, x * x, y * y, x * y]).reshape(-1, 1, h, w)
    means = nn.functional.conv2d(planes, window).reshape(5, n, c, h - WINDOW + 1, w - WINDOW + 1)
    mean_x, mean_y, xx, yy, xy = means
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    spread = (xx - mean_x**2).clamp_min(0) + (yy - mean_y**2).clamp_min(0)
    return luminance, (2 * (xy - mean_x * mean_y) + c2) / (spread + c2)


def pairs(n: int, labels: Tensor | None = None, most: int = 1000) -> tuple[Tensor, Tensor]:
    """Up to ``most`` random disjoint pairs of 0..n-1, each within one label where labels (N,) are given."""
    order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    if labels is not None:
        order = order[labels[order].argsort(stable=True)]
    left, right = order[: n - n % 2 : 2], order[1::2]
    if labels is not None:
        same = labels[left] == labels[right]
        left, right = left[same], right[same]
    chosen = torch.randperm(len(left), generator=torch.Generator().manual_seed(1))[:most]
    return left[chosen], right[chosen]


def pairwise_ms_ssim(images: Tensor, labels: Tensor | None = None) -> Score:
    """Mean MS-SSIM of up to 1,000 random pairs (Odena et al. 2017), 1 when all are alike; uint8 (N, C, S, S).

    With labels (N,), both images of a pair are of one class; a class has the weight of its images.
    """
    if min(images.shape[-2:]) < WINDOW:
        return cannot_tell(len(images), f"MS-SSIM needs images of {WINDOW} pixels; got {tuple(images.shape[-2:])}.")
    left, right = pairs(len(images), labels)
    return _mean_score(ms_ssim(images[left], images[right]).numpy(), len(images))


def pairwise_distance(features: Tensor, labels: Tensor | None = None) -> Score:
    """Mean Euclidean distance of up to 10,000 random pairs of features (N, F): 0 when all are alike."""
    left, right = pairs(len(features), labels, most=10_000)
    return _mean_score((features[left] - features[right]).norm(dim=1).double().numpy(), len(features))


def spread(fakes: Tensor, real: Tensor) -> Score:
    """sqrt(E||x - x'||^2 of fakes / the same of real images), by pixels (N, C, S, S): 0 all alike, 1 as varied as real.

    E||x - x'||^2 of two independent images is twice the sum of the pixels' variances. Noise raises it as well.
    """
    if len(fakes) < 2 or len(real) < 2:
        return cannot_tell(len(fakes), f"{min(len(fakes), len(real))} images make no pair to compare.")
    among_fakes, among_real = (float(x.double().flatten(1).var(0).sum()) for x in (fakes, real))
    if among_real == 0:
        return cannot_tell(len(fakes), "The real images are all alike.")
    return Score(math.sqrt(among_fakes / among_real), len(fakes))


def _mean_score(values: np.ndarray, n: int) -> Score:
    if len(values) == 0:
        return cannot_tell(n, f"{n} images make no pair to compare.")
    return Score(float(values.mean()), n, mean_interval(values))


def ndb(train: Tensor, fake: Tensor, bins: int = 100) -> Score:
    """Share of k-means bins of train (N, F) that fakes (M, F) fill differently (Richardson & Weiss 2018).

    Each bin by a two-proportion z-test at 5 %: about 0.05 for equal distributions, 1 when every bin is
    over- or underfull. The interval treats bins as independent.
    """
    from sklearn.cluster import KMeans

    train, fake = checked(train, "training images"), checked(fake, "fakes")
    n, m = len(train), len(fake)
    bins = min(bins, min(n, m) // 10)  # below 10 expected images the test of a bin has no power
    if bins < 2:
        return cannot_tell(m, f"Bins need at least 20 images in each set; there are {min(n, m)}.")
    if len(np.unique(train.numpy(), axis=0)) < bins:
        return cannot_tell(m, f"The training images have fewer than {bins} different features.")
    means = KMeans(bins, n_init=1, random_state=0).fit(train.numpy())
    a = np.bincount(means.labels_, minlength=bins)
    b = np.bincount(means.predict(fake.numpy()), minlength=bins)
    pooled = (a + b) / (n + m)
    error = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    different = np.abs(a / n - b / m) > Z95 * error
    warning = None if bins == 100 else f"Only {bins} bins: {min(n, m)} images do not fill 100."
    return Score(float(different.mean()), m, wilson(int(different.sum()), bins), warning=warning)


def birthday(real: Tensor, fake: Tensor) -> Score:
    """Support size = pairs / near-duplicate pairs (after Arora & Zhang 2017), of features (N, F), (M, F).

    Two images are near-duplicates when closer than all but a share of the pairs of real images: 1e-6, or the share
    that gives a perfect set of M fakes 10 near-duplicates, if that is more. So the real set scores about 1/share and a
    set of k images repeated at random k, whatever M is. Where the real set repeats more images than that, only equal
    images are near-duplicates. The interval is Poisson's for the number of near-duplicates; with none there is a lower
    bound only, and the warning gives it.
    """
    real, fake = checked(real, "real images"), checked(fake, "fakes")
    n, m = len(real), len(fake)
    if min(n, m) < 2:
        return cannot_tell(m, f"Near-duplicates need pairs; there are {min(n, m)} images.")
    real_pairs, fake_pairs = n * (n - 1) // 2, m * (m - 1) // 2
    share = min(1.0, max(1e-6, EXPECTED / fake_pairs))
    rank = max(1, round(share * real_pairs))
    closest = _closest_pairs(real, rank)
    threshold = max(float(closest[rank - 1]), SAME * float((real - real.mean(0)).square().sum(1).mean()))
    found = _pairs_within(fake, threshold)
    low, high = poisson_interval(found)
    if found == 0:
        bound = f"the support is at least {fake_pairs / high:.0f}, with 97.5 % confidence"
        return Score(float(fake_pairs), m, warning=f"No near-duplicate in {m} fakes: {bound}.")
    return Score(fake_pairs / found, m, (fake_pairs / high, fake_pairs / low))


def birthday_pixels(real: Tensor, fake: Tensor) -> Score:
    """`birthday` by pixels, each side in units of its own typical distance; uint8 (N, C, S, S), (M, C, S, S).

    A net gives many different images that are unlike its data nearly the same features; by pixels copies alone are
    near-duplicates. Thin strokes or blurs lie nearer together, hence the units.
    """
    sides = (shuffled(images, 3)[:BY_PIXELS] for images in (real, fake))
    return birthday(*(_standard(images.flatten(1).double()) for images in sides))


def _standard(x: Tensor) -> Tensor:
    """Rows of x (N, F) about their mean, at a root mean square distance of 1 from it; all 0 where they are alike."""
    x = x - x.mean(0)
    return x / x.square().sum(1).mean().sqrt().clamp_min(1e-6)


def _closest_pairs(x: Tensor, count: int) -> Tensor:
    """The ``count`` smallest squared distances between different rows of x (N, F), ascending."""
    best = torch.full((count,), torch.inf, dtype=x.dtype)
    for start, block in distances(x, x):
        rows = torch.arange(start, start + len(block))
        block.masked_fill_(torch.arange(len(x)) <= rows[:, None], torch.inf)  # each pair once, none with itself
        near = block[block < best[-1]]
        best = torch.cat([best, near]).sort().values[:count]
    return best


def _pairs_within(x: Tensor, threshold: float) -> int:
    """Pairs of different rows of x (N, F) at a squared distance of at most ``threshold``."""
    inside = 0
    for start, block in distances(x, x):
        block.diagonal(start).fill_(torch.inf)  # rounding leaves a row a little apart from itself
        inside += int((block <= threshold).sum())
    return inside // 2  # each pair is counted twice
