"""The engine against the plain loops (bench/plain.py) and against the floor, alternating in one process; then memory.

    python bench/throughput.py [--rounds 15] [--steps 10] [--replicas 1 2 4 8 16 32 64] [--threads N] [--device cpu]

In each round the machine's rates for a large matrix product and a copy are measured; then every loop plays some steps,
through the list forwards and backwards by turns; large stacks play in every third round. Prints Markdown tables of
medians with quartiles; ratios are taken round by round. `--no-memory` leaves the last table out, `--no-compile` the
tuned loop under `torch.compile`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NamedTuple

import torch

import memory
from ayneh.__main__ import in_sentences
from ayneh.engine.device import choose_precision
from counting import checked_flops, step_bytes, step_flops
from floor import Floor, floor_of
from plain import discriminator, generator, plain_loop, through_pil
from players import CONFIG, engine_loop, memory_loop, mirror, stand_ins
from timing import machine, quartiles, seconds, spread

BATCH = CONFIG.batch
BASE, TUNED = "plain loop, tensor in memory", "plain loop, tuned"
RARE, EVERY = 8, 3  # stacks from so many replicas on play in one of so many rounds


class Player(NamedTuple):
    """A loop and how it is to be measured."""

    play: Callable[[], None]
    replicas: int = 1
    precision: str = "auto"
    floored: bool = True  # whether the floor, which is measured in the default arithmetic, applies to it

    def turn(self, steps: int, device: str) -> float:
        """Seconds a step, over fewer steps the larger the stack."""
        # A setting of PyTorch's, not of a loop's: without this, the last engine made would decide for all.
        choose_precision(self.precision, torch.device(device))
        return seconds(self.play, max(1, steps // self.replicas), device)


def players_of(replicas: list[int], device: str, compiled: bool) -> dict[str, Player]:
    """All loops by name, warmed up."""
    pixels = stand_ins()
    players = {
        "plain loop, PIL data loader": Player(plain_loop(through_pil(pixels, BATCH), device)),
        BASE: Player(memory_loop(pixels, BATCH, device)),
        TUNED: Player(memory_loop(pixels, BATCH, device, tuned=True)),
    }
    if compiled:
        players[f"{TUNED}, `torch.compile`"] = Player(memory_loop(pixels, BATCH, device, tuned=True, compiled=True))
    for r in replicas:
        players[f"ayneh, R = {r}"] = Player(engine_loop(pixels, mirror(seeds=r), device), r)
        if r == 1:
            half = engine_loop(pixels, mirror(precision="bfloat16"), device)
            players["ayneh, R = 1, option `--precision bfloat16`"] = Player(half, 1, "bfloat16", floored=False)
    for player in players.values():
        player.turn(3, device)
    return players


def measure(
    players: dict[str, Player], floor: Callable[[], Floor], rounds: int, steps: int, device: str
) -> tuple[list[Floor], dict[str, dict[int, float]]]:
    """The floors, one a round, and {player: {round: seconds a step}}."""
    floors: list[Floor] = []
    times: dict[str, dict[int, float]] = {name: {} for name in players}
    for i in range(rounds):
        choose_precision("auto", torch.device(device))
        floors.append(floor())
        for name in list(players)[:: -1 if i % 2 else 1]:  # a loop does not always follow the same one
            if players[name].replicas < RARE or i % EVERY == 0:
                times[name][i] = players[name].turn(steps, device)
    return floors, times


def print_floor(floors: list[Floor], flops: int, moved: int) -> None:
    """Print the parts of the floor."""
    products = f"{flops / 1e9:.3f} GFLOP at {spread([f.flops_rate / 1e9 for f in floors], 0)} GFLOP/s"
    copies = f"{moved / 1e6:.1f} MB at {spread([f.bytes_rate / 1e9 for f in floors], 1)} GB/s"
    print("| floor of a step, R = 1 | ms (quartiles) | from |")
    print("|---|---|---|")
    print(f"| arithmetic | {spread([1e3 * f.flops_s for f in floors], 1)} | {products}, a product of 2048x2048 |")
    print(f"| memory | {spread([1e3 * f.bytes_s for f in floors], 1)} | {copies}, a copy, read and written |")
    print()


def print_loops(players: dict[str, Player], floors: list[Floor], times: dict[str, dict[int, float]]) -> None:
    """A row for each loop: its speed in images/s as a ratio to the plain loops' and to the floor's, round by round."""
    base, tuned = times[BASE], times[TUNED]
    print(
        "| loop | rounds | ms a step (quartiles) | images/s | against plain in memory | against tuned | floor / time |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, player in players.items():
        r, taken = player.replicas, times[name]
        speed = f"{spread([1e3 * t for t in taken.values()], 1)} | {r * BATCH / quartiles([*taken.values()])[1]:,.0f}"
        ratios = " | ".join(spread([r * one[i] / t for i, t in taken.items()], 2) for one in (base, tuned))
        share = f"{spread([100 * r * floors[i].s / t for i, t in taken.items()], 0)} %" if player.floored else ""
        print(f"| {name} | {len(taken)} | {speed} | {ratios} | {share} |")
    least = [f.s for f in floors]
    speed = f"{spread([1e3 * t for t in least], 1)} | {BATCH / quartiles(least)[1]:,.0f}"
    ratios = " | ".join(spread([one[i] / t for i, t in enumerate(least)], 2) for one in (base, tuned))
    print(f"| the floor | {len(least)} | {speed} | {ratios} | 100 % |\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=10, help="in a round, divided by the number of replicas")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--replicas", type=int, nargs="*", default=memory.REPLICAS)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--memory", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print(f"{machine(args.device)}\n")
    pixels = stand_ins()
    engine, plain = engine_loop(pixels, CONFIG, args.device), memory_loop(pixels, BATCH, args.device)
    checked_flops(BATCH, engine, plain, args.device)
    weights = sum(p.numel() for net in (generator(), discriminator()) for p in net.parameters())
    flops, moved = step_flops(BATCH), step_bytes(BATCH, weights)
    players = players_of(args.replicas, args.device, args.compile)
    floors, times = measure(players, floor_of(flops, moved, args.device), args.rounds, args.steps, args.device)
    print(f"Batch {BATCH}, the mirror nets at 32x32, {args.rounds} rounds of up to {args.steps} steps each in turn:\n")
    print_floor(floors, flops, moved)
    print_loops(players, floors, times)
    if args.memory:
        memory.table(args.replicas, args.threads, args.device)


if __name__ == "__main__":
    in_sentences(main)
