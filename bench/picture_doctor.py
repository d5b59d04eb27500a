"""The doctor's findings over time, beside the pictures: ``python bench/picture_doctor.py OUT.png RUN ...``."""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from ayneh.__main__ import in_sentences
from ayneh.doctor.doctor import Doctor
from ayneh.pictures import load_png
from ayneh.record.record import Record

SHOWN = 4  # pictures a run
COLOURS = {"severe": "#c0392b", "warning": "#e0a030", "note": "#8090a0"}


def main(out: Path, places: list[str]) -> None:
    figure, axes = plt.subplots(
        len(places), SHOWN + 1, figsize=(13, 3.1 * len(places)), width_ratios=[2.2] + [1] * SHOWN
    )
    for row, place in zip(np.atleast_2d(axes), places, strict=True):
        record = Record.open(Path(place))
        lines = record.lines()
        epochs = [line["step"] / lines[-1]["step"] * (lines[-1]["epoch"] + 1) for line in lines]
        draw(row[0], record, lines, epochs)
        row[0].set_title(f"{Path(place).name}", loc="left", fontsize=11)
        pictures = list(record.pictures(0, 1).items())
        for ax, i in zip(row[1:], np.linspace(0, len(pictures) - 1, SHOWN), strict=True):
            epoch, path = pictures[round(i)]
            image = np.asarray(load_png(path)).squeeze()
            side = image.shape[1]
            ax.imshow(image[: side // 2, : side // 2], cmap="gray")
            ax.set_title(f"epoch {epoch}", fontsize=9)
            ax.axis("off")
    figure.tight_layout(rect=(0, 0, 1, 0.96))
    figure.savefig(out, dpi=80)


def draw(ax: plt.Axes, record: Record, lines: list, epochs: list[float]) -> None:
    """D's loss, coverage and the judge's distance over the epochs, with the span of each finding."""
    doctor = Doctor(record.config(), lines)
    at = dict(zip((line["step"] for line in lines), epochs, strict=True))
    looks = [(e, line["vitals"]["coverage"][0]) for e, line in zip(epochs, lines, strict=True) if "vitals" in line]
    ax.plot(epochs, [line["mean_loss_d"][0] for line in lines], color="#2c6e91", lw=1, label="D's loss")
    ax.plot(*zip(*looks, strict=True), color="#5a9e5a", lw=1, label="coverage")
    judged = [(e, line["scores"]["fd"][0]) for e, line in zip(epochs, lines, strict=True) if line.get("scores")]
    right = ax.twinx()
    right.plot([e for e, _ in judged], [fd["value"] for _, fd in judged], "k.-", lw=1, ms=3, label="fd (right)")
    right.set_yscale("log")
    for k, finding in enumerate(doctor.findings()):
        begin, end = at[finding.found_step], epochs[-1] if finding.until_step is None else at[finding.until_step]
        height = 1.6 + 0.2 * k
        ax.plot([begin, end], [height, height], color=COLOURS[finding.severity], lw=2, solid_capstyle="butt")
        ax.text(end, height, finding.name, fontsize=7, ha="right", va="bottom", color=COLOURS[finding.severity])
    ax.set_xlabel("epochs", fontsize=8)
    ax.set_ylim(0, 1.6 + 0.2 * len(doctor.findings()))
    ax.set_yticks([0, 0.5, 1, 1.386], ["0", "0.5", "1", "2 ln 2"], fontsize=7)
    right.tick_params(labelsize=7)
    lowest, highest = right.get_ylim()
    right.set_ylim(lowest, highest * (highest / lowest) ** (0.12 * len(doctor.findings())))  # below the findings
    figure = ax.get_figure()
    if ax is figure.axes[0]:
        curves = [*ax.get_lines(), *right.get_lines()]
        figure.legend(curves, [c.get_label() for c in curves], loc="upper center", ncols=3, fontsize=8, frameon=False)


if __name__ == "__main__":
    in_sentences(lambda: main(Path(sys.argv[1]), sys.argv[2:]))
