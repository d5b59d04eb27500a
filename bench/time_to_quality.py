"""Quality against images, seconds and FLOPs: scores the checkpoints of runs of presets on MNIST, and draws the curves.

    python bench/time_to_quality.py score runs/fast-0 runs/mirror-0 --epochs 1 2 3 5 7 10 20 50 100
    python bench/time_to_quality.py draw

Runs need their checkpoints: `ayneh train fast --seed 0 --keep.keep-epochs 1 --out runs/fast-0`. Quality is
`fd_10k_mnist_test`: 10,000 fakes of the averaged G against MNIST's test split. Seconds are those in the run's metrics,
with its pictures and checkpoints; FLOPs are those of a step as PyTorch counts them, convolutions and matrix products,
with a lazy penalty the mean of the steps with and without.
Scores are added to bench/time_to_quality.json; `draw` reads that file and writes docs/figures/time-to-quality.png.
"""

from __future__ import annotations

import argparse
import json
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

from ayneh.__main__ import in_sentences
from ayneh.config import Config, Data
from ayneh.engine.sampler import sampler_of
from ayneh.errors import UserError
from ayneh.evaluation import judge_of
from ayneh.presets import PRESETS
from ayneh.record.record import Record
from penalty import match_of

RESULTS = Path(__file__).parent / "time_to_quality.json"
PICTURE = Path(__file__).parent.parent / "docs" / "figures" / "time-to-quality.png"
AXES = {"images": "images seen", "seconds": "seconds, one thread a run", "flops": "FLOPs"}
SCORED = 10_000
REACHED = (1.86, 2.80)  # by `mirror` after its 100 epochs, three runs of seed 0: docs/findings/speed.md
Curve = dict[str, Any]  # preset, seed, threads, points: epoch, images, seconds, flops, fd


def score(folders: list[Path], epochs: list[int]) -> None:
    """Score the checkpoints of each run that are there after these epochs, and keep the curves."""
    curves: list[Curve] = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    judge = judge_of(Data("mnist"))
    names = {folder: preset_of(folder) for folder in folders}
    for folder, name in names.items():
        record = Record.open(folder)
        config, lines = record.config(), record.lines()
        flops = flops_a_step(config)
        points = []
        for epoch in epochs:
            line = next((one for one in reversed(lines) if one["epoch"] == epoch - 1), None)
            if line is None or epoch - 1 not in record.checkpoints.epochs():
                continue
            checkpoint = record.checkpoints.at_epoch(epoch - 1)
            sampler = sampler_of(checkpoint.config, checkpoint.image_shape, checkpoint.tensors, 0, checkpoint.labels)
            fd = judge.quick(sampler.draw("evaluate 0", SCORED))["fd"].value
            points.append(
                {"epoch": epoch, "images": line["images"], "seconds": line["wall_s"],
                 "flops": flops * line["step"], "fd": fd}
            )  # fmt: skip
            print(f"{folder.name} after {epoch} epochs: {fd:.2f}", flush=True)
        seed, threads = config.seed, record.engine()["threads"]
        known = [one for one in curves if (one["preset"], one["seed"]) == (name, seed)]
        for old in known:
            points += [point for point in old["points"] if point["epoch"] not in epochs]
            curves.remove(old)
        points.sort(key=lambda point: point["epoch"])
        curves.append({"preset": name, "seed": seed, "threads": threads, "points": points})
    curves.sort(key=lambda one: (one["preset"], one["seed"]))
    RESULTS.write_text(json.dumps(curves, indent=1) + "\n")


def preset_of(folder: Path) -> str:
    """The preset of a run, by its game. UserError for a run that is none, or on other images than MNIST."""
    config = Record.open(folder).config()
    if config.data.name != "mnist":
        raise UserError(f"{folder} is trained on {config.data.name}: the distance is to MNIST, name runs on that.")
    for name, preset in PRESETS.items():
        same = {"epochs": config.epochs, "seed": config.seed, "keep": config.keep}
        if replace(preset.config, **same) == config:
            return name
    raise UserError(f"{folder} is a run of none of the presets: only seed, epochs and what is kept may differ.")


def flops_a_step(config: Config) -> float:
    """FLOPs of a step of this game, the mean of its kinds, counted on random pixels."""
    from torch.utils.flop_counter import FlopCounterMode

    match, mean = match_of(config), 0.0
    for first, share in match.kinds().values():
        with FlopCounterMode(display=False) as counter:
            match.play(match.start(), first)
        mean += share * counter.get_total_flops()
    return mean


def draw() -> None:
    """Three panels; each preset's seeds as thin lines, their median as a thick one."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    curves: list[Curve] = json.loads(RESULTS.read_text())
    names = list(dict.fromkeys(curve["preset"] for curve in curves))
    figure, panels = plt.subplots(1, len(AXES), figsize=(15, 5), sharey=True, layout="constrained")
    for axis, panel in zip(AXES, panels, strict=True):
        for colour, name in enumerate(names):
            ours = [curve for curve in curves if curve["preset"] == name]
            for curve in ours:
                xs, ys = ([point[key] for point in curve["points"]] for key in (axis, "fd"))
                panel.plot(xs, ys, color=f"C{colour}", lw=0.8, alpha=0.45)
            xs, ys = median_curve(ours, axis)
            panel.plot(xs, ys, color=f"C{colour}", lw=2, marker="o", ms=3.5, label=f"{name} (n = {len(ours)})")
        panel.axhspan(*REACHED, color="black", alpha=0.12, lw=0, label="mirror after 100 epochs, three runs")
        panel.set(xscale="log", yscale="log", xlabel=AXES[axis])
        panel.grid(alpha=0.25, which="both")
    panels[0].set_ylabel("fd_10k_mnist_test")
    panels[-1].legend(frameon=False, fontsize=9, loc="upper right")
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=80)
    print(PICTURE)


def median_curve(curves: list[Curve], axis: str) -> tuple[list[float], list[float]]:
    """Medians over the seeds at the epochs that all of them have."""
    common = set.intersection(*({point["epoch"] for point in curve["points"]} for curve in curves))
    xs, ys = [], []
    for epoch in sorted(common):
        points = [point for curve in curves for point in curve["points"] if point["epoch"] == epoch]
        xs.append(statistics.median(point[axis] for point in points))
        ys.append(statistics.median(point["fd"] for point in points))
    return xs, ys


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    scoring = verbs.add_parser("score")
    scoring.add_argument("runs", nargs="+", type=Path)
    scoring.add_argument("--epochs", nargs="+", type=int, required=True)
    verbs.add_parser("draw")
    args = parser.parse_args()
    if args.verb == "score":
        score(args.runs, args.epochs)
    else:
        draw()


if __name__ == "__main__":
    in_sentences(main)
