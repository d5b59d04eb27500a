"""The verb `mirror`: how far a run's discriminator is an inverse of its generator."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Any

import tyro

from ayneh.errors import UserError, typed_as
from ayneh.evaluation import is_here
from ayneh.files.whole import not_kept
from ayneh.record.record import Record
from ayneh.terminal.progress import Terminal
from ayneh.terminal.screen import Rows, say, show
from ayneh.terminal.text import warn
from ayneh.version import __version__


def mirror(
    run: tyro.conf.Positional[Path],
    epoch: int | None = None,
    replica: int = 0,
    images: int = 10_000,
    invert: int = 16,
    json: bool = False,
    quiet: bool = False,
) -> None:
    """Measure how far a run's discriminator D is an inverse of its generator G.

    Reports how well labels are predicted from D's features, how well z is read back from D's features of G(z), and
    what is left of images after the round trip x -> features -> z -> G(z), by the map that reads z best and by
    descent on z. The report is written to the run folder as mirror.json, a picture of round trips as mirror.png.
    docs/mirror.md explains each number.

    Args:
        run: the run folder.
        epoch: the checkpoint after this epoch, counted from 0 (default: the newest).
        replica: which of the run's replicas, counted from 0.
        images: number of generated images, a fifth of them held out; also of test images, at most.
        invert: number of real and of generated images to invert by descent (0: none).
        json: print the report as JSON instead of a table.
        quiet: print the result only.
    """
    from ayneh.inverse.reading import read

    terminal, record = Terminal(quiet), Record.open(run)
    record.parts.need("data")
    name = (data := record.config().data).name
    if not is_here(data):
        raise UserError(
            f"{run} was trained on images that were given from Python ({name}), and no file holds them: save them "
            f'there by `images.save("images.npz")`, and `ayneh resume {typed_as(run)} --data images.npz` makes '
            "the run use the file."
        )
    picture = record.report_path("mirror", epoch, replica, ".png")
    lost = not_kept(record.report_path("mirror", epoch, replica)) or not_kept(picture)
    found = read(record.checkpoints.at_epoch(epoch), replica, images, invert, terminal.say)
    report = {"run": str(run), "replica": replica, "ayneh": __version__} | found.as_dict()
    if lost:
        warn(lost)
    else:
        record.write_report("mirror", report, epoch, replica)
        found.save_picture(picture)
    if json:
        print(json_format.dumps(report, indent=2))
    else:
        _show(report, None if lost else picture)


def _show(report: dict[str, Any], picture: Path | None) -> None:
    rows = []
    for score in report["scores"].values():
        ends = f"{score['low']:.4f} to {score['high']:.4f}" if "low" in score else ""
        rows.append((score["protocol"], f"{score['value']:.4f}", ends, f"{score['n']:,}"))
    show(Rows(("score", "value", "95 %", "n"), rows))
    for words in report["words"]:
        say(words)
    if picture:
        say(f"pictures: {picture}", whole=True)
