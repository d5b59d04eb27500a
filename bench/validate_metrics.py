"""Do the metrics change with damage? ``AYNEH_DATA=... python bench/validate_metrics.py``, 5 minutes on one core.

Damages 1,000 of MNIST's test images, which no judge was trained on, in six ways at growing strengths, scores them
against the other 9,000, and writes docs/figures/metrics.png and metrics.json.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import torch

from ayneh.__main__ import in_sentences
from ayneh.data.sources import load
from ayneh.judge.features import shipped
from ayneh.judge.report import collapse
from ayneh.judge.scores import Score
from ayneh.judge.verdict import Judge
from degrade import DEGRADE, MOVES, fewer_classes, memorised, moves

OUT = Path(__file__).parent.parent / "docs" / "figures"
STRENGTHS = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
N = 1000
LOGARITHMIC = ("fd", "support")


def main() -> None:
    torch.set_num_threads(1)
    train, test = load("mnist", "train"), load("mnist", "test")
    assert test.labels is not None  # MNIST has labels
    order = torch.randperm(len(test.pixels), generator=torch.Generator().manual_seed(0))
    real, labels = test.pixels[order[:N]], test.labels[order[:N]]
    judge = Judge("mnist", {"mnist-cnn-0": shipped("mnist-cnn-0")}, train.pixels, test.pixels[order[N:]])
    others = {
        "fewer classes": partial(fewer_classes, labels=labels),
        "memorisation": partial(memorised, train=train.pixels),
    }
    images, scores = {}, {}
    for damage, spoil in (DEGRADE | others).items():
        images[damage] = [spoil(real, strength) for strength in STRENGTHS]
        scores[damage] = [judge.scores(spoiled) for spoiled in images[damage]]
        print(damage, flush=True)
        for metric, direction in MOVES[damage].items():
            row = [score[metric] for score in scores[damage]]
            right = "ok" if moves(row, direction) else "NO"
            print(f"  {right}  {metric:16}", *(f"{s.value:10.4g}" for s in row), flush=True)
    one, real_scores = scores["fewer classes"][-1], scores["blur"][0]
    beside = {name: replace(score, floor=real_scores[name].value) for name, score in one.items()}
    print("one digit only is called collapsed by:", *collapse(beside), sep="\n  ")
    OUT.mkdir(parents=True, exist_ok=True)
    draw(images, scores)
    values = {
        damage: {metric: [score[metric].as_dict() for score in found] for metric in found[0]}
        for damage, found in scores.items()
    }
    (OUT / "metrics.json").write_text(json.dumps({"n": N, "strengths": STRENGTHS, "scores": values}) + "\n")


def draw(images: dict[str, list[torch.Tensor]], scores: dict[str, list[dict[str, Score]]]) -> None:
    """A column for each damage, a row for each metric; black where the metric should move, grey where it need not."""
    metrics = list(dict.fromkeys(metric for wanted in MOVES.values() for metric in wanted))
    figure, axes = plt.subplots(len(metrics) + 1, len(images), figsize=(15, 1.35 * len(metrics) + 1.5), sharex="row")
    for column, (damage, spoiled) in enumerate(images.items()):
        strip = torch.cat([torch.cat(list(part[[3, 7, 12], 0]), 0) for part in spoiled], 1)
        axes[0, column].imshow(strip, cmap="gray", vmin=0, vmax=255)
        axes[0, column].set_title(damage)
        axes[0, column].axis("off")
        for row, metric in enumerate(metrics, start=1):
            ax, found = axes[row, column], [score[metric] for score in scores[damage]]
            values = [score.value if score.value is not None else float("nan") for score in found]
            colour = "black" if metric in MOVES[damage] else "#b0b0b0"
            ax.plot(STRENGTHS, values, ".-", color=colour, linewidth=1, markersize=4)
            ends = [score.interval or (value, value) for score, value in zip(found, values, strict=True)]
            ax.fill_between(STRENGTHS, [e[0] for e in ends], [e[1] for e in ends], color=colour, alpha=0.15)
            ax.axhline(values[0], color="tab:blue", linewidth=0.6, linestyle=":")
            if metric in LOGARITHMIC:
                ax.set_yscale("log")
            ax.tick_params(labelsize=6)
            if column == 0:
                ax.set_ylabel(metric.replace("_", "\n"), fontsize=8)
            if row == len(metrics):
                ax.set_xlabel("strength", fontsize=8)
    figure.tight_layout()
    figure.savefig(OUT / "metrics.png", dpi=80)


if __name__ == "__main__":
    in_sentences(main)
