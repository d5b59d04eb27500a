"""Peak memory of the plain loop and of R replicas, each in its own process.

    python bench/memory.py [--replicas 1 2 4 8 16 32 64] [--threads N] [--device cpu]

On a CPU this is the process's peak resident memory, PyTorch and data included, and an idle process with the same
imports is measured for comparison; on CUDA it is the peak of PyTorch's allocator. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import torch

from ayneh.__main__ import in_sentences
from players import CONFIG, engine_loop, memory_loop, mirror, stand_ins

REPLICAS = [1, 2, 4, 8, 16, 32, 64]
STEPS = 2  # after the second, all memory that steps keep is allocated
MIB = 2**20


def table(replicas: list[int], threads: int, device: str) -> None:
    """A row for each, the growth per replica taken from R = 1."""
    idle = peak_of("idle", 1, threads, device)
    plain = peak_of("plain", 1, threads, device)
    print("| process | peak MiB | above idle | for each replica beyond the first |")
    print("|---|---|---|---|")
    print(f"| idle, PyTorch and ayneh imported | {idle / MIB:,.0f} | | |")
    print(f"| plain loop, tensor in memory | {plain / MIB:,.0f} | {(plain - idle) / MIB:,.0f} | |")
    first = None
    for r in replicas:
        peak = peak_of("ayneh", r, threads, device)
        first = peak if r == 1 else first
        each = f"{(peak - first) / (r - 1) / MIB:,.1f}" if first is not None and r > 1 else ""
        print(f"| ayneh, R = {r} | {peak / MIB:,.0f} | {(peak - idle) / MIB:,.0f} | {each} |", flush=True)


def peak_of(player: str, replicas: int, threads: int, device: str) -> int:
    """Peak bytes of a child process that plays some steps."""
    flags = ["--player", player, "--replicas", str(replicas), "--threads", str(threads), "--device", device]
    told = subprocess.run([sys.executable, __file__, *flags], check=True, stdout=subprocess.PIPE, text=True)
    return int(told.stdout)


def play(player: str, replicas: int, device: str) -> int:
    """Some steps of this player in this process; its peak memory so far, in bytes."""
    if player != "idle":
        pixels = stand_ins()
        if player == "plain":
            step = memory_loop(pixels, CONFIG.batch, device)
        else:
            step = engine_loop(pixels, mirror(seeds=replicas), device)
        for _ in range(STEPS):
            step()
    return torch.cuda.max_memory_allocated() if device.startswith("cuda") else resident()


def resident() -> int:
    """The peak memory of this process, in bytes.

    Linux counts the parent's memory at the start into a child's ru_maxrss; VmHWM starts from zero with the program.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicas", type=int, nargs="*", default=REPLICAS)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--player", choices=["idle", "plain", "ayneh"], help="play in this process, print its bytes")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.player:
        print(play(args.player, args.replicas[0], args.device))
    else:
        table(args.replicas, args.threads, args.device)


if __name__ == "__main__":
    in_sentences(main)
