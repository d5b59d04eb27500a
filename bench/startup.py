"""Seconds from a command to its first output and to its first batch, and the peak memory of a run.

    python bench/startup.py [--rounds 5] [--preset mirror]

`ayneh --help` and `ayneh train`, each in a new process, as a user starts them; the run is stopped after its first
epoch, once that epoch's picture, checkpoint and score are written. Prints a table: medians, least and most.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ayneh.__main__ import in_sentences

AYNEH = [sys.executable, "-m", "ayneh"]


def help_seconds() -> float:
    """Seconds of `ayneh --help`."""
    begin = time.perf_counter()
    subprocess.run([*AYNEH, "--help"], check=True, capture_output=True)
    return time.perf_counter() - begin


def first_batch(preset: str) -> tuple[float, float]:
    """(seconds until the first step is written down, peak resident memory in MB at the end of the first epoch)."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        begin = time.perf_counter()
        keep = ["--keep.tick-steps", "1", "--keep.score-epochs", "1", "--keep.score-images", "10000"]
        run = subprocess.Popen(
            [*AYNEH, "train", preset, "--out", str(out), "--quiet", *keep], stderr=subprocess.DEVNULL
        )
        wait_for(out / "metrics.jsonl", run)
        seconds = time.perf_counter() - begin
        wait_for(out / "checkpoints" / "epoch-0000.safetensors", run)
        run.send_signal(signal.SIGINT)
        _, _, usage = os.wait4(run.pid, 0)
        kilobytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
        return seconds, kilobytes * 1.024e-3


def wait_for(path: Path, run: subprocess.Popen[bytes]) -> None:
    """Wait until the file has some bytes."""
    while not (path.is_file() and path.stat().st_size):
        if run.poll() is not None:
            sys.exit(f"The run ended before it had written {path.name}.")
        time.sleep(0.005)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--preset", default="mirror")
    args = parser.parse_args()
    helps = [help_seconds() for _ in range(args.rounds)]
    runs = [first_batch(args.preset) for _ in range(args.rounds)]
    print("| what | median | least to most | goal |")
    print("|---|---|---|---|")
    for what, values, goal in (
        ("`ayneh --help`, s", helps, "0.5"),
        (f"`ayneh train {args.preset}`: its first batch after, s", [s for s, _ in runs], "5"),
        (f"`ayneh train {args.preset}`: most memory in its first epoch, MB", [m for _, m in runs], "1,500"),
    ):
        digits = 0 if max(values) > 100 else 2
        print(
            f"| {what} | {statistics.median(values):,.{digits}f} "
            f"| {min(values):,.{digits}f} to {max(values):,.{digits}f} | {goal} |"
        )


if __name__ == "__main__":
    in_sentences(main)
