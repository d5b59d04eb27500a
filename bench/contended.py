"""The engine and the plain loops on a quiet machine, beside busy processes, and when it is quiet again.

    python bench/contended.py [--seconds 9] [--busy 1 2] [--replicas 1 4] [--rounds 1]

Each loop has a process of its own, which stands still while another one plays. The loops play in turn for so many
seconds, in which the engine finds its threads: first alone, then beside as many processes that only count as --busy
names, then alone again. Prints a Markdown table of ms a step (medians of the rounds, each a mean over the second half
of its time, and below over all of it) with the ratio to the quiet time. Start it without OMP_NUM_THREADS.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from asked import at_least
from ayneh.__main__ import in_sentences
from ayneh.engine.match import Match, replicas_of
from ayneh.engine.stacks import choose_workers, stack_of
from ayneh.engine.threads import Threads, choose
from ayneh.presets import PRESETS
from players import CONFIG, memory_loop, mirror, stand_ins
from timing import machine

PLAIN = {"plain loop": False, "tuned plain loop": True}
MANY = 10**6  # steps: long enough for every choice


def engine(name: str, replicas: int) -> tuple[Callable[[], int], Callable[[], str]]:
    """A function that plays some steps as `ayneh train` does, and one that says with how many threads."""
    small = name == "digits"
    config = PRESETS["digits"].config.changed({"seeds": replicas}) if small else mirror(seeds=replicas)
    match = Match(replicas_of(config), stand_ins(16 if small else 28), torch.device("cpu"))
    choice = choose(match, MANY)
    torch.set_num_threads(choice.threads)
    workers = choose_workers(match, MANY)
    threads = Threads(choice, 0, 0, lambda changes: None, lambda words: None)
    stack = stack_of(match, match.start(), 0, workers, None if workers else threads)
    steps = 4 if workers else 1

    def play() -> int:
        stack.advance(steps)
        return steps

    return play, lambda: f"{workers} processes" if workers else str(threads.now)


def child(name: str) -> None:
    """Set a loop up; then, for each line of input, play for so many seconds and print what it took."""
    torch.manual_seed(0)
    if name in PLAIN:
        step = memory_loop(stand_ins(), CONFIG.batch, "cpu", tuned=PLAIN[name])
        play, how = lambda: step() or 1, lambda: str(torch.get_num_threads())
    else:
        _, preset, replicas = name.split(", ")
        play, how = engine(preset, int(replicas.removeprefix("R = ")))
    play()
    print("ready", flush=True)
    for line in sys.stdin:
        halves, seconds = [], float(line)
        begin = time.perf_counter()
        for end in (seconds / 2, seconds):
            first, steps = time.perf_counter(), 0
            while not steps or time.perf_counter() - begin < end:
                steps += play()
            halves.append((time.perf_counter() - first, steps))
        whole = sum(took for took, _ in halves) / sum(steps for _, steps in halves)
        print(json.dumps([1e3 * halves[1][0] / halves[1][1], 1e3 * whole, how()]), flush=True)


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """So many processes that only count."""
    counting = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in counting:
            process.kill()
            process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=9.0)
    parser.add_argument("--busy", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--replicas", type=int, nargs="*", default=[1, 4])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(args.child)
        return
    at_least(0, seconds=args.seconds, busy=args.busy)
    at_least(1, rounds=args.rounds, replicas=args.replicas)
    print(f"{machine('cpu')}\n", flush=True)
    names = [*PLAIN, *(f"ayneh, mirror, R = {r}" for r in args.replicas), "ayneh, digits, R = 1"]
    phases = {"quiet": 0, **{f"beside {n} busy": n for n in args.busy}, "quiet again": 0}
    found: dict[str, dict[str, list[tuple[float, float, str]]]] = {name: {p: [] for p in phases} for name in names}
    for _ in range(args.rounds):
        loops = {}
        for name in names:  # one after another: each chooses its threads on a quiet machine
            command = [sys.executable, __file__, "--child", name]
            loops[name] = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            loops[name].stdout.readline()
        for phase, processes in phases.items():
            with busy(processes):
                for name, loop in loops.items():
                    print(args.seconds, file=loop.stdin, flush=True)
                    found[name][phase].append(tuple(json.loads(loop.stdout.readline())))
        for loop in loops.values():
            loop.stdin.close()
            loop.wait()
    table(found, list(phases))


def table(found: dict[str, dict[str, list[tuple[float, float, str]]]], phases: list[str]) -> None:
    """Rows for the second half of each turn, and for all of it."""
    for half, words in enumerate(("after the first half of each turn", "with the first half of each turn")):
        print(f"| ms a step, {words} | {' | '.join(phases)} |\n|---|{'---|' * len(phases)}")
        for name, by_phase in found.items():
            times = [statistics.median(turn[half] for turn in by_phase[phase]) for phase in phases]
            threads = ["/".join(dict.fromkeys(turn[2] for turn in by_phase[phase])) for phase in phases]
            cells = [f"{t:.0f} ({t / times[0]:.1f}), {n}" for t, n in zip(times, threads, strict=True)]
            print(f"| {name} | {' | '.join(cells)} |")
        print()


if __name__ == "__main__":
    in_sentences(main)
