"""Pictures of runs over their scores: ``python bench/picture_runs.py OUT.png RUN:EPOCH ...``, epochs counted from 0.

First ``ayneh evaluate RUN --epoch EPOCH`` for each of them: the titles are read from its evaluation-epoch-*.json.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib.pyplot as plt

from ayneh.__main__ import in_sentences
from ayneh.engine.sampler import sampler_of
from ayneh.pictures import grid
from ayneh.record.record import Record

COLUMNS, SHOWN = 3, 50
TITLE = ("fd", "precision", "coverage", "modes")


def main(out: Path, places: list[str]) -> None:
    rows = -(-len(places) // COLUMNS)
    figure, axes = plt.subplots(rows, COLUMNS, figsize=(12, 2.6 * rows), squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for ax, place in zip(axes.flat, places, strict=False):
        run, _, epoch = place.rpartition(":")
        record = Record.open(Path(run))
        checkpoint = record.checkpoints.at_epoch(int(epoch))
        sampler = sampler_of(checkpoint.config, checkpoint.image_shape, checkpoint.tensors, replica=0)
        fakes = sampler.draw("picture", SHOWN)
        ax.imshow(grid(fakes, columns=10)[..., 0], cmap="gray", vmin=0, vmax=255)
        report = record.report("evaluation", int(epoch))
        if report is None:
            raise SystemExit(f"First: ayneh evaluate {run} --epoch {epoch}")
        words = ", ".join(f"{name} {report['scores'][name]['value']:.3g}" for name in TITLE)
        ax.set_title(f"{Path(run).name}, after {int(epoch) + 1} epochs\n{words}", fontsize=9)
    figure.tight_layout()
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=80)


if __name__ == "__main__":
    in_sentences(lambda: main(Path(sys.argv[1]), sys.argv[2:]))
