"""Whether images are like the data at all: a classifier gives noise a class, too, and is sure of it."""

from __future__ import annotations

import torch
from torch import Tensor

from ayneh.judge.neighbours import distances
from ayneh.judge.scores import Score, cannot_tell, checked, shuffled
from ayneh.judge.statistics import wilson

NEAREST = 5  # the neighbour to which the distance is taken, among up to REAL real images
REAL = 2_000
USUAL = 0.99  # of the real images are nearer to the others than the limit
STRANGE = 0.5  # of the fakes, or more, by a classifier or an encoder: they are no images of this kind


def unlike(real: Tensor, fake: Tensor) -> Score:
    """The share of fakes that are farther from their fifth nearest real image than 99 % of the real ones are.

    real (N, F), fake (M, F). One limit for all places, so that an odd real image makes no room for noise around it, as
    the balls of `precision` do. Real images beyond the limit are 1 % by construction; other ones about as many.
    """
    real, fake = checked(real, "real images"), checked(fake, "fakes")
    if len(real) <= 20 * NEAREST:
        return cannot_tell(len(fake), f"The limit needs more than {20 * NEAREST} real images; there are {len(real)}.")
    real = shuffled(real, 5)[:REAL]  # folders have their classes one after another
    own = torch.cat([part.topk(NEAREST + 1, largest=False).values.amax(1) for _, part in distances(real, real)])
    limit = own.quantile(USUAL)
    far = torch.cat([part.topk(NEAREST, largest=False).values.amax(1) > limit for _, part in distances(fake, real)])
    count = int(far.sum())
    return Score(count / len(fake), len(fake), wilson(count, len(fake)))


def by_pixels(real: Tensor, fake: Tensor) -> Score:
    """`unlike` of images uint8 (N, C, S, S) and (M, C, S, S) by their pixels, which no net can misread."""
    return unlike(*(images.flatten(1).double() / 255 for images in (real, fake)))
