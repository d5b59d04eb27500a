"""The verb `sample`: images of a run's averaged generator, with z from the run's prior, as files."""

from __future__ import annotations

from pathlib import Path

import tyro

from ayneh.api.draws import draw as drawn
from ayneh.record.record import Record
from ayneh.terminal.screen import say


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
    from ayneh.pictures import save_images

    save_images(out, drawn(Record.open(run), n, draw, epoch, best, replica))
    say(out, whole=True)
