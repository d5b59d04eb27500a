"""Images per second of the engine against the plain loop (bench/plain.py), alternating in one process.

    python bench/throughput.py [--rounds 15] [--steps 10] [--threads N] [--replicas 1 2 4]

Random pixels of MNIST's size stand for the data: what they show does not change the speed. Prints a Markdown table of
medians, the quartiles, and the ratio to the plain loop in memory, round by round.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import torch

from ayneh.engine.match import Match, replicas_of
from ayneh.presets import PRESETS
from plain import in_memory, plain_loop, through_pil

BATCH = 128


def engine_loop(pixels: torch.Tensor, replicas: int, device: str) -> Callable[[], None]:
    """One step of R replicas in this process."""
    config = replace(PRESETS["mirror"].config, seeds=replicas)
    match = Match(replicas_of(config), pixels, torch.device(device))
    state, step = match.start(), 0

    def one_step() -> None:
        nonlocal state, step
        state, _ = match.play(state, step)
        step += 1

    return one_step


def seconds(play: Callable[[], None], steps: int, device: str) -> float:
    """Per step."""
    begin = time.perf_counter()
    for _ in range(steps):
        play()
    if device == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - begin) / steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--replicas", type=int, nargs="*", default=[1, 2, 4])
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    pixels = torch.randint(0, 256, (6000, 1, 28, 28), dtype=torch.uint8)
    floats = torch.nn.functional.pad(pixels, (2, 2, 2, 2)).float() / 127.5 - 1
    players = {
        "plain loop, PIL data loader": (plain_loop(through_pil(pixels, BATCH), args.device), 1),
        "plain loop, tensor in memory": (plain_loop(in_memory(floats, BATCH), args.device), 1),
    }
    for r in args.replicas:
        players[f"ayneh, R = {r}"] = (engine_loop(pixels, r, args.device), r)
    for play, _ in players.values():
        seconds(play, 3, args.device)  # warm up
    times: dict[str, list[float]] = {name: [] for name in players}
    for _ in range(args.rounds):
        for name, (play, _) in players.items():
            times[name].append(seconds(play, args.steps, args.device))
    base = times["plain loop, tensor in memory"]
    processor = torch.cuda.get_device_name() if args.device == "cuda" else platform.processor() or platform.machine()
    print(f"{processor}, {args.threads} threads, PyTorch {torch.__version__}, batch {BATCH}, mirror nets at 32x32,")
    print(f"{args.rounds} rounds of {args.steps} steps each in turn\n")
    print("| loop | ms a step (quartiles) | images/s | images/s against the plain loop in memory |")
    print("|---|---|---|---|")
    for name, (_, r) in players.items():
        low, mid, high = statistics.quantiles(times[name], n=4)
        ratios = statistics.quantiles([r * b / t for b, t in zip(base, times[name], strict=True)], n=4)
        speed = f"{1e3 * mid:.1f} ({1e3 * low:.1f} to {1e3 * high:.1f}) | {r * BATCH / mid:,.0f}"
        print(f"| {name} | {speed} | {ratios[1]:.2f} ({ratios[0]:.2f} to {ratios[2]:.2f}) |")


if __name__ == "__main__":
    main()
