"""The verb `sample`: images from a run's own prior, through its averaged generator, into files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import tyro

from ayneh.errors import UserError
from ayneh.record import Checkpoint, Record


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
        best: the checkpoint that the judge liked best, if the run was scored (--keep.score-epochs).
        replica: which of the run's replicas, counted from 0.
        draw: number of this draw; another one draws other images.
    """
    import torch

    from ayneh.data.images import save_images, to_uint8
    from ayneh.engine.sampler import Sampler

    if n < 1:
        raise UserError(f"--n is {n}; ask for at least one image.")
    sampler: Sampler = sampler_of(Record.open(run).at_epoch("best" if best else epoch), replica)
    pixels = torch.cat([to_uint8(part) for part in sampler.images(f"draw {draw}", n)])
    save_images(out, pixels)
    print(out)


def sampler_of(checkpoint: Checkpoint, replica: int):  # type: ignore[no-untyped-def]  # Sampler: torch comes late
    """The sampler of one replica of a checkpoint; it needs no data. Raises UserError if there is no such replica."""
    from ayneh.engine.device import choose_device
    from ayneh.engine.match import nets_of
    from ayneh.engine.sampler import Sampler

    config = checkpoint.config
    if not 0 <= replica < config.seeds:
        raise UserError(f"--replica is {replica}; the run has {config.seeds}, counted from 0.")
    gen, _ = nets_of(config, checkpoint.image_shape, choose_device("cpu"))
    row = gen.pack({name: checkpoint.tensors[f"ema/{name}"][replica] for name in gen.shapes})
    return Sampler(gen, row, replace(config, seed=config.seed + replica, seeds=1))
