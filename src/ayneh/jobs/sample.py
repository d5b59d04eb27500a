"""The verb `sample`: images of a run's averaged generator, with z from the run's prior, as files."""

from __future__ import annotations

import math
from pathlib import Path

import tyro

from ayneh.errors import UserError
from ayneh.record.checkpoint import asked
from ayneh.record.record import Record
from ayneh.terminal.screen import say

BYTES = 12  # of each number of an image: in float32 twice, and as it is saved


def sample(
    run: tyro.conf.Positional[Path],
    out: Path,
    n: int = 64,
    epoch: int | None = None,
    best: bool = False,
    replica: int = 0,
    draw: int = 0,
) -> None:
    """Draw images from a run.

    Args:
        run: the run folder.
        out: images.npz or images.npy (uint8), a grid.png, or a folder for one PNG an image.
        n: number of images.
        epoch: the checkpoint after this epoch, counted from 0 (default: the newest).
        best: the checkpoint with the best score, if the run was scored (--keep.score-epochs).
        replica: which of the run's replicas, counted from 0.
        draw: number of this draw; another number gives other images.
    """
    import torch

    from ayneh.engine.memory import refuse_over
    from ayneh.engine.sampler import sampler_of
    from ayneh.pictures import save_images

    if n < 1:
        raise UserError(f"--n is {n}; choose at least 1 image.")
    if draw < 0:
        raise UserError(f"--draw is {draw}; draws are counted from 0.")
    checkpoint = Record.open(run).checkpoints.at_epoch(asked(epoch, best))
    each = math.prod(checkpoint.image_shape) * BYTES + checkpoint.config.prior.dim * 4
    refuse_over(n * each, torch.device("cpu"), f"{n:,} images", "draw fewer at a time, with other numbers for --draw")
    sampler = sampler_of(checkpoint.config, checkpoint.image_shape, checkpoint.tensors, replica)
    save_images(out, sampler.draw(f"draw {draw}", n))
    say(out, whole=True)
