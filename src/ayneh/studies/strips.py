"""Pictures of a study: each arm's images of the same noise over the epochs, cut and shrunk for the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ayneh.errors import UserError
from ayneh.files.inside import read_png
from ayneh.pages.sheet import data_address, read_picture
from ayneh.record.record import Record
from ayneh.studies.comparisons import values
from ayneh.studies.ledger import Ledger
from ayneh.studies.names import file_name
from ayneh.studies.results import Result, outcome_of

COLUMNS = 6  # of a run's pictures: the root of stack.PICTURED, whose import would load torch
SIDE = 4  # images a side of the part that is shown
GAP = 2  # pixels between the images of a picture, as `pictures.GAP` is
LOOKS = 6  # pictures of an arm
LARGEST = 96  # pixels a side of an image, above which it is shrunk


@dataclass(frozen=True)
class Strip:
    """One arm's pictures, of the run whose main outcome is the median. Pictures are data addresses, or None."""

    seed: int
    value: float | None
    failure: str | None
    pictures: tuple[str | None, ...]
    swaps: dict[str, str | None]


def median_run(found: Sequence[Result], outcome: str) -> Result:
    """An arm's median run by this outcome, the worse of two; runs that broke down count as the worst."""
    have = values(found, outcome)
    sign = -1.0 if outcome_of(found, outcome).better == "higher" else 1.0
    ranked = sorted(found, key=lambda r: (sign * have.get(r.run.seed, math.inf * sign), r.run.seed))
    return ranked[len(ranked) // 2]


def strip(ledger: Ledger, found: Sequence[Result], outcome: str, epochs: Sequence[int]) -> Strip:
    """The arm's pictures after these epochs, and of every swap."""
    run = median_run(found, outcome)
    record = Record(ledger.path(run.run))
    return Strip(
        run.run.seed,
        run.value(outcome),
        run.failure(),
        tuple(cut(record.sample_path(epoch, 0, 1), ledger.folder) for epoch in epochs),
        {name: cut(record.swap_path(file_name(name)), ledger.folder) for name in ledger.study.swaps},
    )


def cut(path: Path, root: Path) -> str | None:
    """The upper left `SIDE` x `SIDE` images of a picture, as a data address; None without a readable file.

    root: the folder that a link may not leave.
    """
    try:
        page = read_picture(read_png(path, root))
    except UserError:
        return None
    cell = (page.width - GAP) // COLUMNS
    page = page.crop((0, 0, SIDE * cell + GAP, SIDE * cell + GAP))
    if cell - GAP > LARGEST:
        size = round(page.width * LARGEST / cell), round(page.height * LARGEST / cell)
        page = page.resize(size, Image.Resampling.BOX)
    return data_address(page)
