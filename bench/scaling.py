"""The time of a step as the batch, the nets' width or the images' size grows, each alone around the preset `mirror`.

    python bench/scaling.py [--rounds 9] [--batch 16 32 ...] [--width 8 ...] [--size 16 ...] [--device cpu]
                            [--figure docs/figures/scaling.png]

All settings play in turn, round by round, in one process. Fits log ms = a + k log x by least squares, over all points
and over those from the preset's value on, where the constant cost of a step matters little. Prints Markdown tables and
draws three log-log panels. `--figure ""` draws none.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from ayneh.__main__ import in_sentences
from ayneh.config import Config
from counting import step_flops
from players import CONFIG, engine_loop, mirror, stand_ins
from timing import machine, quartiles, seconds, spread

# The upper points begin at the preset's value.
OWN = {"batch": CONFIG.batch, "width": 16, "size": 32}
GRID = {"batch": [16, 32, 64, 128, 256, 512], "width": [8, 16, 32, 64], "size": [16, 32, 64, 128]}
WORDS = {"batch": "images in a batch", "width": "width of the nets", "size": "side of the images, pixels"}
TURN_S = 0.1  # a setting plays at least so long in a round, and at least two steps

Setting = tuple[int, int, int]  # batch, width, size


class Power(NamedTuple):
    """y = exp(a) x^k, and the standard error of k (NaN from two points)."""

    k: float
    error: float
    a: float


def fit(xs: Sequence[float], ys: Sequence[float]) -> Power:
    """Least squares of log y on log x."""
    x, y = np.log(xs), np.log(ys)
    spread_of_x = x - x.mean()
    sum_of_squares = spread_of_x @ spread_of_x
    k = spread_of_x @ y / sum_of_squares
    a = y.mean() - k * x.mean()
    left = y - a - k * x
    error = math.sqrt(left @ left / (len(x) - 2) / sum_of_squares) if len(x) > 2 else math.nan
    return Power(float(k), error, float(a))


def setting(axis: str, value: int) -> Setting:
    """The preset's setting with this axis at this value."""
    return tuple({**OWN, axis: value}.values())  # type: ignore[return-value]


def config_of(batch: int, width: int) -> Config:
    """The preset with these."""
    return mirror(batch=batch, net=replace(CONFIG.net, width=width))


def measure(settings: list[Setting], rounds: int, device: str) -> dict[Setting, list[float]]:
    """Seconds a step, one number a round."""
    plays: dict[Setting, tuple[Callable[[], None], int]] = {}
    for batch, width, size in settings:
        play = engine_loop(stand_ins(size, 4 * batch), config_of(batch, width), device)
        seconds(play, 2, device)  # warm up
        plays[batch, width, size] = play, max(2, math.ceil(TURN_S / seconds(play, 1, device)))
    times: dict[Setting, list[float]] = {one: [] for one in settings}
    for i in range(rounds):
        for one in settings[:: -1 if i % 2 else 1]:  # a setting does not always follow the same one
            play, steps = plays[one]
            times[one].append(seconds(play, steps, device))
    return times


def flops_of(one: Setting) -> int:
    """FLOPs of a step, by hand."""
    batch, width, size = one
    return step_flops(batch, size, width)


def print_points(axis: str, values: list[int], times: dict[Setting, list[float]]) -> None:
    """A row for each value."""
    print(f"| {WORDS[axis]} | ms a step (quartiles) | images/s | GFLOP a step | GFLOP/s |")
    print("|---|---|---|---|---|")
    for value in values:
        one = setting(axis, value)
        mid, flops = quartiles(times[one])[1], flops_of(one)
        rates = f"{one[0] / mid:,.0f} | {flops / 1e9:.3f} | {flops / mid / 1e9:.0f}"
        print(f"| {value} | {spread([1e3 * t for t in times[one]], 1)} | {rates} |")
    print()


def print_fits(grid: dict[str, list[int]], times: dict[Setting, list[float]]) -> None:
    """Two rows for each axis; the quartiles are of the exponents of single rounds."""
    print("| varied | points | exponent k of ms (standard error) | k round by round (quartiles) | k of the FLOPs |")
    print("|---|---|---|---|---|")
    for axis, values in grid.items():
        for name, chosen in (("all", values), ("upper", upper(axis, values))):
            if len(chosen) < 2:
                continue
            power = fitted(axis, chosen, times)
            taken = [times[setting(axis, v)] for v in chosen]
            by_round = spread([fit(chosen, one).k for one in zip(*taken, strict=True)], 2)
            counted = fit(chosen, [flops_of(setting(axis, v)) for v in chosen]).k
            error = "two points" if math.isnan(power.error) else f"{power.error:.2f}"
            points = f"{name}: {', '.join(map(str, chosen))}"
            print(f"| {WORDS[axis]} | {points} | {power.k:.2f} ({error}) | {by_round} | {counted:.2f} |")
    print()


def upper(axis: str, values: list[int]) -> list[int]:
    """The points from the preset's value on."""
    return [v for v in values if v >= OWN[axis]]


def fitted(axis: str, values: list[int], times: dict[Setting, list[float]]) -> Power:
    """The fit over the medians, in milliseconds."""
    return fit(values, [1e3 * quartiles(times[setting(axis, v)])[1] for v in values])


def draw(grid: dict[str, list[int]], times: dict[Setting, list[float]], out: Path) -> None:
    """A panel for each axis: medians with quartiles, the line through the upper points, a fainter one through all."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, len(grid), figsize=(11, 3.8), sharey=True, layout="constrained")
    for ax, (axis, values) in zip(np.atleast_1d(panels), grid.items(), strict=True):
        found = np.array([quartiles(times[setting(axis, v)]) for v in values]).T * 1e3  # low, mid, high
        for chosen, line, colour in ((values, "--", "#9a9a9a"), (upper(axis, values), "-", "#c2410c")):
            if len(chosen) < 2:
                continue
            power = fitted(axis, chosen, times)
            ends = np.array([chosen[0] / 1.15, chosen[-1] * 1.15])
            error = "" if math.isnan(power.error) else f" ± {power.error:.2f}"
            label = f"{'all' if line == '--' else f'from {chosen[0]} on'}: k = {power.k:.2f}{error}"
            ax.plot(ends, np.exp(power.a) * ends**power.k, line, color=colour, linewidth=1.6, label=label)
        bars = [found[1] - found[0], found[2] - found[1]]
        ax.errorbar(values, found[1], bars, fmt="o", color="#1f2937", markersize=5.5, capsize=2.5, zorder=3)
        if OWN[axis] in values:
            own = found[1, values.index(OWN[axis])]
            ax.plot(OWN[axis], own, "o", color="#fbbf24", markeredgecolor="#1f2937", markersize=7, zorder=4)
            ax.annotate("preset", (OWN[axis], own), (6, -11), textcoords="offset points", fontsize=9)
        ax.set_xscale("log", base=2)
        ax.set_yscale("log")
        ax.set_xticks(values, [str(v) for v in values])
        ax.minorticks_off()
        ax.yaxis.set_major_formatter("{x:g}")
        ax.set_xlabel(WORDS[axis])
        ax.grid(color="#e5e7eb", linewidth=0.8)
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(frameon=False, fontsize=9, loc="upper left")
    low, high = ax.get_ylim()
    ticks = [m * 10**e for e in range(-2, 6) for m in (1, 2, 5)]
    ax.set_yticks([t for t in ticks if low <= t <= high])
    ax.set_ylim(low, high * 1.8)  # room for the legends
    np.atleast_1d(panels)[0].set_ylabel("ms a step")
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=110)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    for axis, values in GRID.items():
        parser.add_argument(f"--{axis}", type=int, nargs="*", default=values)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--figure", default="docs/figures/scaling.png")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    grid = {axis: sorted(getattr(args, axis)) for axis in GRID if getattr(args, axis)}
    print(f"{machine(args.device)}\n")
    own = ", ".join(f"{axis} {value}" for axis, value in OWN.items())
    print(f"Around {own}; {args.rounds} rounds, all settings in turn in each:\n")
    settings = list(dict.fromkeys(setting(axis, value) for axis, values in grid.items() for value in values))
    times = measure(settings, args.rounds, args.device)
    for axis, values in grid.items():
        print_points(axis, values, times)
    print_fits(grid, times)
    if args.figure:
        draw(grid, times, Path(args.figure))
        print(f"Figure: {args.figure}")


if __name__ == "__main__":
    in_sentences(main)
