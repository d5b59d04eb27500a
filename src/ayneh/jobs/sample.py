"""The verb `sample`: images of a run's averaged generator, with z from the run's prior, as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from ayneh.api.asked import uneven
from ayneh.api.draws import draw as drawn
from ayneh.record.record import Record
from ayneh.terminal.screen import say
from ayneh.terminal.text import counted, warn

if TYPE_CHECKING:
    from ayneh.api.draws import Drawn


def sample(
    run: tyro.conf.Positional[Path],
    out: Path,
    n: int = 64,
    classes: tuple[str, ...] = (),
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
        classes: of a labelled run, by number or name: each of these equally often, one after another (default: drawn
            from the shares that the run was trained with).
        epoch: the checkpoint after this epoch, counted from 0 (default: the newest).
        best: the checkpoint with the best score, if the run was scored (--keep.score-epochs).
        replica: which of the run's replicas, counted from 0.
        draw: number of this draw; another number gives other images.
    """
    from ayneh.byclass import save_images as save_with_classes
    from ayneh.pictures import refuse_place, save_images
    from ayneh.studies.names import file_name

    record = Record.open(run)
    refuse_place(out, classes=record.config().rules.labelled)
    made = drawn(record, n, draw, epoch, best, replica, classes or None)
    if made.labels is None or made.classes is None:
        save_images(out, made.images)
    else:
        names = made.labels.names
        save_with_classes(out, made.images, made.classes, names, [file_name(name) for name in names])
        warn(_words(made, out, bool(classes)))
    say(out, whole=True)


WHERE = {  # by the suffix: how a file shows the classes
    ".npz": "the array labels has their classes",
    ".npy": "an .npy file does not have their classes: end it in .npz for those",
    ".png": "the images of a class are in rows of their own",
    "": "a folder for each class",
}


def _words(made: Drawn, out: Path, asked: bool) -> str:
    """What was drawn, and where its classes are: a line for a person."""
    assert made.labels is not None
    assert made.classes is not None
    from ayneh.byclass import fits

    numbers, names = made.classes.tolist(), made.labels.names
    there = list(dict.fromkeys(numbers))
    which = f"class {names[there[0]]}" if len(there) == 1 else f"{len(there):,} classes"
    how = "" if asked else ", drawn from the shares that the run was trained with"
    where = WHERE[out.suffix.lower()]
    if out.suffix.lower() == ".png" and not fits(len(there), len(numbers)):
        where = "the picture has them as they were drawn, since they are too many for rows of their own"
    return (
        f"{counted(len(numbers), 'image')} of {which}{how}; {where}. {uneven(numbers, names) if asked else ''}".strip()
    )
