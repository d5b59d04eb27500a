"""How many starts are lost? The first 400 steps of `fast` and `digits`.

    python bench/starts.py OUT.csv [SEEDS]                  # 300 each; on one core 2.3 hours
    python bench/starts.py OUT.csv 300 cuda --together 50   # on a GPU, 50 starts in a stack

Each row is one start: its preset, its seed (from 10,000 on, which no published run has) and the vital signs after 400
steps (docs/doctor.md). A start is lost if few of 128 training images have a sample nearby (``coverage`` below LOST), or
if the samples have less than half of the data's spread. For `fast` the bound is that of docs/findings/speed.md; after
400 steps of `digits` eight seeds that are not counted here (9000 to 9007) had 0.45 to 0.54, so that its bound is half
of that. Rows that the file has already are kept: a run goes on where it was stopped. At the end it prints the counts
with their upper bounds (one-sided, Clopper-Pearson, 95 %).
Needs AYNEH_DATA or a download of MNIST.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from scipy.stats import binomtest

from ayneh.__main__ import in_sentences
from ayneh.config import Config
from ayneh.doctor.vitals import Vitals
from ayneh.engine.match import Match
from ayneh.engine.stacks import stack_of
from ayneh.evaluation import read_images
from ayneh.files.whole import refuse_unwritable
from ayneh.presets import PRESETS

STEPS, FIRST_SEED = 400, 10_000
LOST = {"fast": 0.5, "digits": 0.25}  # coverage below this
LEAST_SPREAD = 0.5
SIGNS = ("coverage", "spread", "alike", "separation", "dead_gen", "dead_dis")
COLUMNS = ("preset", "seed", "loss_d", "loss_g", *SIGNS)


def main(out: Path, seeds: int, device: str, together: int) -> None:
    """Play what is missing in ``out``, so many starts in a stack, and print the counts."""
    torch.set_num_threads(1)
    refuse_unwritable(out)
    done = list(rows(out)) if out.exists() else []
    known = {(row["preset"], int(row["seed"])) for row in done}
    pixels = {name: read_images(PRESETS[name].config.data).pixels for name in LOST}
    with out.open("a", newline="") as file:
        table = csv.DictWriter(file, COLUMNS)
        if not done:
            table.writeheader()
        for first in range(FIRST_SEED, FIRST_SEED + seeds, together):
            for name in LOST:
                some = range(first, min(first + together, FIRST_SEED + seeds))
                if configs := [replace(PRESETS[name].config, seed=seed) for seed in some if (name, seed) not in known]:
                    found = starts(configs, pixels[name], torch.device(device))
                    new = ({"preset": name, "seed": one.seed} | row for one, row in zip(configs, found, strict=True))
                    table.writerows(new)
                    file.flush()
    print(summary(out))


def starts(configs: Sequence[Config], pixels: torch.Tensor, device: torch.device) -> Iterator[dict[str, float | None]]:
    """The losses and vital signs after the first steps of each config, all in one stack."""
    match = Match(configs, pixels, device)
    stack = stack_of(match, match.start(), 0)
    measures = stack.advance(STEPS)
    signs = Vitals(match, {}).look(stack.state)
    for r in range(len(configs)):
        losses = {name: round(float(measures[name][-1, r]), 4) for name in ("loss_d", "loss_g")}
        yield losses | {name: None if (x := signs[name][r]) is None else round(x, 4) for name in SIGNS}


def rows(out: Path) -> Iterator[dict[str, str]]:
    """What the file has."""
    with out.open(newline="") as file:
        yield from csv.DictReader(file)


def summary(out: Path) -> str:
    """Lost starts of each preset as Markdown, with the 95 % upper bound of their share."""
    head = "| preset | starts | lost | at most, 95 % | smallest coverage | smallest spread |"
    lines = [head, "|---|---|---|---|---|---|"]
    for name, bound in LOST.items():
        found = [row for row in rows(out) if row["preset"] == name]
        if not found:
            continue
        pairs = [(float(row["coverage"] or 0), float(row["spread"] or 0)) for row in found]
        lost = sum(coverage < bound or spread < LEAST_SPREAD for coverage, spread in pairs)
        high = binomtest(lost, len(found), alternative="less").proportion_ci(0.95, "exact").high
        least = [min(numbers) for numbers in zip(*pairs, strict=True)]
        lines.append(f"| `{name}` | {len(found)} | {lost} | {100 * high:.2g} % | {least[0]:.2f} | {least[1]:.2f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("seeds", type=int, nargs="?", default=300, help="of each preset")
    parser.add_argument("device", nargs="?", default="cpu")
    parser.add_argument("--together", type=int, default=1, help="starts in a stack")
    args = parser.parse_args()
    in_sentences(lambda: main(args.out, args.seeds, args.device, args.together))
