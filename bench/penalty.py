"""The time of an image with R1 in each step, in every fourth, and without it; with one thread and with two.

    python bench/penalty.py [--rounds 7] [--steps 8]

Each recipe plays with each number of threads in turn, round by round, in one process, on noise in MNIST's shape. A
round of a lazy penalty holds as many steps of each kind as the game does, so --steps is a multiple of 4. Prints a
Markdown table: medians and quartiles over the rounds, seconds on the clock and processor time of all threads.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch

from ayneh.__main__ import in_sentences
from ayneh.config import Config
from ayneh.engine.match import Match
from ayneh.errors import UserError
from ayneh.files.reading import toml_in
from ayneh.labels import Labels
from ayneh.presets import PRESETS
from players import stand_ins
from timing import machine, spread

FAST = PRESETS["fast"].config
WIDE = FAST.changed(**{"net.width": 32})
NONE, LAZY = {"rules.penalty": "none"}, {"rules.penalty_every": 4}
RECORD = Path(__file__).parent.parent / "docs" / "speedrun" / "labels-lazy.toml"
CPU = torch.device("cpu")


def recipes() -> dict[str, Config]:
    """What is timed."""
    entry = toml_in(RECORD)
    record = PRESETS[entry["base"]].config.changed(**entry["set"])
    return {
        "`mirror`": PRESETS["mirror"].config,
        "`fast`": FAST,
        "`fast`, R1 in every fourth step": FAST.changed(**LAZY),
        "`fast` without R1": FAST.changed(**NONE),
        "`fast`, width 32": WIDE,
        "`fast`, width 32, R1 in every fourth step": WIDE.changed(**LAZY),
        "`fast`, width 32, without R1": WIDE.changed(**NONE),
        "the speedrun's `labels-lazy`": record,
    }


def match_of(config: Config) -> Match:
    """This recipe on noise in MNIST's shape, with ten classes."""
    pixels = stand_ins()
    classes = torch.arange(len(pixels)) % 10, Labels(tuple("0123456789"), (0.1,) * 10)
    return Match([config.changed(device="cpu")], pixels, CPU, labelled=classes)


def measure(match: Match, steps: int) -> tuple[float, float]:
    """(ms on the clock, ms of processor time) an image, after two steps that set up."""
    state = match.start()
    for i in range(2):
        state, _ = match.play(state, i)
    clock, work = time.perf_counter(), time.process_time()
    for i in range(steps):
        state, _ = match.play(state, i)
    images = steps * match.images_per_step
    return 1e3 * (time.perf_counter() - clock) / images, 1e3 * (time.process_time() - work) / images


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=8, help="of a round, a multiple of 4")
    args = parser.parse_args()
    if args.steps < 4 or args.steps % 4 or args.rounds < 1:
        raise UserError(f"--steps is {args.steps} and --rounds {args.rounds}: a multiple of 4, and at least 1.")
    where, matches = machine("cpu"), {name: match_of(config) for name, config in recipes().items()}
    times: dict[tuple[str, int], list[tuple[float, float]]] = {(name, n): [] for name in matches for n in (1, 2)}
    for k in range(args.rounds):
        for name, match in matches.items():
            for n in (1, 2) if k % 2 else (2, 1):
                torch.set_num_threads(n)
                times[name, n].append(measure(match, args.steps))
    print(f"{where}; --rounds {args.rounds} --steps {args.steps}\n")
    print("| recipe | threads | ms an image | processor ms an image |\n|---|---|---|---|")
    for (name, n), found in times.items():
        clock, work = ([one[i] for one in found] for i in (0, 1))
        print(f"| {name} | {n} | {spread(clock, 2)} | {spread(work, 2)} |")


if __name__ == "__main__":
    in_sentences(main)
