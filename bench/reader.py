"""A reader of z with layers of its own, whose gradient goes to G alone: ``python bench/reader.py``; it resumes.

`fast` on MNIST with z of 16 and `--rules.mirror-reader own` at several weights, and without a reader. Each run is
measured by the judge and by `ayneh mirror`; the CSV gets a row for each. docs/findings/preregistered.md has what was
predicted.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
import tyro

from ayneh.engine.sampler import sampler_of
from ayneh.inverse.reading import read
from ayneh.record.record import Record
from readings import HELD_OUT, Row, base, distance, finished, has, rows_in, write

SCORES = {  # of `ayneh mirror`, by their columns
    "r2_reader": "r2@reader",
    "r2_ridge": "r2@ridge",
    "r2_perceptron": "r2@perceptron",
    "nearest_features": "nearest@features",
    "nearest_reader": "nearest@reader",
    "relative_error_real": "relative_error@test",
    "relative_error_generated": "relative_error@generated",
}


def measured(folder: Path, images: int, **settings: Any) -> Row:
    """The row of this run, which is trained if it is not at its end."""
    kept = finished(folder, base(**settings))
    sampler = sampler_of(kept.config, kept.image_shape, kept.tensors, 0)
    found = read(kept, images=images, inverted=0)
    lines = Record.open(folder).lines()
    row: Row = {"wall_s": round(lines[-1]["wall_s"])}
    row["fd_10k_mnist_test"] = distance(sampler.draw("evaluate 0", HELD_OUT))
    row["read_by"] = found.read_by
    return row | {name: found.scores[of].value if of in found.scores else "" for name, of in SCORES.items()}


def main(
    out: Path = Path("runs/reader"),
    result: Path = Path("docs/findings/studies/reader.csv"),
    seeds: tuple[int, ...] = (0, 1, 2),
    weights: tuple[float, ...] = (0.0, 0.03, 0.1, 0.3),
    reader: str = "own",
    images: int = HELD_OUT,
    epochs: int | None = None,
    limit: int | None = None,
) -> None:
    """Train the runs that are missing, measure them, and write the CSV.

    Args:
        out: where the runs go; `bench/encoder.py` takes those without a reader, too.
        result: the CSV.
        seeds: of the runs.
        weights: of the reading in both losses (0: no reader).
        reader: own, or features for comparison.
        images: generated images behind R^2, a fifth of them held out.
        epochs: of each run (default: those of `fast`).
        limit: images of MNIST (default: all).
    """
    torch.set_num_threads(1)
    rows: list[Any] = rows_in(result)
    for seed in seeds:
        for weight in weights:
            kind = reader if weight else "none"
            about = {"reader": kind, "weight": f"{weight:g}", "seed": seed}
            if has(rows, **about):
                continue
            more = {"rules.mirror_weight": weight, "rules.mirror_reader": reader} if weight else {}
            name = f"fast-z16-{kind}-{weight:g}-{seed}" if weight else f"fast-z16-{seed}"
            row = measured(out / name, images, seed=seed, epochs=epochs, limit=limit, **more)
            rows.append(about | row)
            write(result, rows)
            print(f"{kind}, weight {weight:g}, seed {seed}", file=sys.stderr, flush=True)
    print(result.read_text(encoding="utf-8"))


if __name__ == "__main__":
    tyro.cli(main)
