"""Images of a run's averaged generator, with z from the run's prior."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ayneh.errors import UserError
from ayneh.record.checkpoint import asked
from ayneh.record.record import Record

if TYPE_CHECKING:
    from torch import Tensor

BYTES = 12  # of each number of an image: in float32 twice, and as it is saved


def draw(
    record: Record, n: int, number: int = 0, epoch: int | None = None, best: bool = False, replica: int = 0
) -> Tensor:
    """n images, uint8 (n, C, S, S). number: of this draw; another gives other images.

    epoch: of the checkpoint (None: the newest); best: the one with the best score. Raises UserError for what the run
    does not have, and for more than memory holds.
    """
    import torch

    from ayneh.engine.memory import refuse_over
    from ayneh.engine.sampler import sampler_of

    if n < 1:
        raise UserError(f"--n is {n}; choose at least 1 image.")
    if number < 0:
        raise UserError(f"--draw is {number}; draws are counted from 0.")
    checkpoint = record.checkpoints.at_epoch(asked(epoch, best))
    each = math.prod(checkpoint.image_shape) * BYTES + checkpoint.config.prior.dim * 4
    refuse_over(n * each, torch.device("cpu"), f"{n:,} images", "draw fewer at a time, with other numbers for --draw")
    sampler = sampler_of(checkpoint.config, checkpoint.image_shape, checkpoint.tensors, replica, checkpoint.labels)
    return sampler.draw(f"draw {number}", n)
