"""The verb `sample`: images of a run's averaged generator, with z from the run's prior, as files."""

from __future__ import annotations

from pathlib import Path

import tyro

from ayneh.errors import UserError
from ayneh.record import Record
from ayneh.screen import say


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
    from ayneh.engine.sampler import sampler_of
    from ayneh.pictures import save_images

    if n < 1:
        raise UserError(f"--n is {n}; choose at least 1 image.")
    checkpoint = Record.open(run).checkpoints.at_epoch("best" if best else epoch)
    sampler = sampler_of(checkpoint.config, checkpoint.image_shape, checkpoint.tensors, replica)
    save_images(out, sampler.draw(f"draw {draw}", n))
    say(out, whole=True)
