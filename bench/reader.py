"""A reader of z with layers of its own, whose gradient goes to G alone: ``python bench/reader.py``; it resumes.

`fast` on MNIST with z of 16 and `--rules.mirror-reader own` at several weights, and without a reader. Each run is
measured by the judge and by `ayneh mirror`; the CSV gets a row for each. docs/findings/preregistered.md has what was
predicted. With --device cuda the seeds are the replicas of one run for each weight, and what is measured is computed on
the CPU: after --train-only, on any machine that has the run folders, by the same command without it.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
import tyro

from ayneh.__main__ import in_sentences
from ayneh.engine.sampler import sampler_of
from ayneh.files.whole import refuse_unwritable
from ayneh.inverse.reading import read
from ayneh.record.checkpoint import Checkpoint
from ayneh.record.record import Record
from each import each
from readings import HELD_OUT, Row, distance, has, replica_of, rows_in, write

SCORES = {  # of `ayneh mirror`, by their columns
    "r2_reader": "r2@reader",
    "r2_ridge": "r2@ridge",
    "r2_perceptron": "r2@perceptron",
    "nearest_features": "nearest@features",
    "nearest_reader": "nearest@reader",
    "relative_error_real": "relative_error@test",
    "relative_error_generated": "relative_error@generated",
}


Job = tuple[float, int]  # weight, seed


def trained(
    out: Path, seeds: tuple[int, ...], reader: str, epochs: int | None, limit: int | None, device: str, job: Job
) -> tuple[Checkpoint, int, Path]:
    """The checkpoint of this run, which is trained if it is not at its end, its replica, and its folder."""
    weight, seed = job
    more = {"rules.mirror_weight": weight, "rules.mirror_reader": reader} if weight else {}
    name = f"fast-z16-{reader}-{weight:g}" if weight else "fast-z16"
    return replica_of(out, name, seed, seeds, device, epochs=epochs, limit=limit, **more)


def measured(train: Callable[[Job], tuple[Checkpoint, int, Path]], images: int, job: Job) -> Row:
    """The row of this run."""
    torch.set_num_threads(1)
    kept, replica, folder = train(job)
    sampler = sampler_of(kept.config, kept.image_shape, kept.tensors, replica)
    found = read(kept, replica, images=images, inverted=0)
    lines = Record.open(folder).lines()
    row: Row = {"wall_s": round(lines[-1]["wall_s"])}
    row["fd_10k_mnist_test"] = distance(sampler.draw("evaluate 0", HELD_OUT))
    row["read_by"] = found.read_by
    row |= {name: found.scores[of].value if of in found.scores else "" for name, of in SCORES.items()}
    return row | {"device": kept.config.device}


def main(
    out: Path = Path("runs/reader"),
    result: Path = Path("docs/findings/studies/reader.csv"),
    seeds: tuple[int, ...] = (0, 1, 2),
    weights: tuple[float, ...] = (0.0, 0.03, 0.1, 0.3),
    reader: str = "own",
    images: int = HELD_OUT,
    epochs: int | None = None,
    limit: int | None = None,
    device: Literal["cpu", "cuda"] = "cpu",
    workers: int = 1,
    train_only: bool = False,
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
        device: of the training; cuda: the seconds of a row are those of all seeds together.
        workers: runs at a time, each in a process of its own.
        train_only: measure nothing.
    """
    torch.set_num_threads(1)
    refuse_unwritable(result)
    rows: list[Any] = rows_in(result)

    def about(job: Job) -> Row:
        return {"reader": reader if job[0] else "none", "weight": f"{job[0]:g}", "seed": job[1]}

    missing = [job for job in itertools.product(weights, seeds) if not has(rows, **about(job))]
    missing.sort(key=lambda job: seeds.index(job[1]))  # seed by seed
    train = partial(trained, out, seeds, reader, epochs, limit, device)
    if device == "cuda" or train_only:
        for job in missing:
            train(job)  # here, before processes share a run of several seeds
    if train_only:
        return
    for job, row in each(partial(measured, train, images), missing, workers):
        rows.append(about(job) | row)
        write(result, rows)
        print(about(job), file=sys.stderr, flush=True)
    print(result.read_text(encoding="utf-8"))


if __name__ == "__main__":
    in_sentences(partial(tyro.cli, main))
