"""Images of a run's averaged generator, with z from the run's prior, and of a labelled run with their classes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ayneh.api.asked import USUAL, classes_of
from ayneh.errors import UserError
from ayneh.labels import Labels
from ayneh.record.checkpoint import drawn_from
from ayneh.record.names import asked
from ayneh.record.record import Record

if TYPE_CHECKING:
    from torch import Tensor

    from ayneh.api.asked import Classes
    from ayneh.engine.sampler import Sampler

BYTES = 12  # of each number of an image: in float32 twice, and as it is saved


@dataclass(frozen=True)
class Drawn:
    """Images, uint8 (n, C, S, S); of a labelled run also their classes, int64 (n,), and what these are."""

    images: Tensor
    classes: Tensor | None
    labels: Labels | None


def draw(
    record: Record,
    n: int | None = None,
    number: int = 0,
    epoch: int | None = None,
    best: bool = False,
    replica: int = 0,
    classes: Classes = None,
) -> Drawn:
    """n images (None: 64, or one for each entry of an array of classes). number: of this draw; another gives others.

    epoch: of the checkpoint (None: the newest); best: the one with the best score; classes: as `asked.classes_of` takes
    them (None: drawn from the shares that the run was trained with). Raises UserError for what the run does not have,
    and for more than memory holds.
    """
    import torch

    from ayneh.engine.memory import refuse_over
    from ayneh.engine.sampler import sampler_of

    refuse(n, number)
    checkpoint = drawn_from(record.checkpoints, record.generators, asked(epoch, best))
    chosen = None if classes is None else classes_of(classes, n, checkpoint.labels, str(record.folder))
    n = len(chosen) if chosen else USUAL if n is None else n
    each = math.prod(checkpoint.image_shape) * BYTES + checkpoint.config.prior.dim * 4
    refuse_over(n * each, torch.device("cpu"), f"{n:,} images", "draw fewer at a time, with other numbers for --draw")
    sampler = sampler_of(checkpoint.config, checkpoint.image_shape, checkpoint.tensors, replica, checkpoint.labels)
    return drawn(sampler, n, number, chosen)


def drawn(sampler: Sampler, n: int, number: int, chosen: list[int] | None) -> Drawn:
    """n images of a sampler, of these classes (None: drawn by the run's own chance)."""
    import torch

    labels, purpose = sampler.labels, f"draw {number}"
    if labels is None:
        return Drawn(sampler.draw(purpose, n), None, None)
    y = sampler.classes(purpose, n) if chosen is None else torch.tensor(chosen)
    return Drawn(sampler.draw(purpose, n, y), y, labels)


def refuse(n: int | None, number: int) -> None:
    """Raise UserError for less than one image, or a draw below 0."""
    if n is not None and n < 1:
        raise UserError(f"--n is {n}; choose at least 1 image.")
    if number < 0:
        raise UserError(f"--draw is {number}; draws are counted from 0.")
