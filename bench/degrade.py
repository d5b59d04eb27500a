"""Known damage to real images, with which tests and docs/metrics.md validate the metrics.

Each function takes real images (N, C, S, S) uint8 outside all training sets and a strength in [0, 1], and
returns as many images: 0 leaves them as they are, 1 is the most damage.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from ayneh.judge.scores import Score


def _chance() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def blurred(images: Tensor, strength: float) -> Tensor:
    """A Gaussian blur whose standard deviation is ``strength`` times an eighth of the side."""
    sigma = strength * images.shape[-1] / 8
    if sigma == 0:
        return images
    reach = images.shape[-1] // 2 - 1
    line = torch.exp(-(torch.arange(-reach, reach + 1.0) ** 2) / (2 * sigma**2))
    line = line / line.sum()
    planes = images.float().flatten(0, 1)[:, None]
    planes = nn.functional.conv2d(planes, line.view(1, 1, 1, -1), padding=(0, reach))
    planes = nn.functional.conv2d(planes, line.view(1, 1, -1, 1), padding=(reach, 0))
    return planes.round().clamp(0, 255).to(torch.uint8).view(images.shape)


def noisy(images: Tensor, strength: float) -> Tensor:
    """Gaussian noise with a standard deviation of ``strength`` times half the grey range."""
    noise = torch.randn(images.shape, generator=_chance()) * strength * 127.5
    return (images + noise).round().clamp(0, 255).to(torch.uint8)


def with_garbage(images: Tensor, strength: float) -> Tensor:
    """A share of ``strength`` of the images has its pixels scrambled: the same greys, no digit."""
    count = round(strength * len(images))
    flat = images.flatten(1).clone()
    order = torch.rand(count, flat.shape[1], generator=_chance()).argsort(1)
    flat[:count] = flat[:count].gather(1, order)
    return flat.view(images.shape)


def duplicated(images: Tensor, strength: float) -> Tensor:
    """Only N^(1 - strength) of the N images, repeated: 1 shows a single image."""
    distinct = max(1, round(len(images) ** (1 - strength)))
    return images[torch.arange(len(images)) % distinct]


def fewer_classes(images: Tensor, strength: float, labels: Tensor) -> Tensor:
    """Images of the first round(K - strength (K - 1)) of K classes, repeated to fill the places of the others."""
    classes = int(labels.max()) + 1
    kept = images[labels < round(classes - strength * (classes - 1))]
    return kept[torch.arange(len(images)) % len(kept)]


def memorised(images: Tensor, strength: float, train: Tensor) -> Tensor:
    """A share of ``strength`` of the images is replaced by training images."""
    count = round(strength * len(images))
    return torch.cat([train[:count], images[count:]])


DEGRADE: dict[str, Callable[[Tensor, float], Tensor]] = {  # those that take the images alone
    "blur": blurred,
    "noise": noisy,
    "garbage": with_garbage,
    "duplication": duplicated,
}

# +1: the metric rises with the strength, -1: it falls. Metrics that a kind of damage does not affect are left out
# (duplicates of good images keep their precision; copies of training images leave every distance at its floor).
MOVES = {
    "blur": {"fd": 1, "fd_infinite": 1, "kid": 1, "precision": -1, "density": -1, "coverage": -1, "ndb": 1},
    "noise": {"fd": 1, "fd_infinite": 1, "kid": 1, "precision": -1, "density": -1, "coverage": -1, "ndb": 1},
    "garbage": {
        "fd": 1, "fd_infinite": 1, "kid": 1, "precision": -1, "density": -1, "coverage": -1, "ndb": 1,
        "class_kl": 1, "low_confidence": 1,
    },
    "duplication": {"fd": 1, "recall": -1, "coverage": -1, "ndb": 1, "support": -1, "ms_ssim": 1, "distance": -1},
    "fewer classes": {
        "fd": 1, "fd_infinite": 1, "kid": 1, "recall": -1, "coverage": -1, "ndb": 1, "support": -1,
        "class_kl": 1, "class_chi2": 1, "modes": -1, "ms_ssim": 1, "distance": -1,
    },
    "memorisation": {"memorisation": 1, "copies": 1},
}  # fmt: skip


def moves(scores: Sequence[Score], direction: int) -> bool:
    """Whether a metric rises (+1) or falls (-1) over growing strengths, by its 95 % intervals.

    The last interval lies wholly beyond the first, and no step goes back to an interval wholly behind the one before.
    """
    ends: list[tuple[float, float]] = []
    for score in scores:
        if score.value is None:
            return False
        low, high = score.interval or (score.value, score.value)
        ends.append((low, high) if direction > 0 else (-high, -low))
    onward = all(after[1] >= before[0] for before, after in pairwise(ends))
    return onward and ends[-1][0] > ends[0][1]
