"""Metrics of nearest neighbours: precision, recall, density, coverage, and copies of training images."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ayneh.judge.scores import Score, cannot_tell, checked
from ayneh.judge.statistics import mean_interval, smaller, wilson

CELLS = 2_000_000  # of a distance matrix held at a time: 40 MB in float64
NEIGHBOURS = 5  # that the balls of a manifold reach to


def distances(a: Tensor, b: Tensor) -> Iterator[tuple[int, Tensor]]:
    """(first row, squared distances (B, M)) for blocks of B rows of a (N, F) to all of b (M, F)."""
    centre = b.mean(0)  # |a|^2 + |b|^2 - 2ab loses digits far from the origin
    a, b = a - centre, b - centre
    b_norms = b.square().sum(1)
    rows = max(1, CELLS // max(1, len(b)))
    for start in range(0, len(a), rows):
        block = a[start : start + rows]
        squared = torch.addmm(b_norms + block.square().sum(1, keepdim=True), block, b.T, alpha=-2)
        yield start, squared.clamp_min_(0)


def _radii(x: Tensor, k: int) -> Tensor:
    """Squared distance of every row to its k-th nearest other row: (N, F) -> (N,)."""
    return torch.cat([block.topk(k + 1, largest=False, sorted=False).values.amax(1) for _, block in distances(x, x)])


def manifold_scores(real: Tensor, fake: Tensor) -> dict[str, Score]:
    """Precision, recall (Kynkäänniemi et al. 2019), density, coverage (Naeem et al. 2020): (N, F), (M, F).

    A set's manifold is the union of balls around its points, each reaching to the fifth neighbour (k = 5).
    precision: share of fakes in real balls; recall: share of reals in fake balls; density: real balls over
    a fake, over k; coverage: share of real balls with a fake in them. Intervals are over the set that is
    averaged, with the balls held fixed.
    """
    real, fake, k = checked(real, "real images"), checked(fake, "fakes"), NEIGHBOURS
    n, m = len(real), len(fake)
    names = ("precision", "recall", "density", "coverage")
    if min(n, m) <= k:
        why = f"The {k}-th neighbour needs more than {k} images in each set; there are {min(n, m)}."
        return {name: cannot_tell(m, why) for name in names}
    real_radii, fake_radii = _radii(real, k), _radii(fake, k)
    balls = torch.zeros(m)  # real balls that each fake lies in
    recalled, covered = torch.zeros(n, dtype=torch.bool), torch.zeros(n, dtype=torch.bool)
    for start, block in distances(real, fake):  # (B, M)
        rows = slice(start, start + len(block))
        inside = block < real_radii[rows, None]
        balls += inside.sum(0)
        covered[rows] = inside.any(1)
        recalled[rows] = (block < fake_radii).any(1)
    warning = "All fakes have the same features." if float(fake_radii.max()) == 0 else None
    hits = {"precision": (balls > 0, m), "recall": (recalled, n), "coverage": (covered, n)}
    scores = {}
    for name, (hit, total) in hits.items():
        count = int(hit.sum())
        scores[name] = Score(count / total, m, wilson(count, total), warning=warning)
    density = (balls.double() / k).numpy()
    scores["density"] = Score(float(density.mean()), m, mean_interval(density), warning=warning)
    return {name: scores[name] for name in names}


def nearest(a: Tensor, b: Tensor) -> Tensor:
    """Euclidean distance of every row of a (N, F) to its nearest row of b (M, F): (N,) float64.

    The neighbour is found in float32; its distance is then computed from the difference, so that it is 0 for a copy.
    """
    found = torch.cat([block.argmin(1) for _, block in distances(a.float(), b.float())])
    return (a.double() - b[found].double()).square().sum(1).sqrt()


def memorisation(fake: Tensor, held_out: Tensor) -> Score:
    """P(a fake is nearer to the training set than a held-out image): 0.5 without copying, 1 for copies.

    From distances to the nearest training image, of fakes (N,) and of held-out real images (M,), as in the
    test of Meehan et al. 2020. p is of the null hypothesis that fakes are no nearer. Blurred or collapsed
    fakes may lie near a training image as well: read it with precision and coverage.
    """
    if min(len(fake), len(held_out)) < 20:
        why = f"Memorisation needs 20 images on each side; there are {len(fake)} fakes and {len(held_out)} held out."
        return cannot_tell(len(fake), why)
    share, p = smaller(fake.numpy(), held_out.numpy())
    return Score(share, len(fake), p=p)


def copies(fake: Tensor, held_out: Tensor) -> Score:
    """Share of fakes nearer to a training image than 99.9 % of held-out images, by the same distances.

    Where more than 0.1 % of the held-out images are training images themselves, it is the share of exact copies.
    """
    if min(len(fake), len(held_out)) < 20:
        return cannot_tell(len(fake), f"Too few distances to tell copies: {len(fake)} and {len(held_out)}.")
    limit = held_out.quantile(0.001)
    count = int(((fake < limit) | (fake == 0)).sum())
    return Score(count / len(fake), len(fake), wilson(count, len(fake)))
